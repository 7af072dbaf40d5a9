//! Pebble, an authority for tests by Let's Encrypt, as Debian packages it, with a DNS server of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use quaranta::net::tls::{Options, ServerTls};
use serde_json::json;

use crate::wait::until;

/// An authority that runs; ended when dropped.
pub(crate) struct Pebble(Vec<Child>);

fn program(name: &str) -> Command {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    );
    let file = target.join("peers/pebble/usr/bin").join(name);
    assert!(file.exists(), "pebble is missing; tests/run unpacks it");
    Command::new(file)
}

fn answers(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

impl Pebble {
    /// On `port` and the three behind it; every name leads to this machine, port 80 of it is `http`.
    /// Its own certificate is signed by `ca.pem` in `dir`.
    pub(crate) fn start(dir: &Path, port: u16, http: u16) -> Self {
        ServerTls::open(&Options::default(), dir, "localhost").expect("a certificate");
        let config = json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{}", port + 1),
            "certificate": dir.join("server.pem"), "privateKey": dir.join("server.key"),
            "httpPort": http, "tlsPort": 1, "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        let file = dir.join("pebble.json");
        std::fs::write(&file, config.to_string()).expect("configuration");
        let dns = format!("127.0.0.1:{}", port + 2);
        let mut names = program("pebble-challtestsrv");
        names.args([
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-dns01",
            &dns,
        ]);
        names.args(["-defaultIPv6", "", "-management"]);
        names.arg(format!("127.0.0.1:{}", port + 3));
        let mut authority = program("pebble");
        authority
            .arg("-config")
            .arg(&file)
            .args(["-dnsserver", &dns]);
        authority.envs([("PEBBLE_VA_ALWAYS_VALID", "0"), ("PEBBLE_VA_NOSLEEP", "1")]);
        let mut running = Self(Vec::new());
        for (mut command, at) in [(names, port + 3), (authority, port)] {
            let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
            running
                .0
                .push(quiet.stderr(Stdio::null()).spawn().expect("it runs"));
            until("the authority listens", || answers(at));
        }
        running
    }

    /// The certificate that signs what it makes, fetched from it into `dir`.
    pub(crate) fn root(dir: &Path, port: u16) -> PathBuf {
        let file = dir.join("root.pem");
        let got = Command::new("curl")
            .args(["-sf", "--cacert"])
            .arg(dir.join("ca.pem"))
            .arg("-o")
            .arg(&file)
            .arg(format!("https://localhost:{}/roots/0", port + 1))
            .status();
        assert!(got.expect("curl runs").success());
        file
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _gone = child.kill();
            let _ended = child.wait();
        }
    }
}
