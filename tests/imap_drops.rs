//! Drops, scopes and live news over IMAP (SE-06, SE-10..SE-13, XX-04, XX-12).

mod imap_house;

use imap_house::{HERE, House, address, plain};
use quaranta::actions::Action;
use quaranta::imap::Options;
use quaranta::mail::Reply;
use quaranta::policy::{Class, Principal};
use quaranta::record::{Door, Entry, Lore, State};

fn exists(lines: &[String]) -> String {
    let line = lines.iter().find(|line| line.ends_with("EXISTS"));
    line.expect("EXISTS").clone()
}

#[tokio::test]
async fn se06_each_scope_sees_its_own() {
    let house = House::new().await;
    for owner in ["alice@example.org", "bob@example.org", "carol@other.org"] {
        house.stash(owner, plain(&owner[..3])).await;
    }
    for (who, count, uids) in [
        ("global", 3, vec![1, 2, 3]),
        ("example.org", 2, vec![1, 2]),
        ("other.org", 1, vec![3]),
        ("bob@example.org", 1, vec![2]),
    ] {
        let mut client = house.sign_in(who).await;
        let told = client.ok("SELECT Caught").await;
        assert_eq!(exists(&told), format!("* {count} EXISTS"), "{who}");
        assert!(told.iter().any(|line| line.contains("[UIDNEXT 4]")));
        let wanted: String = uids.iter().map(|uid| format!(" {uid}")).collect();
        assert_eq!(
            client.ok("UID SEARCH ALL").await,
            [format!("* SEARCH{wanted}")]
        );
    }
    // An administrator's reading does not mark a user's mail as read.
    let mut admin = house.sign_in("global").await;
    admin.ok("SELECT Caught").await;
    admin.ok("STORE 1:* +FLAGS \\Seen").await;
    let mut alice = house.sign_in("alice@example.org").await;
    alice.ok("SELECT Caught").await;
    assert_eq!(alice.ok("FETCH 1 FLAGS").await, ["* 1 FETCH (FLAGS ())"]);
}

#[tokio::test]
async fn se10_se13_a_drop_acts_once_and_teaches_what_it_should() {
    let house = House::new().await;
    let mut ids = Vec::new();
    for number in 0..6 {
        let text = plain(&format!("m{number}"));
        ids.push(house.stash("alice@example.org", text).await);
    }
    let mut client = house.sign_in("alice@example.org").await;
    client.ok("SELECT Caught").await;
    client.ok("UID COPY 1 Release").await;
    client.ok("UID COPY 1 Release").await;
    client.ok("UID MOVE 2 \"Release & Train\"").await;
    client.ok("UID MOVE 3 \"Not Spam\"").await;
    client.ok("UID MOVE 4 Spam").await;
    client.ok("UID COPY 5 Spam").await;
    client.ok("UID STORE 6 +FLAGS.SILENT \\Deleted").await;
    client.ok("EXPUNGE").await;
    assert_eq!(client.ok("UID SEARCH ALL").await, ["* SEARCH 5"]);
    let mut states = Vec::new();
    for id in &ids {
        states.push(house.state(*id).await);
    }
    use State::{Held, Leaving, Removed};
    assert_eq!(states, [Leaving, Leaving, Removed, Removed, Held, Removed]);
    assert_eq!(house.jobs().await, 2);
    let lessons = house.store.lessons.lessons(0, 100).await.expect("lessons");
    let taught: Vec<_> = lessons
        .iter()
        .map(|(_, lesson)| (lesson.entry.expect("entry"), lesson.lore))
        .collect();
    // XX-04: the one that was expunged is not among them.
    let wanted = [
        (1, Lore::Ham),
        (2, Lore::Ham),
        (3, Lore::Spam),
        (4, Lore::Spam),
    ];
    assert_eq!(taught, wanted.map(|(at, lore)| (ids[at], lore)));
}

