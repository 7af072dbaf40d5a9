//! Edits of the header section: the body stays, nothing is injected, a tag is put on once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quaranta::mail::{Edit, Message, edited, headers, subject};

fuzz_target!(|data: &[u8]| {
    let Ok(message) = Message::new(data.to_vec(), None) else {
        return;
    };
    let bytes = message.bytes();
    let end = headers::header_end(bytes);
    let mut at = 0;
    for field in headers::fields(bytes) {
        assert_eq!(field.range.start, at, "fields follow each other");
        at = field.range.end;
        assert!(!field.text().contains(['\r', '\n']));
    }
    assert_eq!(at, end);
    let count = |name: &str, of: &[u8]| headers::fields(of).filter(|f| f.is(name)).count();
    let edits = [
        Edit::Add {
            name: "X-New".to_owned(),
            value: "1".to_owned(),
        },
        Edit::Remove {
            name: "X-Old".to_owned(),
        },
        Edit::RemoveNth {
            name: "Received".to_owned(),
            nth: 1,
        },
        Edit::TagSubject("[Spam \u{fc}]".to_owned()),
    ];
    let out = edited(&message, &edits);
    if end < bytes.len() {
        assert_eq!(out.body, bytes.slice(end..));
    }
    let whole = [&out.header[..], &out.body[..]].concat();
    let again = Message::new(whole.clone(), None).expect("line ends stay sound");
    assert_eq!(headers::header_end(&whole), out.header.len());
    assert_eq!(count("X-Old", &whole), 0);
    assert_eq!(count("X-New", &whole), count("X-New", bytes) + 1);
    let received = count("Received", bytes);
    assert_eq!(
        count("Received", &whole),
        received - usize::from(received > 1)
    );
    assert_eq!(count("Subject", &whole), count("Subject", bytes).max(1));
    let field = headers::first(&whole, "Subject").expect("a subject");
    assert!(subject::decoded(field.value).contains("[Spam \u{fc}]"));
    let twice = edited(&again, &edits[3..]);
    assert_eq!(twice.header, out.header, "a tag is put on once");
});
