//! mbsync (isync) syncs an account with 2,000 messages twice; the second time nothing moves.

mod imap_house;

use std::path::Path;
use std::process::Command;

use imap_house::{House, PASSWORD};
use quaranta::record::State;

const MANY: usize = 2000;

fn sync(dir: &Path) -> String {
    let mut mbsync = Command::new("mbsync");
    mbsync
        .args(["--verbose", "--all", "--config"])
        .arg(dir.join("mbsyncrc"))
        .env("HOME", dir);
    // The door is served by the other threads meanwhile.
    let output = tokio::task::block_in_place(|| mbsync.output());
    let output = output.expect("mbsync (package isync) is needed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{wrong}");
    said + &wrong
}

/// The configuration of one channel for all folders.
fn config(dir: &Path, port: u16) -> String {
    format!(
        "FSync no\n\nIMAPStore far\nHost localhost\nPort {port}\nUser alice@example.org\n\
         Pass \"{PASSWORD}\"\nSSLType IMAPS\nSystemCertificates no\nCertificateFile {ca}\n\n\
         MaildirStore near\nSubFolders Verbatim\nPath {mail}/\nInbox {mail}/INBOX\n\n\
         Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nExpunge Both\nSyncState *\n",
        ca = dir.join("server.pem").display(),
        mail = dir.join("mail").display(),
    )
}

/// Files of messages in a Maildir folder.
fn messages(folder: &Path) -> Vec<std::path::PathBuf> {
    ["cur", "new"]
        .iter()
        .filter_map(|part| std::fs::read_dir(folder.join(part)).ok())
        .flatten()
        .map(|entry| entry.expect("entry").path())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mbsync_syncs_twice_and_moves_nothing_the_second_time() {
    let house = House::new().await;
    let mut first = None;
    for number in 0..MANY {
        let text = format!(
            "From: s@spam.example\r\nSubject: number {number}\r\nMessage-ID: <{number}@x>\r\n\r\n\
             Text of {number}.\r\n"
        );
        let id = house.stash("alice@example.org", text).await;
        first.get_or_insert(id);
    }
    let (tls, _) = house.serve().await;
    let dir = house.dir.path();
    let mail = dir.join("mail");
    std::fs::create_dir(&mail).expect("folder");
    let config = config(dir, tls.port());
    std::fs::write(dir.join("mbsyncrc"), config).expect("config");

    sync(dir);
    let caught = mail.join("Caught");
    assert_eq!(messages(&caught).len(), MANY);
    for folder in [
        "INBOX",
        "Caught (Outgoing)",
        "Training Requested",
        "Release &- Train",
        "Spam",
    ] {
        assert!(mail.join(folder).is_dir(), "{folder} was not synced");
        assert!(messages(&mail.join(folder)).is_empty());
    }
    let mut before = messages(&caught);
    before.sort();
    let said = sync(dir);
    let mut after = messages(&caught);
    after.sort();
    assert_eq!(before, after, "{said}");

    // What is deleted near is removed far, and teaches nothing.
    std::fs::remove_file(&after[0]).expect("removed");
    sync(dir);
    let mut held = 0;
    let by = quaranta::policy::Principal::of("alice@example.org".parse().expect("scope"));
    let (shelf, way) = (
        quaranta::record::Shelf::Caught,
        quaranta::mail::Direction::Inbound,
    );
    for (_, id) in house
        .desk
        .uids(&by, shelf, way, 0, MANY)
        .await
        .expect("uids")
    {
        held += usize::from(house.state(id).await == State::Held);
    }
    assert_eq!(held, MANY - 1);
    assert!(
        house
            .store
            .lessons
            .lessons(0, 1)
            .await
            .expect("lessons")
            .is_empty()
    );
}
