//! Bad input, bounds and TLS at the IMAP door (SE-07, "Bad input").

mod imap_house;

use std::sync::Arc;
use std::time::Duration;

use imap_codec::decode::Decoder as _;
use imap_house::{Client, HERE, House, PASSWORD, plain};
use proptest::prelude::*;
use quaranta::imap::{Opening, Options};
use quaranta::options::{Octets, Span};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

fn connector(house: &House) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(house.dir.path().join("ca.pem")).expect("ca");
    roots.add(ca).expect("root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn plain_line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        match stream.read_u8().await {
            Ok(octet) => line.push(octet),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

#[tokio::test]
async fn se07_tls_comes_first_or_by_starttls() {
    let house = House::new().await;
    house.stash("alice@example.org", plain("one")).await;
    let (tls_at, plain_at) = house.serve().await;
    let name = ServerName::try_from("localhost").expect("name");
    let login = format!("LOGIN alice@example.org \"{PASSWORD}\"");

    let stream = TcpStream::connect(tls_at).await.expect("connected");
    let stream = connector(&house).connect(name.clone(), stream).await;
    let mut client = Client::new(stream.expect("tls"));
    assert!(client.line().await.contains("AUTH=PLAIN"));
    client.ok(&login).await;

    let mut stream = TcpStream::connect(plain_at).await.expect("connected");
    assert!(plain_line(&mut stream).await.contains("LOGINDISABLED"));
    stream.write_all(b"a STARTTLS\r\n").await.expect("sent");
    assert_eq!(plain_line(&mut stream).await, "a OK Begin TLS");
    let stream = connector(&house).connect(name, stream).await.expect("tls");
    let mut client = Client::new(stream);
    client.ok(&login).await;
    let told = client.ok("SELECT Caught").await;
    assert!(told.contains(&"* 1 EXISTS".to_owned()));

    // What is sent ahead of the handshake is not obeyed.
    let mut stream = TcpStream::connect(plain_at).await.expect("connected");
    plain_line(&mut stream).await;
    let both = b"a STARTTLS\r\nb CAPABILITY\r\n";
    stream.write_all(both).await.expect("sent");
    assert!(plain_line(&mut stream).await.starts_with("* BYE"));
    assert_eq!(plain_line(&mut stream).await, "");

    // At the end of the house sessions are told so.
    house.shutdown.send_replace(true);
    let end = client.line().await;
    assert!(end.starts_with("* BYE [UNAVAILABLE]"), "{end}");
    assert_eq!(client.next().await, None);
}

#[tokio::test]
async fn broken_tls_troubles_nobody_else() {
    let options = Options {
        login_timeout: Span(Duration::from_secs(2)),
        ..Options::default()
    };
    let house = House::with(options).await;
    let (tls_at, _) = house.serve().await;
    // A record that promises more than comes; plain text; silence.
    let junk = [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"a LOGIN x y\r\n",
        b"",
    ];
    let visits = junk.map(|junk| async move {
        let mut stream = TcpStream::connect(tls_at).await.expect("connected");
        stream.write_all(junk).await.expect("sent");
        let mut told = Vec::new();
        let read = stream.read_to_end(&mut told);
        let ended = tokio::time::timeout(imap_house::PATIENCE, read).await;
        assert!(ended.is_ok(), "the handshake has no end");
        assert!(!told.starts_with(b"* "), "spoken to without TLS");
    });
    futures_util::future::join_all(visits).await;
    let stream = TcpStream::connect(tls_at).await.expect("connected");
    let name = ServerName::try_from("localhost").expect("name");
    let stream = connector(&house).connect(name, stream).await.expect("tls");
    assert!(Client::new(stream).line().await.starts_with("* OK"));
}

#[tokio::test]
async fn a_stranger_has_little_time_and_few_tries() {
    let options = Options {
        login_timeout: Span(Duration::from_millis(50)),
        ..Options::default()
    };
    let house = House::with(options).await;
    let mut client = house.connect().await;
    client.line().await;
    assert_eq!(client.line().await, "* BYE Silent for too long");

    let house = House::new().await;
    let mut client = house.connect().await;
    client.line().await;
    for _ in 0..4 {
        client.no("LOGIN alice@example.org wrong-one").await;
    }
    client.no("LOGIN alice@example.org wrong-one").await;
    assert!(client.line().await.starts_with("* BYE"));
    // From the same place it has to wait now, also with the right password.
    let mut client = house.connect().await;
    client.line().await;
    let end = client
        .no(&format!("LOGIN alice@example.org \"{PASSWORD}\""))
        .await;
    assert!(end.contains("[UNAVAILABLE]"), "{end}");
}

#[tokio::test]
async fn bad_commands_and_absurd_sizes_are_answered_within_limits() {
    let house = House::new().await;
    let mut client = house.connect().await;
    client.line().await;
    client.send(b"a LOGIN {24000000}\r\n").await;
    assert_eq!(client.line().await, "a BAD Too long");
    client.send(b"b LOGIN {5000+}\r\n").await;
    client.send(&vec![b'x'; 5000]).await;
    client.send(b" y\r\nc NOOP\r\n").await;
    assert_eq!(client.line().await, "b BAD Too long");
    assert_eq!(client.line().await, "c OK NOOP done");
    client.send(&vec![b'x'; 1 << 20]).await;
    client.send(b"\r\nd NOOP\r\n").await;
    assert_eq!(client.line().await, "* BAD A command begins with a tag");
    assert_eq!(client.line().await, "d OK NOOP done");

    let mut client = house.sign_in("alice@example.org").await;
    client.ok("SELECT Caught").await;
    client
        .send(b"a APPEND Spam {18446744073709551615+}\r\nxx")
        .await;
    assert!(client.line().await.starts_with("* BYE [TOOBIG]"));
    let mut client = house.sign_in("alice@example.org").await;
    for number in 1..20 {
        let end = client.ask("FETCH").await.pop().expect("end");
        assert!(end.starts_with("BAD"), "{number}: {end}");
    }
    client.ask("\u{0}\u{1}").await;
    assert_eq!(client.line().await, "* BYE Too many bad commands");
    assert_eq!(client.next().await, None);
}

#[tokio::test]
async fn append_is_bounded_by_its_limit_and_the_budget() {
    let options = Options {
        append_most: Octets(1 << 20),
        ..Options::default()
    };
    let house = House::with(options).await;
    let whole = house.budget.left();
    let mut client = house.sign_in("alice@example.org").await;
    let body = "x".repeat(2 << 20);
    let too_big = format!("APPEND Spam {{{}+}}\r\n{body}", body.len());
    assert!(
        client
            .no(&too_big)
            .await
            .contains("[TOOBIG] A message has at most 1M")
    );
    let fits = format!("APPEND Spam {{{}+}}\r\n{}", 1 << 20, &body[..1 << 20]);
    let mut hold = house.budget.share();
    hold.grow(whole - 100_000).expect("room");
    assert!(client.no(&fits).await.contains("[UNAVAILABLE]"));
    drop(hold);
    client.ok(&fits).await;
    assert_eq!(house.budget.left(), whole, "all is given back");
    assert_eq!(
        house
            .store
            .lessons
            .lessons(0, 9)
            .await
            .expect("lessons")
            .len(),
        1
    );
}

#[tokio::test]
async fn deep_and_wide_mime_is_shown_within_bounds() {
    let house = House::new().await;
    let mut deep = String::new();
    for level in 0..5000 {
        deep.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"
        ));
    }
    house.stash("alice@example.org", deep).await;
    let inner = "Content-Type: message/rfc822\r\n\r\n".repeat(5000);
    house.stash("alice@example.org", inner).await;
    let mut wide = "Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned();
    wide.push_str(&"--b\r\n\r\nx\r\n".repeat(20_000));
    house.stash("alice@example.org", wide).await;
    let mut client = house.sign_in("alice@example.org").await;
    client.ok("SELECT Caught").await;
    let path = vec!["1"; 100].join(".");
    let told = client
        .ok(&format!(
            "FETCH 1:3 (BODYSTRUCTURE BODY BODY.PEEK[{path}] ENVELOPE)"
        ))
        .await;
    assert_eq!(told.len(), 3);
    assert_eq!(client.ok("SEARCH BODY nothing").await, ["* SEARCH"]);
}

