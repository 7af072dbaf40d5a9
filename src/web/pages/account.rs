//! The visitor's own account: password, second factor, sessions, who may act for whom.

use askama::Template;
use axum::extract::State;

use super::digests::Digests;
use super::people::role;
use super::{Frame, scope_text, told};
use crate::accounts::LoginRefusal;
use crate::actions::{Given, Refusal, ShownAccount};
use crate::policy::{Principal, Rights, Role, Scope};
use crate::record::Grant;
use crate::web::House;
use crate::web::answer::{Answer, Fault, local, page, redirect};
use crate::web::texts::{Texts, fill};
use crate::web::view::{self, When};
use crate::web::visitor::{Flash, Pressed, Visitor, set_session};

const HERE: &str = "/account";

struct SessionLine {
    id: String,
    current: bool,
    begun: When,
    seen: When,
    peer: String,
    agent: String,
}

struct Delegate {
    login: String,
    at: When,
}

/// What was given to this account.
struct GivenLine {
    role: &'static str,
    /// As forms carry it: `ROLE SCOPE`.
    value: String,
    scope: String,
    by: String,
    at: When,
}

#[derive(Template)]
#[template(path = "account.html")]
struct Page {
    frame: Frame,
    account: ShownAccount,
    role: &'static str,
    second_since: Option<String>,
    recovery_left: String,
    sessions: Vec<SessionLine>,
    /// `None` for logins that have no mailbox.
    delegates: Option<Vec<Delegate>>,
    given: Vec<GivenLine>,
    /// The same for these.
    digests: Option<Digests>,
}

/// The person itself. Who cannot be that yet sets up a second factor first.
fn own(visitor: &Visitor) -> Result<Principal, Fault> {
    visitor.own().cloned().ok_or(Fault::Enrol)
}

/// `GET /account`
pub(in crate::web) async fn show(State(house): State<House>, visitor: Visitor) -> Answer {
    let by = own(&visitor)?;
    let account = house.desk.account(&by, &by.scope).await?;
    let sessions = house.login.own_sessions(&visitor.token).await?;
    let current = visitor.entered.session.id.clone();
    let delegates = match &by.scope {
        Scope::Recipient(_) => Some(house.desk.granted(&by, &by.scope).await?),
        Scope::Global | Scope::Domain(_) => None,
    };
    let digests = Digests::of(&house, &by, visitor.taste.t).await?;
    let frame = Frame::new(visitor, HERE, house.desk.now());
    let t = frame.t();
    let delegate = |(login, grant): (Scope, Grant)| Delegate {
        login: login.to_string(),
        at: frame.when(grant.at),
    };
    let delegates = delegates.map(|all| {
        let others = all
            .into_iter()
            .filter(|(login, grant)| grant.role == Role::Recipient && *login != by.scope);
        others.map(delegate).collect()
    });
    page(&Page {
        role: role(by.role, t),
        second_since: account
            .second_factor
            .map(|since| fill(t.account.second_since, frame.when(since).long)),
        recovery_left: fill(t.account.recovery_left, account.recovery_codes),
        sessions: sessions
            .iter()
            .map(|session| SessionLine {
                current: session.id == current,
                id: session.id.clone(),
                begun: frame.when(session.begun),
                seen: frame.when(session.seen),
                peer: session.peer.to_string(),
                agent: view::plain(&session.agent),
            })
            .collect(),
        delegates,
        digests,
        given: given(&account, &frame, t),
        account,
        frame,
    })
}

fn given(account: &ShownAccount, frame: &Frame, t: &Texts) -> Vec<GivenLine> {
    let line = |grant: &Grant| GivenLine {
        role: role(grant.role, t),
        value: format!("{} {}", grant.role.name(), grant.scope),
        scope: scope_text(&grant.scope, t),
        by: view::plain(&grant.by),
        at: frame.when(grant.at),
    };
    account.grants.iter().map(line).collect()
}

/// `POST /account/password`
pub(in crate::web) async fn password(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let by = own(&visitor)?;
    let w = visitor.taste.t.account;
    let value = |name| form.all(name).next().unwrap_or_default();
    if value("new") != value("again") {
        return told(&house, &visitor, HERE, Ok(Flash::bad(w.password_differ)));
    }
    let from = visitor.client.address;
    let checked = house
        .login
        .check_password(&visitor.token, value("old"), from, "web");
    match checked.await {
        Ok(()) => {}
        Err(LoginRefusal::Wrong) => {
            return told(&house, &visitor, HERE, Ok(Flash::bad(w.password_wrong)));
        }
        Err(refusal) => return Err(refusal.into()),
    }
    let account = house.desk.account(&by, &by.scope).await?;
    if !account.has_password {
        // The mail server's password was right, and is not ours to change.
        return told(&house, &visitor, HERE, Ok(Flash::bad(w.password_none)));
    }
    let (new, door) = (Some(value("new").to_owned()), visitor.door());
    let changed = house.desk.set_password(&by, by.scope.clone(), new, &door);
    let changed = changed.await;
    if changed.is_ok() {
        house.login.keep_session(&visitor.token).await?;
    }
    let flash = changed.map(|_| Flash::good(w.password_changed));
    told(&house, &visitor, HERE, flash)
}

