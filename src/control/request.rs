//! The words of the admin socket, and the client's side of it.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actions::{Query, Reach, Verb};
use crate::inspect::{Bulk, Which};
use crate::mail::{Address, Direction, Domain, EntryId};
use crate::net::network::Network;
use crate::policy::{Layer, ListKind, Pattern, Rights, Role, Scope};
use crate::record::{ImapServer, Route, Shelf};
use crate::token::{Algorithm, Selector};

/// A private key in PEM. Its Debug shows nothing of it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pem(pub String);

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pem")
    }
}

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Request {
    QuarantineList {
        scope: Scope,
        shelf: Shelf,
        direction: Direction,
        most: usize,
    },
    QuarantineShow {
        id: EntryId,
    },
    QuarantineMessage {
        id: EntryId,
    },
    QuarantineAct {
        ids: Vec<EntryId>,
        verb: Verb,
        /// Of a list entry that is made with it.
        #[serde(default)]
        reach: Reach,
    },
    /// Requests for a release that are not granted.
    QuarantineDeny {
        ids: Vec<EntryId>,
        #[serde(default)]
        why: String,
    },
    QuarantineHistory {
        id: EntryId,
    },
    UserAdd {
        scope: Scope,
        password: Option<String>,
    },
    UserPassword {
        scope: Scope,
        password: Option<String>,
    },
    UserList,
    UserRemove {
        scope: Scope,
    },
    AccountShow {
        login: Scope,
    },
    AccountGrant {
        login: Scope,
        role: Role,
        scope: Scope,
        rights: Rights,
    },
    AccountRevoke {
        login: Scope,
        role: Role,
        scope: Scope,
    },
    AccountSignOut {
        login: Scope,
    },
    SecondFactorReset {
        login: Scope,
    },
    /// `rights` are all it has; `expires` in milliseconds since 1970.
    ApiKeyAdd {
        name: String,
        role: Role,
        scope: Scope,
        rights: Rights,
        expires: Option<u64>,
        networks: Vec<Network>,
    },
    ApiKeyList,
    ApiKeyRemove {
        id: String,
    },
    /// The IMAP server that knows the passwords of a domain's users, or none.
    DomainImap {
        domain: Domain,
        imap: Option<ImapServer>,
    },
    DomainAdd {
        domain: Domain,
        routes: Vec<Route>,
    },
    DomainList,
    DomainRemove {
        domain: Domain,
    },
    PolicyShow {
        scope: Scope,
    },
    /// Sets what is given, leaves the rest; `reset` drops what was set before.
    PolicySet {
        scope: Scope,
        layer: Box<Layer>,
        reset: bool,
    },
    ListAdd {
        scope: Scope,
        kind: ListKind,
        pattern: Pattern,
        note: String,
        /// In so many days it does not count any more.
        #[serde(default)]
        days: Option<u64>,
    },
    ListRemove {
        scope: Scope,
        kind: ListKind,
        pattern: Pattern,
    },
    ListShow {
        scope: Scope,
    },
    SenderList,
    SenderLock {
        sender: Scope,
        why: String,
    },
    SenderUnlock {
        sender: Scope,
    },
    DigestSend {
        address: Address,
    },
    KeysShow {
        secrets: bool,
    },
    KeysRotate,
    /// Gives a domain the key in `pem`, or a new one.
    ArcKeyAdd {
        domain: Domain,
        selector: Selector,
        pem: Option<Pem>,
        algorithm: Algorithm,
    },
    ArcKeyList,
    ArcKeyRemove {
        domain: Domain,
    },
    /// Learns mail in bulk for everybody; several passes make several requests.
    Train {
        mails: Vec<Bulk>,
    },
    /// Lessons that can be taken back, the newest first.
    Lessons {
        which: Which,
        most: usize,
    },
    LessonsUndo {
        which: Which,
    },
    /// A piece of all lessons as they are now, from here on.
    LessonsExport {
        at: u64,
    },
    /// The next piece of an export, in base64; from 0 on it begins anew.
    LessonsSend {
        at: u64,
        octets: String,
    },
    /// Puts what was sent in the place of all lessons.
    LessonsImport,
    /// Open alerts.
    AlertList,
    /// Sends one by every way.
    AlertTest,
    Status,
    Log {
        scope: Scope,
        query: Box<Query>,
        most: usize,
    },
}

/// What is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    Done(Value),
    Refused(String),
}

/// Asks the daemon behind the socket at `path`.
///
/// # Errors
/// A text for the administrator: no daemon there, or what it refused.
pub fn ask(path: &Path, request: &Request) -> Result<Value, String> {
    use std::io::{BufRead as _, Write as _};
    let fault = |e: &dyn std::fmt::Display| {
        format!("the daemon does not answer at {}: {e}", path.display())
    };
    let mut stream = std::os::unix::net::UnixStream::connect(path).map_err(|e| {
        format!("cannot reach the daemon at {}: {e}; is `quaranta serve` running, and is this its data directory?", path.display())
    })?;
    stream
        .set_read_timeout(Some(Duration::from_secs(300)))
        .map_err(|e| fault(&e))?;
    let mut line = serde_json::to_vec(request).map_err(|e| fault(&e))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(|e| fault(&e))?;
    let mut answer = String::new();
    std::io::BufReader::new(stream)
        .read_line(&mut answer)
        .map_err(|e| fault(&e))?;
    match serde_json::from_str(&answer).map_err(|e| fault(&e))? {
        Response::Done(value) => Ok(value),
        Response::Refused(text) => Err(text),
    }
}
