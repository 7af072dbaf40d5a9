//! The domains we protect: where their mail goes, and who knows their users' passwords.

use askama::Template;
use axum::extract::State;

use super::people::check_over;
use super::{Frame, is_sure, told};
use crate::actions::Refusal;
use crate::mail::Domain;
use crate::policy::{Right, Scope};
use crate::record::{DomainSettings, ImapServer, Route};
use crate::web::House;
use crate::web::answer::{Answer, Fault, page};
use crate::web::form::Form;
use crate::web::texts::fill;
use crate::web::view;
use crate::web::visitor::{Flash, Pressed, Visitor};

const HERE: &str = "/people/domains";
/// Mail servers of one domain.
const ROUTES_MOST: usize = 20;

struct Line {
    domain: String,
    /// One in a line.
    routes: String,
    imap: String,
}

#[derive(Template)]
#[template(path = "domains.html")]
struct Page {
    frame: Frame,
    rows: Vec<Line>,
    may_change: bool,
}

/// `GET /people/domains`
pub(in crate::web) async fn show(State(house): State<House>, visitor: Visitor) -> Answer {
    let by = visitor.principal.clone();
    check_over(&by)?;
    let all = house.desk.domains(&by).await?;
    let line = |settings: &DomainSettings| {
        let routes: Vec<String> = settings.routes.iter().map(ToString::to_string).collect();
        Line {
            domain: settings.domain.to_string(),
            routes: routes.join("\n"),
            imap: settings
                .imap
                .as_ref()
                .map_or(String::new(), ToString::to_string),
        }
    };
    page(&Page {
        rows: all.iter().map(line).collect(),
        may_change: by.scope == Scope::Global
            && by.has(Right::Administer)
            && by.has(Right::SetRoutes),
        frame: Frame::new(visitor, HERE, house.desk.now()),
    })
}

/// `POST /people/domains`: a domain is added, changed or removed.
pub(in crate::web) async fn act(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    check_over(&visitor.principal)?;
    visitor.check_proved(HERE)?;
    let t = visitor.taste.t;
    let Some(domain) = form.read_as::<Domain>("domain") else {
        return told(
            &house,
            &visitor,
            HERE,
            Ok(Flash::bad(t.people.domain_wrong)),
        );
    };
    let came = match form.get("do") {
        Some("add" | "change") => save(&house, &visitor, domain, &form).await,
        Some("remove") if !is_sure(&form) => Ok(Flash::bad(t.confirm_missing)),
        Some("remove") => {
            let (by, door) = (&visitor.principal, visitor.door());
            let removed = house.desk.remove_domain(by, &domain, &door).await;
            removed.map(|()| Flash::good(fill(t.people.domain_removed, &domain)))
        }
        _ => return Err(Fault::NotFound),
    };
    told(&house, &visitor, HERE, came)
}

/// What was set besides the form's fields stays.
async fn save(
    house: &House,
    visitor: &Visitor,
    domain: Domain,
    form: &Form,
) -> Result<Flash, Refusal> {
    let (by, door, w) = (&visitor.principal, visitor.door(), visitor.taste.t.people);
    let all = house.desk.domains(by).await?;
    let before = all.into_iter().find(|settings| settings.domain == domain);
    match (form.get("do"), &before) {
        (Some("add"), Some(_)) => return Ok(Flash::bad(fill(w.domain_there, &domain))),
        (Some("change"), None) => return Err(Refusal::Unknown(format!("domain {domain}"))),
        _ => {}
    }
    let bad = |error: String| Refusal::Bad(view::plain(&error));
    let routes = form.get("routes").unwrap_or_default().lines();
    let routes = routes.map(str::trim).filter(|line| !line.is_empty());
    let routes: Result<Vec<Route>, Refusal> = routes
        .take(ROUTES_MOST)
        .map(|line| {
            line.parse()
                .map_err(|e: crate::record::RouteError| bad(e.to_string()))
        })
        .collect();
    let routes = routes?;
    let imap = match form.get("imap") {
        None => None,
        Some(text) => Some(text.parse::<ImapServer>().map_err(|e| bad(e.to_string()))?),
    };
    let is_same = before
        .as_ref()
        .is_some_and(|before| before.routes == routes);
    let imap_before = before.and_then(|before| before.imap);
    if !is_same {
        let settings = DomainSettings {
            domain: domain.clone(),
            routes,
            imap: imap_before.clone(),
        };
        house.desk.set_domain(by, settings, &door).await?;
    }
    if imap != imap_before {
        house.desk.set_domain_imap(by, &domain, imap, &door).await?;
    }
    Ok(Flash::good(fill(w.domain_saved, &domain)))
}
