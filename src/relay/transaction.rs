//! One mail transaction with a next host: MAIL, RCPT and DATA in one write where it
//! can be pipelined, and a reply for each recipient.

use std::time::Duration;

use super::client::{Broken, Client, Ways, unusable};
use super::stuffing::Stuffing;
use crate::mail::{Address, BodyType, Edited, Envelope, Reply};

/// After a write failed, the next host's reason is waited for so long.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A message as it is to be sent.
pub(super) struct Load<'m> {
    envelope: &'m Envelope,
    edited: &'m Edited,
    eight_bit: bool,
    utf8_header: bool,
}

impl<'m> Load<'m> {
    pub(super) fn new(envelope: &'m Envelope, edited: &'m Edited) -> Self {
        let utf8_header = !edited.header.is_ascii();
        Self {
            envelope,
            edited,
            eight_bit: utf8_header || !edited.body.is_ascii(),
            utf8_header: utf8_header && envelope.smtputf8,
        }
    }
}

/// The connection was lost before the final dot was sent: nobody has the mail by
/// it, and it may be tried again elsewhere.
#[derive(Debug)]
pub(super) struct Lost(pub(super) Reply);

/// A reply as it is passed on. 421 would close the client's connection with us,
/// and what is no final reply must not look like one.
fn passed_on(reply: Reply, place: &str) -> Reply {
    match reply.code {
        421 => Reply { code: 451, ..reply },
        300..400 => unusable(place, 5, format!("unexpected reply: {reply}")),
        _ => reply,
    }
}

impl Client {
    /// Sends the message to `to`: a reply for each recipient, in their order.
    pub(super) async fn send(
        &mut self,
        load: &Load<'_>,
        to: &[Address],
        ways: &Ways,
    ) -> Result<Vec<Reply>, Lost> {
        self.uses += 1;
        let able = |to: &&Address| self.offers.utf8 || !to.needs_utf8();
        let some: Vec<Address> = to.iter().filter(able).cloned().collect();
        if some.is_empty() || some.len() == to.len() {
            return self.send_to_all(load, to, ways).await;
        }
        // Those with an international address are refused, the others get it.
        let mut said = self.send_to_all(load, &some, ways).await?.into_iter();
        let reply = |to: &Address| match to.needs_utf8() {
            true => no_utf8(),
            false => said.next().unwrap_or_else(no_utf8),
        };
        Ok(to.iter().map(reply).collect())
    }

    async fn send_to_all(
        &mut self,
        load: &Load<'_>,
        to: &[Address],
        ways: &Ways,
    ) -> Result<Vec<Reply>, Lost> {
        let mail = match self.mail_command(load, to) {
            Ok(mail) => mail,
            Err(refusal) => return Ok(vec![refusal; to.len()]),
        };
        let opened = self.open_transaction(&mail, to, ways).await;
        let (mut replies, data) = opened.map_err(|broken| self.lost(&broken))?;
        let taken = replies.iter().filter(|reply| reply.is_positive()).count();
        match data {
            Some(reply) if reply.code == 354 && taken > 0 => {
                let word = self.stream_message(load, ways).await?;
                fill(&mut replies, &word);
            }
            Some(reply) if reply.code == 354 => {
                // Nobody is left, but DATA was under way already: an empty message ends it.
                let time = ways.options.command_time.0;
                self.sound &= self.command(".", time).await.is_ok();
            }
            Some(reply) => {
                let word = if reply.is_positive() {
                    unusable(&self.place, 5, format!("unexpected reply: {reply}"))
                } else {
                    passed_on(reply, &self.place)
                };
                fill(&mut replies, &word);
                self.reset(ways).await;
            }
            None => self.reset(ways).await,
        }
        Ok(replies)
    }

    /// Asks whether mail for `to` would be taken, and leaves the connection as it was.
    pub(super) async fn ask_for(
        &mut self,
        to: &Address,
        smtputf8: bool,
        ways: &Ways,
    ) -> Result<Reply, Lost> {
        self.uses += 1;
        if to.needs_utf8() && !self.offers.utf8 {
            return Ok(no_utf8());
        }
        let utf8 = if self.offers.utf8 && (smtputf8 || to.needs_utf8()) {
            " SMTPUTF8"
        } else {
            ""
        };
        let commands = [
            format!("MAIL FROM:<>{utf8}"),
            format!("RCPT TO:<{to}>"),
            "RSET".to_owned(),
        ];
        let asked = self.exchange(&commands, ways).await;
        let replies = asked.map_err(|broken| self.lost(&broken))?;
        if self.is_stale(&replies) {
            return Err(self.lost(&Broken::Closed));
        }
        let mut replies = replies.into_iter();
        let (mail, rcpt, rset) = (replies.next(), replies.next(), replies.next());
        if let Some(mail) = mail.filter(|reply| !reply.is_positive()) {
            if !self.offers.pipelining {
                self.reset(ways).await;
            }
            // This says nothing of the recipient.
            return Ok(unusable(&self.place, 0, format!("MAIL FROM:<>: {mail}")));
        }
        self.sound &= rset.is_some_and(|reply| reply.is_positive());
        Ok(match rcpt {
            Some(reply) => passed_on(reply, &self.place),
            None => unusable(&self.place, 2, Broken::Closed),
        })
    }

    fn lost(&self, broken: &Broken) -> Lost {
        let detail = if matches!(broken, Broken::Nonsense(_)) {
            5
        } else {
            2
        };
        Lost(unusable(&self.place, detail, broken))
    }

