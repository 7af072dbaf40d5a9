//! Commands: from the octets of one to what it asks for.

use super::cursor::{Bad, Cursor, utf8};
use super::fetch::{Item, parse_items};
use super::list::{ListWish, StatusItem, parse_list, parse_status_items};
use super::search::{Key, parse_keys};
use super::set::SequenceSet;

/// Longest tag taken.
const TAG_MOST: usize = 100;
/// Most flags in one STORE.
const FLAGS_MOST: usize = 50;
/// Longest keyword taken, in octets.
const KEYWORD_MOST: usize = 100;
/// Most words in one ENABLE or ID.
const WORDS_MOST: usize = 62;

/// The messages a command speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) uid: bool,
    pub(crate) set: SequenceSet,
}

/// What STORE does with the flags given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreMode {
    Replace,
    Add,
    Remove,
}

/// A command. Mailbox names are as they came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    Capability,
    Noop,
    Logout,
    StartTls,
    Id,
    Login {
        name: String,
        password: String,
    },
    Authenticate {
        mechanism: String,
        initial: Option<Vec<u8>>,
    },
    Enable,
    Namespace,
    List(ListWish),
    Lsub(ListWish),
    Subscribe(Vec<u8>),
    Unsubscribe(Vec<u8>),
    Create(Vec<u8>),
    Delete(Vec<u8>),
    Rename(Vec<u8>),
    Select {
        mailbox: Vec<u8>,
        read_only: bool,
    },
    Status(Vec<u8>, Vec<StatusItem>),
    Unselect,
    Close,
    Check,
    Idle,
    Expunge(Option<SequenceSet>),
    Fetch(Target, Vec<Item>),
    Search {
        uid: bool,
        /// False if the client named a character set that we do not know.
        charset_known: bool,
        key: Key,
    },
    Store {
        target: Target,
        mode: StoreMode,
        silent: bool,
        flags: Vec<String>,
    },
    Copy {
        target: Target,
        mailbox: Vec<u8>,
        moved: bool,
    },
}

/// The tag at the start of a line; `None` if there is none to answer with.
pub(crate) fn tag_of(line: &[u8]) -> Option<String> {
    let tag = Cursor::new(line)
        .take_while(|b| b > 0x20 && b < 0x7f && !b"(){%*\"\\+".contains(&b))
        .to_vec();
    if tag.is_empty() || tag.len() > TAG_MOST {
        return None;
    }
    String::from_utf8(tag).ok()
}

/// Where an APPEND goes, if `before` (all before the last literal) is the head of one and
/// that literal is its message.
pub(crate) fn append_head(before: &[u8]) -> Option<(String, Vec<u8>)> {
    let tag = tag_of(before)?;
    let mut from = Cursor::new(&before[tag.len()..]);
    from.space().ok()?;
    if !from.eat_word("APPEND") {
        return None;
    }
    from.space().ok()?;
    let mailbox = from.astring().ok()?.into_owned();
    from.space().ok()?;
    if from.peek() == Some(b'(') {
        from.list(FLAGS_MOST, flag).ok()?;
        from.space().ok()?;
    }
    if from.peek() == Some(b'"') {
        from.string().ok()?;
        from.space().ok()?;
    }
    from.end().ok()?;
    Some((tag, mailbox))
}

/// Reads one command, without its last line end; `tag` is known to lead it.
///
/// # Errors
/// Words for the client.
pub(crate) fn parse(octets: &[u8], tag: &str) -> Result<Command, Bad> {
    let mut from = Cursor::new(octets.get(tag.len()..).unwrap_or_default());
    from.space()?;
    let word = from.keyword()?;
    let command = match word.as_str() {
        "UID" => {
            from.space()?;
            let word = from.keyword()?;
            about_messages(&word, true, &mut from)?
        }
        "FETCH" | "STORE" | "SEARCH" | "COPY" | "MOVE" => about_messages(&word, false, &mut from)?,
        "LOGIN" | "AUTHENTICATE" | "ID" | "ENABLE" => sign_in(&word, &mut from)?,
        _ => match bare(&word) {
            Some(command) => command,
            None => about_folders(&word, &mut from)?,
        },
    };
    from.end()?;
    Ok(command)
}

/// Commands without arguments.
fn bare(word: &str) -> Option<Command> {
    Some(match word {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "LOGOUT" => Command::Logout,
        "STARTTLS" => Command::StartTls,
        "NAMESPACE" => Command::Namespace,
        "UNSELECT" => Command::Unselect,
        "CLOSE" => Command::Close,
        "CHECK" => Command::Check,
        "IDLE" => Command::Idle,
        "EXPUNGE" => Command::Expunge(None),
        _ => return None,
    })
}

