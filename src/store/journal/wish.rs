//! A query made ready: what each event is held against, and where an index has to look.

use std::net::IpAddr;

use super::part::Kind;
use super::terms::{self, Field, Range};
use super::words::{Wanted, wanted, words};
use crate::clock::Timestamp;
use crate::mail::Address;
use crate::policy::Scope;
use crate::record::Event;
use crate::store::{Party, Place, Query};

/// Words of a search that count.
const WORDS_MOST: usize = 32;

/// A query made ready, for one scope.
pub(crate) struct Wish {
    pub(super) scope: Scope,
    pub(super) query: Query,
    from: Option<PartyWish>,
    to: Option<PartyWish>,
    address: Option<PartyWish>,
    subject: Vec<Wanted>,
    text: Vec<TextWish>,
    /// Not before this place.
    pub(super) low: Place,
    /// Before this place; `None` for no end.
    pub(super) high: Option<Place>,
}

enum PartyWish {
    Address(Address),
    Domain(crate::mail::Domain),
    /// Each the beginning of a word of the address.
    Words(Vec<Wanted>),
}

enum TextWish {
    Word(Wanted),
    Client(IpAddr),
}

/// One of these ranges of terms must speak of an event.
pub(super) type Clause = Vec<Range>;

impl Wish {
    /// Makes `query` ready; what is older than `edge` is forgotten.
    pub(crate) fn new(scope: &Scope, query: &Query, edge: Timestamp) -> Self {
        let at = query.since.unwrap_or_default().max(edge);
        let until = query.until.map(|until| Place {
            at: Timestamp(until.0.saturating_add(1)),
            number: 0,
        });
        let high = match (until, query.before) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let pieces = |text: &Option<String>| -> Vec<String> {
            let text = text.as_deref().unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect()
        };
        let mut subject: Vec<Wanted> = pieces(&query.subject)
            .iter()
            .flat_map(|piece| wanted(piece))
            .collect();
        subject.truncate(WORDS_MOST);
        let mut text: Vec<TextWish> = pieces(&query.text)
            .iter()
            .flat_map(|piece| TextWish::all(piece))
            .collect();
        text.truncate(WORDS_MOST);
        Self {
            scope: scope.clone(),
            from: query.from.as_ref().map(PartyWish::new),
            to: query.to.as_ref().map(PartyWish::new),
            address: query.address.as_ref().map(PartyWish::new),
            subject,
            text,
            low: Place { at, number: 0 },
            high,
            query: query.clone(),
        }
    }

    /// True if `place` is in the time that is looked at.
    pub(super) fn covers(&self, place: Place) -> bool {
        place >= self.low && self.high.is_none_or(|high| place < high)
    }

    /// True if the event is one that is looked for. Only what the scope may see counts, so
    /// that nobody learns by searching who else got a mail.
    pub(super) fn fits(&self, event: &Event) -> bool {
        let query = &self.query;
        event.is_in(&self.scope)
            && self.wants(&Kind::of(event))
            && self.fits_score(event.score)
            && query.mail.is_none_or(|mail| event.mail == Some(mail))
            && query
                .entry
                .is_none_or(|entry| event.entries().contains(&entry))
            && self.fits_parties(event)
            && self.fits_words(event)
    }

    /// True if events of this kind are looked for.
    pub(super) fn wants(&self, kind: &Kind) -> bool {
        let query = &self.query;
        (query.statuses.is_empty() || query.statuses.contains(&kind.status))
            && query
                .direction
                .is_none_or(|way| kind.direction == Some(way))
            && (query.classes.is_empty()
                || kind
                    .class
                    .is_some_and(|class| query.classes.contains(&class)))
    }

    /// True if scores matter.
    pub(super) fn wants_score(&self) -> bool {
        self.query.score_from.is_some() || self.query.score_to.is_some()
    }

    /// True if a score from `least` to `most` may fit; there is none if `least` is above `most`.
    pub(super) fn may_score(&self, least: f32, most: f32) -> bool {
        let (from, to) = (self.query.score_from, self.query.score_to);
        !self.wants_score()
            || least <= most
                && from.is_none_or(|from| most >= from)
                && to.is_none_or(|to| least <= to)
    }

    pub(super) fn fits_score(&self, score: Option<f32>) -> bool {
        let fits = |wish: Option<f32>, holds: fn(&f32, &f32) -> bool| {
            wish.is_none_or(|wish| score.is_some_and(|score| holds(&score, &wish)))
        };
        fits(self.query.score_from, f32::ge) && fits(self.query.score_to, f32::le)
    }

