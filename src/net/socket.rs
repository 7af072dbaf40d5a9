//! Listening on TCP or on a Unix socket, by one kind of address.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio::net::{TcpListener, UnixListener};

/// Where to listen: an address and port, or the path of a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A text says not where to listen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no place to listen: write 127.0.0.1:6666, [::1]:6666 or unix:/path/of/a.sock")]
pub struct AtError(String);

impl FromStr for At {
    type Err = AtError;

    fn from_str(text: &str) -> Result<Self, AtError> {
        let fault = || AtError(text.chars().take(120).collect());
        match text.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(_) => Err(fault()),
            None => text.parse().map(Self::Tcp).map_err(|_| fault()),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

crate::serde_as_text!(At);

/// Something that listens.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Listens at `at`. A Unix socket gets the rights `mode`; one that nobody listens on any
    /// more is replaced.
    ///
    /// # Errors
    /// From the system; also if somebody listens there already.
    pub async fn bind(at: &At, mode: u32) -> io::Result<Self> {
        match at {
            At::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            At::Unix(path) => bind_unix(path, mode).map(Self::Unix),
        }
    }

    /// Where it listens; the port is known now where it was 0.
    #[must_use]
    pub fn at(&self) -> Option<At> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(At::Tcp),
            Self::Unix(listener) => {
                let address = listener.local_addr().ok()?;
                address.as_pathname().map(|path| At::Unix(path.into()))
            }
        }
    }
}

/// Opens the Unix socket `path` with the rights `mode`. What an ended process left there goes;
/// a file that is no socket stays, and is an error.
///
/// # Errors
/// From the system; also if somebody listens there already.
pub fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    use std::os::unix::fs::FileTypeExt as _;
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        let why = "somebody listens there already";
        return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
    }
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in ["127.0.0.1:6666", "[::1]:6666", "unix:/run/x y.sock"] {
            assert_eq!(text.parse::<At>().expect("a place").to_string(), text);
        }
        for text in ["", "6666", "localhost:6666", "unix:", "unix:x.sock"] {
            assert!(text.parse::<At>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_nothing_else() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("a.sock");
        let first = bind_unix(&path, 0o660).expect("bound");
        let taken = bind_unix(&path, 0o660).expect_err("somebody listens");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        let again = bind_unix(&path, 0o660).expect("replaced");
        let mode = std::fs::metadata(&path).expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o660);
        drop(again);
        let file = dir.path().join("file");
        std::fs::write(&file, "keep").expect("written");
        assert!(bind_unix(&file, 0o660).is_err());
        assert_eq!(std::fs::read(&file).expect("kept"), b"keep");
    }
}