fn sign_in(word: &str, from: &mut Cursor<'_>) -> Result<Command, Bad> {
    from.space()?;
    Ok(match word {
        "LOGIN" => {
            let name = utf8(from.astring()?)?;
            from.space()?;
            let password = utf8(from.astring()?)?;
            Command::Login { name, password }
        }
        "AUTHENTICATE" => {
            let mechanism = from.keyword()?;
            let initial = if from.peek() == Some(b' ') {
                from.space()?;
                Some(from.take_while(|b| b > 0x20 && b < 0x7f).to_vec())
            } else {
                None
            };
            Command::Authenticate { mechanism, initial }
        }
        "ENABLE" => {
            let mut words = 1;
            from.atom()?;
            while from.peek() == Some(b' ') && words < WORDS_MOST {
                from.space()?;
                from.atom()?;
                words += 1;
            }
            Command::Enable
        }
        _ => {
            if !from.eat_word("NIL") {
                from.list(WORDS_MOST, |c| {
                    if c.eat_word("NIL") {
                        Ok(())
                    } else {
                        c.string().map(drop)
                    }
                })?;
            }
            Command::Id
        }
    })
}

fn about_folders(word: &str, from: &mut Cursor<'_>) -> Result<Command, Bad> {
    const KNOWN: [&str; 10] = [
        "LIST",
        "LSUB",
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "CREATE",
        "DELETE",
        "RENAME",
        "SELECT",
        "EXAMINE",
        "STATUS",
    ];
    if !KNOWN.contains(&word) {
        return Err("unknown command");
    }
    from.space()?;
    if word == "LIST" {
        return parse_list(from).map(Command::List);
    }
    let mailbox = from.astring()?.into_owned();
    Ok(match word {
        "LSUB" => {
            from.space()?;
            Command::Lsub(ListWish {
                reference: mailbox,
                patterns: vec![from.list_mailbox()?.into_owned()],
                ..ListWish::default()
            })
        }
        "SUBSCRIBE" => Command::Subscribe(mailbox),
        "UNSUBSCRIBE" => Command::Unsubscribe(mailbox),
        "CREATE" => {
            if from.peek() == Some(b' ') {
                // RFC 6154: CREATE with a special use.
                from.space()?;
                from.take_while(|b| b >= 0x20);
            }
            Command::Create(mailbox)
        }
        "DELETE" => Command::Delete(mailbox),
        "RENAME" => {
            from.space()?;
            from.astring()?;
            Command::Rename(mailbox)
        }
        "STATUS" => {
            from.space()?;
            Command::Status(mailbox, parse_status_items(from)?)
        }
        _ => Command::Select {
            mailbox,
            read_only: word == "EXAMINE",
        },
    })
}

fn about_messages(word: &str, uid: bool, from: &mut Cursor<'_>) -> Result<Command, Bad> {
    if word == "SEARCH" {
        return search(uid, from);
    }
    if !matches!(word, "EXPUNGE" | "FETCH" | "STORE" | "COPY" | "MOVE") {
        return Err("unknown command");
    }
    from.space()?;
    let set = SequenceSet::parse(from)?;
    if word == "EXPUNGE" {
        return Ok(Command::Expunge(Some(set)));
    }
    from.space()?;
    let target = Target { uid, set };
    Ok(match word {
        "FETCH" => Command::Fetch(target, parse_items(from)?),
        "STORE" => store(target, from)?,
        _ => Command::Copy {
            target,
            mailbox: from.astring()?.into_owned(),
            moved: word == "MOVE",
        },
    })
}

fn search(uid: bool, from: &mut Cursor<'_>) -> Result<Command, Bad> {
    from.space()?;
    let mut charset_known = true;
    if from.eat_word("CHARSET") {
        from.space()?;
        let charset = from.astring()?;
        charset_known = [&b"UTF-8"[..], b"US-ASCII"]
            .iter()
            .any(|known| charset.eq_ignore_ascii_case(known));
        from.space()?;
        if !charset_known {
            // The keys are in octets we cannot read.
            from.take_while(|_| true);
            let key = Key::Never;
            return Ok(Command::Search {
                uid,
                charset_known,
                key,
            });
        }
    }
    Ok(Command::Search {
        uid,
        charset_known,
        key: parse_keys(from)?,
    })
}

