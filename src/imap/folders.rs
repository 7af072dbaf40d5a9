//! The one table of folders: what each shows, and what a copy, a move or an APPEND into it means (SE-08..SE-12).

use crate::actions::Action;
use crate::mail::Direction;
use crate::record::{Lore, Shelf};

/// The hierarchy delimiter of all names.
pub(super) const DELIMITER: u8 = b'/';

/// Listed only where mail may be pending; it can be opened by whoever knows its name.
pub(super) const PENDING: &str = "Pending";

/// What a folder is for.
#[derive(Debug)]
pub(super) enum Use {
    /// Shows the held entries of a shelf; nothing can be put in.
    Shows(Shelf, Direction),
    /// Shows nothing and takes nothing.
    Nothing,
    /// Shows nothing, ever; what is dropped in is acted upon.
    Acts {
        copied: Action,
        moved: Action,
        append: Option<Lore>,
    },
}

/// A folder as clients see it.
#[derive(Debug)]
pub(super) struct Folder {
    /// The name people read.
    pub(super) name: &'static str,
    /// The name on the wire: modified UTF-7 (RFC 3501 section 5.1.3).
    pub(super) wire: &'static str,
    /// What clients may use it for by themselves (RFC 6154).
    pub(super) special: Option<&'static str>,
    pub(super) purpose: Use,
}

const fn folder(name: &'static str, wire: &'static str, purpose: Use) -> Folder {
    Folder {
        name,
        wire,
        special: None,
        purpose,
    }
}

const fn release_and_train(name: &'static str, wire: &'static str) -> Folder {
    let purpose = Use::Acts {
        copied: Action::ReleaseAndTrain,
        moved: Action::ReleaseAndTrain,
        append: None,
    };
    folder(name, wire, purpose)
}

/// All folders, in the order they are listed.
///
/// INBOX must exist (RFC 3501 section 5.1) and clients insist on opening it. It is
/// empty: as another name of `Caught` it would show, count and search every message twice.
///
/// Clients delete by a move to Trash. Without one they hide the message from their own user
/// alone, and ask for the folder to be made at every start. What is dropped in is removed
/// at once and teaches nothing (XX-04).
pub(super) static FOLDERS: [Folder; 12] = [
    folder("INBOX", "INBOX", Use::Nothing),
    folder(
        "Caught",
        "Caught",
        Use::Shows(Shelf::Caught, Direction::Inbound),
    ),
    folder(
        "Caught (Outgoing)",
        "Caught (Outgoing)",
        Use::Shows(Shelf::Caught, Direction::Outbound),
    ),
    folder(
        PENDING,
        PENDING,
        Use::Shows(Shelf::Pending, Direction::Inbound),
    ),
    folder(
        "Training Requested",
        "Training Requested",
        Use::Shows(Shelf::TrainingRequested, Direction::Inbound),
    ),
    release_and_train("Release & Train", "Release &- Train"),
    release_and_train("Release and Train", "Release and Train"),
    release_and_train("Release and Train/Not Spam", "Release and Train/Not Spam"),
    folder(
        "Release",
        "Release",
        Use::Acts {
            copied: Action::Release,
            moved: Action::Release,
            append: None,
        },
    ),
    folder(
        "Not Spam",
        "Not Spam",
        Use::Acts {
            copied: Action::TrainHam,
            moved: Action::RemoveAsHam,
            append: Some(Lore::Ham),
        },
    ),
    folder(
        "Spam",
        "Spam",
        Use::Acts {
            copied: Action::TrainSpam,
            moved: Action::RemoveAsSpam,
            append: Some(Lore::Spam),
        },
    ),
    Folder {
        name: "Trash",
        wire: "Trash",
        special: Some("\\Trash"),
        purpose: Use::Acts {
            copied: Action::Remove,
            moved: Action::Remove,
            append: None,
        },
    },
];

/// The folder a client means. INBOX is told without regard to case; the others also
/// by the name people read, since some clients do not encode the `&`.
pub(super) fn find(name: &[u8]) -> Option<&'static Folder> {
    FOLDERS.iter().find(|folder| {
        folder.wire.as_bytes() == name
            || folder.name.as_bytes() == name
            || folder.wire == "INBOX" && name.eq_ignore_ascii_case(b"INBOX")
    })
}

impl Folder {
    /// What a copy (or a move) into this folder asks for; the refusal's words if nothing.
    pub(super) fn drop_means(&self, moved: bool) -> Result<&Action, String> {
        match &self.purpose {
            Use::Acts {
                copied,
                moved: by_move,
                ..
            } => Ok(if moved { by_move } else { copied }),
            _ => Err(self.takes_nothing()),
        }
    }

