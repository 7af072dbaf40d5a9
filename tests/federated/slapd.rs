//! OpenLDAP's slapd as Debian packages it: unpacked, on loopback, with its own configuration and people.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use quaranta::net::tls::{Options, ServerTls};

use crate::wait::{free_ports, until};

pub(crate) const BASE: &str = "dc=example,dc=org";
pub(crate) const SERVICE: &str = "cn=quaranta,dc=example,dc=org";
pub(crate) const SERVICE_PASSWORD: &str = "the service's own";
/// Of every person here.
pub(crate) const PASSWORD: &str = "the \"directory's\" \\word";

/// A directory that runs; ended when dropped.
pub(crate) struct Slapd {
    child: Child,
    dir: PathBuf,
    pub(crate) ldap: u16,
    pub(crate) ldaps: u16,
}

fn unpacked() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    );
    let folder = target.join("peers/slapd");
    assert!(folder.exists(), "slapd is missing; tests/run unpacks it");
    folder.canonicalize().expect("a folder")
}

/// A program of the package.
fn program(name: &str) -> Command {
    let root = unpacked();
    let mut command = Command::new(root.join("usr/sbin").join(name));
    let libraries = root.join("usr/lib");
    let own = std::fs::read_dir(&libraries).expect("libraries").flatten();
    let paths: Vec<String> = own.map(|at| at.path().display().to_string()).collect();
    command.env("LD_LIBRARY_PATH", paths.join(":"));
    command
}

fn people() -> String {
    let mut text = format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n\
         dn: {SERVICE}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n\
         cn: quaranta\nuserPassword: {SERVICE_PASSWORD}\n\n"
    );
    // The last two have the same address; carol's password is not for signing in.
    for (uid, mail) in [
        ("alice", "alice@example.org"),
        ("bob", "bob@example.org"),
        ("star", "*@example.org"),
        ("dora", "twins@example.org"),
        ("ella", "twins@example.org"),
    ] {
        let _infallible = write!(
            text,
            "dn: uid={uid},{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n\
             mail: {mail}\nuserPassword: {PASSWORD}\n\n"
        );
    }
    text.push_str(&format!(
        "dn: uid=carol,{BASE}\nobjectClass: inetOrgPerson\nuid: carol\ncn: carol\nsn: carol\n\
         mail: carol@example.org\n\n"
    ));
    text
}

impl Slapd {
    /// With alice, bob and others; passwords are taken under TLS only, unless it is `open`.
    pub(crate) fn start(dir: &Path, open: bool) -> Self {
        let root = unpacked();
        ServerTls::open(&Options::default(), dir, "localhost").expect("a certificate");
        let data = dir.join("data");
        std::fs::create_dir_all(&data).expect("folder");
        let schema: String = ["core", "cosine", "inetorgperson"]
            .iter()
            .map(|name| format!("include {}/etc/ldap/schema/{name}.schema\n", root.display()))
            .collect();
        let here = dir.display();
        let guard = if open {
            ""
        } else {
            "security simple_bind=128\n"
        };
        // Entries can be found by the service alone.
        let config = format!(
            "{schema}modulepath {}/usr/lib/ldap\nmoduleload back_mdb\n\
             TLSCertificateFile {here}/server.pem\nTLSCertificateKeyFile {here}/server.key\n{guard}\
             pidfile {here}/slapd.pid\ndatabase mdb\nsuffix \"{BASE}\"\ndirectory {}\nmaxsize 10485760\n\
             access to attrs=userPassword by anonymous auth by * none\n\
             access to * by dn.exact=\"{SERVICE}\" read by * none\n",
            root.display(),
            data.display()
        );
        let file = dir.join("slapd.conf");
        std::fs::write(&file, config).expect("configuration");
        let ldif = dir.join("people.ldif");
        std::fs::write(&ldif, people()).expect("people");
        let added = program("slapadd")
            .arg("-f")
            .arg(&file)
            .arg("-l")
            .arg(&ldif)
            .output();
        let added = added.expect("slapadd runs");
        assert!(
            added.status.success(),
            "{}",
            String::from_utf8_lossy(&added.stderr)
        );
        let ldap = free_ports();
        let log = File::create(dir.join("log")).expect("a log");
        // Level 256 says what it is asked.
        let child = program("slapd")
            .args(["-d", "256", "-f"])
            .arg(&file)
            .arg("-h")
            .arg(format!(
                "ldap://127.0.0.1:{ldap} ldaps://127.0.0.1:{}",
                ldap + 1
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("slapd runs");
        let slapd = Self {
            child,
            dir: dir.to_owned(),
            ldap,
            ldaps: ldap + 1,
        };
        until("slapd listens", || {
            std::net::TcpStream::connect(("127.0.0.1", ldap + 1)).is_ok()
        });
        slapd
    }

    /// What trusts its certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// What it was asked so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).expect("a log")
    }

    /// How often somebody tried to sign in there.
    pub(crate) fn binds(&self) -> usize {
        self.log().matches(" method=128").count()
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}
