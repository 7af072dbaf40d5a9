//! Who the front relay's client is: macros, the address that CONNECT names, and mail addresses as
//! the client wrote them.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::frame;
use crate::mail::{Address, Domain, Peer};

/// The macros that are looked at, without braces.
const WANTED: [&str; 8] = [
    "j",
    "i",
    "client_addr",
    "client_name",
    "auth_authen",
    "tls_version",
    "cipher",
    "daemon_name",
];
/// What we ask for at which stage, where the relay lets us: SMFIM_CONNECT, SMFIM_HELO,
/// SMFIM_ENVFROM and SMFIM_EOM.
pub(super) const ASKED: [(u32, &str); 4] = [
    (0, "j {client_addr} {client_name} {daemon_name}"),
    (1, "{tls_version} {cipher}"),
    (2, "i {auth_authen}"),
    (5, "i"),
];
/// The commands of a connection, whose macros hold until it ends; those of a message come after.
const OF_CONNECTION: [u8; 2] = *b"CH";
const OF_MESSAGE: [u8; 7] = *b"MRTLNBE";
/// Longest value that is kept, in characters.
const VALUE_LONGEST: usize = 255;

/// The macros of all stages.
#[derive(Debug, Default)]
pub(super) struct Macros(HashMap<(u8, &'static str), String>);

impl Macros {
    /// Takes the data of a frame: the command they belong to, then names and values. They
    /// replace those that came with that command before. What is not wanted is not kept.
    pub(super) fn define(&mut self, data: &[u8]) {
        let Some((stage, data)) = data.split_first() else {
            return;
        };
        if !OF_CONNECTION.contains(stage) && !OF_MESSAGE.contains(stage) {
            return;
        }
        self.0.retain(|(of, _), _| of != stage);
        let mut texts = frame::texts(data);
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            let bare = name.strip_prefix(b"{").and_then(|n| n.strip_suffix(b"}"));
            let bare = bare.unwrap_or(name);
            let known = WANTED.iter().find(|wanted| wanted.as_bytes() == bare);
            // Postfix sends some that have no value as empty.
            if let (Some(known), false) = (known, value.is_empty()) {
                self.0.insert((*stage, known), shown(value));
            }
        }
    }

    /// The value of a macro, as the latest stage has it.
    pub(super) fn get(&self, name: &'static str) -> Option<&str> {
        let stages = OF_CONNECTION.iter().chain(&OF_MESSAGE).rev();
        stages
            .filter_map(|stage| self.0.get(&(*stage, name)))
            .map(String::as_str)
            .next()
    }

    /// A message has ended: what was said with it does not hold for the next one.
    pub(super) fn end_message(&mut self) {
        self.0.retain(|(stage, _), _| OF_CONNECTION.contains(stage));
    }
}

/// Octets as text on one line.
fn shown(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets)
        .chars()
        .take(VALUE_LONGEST)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// The client that CONNECT names: its name, a NUL, the family, and for `4` and `6` a port of two
/// octets and the address as text. `L` and `U`, a local or an unknown client, may come by a macro.
pub(super) fn connected(data: &[u8], macros: &Macros) -> Option<Peer> {
    let end = data.iter().position(|octet| *octet == 0)?;
    let (name, rest) = (&data[..end], data.get(end + 1..)?);
    let address = match rest.split_first() {
        Some((b'4' | b'6', rest)) => {
            let text = frame::texts(rest.get(2..)?).next()?;
            address(std::str::from_utf8(text).ok()?)?
        }
        _ => macros
            .get("client_addr")
            .and_then(address)
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    };
    let mut peer = Peer::new(address.to_canonical());
    peer.esmtp = true;
    // Both servers have asked the DNS there and back; what has no name is unknown or in brackets.
    let known = |name: &String| {
        !name.is_empty() && !name.starts_with('[') && !name.eq_ignore_ascii_case("unknown")
    };
    let told = macros.get("client_name").map(str::to_owned);
    peer.name = Some(shown(name)).filter(known).or(told.filter(known));
    Some(peer)
}

/// Sendmail writes `IPv6:` in front.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (tag, rest) = text.split_at_checked("IPv6:".len())?;
    let v6: Ipv6Addr = rest.parse().ok()?;
    tag.eq_ignore_ascii_case("IPv6:").then_some(IpAddr::V6(v6))
}

/// What HELO says, on one line.
pub(super) fn helo(data: &[u8]) -> String {
    frame::texts(data).next().map(shown).unwrap_or_default()
}