/// `POST /account/second-factor/off`
pub(in crate::web) async fn second_off(
    State(house): State<House>,
    Pressed { visitor, .. }: Pressed,
) -> Answer {
    visitor.check_proved(HERE)?;
    let by = own(&visitor)?;
    let door = visitor.door();
    house
        .desk
        .reset_second_factor(&by, &by.scope, &door)
        .await?;
    house.login.keep_session(&visitor.token).await?;
    let words = visitor.taste.t.account.second_is_off;
    told(&house, &visitor, HERE, Ok(Flash::good(words)))
}

/// `POST /account/recovery-codes`: new ones, shown this once.
pub(in crate::web) async fn recovery(
    State(house): State<House>,
    Pressed { visitor, .. }: Pressed,
) -> Answer {
    visitor.check_proved(HERE)?;
    let (token, from) = (&visitor.token, visitor.client.address);
    let codes = house.login.new_recovery_codes(token, from, "web").await?;
    let flash = Flash::good(visitor.taste.t.account.recovery_made);
    told(
        &house,
        &visitor,
        HERE,
        Ok(flash.with_secret(codes.join("\n"))),
    )
}

/// `POST /account/sessions/end`: one of the own sessions.
pub(in crate::web) async fn end_session(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let id = form.get("id").unwrap_or_default();
    house.login.end_session(&visitor.token, id).await?;
    let words = visitor.taste.t.account.session_ended;
    told(&house, &visitor, HERE, Ok(Flash::good(words)))
}

/// `POST /account/sign-out-everywhere`
pub(in crate::web) async fn everywhere(
    State(house): State<House>,
    Pressed { visitor, .. }: Pressed,
) -> Answer {
    let by = own(&visitor)?;
    house.desk.sign_out(&by, &by.scope, &visitor.door()).await?;
    let mut response = redirect("/sign-in?signed_out=1");
    if let Some(cookie) = set_session(visitor.client, "") {
        let headers = response.headers_mut();
        headers.append(axum::http::header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `POST /account/delegates/add`: lets somebody act for the own address.
pub(in crate::web) async fn delegate(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    visitor.check_proved(HERE)?;
    let (by, t) = (own(&visitor)?, visitor.taste.t);
    let asked = form.get("login").unwrap_or_default();
    let Ok(to) = asked.parse::<Scope>() else {
        return told(&house, &visitor, HERE, Ok(Flash::bad(t.scope_wrong)));
    };
    let given = Given {
        role: Role::Recipient,
        scope: by.scope.clone(),
        rights: Rights::NONE,
    };
    let came = match house.desk.grant(&by, &to, given, &visitor.door()).await {
        Ok(()) => Ok(Flash::good(fill(t.account.delegate_added, &to))),
        Err(Refusal::Unknown(_)) => Ok(Flash::bad(fill(t.account.delegate_unknown, &to))),
        Err(refusal) => Err(refusal),
    };
    told(&house, &visitor, HERE, came)
}

/// `POST /account/delegates/remove`
pub(in crate::web) async fn undelegate(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let by = own(&visitor)?;
    let login: Scope = form.read_as("login").ok_or(Fault::NotFound)?;
    let door = visitor.door();
    let revoked = house
        .desk
        .revoke(&by, &login, Role::Recipient, &by.scope, &door);
    let words = fill(visitor.taste.t.account.delegate_gone, &login);
    let came = revoked.await.map(|()| Flash::good(words));
    told(&house, &visitor, HERE, came)
}

/// `POST /account/give-up`: something that was given to this account.
pub(in crate::web) async fn give_up(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let by = own(&visitor)?;
    let (role, scope) = role_and_scope(form.get("what")).ok_or(Fault::NotFound)?;
    let door = visitor.door();
    let revoked = house.desk.revoke(&by, &by.scope, role, &scope, &door).await;
    let words = visitor.taste.t.account.given_up;
    told(&house, &visitor, HERE, revoked.map(|()| Flash::good(words)))
}

/// `POST /act-as`: what the visitor does is done as that from now on.
pub(in crate::web) async fn act_as(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let (role, scope) = role_and_scope(form.get("as")).ok_or(Fault::NotFound)?;
    if !house.login.act_as(&visitor.token, role, &scope).await? {
        return Err(Fault::NotFound);
    }
    let t = visitor.taste.t;
    let words = fill(t.account.switched, scope_text(&scope, t));
    // The page before may not be there for the new role.
    let back = local(form.get("back").unwrap_or("/"));
    told(&house, &visitor, back, Ok(Flash::good(words)))
}

/// Reads `ROLE SCOPE`.
pub(super) fn role_and_scope(text: Option<&str>) -> Option<(Role, Scope)> {
    let (role, scope) = text?.split_once(' ')?;
    Some((role_named(role)?, scope.parse().ok()?))
}

/// A role by the name as it is stored.
pub(super) fn role_named(name: &str) -> Option<Role> {
    serde_json::from_value(name.into()).ok()
}
