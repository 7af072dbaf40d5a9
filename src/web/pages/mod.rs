//! The pages of the panel, one file each; and what all of them have around them.

pub(super) mod act;
pub(super) mod entry;
pub(super) mod gate;
pub(super) mod log;
pub(super) mod overview;
pub(super) mod quarantine;
pub(super) mod views;

use super::assets;
use super::texts::Texts;
use super::view::When;
use super::visitor::{Flash, Visitor};
use crate::clock::Timestamp;

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
        [
            ("/overview", t.nav_overview, true),
            ("/quarantine", t.nav_quarantine, true),
            ("/log", t.nav_log, true),
        ]
        .into_iter()
        .filter(|(_, _, shown)| *shown)
        .map(|(href, text, _)| NavItem {
            href,
            text,
            current: self.here.split('?').next() == Some(href),
        })
        .collect()
    }

    pub(super) fn when(&self, at: Timestamp) -> When {
        let taste = &self.visitor.taste;
        When::new(at, self.now, &taste.zone, taste.t)
    }
}
