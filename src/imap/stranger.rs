//! Before the sign-in: small limits, one deadline, and no credential without TLS (SE-07).

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tokio::time::Instant;

use super::conn::{Conn, End};
use super::door::{House, handshake};
use super::frame::{Frame, Limits};
use super::grammar::{Command, parse, tag_of};
use super::places::Place;
use super::reply::Done;
use crate::accounts::LoginRefusal;
use crate::policy::Principal;

const LIMITS: Limits = Limits {
    literal: 1024,
    command: 8 * 1024,
    append: false,
};
/// Longest line of a SASL exchange.
const SASL_MOST: usize = 4 * 1024;
/// Refused sign-ins before the line is cut.
const TRIES: u32 = 5;
/// A client that must wait is answered after this long, so that it does not ask in a loop.
const WAIT_ANSWER: Duration = Duration::from_secs(1);

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What we can do, once TLS is on. All of it works, and nothing else is said.
pub(super) const CAPABILITIES: &str = "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE NAMESPACE IDLE \
    UNSELECT UIDPLUS MOVE LIST-EXTENDED LIST-STATUS STATUS=SIZE CHILDREN SPECIAL-USE";
const PLAIN_CAPABILITIES: &str = "IMAP4rev1 LITERAL+ SASL-IR ID STARTTLS LOGINDISABLED";

/// How the welcome ended.
pub(super) enum Welcome {
    SignedIn(Conn, Principal, Place),
    Left(Conn, End),
    /// The connection was lost in the TLS handshake.
    Broken,
}

/// Somebody who has not signed in yet.
pub(super) struct Stranger<'h> {
    house: &'h House,
    peer: IpAddr,
    until: Instant,
    secure: bool,
    bad: u32,
    refused: u32,
}

/// What a command of a stranger leads to.
enum Next {
    Done(Done),
    SignedIn(Principal, Place),
    StartTls,
    Leave,
}

impl<'h> Stranger<'h> {
    pub(super) fn new(house: &'h House, peer: IpAddr, until: Instant, secure: bool) -> Self {
        Self {
            house,
            peer,
            until,
            secure,
            bad: 0,
            refused: 0,
        }
    }

    fn capabilities(&self) -> String {
        if self.secure {
            format!("{CAPABILITIES} AUTH=PLAIN")
        } else {
            PLAIN_CAPABILITIES.to_owned()
        }
    }

    /// Greets, and speaks until the stranger is known or leaves.
    pub(super) async fn welcome(mut self, mut conn: Conn) -> Welcome {
        let capabilities = self.capabilities();
        let hostname = &self.house.hostname;
        conn.line(&format!(
            "* OK [CAPABILITY {capabilities}] {hostname} Quaranta ready"
        ));
        loop {
            let (tag, next) = match self.one(&mut conn).await {
                Ok(Some(said)) => said,
                Ok(None) => continue,
                Err(end) => return Welcome::Left(conn, end),
            };
            match next {
                Next::Done(done) => {
                    let bad = done.is_bad();
                    conn.line(&done.line(&tag));
                    if bad && self.too_bad(&mut conn) {
                        return Welcome::Left(conn, End::Told);
                    }
                }
                Next::Leave => {
                    conn.line("* BYE Until next time");
                    conn.line(&Done::ok("LOGOUT done").line(&tag));
                    return Welcome::Left(conn, End::Told);
                }
                Next::SignedIn(by, place) => {
                    let code = format!("{tag} OK [CAPABILITY {CAPABILITIES}] Signed in");
                    conn.line(&code);
                    return Welcome::SignedIn(conn, by, place);
                }
                Next::StartTls => match self.start_tls(conn, &tag).await {
                    Ok(secured) => conn = secured,
                    Err(welcome) => return welcome,
                },
            }
            if self.refused >= TRIES {
                conn.line("* BYE Too many refused sign-ins");
                return Welcome::Left(conn, End::Told);
            }
        }
    }

    /// One frame; `None` if it has been answered.
    async fn one(&mut self, conn: &mut Conn) -> Result<Option<(String, Next)>, End> {
        let octets = match conn.frame(LIMITS, self.until).await? {
            Frame::Command(octets) => octets,
            Frame::TooLong { tag: Some(tag) } => {
                return Ok(Some((tag, Next::Done(Done::bad("Too long")))));
            }
            _ => return self.untagged_bad(conn),
        };
        let Some(tag) = tag_of(&octets) else {
            return self.untagged_bad(conn);
        };
        let next = match parse(&octets, &tag) {
            Ok(command) => self.command(conn, command).await?,
            Err(why) => Next::Done(Done::bad(why)),
        };
        Ok(Some((tag, next)))
    }