    /// A kept connection that the next host gives up, for its own limits: it says 421
    /// to whatever comes. That is no answer to this mail.
    fn is_stale(&self, replies: &[Reply]) -> bool {
        self.uses > 1 && replies.iter().any(|reply| reply.code == 421)
    }

    /// MAIL with its parameters, or why this host cannot take the message.
    fn mail_command(&self, load: &Load<'_>, to: &[Address]) -> Result<String, Reply> {
        let size = load.edited.size() as u64;
        let from = load.envelope.from.as_ref();
        let mut command = format!("MAIL FROM:<{}>", load.envelope.from_text());
        if let Some(most) = self.offers.size {
            if most > 0 && size > most {
                let text = format!("{}: takes no message over {most} octets", self.place);
                return Err(Reply::new(552, 3, 4, text));
            }
            command.push_str(&format!(" SIZE={size}"));
        }
        let utf8 = load.utf8_header
            || from.is_some_and(Address::needs_utf8)
            || to.iter().any(Address::needs_utf8);
        if self.offers.utf8 {
            if utf8 || load.envelope.smtputf8 {
                command.push_str(" SMTPUTF8");
            }
        } else if utf8 {
            return Err(no_utf8());
        }
        if self.offers.eight_bit {
            if load.eight_bit || load.envelope.body == BodyType::EightBitMime {
                command.push_str(" BODY=8BITMIME");
            }
        } else if load.eight_bit {
            let text = format!("{}: takes no 8-bit message", self.place);
            return Err(Reply::new(554, 6, 3, text));
        }
        Ok(command)
    }

    /// A reply for each recipient, and the one to DATA if it was said.
    async fn open_transaction(
        &mut self,
        mail: &str,
        to: &[Address],
        ways: &Ways,
    ) -> Result<(Vec<Reply>, Option<Reply>), Broken> {
        let mut commands = vec![mail.to_owned()];
        commands.extend(to.iter().map(|to| format!("RCPT TO:<{to}>")));
        if self.offers.pipelining {
            commands.push("DATA".to_owned());
        }
        let said = self.exchange(&commands, ways).await?;
        if self.is_stale(&said) {
            return Err(Broken::Closed);
        }
        let mut said = said.into_iter();
        let mail = said.next().ok_or(Broken::Closed)?;
        if !mail.is_positive() {
            let data = said.nth(to.len());
            let refusal = passed_on(mail, &self.place);
            return Ok((vec![refusal; to.len()], data));
        }
        let replies: Vec<Reply> = said
            .by_ref()
            .take(to.len())
            .map(|reply| passed_on(reply, &self.place))
            .collect();
        let mut data = said.next();
        if data.is_none() && replies.iter().any(Reply::is_positive) {
            data = Some(self.command("DATA", ways.options.command_time.0).await?);
        }
        Ok((replies, data))
    }

    /// The replies to `commands`: sent in one write if that is offered, else one by
    /// one until the first is refused.
    async fn exchange(&mut self, commands: &[String], ways: &Ways) -> Result<Vec<Reply>, Broken> {
        let time = ways.options.command_time.0;
        let mut replies = Vec::with_capacity(commands.len());
        if self.offers.pipelining {
            let batch: String = commands.iter().flat_map(|c| [c.as_str(), "\r\n"]).collect();
            self.write(batch.as_bytes(), time).await?;
            for _ in commands {
                match self.reply(time).await {
                    Ok(reply) if reply.code == 421 => {
                        // The rest will not be heard.
                        replies.resize(commands.len(), reply);
                        break;
                    }
                    Ok(reply) => replies.push(reply),
                    Err(broken) => return Err(broken),
                }
            }
            return Ok(replies);
        }
        for command in commands {
            let reply = self.command(command, time).await?;
            if reply.code == 421 || replies.is_empty() && !reply.is_positive() {
                replies.resize(commands.len(), reply);
                break;
            }
            replies.push(reply);
        }
        Ok(replies)
    }

    /// The message after 354, and the next host's word on it.
    async fn stream_message(&mut self, load: &Load<'_>, ways: &Ways) -> Result<Reply, Lost> {
        let mut stuffing = Stuffing::new(&load.edited.header, &load.edited.body);
        let mut block = Vec::new();
        while stuffing.next(&mut block) {
            let written = self.write(&block, ways.options.data_time.0).await;
            let Err(broken) = written else { continue };
            // It may have said why before it closed.
            if let Ok(word) = self.reply(LAST_WORDS).await
                && !word.is_positive()
            {
                return Ok(passed_on(word, &self.place));
            }
            return if stuffing.is_ended() {
                Ok(unusable(&self.place, 2, broken))
            } else {
                Err(self.lost(&broken))
            };
        }
        match self.reply(ways.options.final_time.0).await {
            Ok(word) => Ok(passed_on(word, &self.place)),
            // The mail may have been taken: never tried again by us, and the sender
            // is told to come back.
            Err(broken) => Ok(unusable(&self.place, 2, broken)),
        }
    }

    async fn reset(&mut self, ways: &Ways) {
        if self.sound {
            let said = self.command("RSET", ways.options.command_time.0).await;
            self.sound &= said.is_ok_and(|reply| reply.is_positive());
        }
    }
}

fn no_utf8() -> Reply {
    Reply::new(553, 6, 7, "The next host takes no international addresses")
}

/// Those that were taken at RCPT get the word on the message.
fn fill(replies: &mut [Reply], word: &Reply) {
    for reply in replies.iter_mut().filter(|reply| reply.is_positive()) {
        *reply = word.clone();
    }
}
