//! One rule as it is written: a line of name, score, test and description.

use crate::inspect::facts::{self, Fact};

use super::RulesError;
use super::expr::Expr;

/// Octets of a rule, its continuation lines included.
const ROW_MOST: usize = 16 << 10;
/// Characters of a rule's name.
const NAME_MOST: usize = 60;
/// The largest score, either way.
const SCORE_MOST: f32 = 1000.0;

/// Where a pattern is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::inspect) enum Place {
    /// Each field of that name (lower case), decoded.
    Field(String),
    /// Each field of that name as it stands.
    RawField(String),
    /// The whole header section as it stands.
    Header,
    /// The decoded text a reader sees, runs of white space made one space.
    Body,
    /// The HTML source, decoded.
    Html,
    /// The message as it stands.
    Raw,
    /// Each link.
    Uri,
    /// The envelope sender.
    From,
    Helo,
    /// The client's address.
    Client,
    /// The client's confirmed name.
    ClientName,
    /// The type of each part.
    PartType,
    /// The file name of each part.
    FileName,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    More,
    Less,
    AtLeast,
    AtMost,
    Equal,
}

impl Sign {
    pub(super) fn holds(self, left: f32, right: f32) -> bool {
        match self {
            Sign::More => left > right,
            Sign::Less => left < right,
            Sign::AtLeast => left >= right,
            Sign::AtMost => left <= right,
            Sign::Equal => (left - right).abs() < f32::EPSILON,
        }
    }
}

/// What a rule looks at.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Match {
        place: Place,
        /// With its flags in front, ready to be compiled.
        pattern: String,
        negated: bool,
    },
    /// How many fields of that name (lower case) there are.
    Fields(String, Sign, f32),
    Fact(Fact, Sign, f32),
    Meta(Expr<String>),
}

/// A rule as it is written.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub name: String,
    /// `None` for a `let`: it is there for others, and never shown.
    pub score: Option<f32>,
    pub test: Test,
    pub description: String,
    pub file: String,
    pub line: usize,
}

impl Row {
    pub(super) fn fault(&self, fault: impl Into<String>, remedy: impl Into<String>) -> RulesError {
        RulesError::new(&self.file, self.line, fault, remedy)
    }
}

/// Reads all rules of a file. A line that starts with white space goes on with the rule above.
///
/// # Errors
/// The first fault, with its line and its remedy.
pub(super) fn rows(file: &str, text: &str) -> Result<Vec<Row>, RulesError> {
    let mut rows = Vec::new();
    let mut pending: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match &mut pending {
            Some((_, whole)) if line.starts_with([' ', '\t']) => {
                whole.push(' ');
                whole.push_str(line.trim());
            }
            _ => {
                if let Some((at, whole)) = pending.replace((index + 1, line.trim().to_owned())) {
                    rows.push(row(file, at, &whole)?);
                }
            }
        }
    }
    if let Some((at, whole)) = pending {
        rows.push(row(file, at, &whole)?);
    }
    Ok(rows)
}

fn row(file: &str, line: usize, text: &str) -> Result<Row, RulesError> {
    let fail = |(fault, remedy): Fault| RulesError::new(file, line, fault, remedy);
    if text.len() > ROW_MOST {
        return Err(fail(fault(
            "the rule is too long",
            "split it in two, and join them with meta",
        )));
    }
    let mut reader = Reader { rest: text };
    let shown = match reader.word() {
        "rule" => true,
        "let" => false,
        word => {
            let found = format!("'{word}' begins no rule");
            return Err(fail(fault(
                found,
                "write rule NAME SCORE TEST \"DESCRIPTION\", or let NAME TEST",
            )));
        }
    };
    let name = reader.name().map_err(fail)?;
    let score = if shown {
        Some(reader.score().map_err(fail)?)
    } else {
        None
    };
    let description = if shown {
        reader.description().map_err(fail)?
    } else {
        String::new()
    };
    let test = reader.test().map_err(fail)?;
    if !reader.rest.trim().is_empty() {
        let found = format!("'{}' is left over", reader.rest.trim());
        return Err(fail(fault(
            found,
            "a rule is NAME SCORE TEST \"DESCRIPTION\" and no more",
        )));
    }
    Ok(Row {
        name,
        score,
        test,
        description,
        file: file.to_owned(),
        line,
    })
}

/// What is wrong, and what to do.
type Fault = (String, String);