#[tokio::test]
async fn a_large_message_is_fetched_in_pieces() {
    let house = House::new().await;
    let line = format!("{}\r\n", "0123456789".repeat(7));
    let mut text = "Subject: large\r\n\r\n".to_owned();
    while text.len() < 50 << 20 {
        text.push_str(&line);
    }
    house.stash("alice@example.org", text).await;
    let mut client = house.sign_in("alice@example.org").await;
    client.ok("SELECT Caught").await;
    for start in [0, 1 << 20, 49 << 20] {
        let ask = format!("FETCH 1 BODY.PEEK[TEXT]<{start}.72000>");
        let told = client.ok(&ask).await.join("");
        assert!(told.starts_with(&format!("* 1 FETCH (BODY[TEXT]<{start}> {{72000}}")));
    }
    let told = client.ok("FETCH 1 BODY.PEEK[]").await;
    assert!(told[0].len() > 50 << 20);
}

/// All responses decode with a codec that is not ours.
fn decodes(lines: &[String]) {
    for line in lines {
        let octets = format!("{line}\r\n");
        let decoded = imap_codec::ResponseCodec::default().decode(octets.as_bytes());
        match decoded {
            Ok((rest, _)) => assert!(rest.is_empty(), "{line}"),
            Err(error) => panic!("{error:?}: {line}"),
        }
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("From: "),
        Just("To: a:b, <c@d>;"),
        Just("\"q\\\" "),
        Just("("),
        Just("Subject: "),
        Just("\r\n"),
        Just("\r\n\r\n"),
        Just("Content-Type: multipart/mixed; boundary=b\r\n\r\n"),
        Just("Content-Type: message/rfc822\r\n\r\n"),
        Just("Content-Type: text/html; charset=x;;=\r\n"),
        Just("Content-Disposition: attachment; filename=\"{9}\"\r\n"),
        Just("\r\n--b\r\n"),
        Just("\r\n--b--\r\n"),
        Just("Sender: \u{e4}\u{0}<x>, y@z (k"),
        Just("In-Reply-To: <1>"),
        Just("{5}"),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime")
}

#[test]
fn odd_messages_are_told_in_the_grammar() {
    let runtime = runtime();
    let house = runtime.block_on(House::new());
    let client = runtime.block_on(house.sign_in("alice@example.org"));
    let client = tokio::sync::Mutex::new(client);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(200)
    };
    proptest!(config, |(text in pieces())| {
        runtime.block_on(async {
            let mut client = client.lock().await;
            house.stash("alice@example.org", text).await;
            client.ok("SELECT Caught").await;
            let ask = "FETCH * (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE)";
            decodes(&client.ok(ask).await);
            client.ok("FETCH * (BODY[] BODY[1.MIME] BODY[1.1.TEXT] BODY[2]<3.9>)").await;
            client.ok("SEARCH TEXT b SENTSINCE 1-Jan-2000 HEADER To a").await;
        });
    });
}

