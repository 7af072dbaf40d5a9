//! The pages of the panel, one file each; and what all of them have around them.

pub(super) mod account;
pub(super) mod act;
pub(super) mod api_keys;
pub(super) mod audit;
pub(super) mod digests;
pub(super) mod domains;
pub(super) mod entry;
pub(super) mod gate;
pub(super) mod jobs;
pub(super) mod keys;
pub(super) mod link;
pub(super) mod lists;
pub(super) mod log;
pub(super) mod overview;
pub(super) mod people;
pub(super) mod person;
pub(super) mod policy;
pub(super) mod proof;
pub(super) mod quarantine;
pub(super) mod views;
mod watched;

use super::House;
use super::answer::{Answer, Fault, local, redirect};
use super::assets;
use super::form::Form;
use super::texts::{Texts, fill};
use super::view::When;
use super::visitor::{Flash, Visitor};
use crate::actions::Refusal;
use crate::clock::Timestamp;
use crate::policy::{Principal, Right, Scope};

/// A way to another page.
pub(super) struct NavItem {
    pub(super) href: &'static str,
    pub(super) text: &'static str,
    pub(super) current: bool,
}

/// A choice, as tabs and selections show it.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) text: &'static str,
    pub(super) current: bool,
}

/// What every page has around its content.
pub(super) struct Frame {
    visitor: Visitor,
    here: String,
    now: Timestamp,
}

impl Frame {
    /// For the page at `here`: its path and query, to come back to.
    pub(super) fn new(visitor: Visitor, here: impl Into<String>, now: Timestamp) -> Self {
        Self {
            visitor,
            here: here.into(),
            now,
        }
    }

    pub(super) fn t(&self) -> &'static Texts {
        self.visitor.taste.t
    }

    fn theme(&self) -> &'static str {
        self.visitor.taste.theme
    }

    fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    fn csrf(&self) -> &str {
        self.visitor.entered.session.csrf()
    }

    fn here(&self) -> &str {
        &self.here
    }

    fn flash(&self) -> Option<&Flash> {
        self.visitor.flash.as_ref()
    }

    fn who(&self) -> &str {
        &self.visitor.principal.who
    }

    /// The scope, where it is not the visitor's own.
    fn acting_as(&self) -> Option<String> {
        let scope = self.visitor.principal.scope.to_string();
        (scope != self.visitor.principal.who).then_some(scope)
    }

    /// The pages that are of use to this visitor.
    fn nav(&self) -> Vec<NavItem> {
        let t = self.t();
        let by = &self.visitor.principal;
        let reads = by.has(Right::ReadSettings);
        let over = !matches!(by.scope, Scope::Recipient(_));
        let here = self.here.split('?').next().unwrap_or_default();
        [
            ("/overview", t.nav_overview, true),
            ("/quarantine", t.nav_quarantine, true),
            ("/log", t.nav_log, true),
            ("/lists", t.nav_lists, reads),
            ("/policy", t.nav_policy, reads),
            ("/people", t.nav_people, reads && over),
            ("/jobs", t.nav_jobs, true),
            ("/keys", t.nav_keys, over && by.has(Right::Administer)),
            ("/api-keys", t.nav_api, true),
            ("/audit", t.nav_audit, reads && over),
            ("/account", t.nav_account, true),
        ]
        .into_iter()
        .filter(|(_, _, shown)| *shown)
        .map(|(href, text, _)| NavItem {
            href,
            text,
            current: here.strip_prefix(href).is_some_and(is_below),
        })
        .collect()
    }

    /// True if the visitor gave the password or a code not long ago.
    fn is_proved(&self) -> bool {
        self.visitor.entered.is_proved
    }

    /// The way to give it again and come back here.
    fn prove(&self) -> String {
        let next = Form::default().with("next", &self.here);
        format!("/account/prove?{next}")
    }

    /// What else the visitor could act as.
    fn others(&self) -> Vec<Role> {
        let acting = &self.visitor.principal;
        let all = self.visitor.entered.principals.iter();
        all.filter(|p| p.role != acting.role || p.scope != acting.scope)
            .map(|p| Role::of(p, self.t()))
            .collect()
    }

    pub(super) fn when(&self, at: Timestamp) -> When {
        let taste = &self.visitor.taste;
        When::new(at, self.now, &taste.zone, taste.t)
    }
}

/// True for the rest of a path that ends here or goes on below.
fn is_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}

/// Something the visitor may act as.
struct Role {
    /// As forms carry it: `ROLE SCOPE`.
    value: String,
    text: String,
}

impl Role {
    fn of(principal: &Principal, t: &Texts) -> Self {
        Self {
            value: format!("{} {}", principal.role.name(), principal.scope),
            text: format!("{} ({})", principal.scope, people::role(principal.role, t)),
        }
    }
}

/// A part of a long list.
struct Part {
    /// The number of the first row.
    from: usize,
    before: Option<String>,
    after: Option<String>,
}

impl Part {
    /// The part that `form` asks for by `page`, of `count` rows with `rows` on a page, at `path`.
    fn new(form: &Form, path: &str, count: usize, rows: usize) -> Self {
        let last = count.saturating_sub(1) / rows;
        let page = form.read_as::<usize>("page").unwrap_or(0).min(last);
        let to = |page: usize| format!("{path}?{}", form.with("page", &page.to_string()));
        Self {
            from: page * rows,
            before: page.checked_sub(1).map(to),
            after: (page < last).then(|| to(page + 1)),
        }
    }
}

/// The scope that a form names; without one it is the visitor's own.
fn scope_of(form: &Form, by: &Principal, t: &Texts) -> Result<Scope, Fault> {
    let scope = match form.get("scope") {
        Some(text) => text
            .parse()
            .map_err(|_| Fault::Bad(t.scope_wrong.to_owned()))?,
        None => by.scope.clone(),
    };
    if by.scope.holds(&scope) {
        Ok(scope)
    } else {
        Err(Fault::NotFound)
    }
}

/// A scope in words.
fn scope_text(scope: &Scope, t: &Texts) -> String {
    match scope {
        Scope::Global => t.scope_global.to_owned(),
        Scope::Domain(_) | Scope::Recipient(_) => scope.to_string(),
    }
}

/// A number of entries in words.
fn entries(t: &Texts, n: usize) -> String {
    if n == 1 {
        t.one_entry.to_owned()
    } else {
        fill(t.n_entries, n)
    }
}

/// True if what cannot be taken back was confirmed.
fn is_sure(form: &Form) -> bool {
    form.get("sure").is_some()
}

/// Back to the page at `path`, where it is said what came of a wish. What is not there, or not
/// the visitor's, is said on a page of its own.
fn told(house: &House, visitor: &Visitor, path: &str, came: Result<Flash, Refusal>) -> Answer {
    let flash = match came {
        Ok(flash) => flash,
        Err(refusal @ Refusal::Bad(_)) => Flash::bad(refusal.to_string()),
        Err(refusal) => return Err(refusal.into()),
    };
    house.flashes.say(visitor, flash);
    Ok(redirect(local(path)))
}
