//! Clients that people script with: Python's imaplib and curl, over real TLS.

mod imap_house;

use std::process::{Command, Output};

use imap_house::{House, PASSWORD, plain};
use quaranta::record::State;

const SCRIPT: &str = r#"
import imaplib, ssl, sys
tls, plain, ca, password = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=ca)

def ok(answer):
    assert answer[0] == 'OK', answer
    return answer[1]

m = imaplib.IMAP4_SSL('localhost', tls, ssl_context=context)
ok(m.login('alice@example.org', password))
names = [line.decode() for line in ok(m.list())]
assert any('"Release &- Train"' in name for name in names), names
assert ok(m.select('Caught')) == [b'3']
assert ok(m.search(None, 'ALL')) == [b'1 2 3']
assert ok(m.search('UTF-8', 'SUBJECT', '"two"')) == [b'2']
data = ok(m.fetch('2', '(FLAGS RFC822)'))
assert b'The text of two.' in data[0][1], data
assert b'X-Quaranta-Score: 7.5' in data[0][1], data
ok(m.store('2', '+FLAGS', '\\Flagged'))
# The way of clients without MOVE.
ok(m.copy('1', 'Release'))
ok(m.store('1', '+FLAGS', '\\Deleted'))
assert ok(m.expunge()) == [b'1']
ok(m.uid('MOVE', '2', '"Release & Train"'))
assert ok(m.uid('SEARCH', 'ALL')) == [b'3']
ok(m.append('Spam', None, None, b'Subject: missed\r\n\r\nspam\r\n'))
assert m.append('Caught', None, None, b'Subject: x\r\n\r\nx\r\n')[0] == 'NO'
assert m.create('Drafts')[0] == 'NO'
ok(m.namespace())
ok(m.status('Caught', '(MESSAGES UNSEEN)'))
ok(m.close())
m.logout()

m = imaplib.IMAP4('localhost', plain)
try:
    m.login('alice@example.org', password)
    raise SystemExit('signed in without TLS')
except imaplib.IMAP4.error:
    pass
ok(m.starttls(context))
ok(m.authenticate('PLAIN', lambda _: b'\0alice@example.org\0' + password.encode()))
assert ok(m.select('Caught', readonly=True)) == [b'1']
m.logout()
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imaplib_works_as_scripts_use_it() {
    let house = House::new().await;
    let first = house.stash("alice@example.org", plain("one")).await;
    let second = house.stash("alice@example.org", plain("two")).await;
    let third = house.stash("alice@example.org", plain("three")).await;
    let (tls, starttls) = house.serve().await;
    let mut python = Command::new("python3");
    python
        .args(["-c", SCRIPT])
        .args([tls.port().to_string(), starttls.port().to_string()])
        .arg(house.dir.path().join("ca.pem"))
        .arg(PASSWORD);
    let output = run(python);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(house.state(first).await, State::Leaving);
    assert_eq!(house.state(second).await, State::Leaving);
    assert_eq!(house.state(third).await, State::Held);
    let lessons = house.store.lessons.lessons(0, 9).await.expect("lessons");
    assert_eq!(lessons.len(), 2, "one released and trained, one appended");
}

/// Runs a client to its end; the door is served by the other threads meanwhile.
fn run(mut client: Command) -> Output {
    tokio::task::block_in_place(|| client.output()).expect("python3 and curl are needed")
}

/// Runs curl against the door; returns what it wrote.
fn curl(house: &House, port: u16, path: &str, more: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--ssl-reqd", "--cacert"])
        .arg(house.dir.path().join("ca.pem"))
        .args(["--user", &format!("alice@example.org:{PASSWORD}")])
        .arg(format!("imaps://localhost:{port}/{path}"))
        .args(more);
    let output = run(curl);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{path} {more:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_reads_moves_and_appends() {
    let house = House::new().await;
    let id = house.stash("alice@example.org", plain("one")).await;
    let (tls, _) = house.serve().await;
    let port = tls.port();
    let whole = curl(&house, port, "Caught;UID=1", &[]);
    assert!(whole.ends_with(&plain("one")), "{whole}");
    let found = curl(&house, port, "Caught?SUBJECT%20one", &[]);
    assert_eq!(found.trim(), "* SEARCH 1");
    let file = house.dir.path().join("mail");
    std::fs::write(&file, "Subject: x\r\n\r\nx\r\n").expect("file");
    let file = file.to_string_lossy();
    curl(&house, port, "Not%20Spam", &["--upload-file", &file]);
    curl(&house, port, "Caught", &["--request", "UID MOVE 1 Release"]);
    assert_eq!(house.state(id).await, State::Leaving);
}