    /// What an APPEND teaches; the refusal's words if nothing.
    pub(super) fn append_teaches(&self) -> Result<Lore, String> {
        match &self.purpose {
            Use::Acts {
                append: Some(lore), ..
            } => Ok(*lore),
            Use::Acts { .. } => Err(format!(
                "{} takes only messages from the folders of the quarantine",
                self.name
            )),
            _ => Err(self.takes_nothing()),
        }
    }

    fn takes_nothing(&self) -> String {
        match self.purpose {
            Use::Nothing => format!("{} stays empty; caught mail is in Caught", self.name),
            _ => format!(
                "nothing can be put into {}; it is filled by the filter",
                self.name
            ),
        }
    }

    /// True if other folders lie below it.
    pub(super) fn has_children(&self) -> bool {
        FOLDERS.iter().any(|other| {
            other
                .name
                .strip_prefix(self.name)
                .is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// The shelf it shows, if any.
    pub(super) fn shows(&self) -> Option<(Shelf, Direction)> {
        match self.purpose {
            Use::Shows(shelf, direction) => Some((shelf, direction)),
            _ => None,
        }
    }
}

/// True if a LIST pattern matches a wire name (RFC 3501 section 6.3.8): `*` matches
/// anything, `%` anything but the delimiter. Takes time of the product of both lengths at most.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // A row for each octet of the pattern: which prefixes of the name it can end at.
    let inbox = name == b"INBOX";
    let mut at = vec![false; name.len() + 1];
    at[0] = true;
    for &p in pattern {
        let mut next = vec![false; name.len() + 1];
        for i in 0..=name.len() {
            next[i] = match p {
                b'*' => at[i] || i > 0 && next[i - 1],
                b'%' => at[i] || i > 0 && next[i - 1] && name[i - 1] != DELIMITER,
                _ => {
                    i > 0
                        && at[i - 1]
                        && (name[i - 1] == p || inbox && name[i - 1].eq_ignore_ascii_case(&p))
                }
            };
        }
        at = next;
    }
    at[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se08_each_folder_is_found_by_both_names() {
        for name in [
            "Caught",
            "Caught (Outgoing)",
            "Training Requested",
            "Release & Train",
            "Release",
            "Not Spam",
            "Spam",
            "Release and Train",
            "Release and Train/Not Spam",
            "Trash",
        ] {
            assert_eq!(find(name.as_bytes()).expect(name).name, name);
        }
        assert_eq!(
            find(b"Release &- Train").expect("wire").name,
            "Release & Train"
        );
        assert_eq!(find(b"inbox").expect("inbox").name, "INBOX");
        assert!(find(b"caught").is_none());
        assert!(find(b"Drafts").is_none());
    }

    #[test]
    fn se10_se11_xx04_what_a_drop_means() {
        let table = [
            ("INBOX", "-", "-", "-"),
            ("Caught", "-", "-", "-"),
            ("Caught (Outgoing)", "-", "-", "-"),
            ("Pending", "-", "-", "-"),
            ("Training Requested", "-", "-", "-"),
            ("Release", "Release", "Release", "-"),
            ("Release & Train", "ReleaseAndTrain", "ReleaseAndTrain", "-"),
            (
                "Release and Train",
                "ReleaseAndTrain",
                "ReleaseAndTrain",
                "-",
            ),
            (
                "Release and Train/Not Spam",
                "ReleaseAndTrain",
                "ReleaseAndTrain",
                "-",
            ),
            ("Not Spam", "TrainHam", "RemoveAsHam", "Ham"),
            ("Spam", "TrainSpam", "RemoveAsSpam", "Spam"),
            ("Trash", "Remove", "Remove", "-"),
        ];
        assert_eq!(table.len(), FOLDERS.len());
        for (name, copied, moved, append) in table {
            let folder = find(name.as_bytes()).expect(name);
            let word = |action: Result<&Action, String>| {
                action.map_or("-".to_owned(), |action| format!("{action:?}"))
            };
            assert_eq!(word(folder.drop_means(false)), copied, "{name}");
            assert_eq!(word(folder.drop_means(true)), moved, "{name}");
            let taught = folder
                .append_teaches()
                .map_or("-".to_owned(), |lore| format!("{lore:?}"));
            assert_eq!(taught, append, "{name}");
        }
    }

    #[test]
    fn patterns_match_as_the_rfc_says() {
        for (pattern, name, want) in [
            ("*", "Release and Train/Not Spam", true),
            ("%", "Release and Train/Not Spam", false),
            ("%/%", "Release and Train/Not Spam", true),
            ("Rel*", "Release", true),
            ("%", "Caught", true),
            ("inbox", "INBOX", true),
            ("caught", "Caught", false),
            ("C%t", "Caught", true),
            ("", "Caught", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                want,
                "{pattern} {name}"
            );
        }
    }
}
