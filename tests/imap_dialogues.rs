//! Plays the scripts in tests/dialogues/imap against the IMAP door, whole lines and one octet at a time.

mod imap_house;

use std::path::Path;

use imap_house::{Client, House, plain};
use quaranta::imap::Opening;
use quaranta::mail::Direction;
use quaranta::policy::Class;
use quaranta::record::Shelf;

const NESTED: &str = "From: \"Doe, J\" <j@x.org>\r\nTo: Friends: a@x.org, b@y.org;\r\n\
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n\
    --b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\r\nSch=F6n\r\n\
    --b\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"m.eml\"\r\n\r\n\
    Subject: inner\r\nFrom: i@x.org\r\n\r\ndeep\r\n--b--\r\n";

/// What all scripts start from.
async fn furnished() -> House {
    let house = House::new().await;
    house.stash("alice@example.org", plain("one")).await;
    house.stash("alice@example.org", NESTED).await;
    house.stash("bob@example.org", plain("bobs")).await;
    house.stash("alice@example.org", plain("three")).await;
    let outgoing = |entry: &mut quaranta::record::Entry| entry.direction = Direction::Outbound;
    house
        .stash_as("alice@example.org", plain("out"), outgoing)
        .await;
    let unsure = |entry: &mut quaranta::record::Entry| {
        entry.shelf = Shelf::TrainingRequested;
        entry.verdict.class = Class::Unsure;
    };
    house
        .stash_as("alice@example.org", plain("unsure"), unsure)
        .await;
    house
}

/// True if `line` is what the script says, where `...` stands for anything.
fn fits(wanted: &str, line: &str) -> bool {
    let mut pieces = wanted.split("...");
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let mut open = false;
    for piece in pieces {
        open = true;
        match rest.find(piece) {
            Some(at) if !piece.is_empty() => rest = &rest[at + piece.len()..],
            _ if piece.is_empty() => {}
            _ => return false,
        }
    }
    rest.is_empty() || open && wanted.ends_with("...")
}

async fn play(script: &Path, octet_by_octet: bool) {
    let text = std::fs::read_to_string(script).expect("script");
    let opening = if text.starts_with("# plain") {
        Opening::StartTls
    } else {
        Opening::Secured
    };
    let house = furnished().await;
    let mut client: Client = house.connect_as(opening).await;
    for (number, step) in text.lines().enumerate() {
        let place = format!("{}:{}", script.display(), number + 1);
        if let Some(said) = step.strip_prefix("c -> ") {
            let said = format!("{said}\r\n");
            if octet_by_octet {
                for octet in said.as_bytes() {
                    client.send(&[*octet]).await;
                }
            } else {
                client.send(said.as_bytes()).await;
            }
        } else if let Some(wanted) = step.strip_prefix("s <- ") {
            // Literals stand in the script with \r\n written out.
            let line = client.line().await.replace("\r\n", "\\r\\n");
            assert!(fits(wanted, &line), "{place}\n want {wanted}\n  got {line}");
        } else if step == "s <- " || step == "closed" {
            assert_eq!(client.next().await, None, "{place}");
        } else {
            assert!(step.is_empty() || step.starts_with('#'), "{place}: {step}");
        }
    }
}

#[tokio::test]
async fn scripts_hold_line_by_line_and_octet_by_octet() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues/imap");
    let mut scripts: Vec<_> = std::fs::read_dir(folder)
        .expect("folder")
        .map(|entry| entry.expect("entry").path())
        .collect();
    scripts.sort();
    assert!(scripts.len() >= 6, "scripts are missing");
    for script in scripts {
        play(&script, false).await;
        play(&script, true).await;
    }
}

#[test]
fn a_script_that_does_not_fit_is_seen() {
    assert!(fits("* OK ... ready", "* OK x ready"));
    assert!(fits("* OK ...", "* OK x"));
    assert!(!fits("* OK ... ready", "* OK x"));
    assert!(!fits("* OK", "* OK x"));
    assert!(!fits("a ...b", "a c"));
}
