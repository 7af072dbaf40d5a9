//! Passwords that a domain's own IMAP server knows: a scripted server says good and bad things.

mod house;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use house::{House, address, door, principal, scope};
use quaranta::accounts::{Directory, DirectoryError, ImapAsk, Login, LoginRefusal, Options, Step};
use quaranta::actions::Query;
use quaranta::mail::{Address, Domain};
use quaranta::net::tls::{self, ServerTls};
use quaranta::net::tls_client::ClientTls;
use quaranta::record::ImapServer;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

const ALICE: &str = "alice@example.org";
/// A blank, quotes and what is beyond ASCII.
const PASSWORD: &str = "it \"is\" {3} ünlike \\others";

/// What the server does.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// Takes AUTHENTICATE PLAIN.
    Plain,
    /// Only LOGIN.
    Login,
    /// TLS by STARTTLS.
    StartTls,
    /// TLS from the start.
    Implicit,
    /// Says this to a password.
    Says(&'static str),
    /// Greets with this and hangs up.
    Greets(&'static str),
    /// Says more before TLS than it was asked.
    Ahead,
    /// Never ends a line.
    Endless,
}

/// Serves one client after the other; counts those who were let in.
async fn serve(manner: Manner) -> (ImapServer, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let port = listener.local_addr().expect("address").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let dir = tempfile::tempdir().expect("dir");
    let tls = ServerTls::open(&tls::Options::default(), dir.path(), "mx.test").expect("tls");
    tokio::spawn(async move {
        let _dir = dir;
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut stream = BufReader::new(stream);
            let done = match manner {
                Manner::Implicit => match tls.acceptor().accept(stream.into_inner()).await {
                    Ok(secure) => talk(&mut BufReader::new(secure), manner).await,
                    Err(_) => Some(()),
                },
                Manner::StartTls | Manner::Ahead => {
                    say(&mut stream, "* OK [CAPABILITY IMAP4rev1 STARTTLS] hello").await;
                    let line = line(&mut stream).await.unwrap_or_default();
                    assert_eq!(line, "s STARTTLS", "no password without TLS");
                    if manner == Manner::Ahead {
                        say(&mut stream, "s OK begin\r\n* OK injected").await;
                        continue;
                    }
                    say(&mut stream, "s OK begin").await;
                    match tls.acceptor().accept(stream.into_inner()).await {
                        Ok(secure) => talk(&mut BufReader::new(secure), manner).await,
                        Err(_) => Some(()),
                    }
                }
                Manner::Endless => {
                    let _gone = stream.get_mut().write_all(&[b'x'; 100_000]).await;
                    Some(())
                }
                _ => talk(&mut stream, manner).await,
            };
            let _left = done;
        }
    });
    let tls = match manner {
        Manner::StartTls | Manner::Ahead => "starttls",
        Manner::Implicit => "implicit",
        _ => "none",
    };
    let server = format!("127.0.0.1:{port},tls={tls}");
    (server.parse().expect("server"), asked)
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, text: &str) {
    let _gone = stream.write_all(format!("{text}\r\n").as_bytes()).await;
}

async fn line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|n| *n > 0)?;
    Some(line.trim_end_matches("\r\n").to_owned())
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    manner: Manner,
) -> Option<()> {
    use base64::Engine as _;
    if let Manner::Greets(text) = manner {
        say(stream, text).await;
        return None;
    }
    if manner != Manner::StartTls {
        say(stream, "* OK hello").await;
    }
    let verdict = |tag: &str, good: bool| match manner {
        Manner::Says(text) => format!("* 1 untagged\r\n{tag} {text}"),
        _ if good => format!("{tag} OK [CAPABILITY IMAP4rev1] in"),
        _ => format!("{tag} NO [AUTHENTICATIONFAILED] wrong"),
    };
    loop {
        let said = line(stream).await?;
        let (tag, command) = said.split_once(' ')?;
        if command == "AUTHENTICATE PLAIN" && manner != Manner::Login {
            say(stream, "+ ").await;
            let response = line(stream).await?;
            let octets = base64::engine::general_purpose::STANDARD.decode(response);
            let good = octets.ok()? == format!("\0{ALICE}\0{PASSWORD}").as_bytes();
            say(stream, &verdict(tag, good)).await;
        } else if command.starts_with("LOGIN ") {
            assert_eq!(command, format!("LOGIN {{{}}}", ALICE.len()));
            say(stream, "+ go on").await;
            let name = line(stream).await?;
            let good_name = name == format!("{ALICE} {{{}}}", PASSWORD.len());
            say(stream, "+ go on").await;
            let good = line(stream).await? == PASSWORD;
            say(stream, &verdict(tag, good && good_name)).await;
        } else if command == "LOGOUT" {
            say(stream, "* BYE bye").await;
            return None;
        } else {
            say(stream, &format!("{tag} BAD what")).await;
        }
    }
}

