//! TLS for every listener: one certificate, TLS 1.2 and 1.3 only, reloaded without a restart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::certificate::ends;
use crate::clock::Timestamp;

crate::options! {
    /// The certificate that all listeners show. Without one, a certificate authority of the
    /// house and a certificate signed by it are made at first start, in the data directory.
    pub struct Options in "tls" {
        /// Certificate chain, PEM, the server's own certificate first.
        pub certificate: Option<PathBuf> = None,
        /// The private key of the certificate, PEM.
        pub key: Option<PathBuf> = None,
    }
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} holds no usable PEM: {why}")]
    Pem { path: PathBuf, why: String },
    #[error("certificate and key do not go together: {0}")]
    Pair(rustls::Error),
    #[error("cannot make a certificate: {0}")]
    Make(String),
    #[error("[tls] certificate and key go together: set both, or neither")]
    Half,
}

/// What is shown now.
struct Shown {
    config: Arc<ServerConfig>,
    /// When its certificate ends.
    ends: Option<Timestamp>,
}

/// The server side of TLS, shared by all doors.
#[derive(Clone)]
pub struct ServerTls {
    shown: Arc<ArcSwap<Shown>>,
    files: Arc<ArcSwap<(PathBuf, PathBuf)>>,
}

impl ServerTls {
    /// Loads the configured certificate, or the one of the house in `dir`, which is
    /// made for `hostname` if it is not there.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn open(options: &Options, dir: &Path, hostname: &str) -> Result<Self, TlsError> {
        let files = match (&options.certificate, &options.key) {
            (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
            (None, None) => house_certificate(dir, hostname)?,
            _ => return Err(TlsError::Half),
        };
        let shown = load(&files.0, &files.1)?;
        Ok(Self {
            shown: Arc::new(ArcSwap::from_pointee(shown)),
            files: Arc::new(ArcSwap::from_pointee(files)),
        })
    }

    /// Reads the files again; sessions that are open keep what they have.
    ///
    /// # Errors
    /// [`TlsError`]; the certificate in use stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let files = self.files.load();
        self.shown.store(Arc::new(load(&files.0, &files.1)?));
        Ok(())
    }

    /// Shows the certificate of other files from now on, which may be one file; sessions that are open
    /// keep what they have.
    ///
    /// # Errors
    /// [`TlsError`]; the certificate in use stays.
    pub fn take(&self, certificate: &Path, key: &Path) -> Result<(), TlsError> {
        let shown = load(certificate, key)?;
        let files = (certificate.to_owned(), key.to_owned());
        self.files.store(Arc::new(files));
        self.shown.store(Arc::new(shown));
        Ok(())
    }

    /// An acceptor with the certificate of now.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.shown.load().config.clone())
    }

    /// When the certificate in use ends; `None` if it does not say so in a way we read.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        self.shown.load().ends
    }
}

/// TLS version and cipher suite of a connection, as the Received field tells them.
#[must_use]
pub fn describe(connection: &rustls::CommonState) -> Option<String> {
    let version = match connection.protocol_version()? {
        rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
        rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2",
        _ => return None,
    };
    let suite = connection.negotiated_cipher_suite()?.suite();
    Some(format!("{version} {}", suite.as_str().unwrap_or("unknown")))
}

fn load(certificate: &Path, key: &Path) -> Result<Shown, TlsError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| TlsError::Read {
            path: path.to_owned(),
            source,
        })
    };
    let pem = |path: &Path, why: String| TlsError::Pem {
        path: path.to_owned(),
        why,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|e| pem(certificate, e.to_string()))?;
    if chain.is_empty() {
        return Err(pem(certificate, "no certificate in it".to_owned()));
    }
    let private =
        PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|e| pem(key, e.to_string()))?;
    let ends = chain.first().and_then(|own| ends(own));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(TlsError::Pair)?;
    Ok(Shown {
        config: Arc::new(config),
        ends,
    })
}

/// The files of the certificate of the house; `ca.pem` is what clients may trust.
fn house_certificate(dir: &Path, hostname: &str) -> Result<(PathBuf, PathBuf), TlsError> {
    let (certificate, key) = (dir.join("server.pem"), dir.join("server.key"));
    if certificate.exists() && key.exists() {
        return Ok((certificate, key));
    }
    let made = make(hostname).map_err(|e| TlsError::Make(e.to_string()))?;
    let write = |path: PathBuf, text: &str, mode: u32| {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&path)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())
                    .and_then(|()| file.sync_all())
            })
            .map_err(|source| TlsError::Read { path, source })
    };
    write(dir.join("ca.pem"), &made.authority, 0o644)?;
    write(key.clone(), &made.key, 0o600)?;
    write(certificate.clone(), &made.certificate, 0o644)?;
    Ok((certificate, key))
}

struct Made {
    authority: String,
    certificate: String,
    key: String,
}

fn make(hostname: &str) -> Result<Made, rcgen::Error> {
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    };
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority
        .distinguished_name
        .push(DnType::CommonName, format!("Quaranta CA of {hostname}"));
    authority.key_usages = vec![
        rcgen::KeyUsagePurpose::KeyCertSign,
        rcgen::KeyUsagePurpose::CrlSign,
    ];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let mut names = vec![hostname.to_owned()];
    for name in ["localhost", "127.0.0.1", "::1"] {
        if name != hostname {
            names.push(name.to_owned());
        }
    }
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, hostname);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;
    // The key of the authority is forgotten: it signs this one certificate and no other.
    Ok(Made {
        authority: authority_certificate.pem(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_reloads() {
        let dir = tempfile::tempdir().expect("dir");
        let tls = ServerTls::open(&Options::default(), dir.path(), "mx.example.org").expect("made");
        let first = std::fs::read(dir.path().join("server.pem")).expect("file");
        ServerTls::open(&Options::default(), dir.path(), "mx.example.org").expect("found");
        assert_eq!(
            first,
            std::fs::read(dir.path().join("server.pem")).expect("file")
        );
        std::fs::write(dir.path().join("server.pem"), "x").expect("file");
        assert!(matches!(tls.reload(), Err(TlsError::Pem { .. })));
    }
}