#[tokio::test]
async fn all_other_responses_are_in_the_grammar() {
    let house = House::new().await;
    house.stash("alice@example.org", plain("one")).await;
    let mut client = house.sign_in("alice@example.org").await;
    for command in [
        "CAPABILITY",
        "NAMESPACE",
        "ID NIL",
        "ENABLE X",
        "LIST \"\" *",
        "LSUB \"\" *",
        "STATUS Caught (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)",
        "SELECT Caught",
        "STORE 1 FLAGS (\\Seen $x)",
        "SEARCH ALL",
        "MOVE 1 Release",
    ] {
        decodes(&client.ok(command).await);
    }
}

#[test]
fn garbage_never_brings_a_session_down() {
    let runtime = runtime();
    let house = runtime.block_on(House::new());
    runtime.block_on(house.stash("alice@example.org", plain("one")));
    let word = prop_oneof![
        "[ -~]{0,12}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..20),
        Just(b"\r\n".to_vec()),
        Just(b" a FETCH 1 (BODY[".to_vec()),
        Just(b" UID STORE 1:* FLAGS (\\Seen".to_vec()),
        Just(b"x APPEND Spam {3+}\r\nabc".to_vec()),
        Just(b"x APPEND \"Not Spam\" (\\Seen) {3}\r\n".to_vec()),
        Just(b"{2}\r\n".to_vec()),
        Just(b"{4+}\r\n".to_vec()),
        Just(b"(((\"\\".to_vec()),
        Just(b"a SEARCH OR NOT (".to_vec()),
        Just(b"a LIST (SUBSCRIBED) \"\" (%".to_vec()),
        Just(b"a IDLE\r\n".to_vec()),
        Just(b"DONE\r\n".to_vec()),
        Just(b"a COPY 1 Release\r\n".to_vec()),
    ];
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(200)
    };
    let login = format!("l LOGIN alice@example.org \"{PASSWORD}\"\r\ns SELECT Caught\r\n");
    let words = prop::collection::vec(word, 0..30);
    proptest!(config, |(words in words, signed_in in prop::bool::weighted(0.2))| {
        runtime.block_on(async {
            let (mut ours, theirs) = tokio::io::duplex(1 << 20);
            let shutdown = house.shutdown.subscribe();
            let visit = house.door.visit(theirs, HERE, Opening::Secured, shutdown);
            let session = tokio::spawn(visit);
            if signed_in {
                ours.write_all(login.as_bytes()).await.expect("sent");
            }
            let _ = ours.write_all(&words.concat()).await;
            let _ = ours.shutdown().await;
            let mut told = Vec::new();
            let read = ours.read_to_end(&mut told);
            tokio::time::timeout(imap_house::PATIENCE, read).await.expect("an end").expect("read");
            session.await.expect("the session did not panic");
            assert!(told.ends_with(b"\r\n"));
        });
    });
}
