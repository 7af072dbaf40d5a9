//! Postfix with its own configuration on a high port, as front relay or as destination.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::contrib::snippet;
use crate::wait::{free_port, until};

/// A Postfix that runs; stopped when dropped.
pub(crate) struct Postfix {
    dir: PathBuf,
    pub(crate) port: u16,
}

const SERVICES: &str = "\
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
postlog   unix-dgram n  -       n       -       1       postlogd
";

impl Postfix {
    /// A relay in front of the filter: it takes mail for example.org and hands it to
    /// the SMTP port `next`; what else it is given, bounces too, it throws away.
    pub(crate) fn front(dir: &Path, next: u16) -> Self {
        Self::start(
            dir,
            &format!(
                "myhostname = front.example.org\n{}\
                 default_transport = discard:\n\
                 minimal_backoff_time = 1s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s\n",
                snippet(
                    "postfix/front-relay.cf",
                    &[("127.0.0.1]:2525", &format!("127.0.0.1]:{next}"))]
                )
            ),
        )
    }

    /// A server that asks the milter at `socket` (as in main.cf), and hands mail for example.org
    /// and elsewhere.test to the SMTP port `next`.
    pub(crate) fn with_milter(dir: &Path, socket: &str, next: u16) -> Self {
        let lines = snippet("postfix/milter.cf", &[("inet:127.0.0.1:6666", socket)]);
        Self::start(
            dir,
            &format!(
                "myhostname = front.example.org\nmyorigin = example.org\n{lines}\
                 relay_domains = example.org, elsewhere.test\n\
                 relay_transport = relay:[127.0.0.1]:{next}\n\
                 default_transport = discard:\n"
            ),
        )
    }

    /// A server that asks the milter at `socket`, and hands what is sent to others to `next`.
    pub(crate) fn sending(dir: &Path, socket: &str, next: u16) -> Self {
        let lines = snippet("postfix/milter.cf", &[("inet:127.0.0.1:6666", socket)]);
        Self::start(
            dir,
            &format!(
                "myhostname = front.example.org\nmyorigin = example.org\n{lines}\
                 default_transport = smtp:[127.0.0.1]:{next}\n"
            ),
        )
    }

    /// A server that takes mail for example.org and throws it away; it may ask a milter.
    #[allow(dead_code, reason = "benches/milter.rs uses it")]
    pub(crate) fn sink(dir: &Path, socket: Option<&str>) -> Self {
        let lines = socket.map_or_else(String::new, |socket| {
            snippet("postfix/milter.cf", &[("inet:127.0.0.1:6666", socket)])
        });
        let role = format!(
            "myhostname = front.example.org\n{lines}relay_domains = example.org\n\
             relay_transport = discard:\ndefault_transport = discard:\n\
             smtpd_authorized_xclient_hosts = 127.0.0.1\n"
        );
        Self::start(dir, &role)
    }

    /// The process that all others are children of.
    #[allow(dead_code, reason = "benches/milter.rs uses it")]
    pub(crate) fn pid(&self) -> u32 {
        let text = std::fs::read_to_string(self.dir.join("queue/pid/master.pid"));
        let text = text.expect("the master's pid");
        text.trim().parse().expect("a number")
    }

    /// A server whose smtpd passes everything through the proxy `filter` before it queues it,
    /// takes it back at `back`, and hands it to `next`.
    pub(crate) fn with_proxy(dir: &Path, filter: u16, back: u16, next: u16) -> Self {
        let port = free_port();
        let services = snippet(
            "postfix/before-queue.cf",
            &[
                ("smtp      inet", &format!("{port} inet")),
                ("127.0.0.1:2525", &format!("127.0.0.1:{filter}")),
                ("127.0.0.1:2526", &format!("127.0.0.1:{back}")),
            ],
        );
        let role = format!(
            "myhostname = front.example.org\nrelay_domains = example.org\n\
             relay_transport = relay:[127.0.0.1]:{next}\ndefault_transport = discard:\n\
             smtpd_authorized_xclient_hosts = 127.0.0.1\n"
        );
        Self::start_at(dir, port, &role, &services)
    }

