//! Sessions of people in the panel: kept here, known to the browser by a random token alone.

use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::second::SignedIn;
use super::tickets::{Tickets, new_text};
use super::{Login, LoginRefusal, Options};
use crate::clock::Timestamp;
use crate::policy::{Policy, Principal, Role, Scope};
use crate::record::{Account, Door, Event, Status};

/// Sessions at the same time, of all accounts; beyond that those that end first go.
const SESSIONS_MOST: usize = 100_000;
/// Characters kept of what a browser says of itself.
const AGENT_LONGEST: usize = 200;
/// Characters of a session's public name.
const ID_LENGTH: usize = 12;

/// A session, as its own person may see it.
#[derive(Debug, Clone)]
pub struct Session {
    /// Names it in lists; lets nobody in.
    pub id: String,
    pub login: Scope,
    pub begun: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
    /// Where it was last used from.
    pub peer: IpAddr,
    /// What the browser said of itself.
    pub agent: String,
    /// When the person last gave the password or a code.
    pub proved: Timestamp,
    epoch: u64,
    csrf: String,
    acting: (Role, Scope),
}

impl Session {
    /// What every form of this session holds.
    #[must_use]
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// True if a form holds the right token; compared in constant time.
    #[must_use]
    pub fn takes(&self, csrf: &str) -> bool {
        verify_slices_are_equal(self.csrf.as_bytes(), csrf.as_bytes()).is_ok()
    }
}

/// A session, with what its person may act as now.
#[derive(Debug, Clone)]
pub struct Entered {
    pub session: Session,
    /// All that can be chosen, the own first.
    pub principals: Vec<Principal>,
    /// What was chosen; `None` if there is nothing to choose before a second factor is set up.
    pub acting: Option<Principal>,
    /// Some roles of the account need a second factor, and it has none: they rest until then.
    pub must_enrol: bool,
    /// The person gave the password or a code not long ago: keys and rights may be changed.
    pub is_proved: bool,
}

/// All sessions, in memory: a restart ends them.
pub(super) struct Sessions(Tickets<Session>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Tickets::new(SESSIONS_MOST))
    }
}

impl Sessions {
    /// Makes room for one more session of `login`.
    fn make_room(&self, login: &Scope, most: u32, now: Timestamp) {
        let own = |session: &Session| {
            (session.login == *login).then(|| (session.seen, session.id.clone()))
        };
        let mut own = self.0.all(now, own);
        own.sort_unstable();
        let surplus = (own.len() + 1).saturating_sub(most.max(1) as usize);
        for (_, id) in own.into_iter().take(surplus) {
            self.0
                .end(|session| session.id == id && session.login == *login);
        }
    }
}

fn end_of(session: &Session, options: &Options) -> Timestamp {
    let idle = session.seen.after(options.session_idle.0);
    idle.min(session.begun.after(options.session_longest.0))
}

impl Login {
    /// Begins a session. The text lets its holder in and is kept nowhere here; it belongs into a
    /// cookie that is `HttpOnly`, `Secure` and `SameSite`.
    ///
    /// # Errors
    /// [`LoginRefusal::Unavailable`].
    pub fn begin_session(
        &self,
        signed: SignedIn,
        from: IpAddr,
        agent: &str,
    ) -> Result<String, LoginRefusal> {
        let now = self.clock.now();
        let sessions = &self.sessions;
        sessions.make_room(&signed.login, self.options.sessions_per_account, now);
        let own = Principal::of(signed.login.clone());
        let session = Session {
            id: new_text()?.chars().take(ID_LENGTH).collect(),
            login: signed.login,
            begun: now,
            seen: now,
            peer: from,
            agent: agent
                .chars()
                .filter(|c| !c.is_control())
                .take(AGENT_LONGEST)
                .collect(),
            proved: now,
            epoch: signed.epoch,
            csrf: new_text()?,
            acting: (own.role, own.scope),
        };
        let until = end_of(&session, &self.options);
        Ok(sessions.0.issue(session, now, until)?)
    }

    /// The session of a token, with what its person may do now: what was granted or taken back
    /// meanwhile holds at once. `None` if it ended, was signed out, or its account is gone.
    ///
    /// # Errors
    /// [`LoginRefusal::Unavailable`].
    pub async fn session(&self, token: &str) -> Result<Option<Entered>, LoginRefusal> {
        let now = self.clock.now();
        let session = self.sessions.0.with(token, now, |session, until| {
            session.seen = now;
            *until = end_of(session, &self.options);
            session.clone()
        });
        let Some(session) = session else {
            return Ok(None);
        };
        let account = self.settings.account(&session.login).await?;
        let Some(account) = account.filter(|account| account.epoch == session.epoch) else {
            self.sessions.0.take(token, now);
            return Ok(None);
        };
        self.entered(session, &account).await.map(Some)
    }

    /// True if the session still acts within `scope`. Not counted as a use: a page that is left open
    /// does not keep its session from ending.
    pub async fn still_acts(&self, token: &str, scope: &Scope) -> bool {
        let now = self.clock.now();
        let session = self
            .sessions
            .0
            .with(token, now, |session, _| session.clone());
        let Some(session) = session else {
            return false;
        };
        let Ok(Some(account)) = self.settings.account(&session.login).await else {
            return false;
        };
        let holds = account.epoch == session.epoch;
        let entered = self.entered(session, &account).await;
        let acting = entered.ok().and_then(|entered| entered.acting);
        holds && acting.is_some_and(|by| by.scope == *scope)
    }

