//! Listings over IMAP say what the messages themselves say.

mod imap_house;

use imap_house::{Client, House, plain};
use quaranta::actions::Action;
use quaranta::mail::Reply;
use quaranta::policy::{Class, Principal};
use quaranta::record::Door;

/// Compares listings, new and remembered, with what is told of each message when it is read.
async fn agrees(client: &mut Client, count: usize) {
    for items in [
        "FLAGS UID",
        "FLAGS UID RFC822.SIZE",
        "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE",
    ] {
        let listed = client.ok(&format!("FETCH 1:* ({items})")).await;
        assert_eq!(listed.len(), count, "{listed:?}");
        assert_eq!(client.ok(&format!("FETCH 1:* ({items})")).await, listed);
        let read = client
            .ok(&format!("FETCH 1:* ({items} BODYSTRUCTURE)"))
            .await;
        for (listed, read) in listed.iter().zip(&read) {
            let (same, _) = read.split_once(" BODYSTRUCTURE").expect("a structure");
            assert_eq!(listed, &format!("{same})"));
        }
    }
    for number in 1..=count {
        let told = client
            .ok(&format!("FETCH {number} (RFC822.SIZE BODY.PEEK[])"))
            .await;
        let (head, message) = told[0].split_once("}\r\n").expect("a literal");
        let size = format!("RFC822.SIZE {} ", message.len() - 1);
        assert!(head.contains(&size), "{head}: {size}");
    }
}

#[tokio::test]
async fn se06_a_listing_agrees_with_the_messages() {
    let house = House::new().await;
    let mut ids = Vec::new();
    for number in 0..150 {
        let owner = if number % 3 == 0 { "bob" } else { "alice" };
        let text = plain(&format!("m{number}"));
        let change = |entry: &mut quaranta::record::Entry| {
            if number == 7 {
                entry.verdict.class = Class::Malware;
            }
        };
        let owner = format!("{owner}@example.org");
        ids.push(house.stash_as(&owner, text, change).await);
    }
    for (who, count) in [
        ("alice@example.org", 100),
        ("global", 150),
        ("bob@example.org", 50),
    ] {
        let mut client = house.sign_in(who).await;
        client.ok("SELECT Caught").await;
        client.ok("STORE 2,5 +FLAGS (\\Seen $Mine)").await;
        agrees(&mut client, count).await;
    }
    // Another's doings while the folder is open: gone, and back under another uid.
    let mut client = house.sign_in("alice@example.org").await;
    client.ok("SELECT Caught").await;
    let (by, door) = (Principal::house("test"), Door::new("test", ""));
    let refused = Action::Returned(Reply::new(550, 1, 1, "no such user"));
    for (id, actions) in [
        (ids[1], vec![Action::Remove]),
        (ids[2], vec![Action::Release, refused]),
    ] {
        for action in actions {
            house
                .desk
                .perform(&by, &action, id, &door)
                .await
                .expect("done");
        }
    }
    let listed = client.ask("FETCH 1:3 (FLAGS RFC822.SIZE)").await;
    assert!(listed[0].starts_with("* 3 FETCH"), "{listed:?}");
    client.ok("NOOP").await;
    agrees(&mut client, 99).await;
    let last = client.ok("FETCH 99 FLAGS").await;
    assert_eq!(last, ["* 99 FETCH (FLAGS ($ReleaseFailed))"]);
    let told = client.ok("STATUS Caught (MESSAGES UNSEEN)").await;
    assert_eq!(told, ["* STATUS Caught (MESSAGES 99 UNSEEN 98)"]);
}
