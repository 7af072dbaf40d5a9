//! Passwords that an LDAP directory knows: in the house alone, and at every door of the real binary.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use quaranta::accounts::ldap::{Ldap, Options};
use quaranta::accounts::{self, Login, LoginRefusal, Step};
use quaranta::actions::Desk;
use quaranta::clock::{Clock, Timestamp};
use quaranta::policy::{Principal, Scope};
use quaranta::record::{DomainSettings, Door};
use quaranta::store::{Store, in_memory};

use crate::quaranta::Quaranta;
use crate::slapd::{BASE, PASSWORD, SERVICE, SERVICE_PASSWORD, Slapd};
use crate::wait::free_ports;

const ALICE: &str = "alice@example.org";

fn scope(text: &str) -> Scope {
    text.parse().expect("scope")
}

/// A place of its own for each, so that nobody has to wait for another's failures.
fn place(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

fn secret(dir: &Path, text: &str) -> PathBuf {
    let file = dir.join(format!("secret-{}", text.len()));
    std::fs::write(&file, format!("{text}\n")).expect("a file");
    file
}

fn options(slapd: &Slapd, dir: &Path) -> Options {
    Options {
        url: format!("ldaps://localhost:{}", slapd.ldaps).parse().ok(),
        ca_file: Some(slapd.ca()),
        bind_dn: Some(SERVICE.to_owned()),
        bind_password_file: Some(secret(dir, SERVICE_PASSWORD)),
        base: BASE.to_owned(),
        ..Options::default()
    }
}

/// Where example.org and other.org are ours.
async fn login(options: &Options) -> (Store, Login) {
    options.check().expect("they are fit");
    let clock = Clock::by_hand(Timestamp(1_800_000_000_000));
    let store = in_memory::open(clock.clone());
    let desk = Desk::new(store.clone(), clock.clone());
    let (by, door) = (Principal::of(Scope::Global), Door::new("test", ""));
    for domain in ["example.org", "other.org"] {
        let route = "mail.example.org:25".parse().expect("route");
        let settings = DomainSettings::new(domain.parse().expect("domain"), vec![route]);
        let set = desk.set_domain(&by, settings, &door);
        set.await.expect("domain");
    }
    let (settings, journal) = (store.settings.clone(), store.journal.clone());
    let login = Login::new(settings, journal, clock, accounts::Options::default());
    let directory = Ldap::open(options).expect("it opens").expect("a directory");
    (store, login.knowing(Arc::new(directory)))
}

/// SE-06: who is in the directory is let in with the password there, under TLS from the start or by
/// StartTLS; an account comes into being by it.
#[tokio::test(flavor = "multi_thread")]
async fn se06_the_directorys_password_opens_the_quarantine() {
    let dir = tempfile::tempdir().expect("folder");
    let slapd = Slapd::start(dir.path(), false);
    let base = options(&slapd, dir.path());
    let starttls = Options {
        url: format!("ldap://127.0.0.1:{}", slapd.ldap).parse().ok(),
        ..base.clone()
    };
    for (n, options) in [base.clone(), starttls].iter().enumerate() {
        let (store, login) = login(options).await;
        let from = place(u8::try_from(n).expect("few"));
        let wrong = login.sign_in(ALICE, "it is not", from, "imap").await;
        assert_eq!(wrong, Err(LoginRefusal::Wrong));
        assert_eq!(store.settings.account(&scope(ALICE)).await, Ok(None));
        let by = login
            .sign_in("Alice@Example.ORG", PASSWORD, from, "imap")
            .await;
        assert_eq!(by.map(|by| by.scope), Ok(scope(ALICE)));
        let step = login.begin(ALICE, PASSWORD, from, "web").await;
        assert!(matches!(step, Ok(Step::Done(_))), "{step:?}");
        let made = store.settings.account(&scope(ALICE)).await.expect("read");
        assert!(made.expect("account").hash.is_empty());
    }
    assert!(!slapd.log().contains(PASSWORD));
    // A password that is sent without TLS is refused there, and is nobody's fault here.
    let plain = Options {
        url: format!("ldap://127.0.0.1:{}", slapd.ldap).parse().ok(),
        plain: true,
        ..base
    };
    let (_, login) = login(&plain).await;
    let found = login.sign_in(ALICE, PASSWORD, place(9), "imap").await;
    assert_eq!(found, Err(LoginRefusal::Unavailable));
}

/// SE-06: without TLS on this machine, where the administrator says so.
#[tokio::test(flavor = "multi_thread")]
async fn se06_a_directory_on_this_machine_may_be_plain() {
    let dir = tempfile::tempdir().expect("folder");
    let slapd = Slapd::start(dir.path(), true);
    let plain = Options {
        url: format!("ldap://127.0.0.1:{}", slapd.ldap).parse().ok(),
        plain: true,
        ..options(&slapd, dir.path())
    };
    let (_, login) = login(&plain).await;
    let by = login.sign_in(ALICE, PASSWORD, place(1), "imap").await;
    assert!(by.is_ok(), "{by:?} {}", slapd.log());
    let wrong = login.sign_in(ALICE, "wrong", place(1), "imap").await;
    assert_eq!(wrong, Err(LoginRefusal::Wrong));
}

/// SE-06: a login is a value in the filter and finds one entry or none; no password is never sent; who is
/// not of the directory's domains is not asked for there.
#[tokio::test(flavor = "multi_thread")]
async fn se06_a_login_finds_one_entry_and_proves_a_password() {
    let dir = tempfile::tempdir().expect("folder");
    let slapd = Slapd::start(dir.path(), false);
    let options = Options {
        domains: vec!["example.org".parse().expect("domain")],
        ..options(&slapd, dir.path())
    };
    let (_, login) = login(&options).await;
    for (n, name) in [
        // Two entries, none, an entry without a password, and what would match all.
        "twins@example.org",
        "nobody@example.org",
        "carol@example.org",
        "ali*@example.org",
        "\"*)(uid=*\"@example.org",
    ]
    .into_iter()
    .enumerate()
    {
        let from = place(u8::try_from(n).expect("few"));
        let (before, found) = (
            slapd.binds(),
            login.sign_in(name, PASSWORD, from, "imap").await,
        );
        assert_eq!(found, Err(LoginRefusal::Wrong), "{name}");
        // As many steps as for who is there; an address that cannot be one takes none.
        assert!([0, 2].contains(&(slapd.binds() - before)), "{name}");
    }
    // The star is the text of one entry, not everybody.
    assert!(
        login
            .sign_in("*@example.org", PASSWORD, place(10), "imap")
            .await
            .is_ok()
    );
    let searched = slapd.log();
    assert!(
        searched.contains("filter=\"(mail=\\2A@example.org)\""),
        "{searched}"
    );
    let before = slapd.binds();
    for (n, (name, password)) in [
        (ALICE, ""),
        ("alice@other.org", PASSWORD),
        ("alice@elsewhere.test", PASSWORD),
        ("example.org", PASSWORD),
        ("global", PASSWORD),
        (ALICE, &"x".repeat(2000)),
    ]
    .into_iter()
    .enumerate()
    {
        let from = place(20 + u8::try_from(n).expect("few"));
        let found = login.sign_in(name, password, from, "imap").await;
        assert_eq!(found, Err(LoginRefusal::Wrong), "{name}");
    }
    assert_eq!(slapd.binds(), before, "it was asked");
}

/// SE-06: a directory that says neither yes nor no lets nobody in, and nobody is blamed for it.
#[tokio::test(flavor = "multi_thread")]
async fn se06_a_directory_in_trouble_is_not_a_wrong_password() {
    let dir = tempfile::tempdir().expect("folder");
    let slapd = Slapd::start(dir.path(), false);
    let good = options(&slapd, dir.path());
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = silent.local_addr().expect("address").port();
    let place_of = |text: String| text.parse().ok();
    let soon = quaranta::options::Span(std::time::Duration::from_millis(300));
    let troubles = [
        Options {
            ca_file: None,
            ..good.clone()
        },
        Options {
            bind_password_file: Some(secret(dir.path(), "wrong")),
            ..good.clone()
        },
        Options {
            base: "dc=nowhere".to_owned(),
            ..good.clone()
        },
        Options {
            bind_dn: None,
            bind_password_file: None,
            ..good.clone()
        },
        Options {
            url: place_of("ldaps://127.0.0.1:1".to_owned()),
            ..good.clone()
        },
        Options {
            url: place_of(format!("ldap://127.0.0.1:{at}")),
            time: soon,
            ..good.clone()
        },
        Options {
            url: place_of(format!("ldaps://127.0.0.1:{at}")),
            time: soon,
            ..good.clone()
        },
        Options {
            url: place_of(format!("ldap://127.0.0.1:{at}")),
            plain: true,
            time: soon,
            ..good.clone()
        },
    ];
    for (n, options) in troubles.iter().enumerate() {
        let (store, login) = login(options).await;
        for _ in 0..6 {
            let found = login.sign_in(ALICE, PASSWORD, place(1), "imap").await;
            assert_eq!(found, Err(LoginRefusal::Unavailable), "trouble {n}");
        }
        assert_eq!(store.settings.account(&scope(ALICE)).await, Ok(None));
    }
    let bad = Options {
        filter: "(mail={login}".to_owned(),
        ..good
    };
    assert!(Ldap::open(&bad).is_err_and(|e| e.to_string().contains("[ldap] filter")));
}

/// True if swaks may send.
fn submits(port: u16, password: &str) -> bool {
    let output = Command::new("swaks")
        .args([
            "--server",
            &format!("127.0.0.1:{port}"),
            "-tls",
            "--quit-after",
            "AUTH",
        ])
        .args([
            "--auth",
            "PLAIN",
            "--auth-user",
            ALICE,
            "--auth-password",
            password,
        ])
        .output()
        .expect("swaks runs");
    output.status.success()
}

/// True if a mail client is let in.
fn reads(daemon: &Quaranta, password: &str) -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/imap.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(daemon.imaps.to_string())
        .arg(daemon.dir.join("ca.pem"))
        .args([ALICE, password, "list", "Caught"])
        .output()
        .expect("python3 runs");
    output.status.success()
}