    /// A destination with Maildirs for alice and bob of example.org, and for eve elsewhere.
    pub(crate) fn destination(dir: &Path) -> Self {
        Self::mailboxes(
            dir,
            &["alice@example.org", "bob@example.org", "eve@elsewhere.test"],
        )
    }

    /// A smart host that knows one address in the world, carol@remote.test.
    pub(crate) fn smart_host(dir: &Path) -> Self {
        Self::mailboxes(dir, &["carol@remote.test", "ops@remote.test"])
    }

    fn mailboxes(dir: &Path, addresses: &[&str]) -> Self {
        let mail = dir.join("mail");
        std::fs::create_dir_all(&mail).expect("mail folder");
        let parts = addresses
            .iter()
            .filter_map(|address| address.split_once('@'));
        let (maps, mut domains): (Vec<String>, Vec<&str>) = parts
            .map(|(name, domain)| (format!("{name}@{domain}={name}/"), domain))
            .unzip();
        domains.dedup();
        let (maps, domains) = (maps.join(", "), domains.join(", "));
        std::os::unix::fs::chown(&mail, Some(65534), Some(65534))
            .expect("owner of the mail folder");
        Self::start(
            dir,
            &format!(
                "myhostname = mail.example.org\n\
                 virtual_mailbox_domains = {domains}\n\
                 virtual_mailbox_base = {}\n\
                 virtual_mailbox_maps = inline:{{ {maps} }}\n\
                 virtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\n",
                mail.display()
            ),
        )
    }

    fn start(dir: &Path, role: &str) -> Self {
        let port = free_port();
        let smtpd = format!("{port}      inet  n       -       n       -       -       smtpd\n");
        Self::start_at(dir, port, role, &smtpd)
    }

    /// With the line of master.cf that listens on `port` among `services`.
    fn start_at(dir: &Path, port: u16, role: &str, services: &str) -> Self {
        let text = dir.display();
        for folder in ["conf", "queue", "data"] {
            std::fs::create_dir_all(dir.join(folder)).expect("folder");
        }
        let owner = Command::new("chown")
            .arg("postfix")
            .arg(dir.join("data"))
            .status()
            .expect("chown");
        assert!(owner.success());
        let main = format!(
            "compatibility_level = 3.6\n\
             queue_directory = {text}/queue\ndata_directory = {text}/data\n\
             maillog_file = {text}/queue/log\nmaillog_file_prefixes = {text}\n\
             inet_interfaces = loopback-only\ninet_protocols = ipv4\n\
             mydestination =\nalias_maps =\nalias_database =\nlocal_recipient_maps =\n\
             mynetworks = 127.0.0.0/8\nsmtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n\
             smtpd_peername_lookup = no\n\
             smtp_host_lookup = native\nsmtp_dns_support_level = disabled\n{role}"
        );
        std::fs::write(dir.join("conf/main.cf"), main).expect("main.cf");
        let master = format!("{services}{SERVICES}");
        std::fs::write(dir.join("conf/master.cf"), master).expect("master.cf");
        let postfix = Self {
            dir: dir.to_owned(),
            port,
        };
        let output = postfix
            .command()
            .arg("start")
            .output()
            .expect("postfix runs");
        assert!(
            output.status.success(),
            "postfix does not start: {output:?}\n{}",
            postfix.log()
        );
        until("postfix listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        postfix
    }

    fn command(&self) -> Command {
        let mut command = Command::new("/usr/sbin/postfix");
        command.arg("-c").arg(self.dir.join("conf"));
        command
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("queue/log")).unwrap_or_default()
    }

    /// The messages in the Maildir of `who`.
    pub(crate) fn delivered(&self, who: &str) -> Vec<String> {
        crate::wait::files(&self.dir.join("mail").join(who).join("new"))
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _stopped = self.command().arg("stop").output();
    }
}
