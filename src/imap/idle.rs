//! IDLE (RFC 2177): news as they come, and a sign of life now and then.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::conn::End;
use super::reply::Done;
use super::session::Session;
use crate::actions::Notice;

/// A line is sent this often, so that middle boxes keep the connection and dead ones are seen.
const SIGN_OF_LIFE: Duration = Duration::from_secs(240);
/// Longest line that ends IDLE.
const LINE_MOST: usize = 1024;

/// What happened first.
enum Woken {
    Octets,
    News(Result<Notice, RecvError>),
    SignOfLife,
}

impl Session {
    pub(super) async fn idle(&mut self) -> Result<Done, End> {
        let until = self.silence();
        self.conn.line("+ idling");
        loop {
            if let Some(selected) = &mut self.selected {
                let desk = &self.house.desk;
                Box::pin(selected.sync(desk, &self.by, &mut self.conn, true)).await?;
            }
            self.conn.flush().await?;
            match self.conn.framer.line(LINE_MOST) {
                Some(Ok(line)) if line.eq_ignore_ascii_case(b"DONE") => {
                    return Ok(Done::ok("IDLE done"));
                }
                Some(_) => return Ok(Done::bad("IDLE ends with DONE")),
                None => {}
            }
            match self.wake(until).await? {
                Woken::Octets => {}
                Woken::SignOfLife => self.conn.line("* OK Still here"),
                Woken::News(news) => {
                    if let Some(selected) = &mut self.selected {
                        match news {
                            Ok(notice) => selected.note(&self.by, &notice),
                            Err(RecvError::Lagged(_)) => selected.lag(),
                            Err(RecvError::Closed) => return Err(End::Shutdown),
                        }
                    }
                }
            }
        }
    }

    async fn wake(&mut self, until: Instant) -> Result<Woken, End> {
        let news = async {
            match &mut self.selected {
                Some(selected) => selected.notices.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            filled = self.conn.fill(until) => filled.map(|()| Woken::Octets),
            news = news => Ok(Woken::News(news)),
            () = tokio::time::sleep(SIGN_OF_LIFE) => Ok(Woken::SignOfLife),
        }
    }
}
