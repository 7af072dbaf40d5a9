//! Exim with the configurations of contrib/exim on a high port. It conflicts with Postfix's
//! package and wants a user that is not there: it runs unpacked, as whoever it is told that
//! this user is (nss_wrapper), and without the rights of root.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::wait::{files, free_ports, until};

/// nobody and nogroup, if we are root.
const NOBODY: u32 = 65_534;

/// An Exim that runs; ended when dropped.
pub(crate) struct Exim {
    child: Child,
    dir: PathBuf,
    pub(crate) port: u16,
}

/// A folder of what `tests/peers/unpack` unpacked.
fn unpacked(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    );
    let folder = target.join("peers").join(name);
    assert!(folder.exists(), "{name} is missing; tests/run unpacks it");
    folder
}

/// The file whose path below `folder` ends so.
fn find(folder: &Path, name: &str) -> PathBuf {
    let found = Command::new("find")
        .arg(folder)
        .args(["-type", "f", "-path", &format!("*/{name}")])
        .output()
        .expect("find runs");
    let text = String::from_utf8(found.stdout).expect("text");
    PathBuf::from(text.lines().next().expect("it was unpacked"))
}

impl Exim {
    /// A relay in front of the port `next`. `macros` are lines for front.conf.
    pub(crate) fn front(dir: &Path, next: u16, macros: &[&str]) -> Self {
        let text = contrib("front.conf")
            .replace("QUARANTA_PORT = 2525", &format!("QUARANTA_PORT = {next}"))
            .replace("begin routers\n", "begin routers\n\nelsewhere:\n  driver = redirect\n  domains = ! +quaranta_domains\n  data = :blackhole:\n")
            .replace("F,2h,15m;", "F,2h,1s;");
        Self::start(dir, &text, macros)
    }

    /// A destination with Maildirs for alice and bob.
    pub(crate) fn destination(dir: &Path) -> Self {
        let mail = dir.join("mail");
        let text = contrib("destination.conf").replace("/var/mail/virtual", &text_of(&mail));
        std::fs::create_dir_all(&mail).expect("mail folder");
        Self::start(dir, &text, &[])
    }

    fn start(dir: &Path, config: &str, macros: &[&str]) -> Self {
        let (port, root) = (free_ports(), nix::unistd::geteuid().is_root());
        let uid = if root {
            NOBODY
        } else {
            nix::unistd::geteuid().as_raw()
        };
        for folder in ["spool", "log"] {
            std::fs::create_dir_all(dir.join(folder)).expect("folder");
        }
        // Not the unpacked file: it has the set-user-ID bit, by which the linker forgets us.
        let binary = dir.join("exim4");
        std::fs::copy(find(&unpacked("exim"), "sbin/exim4"), &binary).expect("copied");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&binary, mode).expect("rights");
        let wrapper = dir.join("libnss_wrapper.so");
        std::fs::copy(
            find(&unpacked("nss-wrapper"), "libnss_wrapper.so"),
            &wrapper,
        )
        .expect("copied");
        let text = text_of(dir);
        let users =
            format!("root:x:0:0::/:/bin/sh\nDebian-exim:x:{uid}:{uid}::{text}:/bin/false\n");
        std::fs::write(dir.join("passwd"), users).expect("passwd");
        std::fs::write(
            dir.join("group"),
            format!("root:x:0:\nDebian-exim:x:{uid}:\n"),
        )
        .expect("group");
        let macros: String = macros.iter().map(|line| format!("{line}\n")).collect();
        let own = format!(
            "{macros}exim_path = {text}/exim4\nspool_directory = {text}/spool\n\
             log_file_path = {text}/log/%slog\ndaemon_smtp_ports = {port}\nlocal_interfaces = 127.0.0.1\n\
             keep_environment = LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP\n\
             deliver_drop_privilege\ntls_advertise_hosts =\nprimary_hostname = front.example.org\n\
             log_selector = +smtp_confirmation\n"
        );
        std::fs::write(dir.join("exim.conf"), own + config).expect("configuration");
        if root {
            let owned = Command::new("chown")
                .args(["-R", &format!("{uid}:{uid}")])
                .arg(dir)
                .status();
            assert!(owned.expect("chown runs").success());
        }
        let mut command = Command::new(&binary);
        command
            .env("LD_PRELOAD", &wrapper)
            .env("NSS_WRAPPER_PASSWD", dir.join("passwd"))
            .env("NSS_WRAPPER_GROUP", dir.join("group"))
            .arg("-C")
            .arg(dir.join("exim.conf"))
            .args(["-bdf", "-q1s", "-oP"])
            .arg(dir.join("spool/pid"))
            .stdin(Stdio::null());
        if root {
            command.uid(uid).gid(uid);
        }
        let child = command.spawn().expect("Exim runs");
        let exim = Self {
            child,
            dir: dir.to_owned(),
            port,
        };
        until("Exim listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        exim
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log/mainlog")).unwrap_or_default()
    }

    /// The messages in the Maildir of `who`.
    pub(crate) fn delivered(&self, who: &str) -> Vec<String> {
        files(&self.dir.join("mail").join(who).join("new"))
    }
}

fn contrib(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/exim");
    std::fs::read_to_string(folder.join(name)).expect("the configuration")
}

fn text_of(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}

impl Drop for Exim {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}
