//! Writing a whole answer at once, within a time.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

/// Writes all of `octets`, if there are any, and flushes them.
///
/// # Errors
/// From the system; [`io::ErrorKind::TimedOut`] if it takes longer than `time`.
pub async fn write_within<S>(stream: &mut S, octets: &[u8], time: Duration) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    if octets.is_empty() {
        return Ok(());
    }
    let write = async {
        stream.write_all(octets).await?;
        stream.flush().await
    };
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    timeout(time, write).await.map_err(late)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_does_not_read_is_not_waited_for() {
        let (mut here, _there) = tokio::io::duplex(4);
        let time = Duration::from_millis(20);
        assert!(write_within(&mut here, b"", time).await.is_ok());
        assert!(write_within(&mut here, b"four", time).await.is_ok());
        let late = write_within(&mut here, b"more", time).await;
        assert!(late.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut));
    }
}
