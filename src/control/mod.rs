//! The admin socket: the CLI asks the running daemon, one JSON line each way. It holds the same
//! desk as every other door of people.

mod accounts;
mod alerts;
mod arc;
mod lessons;
mod lists;
mod request;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::actions::{Action, Desk, Outcome, Refusal};
use crate::inspect::Learner;
use crate::mail::{Direction, EntryId};
use crate::net::listen::Closing;
use crate::net::socket::bind_unix;
use crate::notify::Alerts;
use crate::policy::{Layer, Policy, Principal, Role, Scope};
use crate::record::{DomainSettings, Door, Shelf};

pub use lessons::PIECE;
pub use request::{Pem, Request, Response, ask};

/// Longest request, in octets: room for some 25,000 ids.
pub const REQUEST_LONGEST: u64 = 1 << 20;
/// Clients served at the same time.
const CLIENTS_MOST: usize = 16;
/// A client that sends nothing for this long is let go.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rows given at most in one answer.
const ROWS_MOST: usize = 100_000;

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    desk: Desk,
    /// How long old reinsertion keys verify after a rotation.
    overlap: Duration,
    /// `None` where nobody learns.
    learner: Option<Arc<Learner>>,
    alerts: Option<Alerts>,
}

impl Control {
    #[must_use]
    pub fn new(desk: Desk, overlap: Duration) -> Self {
        Self {
            desk,
            overlap,
            learner: None,
            alerts: None,
        }
    }

    /// With a learner that can be taught.
    #[must_use]
    pub fn teaching(mut self, learner: Arc<Learner>) -> Self {
        self.learner = Some(learner);
        self
    }

    /// Opens the socket at `path`, for our own user and root alone.
    ///
    /// # Errors
    /// From the system; also if somebody listens there already.
    pub fn bind(path: &Path) -> std::io::Result<UnixListener> {
        bind_unix(path, 0o600)
    }

    /// Serves until the doors close.
    pub async fn serve(self, listener: UnixListener, mut stop: Closing) {
        let turns = Arc::new(Semaphore::new(CLIENTS_MOST));
        loop {
            let next = async {
                let turn = turns.clone().acquire_owned().await;
                (listener.accept().await, turn)
            };
            let (accepted, turn) = tokio::select! {
                () = stop.wait() => return,
                next = next => next,
            };
            let (Ok((stream, _)), Ok(turn)) = (accepted, turn) else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let control = self.clone();
            tokio::spawn(async move {
                if let Err(error) = control.client(stream).await {
                    tracing::debug!(%error, "a control client left");
                }
                drop(turn);
            });
        }
    }

