//! A directory that an older program wrote opens and works: the one from before there were API
//! keys, grants, second factors and sealed parts, filled by its demo and its command line.

use std::path::{Path, PathBuf};

use quaranta::clock::{Clock, Timestamp};
use quaranta::mail::{Direction, EntryId};
use quaranta::policy::{ListKind, Right};
use quaranta::record::{JobKind, Lore, Shelf, State, Status};
use quaranta::store::on_sled::{self, Handle};
use quaranta::store::{Options, Query, Store, View};

use super::faults::copy;
use super::world::*;

/// Some minutes after the directory was left.
const THEN: Timestamp = Timestamp(1_795_289_400_000);
const HELD: &str = "aa752c26994b81e19235758316b26e9b";
const RELEASED: &str = "ad6e27aa54ce91f68e6ceb982f7ce8c5";
const OWED: &str = "9ff9f13b09a9e4e433039ca60d9ed1b8";

fn id(text: &str) -> EntryId {
    text.parse().expect("id")
}

fn old() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/before_api_keys")
}

fn reopen(dir: &Path) -> (Store, Handle) {
    on_sled::open(dir, &Options::default(), Clock::by_hand(THEN)).expect("opened")
}

async fn check_entries(store: &Store) {
    for (entry, owner, state) in [
        (HELD, "bob@example.org", State::Held),
        (RELEASED, "alice@example.org", State::Released),
        (OWED, "bob@example.org", State::Leaving),
    ] {
        let found = store.entries.entry(id(entry)).await.expect("read");
        let found = found.expect("the entry is there");
        assert_eq!((found.state, &found.owner), (state, &address(owner)));
        if state != State::Released {
            let body = store.entries.body(found.mail).await.expect("read");
            let body = body.expect("the octets are there");
            assert_eq!(body.len() as u64, found.size);
        }
    }
    let view = View {
        scope: scope("bob@example.org"),
        shelf: Shelf::Caught,
        direction: Direction::Inbound,
    };
    assert_eq!(store.entries.count(&view).await.expect("counted"), 1);
    let seen = store.entries.uids(&view, 0, 9).await.expect("listed");
    assert_eq!(seen, [(3, id(HELD))], "uids stay");
}

async fn check_log(store: &Store, events: usize) {
    let search = |query: Query| async move {
        let found = store.journal.search(&scope("global"), &query, 999).await;
        found.expect("searched").rows
    };
    assert_eq!(search(Query::default()).await.len(), events);
    let said = Query {
        text: Some("carol account".into()),
        ..Query::default()
    };
    assert_eq!(search(said).await.len(), 1, "an account was made");
    let scored = Query {
        score_from: Some(900.0),
        statuses: vec![Status::Quarantined],
        ..Query::default()
    };
    let found = search(scored).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].to.len(), 2);
    let told = store.journal.history(id(OWED)).await.expect("history");
    let told: Vec<Status> = told.iter().map(|event| event.status).collect();
    let want = [
        Status::Quarantined,
        Status::Released,
        Status::DeliveryDeferred,
    ];
    assert_eq!(told, want);
}

async fn check_settings(store: &Store) {
    let settings = &store.settings;
    let accounts = settings.accounts().await.expect("accounts");
    let mut logins: Vec<String> = accounts.iter().map(|a| a.scope.to_string()).collect();
    logins.sort();
    let want = [
        "alice@example.org",
        "bob@example.org",
        "carol@example.org",
        "example.org",
        "global",
    ];
    assert_eq!(logins, want);
    for account in accounts {
        assert!(account.hash.starts_with("$argon2id$"), "{}", account.scope);
        assert!(account.grants.is_empty() && account.second.is_none());
        let can = account.principals();
        assert_eq!(can.len(), 1);
        let routes = account.scope == scope("global");
        assert_eq!(can[0].has(Right::SetRoutes), routes, "{}", account.scope);
    }
    assert!(settings.api_keys().await.expect("keys").is_empty());
    let domains = settings.domains().await.expect("domains");
    assert_eq!(domains.len(), 2);
    assert!(domains.iter().all(|domain| domain.imap.is_none()));
    let bobs = settings.list(&scope("bob@example.org")).await;
    let bobs = bobs.expect("list");
    assert_eq!((bobs.len(), bobs[0].kind), (1, ListKind::Block));
    assert_eq!(bobs[0].note, "an old entry");
    let domain = settings.list(&scope("example.org")).await.expect("list");
    assert_eq!(domain[0].pattern.to_string(), "friend@remote.test");
    let layer = settings.layer(&scope("example.org")).await.expect("layer");
    let layer = layer.expect("is set");
    assert_eq!(
        (layer.keep_days, layer.spam_tag.as_deref()),
        (Some(9), Some("[old]"))
    );
    let locks = settings.locks().await.expect("locks");
    assert_eq!((locks.len(), locks[0].why.as_str()), (1, "an old lock"));
    let ours = "example.org".parse().expect("domain");
    let seal = quaranta::actions::sealing_key(&**settings, &ours).await;
    let seal = seal.expect("read").expect("a sealing key");
    assert!(
        seal.record()
            .expect("whole")
            .starts_with("v=DKIM1; k=ed25519;")
    );
}

async fn check_owed(store: &Store) {
    let jobs = store.jobs.jobs(9).await.expect("jobs");
    assert_eq!((jobs.len(), jobs[0].id, jobs[0].tries), (1, id(OWED), 1));
    assert_eq!(jobs[0].kind, JobKind::Release);
    assert_eq!(jobs[0].last, "451 4.4.1 127.0.0.1:1: connection refused");
    let lessons = store.lessons.lessons(0, 9).await.expect("lessons");
    assert_eq!((lessons.len(), lessons[0].1.lore), (1, Lore::Ham));
}

/// What was kept is there, with the index as it was left and without one; and goes on.
#[tokio::test]
async fn se01_a_directory_of_an_older_program_opens_and_works() {
    for with_index in [true, false] {
        let dir = tempfile::tempdir().expect("directory");
        copy(&old(), dir.path());
        if !with_index {
            std::fs::remove_dir_all(dir.path().join("index")).expect("removed");
        }
        let (store, handle) = reopen(dir.path());
        check_entries(&store).await;
        check_log(&store, 23).await;
        check_settings(&store).await;
        check_owed(&store).await;
        handle.seal().expect("sealed");
        check_log(&store, 23).await;
        let held = store.entries.entry(id(HELD)).await.expect("read");
        let mut removed = change(&held.expect("there"), State::Held, State::Removed);
        removed.event.at = THEN;
        assert!(store.entries.apply(vec![removed]).await[0].is_ok());
        drop(store);
        handle.close().expect("closed");
        let (store, handle) = reopen(dir.path());
        check_settings(&store).await;
        check_owed(&store).await;
        check_log(&store, 24).await;
        let held = store.entries.entry(id(HELD)).await.expect("read");
        assert_eq!(held.expect("there").state, State::Removed);
        drop(store);
        handle.close().expect("closed");
    }
}
