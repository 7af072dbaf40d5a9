//! The octets of a message on their way in: collected, counted, and bounded.

use super::{Budget, Message, Reply, Share};

/// The first piece of memory for a message, in octets.
const FIRST_PIECE: usize = 16 * 1024;

/// Why a message cannot be taken; its octets are read and thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    TooBig,
    NoRoom,
}

/// Collects a message. Its memory is taken from the budget as octets arrive.
#[derive(Debug)]
pub struct Content {
    octets: Vec<u8>,
    share: Option<Share>,
    most: usize,
    fault: Option<Fault>,
}

impl Content {
    /// For a message of at most `most` octets, with memory from `budget`.
    #[must_use]
    pub fn new(budget: &Budget, most: usize) -> Self {
        Self {
            octets: Vec::new(),
            share: Some(budget.share()),
            most,
            fault: None,
        }
    }

    /// What was collected so far.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Why there will be no message, as far as is known before its end: too large, or no
    /// memory is left.
    #[must_use]
    pub fn refusal(&self) -> Option<Reply> {
        self.fault.map(|fault| match fault {
            Fault::TooBig => too_big(self.most),
            Fault::NoRoom => no_room(),
        })
    }

    /// Takes octets as they arrive; those of a faulty message are thrown away.
    pub fn push(&mut self, octets: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        if let Err(fault) = self.make_room(octets.len()) {
            // From here on nothing is kept.
            self.octets = Vec::new();
            self.share = None;
            self.fault = Some(fault);
            return;
        }
        self.octets.extend_from_slice(octets);
    }

    fn make_room(&mut self, more: usize) -> Result<(), Fault> {
        let needed = self.octets.len() + more;
        let capacity = self.octets.capacity();
        if needed > self.most {
            return Err(Fault::TooBig);
        }
        if needed <= capacity {
            return Ok(());
        }
        let wanted = (2 * capacity).max(FIRST_PIECE).min(self.most).max(needed);
        let share = self.share.as_mut().ok_or(Fault::NoRoom)?;
        share.grow(wanted - capacity).map_err(|_| Fault::NoRoom)?;
        self.octets.reserve_exact(wanted - self.octets.len());
        Ok(())
    }

    /// The message.
    ///
    /// # Errors
    /// The reply that says why there is none: 552 too large, 452 no memory, 550 NUL or
    /// bare line ends in it.
    pub fn finish(self) -> Result<Message, Reply> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        // A server behind us may drop NULs and then see an end of data that we
        // did not (CR LF NUL . CR LF); 8BITMIME and IMAP forbid them as well.
        if self.octets.contains(&0) {
            return Err(Reply::new(550, 6, 0, "NUL octet in the message"));
        }
        Message::new(self.octets, self.share).map_err(|fault| {
            let text = format!("{fault}: lines must end in CRLF");
            Reply::new(550, 6, 11, text)
        })
    }
}

/// 552 5.3.4 for a message over `most` octets.
#[must_use]
pub fn too_big(most: usize) -> Reply {
    let text = format!("The message is larger than {most} octets");
    Reply::new(552, 3, 4, text)
}

/// 452 4.3.1: the budget of mail in flight is used up.
#[must_use]
pub fn no_room() -> Reply {
    Reply::new(
        452,
        3,
        1,
        "No room for more mail now; please try again later",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_thrown_away() {
        let budget = Budget::new(FIRST_PIECE);
        let mut big = Content::new(&budget, 10);
        big.push(b"12345678901");
        assert_eq!(big.octets.capacity(), 0);
        assert_eq!(big.finish().expect_err("refused").code, 552);
        let mut first = Content::new(&budget, 1 << 20);
        first.push(b"x");
        let mut second = Content::new(&budget, 1 << 20);
        second.push(b"x");
        assert_eq!(second.finish().expect_err("refused").code, 452);
        drop(first);
        assert_eq!(budget.left(), FIRST_PIECE);
    }
}
