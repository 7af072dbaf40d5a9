//! Where a service is: `host:port`, or `unix:/path` for a socket in the file system.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// A place to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Host name or address, and port.
    Tcp(String, u16),
    Unix(PathBuf),
}

/// A text is not an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a place to connect to; write host:port or unix:/path")]
pub struct EndpointError(String);

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let fault = || EndpointError(text.chars().take(80).collect());
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') {
                Ok(Self::Unix(PathBuf::from(path)))
            } else {
                Err(fault())
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(fault)?;
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        match port.parse() {
            Ok(port) if port != 0 && !host.is_empty() && !host.contains([' ', '/']) => {
                Ok(Self::Tcp(host.to_owned(), port))
            }
            _ => Err(fault()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

crate::serde_as_text!(Endpoint);

/// A connection to an endpoint.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Endpoint {
    /// Connects. The caller limits the time.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn connect(&self) -> io::Result<Box<dyn Wire>> {
        match self {
            Self::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_read_as_they_are_written() {
        for text in [
            "127.0.0.1:3310",
            "[::1]:783",
            "scan.test:11333",
            "unix:/run/clamd.ctl",
        ] {
            assert_eq!(
                text.parse::<Endpoint>().expect("endpoint").to_string(),
                text
            );
        }
        for bad in [
            "",
            "host",
            ":1",
            "host:0",
            "host:x",
            "unix:relative",
            "a b:1",
            "http://x:1",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad:?}");
        }
    }
}
