//! The terms under which an index knows an event.

use std::net::IpAddr;

use super::words::{Wanted, words};
use crate::mail::Address;
use crate::net::network::Network;
use crate::policy::Scope;
use crate::record::Event;
use crate::store::ledger::keys::end_of;

/// What a term speaks of; the first octet of it. These are written to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    /// An address whose own the event is.
    Owner = b'o',
    OwnerDomain = b'd',
    From = b'f',
    FromDomain = b'F',
    To = b't',
    ToDomain = b'T',
    Client = b'c',
    Subject = b's',
    Answer = b'x',
    FromWord = b'a',
    ToWord = b'b',
    Who = b'y',
}

/// The fields that free words are looked for in.
pub(super) const WORDS: [Field; 5] = [
    Field::Subject,
    Field::Answer,
    Field::FromWord,
    Field::ToWord,
    Field::Who,
];

/// Terms from `from` (included) to `to` (not included).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: Vec<u8>,
    pub(super) to: Vec<u8>,
}

impl Range {
    fn one(term: Vec<u8>) -> Self {
        let to = [&*term, &[0]].concat();
        Self { from: term, to }
    }

    /// True if it is of one term.
    pub(super) fn is_one(&self) -> bool {
        self.to.strip_prefix(&*self.from) == Some(&[0])
    }

    fn prefix(prefix: Vec<u8>) -> Self {
        let to = end_of(&prefix);
        Self { from: prefix, to }
    }
}

fn term(field: Field, text: &str) -> Vec<u8> {
    [&[field as u8], text.as_bytes()].concat()
}

pub(super) fn exact(field: Field, text: &str) -> Range {
    Range::one(term(field, text))
}

pub(super) fn word(field: Field, wish: &Wanted) -> Range {
    let term = term(field, &wish.word);
    if wish.prefix {
        Range::prefix(term)
    } else {
        Range::one(term)
    }
}

/// All of a field.
pub(super) fn all(field: Field) -> Range {
    Range::prefix(vec![field as u8])
}

/// The term of a scope; `None` for the global one.
pub(super) fn scope(scope: &Scope) -> Option<Range> {
    match scope {
        Scope::Global => None,
        Scope::Domain(domain) => Some(exact(Field::OwnerDomain, domain.as_str())),
        Scope::Recipient(address) => Some(exact(Field::Owner, address.key())),
    }
}

fn client_term(client: IpAddr) -> Vec<u8> {
    let mut term = vec![Field::Client as u8];
    match client.to_canonical() {
        IpAddr::V4(v4) => {
            term.push(4);
            term.extend(v4.octets());
        }
        IpAddr::V6(v6) => {
            term.push(6);
            term.extend(v6.octets());
        }
    }
    term
}

/// The address in a client's term.
pub(super) fn client_of(term: &[u8]) -> Option<IpAddr> {
    let (kind, octets) = term.get(1..)?.split_first()?;
    match kind {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        6 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}

pub(super) fn client(client: IpAddr) -> Range {
    Range::one(client_term(client))
}

/// All clients in a network: their octets lie in the order of their numbers.
pub(super) fn clients(network: &Network) -> Range {
    let (first, last) = network.ends();
    let to = [&*client_term(last), &[0]].concat();
    Range {
        from: client_term(first),
        to,
    }
}

/// All terms of an event, each once, in order.
pub(super) fn of(event: &Event) -> Vec<Vec<u8>> {
    let mut all = Vec::with_capacity(48);
    for address in event.ours() {
        all.push(term(Field::Owner, address.key()));
        all.push(term(Field::OwnerDomain, address.domain().as_str()));
    }
    if let Some(from) = &event.from {
        party(
            &mut all,
            from,
            [Field::From, Field::FromDomain, Field::FromWord],
        );
    }
    for to in &event.to {
        party(&mut all, to, [Field::To, Field::ToDomain, Field::ToWord]);
    }
    all.extend(event.client.map(client_term));
    for (field, text) in [
        (Field::Subject, &event.subject),
        (Field::Answer, &event.words),
        (Field::Who, &event.who),
    ] {
        words(text, |word| all.push(term(field, word)));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// The terms of an event's sender, of the recipients that `scope` may see, and of its client.
pub(super) fn parties(event: &Event, scope: &Scope) -> [Vec<Vec<u8>>; 3] {
    let to = event.to.iter().filter(|to| event.shows(to, scope));
    let mut to: Vec<_> = to.map(|to| term(Field::To, to.key())).collect();
    to.sort_unstable();
    to.dedup();
    [
        event
            .from
            .iter()
            .map(|from| term(Field::From, from.key()))
            .collect(),
        to,
        event.client.into_iter().map(client_term).collect(),
    ]
}

fn party(all: &mut Vec<Vec<u8>>, address: &Address, [whole, domain, part]: [Field; 3]) {
    all.push(term(whole, address.key()));
    all.push(term(domain, address.domain().as_str()));
    words(address.key(), |word| all.push(term(part, word)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_terms_of_its_clients_only() {
        let table = [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.77/24", "192.0.2.1", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
        ];
        for (network, address, inside) in table {
            let network: Network = network.parse().expect("network");
            let address: IpAddr = address.parse().expect("address");
            let (range, term) = (clients(&network), client_term(address));
            let found = range.from <= term && term < range.to;
            assert_eq!(found, inside, "{network} {address}");
            assert_eq!(network.holds(address), inside, "{network} {address}");
            assert_eq!(client_of(&term), Some(address.to_canonical()));
        }
    }
}
