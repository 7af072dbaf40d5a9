//! How a command ends: OK, NO or BAD with a response code and plain words.

use super::write::words;
use crate::actions::Refusal;

/// The tagged end of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    status: &'static str,
    /// A response code with its brackets (RFC 3501 section 7.1, RFC 5530), or nothing.
    code: &'static str,
    words: String,
}

impl Done {
    pub(super) fn ok(words: &str) -> Self {
        Self {
            status: "OK",
            code: "",
            words: words.to_owned(),
        }
    }

    pub(super) fn ok_with(code: &'static str, words: &str) -> Self {
        Self {
            code,
            ..Self::ok(words)
        }
    }

    pub(super) fn no(code: &'static str, words: impl Into<String>) -> Self {
        Self {
            status: "NO",
            code,
            words: words.into(),
        }
    }

    pub(super) fn bad(words: &str) -> Self {
        Self {
            status: "BAD",
            code: "",
            words: words.to_owned(),
        }
    }

    pub(super) fn refused(refusal: &Refusal) -> Self {
        Self::no(code_of(refusal), refusal.to_string())
    }

    pub(super) fn is_ok(&self) -> bool {
        self.status == "OK"
    }

    pub(super) fn is_bad(&self) -> bool {
        self.status == "BAD"
    }

    /// The line that ends the command of this tag, without its CRLF.
    pub(super) fn line(&self, tag: &str) -> String {
        let gap = if self.code.is_empty() { "" } else { " " };
        format!(
            "{tag} {}{gap}{} {}",
            self.status,
            self.code,
            words(&self.words)
        )
    }
}

/// The response code of a refusal (RFC 5530).
pub(super) fn code_of(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotYours => "[EXPUNGEISSUED]",
        Refusal::NotPossible(_)
        | Refusal::WasDelivered
        | Refusal::TooLate
        | Refusal::Unknown(_)
        | Refusal::Bad(_) => "[CANNOT]",
        Refusal::NeedsRight(_) => "[NOPERM]",
        Refusal::Failed(_) => "[UNAVAILABLE]",
    }
}
