//! Values with parameters: Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183).

/// Most parameters kept of one value.
const PARAMETERS_MOST: usize = 64;
/// Longest value looked at, in octets.
const VALUE_MOST: usize = 16 * 1024;

/// A value and its parameters, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Valued {
    pub(super) value: String,
    pub(super) parameters: Vec<(String, String)>,
}

impl Valued {
    /// The parameter of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Reads `value; name=value; name="value"`; comments are left out, what is wrong is passed over.
pub(super) fn valued(text: &str) -> Valued {
    let mut rest = Rest(cut(text));
    let value = rest.token(true);
    let mut parameters = Vec::new();
    while rest.next_parameter() && parameters.len() < PARAMETERS_MOST {
        let name = rest.token(false);
        rest.blanks();
        if !rest.eat('=') || name.is_empty() {
            continue;
        }
        rest.blanks();
        let value = if rest.eat('"') {
            rest.quoted()
        } else {
            rest.token(true)
        };
        parameters.push((name, value));
    }
    Valued { value, parameters }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(VALUE_MOST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

struct Rest<'t>(&'t str);

impl Rest<'_> {
    fn eat(&mut self, c: char) -> bool {
        match self.0.strip_prefix(c) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// White space and comments; comments nest.
    fn blanks(&mut self) {
        loop {
            self.0 = self.0.trim_start();
            if !self.0.starts_with('(') {
                return;
            }
            let (mut depth, mut escaped) = (0_usize, false);
            let end = self.0.find(|c| {
                match c {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            self.0 = end.map_or("", |end| &self.0[end + 1..]);
        }
    }

    fn token(&mut self, with_equals: bool) -> String {
        self.blanks();
        let stop = |c: char| {
            c.is_whitespace() || c.is_control() || "();\"".contains(c) || c == '=' && !with_equals
        };
        let end = self.0.find(stop).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        token.to_owned()
    }

    fn quoted(&mut self) -> String {
        let mut out = String::new();
        let mut escaped = false;
        for (at, c) in self.0.char_indices() {
            match c {
                _ if escaped => {
                    out.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return out;
                }
                _ => out.push(c),
            }
        }
        self.0 = "";
        out
    }

    /// Goes behind the next semicolon.
    fn next_parameter(&mut self) -> bool {
        self.blanks();
        match self.0.find(';') {
            Some(at) => {
                self.0 = &self.0[at + 1..];
                self.blanks();
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_parameters() {
        let found = valued(
            " text/html (a (b) comment); charset = utf-8 ; name=\"a;\\\"b\"; x*0=y;;bad; z=a/b=",
        );
        assert_eq!(found.value, "text/html");
        assert_eq!(found.get("Charset"), Some("utf-8"));
        assert_eq!(found.get("name"), Some("a;\"b"));
        assert_eq!(found.get("x*0"), Some("y"));
        assert_eq!(found.get("z"), Some("a/b="));
        for odd in ["", ";", "(((", "a;b=\"", "a;=", "\\", "a)b"] {
            valued(odd);
        }
    }
}