    fn untagged_bad(&mut self, conn: &mut Conn) -> Result<Option<(String, Next)>, End> {
        conn.line("* BAD A command begins with a tag");
        if self.too_bad(conn) {
            return Err(End::Told);
        }
        Ok(None)
    }

    fn too_bad(&mut self, conn: &mut Conn) -> bool {
        self.bad += 1;
        let over = self.bad >= self.house.options.bad_commands;
        if over {
            conn.line("* BYE Too many bad commands");
        }
        over
    }

    async fn command(&mut self, conn: &mut Conn, command: Command) -> Result<Next, End> {
        Ok(match command {
            Command::Capability => {
                let capabilities = self.capabilities();
                conn.line(&format!("* CAPABILITY {capabilities}"));
                Next::Done(Done::ok("CAPABILITY done"))
            }
            Command::Noop => Next::Done(Done::ok("NOOP done")),
            Command::Id => {
                conn.line("* ID (\"name\" \"Quaranta\")");
                Next::Done(Done::ok("ID done"))
            }
            Command::Logout => Next::Leave,
            Command::StartTls if self.secure => Next::Done(Done::bad("TLS is on already")),
            Command::StartTls => Next::StartTls,
            Command::Login { .. } | Command::Authenticate { .. } if !self.secure => Next::Done(
                Done::no("[PRIVACYREQUIRED]", "Ask for STARTTLS before signing in"),
            ),
            Command::Login { name, password } => self.sign_in(&name, &password).await,
            Command::Authenticate { mechanism, initial } => {
                self.authenticate(conn, &mechanism, initial).await?
            }
            _ => Next::Done(Done::bad("Sign in first")),
        })
    }

    /// TLS begins behind the answer. What was sent ahead of the handshake in plain text
    /// could be somebody else's: the line is cut then.
    async fn start_tls(&mut self, mut conn: Conn, tag: &str) -> Result<Conn, Welcome> {
        if !conn.framer.is_empty() {
            conn.line("* BYE Nothing may follow STARTTLS before TLS is on");
            return Err(Welcome::Left(conn, End::Told));
        }
        conn.line(&Done::ok("Begin TLS").line(tag));
        if let Err(end) = conn.flush().await {
            return Err(Welcome::Left(conn, end));
        }
        let handshake = handshake(self.house, conn, self.until).await;
        self.secure = true;
        handshake.ok_or(Welcome::Broken)
    }

    async fn authenticate(
        &mut self,
        conn: &mut Conn,
        mechanism: &str,
        initial: Option<Vec<u8>>,
    ) -> Result<Next, End> {
        if mechanism != "PLAIN" {
            return Ok(Next::Done(Done::no(
                "[CANNOT]",
                "PLAIN is the mechanism known",
            )));
        }
        let response = match initial {
            Some(initial) => Some(initial),
            None => {
                conn.line("+ ");
                conn.plain_line(SASL_MOST, self.until).await?
            }
        };
        let Some(response) = response else {
            conn.line("* BYE Too long");
            return Err(End::Told);
        };
        if response == b"*" {
            return Ok(Next::Done(Done::bad("Cancelled")));
        }
        let octets = BASE64.decode(&response).unwrap_or_default();
        let mut words = octets.split(|b| *b == 0).map(std::str::from_utf8);
        let (Some(Ok(authzid)), Some(Ok(name)), Some(Ok(password)), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Ok(Next::Done(Done::bad("Not a response of PLAIN (RFC 4616)")));
        };
        if !authzid.is_empty() && authzid != name {
            self.refused += 1;
            return Ok(Next::Done(Done::no(
                "[AUTHORIZATIONFAILED]",
                "An account acts for itself only",
            )));
        }
        Ok(self.sign_in(name, password).await)
    }

    async fn sign_in(&mut self, name: &str, password: &str) -> Next {
        let login = self.house.login.sign_in(name, password, self.peer, "imap");
        match login.await {
            Ok(by) => {
                let most = self.house.options.connections_per_account;
                match self.house.places.account(&by.who, most) {
                    Some(place) => Next::SignedIn(by, place),
                    None => Next::Done(Done::no("[LIMIT]", "Too many connections of this account")),
                }
            }
            Err(refusal) => {
                self.refused += 1;
                if let LoginRefusal::Wait(_) = refusal {
                    tokio::time::sleep(WAIT_ANSWER).await;
                }
                let code = match refusal {
                    LoginRefusal::Wrong => "[AUTHENTICATIONFAILED]",
                    LoginRefusal::Wait(_) | LoginRefusal::Unavailable => "[UNAVAILABLE]",
                };
                Next::Done(Done::no(code, refusal.to_string()))
            }
        }
    }
}
