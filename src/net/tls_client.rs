//! TLS towards other servers: checked against known authorities, or any certificate (RFC 7435).

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tls::TlsError;

/// What is asked of the other server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Any: the line is hidden from listeners, the server is not known.
    Any,
    /// Valid for the host's name, from a known authority.
    Valid,
}

/// The client side of TLS. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls {
    any: TlsConnector,
    valid: TlsConnector,
}

impl ClientTls {
    /// Trusts the public authorities and those in `ca_file` (PEM).
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(path) = ca_file {
            add_roots(&mut roots, path)?;
        }
        let builder = || {
            ClientConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
                .map_err(TlsError::Pair)
        };
        let any = builder()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider.clone())))
            .with_no_client_auth();
        let valid = builder()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            any: TlsConnector::from(Arc::new(any)),
            valid: TlsConnector::from(Arc::new(valid)),
        })
    }

    /// What checks the other's certificate, for a client that shakes hands by itself.
    #[cfg(feature = "ldap")]
    #[must_use]
    pub fn checking(&self) -> Arc<ClientConfig> {
        self.valid.config().clone()
    }

    /// Shakes hands with `host`, a name or an IP address.
    ///
    /// # Errors
    /// An I/O error, or what is wrong with the certificate.
    pub async fn connect<S>(
        &self,
        host: &str,
        stream: S,
        certificate: Certificate,
    ) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let connector = match certificate {
            Certificate::Any => &self.any,
            Certificate::Valid => &self.valid,
        };
        connector.connect(name, stream).await
    }
}

fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    let pem = std::fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })?;
    let fault = |why: String| TlsError::Pem {
        path: path.to_owned(),
        why,
    };
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| fault(e.to_string()))?;
        roots.add(certificate).map_err(|e| fault(e.to_string()))?;
        count += 1;
    }
    if count == 0 {
        return Err(fault("no certificate in it".to_owned()));
    }
    Ok(())
}

/// Takes any certificate; the handshake's signature must still be the certificate's.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
