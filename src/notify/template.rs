//! Templates of letters: text with `%%Name%%` where something is put in. Read once, and strictly: a
//! name that is not known is told with its line. What is put in cannot become markup.

use std::borrow::Cow;

use crate::mail::escape_html;

/// Longest template, in octets.
const LONGEST: usize = 256 << 10;
/// Longest name of a variable, in octets.
const NAME_MOST: usize = 40;

/// A template that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// What is put in is escaped.
    html: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A place in the list of names that were known.
    Variable(&'static str),
}

/// Something that a template can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    /// A template without it is refused.
    pub needed: bool,
    /// It is put in as it is, because it was made of templates.
    pub made: bool,
}

impl Variable {
    /// One that a template may leave out.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            needed: false,
            made: false,
        }
    }

    #[must_use]
    pub const fn needed(self) -> Self {
        Self {
            needed: true,
            ..self
        }
    }

    /// One whose text was made of templates.
    #[must_use]
    pub const fn made(self) -> Self {
        Self { made: true, ..self }
    }
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    #[error("{file}, line {line}: there is no variable %%{name}%%; known are {known}")]
    Unknown {
        file: String,
        line: usize,
        name: String,
        known: String,
    },
    #[error("{file}, line {line}: %% begins a variable and nothing ends it")]
    Open { file: String, line: usize },
    #[error("{file}: %%{name}%% is missing")]
    Missing { file: String, name: &'static str },
    #[error("{file} is larger than {LONGEST} octets, or holds control characters")]
    Unfit { file: String },
    #[error("{file} cannot be read: {why}")]
    Unread { file: String, why: String },
}

impl Template {
    /// Reads `text`, which came from `file` and may name `known`. Files whose names end in `.html` are
    /// HTML.
    ///
    /// # Errors
    /// [`TemplateFault`].
    pub fn read(file: &str, text: &str, known: &[Variable]) -> Result<Self, TemplateFault> {
        let file = || file.to_owned();
        let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if text.len() > LONGEST || text.contains(odd) {
            return Err(TemplateFault::Unfit { file: file() });
        }
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut parts = Vec::new();
        let (mut rest, mut line) = (text.as_str(), 1);
        while let Some((before, after)) = rest.split_once("%%") {
            line += before.matches('\n').count();
            parts.push(Part::Text(before.to_owned()));
            let end = after.find("%%").filter(|end| *end <= NAME_MOST);
            let Some((name, after)) = end.map(|end| (&after[..end], &after[end + 2..])) else {
                return Err(TemplateFault::Open { file: file(), line });
            };
            let Some(variable) = known.iter().find(|variable| variable.name == name) else {
                let known: Vec<&str> = known.iter().map(|variable| variable.name).collect();
                return Err(TemplateFault::Unknown {
                    file: file(),
                    line,
                    name: name.chars().filter(|c| !c.is_control()).collect(),
                    known: known.join(" "),
                });
            };
            parts.push(Part::Variable(variable.name));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        for variable in known.iter().filter(|variable| variable.needed) {
            if !parts.contains(&Part::Variable(variable.name)) {
                let name = variable.name;
                return Err(TemplateFault::Missing { file: file(), name });
            }
        }
        Ok(Self {
            parts,
            html: file().ends_with(".html"),
        })
    }

    /// The text with everything put in. `known` is what the template was read with; what `value` gives
    /// for a name is put in on one line, and escaped in HTML, unless it was made of templates.
    #[must_use]
    pub fn fill<'v>(&self, known: &[Variable], value: impl Fn(&str) -> Cow<'v, str>) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Variable(name) => {
                    let made = known.iter().any(|known| known.name == *name && known.made);
                    let value = value(name);
                    match (made, self.html) {
                        (true, _) => out.push_str(&value),
                        (false, true) => escape_html(&one_line(&value), &mut out),
                        (false, false) => out.push_str(&one_line(&value)),
                    }
                }
            }
        }
        out
    }
}

fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Variable; 3] = [
        Variable::new("Name").needed(),
        Variable::new("Url"),
        Variable::new("Rows").made(),
    ];

    fn fill(file: &str, text: &str) -> Result<String, TemplateFault> {
        let template = Template::read(file, text, &KNOWN)?;
        Ok(template.fill(&KNOWN, |name| match name {
            "Name" => "<b>\"&'\r\nX: %%Url%%".into(),
            "Rows" => "<i>\n".into(),
            _ => "u".into(),
        }))
    }

    #[test]
    fn sy06_what_is_put_in_is_text() {
        assert_eq!(
            fill("a.html", "%%Name%%|%%Rows%%|%%Url%%").as_deref(),
            Ok("&lt;b&gt;&quot;&amp;&#39;  X: %%Url%%|<i>\n|u")
        );
        assert_eq!(
            fill("a.txt", "50 % off\r\n%%Name%%\n").as_deref(),
            Ok("50 % off\n<b>\"&'  X: %%Url%%\n")
        );
    }

    #[test]
    fn sy06_a_bad_template_is_told_with_its_line() {
        for (text, words) in [
            (
                "%%Name%%\n\n%%Nmae%%",
                "a.txt, line 3: there is no variable %%Nmae%%; known are Name Url Rows",
            ),
            (
                "%%Name%%\n%%name%%",
                "line 2: there is no variable %%name%%",
            ),
            ("%%Name%%\n%%Url", "line 2: %% begins"),
            ("%%Name%% %%", "line 1: %% begins"),
            ("%%%%Name%%", "there is no variable %%%%"),
            ("only %%Url%%", "%%Name%% is missing"),
            ("%%Name%%\u{7}", "control characters"),
            (&"x".repeat(LONGEST + 1), "larger than"),
        ] {
            let fault = fill("a.txt", text).expect_err("refused").to_string();
            assert!(fault.contains(words), "{fault}");
        }
    }
}
