//! Walks over the octets of one command: atoms, strings, literals, numbers.

use std::borrow::Cow;

/// What is wrong with a command, in words for the client.
pub(crate) type Bad = &'static str;

/// The octets of a command that are still to be read. Literals stand in it as they came.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'c> {
    rest: &'c [u8],
}

fn is_atom(byte: u8) -> bool {
    byte > 0x20 && byte < 0x7f && !b"(){%*\"\\]".contains(&byte)
}

impl<'c> Cursor<'c> {
    pub(super) fn new(rest: &'c [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn rest(&self) -> &'c [u8] {
        self.rest
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes `byte` if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn must(&mut self, byte: u8, or: Bad) -> Result<(), Bad> {
        if self.eat(byte) { Ok(()) } else { Err(or) }
    }

    /// One space; more than one is borne, as some clients send it.
    pub(super) fn space(&mut self) -> Result<(), Bad> {
        self.must(b' ', "a space is missing")?;
        while self.eat(b' ') {}
        Ok(())
    }

    /// The end of the command; trailing spaces are borne.
    pub(super) fn end(&mut self) -> Result<(), Bad> {
        while self.eat(b' ') {}
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err("there is more than the command takes")
        }
    }

    pub(super) fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'c [u8] {
        let length = self.rest.iter().take_while(|b| keep(**b)).count();
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    pub(super) fn atom(&mut self) -> Result<&'c [u8], Bad> {
        match self.take_while(is_atom) {
            b"" => Err("an atom is missing"),
            atom => Ok(atom),
        }
    }

    /// A keyword of the grammar, upper case.
    pub(super) fn keyword(&mut self) -> Result<String, Bad> {
        let word = self.take_while(|b| b.is_ascii_alphanumeric() || b".-=+".contains(&b));
        if word.is_empty() {
            return Err("a word is missing");
        }
        Ok(String::from_utf8_lossy(word).to_ascii_uppercase())
    }

    /// Takes `word` if it is next as a whole keyword, whatever the case.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let mut ahead = self.clone();
        match ahead.keyword() {
            Ok(next) if next == word => {
                *self = ahead;
                true
            }
            _ => false,
        }
    }

    pub(super) fn astring(&mut self) -> Result<Cow<'c, [u8]>, Bad> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            // 8-bit octets are borne: some clients send names as UTF-8.
            _ => match self.take_while(|b| is_atom(b) || b == b']' || b >= 0x80) {
                b"" => Err("a string is missing"),
                text => Ok(Cow::Borrowed(text)),
            },
        }
    }

    /// A name with wildcards, for LIST.
    pub(super) fn list_mailbox(&mut self) -> Result<Cow<'c, [u8]>, Bad> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            _ => {
                let keep = |b| is_atom(b) || b"]%*".contains(&b) || b >= 0x80;
                match self.take_while(keep) {
                    b"" => Err("a pattern is missing"),
                    text => Ok(Cow::Borrowed(text)),
                }
            }
        }
    }

    /// A quoted string or a literal.
    pub(super) fn string(&mut self) -> Result<Cow<'c, [u8]>, Bad> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal().map(Cow::Borrowed),
            _ => Err("a string is missing"),
        }
    }

    fn quoted(&mut self) -> Result<Cow<'c, [u8]>, Bad> {
        const OPEN: Bad = "a quoted string is not closed";
        self.must(b'"', OPEN)?;
        let plain = self.take_while(|b| !b"\"\\\r\n\0".contains(&b));
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_vec();
        while self.eat(b'\\') {
            match self.rest.split_first() {
                Some((byte @ (b'"' | b'\\'), rest)) => {
                    text.push(*byte);
                    self.rest = rest;
                }
                _ => return Err("in a quoted string only \" and \\ are escaped"),
            }
            text.extend_from_slice(self.take_while(|b| !b"\"\\\r\n\0".contains(&b)));
        }
        self.must(b'"', OPEN)?;
        Ok(Cow::Owned(text))
    }

    fn literal(&mut self) -> Result<&'c [u8], Bad> {
        const BROKEN: Bad = "a literal is broken";
        self.must(b'{', BROKEN)?;
        let size = self.number()? as usize;
        self.eat(b'+');
        self.must(b'}', BROKEN)?;
        self.eat(b'\r');
        self.must(b'\n', BROKEN)?;
        if size > self.rest.len() {
            return Err(BROKEN);
        }
        let (text, rest) = self.rest.split_at(size);
        if text.contains(&0) {
            return Err("a literal must not hold NUL");
        }
        self.rest = rest;
        Ok(text)
    }

    /// A number of 32 bits.
    pub(super) fn number(&mut self) -> Result<u32, Bad> {
        let digits = self.take_while(|b| b.is_ascii_digit());
        std::str::from_utf8(digits)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or("a number is missing or too big")
    }

    /// A list in parentheses, its members read by `one`; may be empty.
    pub(super) fn list<T>(
        &mut self,
        most: usize,
        mut one: impl FnMut(&mut Self) -> Result<T, Bad>,
    ) -> Result<Vec<T>, Bad> {
        self.must(b'(', "a parenthesis is missing")?;
        let mut members = Vec::new();
        while self.eat(b' ') {}
        while !self.eat(b')') {
            if members.len() >= most {
                return Err("a list is too long");
            }
            if !members.is_empty() {
                self.space()?;
                if self.eat(b')') {
                    break;
                }
            }
            members.push(one(self)?);
        }
        Ok(members)
    }
}

/// A text that must be ASCII or UTF-8.
pub(super) fn utf8(text: Cow<'_, [u8]>) -> Result<String, Bad> {
    String::from_utf8(text.into_owned()).map_err(|_| "a string is not UTF-8")
}