fn store(target: Target, from: &mut Cursor<'_>) -> Result<Command, Bad> {
    let word = from.keyword()?;
    let (mode, rest) = match word.as_bytes().first() {
        Some(b'+') => (StoreMode::Add, &word[1..]),
        Some(b'-') => (StoreMode::Remove, &word[1..]),
        _ => (StoreMode::Replace, word.as_str()),
    };
    let silent = match rest {
        "FLAGS" => false,
        "FLAGS.SILENT" => true,
        _ => return Err("STORE knows FLAGS, +FLAGS and -FLAGS"),
    };
    from.space()?;
    let flags = if from.peek() == Some(b'(') {
        from.list(FLAGS_MOST, flag)?
    } else {
        let mut flags = vec![flag(from)?];
        while from.peek() == Some(b' ') && flags.len() < FLAGS_MOST {
            from.space()?;
            flags.push(flag(from)?);
        }
        flags
    };
    Ok(Command::Store {
        target,
        mode,
        silent,
        flags,
    })
}

/// A flag in its usual spelling.
fn flag(from: &mut Cursor<'_>) -> Result<String, Bad> {
    let system = from.eat(b'\\');
    let atom = from.atom()?;
    if atom.len() > KEYWORD_MOST {
        return Err("a keyword is too long");
    }
    let word = String::from_utf8_lossy(atom).into_owned();
    if !system {
        return Ok(word);
    }
    ["Answered", "Flagged", "Deleted", "Seen", "Draft", "Recent"]
        .iter()
        .find(|known| known.eq_ignore_ascii_case(&word))
        .map(|known| format!("\\{known}"))
        .ok_or("unknown flag")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Result<Command, Bad> {
        parse(format!("a {text}").as_bytes(), "a")
    }

    #[test]
    fn commands_are_read() {
        assert_eq!(ask("noop"), Ok(Command::Noop));
        assert_eq!(ask("NOOP "), Ok(Command::Noop));
        assert_eq!(
            ask("login \"a\\\"b\" {3}\r\nx y"),
            Ok(Command::Login {
                name: "a\"b".into(),
                password: "x y".into()
            })
        );
        assert_eq!(
            ask("AUTHENTICATE PLAIN AGEAYg=="),
            Ok(Command::Authenticate {
                mechanism: "PLAIN".into(),
                initial: Some(b"AGEAYg==".to_vec())
            })
        );
        assert!(matches!(
            ask("uid store 1:* +flags.silent (\\seen $Junk)"),
            Ok(Command::Store { mode: StoreMode::Add, silent: true, flags, .. })
                if flags == ["\\Seen", "$Junk"]
        ));
        assert!(matches!(
            ask("LIST (SUBSCRIBED) \"\" (\"*\" x%) RETURN (CHILDREN STATUS (MESSAGES UNSEEN))"),
            Ok(Command::List(wish)) if wish.patterns.len() == 2 && wish.status.len() == 2
        ));
        let Ok(Command::Fetch(_, items)) =
            ask("FETCH 1 (UID BODY.PEEK[1.2.HEADER.FIELDS (To \"X(\")]<0.5> RFC822.SIZE)")
        else {
            panic!("not read");
        };
        assert!(matches!(
            &items[1],
            Item::Section { peek: true, label, .. }
                if label == "BODY[1.2.HEADER.FIELDS (To \"X(\")]<0>"
        ));
        assert!(matches!(
            ask("SEARCH CHARSET utf-8 OR (FROM x NOT SEEN) SINCE 1-Feb-2026"),
            Ok(Command::Search {
                key: Key::Or(..),
                ..
            })
        ));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for text in [
            "",
            "XYZ",
            "NOOP x",
            "LOGIN a",
            "LOGIN \"a b",
            "FETCH 1 ()",
            "FETCH 0 FLAGS",
            "FETCH 1 BODY[MIME]",
            "FETCH 1 BODY[]<1.0>",
            "UID EXPUNGE",
            "UID NOOP",
            "STORE 1 FLAGS (\\Bogus)",
            "SEARCH",
            "SEARCH SINCE 31-Feb-2026",
            "LOGIN a {9}\r\nx",
            "STATUS x ()",
        ] {
            assert!(ask(text).is_err(), "{text} was taken");
        }
        let deep = format!("SEARCH {}ALL", "NOT ".repeat(5000));
        assert!(ask(&deep).is_err());
        let deep = format!("SEARCH {}", "(".repeat(5000));
        assert!(ask(&deep).is_err());
    }

    #[test]
    fn the_message_of_an_append_is_told_from_its_mailbox() {
        let head = |text: &[u8]| append_head(text).map(|(_, mailbox)| mailbox);
        assert_eq!(head(b"a APPEND "), None);
        assert_eq!(head(b"a APPEND Spam "), Some(b"Spam".to_vec()));
        assert_eq!(
            head(b"a append {8}\r\nNot Spam (\\Seen) \"21-Nov-2026 00:00:00 +0000\" "),
            Some(b"Not Spam".to_vec())
        );
        assert_eq!(head(b"a LOGIN x "), None);
    }
}
