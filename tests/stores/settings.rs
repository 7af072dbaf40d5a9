//! Settings: kept, listed, removed, and set only while they are still as somebody saw them.

use std::sync::Arc;

use quaranta::mail::EntryId;
use quaranta::policy::{Layer, ListEntry, ListKind, Origin, Rights, Role};
use quaranta::record::{Account, ApiKey, Challenge, DomainSettings, SenderLock, Status};
use quaranta::store::Store;

use super::world::*;

/// What changed meanwhile is not overwritten, though both looked at the same time.
pub(crate) async fn replaces_what_it_saw(store: &Store) {
    let settings = &store.settings;
    let event = || event(Status::Changed);
    let alice = scope("alice@example.org");
    let new = Account::new(alice.clone(), "a".into(), START);
    let replace = async |before: Option<&Account>, hash: &str| {
        let after = Account {
            hash: hash.into(),
            ..new.clone()
        };
        settings.replace_account(before, after, event()).await
    };
    assert_eq!(replace(Some(&new), "b").await, Ok(false), "there is none");
    assert_eq!(replace(None, "a").await, Ok(true));
    assert_eq!(replace(None, "c").await, Ok(false), "there is one");
    let both = tokio::join!(replace(Some(&new), "d"), replace(Some(&new), "e"));
    assert!(
        matches!(both, (Ok(true), Ok(false)) | (Ok(false), Ok(true))),
        "{both:?}"
    );
    let kept = settings
        .account(&alice)
        .await
        .expect("store")
        .expect("account");
    let hash = if both.0 == Ok(true) { "d" } else { "e" };
    assert_eq!(kept.hash, hash);
    let key = |id: &str| ApiKey {
        id: id.into(),
        name: "nightly".into(),
        hash: "x".into(),
        role: Role::Recipient,
        scope: alice.clone(),
        rights: Rights::of(Role::Recipient),
        expires: Some(START),
        networks: vec!["192.0.2.0/24".parse().expect("network")],
        by: "global".into(),
        made: START,
        used: None,
    };
    for id in ["1", "2"] {
        let made = settings.replace_api_key(None, key(id), event()).await;
        assert_eq!(made, Ok(true));
    }
    let mut used = key("1");
    used.used = Some(START);
    let changed = settings
        .replace_api_key(Some(&key("1")), used.clone(), event())
        .await;
    assert_eq!(changed, Ok(true));
    assert_eq!(settings.api_key("1").await, Ok(Some(used.clone())));
    assert_eq!(settings.remove_api_key("1", event()).await, Ok(true));
    assert_eq!(settings.remove_api_key("1", event()).await, Ok(false));
    // A key that was removed does not come back.
    let again = settings.replace_api_key(Some(&used), used.clone(), event());
    assert_eq!(again.await, Ok(false));
    assert_eq!(settings.api_keys().await, Ok(vec![key("2")]));
}

/// IW-06: two who see none at the same time make one.
async fn keeps_challenges(store: &Store) {
    let settings = &store.settings;
    let event = || event(Status::Challenged);
    let challenge = |place: &str, tries| Challenge {
        place: place.into(),
        hash: "h".into(),
        scope: scope("alice@example.org"),
        sender: "a@remote.test".parse().expect("address"),
        entry: EntryId([1; 16]),
        made: START,
        expires: START,
        tries,
        answered: None,
    };
    let replace = async |before: Option<&Challenge>, tries| {
        let after = challenge("p", tries);
        settings.replace_challenge(before, after, event()).await
    };
    let both = tokio::join!(replace(None, 0), replace(None, 0));
    assert!(
        matches!(both, (Ok(true), Ok(false)) | (Ok(false), Ok(true))),
        "{both:?}"
    );
    assert_eq!(replace(Some(&challenge("p", 0)), 1).await, Ok(true));
    assert_eq!(replace(Some(&challenge("p", 0)), 1).await, Ok(false));
    assert_eq!(settings.challenge("p").await, Ok(Some(challenge("p", 1))));
    assert_eq!(settings.challenge("q").await, Ok(None));
    assert_eq!(settings.challenges().await, Ok(vec![challenge("p", 1)]));
    assert_eq!(settings.remove_challenge("p", event()).await, Ok(true));
    assert_eq!(settings.remove_challenge("p", event()).await, Ok(false));
}