#[tokio::test]
async fn se10_drops_into_two_folders_at_once_deliver_once() {
    let house = House::new().await;
    house.stash("alice@example.org", plain("one")).await;
    let mut first = house.sign_in("alice@example.org").await;
    let mut second = house.sign_in("example.org").await;
    first.ok("SELECT Caught").await;
    second.ok("SELECT Caught").await;
    first.ok("UID MOVE 1 Release").await;
    // The other session has not been told yet, and asks for the same.
    second.ok("COPY 1 \"Release &- Train\"").await;
    assert_eq!(house.jobs().await, 1);
    assert_eq!(second.ok("NOOP").await, ["* 1 EXPUNGE"]);
    // A drop of what was removed meanwhile is refused with words.
    house.stash("alice@example.org", plain("two")).await;
    second.ok("NOOP").await;
    first.ok("NOOP").await;
    first.ok("MOVE 1 Spam").await;
    let end = second.no("COPY 1 Release").await;
    assert!(end.contains("[CANNOT] 1 of 1 messages"), "{end}");
}

#[tokio::test]
async fn se13_thousands_move_at_once() {
    const MANY: usize = 5000;
    let house = House::new().await;
    for number in 0..MANY {
        let text = format!("Subject: {number}\r\n\r\nx\r\n");
        house.stash("alice@example.org", text).await;
    }
    let mut client = house.sign_in("alice@example.org").await;
    let mut other = house.sign_in("global").await;
    let mut idler = house.sign_in("example.org").await;
    client.ok("SELECT Caught").await;
    other.ok("SELECT Caught").await;
    idler.ok("SELECT Caught").await;
    idler.send(b"i IDLE\r\n").await;
    assert_eq!(idler.line().await, "+ idling");
    let told = client.ok("UID MOVE 1:4999 Release").await;
    assert_eq!(told.len(), MANY - 1);
    assert!(told.iter().all(|line| line == "* 1 EXPUNGE"));
    assert_eq!(house.jobs().await, MANY - 1);
    // The others missed news, and still learn all of it.
    let told = other.ok("NOOP").await;
    let gone = told.iter().filter(|line| line.ends_with("EXPUNGE")).count();
    assert_eq!(gone, MANY - 1);
    assert_eq!(other.ok("UID SEARCH ALL").await, ["* SEARCH 5000"]);
    for _ in 1..MANY {
        let line = idler.line().await;
        assert!(line.ends_with("EXPUNGE"), "{line}");
    }
    idler.send(b"DONE\r\n").await;
    assert_eq!(idler.line().await, "i OK IDLE done");
}

#[tokio::test]
async fn idle_tells_what_comes_goes_and_changes() {
    let house = House::new().await;
    house.stash("alice@example.org", plain("one")).await;
    let mut idler = house.sign_in("alice@example.org").await;
    let mut twin = house.sign_in("alice@example.org").await;
    idler.ok("SELECT Caught").await;
    twin.ok("SELECT Caught").await;
    idler.send(b"i IDLE\r\n").await;
    assert_eq!(idler.line().await, "+ idling");
    house.stash("bob@example.org", plain("bobs")).await;
    house.stash("alice@example.org", plain("two")).await;
    assert_eq!(idler.line().await, "* 2 EXISTS");
    twin.ok("STORE 1 +FLAGS \\Flagged").await;
    assert_eq!(idler.line().await, "* 1 FETCH (UID 1 FLAGS (\\Flagged))");
    twin.ok("MOVE 1 Release").await;
    assert_eq!(idler.line().await, "* 1 EXPUNGE");
    idler.send(b"DONE\r\n").await;
    assert_eq!(idler.line().await, "i OK IDLE done");
    assert_eq!(
        idler.ok("FETCH 1:* UID").await,
        ["* 1 FETCH (UID 3)"],
        "bob's is not alice's"
    );
}

#[tokio::test]
async fn expunge_is_not_told_where_numbers_are_spoken_of() {
    let house = House::new().await;
    let first = house.stash("alice@example.org", plain("one")).await;
    house.stash("alice@example.org", plain("two")).await;
    let mut client = house.sign_in("alice@example.org").await;
    client.ok("SELECT Caught").await;
    let by = Principal::of("alice@example.org".parse().expect("scope"));
    let door = Door::new("test", HERE);
    let removed = house.desk.perform(&by, &Action::Remove, first, &door).await;
    removed.expect("removed");
    house.stash("alice@example.org", plain("three")).await;
    assert_eq!(
        client.ok("FETCH 2 UID").await,
        ["* 2 FETCH (UID 2)", "* 3 EXISTS"]
    );
    assert_eq!(client.ok("SEARCH ALL").await, ["* SEARCH 2 3"]);
    assert_eq!(client.ok("STORE 1 +FLAGS \\Seen").await, [] as [&str; 0]);
    let end = client.no("FETCH 1 FLAGS").await;
    assert!(end.contains("[EXPUNGEISSUED]"), "{end}");
    assert_eq!(client.ok("UID FETCH 1 FLAGS").await, ["* 1 EXPUNGE"]);
    assert_eq!(client.ok("FETCH 1:* UID").await.len(), 2);
}

