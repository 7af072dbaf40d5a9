//! API keys: made, listed, removed. A key is shown once, when it is made (SE-17).

use askama::Template;
use axum::extract::State;

use super::account::role_named;
use super::filters::start_of;
use super::people::{right, rights, role, roles, ticked};
use super::{Choice, Frame, scope_of, scope_text, told};
use crate::actions::{NewKey, ShownKey};
use crate::net::network::Network;
use crate::policy::{Principal, Right, Rights, Scope};
use crate::web::House;
use crate::web::answer::{Answer, page};
use crate::web::texts::{Texts, fill};
use crate::web::view::{self, When};
use crate::web::visitor::{Flash, Pressed, Visitor};

const HERE: &str = "/api-keys";
/// Lines of networks that are looked at; more than a key may have.
const NETWORKS_MOST: usize = 100;

struct Line {
    id: String,
    name: String,
    role: &'static str,
    scope: String,
    rights: String,
    networks: String,
    by: String,
    made: When,
    expires: Option<When>,
    expired: bool,
    used: Option<When>,
}

#[derive(Template)]
#[template(path = "api_keys.html")]
struct Page {
    frame: Frame,
    rows: Vec<Line>,
    roles: Vec<Choice>,
    own_scope: String,
    rights: Vec<Choice>,
}

/// `GET /api-keys`
pub(in crate::web) async fn show(State(house): State<House>, visitor: Visitor) -> Answer {
    let by = visitor.principal.clone();
    let keys = house.desk.api_keys(&by).await?;
    let frame = Frame::new(visitor, HERE, house.desk.now());
    let t = frame.t();
    let has = Right::ALL.into_iter().filter(|one| by.has(*one));
    page(&Page {
        rows: keys.iter().map(|key| line(key, &frame)).collect(),
        roles: choices(&by, t),
        own_scope: by.scope.to_string(),
        rights: has
            .map(|one| Choice {
                value: one.name(),
                text: right(one, t),
                current: Rights::of(by.role).has(one),
            })
            .collect(),
        frame,
    })
}

/// The roles that a key of `by` can have, its own first.
fn choices(by: &Principal, t: &Texts) -> Vec<Choice> {
    let mut all = match by.scope {
        Scope::Recipient(_) => Vec::new(),
        Scope::Global | Scope::Domain(_) => roles(by, t),
    };
    all.retain(|choice| choice.value != by.role.name());
    let own = Choice {
        value: by.role.name(),
        text: role(by.role, t),
        current: true,
    };
    all.insert(0, own);
    all
}

fn line(key: &ShownKey, frame: &Frame) -> Line {
    let t = frame.t();
    let networks: Vec<String> = key.networks.iter().map(ToString::to_string).collect();
    Line {
        id: key.id.clone(),
        name: view::plain(&key.name),
        role: role(key.role, t),
        scope: scope_text(&key.scope, t),
        rights: rights(key.rights, t),
        networks: networks.join(", "),
        by: view::plain(&key.by),
        made: frame.when(key.made),
        expires: key.expires.map(|at| frame.when(at)),
        expired: key.expires.is_some_and(|at| at <= frame.now),
        used: key.used.map(|at| frame.when(at)),
    }
}

/// `POST /api-keys/make`
pub(in crate::web) async fn make(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    visitor.check_proved(HERE)?;
    let (by, t) = (&visitor.principal, visitor.taste.t);
    let bad = |words: String| told(&house, &visitor, HERE, Ok(Flash::bad(words)));
    let Some(role) = role_named(form.get("role").unwrap_or_default()) else {
        return bad(t.people.role_wrong.to_owned());
    };
    let scope = scope_of(&form, by, t)?;
    let expires = match form.get("expires") {
        None => None,
        // Until the end of that day.
        Some(day) => match start_of(day, &visitor.taste.zone, 1) {
            Some(at) if at > house.desk.now() => Some(at),
            _ => return bad(t.keys.api_expires_wrong.to_owned()),
        },
    };
    let mut networks = Vec::new();
    let lines = form.get("networks").unwrap_or_default().lines();
    let lines = lines.map(str::trim).filter(|line| !line.is_empty());
    for line in lines.take(NETWORKS_MOST) {
        match line.parse::<Network>() {
            Ok(network) => networks.push(network),
            Err(_) => {
                let shown: String = view::plain(line).chars().take(60).collect();
                return bad(fill(t.keys.api_network_wrong, shown));
            }
        }
    }
    let name = form.get("name").unwrap_or_default().to_owned();
    let words = fill(t.keys.api_made, view::plain(&name));
    let new = NewKey {
        name,
        role,
        scope,
        rights: ticked(&form),
        expires,
        networks,
    };
    let made = house.desk.add_api_key(by, new, &visitor.door()).await;
    let came = made.map(|(_, text)| Flash::good(words).with_secret(text));
    told(&house, &visitor, HERE, came)
}

/// `POST /api-keys/remove`
pub(in crate::web) async fn remove(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let (by, door) = (&visitor.principal, visitor.door());
    let id = form.get("id").unwrap_or_default();
    let removed = house.desk.remove_api_key(by, id, &door).await;
    let words = visitor.taste.t.keys.api_removed;
    told(&house, &visitor, HERE, removed.map(|()| Flash::good(words)))
}
