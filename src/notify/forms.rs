//! The templates of letters: built in, or from a directory of the administrator's.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::Path;

use super::template::{Template, TemplateFault, Variable};
use crate::policy::Language;

const DIGEST: [Variable; 12] = [
    Variable::new("Language"),
    Variable::new("Title"),
    Variable::new("Lead"),
    Variable::new("Rows").needed().made(),
    Variable::new("Notes").made(),
    Variable::new("PanelUrl"),
    Variable::new("Panel"),
    Variable::new("LinksNote"),
    Variable::new("UnsubscribeUrl").needed(),
    Variable::new("Unsubscribe"),
    Variable::new("House"),
    Variable::new("Recipient"),
];
const ROW: [Variable; 8] = [
    Variable::new("Subject"),
    Variable::new("Author"),
    Variable::new("Address"),
    Variable::new("Time"),
    Variable::new("Score"),
    Variable::new("Expires"),
    Variable::new("Urgent"),
    Variable::new("Actions").needed().made(),
];
const ACTION: [Variable; 2] = [Variable::new("Url").needed(), Variable::new("Label")];
const LETTER: [Variable; 7] = [
    Variable::new("Language"),
    Variable::new("Title"),
    Variable::new("Paragraphs").needed().made(),
    Variable::new("PanelUrl"),
    Variable::new("Panel"),
    Variable::new("House"),
    Variable::new("Recipient"),
];

/// A template with what it may name.
#[derive(Debug, Clone)]
pub(super) struct Form {
    known: &'static [Variable],
    template: Template,
}

impl Form {
    pub(super) fn fill<'v>(&self, value: impl Fn(&str) -> Cow<'v, str>) -> String {
        self.template.fill(self.known, value)
    }
}

/// HTML and text of one thing.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) html: Form,
    pub(super) text: Form,
}

/// The templates of one language.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub(super) digest: Pair,
    pub(super) row: Pair,
    pub(super) action: Pair,
    pub(super) welcome: Pair,
    pub(super) report: Pair,
}

/// All templates of letters.
#[derive(Debug, Clone)]
pub struct Forms {
    en: Set,
    de: Set,
}

/// A template as it is built in.
struct Built {
    name: &'static str,
    known: &'static [Variable],
    html: &'static str,
    text: &'static str,
}

macro_rules! built {
    ($name:literal, $file:literal, $known:expr) => {
        Built {
            name: $name,
            known: &$known,
            html: include_str!(concat!("../../conf/letters/", $file, ".html")),
            text: include_str!(concat!("../../conf/letters/", $file, ".txt")),
        }
    };
}

impl Forms {
    /// Those in `dir`, and for what is not there those built in; blocks on the files.
    ///
    /// # Errors
    /// [`TemplateFault`] says which file is bad, and why.
    pub fn open(dir: Option<&Path>) -> Result<Self, TemplateFault> {
        Ok(Self {
            en: set(dir, Language::En)?,
            de: set(dir, Language::De)?,
        })
    }

    pub(super) fn of(&self, language: Language) -> &Set {
        match language {
            Language::En => &self.en,
            Language::De => &self.de,
        }
    }
}

fn set(dir: Option<&Path>, language: Language) -> Result<Set, TemplateFault> {
    let pair = |built: Built| {
        let form = |kind: &str, text: &str| {
            let file = format!("{}.{kind}", built.name);
            let own = dir.map(|dir| read(dir, &file, language)).transpose()?;
            let (file, text) = match own.flatten() {
                Some((file, own)) => (file, Cow::Owned(own)),
                None => (file, Cow::Borrowed(text)),
            };
            Ok(Form {
                known: built.known,
                template: Template::read(&file, &text, built.known)?,
            })
        };
        Ok::<_, TemplateFault>(Pair {
            html: form("html", built.html)?,
            text: form("txt", built.text)?,
        })
    };
    Ok(Set {
        digest: pair(built!("digest", "digest", DIGEST))?,
        row: pair(built!("row", "row", ROW))?,
        action: pair(built!("action", "action", ACTION))?,
        welcome: pair(built!("welcome", "letter", LETTER))?,
        report: pair(built!("report", "letter", LETTER))?,
    })
}

/// The administrator's own file, with its path: the one for the language first.
fn read(
    dir: &Path,
    file: &str,
    language: Language,
) -> Result<Option<(String, String)>, TemplateFault> {
    for path in [dir.join(language.code()).join(file), dir.join(file)] {
        let name = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => return Ok(Some((name, text))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(TemplateFault::Unread {
                    file: name,
                    why: error.to_string(),
                });
            }
        }
    }
    if dir.is_dir() {
        return Ok(None);
    }
    Err(TemplateFault::Unread {
        file: dir.display().to_string(),
        why: "it is no directory".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sy06_own_files_replace_those_built_in_by_language() {
        let dir = tempfile::tempdir().expect("dir");
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("dir");
            std::fs::write(path, text).expect("written");
        };
        write("action.txt", "own %%Url%%");
        write("de/action.txt", "eigene %%Url%%");
        let forms = Forms::open(Some(dir.path())).expect("sound");
        let said = |of: Language| forms.of(of).action.text.fill(|_| "u".into());
        assert_eq!(
            (said(Language::En), said(Language::De)),
            ("own u".into(), "eigene u".into())
        );
        let html = |forms: &Forms| forms.en.action.html.fill(|name| name.to_owned().into());
        assert_eq!(html(&forms), html(&Forms::open(None).expect("built in")));

        write("row.html", "\n%%Actions%% %%Subjekt%%");
        let fault = Forms::open(Some(dir.path()))
            .expect_err("refused")
            .to_string();
        assert!(
            fault.contains("row.html, line 2") && fault.contains("Subjekt"),
            "{fault}"
        );
        assert!(Forms::open(Some(&dir.path().join("none"))).is_err());
    }
}
