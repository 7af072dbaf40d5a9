//! What is kept of an authority: the account there, and the certificate with its key; and when that is due.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use instant_acme::AccountCredentials;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use x509_parser::extensions::GeneralName;

use crate::clock::Timestamp;

/// The files, readable for us alone.
pub(super) struct Kept {
    dir: PathBuf,
}

/// The account, with the authority that knows it.
#[derive(Serialize, Deserialize)]
struct KeptAccount {
    directory: String,
    credentials: AccountCredentials,
}

impl Kept {
    /// In the folder `acme` of the data directory.
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        let dir = data.join("acme");
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&dir)?;
        Ok(Self { dir })
    }

    /// The certificate and its key, in one file, so that they are replaced as one.
    pub(super) fn certificate(&self) -> PathBuf {
        self.dir.join("certificate.pem")
    }

    pub(super) fn keep_certificate(&self, chain: &str, key: &str) -> io::Result<()> {
        self.write(&self.certificate(), format!("{chain}\n{key}").as_bytes())
    }

    /// When the certificate is due to be renewed; at once if there is none for these names.
    pub(super) fn due(&self, domains: &[String]) -> Timestamp {
        let pem = std::fs::read(self.certificate());
        pem.ok()
            .and_then(|pem| due(&pem, domains))
            .unwrap_or_default()
    }

    /// The account at this authority, if there is one that can be read.
    pub(super) fn account(&self, directory: &str) -> Option<AccountCredentials> {
        let octets = std::fs::read(self.dir.join("account.json")).ok()?;
        let kept: KeptAccount = serde_json::from_slice(&octets).ok()?;
        (kept.directory == directory).then_some(kept.credentials)
    }

    pub(super) fn keep_account(
        &self,
        directory: &str,
        credentials: AccountCredentials,
    ) -> io::Result<()> {
        let kept = KeptAccount {
            directory: directory.to_owned(),
            credentials,
        };
        let octets = serde_json::to_vec(&kept)?;
        self.write(&self.dir.join("account.json"), &octets)
    }

    /// All or nothing, also if the machine stops.
    fn write(&self, path: &Path, octets: &[u8]) -> io::Result<()> {
        let new = path.with_extension("new");
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(octets)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        std::fs::File::open(&self.dir)?.sync_all()
    }
}

/// When a third of the life of the first certificate is left; `None` if it cannot be read, or does not
/// hold all of `domains`.
pub(super) fn due(pem: &[u8], domains: &[String]) -> Option<Timestamp> {
    let der = CertificateDer::from_pem_slice(pem).ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let holds = |domain: &String| {
        let mut all = names.value.general_names.iter();
        all.any(|name| matches!(name, GeneralName::DNSName(n) if n.eq_ignore_ascii_case(domain)))
    };
    if !domains.iter().all(holds) {
        return None;
    }
    let validity = certificate.validity();
    let (from, until) = (
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    );
    let seconds = u64::try_from(until - until.saturating_sub(from) / 3).ok()?;
    Some(Timestamp(seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(days: [(i32, u8, u8); 2], names: &[&str]) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).expect("names");
        let [from, until] = days.map(|(y, m, d)| rcgen::date_time_ymd(y, m, d));
        (params.not_before, params.not_after) = (from, until);
        let key = rcgen::KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("made").pem()
    }

    #[test]
    fn a_certificate_is_due_when_a_third_is_left_or_a_name_is_missing() {
        let pem = made([(2026, 1, 1), (2026, 4, 1)], &["mx.test", "imap.test"]);
        let due = |domains: &[&str]| {
            let domains: Vec<String> = domains.iter().map(|name| (*name).to_owned()).collect();
            super::due(pem.as_bytes(), &domains).map(|at| at.to_string())
        };
        assert_eq!(due(&["mx.test"]).as_deref(), Some("2026-03-02T00:00:00Z"));
        assert_eq!(due(&["MX.test", "imap.test"]), due(&["mx.test"]));
        assert_eq!(due(&["mx.test", "web.test"]), None);
        assert_eq!(super::due(b"nonsense", &[]), None);
    }

    #[test]
    fn what_is_kept_is_for_us_alone_and_replaced_as_one() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("folder");
        let kept = Kept::open(dir.path()).expect("opened");
        let names = ["mx.test".to_owned()];
        assert_eq!(kept.due(&names), Timestamp(0));
        for year in [2026, 2036] {
            let pem = made([(year, 1, 1), (year, 4, 1)], &["mx.test"]);
            kept.keep_certificate(&pem, "a key").expect("kept");
            let at = kept.due(&names).to_string();
            assert!(at.starts_with(&format!("{year}-0")), "{at}");
        }
        let mode = |path: &Path| {
            let data = std::fs::metadata(path).expect("there");
            data.permissions().mode() & 0o777
        };
        assert_eq!(mode(&kept.certificate()), 0o600);
        assert_eq!(mode(&dir.path().join("acme")), 0o700);
    }
}
