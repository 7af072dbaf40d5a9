//! A certificate from an authority: every door shows it without a restart, and keeps it over one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use quaranta::clock::Clock;

use crate::pebble::Pebble;
use crate::quaranta::Quaranta;
use crate::wait::{free_ports, until};

const NAME: &str = "mx.example.org";

/// What openssl says of the certificate at a port, if it is `NAME`'s and signed by `root`.
fn serial(port: u16, how: &[&str], root: &Path) -> Option<String> {
    let shown = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}")])
        .args(["-servername", NAME, "-verify_hostname", NAME])
        .args(["-verify_return_error", "-CAfile"])
        .arg(root)
        .args(how)
        .stdin(Stdio::null())
        .output()
        .expect("openssl runs");
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let good = shown.status.success() && text.contains("Verify return code: 0 (ok)");
    let first = text.split("-----END CERTIFICATE-----").next()?;
    good.then(|| first.to_owned())
}

/// A certificate for `NAME` of which less than a third is left, with its key, where ours is kept.
fn keep_old(home: &Path) -> PathBuf {
    let mut params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).expect("names");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    let soon = Clock::system().now().after_days(30).utc();
    let of = |part: i8| u8::try_from(part).expect("of a date");
    let (month, day) = (of(soon.month()), of(soon.day()));
    params.not_after = rcgen::date_time_ymd(i32::from(soon.year()), month, day);
    let key = rcgen::KeyPair::generate().expect("a key");
    let pem = params.self_signed(&key).expect("made").pem();
    let folder = home.join("acme");
    std::fs::create_dir_all(&folder).expect("folder");
    let file = folder.join("certificate.pem");
    std::fs::write(&file, pem.clone() + &key.serialize_pem()).expect("kept");
    let own = home.with_extension("pem");
    std::fs::write(&own, pem).expect("kept");
    own
}

/// SE-07: while the authority cannot be reached the certificate at hand stays; once it can, each
/// door shows the new one without a restart, and after a restart without asking again.
#[test]
fn se07_a_certificate_comes_and_stays() {
    let dir = tempfile::tempdir().expect("folder");
    let (base, authority) = (free_ports(), free_ports());
    let home = dir.path().join("quaranta");
    let old = keep_old(&home);
    // Where Pebble's own certificate will be.
    let there = dir.path().join("authority");
    std::fs::create_dir_all(&there).expect("folder");
    drop(Pebble::start(&there, authority, base + 8));
    let sections = format!(
        "[smtp]\nlisten = [\"127.0.0.1:{base}\"]\n[web]\nlisten = [\"127.0.0.1:{}\"]\n\
         [acme]\ndirectory = \"https://localhost:{authority}/dir\"\nagree_to_terms = true\n\
         contact = [\"postmaster@example.org\"]\nlisten = [\"127.0.0.1:{}\"]\nca_file = \"{}\"\n\
         pause = \"500ms\"\n",
        base + 4,
        base + 8,
        there.join("ca.pem").display(),
    );
    let daemon = Quaranta::serve_with(&home, base, 1, &sections);
    let doors: [(&str, u16, &[&str]); 3] = [
        ("IMAP", base + 2, &[]),
        ("web", base + 4, &[]),
        ("SMTP", base, &["-starttls", "smtp"]),
    ];
    for (door, port, how) in doors {
        assert!(
            serial(port, how, &old).is_some(),
            "{door} does not show what is kept"
        );
    }
    let running = Pebble::start(&there, authority, base + 8);
    let root = Pebble::root(&there, authority);
    until("there is a new certificate", || {
        serial(base + 2, &[], &root).is_some()
    });
    let new = serial(base + 2, &[], &root).expect("as before");
    for (door, port, how) in doors {
        assert_eq!(serial(port, how, &root).as_ref(), Some(&new), "{door}");
    }
    for file in ["certificate.pem", "account.json"] {
        let kept = std::fs::metadata(home.join("acme").join(file)).expect(file);
        assert_eq!(kept.permissions().mode() & 0o777, 0o600, "{file}");
    }
    let odd = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}"])
        .arg(format!("http://127.0.0.1:{}/", base + 8))
        .output();
    assert_eq!(odd.expect("curl runs").stdout, b"404");
    drop(running);
    assert!(daemon.terminate().success());
    let _daemon = Quaranta::serve_again(&home, base);
    for (door, port, how) in doors {
        assert_eq!(
            serial(port, how, &root).as_ref(),
            Some(&new),
            "{door} after a restart"
        );
    }
}

/// SE-07: a name that the authority does not find here brings no certificate; that of the house stays.
#[test]
fn se07_without_the_authoritys_word_the_house_keeps_its_own() {
    let dir = tempfile::tempdir().expect("folder");
    let (base, authority) = (free_ports(), free_ports());
    let home = dir.path().join("quaranta");
    let there = dir.path().join("authority");
    std::fs::create_dir_all(&there).expect("folder");
    // It looks where nobody is.
    let _running = Pebble::start(&there, authority, base + 9);
    let sections = format!(
        "[smtp]\nlisten = [\"127.0.0.1:{base}\"]\n\
         [acme]\ndirectory = \"https://localhost:{authority}/dir\"\nagree_to_terms = true\n\
         listen = [\"127.0.0.1:{}\"]\nca_file = \"{}\"\npause = \"200ms\"\n",
        base + 8,
        there.join("ca.pem").display(),
    );
    let _daemon = Quaranta::serve_with(&home, base, 1, &sections);
    let account = home.join("acme/account.json");
    until("it asked the authority", || account.exists());
    let house = home.join("ca.pem");
    for _ in 0..20 {
        assert!(
            serial(base + 2, &[], &house).is_some(),
            "the house's own is gone"
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(!home.join("acme/certificate.pem").exists());
}
