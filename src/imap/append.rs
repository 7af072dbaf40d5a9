//! APPEND (RFC 3501 section 6.3.11): a message from elsewhere is a lesson, or is refused (SE-11).

use std::time::Duration;

use tokio::time::Instant;

use super::conn::End;
use super::folders::find;
use super::list::no_folder;
use super::reply::Done;
use super::session::Session;
use crate::mail::{BodyType, Direction, Envelope, Mail, Message, Peer, Share};
use crate::policy::Scope;
use crate::record::Lore;

/// Octets of a message taken from the line at once.
const PIECE: u64 = 64 * 1024;
/// A client that sends none of a message for this long is gone.
const PIECE_WAIT: Duration = Duration::from_secs(120);
/// Octets beyond which a refused message is not read to its end.
const THROW_MOST: u64 = 1 << 30;
/// Longest rest of the command behind the message.
const REST_MOST: usize = 1024;

/// A message as it comes in, with CRLF line ends, whatever the client sent.
struct Incoming {
    octets: Vec<u8>,
    share: Share,
    after_cr: bool,
}

impl Session {
    /// Takes the message of an APPEND whose head was read.
    pub(super) async fn append(
        &mut self,
        mailbox: &[u8],
        size: u64,
        sync: bool,
    ) -> Result<Done, End> {
        let wanted = match find(mailbox) {
            None => Err(no_folder()),
            Some(folder) => folder
                .append_teaches()
                .map_err(|why| Done::no("[CANNOT]", why)),
        };
        let most = self.house.options.append_most;
        let wanted = match wanted {
            Ok(_) if size == 0 => Err(Done::no("[CANNOT]", "The message is empty")),
            Ok(_) if size > most.0 => Err(Done::no(
                "[TOOBIG]",
                format!("A message has at most {most} octets"),
            )),
            other => other,
        };
        match wanted {
            Ok(lore) => {
                if sync {
                    self.conn.line("+ Ready");
                }
                self.conn.flush().await?;
                self.receive(lore, size).await
            }
            // The client has not begun to send: the answer stops it.
            Err(done) if sync => Ok(done),
            Err(done) => {
                self.throw_away(size).await?;
                self.rest_of_line().await?;
                Ok(done)
            }
        }
    }

    async fn receive(&mut self, lore: Lore, size: u64) -> Result<Done, End> {
        let mut incoming = Incoming {
            octets: Vec::new(),
            share: self.house.budget.share(),
            after_cr: false,
        };
        let mut left = size;
        let whole = self.silence();
        while left > 0 {
            let until = whole.min(Instant::now() + PIECE_WAIT);
            let piece = self.conn.octets(left.min(PIECE), until).await?;
            left -= piece.len() as u64;
            if !incoming.add(&piece) {
                drop(incoming);
                self.throw_away(left).await?;
                self.rest_of_line().await?;
                let words = "Too much mail is in flight, come back soon";
                return Ok(Done::no("[UNAVAILABLE]", words));
            }
        }
        if !self.rest_of_line().await? {
            return Ok(Done::bad("One message at a time"));
        }
        Ok(self.teach(lore, incoming).await)
    }

    async fn teach(&self, lore: Lore, incoming: Incoming) -> Done {
        let Some((octets, share)) = incoming.end() else {
            return Done::no(
                "[UNAVAILABLE]",
                "Too much mail is in flight, come back soon",
            );
        };
        let Ok(message) = Message::new(octets, Some(share)) else {
            return Done::no("[CANNOT]", "The message has broken lines");
        };
        let to = match &self.by.scope {
            Scope::Recipient(address) => vec![address.clone()],
            Scope::Global | Scope::Domain(_) => Vec::new(),
        };
        let envelope = Envelope {
            peer: Peer::new(self.peer),
            direction: Direction::Inbound,
            from: None,
            to,
            body: BodyType::EightBitMime,
            smtputf8: false,
        };
        let mail = Mail::new(envelope, message, self.house.clock.now().day());
        let taught = self.house.desk.teach(&self.by, lore, &mail, &self.door);
        match taught.await {
            // No APPENDUID: what is reported cannot be read there (RFC 4315).
            Ok(()) => Done::ok("APPEND done, reported"),
            Err(refusal) => Done::refused(&refusal),
        }
    }

    /// Reads octets and forgets them; a message of absurd size ends the session.
    async fn throw_away(&mut self, mut left: u64) -> Result<(), End> {
        if left > THROW_MOST {
            self.conn.line("* BYE [TOOBIG] That is too much");
            return Err(End::Told);
        }
        let whole = self.silence();
        while left > 0 {
            let until = whole.min(Instant::now() + PIECE_WAIT);
            left -= self.conn.octets(left.min(PIECE), until).await?.len() as u64;
        }
        Ok(())
    }

    /// Reads to the end of the command; false if there was more than a line end.
    async fn rest_of_line(&mut self) -> Result<bool, End> {
        let until = Instant::now() + PIECE_WAIT;
        match self.conn.plain_line(REST_MOST, until).await? {
            Some(rest) if rest.trim_ascii().is_empty() => Ok(true),
            // Several messages in one APPEND (RFC 3502) are not offered. Where the next one is
            // announced, its octets cannot be told from commands: the session ends.
            _ => {
                self.conn.line("* BYE One message at a time");
                Err(End::Told)
            }
        }
    }
}

impl Incoming {
    /// Adds octets with line ends made CRLF; false if there is no room for them.
    fn add(&mut self, piece: &[u8]) -> bool {
        // At worst each octet is a bare line end.
        let bare = piece.iter().filter(|b| matches!(b, b'\r' | b'\n')).count();
        if self.share.grow(piece.len() + bare + 1).is_err() {
            return false;
        }
        self.octets.reserve(piece.len() + bare + 1);
        for &byte in piece {
            match byte {
                b'\n' => self.octets.extend_from_slice(b"\r\n"),
                _ if self.after_cr => {
                    self.octets.extend_from_slice(b"\r\n");
                    if byte != b'\r' {
                        self.octets.push(byte);
                    }
                }
                b'\r' => {}
                _ => self.octets.push(byte),
            }
            self.after_cr = byte == b'\r';
        }
        true
    }

    fn end(mut self) -> Option<(Vec<u8>, Share)> {
        if self.after_cr && !self.add(b"\n") {
            return None;
        }
        self.octets.shrink_to_fit();
        Some((self.octets, self.share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_made_whole_wherever_they_are_cut() {
        for (given, want) in [
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\nb\rc\n\n", "a\r\nb\r\nc\r\n\r\n"),
            ("a\r\r\n\r", "a\r\n\r\n\r\n"),
            ("\n\r", "\r\n\r\n"),
        ] {
            for cut in 0..=given.len() {
                let mut incoming = Incoming {
                    octets: Vec::new(),
                    share: crate::mail::Budget::new(1000).share(),
                    after_cr: false,
                };
                assert!(incoming.add(&given.as_bytes()[..cut]));
                assert!(incoming.add(&given.as_bytes()[cut..]));
                let (octets, _) = incoming.end().expect("room");
                assert_eq!(octets, want.as_bytes(), "{given:?} at {cut}");
            }
        }
    }
}