    fn fits_parties(&self, event: &Event) -> bool {
        let from = |wish: &PartyWish| event.from.iter().any(|from| wish.fits(from));
        let to = |wish: &PartyWish| self.to(event).any(|to| wish.fits(to));
        self.from.as_ref().is_none_or(from)
            && self.to.as_ref().is_none_or(to)
            && self
                .address
                .as_ref()
                .is_none_or(|wish| from(wish) || to(wish))
            && self.query.client.is_none_or(|network| {
                event
                    .client
                    .is_some_and(|client| network.holds(client.to_canonical()))
            })
    }

    fn fits_words(&self, event: &Event) -> bool {
        let subject = || texts([event.subject.as_str()]);
        let all = || {
            let addresses = event.from.iter().chain(self.to(event));
            let others = [&*event.subject, &*event.words, &*event.who];
            texts(addresses.map(Address::key).chain(others))
        };
        (self.subject.is_empty() || {
            let there = subject();
            self.subject
                .iter()
                .all(|wish| there.iter().any(|word| wish.fits(word)))
        }) && (self.text.is_empty() || {
            let there = all();
            self.text.iter().all(|wish| match wish {
                TextWish::Word(wish) => there.iter().any(|word| wish.fits(word)),
                TextWish::Client(client) => event.client.map(|c| c.to_canonical()) == Some(*client),
            })
        })
    }

    fn to<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Address> {
        let shown = |to: &&Address| event.shows(to, &self.scope);
        event.to.iter().filter(shown)
    }

    /// Where to look: every event that fits is spoken of by each clause.
    pub(super) fn clauses(&self) -> Vec<Clause> {
        let mut all: Vec<Clause> = Vec::new();
        all.extend(terms::scope(&self.scope).map(|range| vec![range]));
        if let Some(wish) = &self.from {
            all.extend(wish.clauses(&[Side::FROM]));
        }
        if let Some(wish) = &self.to {
            all.extend(wish.clauses(&[Side::TO]));
        }
        if let Some(wish) = &self.address {
            all.extend(wish.clauses(&[Side::FROM, Side::TO]));
        }
        if let Some(network) = self.query.client {
            all.push(vec![terms::clients(&network)]);
        }
        let subject = |wish: &Wanted| vec![terms::word(Field::Subject, wish)];
        all.extend(self.subject.iter().map(subject));
        all.extend(self.text.iter().map(|wish| {
            match wish {
                TextWish::Client(client) => vec![terms::client(*client)],
                TextWish::Word(wish) => terms::WORDS
                    .into_iter()
                    .map(|field| terms::word(field, wish))
                    .collect(),
            }
        }));
        all
    }
}

/// All words of some texts.
fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut all = Vec::new();
    for text in texts {
        words(text, |word| all.push(word.to_owned()));
    }
    all
}

impl TextWish {
    fn all(piece: &str) -> Vec<Self> {
        match piece.parse::<IpAddr>() {
            Ok(client) => vec![TextWish::Client(client.to_canonical())],
            Err(_) => wanted(piece).into_iter().map(TextWish::Word).collect(),
        }
    }
}

/// The terms of one side of an event.
#[derive(Clone, Copy)]
struct Side {
    address: Field,
    domain: Field,
    word: Field,
}

impl Side {
    const FROM: Side = Side {
        address: Field::From,
        domain: Field::FromDomain,
        word: Field::FromWord,
    };
    const TO: Side = Side {
        address: Field::To,
        domain: Field::ToDomain,
        word: Field::ToWord,
    };
}

impl PartyWish {
    fn new(party: &Party) -> Self {
        match party {
            Party::Address(address) => PartyWish::Address(address.clone()),
            Party::Domain(domain) => PartyWish::Domain(domain.clone()),
            Party::Part(part) => {
                let mut all = wanted(part);
                all.truncate(WORDS_MOST);
                for wish in &mut all {
                    wish.prefix = true;
                }
                PartyWish::Words(all)
            }
        }
    }

    fn fits(&self, address: &Address) -> bool {
        match self {
            PartyWish::Address(wish) => wish == address,
            PartyWish::Domain(wish) => wish == address.domain(),
            PartyWish::Words(all) => {
                let there = texts([address.key()]);
                all.iter()
                    .all(|wish| there.iter().any(|word| wish.fits(word)))
            }
        }
    }

    fn clauses(&self, sides: &[Side]) -> Vec<Clause> {
        let each = |range: &dyn Fn(&Side) -> Range| sides.iter().map(range).collect();
        match self {
            PartyWish::Address(address) => {
                vec![each(&|side| terms::exact(side.address, address.key()))]
            }
            PartyWish::Domain(domain) => {
                vec![each(&|side| terms::exact(side.domain, domain.as_str()))]
            }
            PartyWish::Words(all) => all
                .iter()
                .map(|wish| each(&|side| terms::word(side.word, wish)))
                .collect(),
        }
    }
}