#[tokio::test]
async fn a_failed_release_comes_back_marked_under_a_new_uid() {
    let house = House::new().await;
    let id = house.stash("alice@example.org", plain("one")).await;
    let mut client = house.sign_in("alice@example.org").await;
    client.ok("SELECT Caught").await;
    client.ok("UID COPY 1 Release").await;
    let reply = Reply::plain(550, "no such user\r\nX-Evil: 1");
    let act = Action::Returned(reply);
    let by = Principal::house("deliver");
    let door = Door::new("background", "");
    house
        .desk
        .perform(&by, &act, id, &door)
        .await
        .expect("back");
    assert_eq!(client.ok("NOOP").await, ["* 1 EXISTS"]);
    let fields = "BODY.PEEK[HEADER.FIELDS (X-Quaranta-Release-Failed X-Evil)]";
    let told = client.ok(&format!("FETCH 1 (UID FLAGS {fields})")).await;
    let told = told.join("");
    assert!(told.contains("UID 2 FLAGS ($ReleaseFailed)"), "{told}");
    assert!(told.contains("X-Quaranta-Release-Failed: 550"), "{told}");
    assert!(!told.contains("\nX-Evil"), "{told}");
    assert_eq!(
        client.ok("STORE 1 FLAGS (\\Seen)").await,
        ["* 1 FETCH (FLAGS ($ReleaseFailed \\Seen))"]
    );
    client.ok("MOVE 1 Release").await;
    assert_eq!(house.state(id).await, State::Leaving);
}