fn fault(what: impl Into<String>, remedy: impl Into<String>) -> Fault {
    (what.into(), remedy.into())
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn word(&mut self) -> &'t str {
        let rest = self.rest.trim_start();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        self.rest = &rest[end..];
        &rest[..end]
    }

    fn name(&mut self) -> Result<String, Fault> {
        let name = self.word();
        let letters = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if name.is_empty()
            || name.len() > NAME_MOST
            || !name.bytes().all(letters)
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(fault(
                format!("'{name}' is no name for a rule"),
                "use capital letters, digits and _, a letter first, at most 60",
            ));
        }
        Ok(name.to_owned())
    }

    fn score(&mut self) -> Result<f32, Fault> {
        let word = self.word();
        word.parse::<f32>()
            .ok()
            .filter(|score| score.is_finite() && score.abs() <= SCORE_MOST)
            .ok_or_else(|| {
                fault(
                    format!("'{word}' is no score"),
                    "write a number such as 1.5 or -0.3",
                )
            })
    }

    /// The description stands last; it is taken off the end.
    fn description(&mut self) -> Result<String, Fault> {
        let missing = || {
            fault(
                "the description is missing",
                "end the rule with plain words in double quotes",
            )
        };
        let inner = self.rest.trim_end().strip_suffix('"').ok_or_else(missing)?;
        let (test, words) = inner.rsplit_once('"').ok_or_else(missing)?;
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.is_empty() {
            return Err(missing());
        }
        self.rest = test;
        Ok(words)
    }

    fn test(&mut self) -> Result<Test, Fault> {
        let kind = self.word();
        match kind {
            "header" | "raw-header" => self.header(kind == "raw-header"),
            "headers" => self.matches(Place::Header),
            "body" => self.matches(Place::Body),
            "html" => self.matches(Place::Html),
            "raw" => self.matches(Place::Raw),
            "uri" => self.matches(Place::Uri),
            "envelope" => match self.word() {
                "from" => self.matches(Place::From),
                "helo" => self.matches(Place::Helo),
                "client" => self.matches(Place::Client),
                "name" => self.matches(Place::ClientName),
                word => Err(fault(
                    format!("'{word}' is not in the envelope"),
                    "write from, helo, client or name; the number of recipients is 'structure recipients'",
                )),
            },
            "structure" => self.structure(),
            "meta" => {
                let expr = Expr::<String>::parse(std::mem::take(&mut self.rest));
                expr.map(Test::Meta).map_err(|e| {
                    fault(
                        format!("the expression is wrong: {e}"),
                        "write such as A && (B || !C) or 2 of (A, B, C)",
                    )
                })
            }
            _ => Err(fault(
                format!("'{kind}' is no kind of test"),
                "write header, raw-header, headers, body, html, raw, uri, envelope, structure or meta",
            )),
        }
    }

    fn header(&mut self, raw: bool) -> Result<Test, Fault> {
        let field = self.word().to_ascii_lowercase();
        if field.is_empty() || field.contains(['~', '/', ':', '"']) {
            return Err(fault(
                "the name of the field is missing",
                "write such as header Subject ~ /words/i",
            ));
        }
        let before = self.rest;
        match self.word() {
            "exists" => Ok(Test::Fields(field, Sign::More, 0.0)),
            "missing" => Ok(Test::Fields(field, Sign::Equal, 0.0)),
            "count" => self
                .comparison()
                .map(|(sign, number)| Test::Fields(field, sign, number)),
            _ => {
                self.rest = before;
                self.matches(if raw {
                    Place::RawField(field)
                } else {
                    Place::Field(field)
                })
            }
        }
    }

    fn structure(&mut self) -> Result<Test, Fault> {
        let word = self.word();
        match word {
            "part-type" => return self.matches(Place::PartType),
            "file-name" => return self.matches(Place::FileName),
            _ => {}
        }
        let get = facts::named(word).ok_or_else(|| {
            fault(
                format!("'{word}' is not known of the structure"),
                format!(
                    "write part-type, file-name or one of {}",
                    facts::names().collect::<Vec<_>>().join(", ")
                ),
            )
        })?;
        if self.rest.trim().is_empty() {
            return Ok(Test::Fact(get, Sign::More, 0.0));
        }
        self.comparison()
            .map(|(sign, number)| Test::Fact(get, sign, number))
    }

    fn comparison(&mut self) -> Result<(Sign, f32), Fault> {
        let (sign, number) = (self.word(), self.word());
        let wrong = || {
            fault(
                format!("'{sign} {number}' is no comparison"),
                "write such as > 3, <= 20 or == 0",
            )
        };
        let sign = match sign {
            ">" => Sign::More,
            "<" => Sign::Less,
            ">=" => Sign::AtLeast,
            "<=" => Sign::AtMost,
            "==" => Sign::Equal,
            _ => return Err(wrong()),
        };
        let number = number
            .parse()
            .ok()
            .filter(|n: &f32| n.is_finite())
            .ok_or_else(wrong)?;
        Ok((sign, number))
    }

    fn matches(&mut self, place: Place) -> Result<Test, Fault> {
        let negated = match self.word() {
            "~" => false,
            "!~" => true,
            word => {
                return Err(fault(
                    format!("'{word}' stands where ~ or !~ must"),
                    "write such as ~ /words/i",
                ));
            }
        };
        let wrong = || {
            fault(
                "the pattern is missing or has no end",
                "write it between slashes, a slash in it as \\/",
            )
        };
        let rest = self.rest.trim_start().strip_prefix('/').ok_or_else(wrong)?;
        let mut escaped = false;
        let end = rest
            .bytes()
            .position(|b| {
                let ends = b == b'/' && !escaped;
                escaped = b == b'\\' && !escaped;
                ends
            })
            .ok_or_else(wrong)?;
        let (pattern, after) = (&rest[..end], &rest[end + 1..]);
        let flags = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        self.rest = &after[flags..];
        let pattern = flagged(pattern, &after[..flags])?;
        Ok(Test::Match {
            place,
            pattern,
            negated,
        })
    }
}

