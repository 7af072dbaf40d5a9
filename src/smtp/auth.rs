//! AUTH (RFC 4954) without I/O: the mechanisms PLAIN (RFC 4616) and LOGIN, only under TLS.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::session::{Asked, Event, Phase, Question, Session};
use crate::mail::Reply;
use crate::net::lines::LineFault;

/// Failed logins of one connection; then it is closed.
const FAILED_MOST: usize = 3;
/// What EHLO says of it.
pub(super) const OFFER: &str = "AUTH PLAIN LOGIN";
/// `Username:` and `Password:`, as the mechanism LOGIN asks.
const ASK_NAME: &str = "VXNlcm5hbWU6";
const ASK_PASSWORD: &str = "UGFzc3dvcmQ6";

/// A name and a password as the client gave them; they are shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub name: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?})", self.name)
    }
}

/// What the client's next line is.
#[derive(Debug)]
pub(super) enum Exchange {
    Plain,
    Name,
    /// The password for this name.
    Password(String),
}

/// What follows from a line of the client.
enum Turn {
    /// Say this challenge, and wait for the next line.
    Ask(Exchange, &'static str),
    Done(Credentials),
    Refuse(Reply),
}

impl Exchange {
    fn start(mechanism: &str, initial: Option<&str>) -> Turn {
        let (exchange, challenge) = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => (Exchange::Plain, ""),
            "LOGIN" => (Exchange::Name, ASK_NAME),
            _ => return Turn::Refuse(Reply::new(504, 5, 4, "PLAIN and LOGIN are known here")),
        };
        match initial {
            None => Turn::Ask(exchange, challenge),
            // An initial response that is empty (RFC 4954 section 4).
            Some("=") => exchange.take(Vec::new()),
            Some(text) => exchange.next(text.as_bytes()),
        }
    }

    fn next(self, line: &[u8]) -> Turn {
        if line == b"*" {
            return Turn::Refuse(Reply::new(501, 7, 0, "Authentication was cancelled"));
        }
        match STANDARD.decode(line) {
            Ok(octets) => self.take(octets),
            Err(_) => malformed(),
        }
    }

    fn take(self, octets: Vec<u8>) -> Turn {
        let Some(text) = text(octets) else {
            return malformed();
        };
        match self {
            Exchange::Name if text.is_empty() || text.contains('\0') => malformed(),
            Exchange::Name => Turn::Ask(Exchange::Password(text), ASK_PASSWORD),
            Exchange::Password(_) if text.contains('\0') => malformed(),
            Exchange::Password(name) => Turn::Done(Credentials {
                name,
                password: text,
            }),
            Exchange::Plain => plain(&text),
        }
    }
}

/// `[authzid] NUL authcid NUL passwd`; nobody acts for somebody else here.
fn plain(text: &str) -> Turn {
    match text.split('\0').collect::<Vec<_>>()[..] {
        [acting_for, name, password] if !name.is_empty() => {
            if !acting_for.is_empty() && acting_for != name {
                let text = "Nobody may act for somebody else";
                return Turn::Refuse(Reply::new(535, 7, 8, text));
            }
            Turn::Done(Credentials {
                name: name.to_owned(),
                password: password.to_owned(),
            })
        }
        _ => malformed(),
    }
}

fn text(octets: Vec<u8>) -> Option<String> {
    String::from_utf8(octets).ok()
}

fn malformed() -> Turn {
    Turn::Refuse(Reply::new(501, 5, 2, "Cannot read the response"))
}

impl Session {
    /// AUTH is offered from now on; without this it is an unknown command.
    #[must_use]
    pub fn taking_logins(mut self) -> Self {
        self.failed_logins = Some(0);
        self
    }

    pub(super) fn auth(&mut self, mechanism: &str, initial: Option<&str>) -> Option<Event> {
        if self.failed_logins.is_none() {
            self.wrong(&Reply::new(502, 5, 1, "AUTH is not offered here"));
        } else if mechanism.is_empty() {
            self.wrong(&Reply::new(501, 5, 4, "Syntax: AUTH mechanism [response]"));
        } else if !self.greeted {
            self.out_of_order("Say EHLO first");
        } else if self.transaction.is_some() {
            self.out_of_order("A transaction is open");
        } else if self.peer.login.is_some() {
            self.out_of_order("You are known already");
        } else if self.peer.tls.is_none() {
            let text = "Passwords are taken under TLS only; say STARTTLS first";
            self.wrong(&Reply::new(538, 7, 11, text));
        } else {
            return self.turn(Exchange::start(mechanism, initial));
        }
        None
    }

    /// A line of the client within an exchange.
    pub(super) fn auth_line(&mut self, line: Result<Vec<u8>, LineFault>) -> Option<Event> {
        let Phase::Auth(exchange) = std::mem::replace(&mut self.phase, Phase::Command) else {
            return None;
        };
        let turn = match line {
            Ok(line) => exchange.next(&line),
            Err(LineFault::TooLong(_)) => {
                Turn::Refuse(Reply::new(500, 5, 6, "The response is too long"))
            }
            Err(LineFault::BareLineEnd) => malformed(),
        };
        self.turn(turn)
    }

    fn turn(&mut self, turn: Turn) -> Option<Event> {
        match turn {
            Turn::Ask(exchange, challenge) => {
                self.say(&Reply::plain(334, challenge));
                self.phase = Phase::Auth(exchange);
                None
            }
            Turn::Refuse(reply) => {
                self.wrong(&reply);
                None
            }
            Turn::Done(credentials) => {
                let asked = Asked::Login(credentials.name.clone());
                Some(self.ask(asked, Question::Login(credentials)))
            }
        }
    }

    /// The reception's word on a login.
    pub(super) fn logged_in(&mut self, name: String, refusal: Option<Reply>) {
        let Some(refusal) = refusal else {
            self.peer.login = Some(name);
            self.say(&Reply::new(235, 7, 0, "Authentication successful"));
            return;
        };
        let failed = self.failed_logins.unwrap_or(0) + 1;
        self.failed_logins = Some(failed);
        if failed >= FAILED_MOST {
            self.close(&Reply::new(421, 7, 0, "Too many failed logins"));
        } else {
            self.say(&refusal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(turn: Turn) -> Option<(String, String)> {
        match turn {
            Turn::Done(credentials) => Some((credentials.name, credentials.password)),
            Turn::Ask(..) | Turn::Refuse(_) => None,
        }
    }

    #[test]
    fn se18_plain_responses_are_read_by_their_nuls() {
        for (text, want) in [
            ("\0a@x.org\0secret", true),
            ("a@x.org\0a@x.org\0secret", true),
            ("b@x.org\0a@x.org\0secret", false),
            ("a@x.org\0secret", false),
            ("\0\0secret", false),
            ("\0a@x.org\0sec\0ret", false),
            ("", false),
        ] {
            let turn = Exchange::Plain.next(STANDARD.encode(text).as_bytes());
            let want = want.then(|| ("a@x.org".to_owned(), "secret".to_owned()));
            assert_eq!(done(turn), want, "{text:?}");
        }
        assert_eq!(done(Exchange::Plain.next(b"not base64!")), None);
        assert_eq!(done(Exchange::Plain.next(b"*")), None);
        let binary = STANDARD.encode([0, 0xff, 0, b'x']);
        assert_eq!(done(Exchange::Plain.next(binary.as_bytes())), None);
    }

    #[test]
    fn se18_a_password_is_not_shown() {
        let credentials = Credentials {
            name: "a@x.org".to_owned(),
            password: "secret".to_owned(),
        };
        assert!(!format!("{credentials:?}").contains("secret"));
    }
}