    async fn client(&self, stream: UnixStream) -> std::io::Result<()> {
        let uid = stream.peer_cred()?.uid();
        if uid != 0 && uid != nix::unistd::geteuid().as_raw() {
            return Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
        }
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut read).take(REQUEST_LONGEST);
            let length =
                tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await??;
            if length == 0 {
                return Ok(());
            }
            let response = if line.ends_with(b"\n") {
                match serde_json::from_slice(&line) {
                    Ok(request) => self.answer(uid, request).await,
                    Err(error) => {
                        Response::Refused(format!("the request is not understood: {error}"))
                    }
                }
            } else {
                Response::Refused(format!("a request has at most {REQUEST_LONGEST} octets"))
            };
            let mut text = serde_json::to_vec(&response)?;
            text.push(b'\n');
            tokio::time::timeout(PATIENCE, write.write_all(&text)).await??;
            if !line.ends_with(b"\n") {
                return Ok(());
            }
        }
    }

    /// Answers one request of an administrator with user id `uid`.
    pub async fn answer(&self, uid: u32, request: Request) -> Response {
        let who = format!("uid {uid}");
        let by = Principal::new(&who, Role::Administrator, Scope::Global);
        match self.grant(&by, request).await {
            Ok(value) => Response::Done(value),
            Err(refusal) => Response::Refused(refusal.to_string()),
        }
    }

    async fn grant(&self, by: &Principal, request: Request) -> Result<Value, Refusal> {
        match request {
            Request::QuarantineList { .. }
            | Request::QuarantineShow { .. }
            | Request::QuarantineMessage { .. }
            | Request::QuarantineAct { .. }
            | Request::QuarantineDeny { .. }
            | Request::QuarantineHistory { .. }
            | Request::Status
            | Request::Log { .. } => self.ask_quarantine(by, request).await,
            Request::Train { .. }
            | Request::Lessons { .. }
            | Request::LessonsUndo { .. }
            | Request::LessonsExport { .. }
            | Request::LessonsSend { .. }
            | Request::LessonsImport => self.ask_learner(by, request).await,
            Request::AccountShow { .. }
            | Request::AccountGrant { .. }
            | Request::AccountRevoke { .. }
            | Request::AccountSignOut { .. }
            | Request::SecondFactorReset { .. }
            | Request::ApiKeyAdd { .. }
            | Request::ApiKeyList
            | Request::ApiKeyRemove { .. }
            | Request::DomainImap { .. } => self.ask_accounts(by, request).await,
            Request::AlertList | Request::AlertTest => self.ask_alerts(by, request).await,
            other => self.ask_settings(by, other).await,
        }
    }

    async fn ask_quarantine(&self, by: &Principal, request: Request) -> Result<Value, Refusal> {
        let desk = &self.desk;
        match request {
            Request::QuarantineList {
                scope,
                shelf,
                direction,
                most,
            } => {
                let narrowed = Principal {
                    scope,
                    ..by.clone()
                };
                self.list(&narrowed, shelf, direction, most.min(ROWS_MOST))
                    .await
            }
            Request::QuarantineShow { id } => value(&desk.entry(by, id).await?),
            Request::QuarantineMessage { id } => {
                let mail = desk.opened_mail(by, id, &door()).await?;
                Ok(json!({ "base64": STANDARD.encode(&mail.bytes) }))
            }
            Request::QuarantineAct { ids, verb, reach } => {
                self.act(by, &verb.action(reach), &ids).await
            }
            Request::QuarantineDeny { ids, why } => {
                self.act(by, &Action::DenyRequest(why), &ids).await
            }
            Request::QuarantineHistory { id } => value(&desk.history(by, id).await?),
            Request::Status => Ok(status(&desk.status(by).await?)),
            Request::Log { scope, query, most } => {
                let narrowed = Principal {
                    scope,
                    ..by.clone()
                };
                let most = most.min(ROWS_MOST);
                value(&desk.log_lines(&narrowed, &query, most).await?)
            }
            other => Err(Refusal::Bad(format!("not a request about mail: {other:?}"))),
        }
    }

    /// Acts on entries; a result for each.
    async fn act(
        &self,
        by: &Principal,
        action: &Action,
        ids: &[EntryId],
    ) -> Result<Value, Refusal> {
        let results = self.desk.perform_all(by, action, ids, &door()).await;
        let each = ids.iter().zip(results);
        Ok(each.map(|(id, result)| outcome(*id, result)).collect())
    }

    async fn list(
        &self,
        by: &Principal,
        shelf: Shelf,
        direction: Direction,
        most: usize,
    ) -> Result<Value, Refusal> {
        // The newest are what an administrator looks for; uids ascend.
        let all = self.desk.uids(by, shelf, direction, 0, usize::MAX).await?;
        let ids: Vec<EntryId> = all.iter().rev().take(most).map(|(_, id)| *id).collect();
        let rows = self.desk.rows(by, &ids).await?;
        let entries: Vec<Value> = rows
            .into_iter()
            .flatten()
            .map(|row| value(&row.entry))
            .collect::<Result<_, _>>()?;
        Ok(json!({ "total": all.len(), "entries": entries }))
    }

    async fn ask_settings(&self, by: &Principal, request: Request) -> Result<Value, Refusal> {
        let desk = &self.desk;
        let door = &door();
        match request {
            Request::UserAdd { scope, password } => {
                let password = desk.add_account(by, scope.clone(), password, door).await?;
                Ok(json!({ "login": scope, "password": password }))
            }
            Request::UserPassword { scope, password } => {
                let password = desk.set_password(by, scope.clone(), password, door).await?;
                Ok(json!({ "login": scope, "password": password }))
            }
            Request::UserList => self.list_users(by).await,
            Request::UserRemove { scope } => done(desk.remove_account(by, &scope, door).await),
            Request::DomainAdd { domain, routes } => {
                let known = desk.domains(by).await?;
                let known = known.into_iter().find(|known| known.domain == domain);
                let imap = known.and_then(|known| known.imap);
                let settings = DomainSettings {
                    domain,
                    routes,
                    imap,
                };
                done(desk.set_domain(by, settings, door).await)
            }
            Request::DomainList => self.list_domains(by).await,
            Request::DomainRemove { domain } => done(desk.remove_domain(by, &domain, door).await),
            Request::PolicyShow { scope } => self.show_policy(by, scope).await,
            Request::PolicySet {
                scope,
                layer,
                reset,
            } => {
                let before = if reset {
                    Layer::default()
                } else {
                    desk.layer(by, &scope).await?
                };
                done(desk.set_layer(by, scope, (*layer).over(before), door).await)
            }
            Request::ListAdd { .. } | Request::ListRemove { .. } | Request::ListShow { .. } => {
                self.ask_lists(by, request).await
            }
            Request::SenderList => value(&desk.locked_senders(by).await?),
            Request::SenderLock { sender, why } => {
                done(desk.lock_sender(by, sender, why, door).await)
            }
            Request::SenderUnlock { sender } => done(desk.unlock_sender(by, &sender, door).await),
            Request::ChallengeList { scope, most } => self.list_challenges(by, scope, most).await,
            Request::DigestSend { address } => done(desk.ask_digest(by, &address, door).await),
            Request::KeysShow { secrets } => Ok(keys(&desk.keys(by).await?, secrets)),
            Request::KeysRotate => Ok(keys(
                &desk.rotate_keys(by, self.overlap, door).await?,
                false,
            )),
            other => self.ask_arc(by, other).await,
        }
    }

    async fn list_users(&self, by: &Principal) -> Result<Value, Refusal> {
        let accounts = self.desk.accounts(by).await?;
        Ok(accounts
            .iter()
            .map(|a| json!({ "login": a.login, "changed": a.changed, "has_password": a.has_password }))
            .collect())
    }

    /// Without what would help to guess a link.
    async fn list_challenges(
        &self,
        by: &Principal,
        scope: Scope,
        most: usize,
    ) -> Result<Value, Refusal> {
        let narrowed = Principal {
            scope,
            ..by.clone()
        };
        let all = self.desk.challenges(&narrowed).await?;
        let shown = all.iter().take(most.min(ROWS_MOST));
        Ok(shown
            .map(|one| {
                json!({
                    "recipient": one.scope, "sender": one.sender, "entry": one.entry,
                    "made": one.made, "expires": one.expires, "tries": one.tries,
                    "answered": one.answered,
                })
            })
            .collect())
    }

    async fn list_domains(&self, by: &Principal) -> Result<Value, Refusal> {
        let mut each = Vec::new();
        for settings in self.desk.domains(by).await? {
            let layer = self
                .desk
                .layer(by, &Scope::Domain(settings.domain.clone()))
                .await?;
            let scope = Scope::Domain(settings.domain.clone());
            let note = self.note(by, &scope).await?;
            each.push(json!({
                "domain": settings.domain, "routes": settings.routes, "imap": settings.imap,
                "policy": layer, "note": note,
            }));
        }
        Ok(Value::Array(each))
    }

    /// What a scope sets itself, and what holds there with what it inherits.
    async fn show_policy(&self, by: &Principal, scope: Scope) -> Result<Value, Refusal> {
        let layers = self.layers(by, &scope).await?;
        let set = layers.last().cloned().unwrap_or_default();
        let note = self.note(by, &scope).await?;
        Ok(json!({ "scope": scope, "set": set, "holds": Policy::stack(&layers), "note": note }))
    }

    /// The layers that hold for `scope`, the widest first.
    async fn layers(&self, by: &Principal, scope: &Scope) -> Result<Vec<Layer>, Refusal> {
        let chain = match scope {
            Scope::Global => vec![Scope::Global],
            Scope::Domain(_) => vec![Scope::Global, scope.clone()],
            Scope::Recipient(address) => Scope::chain(address).to_vec(),
        };
        let mut layers = Vec::new();
        for scope in &chain {
            layers.push(self.desk.layer(by, scope).await?);
        }
        Ok(layers)
    }
}

