//! Appeals: what a refusal offers, what the page takes, and what comes of it.

use quaranta::actions::Action;
use quaranta::mail::{EntryId, Reply};
use quaranta::policy::{Layer, ListKind, Mode};

use crate::house::{door, principal, scope};
use crate::world::{ALICE, SENDER, World, message};

/// The path in a refusal.
fn path(reply: &Reply) -> Option<String> {
    let (words, link) = reply.text.split_once("; see ")?;
    assert!(words.contains("refused; reference "), "{words}");
    let at = link.find("/a/")?;
    assert_eq!(&link[..at], "https://mx.example.org");
    Some(link[at..].to_owned())
}

impl World {
    async fn refused(&self, body: &str) -> Reply {
        let text = message(SENDER, "", &format!("XJUNK {body}"));
        let reply = self.receive(SENDER, ALICE, &text).await;
        assert_eq!(reply.code, 550);
        reply
    }

    async fn caught(&self) -> Vec<EntryId> {
        self.house.caught(ALICE).await
    }

    async fn requested(&self, id: EntryId) -> Option<(String, String)> {
        let entry = self.house.desk.entry(&principal("global"), id).await;
        let asked = entry.expect("entry").requested?;
        Some((asked.who, asked.words))
    }
}

/// XX-07: from the refusal to the recipient, without a mail to anybody.
#[tokio::test]
async fn xx07_a_refused_sender_asks_and_the_recipient_sees_it() {
    let world = World::new().await;
    let reply = world.refused("hello").await;
    let path = path(&reply).expect("a link");
    assert_eq!(path.len(), 3 + 43);
    let wire = reply.wire();
    assert!(wire.len() <= 512 && wire.iter().filter(|b| **b == b'\n').count() == 1);
    let id = world.caught().await[0];
    let page = world.get(&path).await;
    assert_eq!(page.status, 200);
    for secret in ["alice", "secret subject", SENDER, "example.org"] {
        assert!(!page.has(secret), "{secret}: {}", page.text);
    }
    assert_eq!(world.requested(id).await, None, "to look is not to ask");
    let words = "please\r\nread\u{202e} <b>it</b>";
    let done = world.prove(&path, &[("words", words)]).await;
    assert_eq!(done.status, 303);
    let who = format!("sender <{SENDER}>");
    let said = "please read <b>it</b>";
    assert_eq!(
        world.requested(id).await,
        Some((who.clone(), said.to_owned()))
    );
    assert!(world.get(&path).await.has("Your request was passed on"));
    let history = world
        .house
        .desk
        .history(&principal(ALICE), id)
        .await
        .expect("history");
    let last = history.last().expect("an event");
    assert_eq!(
        (last.who.as_str(), last.words.as_str()),
        (who.as_str(), said)
    );
    assert_eq!(
        (last.door.name.as_str(), last.door.peer.as_str()),
        ("web", "127.0.0.1")
    );
    let mut alice = world.panel.enter(ALICE).await;
    let page = alice.get(&format!("/entries/{id}")).await;
    let shown = page.between("<div class=\"note warn\">", "</div>");
    assert!(
        shown.contains("please read") && !shown.contains("<b>"),
        "{shown}"
    );
    assert!(world.letters().await.is_empty(), "no backscatter");
    assert!(
        world
            .house
            .store
            .jobs
            .jobs(10)
            .await
            .expect("jobs")
            .is_empty()
    );
}

/// Once for each mail, also after the request was dealt with.
#[tokio::test]
async fn xx07_a_mail_is_asked_for_once() {
    let world = World::new().await;
    let path = path(&world.refused("hello").await).expect("a link");
    let id = world.caught().await[0];
    world.prove(&path, &[("words", "one")]).await;
    let again = world.post(&path, &[("words", "two")]).await;
    assert_eq!(again.status, 303);
    assert_eq!(
        world.requested(id).await.map(|(_, words)| words).as_deref(),
        Some("one")
    );
    // Released and back: nobody asks any more, and the sender asked before.
    let (by, door) = (principal(ALICE), door());
    for action in [Action::Release, Action::Returned(Reply::plain(550, "no"))] {
        let house = quaranta::policy::Principal::house("test");
        let by = if action == Action::Release {
            &by
        } else {
            &house
        };
        world
            .house
            .desk
            .perform(by, &action, id, &door)
            .await
            .expect("done");
    }
    assert_eq!(world.requested(id).await, None);
    assert!(world.get(&path).await.has("Your request was passed on"));
    world
        .house
        .desk
        .perform(&by, &Action::Remove, id, &door)
        .await
        .expect("removed");
    assert_eq!(world.get(&path).await.status, 404);
}