/// The address between angle brackets, without a source route; empty for the null path.
pub(super) fn path(argument: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(argument).ok()?.trim();
    let inner = text.strip_prefix('<').and_then(|t| t.strip_suffix('>'));
    let inner = inner.unwrap_or(text);
    match inner.split_once(':') {
        Some((route, rest)) if route.starts_with('@') => Some(rest),
        _ => Some(inner),
    }
}

/// What the mail server may put behind an address without a domain: what was set, or else its
/// own name and the domains above it, which is where the origin of most servers is.
pub(super) fn origins(set: Option<&Domain>, name: Option<&str>) -> Vec<Domain> {
    if let Some(set) = set {
        return vec![set.clone()];
    }
    let mut rest = name.unwrap_or_default();
    let mut all = Vec::new();
    while let (true, Ok(domain)) = (rest.contains('.'), rest.parse()) {
        all.push(domain);
        rest = rest.split_once('.').map_or("", |(_, above)| above);
    }
    all
}

/// An address as the mail server will understand it: without a domain it gets `origin`,
/// and `host!user` and `user%host` are the old spellings of `user@host`. Nobody is to get around
/// the filter by another spelling.
pub(super) fn mailbox(path: &str, origin: Option<&Domain>) -> Option<Address> {
    if let Ok(address) = path.parse() {
        return Some(address);
    }
    if path.contains('@') {
        return None;
    }
    if let Some((host, user)) = path.split_once('!') {
        return format!("{user}@{host}").parse().ok();
    }
    if let Some((user, host)) = path.rsplit_once('%') {
        return format!("{user}@{host}").parse().ok();
    }
    format!("{path}@{}", origin?).parse().ok()
}

/// All that a recipient may be to the mail server; nothing if it cannot be read. An address at
/// the server itself (its own name `host`, a literal, `localhost`) is a mailbox of its users, who
/// are those of one of `origins`.
pub(super) fn meanings(path: &str, origins: &[Domain], host: Option<&str>) -> Vec<Address> {
    let mut all: Vec<Address> = if origins.is_empty() {
        mailbox(path, None).into_iter().collect()
    } else {
        let read = origins.iter().filter_map(|o| mailbox(path, Some(o)));
        read.collect()
    };
    if let Some(own) = all.first().filter(|a| is_host(a.domain(), host)) {
        let local = own.local().to_owned();
        let at = |origin: &Domain| format!("{local}@{origin}").parse().ok();
        all.extend(origins.iter().filter_map(at));
    }
    let mut known = HashSet::new();
    all.retain(|address| known.insert(address.clone()));
    all
}

