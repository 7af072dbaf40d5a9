//! Boolean expressions of rule names: `A && (B || !C)`, `2 of (A, B, C)`.

use std::collections::HashMap;

/// Parentheses, signs and lists within each other.
const DEPTH_MOST: usize = 32;

/// An expression; `N` is a rule's name, or its place in the set.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr<N> {
    Name(N),
    Not(Box<Expr<N>>),
    All(Vec<Expr<N>>),
    /// At least that many of them.
    Some(usize, Vec<Expr<N>>),
}

impl<N: Clone> Expr<N> {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(text: &str) -> Result<Expr<String>, String> {
        let mut reader = Reader {
            rest: text,
            depth: 0,
        };
        let expr = reader.either()?;
        match reader.rest.trim_start() {
            "" => Ok(expr),
            rest => Err(format!("'{rest}' is left over")),
        }
    }

    pub(super) fn holds(&self, truth: &impl Fn(&N) -> bool) -> bool {
        match self {
            Expr::Name(name) => truth(name),
            Expr::Not(inner) => !inner.holds(truth),
            Expr::All(all) => all.iter().all(|e| e.holds(truth)),
            Expr::Some(least, of) => of.iter().filter(|e| e.holds(truth)).count() >= *least,
        }
    }

    /// All names in it.
    pub(super) fn names(&self, into: &mut Vec<N>) {
        match self {
            Expr::Name(name) => into.push(name.clone()),
            Expr::Not(inner) => inner.names(into),
            Expr::All(all) | Expr::Some(_, all) => all.iter().for_each(|e| e.names(into)),
        }
    }
}

impl Expr<String> {
    /// The same with places for names.
    ///
    /// # Errors
    /// The name that has no place.
    pub(super) fn placed(&self, places: &HashMap<&str, usize>) -> Result<Expr<usize>, String> {
        let all = |of: &[Expr<String>]| {
            of.iter()
                .map(|e| e.placed(places))
                .collect::<Result<_, _>>()
        };
        Ok(match self {
            Expr::Name(name) => Expr::Name(*places.get(name.as_str()).ok_or_else(|| name.clone())?),
            Expr::Not(inner) => Expr::Not(Box::new(inner.placed(places)?)),
            Expr::All(of) => Expr::All(all(of)?),
            Expr::Some(least, of) => Expr::Some(*least, all(of)?),
        })
    }
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
}

impl Reader<'_> {
    fn take(&mut self, sign: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> &str {
        self.rest = self.rest.trim_start();
        let length = self
            .rest
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
            .count();
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        word
    }

    fn either(&mut self) -> Result<Expr<String>, String> {
        let mut of = vec![self.both()?];
        while self.take("||") {
            of.push(self.both()?);
        }
        Ok(one_or(of, |of| Expr::Some(1, of)))
    }

    fn both(&mut self) -> Result<Expr<String>, String> {
        let mut of = vec![self.single()?];
        while self.take("&&") {
            of.push(self.single()?);
        }
        Ok(one_or(of, Expr::All))
    }

    fn single(&mut self) -> Result<Expr<String>, String> {
        self.depth += 1;
        if self.depth > DEPTH_MOST {
            return Err(format!("it is nested more than {DEPTH_MOST} deep"));
        }
        let expr = self.term();
        self.depth -= 1;
        expr
    }

    fn term(&mut self) -> Result<Expr<String>, String> {
        if self.take("!") {
            return Ok(Expr::Not(Box::new(self.single()?)));
        }
        if self.take("(") {
            let inner = self.either()?;
            return if self.take(")") {
                Ok(inner)
            } else {
                Err("a ')' is missing".to_owned())
            };
        }
        let word = self.word().to_owned();
        if word.is_empty() {
            return Err(format!("a name is missing before '{}'", self.rest));
        }
        match word.parse::<usize>() {
            Ok(least) => self.list(least),
            Err(_) => Ok(Expr::Name(word)),
        }
    }

    fn list(&mut self, least: usize) -> Result<Expr<String>, String> {
        if self.word() != "of" || !self.take("(") {
            return Err(format!("after {least} must come 'of (NAME, NAME, ...)'"));
        }
        let mut of = vec![self.either()?];
        while self.take(",") {
            of.push(self.either()?);
        }
        if !self.take(")") {
            return Err("a ')' is missing".to_owned());
        }
        if least == 0 || least > of.len() {
            return Err(format!("{least} of {} is always the same", of.len()));
        }
        Ok(Expr::Some(least, of))
    }
}

fn one_or(
    mut of: Vec<Expr<String>>,
    many: impl Fn(Vec<Expr<String>>) -> Expr<String>,
) -> Expr<String> {
    match of.pop() {
        Some(only) if of.is_empty() => only,
        Some(last) => {
            of.push(last);
            many(of)
        }
        None => many(of),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_hold_as_they_read() {
        let holds = |text: &str| {
            Expr::<String>::parse(text)
                .map(|e| e.holds(&|name: &String| name.starts_with('T')))
                .map_err(|e| e.len())
        };
        for (text, want) in [
            ("T", true),
            ("!T", false),
            ("T && F || T2", true),
            ("T && (F || F2)", false),
            ("!(F || F2) && T", true),
            ("2 of (T, F, T2)", true),
            ("2 of (T, F, !T2)", false),
        ] {
            assert_eq!(holds(text), Ok(want), "{text}");
        }
        for text in [
            "",
            "T &&",
            "(T",
            "T F",
            "3 of (T)",
            "0 of (T)",
            "2 (T)",
            "T & T",
            &"(".repeat(99),
        ] {
            assert!(holds(text).is_err(), "{text}");
        }
    }
}
