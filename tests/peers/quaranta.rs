//! Our own binary as a user runs it: the demo, or the daemon with a configuration.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::contrib::snippet;
use crate::wait::{files, free_ports, until};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_quaranta");

/// A running demo or daemon; killed when dropped.
pub(crate) struct Quaranta {
    child: Child,
    pub(crate) dir: PathBuf,
    pub(crate) smtp: u16,
    pub(crate) imaps: u16,
    /// Where mail goes out; of the daemon only if it is configured.
    pub(crate) outbound: u16,
    pub(crate) lmtp: u16,
    pub(crate) milter: u16,
    pub(crate) accounts: Vec<(String, String)>,
    /// The panel's address, and a key of the API; of the demo only.
    #[allow(dead_code, reason = "benches/milter.rs does without")]
    pub(crate) web: String,
    #[allow(dead_code, reason = "benches/milter.rs does without")]
    pub(crate) api_key: String,
}

impl Quaranta {
    /// The demo in `dir`, without samples.
    pub(crate) fn demo(dir: &Path) -> Self {
        Self::demo_at(dir, free_ports())
    }

    pub(crate) fn demo_at(dir: &Path, base: u16) -> Self {
        let mut child = Command::new(BINARY)
            .args([
                "demo",
                "--json",
                "--no-samples",
                "--port-base",
                &base.to_string(),
                "--dir",
            ])
            .arg(dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("stdout"));
        out.read_line(&mut line).expect("a line");
        assert!(
            !line.is_empty(),
            "the demo did not start; it says why above"
        );
        let ready: Value = serde_json::from_str(&line).expect("one line of JSON");
        let port = |name: &str| -> u16 {
            let at = ready[name].as_str().expect("address");
            at.rsplit(':')
                .next()
                .and_then(|port| port.parse().ok())
                .expect("port")
        };
        let accounts = ready["accounts"].as_array().expect("accounts").iter();
        let text = |v: &Value| v.as_str().expect("text").to_owned();
        Self {
            accounts: accounts
                .map(|a| (text(&a["login"]), text(&a["password"])))
                .collect(),
            web: text(&ready["web"]),
            api_key: text(&ready["api_key"]),
            smtp: port("smtp"),
            imaps: port("imaps"),
            outbound: port("outbound"),
            lmtp: port("lmtp"),
            milter: port("milter"),
            dir: dir.to_owned(),
            child,
        }
    }

    /// The daemon with example.org routed to `destination`, and released mail handed to `reinsertion`.
    pub(crate) fn serve(dir: &Path, base: u16, destination: u16, reinsertion: u16) -> Self {
        Self::serve_and(dir, base, destination, reinsertion, "")
    }

    /// The same with more sections of configuration.
    pub(crate) fn serve_and(
        dir: &Path,
        base: u16,
        destination: u16,
        reinsertion: u16,
        more: &str,
    ) -> Self {
        let text = snippet(
            "postfix/front-relay.toml",
            &[
                ("127.0.0.1:2525", &format!("127.0.0.1:{base}")),
                ("127.0.0.1:25\"", &format!("127.0.0.1:{reinsertion}\"")),
            ],
        );
        let lmtp = format!(
            "[lmtp]\nlisten = [\"127.0.0.1:{}\", \"unix:{}/lmtp.sock\"]\n",
            base + 7,
            dir.display()
        );
        Self::serve_with(dir, base, destination, &format!("{text}{lmtp}{more}"))
    }