fn from() -> IpAddr {
    "192.0.2.1".parse().expect("ip")
}

async fn with(server: &ImapServer, options: Options) -> (House, Login) {
    let house = House::new().await;
    let (by, domain) = (principal("global"), address(ALICE).domain().clone());
    let set = house
        .desk
        .set_domain_imap(&by, &domain, Some(server.clone()), &door())
        .await;
    set.expect("domain");
    let (settings, journal) = (house.store.settings.clone(), house.store.journal.clone());
    let login = Login::new(settings, journal, house.clock.clone(), options);
    let ask = ImapAsk::new(ClientTls::new(None).expect("tls"));
    (house, login.asking(ask))
}

/// SE-06: the password of the mailbox opens the quarantine, by every way that a server has.
#[tokio::test]
async fn se06_the_mailboxs_password_opens_the_quarantine() {
    for manner in [
        Manner::Plain,
        Manner::Login,
        Manner::StartTls,
        Manner::Implicit,
    ] {
        let (server, asked) = serve(manner).await;
        let (house, login) = with(&server, Options::default()).await;
        let wrong = login.sign_in(ALICE, "it is not", from(), "imap").await;
        assert_eq!(wrong, Err(LoginRefusal::Wrong), "{server}");
        assert_eq!(house.store.settings.account(&scope(ALICE)).await, Ok(None));
        let by = login.sign_in(ALICE, PASSWORD, from(), "imap").await;
        assert_eq!(by.map(|by| by.scope), Ok(scope(ALICE)), "{server}");
        let step = login.begin(ALICE, PASSWORD, from(), "web").await;
        assert!(matches!(step, Ok(Step::Done(_))), "{server}");
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        let shown = house
            .desk
            .account(&principal("global"), &scope(ALICE))
            .await;
        assert!(!shown.expect("account came into being").has_password);
    }
}