/// XX-07: what is offered, and to whom; each row says if there is a link.
#[tokio::test]
async fn xx07_nobody_appeals_where_it_is_not_offered() {
    let world = World::new().await;
    let link = async |to: &str, body: &str| {
        let reply = world.receive(SENDER, to, &message(SENDER, "", body)).await;
        assert_eq!(reply.code, 550, "{to} {body}");
        path(&reply)
    };
    let layer = |appeal, mode| Layer {
        appeal,
        mode,
        ..Layer::default()
    };
    world
        .house
        .set("bob@example.org", layer(Some(false), None))
        .await;
    world
        .house
        .set("carol@example.org", layer(None, Some(Mode::Refuse)))
        .await;
    assert!(link(ALICE, "XJUNK").await.is_some());
    assert_eq!(link(ALICE, "XMALWARE").await, None);
    assert_eq!(link(ALICE, "XMALWARE XJUNK").await, None);
    assert_eq!(link("bob@example.org", "XJUNK").await, None, "off");
    assert_eq!(
        link("carol@example.org", "XJUNK").await,
        None,
        "nothing was kept"
    );
    let both = link("bob@example.org alice@example.org", "XJUNK both").await;
    let pattern = SENDER.parse().expect("pattern");
    let (by, door, to) = (principal("global"), door(), scope("dave@example.org"));
    let desk = &world.house.desk;
    let blocked = desk.add_listed(&by, to, ListKind::Block, pattern, String::new(), &door);
    blocked.await.expect("listed");
    assert_eq!(
        link("dave@example.org", "hello").await,
        None,
        "by the own list"
    );
    assert!(!quaranta::policy::Policy::default().appeal);
    // Of two recipients only those are asked whom it is offered for.
    let path = both.expect("alice's policy offers it");
    world.prove(&path, &[]).await;
    let asked = async |who: &str| {
        let mut count = 0;
        for id in world.house.caught(who).await {
            count += usize::from(world.requested(id).await.is_some());
        }
        count
    };
    assert_eq!((asked(ALICE).await, asked("bob@example.org").await), (1, 0));
}

/// Forged links, another mail's work, a scanner.
#[tokio::test]
async fn xx07_only_our_links_and_their_own_work_count() {
    let world = World::new().await;
    let one = path(&world.refused("one").await).expect("a link");
    let two = path(&world.refused("two").await).expect("a link");
    let unknown = world.get(&format!("/a/{}", "A".repeat(43))).await;
    assert_eq!(unknown.status, 404);
    let mail = &one[3..24];
    let forged = format!("/a/{mail}{}", &two[24..]);
    assert_eq!(world.get(&forged).await.text, unknown.text);
    assert_eq!(world.get(&one[..20]).await.text, unknown.text);
    let (salt, number) = world.solved(&one).await;
    let fields = [("salt", salt.as_str()), ("number", number.as_str())];
    let page = world.post(&two, &fields).await;
    assert!(page.status == 200 && page.has("That was not right"));
    let kept = world
        .post(&two, &[("words", "<i>typed"), ("characters", "x")])
        .await;
    assert!(
        kept.has("&#60;i&#62;typed</textarea>") || kept.has("&lt;i&gt;typed</textarea>"),
        "{}",
        kept.text
    );
    for id in world.caught().await {
        assert_eq!(world.requested(id).await, None);
    }
    let challenge = world.asked_with_appeals().await;
    let crossed = format!("/a/{}", &challenge[3..]);
    assert_eq!(world.get(&crossed).await.text, unknown.text);
}

impl World {
    async fn asked_with_appeals(&self) -> String {
        self.vouched(ALICE, "hello").await;
        self.letters().await.remove(0).path()
    }
}

/// However many mails are refused, one recipient is asked for so many in an hour.
#[tokio::test]
async fn xx07_a_recipient_is_asked_so_often() {
    let world = World::new().await;
    let mut statuses = Vec::new();
    for n in 0..12 {
        let path = path(&world.refused(&n.to_string()).await).expect("a link");
        statuses.push(world.prove(&path, &[]).await.status);
        world.next_minute();
    }
    assert_eq!(statuses, [vec![303; 10], vec![400; 2]].concat());
    world
        .house
        .clock
        .forward(std::time::Duration::from_secs(3600));
    let path = path(&world.refused("later").await).expect("a link");
    assert_eq!(world.prove(&path, &[]).await.status, 303);
}