fn door() -> Door {
    Door::new("control", "")
}

fn value<T: Serialize>(of: &T) -> Result<Value, Refusal> {
    serde_json::to_value(of).map_err(|e| Refusal::Failed(e.to_string()))
}

fn done(result: Result<(), Refusal>) -> Result<Value, Refusal> {
    result.map(|()| Value::Null)
}

fn outcome(id: EntryId, result: Result<Outcome, Refusal>) -> Value {
    match result {
        Ok(Outcome::Done(id)) => json!({ "id": id, "done": true }),
        Ok(Outcome::Already(state)) => json!({ "id": id, "done": true, "already": state }),
        Err(refusal) => json!({ "id": id, "done": false, "refused": refusal.to_string() }),
    }
}

fn status(status: &crate::actions::Status) -> Value {
    let held: Vec<Value> = status
        .held
        .iter()
        .map(|(shelf, direction, count)| json!({ "shelf": shelf, "direction": direction, "count": count }))
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "held": held,
        "owed": status.owed,
        "last_24_hours": status.day,
    })
}

fn keys(ring: &crate::token::KeyRing, secrets: bool) -> Value {
    let each = ring
        .keys()
        .iter()
        .map(|key| {
            let mut shown = json!({ "id": key.id, "made": key.made, "until": key.until });
            if secrets {
                shown["secret"] = json!(key.secret());
            }
            shown
        })
        .collect();
    Value::Array(each)
}