/// SE-06: where accounts are made by hand, the server's word alone lets nobody in; a password of
/// the house does not hold beside the server's.
#[tokio::test]
async fn se06_the_server_knows_the_password_and_the_house_the_account() {
    let (server, asked) = serve(Manner::Plain).await;
    let options = Options {
        imap_makes_accounts: false,
        ..Options::default()
    };
    let (house, login) = with(&server, options).await;
    let found = login.sign_in(ALICE, PASSWORD, from(), "imap").await;
    assert_eq!(found, Err(LoginRefusal::Wrong));
    let (by, own) = (principal("global"), Some("of the house".to_owned()));
    let added = house
        .desk
        .add_account(&by, scope(ALICE), own, &door())
        .await;
    added.expect("account");
    let found = login.sign_in(ALICE, "of the house", from(), "imap").await;
    assert_eq!(found, Err(LoginRefusal::Wrong));
    assert!(login.sign_in(ALICE, PASSWORD, from(), "imap").await.is_ok());
    // Not asked for what is not its own, nor without a password (RFC 4616: none is no proof).
    let before = asked.load(Ordering::SeqCst);
    for (name, password) in [
        ("global", PASSWORD),
        ("example.org", PASSWORD),
        ("alice@tag.example.org", PASSWORD),
        (ALICE, ""),
    ] {
        let place = "198.51.100.7".parse().expect("ip");
        let found = login.sign_in(name, password, place, "imap").await;
        assert_eq!(found, Err(LoginRefusal::Wrong), "{name}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), before);
    let tricky = format!("{ALICE}\0{ALICE}");
    let found = login.sign_in(&tricky, PASSWORD, from(), "imap").await;
    assert_eq!(found, Err(LoginRefusal::Wrong));
}

/// SE-06: a server that says neither yes nor no lets nobody in, and nobody is blamed for it.
#[tokio::test]
async fn se06_a_server_in_trouble_is_not_a_wrong_password() {
    for manner in [
        Manner::Says("NO [UNAVAILABLE] later"),
        Manner::Says("NO [PRIVACYREQUIRED] TLS first"),
        Manner::Says("BAD no such command"),
        Manner::Greets("* BYE too busy"),
        Manner::Greets("* PREAUTH you are in"),
        Manner::Greets("220 smtp.example.org ESMTP"),
        Manner::Ahead,
        Manner::Endless,
    ] {
        let (server, _) = serve(manner).await;
        let (house, login) = with(&server, Options::default()).await;
        for _ in 0..6 {
            let found = login.sign_in(ALICE, PASSWORD, from(), "imap").await;
            assert_eq!(found, Err(LoginRefusal::Unavailable), "{server}");
        }
        let failed = house
            .log()
            .await
            .into_iter()
            .filter(|s| s == "sign-in-failed");
        assert_eq!(failed.count(), 0);
    }
    let gone: ImapServer = "127.0.0.1:1,tls=none".parse().expect("server");
    let (_, login) = with(&gone, Options::default()).await;
    let found = login.sign_in(ALICE, PASSWORD, from(), "imap").await;
    assert_eq!(found, Err(LoginRefusal::Unavailable));
    let (server, _) = serve(Manner::Says("NO no")).await;
    let (_, login) = with(&server, Options::default()).await;
    let found = login.sign_in(ALICE, PASSWORD, from(), "imap").await;
    assert_eq!(found, Err(LoginRefusal::Wrong));
}

/// A directory with one password for all, for example.org.
struct OnePassword;

#[async_trait]
impl Directory for OnePassword {
    fn name(&self) -> &str {
        "ldaps://directory.test"
    }

    fn covers(&self, domain: &Domain) -> bool {
        domain.as_str() == "example.org"
    }

    async fn knows(&self, _: &Address, password: &str) -> Result<bool, DirectoryError> {
        match password {
            "trouble" => Err(DirectoryError("no".to_owned())),
            password => Ok(password == "one for all"),
        }
    }
}

/// SE-06: a directory decides for the domains that it covers and that name no mail server; for others,
/// and for domains that are not ours, the house does.
#[tokio::test]
async fn se06_a_directory_decides_for_its_domains() {
    let (server, _) = serve(Manner::Plain).await;
    let (house, login) = with(&server, Options::default()).await;
    let login = login.knowing(Arc::new(OnePassword));
    let (by, door) = (principal("global"), door());
    let found = login.sign_in(ALICE, "one for all", from(), "imap").await;
    assert_eq!(found, Err(LoginRefusal::Wrong), "the mail server decides");
    let domain = address(ALICE).domain().clone();
    let set = house.desk.set_domain_imap(&by, &domain, None, &door);
    set.await.expect("domain");
    let own = Some("of the house".to_owned());
    let dave = "dave@elsewhere.test";
    for login in [ALICE, dave] {
        let added = house
            .desk
            .add_account(&by, scope(login), own.clone(), &door);
        added.await.expect("account");
    }
    for (name, password, want) in [
        (ALICE, "one for all", Ok(())),
        (ALICE, "of the house", Err(LoginRefusal::Wrong)),
        (ALICE, "", Err(LoginRefusal::Wrong)),
        (ALICE, "trouble", Err(LoginRefusal::Unavailable)),
        (dave, "of the house", Ok(())),
        (dave, "one for all", Err(LoginRefusal::Wrong)),
        ("global", "one for all", Err(LoginRefusal::Wrong)),
    ] {
        let found = login.sign_in(name, password, from(), "imap").await;
        assert_eq!(found.map(|_| ()), want, "{name} {password}");
    }
    // The history says by whose word an account came into being.
    let made = login.sign_in("new@example.org", "one for all", from(), "imap");
    made.await.expect("in");
    let log = house.desk.log(&by, &Query::default(), 100).await;
    let rows = format!("{:?}", log.expect("log").rows);
    assert!(rows.contains("ldaps://directory.test knows it"), "{rows}");
}