pub(crate) async fn keeps_settings(store: &Store) {
    let settings = &store.settings;
    let event = || event(Status::Changed);
    let account = |of: &str| Account::new(scope(of), "$argon2id$x".into(), START);
    for of in ["global", "example.org", "alice@example.org"] {
        let set = settings.set_account(account(of), event());
        set.await.expect("set");
    }
    assert_eq!(settings.accounts().await.expect("accounts").len(), 3);
    let alice = scope("alice@example.org");
    assert_eq!(settings.remove_account(&alice, event()).await, Ok(true));
    assert_eq!(settings.remove_account(&alice, event()).await, Ok(false));
    assert_eq!(settings.account(&alice).await, Ok(None));
    let domain = DomainSettings {
        domain: "example.org".parse().expect("domain"),
        routes: vec!["mail.example.org:25".parse().expect("route")],
        imap: None,
    };
    let set = settings.set_domain(domain.clone(), event());
    set.await.expect("set");
    assert_eq!(
        settings.domain(&domain.domain).await,
        Ok(Some(domain.clone()))
    );
    assert_eq!(settings.domains().await, Ok(vec![domain]));
    let layer = Layer {
        keep_days: Some(3),
        ..Layer::default()
    };
    let set = settings.set_layer(&alice, layer.clone(), event());
    set.await.expect("set");
    assert_eq!(settings.layer(&alice).await, Ok(Some(layer)));
    assert_eq!(settings.layer(&scope("global")).await, Ok(None));
    let listed = |note: &str| ListEntry {
        scope: alice.clone(),
        kind: ListKind::Allow,
        pattern: "*.example.com".parse().expect("pattern"),
        by: "alice".into(),
        made: START,
        note: note.into(),
        origin: Origin::Hand,
        expires: None,
    };
    assert_eq!(settings.list(&alice).await, Ok(Arc::default()));
    for note in ["one", "two"] {
        let set = settings.set_listed(listed(note), event());
        set.await.expect("set");
        let list = settings.list(&alice).await.expect("list");
        assert_eq!(*list, [listed(note)], "as it is now");
    }
    assert_eq!(
        settings.list(&scope("example.org")).await,
        Ok(Arc::default())
    );
    let pattern = listed("").pattern;
    for there in [true, false] {
        let removed = settings.remove_listed(&alice, ListKind::Allow, &pattern, event());
        assert_eq!(removed.await, Ok(there));
        assert_eq!(settings.list(&alice).await, Ok(Arc::default()));
    }
    let lock = SenderLock {
        sender: alice.clone(),
        since: START,
        by: "limits".into(),
        why: "too much".into(),
    };
    assert_eq!(settings.lock(&alice).await, Ok(None));
    let set = settings.set_lock(lock.clone(), event());
    set.await.expect("set");
    assert_eq!(settings.lock(&alice).await, Ok(Some(lock.clone())));
    assert_eq!(settings.locks().await, Ok(vec![lock]));
    for there in [true, false] {
        let removed = settings.remove_lock(&alice, event()).await;
        assert_eq!(removed, Ok(there), "SE-18");
    }
    keeps_challenges(store).await;
    let set = settings.set_secret("key", vec![1, 2, 3], event());
    set.await.expect("set");
    assert_eq!(settings.secret("key").await, Ok(Some(vec![1, 2, 3])));
    assert_eq!(settings.secret("other").await, Ok(None));
    assert_eq!(settings.remove_secret("other", event()).await, Ok(false));
    assert_eq!(settings.remove_secret("key", event()).await, Ok(true));
    assert_eq!(settings.secret("key").await, Ok(None));
}