/// May the mail server take `domain` for itself?
fn is_host(domain: &Domain, host: Option<&str>) -> bool {
    let name = domain.as_str();
    name.starts_with('[')
        || name.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.starts_with("localhost.")
        || host.is_some_and(|host| host.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se01_an_address_at_the_mail_server_may_be_one_of_ours() {
        let origins = origins(None, Some("mx.example.org"));
        let of = |path: &str| {
            let all = meanings(path, &origins, Some("mx.example.org"));
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            all.join(" ")
        };
        for (path, want) in [
            ("alice", "alice@mx.example.org alice@example.org"),
            ("alice@other.test", "alice@other.test"),
            (
                "alice@MX.example.org",
                "alice@mx.example.org alice@example.org",
            ),
            (
                "alice@[192.0.2.1]",
                "alice@[192.0.2.1] alice@mx.example.org alice@example.org",
            ),
            (
                "alice@192.0.2.1",
                "alice@192.0.2.1 alice@mx.example.org alice@example.org",
            ),
            (
                "alice@localhost",
                "alice@localhost alice@mx.example.org alice@example.org",
            ),
            ("alice (x)@example.org", ""),
        ] {
            assert_eq!(of(path), want, "{path}");
        }
        assert_eq!(meanings("alice", &[], None), []);
    }

    #[test]
    fn macros_of_a_message_end_with_it() {
        let mut macros = Macros::default();
        macros.define(b"Cj\0mx.example.org\0{daemon_name}\0smtpd\0v\0Postfix\0");
        macros.define(b"M{auth_authen}\0alice\0i\0Q1\0");
        assert_eq!(macros.get("auth_authen"), Some("alice"));
        macros.define(b"Ei\0Q2\0");
        assert_eq!(macros.get("i"), Some("Q2"), "the latest stage counts");
        macros.define(b"M{auth_authen}\0\0");
        assert_eq!(macros.get("auth_authen"), None, "empty is not there");
        macros.end_message();
        assert_eq!(macros.get("i"), None);
        assert_eq!(macros.get("j"), Some("mx.example.org"));
        assert_eq!(macros.0.len(), 2);
    }

    #[test]
    fn odd_macros_do_no_harm() {
        let mut macros = Macros::default();
        for data in [
            &b""[..],
            b"C",
            b"C\0",
            b"Cj",
            b"Cj\0",
            b"C\0\0\0\0",
            b"?j\0x\0",
        ] {
            macros.define(data);
            assert_eq!(macros.0.len(), 0, "{data:?}");
        }
        let many = b"x\0y\0".repeat(100_000);
        macros.define(&[b"C", &many[..], b"i\0a\nb\0j"].concat());
        assert_eq!(macros.get("i"), Some("a?b"));
        macros.define(&[&b"Mi\0"[..], &[b'x'; 9000]].concat());
        assert_eq!(macros.get("i").map(str::len), Some(VALUE_LONGEST));
        assert_eq!(macros.0.len(), 2);
    }

    #[test]
    fn clients_are_known_by_connect_or_by_a_macro() {
        let none = Macros::default();
        let of = |data: &[u8]| {
            let peer = connected(data, &none)?;
            Some((peer.address.to_string(), peer.name.unwrap_or_default()))
        };
        let is = |address: &str, name: &str| Some((address.to_owned(), name.to_owned()));
        let table = [
            (
                &b"a.test\x004\0\x19192.0.2.1\0"[..],
                is("192.0.2.1", "a.test"),
            ),
            (b"[192.0.2.1]\x004\0\x19192.0.2.1\0", is("192.0.2.1", "")),
            (b"unknown\x006\0\x192001:db8::1\0", is("2001:db8::1", "")),
            (
                b"unknown\x006\0\x19IPv6:2001:db8::1\0",
                is("2001:db8::1", ""),
            ),
            (b"x\x006\0\x19::ffff:192.0.2.1\0", is("192.0.2.1", "x")),
            (b"localhost\0L", is("127.0.0.1", "localhost")),
            (b"unknown\0U", is("127.0.0.1", "")),
            (b"x\x004\0\x19nonsense\0", None),
            (b"x\x004\0", None),
            (b"x", None),
        ];
        for (data, want) in table {
            assert_eq!(of(data), want, "{data:?}");
        }
        let mut macros = Macros::default();
        macros.define(b"C{client_addr}\x00192.0.2.9\0{client_name}\0a.test\0");
        let peer = connected(b"unknown\0U", &macros).expect("a client");
        assert_eq!(peer.address.to_string(), "192.0.2.9");
        assert_eq!(peer.name.as_deref(), Some("a.test"));
    }

    #[test]
    fn the_origin_is_as_set_or_by_the_servers_name() {
        let of = |set: Option<&str>, name| {
            let set: Option<Domain> = set.map(|set| set.parse().expect("domain"));
            let all = origins(set.as_ref(), name);
            all.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let name = Some("mx.front.example.org");
        let all = ["mx.front.example.org", "front.example.org", "example.org"];
        assert_eq!(of(None, name), all);
        assert_eq!(of(Some("example.net"), name), ["example.net"]);
        for odd in [None, Some(""), Some("mx"), Some("a..b"), Some("[x]")] {
            assert_eq!(of(None, odd), [""; 0], "{odd:?}");
        }
    }

    #[test]
    fn addresses_are_understood_as_the_mail_server_does() {
        let origin: Domain = "example.org".parse().expect("domain");
        let of = |argument: &[u8]| {
            let found = mailbox(path(argument)?, Some(&origin));
            found.map(|address| address.to_string())
        };
        for (argument, want) in [
            (&b"<alice@example.org>"[..], Some("alice@example.org")),
            (b"alice@example.org", Some("alice@example.org")),
            (
                b"<@a.test,@b.test:alice@example.org>",
                Some("alice@example.org"),
            ),
            (b"<alice>", Some("alice@example.org")),
            (b"<example.org!alice>", Some("alice@example.org")),
            (b"<alice%example.org>", Some("alice@example.org")),
            (b"<alice%a.test%b.test>", Some("alice%a.test@b.test")),
            (b"<a b@example.org>", None),
            (b"<\xff@example.org>", None),
            (b"<>", None),
        ] {
            assert_eq!(of(argument).as_deref(), want, "{argument:?}");
        }
    }
}
