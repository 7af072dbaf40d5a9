//! Sendmail from its unpacked package, with its own configuration on a high port, asking our milter.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::contrib::snippet;
use crate::wait::{free_port, until};

/// A Sendmail that runs in the foreground; killed when dropped.
pub(crate) struct Sendmail {
    child: Child,
    pub(crate) port: u16,
}

/// The folder into which `tests/peers/unpack` put the packages.
fn unpacked() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/unpack");
    let output = Command::new(script)
        .args(["sendmail", "sendmail-bin", "sendmail-cf"])
        .output()
        .expect("tests/peers/unpack runs");
    assert!(output.status.success(), "Sendmail cannot be unpacked");
    String::from_utf8_lossy(&output.stdout).trim().into()
}

impl Sendmail {
    /// Asks the milter at the port `milter`, and hands all mail to the SMTP port `next`.
    pub(crate) fn with_milter(dir: &Path, milter: u16, next: u16) -> Self {
        let (port, peers) = (free_port(), unpacked());
        std::fs::create_dir_all(dir.join("queue")).expect("folder");
        std::fs::write(dir.join("switch"), "hosts files\naliases files\n").expect("a file");
        let lines = snippet(
            "sendmail/quaranta.mc",
            &[("inet:6666@", &format!("inet:{milter}@"))],
        );
        let text = dir.display();
        let mc = format!(
            "divert(-1)\ninclude(`{}/usr/share/sendmail/cf/m4/cf.m4')\nOSTYPE(`linux')\n\
             define(`confDOMAIN_NAME', `front.example.org')\n\
             define(`confDONT_PROBE_INTERFACES', `True')\n\
             define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe')\n\
             define(`confSERVICE_SWITCH_FILE', `{text}/switch')\n\
             define(`QUEUE_DIR', `{text}/queue')\ndefine(`confPID_FILE', `{text}/pid')\n\
             define(`STATUS_FILE', `{text}/statistics')\ndefine(`confTO_IDENT', `0')\n\
             define(`SMART_HOST', `relay:[127.0.0.1]')\ndefine(`RELAY_MAILER_ARGS', `TCP $h {next}')\n\
             FEATURE(`no_default_msa')\nFEATURE(`nocanonify')\nFEATURE(`promiscuous_relay')\n\
             FEATURE(`accept_unresolvable_domains')\n\
             DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port={port}')\n{lines}MAILER(`smtp')\n",
            peers.display()
        );
        std::fs::write(dir.join("test.mc"), mc).expect("test.mc");
        let cf = Command::new("m4")
            .arg(dir.join("test.mc"))
            .output()
            .expect("m4 runs");
        assert!(
            cf.status.success(),
            "{}",
            String::from_utf8_lossy(&cf.stderr)
        );
        std::fs::write(dir.join("test.cf"), cf.stdout).expect("test.cf");
        // A copy, because the loader trusts no library path for a binary with set-group-ID.
        let binary = dir.join("sendmail");
        std::fs::copy(peers.join("usr/libexec/sendmail/sendmail"), &binary).expect("copied");
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).expect("mode");
        // A host name without a dot makes it sleep for a minute, so it gets a name of its own.
        let child = Command::new("unshare")
            .args([
                "--uts",
                "sh",
                "-c",
                "hostname front.example.org && exec \"$@\"",
                "sh",
            ])
            .arg(binary)
            .env("LD_LIBRARY_PATH", peers.join("usr/lib/x86_64-linux-gnu"))
            .arg(format!("-C{}", dir.join("test.cf").display()))
            .args(["-bD", "-q1s"])
            .stderr(Stdio::inherit())
            .spawn()
            .expect("sendmail runs");
        let sendmail = Self { child, port };
        until("sendmail listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        sendmail
    }
}

impl Drop for Sendmail {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}