/// True if the panel lets somebody in.
fn browses(port: u16, password: &str) -> bool {
    let output = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}"])
        .args(["--data-urlencode", &format!("login={ALICE}")])
        .args(["--data-urlencode", &format!("password={password}")])
        .arg(format!("http://127.0.0.1:{port}/sign-in"))
        .output()
        .expect("curl runs");
    output.stdout == b"303"
}

/// SE-06, SE-18: the password of the directory opens the panel, IMAP and the way out; another does not.
#[test]
fn se06_se18_the_directorys_password_opens_every_door() {
    let dir = tempfile::tempdir().expect("folder");
    let slapd = Slapd::start(dir.path(), false);
    let base = free_ports();
    let home = dir.path().join("quaranta");
    let sections = format!(
        "[smtp]\nlisten = [\"127.0.0.1:{base}\"]\n[outbound]\nlisten = [\"127.0.0.1:{}\"]\n\
         [web]\nlisten = [\"127.0.0.1:{}\"]\n[ldap]\nurl = \"ldaps://localhost:{}\"\n\
         ca_file = \"{}\"\nbind_dn = \"{SERVICE}\"\nbind_password_file = \"{}\"\nbase = \"{BASE}\"\n",
        base + 5,
        base + 4,
        slapd.ldaps,
        slapd.ca().display(),
        secret(dir.path(), SERVICE_PASSWORD).display(),
    );
    let daemon = Quaranta::serve_with(&home, base, 1, &sections);
    for (password, good) in [("wrong", false), (PASSWORD, true)] {
        assert_eq!(reads(&daemon, password), good, "IMAP, {password}");
        assert_eq!(browses(base + 4, password), good, "panel, {password}");
        assert_eq!(
            submits(daemon.outbound, password),
            good,
            "way out, {password}"
        );
    }
    assert!(daemon.must(&["users", "list"]).contains(ALICE));
}