    async fn entered(&self, session: Session, account: &Account) -> Result<Entered, LoginRefusal> {
        let (mut principals, mut must_enrol) = (Vec::new(), false);
        for principal in account.principals() {
            if account.second.is_none() && self.needs_second(&principal).await? {
                must_enrol = true;
            } else {
                principals.push(principal);
            }
        }
        let (role, scope) = &session.acting;
        let chosen = principals
            .iter()
            .find(|p| p.role == *role && p.scope == *scope);
        let acting = chosen.or(principals.first()).cloned();
        let proof_ends = session.proved.after(self.options.proof_holds.0);
        Ok(Entered {
            is_proved: self.clock.now() < proof_ends,
            session,
            principals,
            acting,
            must_enrol,
        })
    }

    /// True if the policy asks a second factor of who acts as `principal`.
    async fn needs_second(&self, principal: &Principal) -> Result<bool, LoginRefusal> {
        if !principal.role.is_over_others() {
            return Ok(false);
        }
        let mut layers = Vec::new();
        layers.extend(self.settings.layer(&Scope::Global).await?);
        if principal.scope != Scope::Global {
            layers.extend(self.settings.layer(&principal.scope).await?);
        }
        Ok(Policy::stack(&layers).admin_second_factor)
    }

    /// Chooses what the session's person acts as from now on; false if they may not.
    ///
    /// # Errors
    /// [`LoginRefusal::Unavailable`].
    pub async fn act_as(
        &self,
        token: &str,
        role: Role,
        scope: &Scope,
    ) -> Result<bool, LoginRefusal> {
        let Some(entered) = self.session(token).await? else {
            return Ok(false);
        };
        let may = |p: &Principal| p.role == role && p.scope == *scope;
        if !entered.principals.iter().any(may) {
            return Ok(false);
        }
        let chosen = self.sessions.0.with(token, self.clock.now(), |session, _| {
            session.acting = (role, scope.clone());
        });
        Ok(chosen.is_some())
    }

    /// The person proves once more who it is, before keys or rights are changed: by a code where
    /// the account has a second factor, else by the password. Who signed in by a mailed link
    /// and has neither signs in anew.
    ///
    /// # Errors
    /// [`LoginRefusal`]; counted like a sign-in.
    pub async fn prove(
        &self,
        token: &str,
        secret: &str,
        from: IpAddr,
        door: &str,
    ) -> Result<(), LoginRefusal> {
        let entered = self.session(token).await?.ok_or(LoginRefusal::Wrong)?;
        let login = entered.session.login;
        let name = login.to_string();
        let account = self
            .settings
            .account(&login)
            .await?
            .ok_or(LoginRefusal::Wrong)?;
        if account.second.is_some() {
            let check = async {
                let taken = self.takes_code(&account, secret, door, from).await?;
                Ok(taken.then_some(()))
            };
            self.admit(&name, (from, door), &self.suspects, check)
                .await?;
        } else {
            self.by_password(&name, secret, from, door, |_| true)
                .await?;
        }
        let now = self.clock.now();
        self.sessions
            .0
            .with(token, now, |session, _| session.proved = now);
        Ok(())
    }

    /// Asks for the password of the session's own account, before it is changed.
    ///
    /// # Errors
    /// [`LoginRefusal`]; counted like a sign-in.
    pub async fn check_password(
        &self,
        token: &str,
        password: &str,
        from: IpAddr,
        door: &str,
    ) -> Result<(), LoginRefusal> {
        let entered = self.session(token).await?.ok_or(LoginRefusal::Wrong)?;
        let name = entered.session.login.to_string();
        self.by_password(&name, password, from, door, |_| true)
            .await?;
        Ok(())
    }

    /// Keeps a session whose own person has just changed the password or the second factor, which
    /// ended all sessions of the account.
    ///
    /// # Errors
    /// [`LoginRefusal::Unavailable`].
    pub async fn keep_session(&self, token: &str) -> Result<(), LoginRefusal> {
        let now = self.clock.now();
        let login = self
            .sessions
            .0
            .with(token, now, |session, _| session.login.clone());
        let Some(login) = login else { return Ok(()) };
        if let Some(account) = self.settings.account(&login).await? {
            let renew = |session: &mut Session| session.epoch = account.epoch;
            self.sessions
                .0
                .with(token, now, |session, _| renew(session));
        }
        Ok(())
    }

    /// The sessions of the session's own account, those used last first.
    ///
    /// # Errors
    /// [`LoginRefusal::Unavailable`].
    pub async fn own_sessions(&self, token: &str) -> Result<Vec<Session>, LoginRefusal> {
        let Some(entered) = self.session(token).await? else {
            return Ok(Vec::new());
        };
        let (login, epoch) = (entered.session.login, entered.session.epoch);
        let own = |session: &Session| {
            (session.login == login && session.epoch == epoch).then(|| session.clone())
        };
        let mut own = self.sessions.0.all(self.clock.now(), own);
        own.sort_by(|a, b| (b.seen, &b.id).cmp(&(a.seen, &a.id)));
        Ok(own)
    }

    /// Ends one of the own account's sessions by its public name.
    ///
    /// # Errors
    /// [`LoginRefusal::Unavailable`].
    pub async fn end_session(&self, token: &str, id: &str) -> Result<(), LoginRefusal> {
        if let Some(entered) = self.session(token).await? {
            let login = entered.session.login;
            let own = |session: &Session| session.login == login && session.id == id;
            self.sessions.0.end(own);
        }
        Ok(())
    }

    /// Ends the session of a token. To end all of an account, see `Desk::sign_out`.
    pub async fn leave(&self, token: &str, door: &str) {
        let now = self.clock.now();
        if let Some(session) = self.sessions.0.take(token, now) {
            let door = Door::new(door, session.peer);
            let event = Event::new(now, Status::Changed, &session.login.to_string(), door);
            self.note(event.about(&session.login).saying("signed out"))
                .await;
        }
    }
}