#[tokio::test]
async fn xx12_malware_is_a_stub_to_those_without_the_right() {
    let house = House::new().await;
    let malware = |entry: &mut Entry| {
        entry.verdict.class = Class::Malware;
        entry.subject = "Invoice\r\nX-Evil: 1".into();
    };
    let text = plain("EICAR-CONTENT");
    let id = house.stash_as("alice@example.org", text, malware).await;
    for (who, shown) in [("alice@example.org", false), ("example.org", true)] {
        let mut client = house.sign_in(who).await;
        client.ok("SELECT Caught").await;
        let whole = client.ok("FETCH 1 BODY.PEEK[]").await.join("");
        assert_eq!(whole.contains("EICAR-CONTENT"), shown, "{who}");
        assert!(!whole.contains("\nX-Evil"), "{whole}");
        let size = client.ok("FETCH 1 RFC822.SIZE").await.join("");
        let told = whole.split(['{', '}']).nth(1).expect("literal");
        assert_eq!(size, format!("* 1 FETCH (RFC822.SIZE {told})"));
        let found = client.ok("SEARCH TEXT eicar-content").await.join("");
        assert_eq!(found.ends_with('1'), shown, "{who}");
        let status = client.ok("STATUS Caught (SIZE)").await.join("");
        let total: u64 = status
            .trim_end_matches(')')
            .rsplit(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .expect("size");
        assert!(total >= told.parse().expect("number"));
        if !shown {
            let end = client.no("MOVE 1 Release").await;
            assert!(end.contains("[NOPERM]"), "{end}");
            assert_eq!(house.state(id).await, State::Held);
        }
    }
}

#[tokio::test]
async fn se11_append_is_a_lesson_about_the_message_as_sent() {
    let house = House::new().await;
    let mut client = house.sign_in("alice@example.org").await;
    client
        .ok("APPEND Spam (\\Seen) {17+}\r\nSubject: x\n\nbo\rdy")
        .await;
    let (_, lesson) = house.store.lessons.lessons(0, 10).await.expect("lessons")[0].clone();
    assert_eq!((lesson.lore, lesson.entry), (Lore::Spam, None));
    assert_eq!(lesson.who, "alice@example.org");
    let mail = house.store.entries.mail(lesson.mail).await.expect("store");
    let mail = mail.expect("kept");
    assert_eq!(mail.bytes.as_ref(), b"Subject: x\r\n\r\nbo\r\ndy\r\n");
    assert_eq!(mail.envelope.to, [address("alice@example.org")]);
    assert_eq!(house.jobs().await, 0);
    assert_eq!(
        client.ok("STATUS Spam (MESSAGES)").await,
        ["* STATUS Spam (MESSAGES 0)"]
    );
}

#[tokio::test]
async fn sizes_structure_and_sections_agree() {
    let house = House::new().await;
    house.stash("alice@example.org", plain("one")).await;
    let mut client = house.sign_in("alice@example.org").await;
    client.ok("SELECT Caught").await;
    let literal = |told: Vec<String>| {
        let told = told.join("\r\n");
        let (_, rest) = told.split_once("}\r\n").expect("literal");
        rest.strip_suffix(')').expect("end").to_owned()
    };
    let whole = literal(client.ok("FETCH 1 BODY.PEEK[]").await);
    let header = literal(client.ok("FETCH 1 BODY.PEEK[HEADER]").await);
    let text = literal(client.ok("FETCH 1 BODY.PEEK[TEXT]").await);
    assert_eq!(whole, format!("{header}{text}"));
    assert!(whole.starts_with("X-Quaranta-Envelope-From: <sender@spam.example>\r\n"));
    assert!(
        whole.ends_with(&plain("one")),
        "the original follows untouched"
    );
    let size = client.ok("FETCH 1 RFC822.SIZE").await;
    assert_eq!(size, [format!("* 1 FETCH (RFC822.SIZE {})", whole.len())]);
    let mut pieces = String::new();
    while pieces.len() < whole.len() {
        let ask = format!("FETCH 1 BODY.PEEK[]<{}.7>", pieces.len());
        pieces.push_str(&literal(client.ok(&ask).await));
    }
    assert_eq!(pieces, whole);
    let sum = client.ok("STATUS Caught (SIZE)").await;
    assert_eq!(sum, [format!("* STATUS Caught (SIZE {})", whole.len())]);
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_sessions() {
    let options = Options {
        connections_per_account: 1,
        connections_per_address: 2,
        ..Options::default()
    };
    let house = House::with(options).await;
    let first = house.sign_in("alice@example.org").await;
    let mut second = house.connect().await;
    second.line().await;
    let login = format!("LOGIN alice@example.org \"{}\"", imap_house::PASSWORD);
    assert!(second.no(&login).await.contains("[LIMIT]"));
    let mut third = house.connect().await;
    assert!(third.line().await.starts_with("* BYE [UNAVAILABLE]"));
    drop(first);
    drop(third);
}

#[tokio::test]
async fn xx04_trash_is_there_for_clients_that_delete_by_it() {
    let house = House::new().await;
    let moved = house.stash("alice@example.org", plain("moved")).await;
    let copied = house.stash("alice@example.org", plain("copied")).await;
    let mut client = house.sign_in("alice@example.org").await;
    let trash = ["* LIST (\\HasNoChildren \\Trash) \"/\" Trash"];
    assert_eq!(client.ok("LIST (SPECIAL-USE) \"\" *").await, trash);
    assert_eq!(client.ok("LIST \"\" Trash").await, trash);
    client.ok("SELECT Caught").await;
    client.ok("UID MOVE 1 Trash").await;
    client.ok("UID COPY 2 Trash").await;
    assert_eq!(client.ok("UID SEARCH ALL").await, ["* SEARCH"]);
    for id in [moved, copied] {
        assert_eq!(house.state(id).await, State::Removed);
    }
    let lessons = house.store.lessons.lessons(0, 9).await.expect("lessons");
    assert_eq!((lessons.len(), house.jobs().await), (0, 0));
    assert!(exists(&client.ok("SELECT Trash").await).starts_with("* 0 "));
    client.no("APPEND Trash {1+}\r\nx").await;
}
