//! Signing in by OpenID Connect: the real provider in a real browser, and one that lies.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use quaranta::net::tls::{self, ServerTls};
use serde_json::json;

use crate::quaranta::Quaranta;
use crate::wait::{free_ports, until};

/// The provider that runs; ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers/web")
        .join(name)
}

const SECRET: &str = "of the client, 32 characters long";

fn start(dir: &Path, port: u16, back: &str, in_token: bool) -> Running {
    ServerTls::open(&tls::Options::default(), dir, "localhost").expect("a certificate");
    let how = json!({
        "port": port, "cert": dir.join("server.pem"), "key": dir.join("server.key"),
        "client_id": "quaranta", "client_secret": SECRET, "back": back, "in_token": in_token,
    });
    let file = dir.join("provider.json");
    std::fs::write(&file, how.to_string()).expect("a file");
    // It goes on talking: a pipe that nobody reads would end it.
    let log = dir.join("provider.log");
    let child = Command::new("node")
        .arg(script("provider.mjs"))
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(File::create(&log).expect("a log"))
        .stderr(Stdio::null())
        .spawn()
        .expect("node runs");
    let running = Running(child);
    until("the provider is ready", || {
        std::fs::read_to_string(&log).is_ok_and(|said| said.contains("ready\n"))
    });
    running
}

/// XX-12: people sign in at the provider's page; forged, used and foreign sign-ins let nobody in.
#[test]
fn xx12_people_sign_in_at_the_providers_page() {
    for in_token in [false, true] {
        let dir = tempfile::tempdir().expect("folder");
        let base = free_ports();
        let (web, at) = (format!("https://localhost:{}", base + 4), base + 8);
        let back = format!("{web}/sign-in/oidc/back");
        let _provider = start(dir.path(), at, &back, in_token);
        let issuer = format!("https://localhost:{at}");
        let secret = dir.path().join("secret");
        std::fs::write(&secret, format!("{SECRET}\n")).expect("a file");
        let sections = format!(
            "[smtp]\nlisten = [\"127.0.0.1:{base}\"]\n\
             [web]\nlisten = [\"127.0.0.1:{}\"]\nurl = \"{web}/\"\n\
             [oidc]\nissuer = \"{issuer}\"\nclient_id = \"quaranta\"\nlabel = \"Example ID\"\n\
             client_secret_file = \"{}\"\nca_file = \"{}\"\ndomains = [\"example.org\", \"nowhere.test\"]\n\
             [login]\nfree_failures = 100\n",
            base + 4,
            secret.display(),
            dir.path().join("ca.pem").display(),
        );
        let daemon = Quaranta::serve_with(&dir.path().join("quaranta"), base, 1, &sections);
        daemon.must(&["domains", "add", "other.org", "--route", "127.0.0.1:1"]);
        let house = dir.path().join("house.json");
        let told = json!({ "web": web, "provider": issuer });
        std::fs::write(&house, told.to_string()).expect("a file");
        let output = Command::new("timeout")
            .args(["200", "node"])
            .arg(script("sign_in.mjs"))
            .arg(&house)
            .output()
            .expect("node runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let wrong = String::from_utf8_lossy(&output.stderr);
        let faults: Vec<String> =
            serde_json::from_str(&said).unwrap_or_else(|_| panic!("no report: {said}\n{wrong}"));
        assert!(faults.is_empty(), "in the token: {in_token}: {faults:#?}");
        let accounts = daemon.must(&["users", "list"]);
        assert!(accounts.contains("alice@example.org"), "{accounts}");
        for nobody in ["bob@", "carol@", "mallory@"] {
            assert!(!accounts.contains(nobody), "{accounts}");
        }
    }
}
