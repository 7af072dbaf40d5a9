//! What the SMTP door asks of those who receive the mail.

use async_trait::async_trait;

use super::auth::Credentials;
use crate::mail::{Address, Envelope, Mail, Peer, Reply};
use crate::policy::{Answer, Replies};

/// Something the door refused by itself: a message too big, too many recipients,
/// too many connections.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    pub peer: Peer,
    /// The reverse path, where one was given; `Some(None)` is the null path.
    pub from: Option<Option<Address>>,
    /// Whom it was for; none if it was before RCPT.
    pub to: Vec<Address>,
    pub reply: Reply,
}

/// Receives mail. A refusal is the reply that the client gets; a 421 also closes
/// the connection. Every question may wait; the client waits with it.
#[async_trait]
pub trait Reception: Send + Sync {
    /// A client has come (again, with another peer, after XCLIENT). A refusal takes
    /// the place of the greeting, and the connection is closed.
    async fn connect(&self, _peer: &Peer) -> Result<(), Reply> {
        Ok(())
    }

    /// True if there is a way to check logins: then the door offers AUTH, under TLS.
    fn takes_logins(&self) -> bool {
        false
    }

    /// AUTH (RFC 4954): `Ok` if name and password belong together. The door counts refusals.
    async fn login(&self, _peer: &Peer, _credentials: &Credentials) -> Result<(), Reply> {
        Err(Reply::new(535, 7, 8, "Logins are not taken here"))
    }

    /// MAIL FROM: `envelope` has no recipients yet. `size` is what the client
    /// declared, in octets.
    async fn sender(&self, _envelope: &Envelope, _size: Option<u64>) -> Result<(), Reply> {
        Ok(())
    }

    /// RCPT TO: `envelope` holds the recipients taken before.
    async fn recipient(&self, envelope: &Envelope, to: &Address) -> Result<(), Reply>;

    /// RCPT TO of a recipient that was taken, where one reply must do for all of the
    /// transaction: a refusal makes the client send to `to` apart.
    async fn together(&self, _envelope: &Envelope, _to: &Address) -> Result<(), Reply> {
        Ok(())
    }

    /// The end of the message: from here on the mail is the reception's.
    async fn message(&self, mail: Mail, replies: Replies) -> Answer;

    /// The door refused something without asking; for the journal. The client waits until
    /// it is written, so that nobody can refuse faster than we write.
    async fn not_accepted(&self, _refused: &Refused) {}
}