    /// The daemon with these sections, besides `server` and `imap`.
    pub(crate) fn serve_with(dir: &Path, base: u16, destination: u16, sections: &str) -> Self {
        std::fs::create_dir_all(dir).expect("folder");
        let config = dir.join("quaranta.toml");
        let text = format!(
            "{sections}[server]\nhostname = \"mx.example.org\"\ndata_dir = \"{}\"\nlog = \"warn\"\n\
             [imap]\nlisten_tls = [\"127.0.0.1:{}\"]\nlisten_starttls = [\"127.0.0.1:{}\"]\n",
            dir.display(),
            base + 2,
            base + 3,
        );
        std::fs::write(&config, text).expect("configuration");
        let mut daemon = Self::serve_again(dir, base);
        let mut password = String::new();
        until("SY-08: the first password is there", || {
            password = std::fs::read_to_string(dir.join("first-password")).unwrap_or_default();
            password.ends_with('\n')
        });
        daemon
            .accounts
            .push(("global".to_owned(), password.trim().to_owned()));
        let route = format!("127.0.0.1:{destination}");
        daemon.must(&["domains", "add", "example.org", "--route", &route]);
        daemon
    }

    /// The daemon on what lies in `dir` already.
    pub(crate) fn serve_again(dir: &Path, base: u16) -> Self {
        Self::serve_by(&mut Command::new(BINARY), dir, base)
    }

    /// The same so many hours later: its clock is ahead, while its time goes on as it does.
    #[allow(dead_code, reason = "benches/milter.rs does without")]
    pub(crate) fn serve_later(dir: &Path, base: u16, hours: u32) -> Self {
        let ahead = format!("+{hours}h");
        let preload = Command::new("faketime")
            .args(["-f", &ahead, "printenv", "LD_PRELOAD"])
            .output()
            .expect("faketime runs");
        let preload = String::from_utf8(preload.stdout).expect("text");
        let mut command = Command::new(BINARY);
        command
            .env("LD_PRELOAD", preload.trim())
            .env("FAKETIME", ahead)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Self::serve_by(&mut command, dir, base)
    }

    fn serve_by(command: &mut Command, dir: &Path, base: u16) -> Self {
        let child = command
            .arg("serve")
            .arg("--config")
            .arg(dir.join("quaranta.toml"))
            .spawn()
            .expect("the binary runs");
        let daemon = Self {
            child,
            dir: dir.to_owned(),
            smtp: base,
            imaps: base + 2,
            outbound: base + 5,
            lmtp: base + 7,
            milter: base + 6,
            accounts: Vec::new(),
            web: String::new(),
            api_key: String::new(),
        };
        until("the daemon answers", || {
            daemon.cli(&["users", "list"]).status.success()
        });
        daemon
    }

    /// Runs a command of ours against this daemon.
    pub(crate) fn cli(&self, args: &[&str]) -> Output {
        Command::new(BINARY)
            .args(args)
            .arg("--control")
            .arg(self.dir.join("control.sock"))
            .output()
            .expect("the binary runs")
    }

    /// The same; it must succeed. Returns what it says.
    pub(crate) fn must(&self, args: &[&str]) -> String {
        let output = self.cli(args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }

    /// The ids of what `scope` has in Caught.
    pub(crate) fn caught(&self, scope: &str) -> Vec<String> {
        let text = self.must(&["quarantine", "list", scope, "--json"]);
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        let entries = answer["entries"].as_array().expect("entries");
        entries
            .iter()
            .map(|e| e["id"].as_str().expect("id").to_owned())
            .collect()
    }

    #[allow(dead_code, reason = "benches/milter.rs uses it")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn password(&self, login: &str) -> &str {
        let found = self.accounts.iter().find(|(l, _)| l == login);
        found
            .map(|(_, password)| password.as_str())
            .expect("an account")
    }

    /// What the demo's destination has in the mailbox of `address`.
    pub(crate) fn delivered(&self, address: &str) -> Vec<String> {
        files(&self.dir.join("delivered").join(address).join("new"))
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// SIGTERM, and the end it comes to by itself.
    pub(crate) fn terminate(mut self) -> std::process::ExitStatus {
        let pid = i32::try_from(self.child.id()).expect("pid");
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGTERM,
        )
        .expect("signal");
        self.child.wait().expect("ended")
    }
}

impl Drop for Quaranta {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}
