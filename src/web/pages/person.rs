//! One account: its password, second factor, sessions, what was granted to it; and its end.

use askama::Template;
use axum::extract::{RawQuery, State};

use super::account::{role_and_scope, role_named};
use super::people::{check_over, person, right, rights, role, roles, ticked};
use super::{Choice, Frame, is_sure, scope_text, told};
use crate::actions::{Given, Refusal, ShownAccount};
use crate::policy::{Principal, Right, Scope};
use crate::record::Grant;
use crate::web::House;
use crate::web::answer::{Answer, Fault, page};
use crate::web::form::Form;
use crate::web::texts::{Texts, fill};
use crate::web::view::{self, When};
use crate::web::visitor::{Flash, Pressed, Visitor};

struct GrantLine {
    /// As forms carry it: `ROLE SCOPE`.
    value: String,
    role: &'static str,
    scope: String,
    rights: String,
    by: String,
    at: When,
}

#[derive(Template)]
#[template(path = "person.html")]
struct Page {
    frame: Frame,
    login: String,
    role: &'static str,
    account: ShownAccount,
    changed: When,
    second: Option<When>,
    grants: Vec<GrantLine>,
    may_change: bool,
    /// Something can be granted to it.
    takes_grants: bool,
    /// It cannot be removed.
    stays: bool,
    roles: Vec<Choice>,
    rights: Vec<Choice>,
}

/// `GET /people/account?login=`
pub(in crate::web) async fn show(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let by = visitor.principal.clone();
    check_over(&by)?;
    let login: Scope = form.read_as("login").ok_or(Fault::NotFound)?;
    let account = house.desk.account(&by, &login).await?;
    let frame = Frame::new(visitor, person(&login), house.desk.now());
    let t = frame.t();
    page(&Page {
        role: role(Principal::of(login.clone()).role, t),
        changed: frame.when(account.changed),
        second: account.second_factor.map(|since| frame.when(since)),
        grants: account.grants.iter().map(|g| line(g, &frame)).collect(),
        may_change: by.has(Right::Administer),
        takes_grants: matches!(login, Scope::Recipient(_)),
        stays: login == Scope::Global,
        roles: roles(&by, t),
        rights: Right::ALL.map(|one| choice(one, t)).into(),
        login: login.to_string(),
        account,
        frame,
    })
}

fn line(grant: &Grant, frame: &Frame) -> GrantLine {
    let t = frame.t();
    GrantLine {
        value: format!("{} {}", grant.role.name(), grant.scope),
        role: role(grant.role, t),
        scope: scope_text(&grant.scope, t),
        rights: rights(grant.rights, t),
        by: view::plain(&grant.by),
        at: frame.when(grant.at),
    }
}

fn choice(one: Right, t: &Texts) -> Choice {
    Choice {
        value: one.name(),
        text: right(one, t),
        current: false,
    }
}

/// `POST /people/account`: one thing is done with an account.
pub(in crate::web) async fn act(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let login: Scope = form.read_as("login").ok_or(Fault::NotFound)?;
    check_over(&visitor.principal)?;
    visitor.check_proved(&person(&login))?;
    let deed = form.get("do").unwrap_or_default();
    let came = match deed {
        "password" => password(&house, &visitor, &login).await,
        "sign-out" => sign_out(&house, &visitor, &login).await,
        "second" if is_sure(&form) => second(&house, &visitor, &login).await,
        "remove" if is_sure(&form) => remove(&house, &visitor, &login).await,
        "second" | "remove" => Ok(Flash::bad(visitor.taste.t.confirm_missing)),
        "grant" => grant(&house, &visitor, &login, &form).await,
        "revoke" => revoke(&house, &visitor, &login, &form).await,
        _ => return Err(Fault::NotFound),
    };
    let is_gone = deed == "remove" && matches!(&came, Ok(flash) if !flash.bad);
    let back = if is_gone {
        "/people".to_owned()
    } else {
        person(&login)
    };
    told(&house, &visitor, &back, came)
}

async fn password(house: &House, visitor: &Visitor, login: &Scope) -> Result<Flash, Refusal> {
    let (by, door) = (&visitor.principal, visitor.door());
    let password = house.desk.set_password(by, login.clone(), None, &door);
    let words = fill(visitor.taste.t.people.password_reset, login);
    Ok(Flash::good(words).with_secret(password.await?))
}

async fn sign_out(house: &House, visitor: &Visitor, login: &Scope) -> Result<Flash, Refusal> {
    let (by, door) = (&visitor.principal, visitor.door());
    house.desk.sign_out(by, login, &door).await?;
    Ok(Flash::good(fill(visitor.taste.t.people.signed_out, login)))
}

async fn second(house: &House, visitor: &Visitor, login: &Scope) -> Result<Flash, Refusal> {
    let (by, door) = (&visitor.principal, visitor.door());
    house.desk.reset_second_factor(by, login, &door).await?;
    Ok(Flash::good(fill(visitor.taste.t.people.second_gone, login)))
}

async fn remove(house: &House, visitor: &Visitor, login: &Scope) -> Result<Flash, Refusal> {
    let (by, door) = (&visitor.principal, visitor.door());
    house.desk.remove_account(by, login, &door).await?;
    Ok(Flash::good(fill(visitor.taste.t.people.removed, login)))
}

async fn grant(
    house: &House,
    visitor: &Visitor,
    login: &Scope,
    form: &Form,
) -> Result<Flash, Refusal> {
    let t = visitor.taste.t;
    let Some(role) = role_named(form.get("role").unwrap_or_default()) else {
        return Ok(Flash::bad(t.people.role_wrong));
    };
    let Some(scope) = form.read_as("scope") else {
        return Ok(Flash::bad(t.scope_wrong));
    };
    let given = Given {
        role,
        scope,
        rights: ticked(form),
    };
    let (by, door) = (&visitor.principal, visitor.door());
    house.desk.grant(by, login, given, &door).await?;
    Ok(Flash::good(t.people.granted))
}

async fn revoke(
    house: &House,
    visitor: &Visitor,
    login: &Scope,
    form: &Form,
) -> Result<Flash, Refusal> {
    let unknown = || Refusal::Unknown("such grant".to_owned());
    let (role, scope) = role_and_scope(form.get("what")).ok_or_else(unknown)?;
    let (by, door) = (&visitor.principal, visitor.door());
    house.desk.revoke(by, login, role, &scope, &door).await?;
    Ok(Flash::good(visitor.taste.t.people.revoked))
}
