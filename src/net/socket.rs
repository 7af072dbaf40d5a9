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
pub enum Socket {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A text says not where to listen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no place to listen: write 127.0.0.1:6666, [::1]:6666 or unix:/path/of/a.sock")]
pub struct SocketError(String);

impl FromStr for Socket {
    type Err = SocketError;

    fn from_str(text: &str) -> Result<Self, SocketError> {
        let fault = || SocketError(text.chars().take(120).collect());
        match text.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(_) => Err(fault()),
            None => text.parse().map(Self::Tcp).map_err(|_| fault()),
        }
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

crate::serde_as_text!(Socket);

/// A socket that is listened on.
#[derive(Debug)]
pub enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {socket}: {source}")]
pub struct BindError {
    pub socket: Socket,
    pub source: io::Error,
}

/// Listens on all of `sockets`; Unix sockets get the rights `mode`.
///
/// # Errors
/// [`BindError`] names the first that cannot be bound; none stays bound then.
pub async fn bind_all(sockets: &[Socket], mode: u32) -> Result<Vec<Bound>, BindError> {
    let mut all = Vec::with_capacity(sockets.len());
    for socket in sockets {
        let bound = Bound::bind(socket, mode).await;
        all.push(bound.map_err(|source| BindError {
            socket: socket.clone(),
            source,
        })?);
    }
    Ok(all)
}

impl Socket {
    /// The port, where there is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

impl Bound {
    /// Listens at `at`. A Unix socket gets the rights `mode`; one that nobody listens on any
    /// more is replaced.
    ///
    /// # Errors
    /// From the system; also if somebody listens there already.
    pub async fn bind(at: &Socket, mode: u32) -> io::Result<Self> {
        match at {
            Socket::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            Socket::Unix(path) => bind_unix(path, mode).map(Self::Unix),
        }
    }

    /// Where it listens; the port is known now where it was 0.
    #[must_use]
    pub fn at(&self) -> Option<Socket> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(Socket::Tcp),
            Self::Unix(listener) => {
                let address = listener.local_addr().ok()?;
                address.as_pathname().map(|path| Socket::Unix(path.into()))
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
            assert_eq!(text.parse::<Socket>().expect("a place").to_string(), text);
        }
        for text in ["", "6666", "localhost:6666", "unix:", "unix:x.sock"] {
            assert!(text.parse::<Socket>().is_err(), "{text}");
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