/// The pattern with its flags in front. Without `u` it speaks of octets, which is
/// quicker by far; letters beyond ASCII may still be written out.
fn flagged(pattern: &str, flags: &str) -> Result<String, Fault> {
    let mut on = String::new();
    let mut off = "-u";
    for flag in flags.chars() {
        match flag {
            'i' | 's' | 'm' | 'x' => on.push(flag),
            'u' => off = "",
            _ => {
                return Err(fault(
                    format!("'{flag}' is no flag of a pattern"),
                    "flags are i, m, s, u and x",
                ));
            }
        }
    }
    let pattern = pattern.replace("\\/", "/");
    Ok(match (on.as_str(), off) {
        ("", "") => pattern,
        _ => format!("(?{on}{off}:{pattern})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_with_their_continuation_lines() {
        let text = "# words\n\nrule A_1 2.5 header Subject ~ /a\\/b \"c\"/i\n    \"Plain words.\"\nlet B body !~ /x/\n";
        let rows = rows("f", text).expect("rules");
        assert_eq!(
            (rows[0].name.as_str(), rows[0].score, rows[0].line),
            ("A_1", Some(2.5), 3)
        );
        assert_eq!(rows[0].description, "Plain words.");
        assert!(
            matches!(&rows[0].test, Test::Match { pattern, .. } if pattern == "(?i-u:a/b \"c\")")
        );
        assert!(matches!(
            &rows[1].test,
            Test::Match {
                negated: true,
                place: Place::Body,
                ..
            }
        ));
        assert_eq!(rows[1].score, None);
    }

    #[test]
    fn faults_name_file_line_and_remedy() {
        for (text, part) in [
            ("rle A 1 body ~ /x/ \"d\"", "begins no rule"),
            ("rule a 1 body ~ /x/ \"d\"", "no name"),
            ("rule A x body ~ /x/ \"d\"", "no score"),
            ("rule A 1e9 body ~ /x/ \"d\"", "no score"),
            ("rule A 1 body ~ /x/", "description"),
            ("rule A 1 body ~ /x \"d\"", "pattern"),
            ("rule A 1 body = /x/ \"d\"", "~ or !~"),
            ("rule A 1 body ~ /x/q \"d\"", "flag"),
            ("rule A 1 body ~ /x/ y \"d\"", "left over"),
            ("rule A 1 bodi ~ /x/ \"d\"", "kind of test"),
            ("rule A 1 envelope to ~ /x/ \"d\"", "envelope"),
            ("rule A 1 structure wonder > 1 \"d\"", "structure"),
            ("rule A 1 structure parts > many \"d\"", "comparison"),
            ("rule A 1 header ~ /x/ \"d\"", "field"),
            ("rule A 1 meta B && \"d\"", "expression"),
        ] {
            let error = rows("my.rules", &format!("\n{text}\n"))
                .expect_err(text)
                .to_string();
            assert!(
                error.starts_with("my.rules:2: ") && error.contains(part),
                "{text}: {error}"
            );
            assert!(error.contains("; "), "no remedy: {error}");
        }
    }
}
