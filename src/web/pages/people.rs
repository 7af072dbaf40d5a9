//! Accounts within the scope: who can sign in, as what; made with a password that is shown once.

use askama::Template;
use axum::extract::{RawQuery, State};

use super::{Choice, Frame, Part, entries, told};
use crate::actions::ShownAccount;
use crate::policy::{Principal, Right, Rights, Role, Scope};
use crate::web::House;
use crate::web::answer::{Answer, Fault, local, page};
use crate::web::form::Form;
use crate::web::texts::{Texts, fill};
use crate::web::view::{self, When};
use crate::web::visitor::{Flash, Pressed, Visitor};

const HERE: &str = "/people";
/// Accounts on a page.
const ROWS: usize = 100;

struct Line {
    login: String,
    role: &'static str,
    grants: String,
    has_password: bool,
    has_second: bool,
    changed: When,
}

#[derive(Template)]
#[template(path = "people.html")]
struct Page {
    frame: Frame,
    count: String,
    may_change: bool,
    filtered: bool,
    q: String,
    rows: Vec<Line>,
    part: Part,
}

/// A role in words.
pub(super) fn role(role: Role, t: &Texts) -> &'static str {
    let w = t.people;
    match role {
        Role::Recipient => w.role_recipient,
        Role::DomainAdministrator => w.role_domain,
        Role::Administrator => w.role_global,
        Role::House => w.role_house,
        Role::Helpdesk => w.role_helpdesk,
        Role::Auditor => w.role_auditor,
    }
}

/// The roles that `by` can give.
pub(super) fn roles(by: &Principal, t: &Texts) -> Vec<Choice> {
    let all = [
        Role::Recipient,
        Role::Helpdesk,
        Role::Auditor,
        Role::DomainAdministrator,
        Role::Administrator,
    ];
    let given = |one: &Role| *one != Role::Administrator || by.scope == Scope::Global;
    all.into_iter()
        .filter(given)
        .map(|one| Choice {
            value: one.name(),
            text: role(one, t),
            current: false,
        })
        .collect()
}

/// A right in words.
pub(super) fn right(right: Right, t: &Texts) -> &'static str {
    let w = t.people;
    match right {
        Right::HandleMalware => w.right_handle_malware,
        Right::ReleaseOutgoing => w.right_release_outgoing,
        Right::Administer => w.right_administer,
        Right::SeeBodies => w.right_see_bodies,
        Right::Act => w.right_act,
        Right::RequestRelease => w.right_request_release,
        Right::ReadSettings => w.right_read_settings,
        Right::SetRoutes => w.right_set_routes,
    }
}

/// Rights in words, in a row.
pub(super) fn rights(rights: Rights, t: &Texts) -> String {
    let words: Vec<&str> = rights.iter().map(|one| right(one, t)).collect();
    words.join(", ")
}

/// The rights that a form ticks.
pub(super) fn ticked(form: &Form) -> Rights {
    let named = |name: &str| Right::ALL.into_iter().find(|right| right.name() == name);
    form.all("right").filter_map(named).collect()
}

/// Who reads what is set for others; a user has no such page.
pub(super) fn check_over(by: &Principal) -> Result<(), Fault> {
    match by.scope {
        Scope::Recipient(_) => Err(Fault::NotFound),
        Scope::Global | Scope::Domain(_) => Ok(()),
    }
}

fn line(account: &ShownAccount, frame: &Frame) -> Line {
    let t = frame.t();
    let grants = account.grants.iter();
    let grants: Vec<String> = grants
        .map(|grant| format!("{}: {}", role(grant.role, t), grant.scope))
        .collect();
    Line {
        role: role(Principal::of(account.login.clone()).role, t),
        login: account.login.to_string(),
        grants: view::plain(&grants.join(", ")),
        has_password: account.has_password,
        has_second: account.second_factor.is_some(),
        changed: frame.when(account.changed),
    }
}

/// `GET /people`
pub(in crate::web) async fn show(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    let form = Form::read(query.as_bytes());
    let by = visitor.principal.clone();
    check_over(&by)?;
    let mut all = house.desk.accounts(&by).await?;
    let total = all.len();
    let words = form.get("q").unwrap_or_default().to_lowercase();
    all.retain(|account| {
        let login = account.login.to_string();
        words.split_whitespace().all(|word| login.contains(word))
    });
    all.sort_by(|a, b| a.login.cmp(&b.login));
    let part = Part::new(&form, HERE, all.len(), ROWS);
    let here = format!("{HERE}?{query}");
    let frame = Frame::new(visitor, local(&here), house.desk.now());
    let shown = all.iter().skip(part.from).take(ROWS);
    page(&Page {
        count: entries(frame.t(), total),
        may_change: by.has(Right::Administer),
        filtered: !words.is_empty(),
        q: form.get("q").unwrap_or_default().to_owned(),
        rows: shown.map(|account| line(account, &frame)).collect(),
        part,
        frame,
    })
}

/// `POST /people/add`
pub(in crate::web) async fn add(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    visitor.check_proved(HERE)?;
    check_over(&visitor.principal)?;
    let (by, t) = (&visitor.principal, visitor.taste.t);
    let Ok(login) = form.get("login").unwrap_or_default().parse::<Scope>() else {
        return told(&house, &visitor, HERE, Ok(Flash::bad(t.scope_wrong)));
    };
    let words = fill(t.people.added, &login);
    let back = person(&login);
    let door = visitor.door();
    match house.desk.add_account(by, login, None, &door).await {
        Ok(password) => {
            let flash = Flash::good(words).with_secret(password);
            told(&house, &visitor, &back, Ok(flash))
        }
        Err(refusal) => told(&house, &visitor, HERE, Err(refusal)),
    }
}

/// The page of one account.
pub(super) fn person(login: &Scope) -> String {
    let login = Form::default().with("login", &login.to_string());
    format!("/people/account?{login}")
}
