//! Compares our grammar with imap-codec's: what that takes, ours takes too.

use imap_codec::CommandCodec;
use imap_codec::decode::Decoder as _;
use proptest::prelude::*;

use super::parse;

/// True if the other codec reads all of it as one command.
fn other_takes(text: &str) -> bool {
    let octets = format!("{text}\r\n");
    matches!(
        CommandCodec::default().decode(octets.as_bytes()),
        Ok((rest, _)) if rest.is_empty()
    )
}

fn pick(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

const NAMES: &[&str] = &[
    "INBOX",
    "Caught",
    "\"Not Spam\"",
    "\"a\\\"b\"",
    "\"\"",
    "{3+}\r\na b",
    "x]",
    "a b",
    "(",
];
const SETS: &[&str] = &["1", "1:*", "*", "2,4:6,9:3", "0", "1:", "4294967295", "*:1"];
const ITEMS: &[&str] = &[
    "FLAGS",
    "UID",
    "BODY",
    "BODY[]",
    "BODY.PEEK[1.2.MIME]<0.10>",
    "BODY[HEADER.FIELDS (a \"b\")]",
    "BODY[1.HEADER.FIELDS.NOT (x)]",
    "BODY[TEXT]<1.2>",
    "BODY[MIME]",
    "RFC822.SIZE",
    "ENVELOPE",
    "BODY[0]",
    "RFC822.TEXT",
    "INTERNALDATE",
    "X",
];
const KEYS: &[&str] = &[
    "ALL",
    "NOT SEEN",
    "OR FROM a TO \"b\"",
    "UID 1:5",
    "1,2",
    "(UNSEEN LARGER 5)",
    "SINCE 1-Feb-2026",
    "SENTON \"01-Jan-2026\"",
    "KEYWORD $x",
    "HEADER a \"\"",
    "BODY {2+}\r\nxy",
    "TEXT",
    "NEW",
    "()",
    "UNKEYWORD a",
    "BEFORE 9-Mar-1999",
    "OR ALL",
];
const FLAGS: &[&str] = &["\\Seen", "\\DELETED", "$x", "a", "\\Flagged", "\\*", ""];

fn commands() -> impl Strategy<Value = String> {
    let two = |one: &'static [&'static str]| (pick(one), pick(one));
    prop_oneof![
        (
            pick(&["SELECT", "EXAMINE", "SUBSCRIBE", "CREATE", "DELETE"]),
            pick(NAMES)
        )
            .prop_map(|(word, name)| format!("{word} {name}")),
        (pick(&["LIST", "LSUB", "RENAME", "LOGIN"]), two(NAMES))
            .prop_map(|(word, (a, b))| format!("{word} {a} {b}")),
        (
            pick(NAMES),
            pick(&["MESSAGES", "UIDNEXT UNSEEN", "RECENT UIDVALIDITY", "X"])
        )
            .prop_map(|(name, items)| format!("STATUS {name} ({items})")),
        (pick(&["", "UID "]), pick(SETS), two(ITEMS), any::<bool>()).prop_map(
            |(uid, set, (a, b), list)| {
                let items = if list {
                    format!("({a} {b})")
                } else {
                    a.to_owned()
                };
                format!("{uid}FETCH {set} {items}")
            }
        ),
        (
            pick(&["", "UID ", "uid "]),
            pick(&["", "CHARSET UTF-8 "]),
            two(KEYS)
        )
            .prop_map(|(uid, charset, (a, b))| format!("{uid}SEARCH {charset}{a} {b}")),
        (
            pick(SETS),
            pick(&["", "+", "-"]),
            pick(&["", ".SILENT"]),
            two(FLAGS),
            any::<bool>()
        )
            .prop_map(|(set, mode, silent, (a, b), list)| {
                let flags = if list {
                    format!("({a} {b})")
                } else {
                    format!("{a} {b}")
                };
                format!("STORE {set} {mode}FLAGS{silent} {flags}")
            }),
        (
            pick(&["COPY", "UID COPY", "MOVE", "uid move"]),
            pick(SETS),
            pick(NAMES)
        )
            .prop_map(|(word, set, name)| format!("{word} {set} {name}")),
        pick(&[
            "NOOP",
            "CLOSE",
            "IDLE",
            "CHECK",
            "LOGOUT",
            "UNSELECT",
            "NAMESPACE",
            "EXPUNGE",
            "CAPABILITY",
            "STARTTLS",
            "UID EXPUNGE 1:3",
            "ID NIL",
            "ID (\"a\" \"b\" \"c\" NIL)",
            "ENABLE CONDSTORE",
            "FETCH 1 FULL",
            "FETCH 1:2 ALL"
        ])
        .prop_map(str::to_owned),
    ]
}

#[test]
fn what_the_other_takes_ours_takes() {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(3000)
    };
    let taken = std::cell::Cell::new(0_u32);
    proptest!(config, |(command in commands())| {
        let text = format!("a {command}");
        if other_takes(&text) {
            taken.set(taken.get() + 1);
            prop_assert!(parse(text.as_bytes(), "a").is_ok(), "{}: {:?}", text, parse(text.as_bytes(), "a"));
        }
    });
    assert!(taken.get() > 500, "the comparison compares nothing");
}
