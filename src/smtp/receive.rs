//! Receiving a message: DATA, and BDAT in chunks (RFC 3030).

use super::content::DotReader;
use super::session::{Asked, Chunk, Event, Phase, Question, Session};
use crate::mail::{Content, Mail, Reply};

/// Larger chunks of BDAT are not even read, in octets.
const CHUNK_MOST: u64 = 1 << 30;

impl Session {
    fn new_content(&self) -> Content {
        let most = self.setup.options.message_size.get();
        Content::new(&self.setup.budget, most)
    }

    pub(super) fn data(&mut self) {
        let content = self.new_content();
        match &mut self.transaction {
            None => self.out_of_order("DATA comes after MAIL and RCPT"),
            Some(open) if open.content.is_some() => {
                self.out_of_order("DATA and BDAT do not go together");
            }
            Some(open) if open.envelope.to.is_empty() => {
                self.wrong(&self.setup.protocol.no_recipients());
            }
            Some(open) => {
                open.content = Some(content);
                self.say(&Reply::plain(354, "End data with <CRLF>.<CRLF>"));
                self.phase = Phase::Data(DotReader::new());
            }
        }
    }

    /// The octets of a chunk follow whatever we think of it, so they are always read.
    pub(super) fn bdat(&mut self, size: u64, last: bool) {
        if size > CHUNK_MOST {
            self.close(&Reply::new(552, 3, 4, "The chunk is too large"));
            return;
        }
        let content = self.new_content();
        let refusal = match &mut self.transaction {
            None => Some(Reply::new(503, 5, 1, "BDAT comes after MAIL and RCPT")),
            Some(open) if open.envelope.to.is_empty() => Some(self.setup.protocol.no_recipients()),
            Some(open) => {
                open.content.get_or_insert(content);
                None
            }
        };
        self.phase = Phase::Chunk(Chunk {
            size,
            left: size,
            last,
            refusal,
        });
    }

    pub(super) fn is_chunk_done(&self) -> bool {
        matches!(&self.phase, Phase::Chunk(chunk) if chunk.left == 0)
    }

    /// Takes octets of the open chunk, and ends it when all are there.
    pub(super) fn chunk(&mut self, input: &mut &[u8]) -> Option<Event> {
        let Phase::Chunk(chunk) = &mut self.phase else {
            return None;
        };
        let size = usize::try_from(chunk.left).map_or(input.len(), |left| left.min(input.len()));
        let (octets, rest) = input.split_at(size);
        *input = rest;
        chunk.left -= size as u64;
        if chunk.refusal.is_none()
            && let Some(content) = self.transaction.as_mut().and_then(|t| t.content.as_mut())
        {
            content.push(octets);
        }
        if chunk.left > 0 {
            return None;
        }
        let (size, last, refusal) = (chunk.size, chunk.last, chunk.refusal.take());
        self.phase = Phase::Command;
        if let Some(refusal) = refusal {
            // Not counted as an error: the chunks of one refused message may all be under way.
            self.say(&refusal);
            return None;
        }
        let content = self.transaction.as_ref().and_then(|t| t.content.as_ref());
        let refusal = content.and_then(Content::refusal);
        if last || content.is_none() || refusal.is_some() && self.ends_early() {
            return self.end_of_message(last);
        }
        let taken = || Reply::new(250, 0, 0, format!("{size} octets taken"));
        self.say(&refusal.unwrap_or_else(taken));
        None
    }

    /// Gives the transaction away, or says why not. It is not `whole` if it ends with a
    /// chunk that is not the last, because no more of it is wanted.
    pub(super) fn end_of_message(&mut self, whole: bool) -> Option<Event> {
        self.phase = Phase::Command;
        let open = self.transaction.take()?;
        let form = self.form_of(&open, whole);
        let (envelope, content) = (open.envelope, open.content?);
        match content.finish() {
            Ok(message) => {
                let mail = Mail::new(envelope, message, self.setup.clock.now().day());
                let question = Question::Message(Box::new(mail), form.replies());
                Some(self.ask(Asked::Message(form), question))
            }
            Err(reply) => {
                for _ in 1..form.refusals() {
                    self.say(&reply);
                }
                self.refuse(Some(envelope.from), envelope.to, reply);
                None
            }
        }
    }
}
