//! A DNS list as it is written in the options: its zone, what it lists, what its answers mean (RFC 5782).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// What a zone lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Addresses of clients.
    Client,
    /// Domains: of senders, authors and links.
    Domain,
}

/// Which answers a meaning covers, by the last octets of 127.0.0.0/8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// From the first to the last, which differ in the last octet alone.
    Range(Ipv4Addr, u8),
    /// The last octet has this bit.
    Bit(u8),
    /// Whatever it is.
    Any,
}

/// A DNS list, written `ZONE client|domain ANSWERS=WEIGHT…`.
#[derive(Debug, Clone, PartialEq)]
pub struct ListZone {
    pub zone: String,
    pub kind: Kind,
    meanings: Vec<(Answers, f32)>,
}

/// A text is not a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a DNS list; write its zone, client or domain, and what its answers weigh, such as \
     \"zen.example.org client 127.0.0.2-3=4 127.0.0.10-11=1.5\", with &8=2 for a bit of the last octet and *=1 for any answer"
)]
pub struct ListZoneError(String);

impl FromStr for ListZone {
    type Err = ListZoneError;

    fn from_str(text: &str) -> Result<Self, ListZoneError> {
        let fault = || ListZoneError(text.chars().take(120).collect());
        let mut words = text.split_whitespace();
        let zone = words.next().ok_or_else(fault)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !zone.contains('.')
            || zone
                .split('.')
                .any(|l| l.is_empty() || !l.chars().all(plain))
        {
            return Err(fault());
        }
        let kind = match words.next() {
            Some("client") => Kind::Client,
            Some("domain") => Kind::Domain,
            _ => return Err(fault()),
        };
        let meanings = words
            .map(meaning)
            .collect::<Option<Vec<_>>>()
            .filter(|meanings| !meanings.is_empty())
            .ok_or_else(fault)?;
        Ok(Self {
            zone: zone.to_ascii_lowercase(),
            kind,
            meanings,
        })
    }
}

fn meaning(word: &str) -> Option<(Answers, f32)> {
    let (answers, weight) = word.split_once('=')?;
    let weight: f32 = weight.parse().ok().filter(|w: &f32| w.is_finite())?;
    let answers = match (answers, answers.strip_prefix('&')) {
        ("*", _) => Answers::Any,
        (_, Some(bit)) => Answers::Bit(bit.parse().ok().filter(|bit| *bit != 0)?),
        (range, None) => {
            let (first, last) = match range.split_once('-') {
                Some((first, last)) => (first.parse().ok()?, Some(last.parse().ok()?)),
                None => (range.parse::<Ipv4Addr>().ok()?, None),
            };
            let last = last.unwrap_or(first.octets()[3]);
            if !first.is_loopback() || last < first.octets()[3] {
                return None;
            }
            Answers::Range(first, last)
        }
    };
    Some((answers, weight))
}

impl fmt::Display for ListZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Client => "client",
            Kind::Domain => "domain",
        };
        write!(f, "{} {kind}", self.zone)?;
        for (answers, weight) in &self.meanings {
            match answers {
                Answers::Any => write!(f, " *={weight}")?,
                Answers::Bit(bit) => write!(f, " &{bit}={weight}")?,
                Answers::Range(first, last) if *last == first.octets()[3] => {
                    write!(f, " {first}={weight}")?;
                }
                Answers::Range(first, last) => write!(f, " {first}-{last}={weight}")?,
            }
        }
        Ok(())
    }
}

crate::serde_as_text!(ListZone);

impl ListZone {
    /// The name of the finding, such as `DNSBL_ZEN_EXAMPLE_ORG`.
    #[must_use]
    pub fn finding(&self) -> String {
        let zone = self.zone.to_ascii_uppercase();
        format!("DNSBL_{}", zone.replace(['.', '-'], "_"))
    }

    /// The heaviest meaning of these answers; none for "not listed".
    ///
    /// # Errors
    /// The answers are no listing at all: the operator refuses the question, or somebody
    /// answers in its place. That is neither "listed" nor "clean".
    pub fn weight(&self, answers: &[Ipv4Addr]) -> Result<Option<f32>, String> {
        for answer in answers {
            let octets = answer.octets();
            let refused = octets[..3] == [127, 255, 255] || octets == [127, 0, 0, 1];
            if refused {
                return Err(format!("{} refuses the question ({answer})", self.zone));
            }
            if octets[0] != 127 {
                return Err(format!(
                    "{} answers {answer}, which is no listing",
                    self.zone
                ));
            }
        }
        let weights = self
            .meanings
            .iter()
            .filter(|(meant, _)| answers.iter().any(|answer| meant.hold(*answer)));
        Ok(weights
            .map(|(_, weight)| *weight)
            .max_by(|a, b| a.abs().total_cmp(&b.abs())))
    }

    /// What is asked for a client (RFC 5782 section 2.1 and 2.4).
    #[must_use]
    pub fn question_for(&self, client: IpAddr) -> String {
        use fmt::Write as _;
        let mut name = String::with_capacity(80);
        match client.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                let _infallible = write!(name, "{d}.{c}.{b}.{a}.");
            }
            IpAddr::V6(v6) => {
                for octet in v6.octets().iter().rev() {
                    let _infallible = write!(name, "{:x}.{:x}.", octet & 15, octet >> 4);
                }
            }
        }
        name + &self.zone
    }

    /// The entry that every such list must have, and the one that it must not (RFC 5782 section 5).
    #[must_use]
    pub fn test_points(&self) -> (String, String) {
        match self.kind {
            Kind::Client => (
                self.question_for(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))),
                self.question_for(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            ),
            Kind::Domain => (
                format!("test.{}", self.zone),
                format!("invalid.{}", self.zone),
            ),
        }
    }

    /// A question that nobody asked before, and nobody is listed under: another for each number.
    #[must_use]
    pub fn never_asked(&self, number: u64) -> String {
        match self.kind {
            Kind::Client => {
                let [_, a, b, c, ..] = number.to_be_bytes();
                self.question_for(IpAddr::V4(Ipv4Addr::new(127, a | 128, b, c)))
            }
            Kind::Domain => format!("{number:016x}.invalid.{}", self.zone),
        }
    }
}

impl Answers {
    fn hold(self, answer: Ipv4Addr) -> bool {
        let last = answer.octets()[3];
        match self {
            Answers::Any => true,
            Answers::Bit(bit) => last & bit != 0,
            Answers::Range(from, to) => {
                answer.octets()[..3] == from.octets()[..3]
                    && (from.octets()[3]..=to).contains(&last)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> ListZone {
        text.parse().expect("a list")
    }

    #[test]
    fn lists_read_as_they_are_written() {
        for text in [
            "zen.example.org client 127.0.0.2-3=4 127.0.0.10=1.5",
            "multi.example.org domain &8=2 &64=2.5",
            "a.test domain *=-1",
        ] {
            assert_eq!(list(text).to_string(), text);
        }
        for bad in [
            "",
            "a.test",
            "a.test client",
            "a.test somebody *=1",
            "a.test client 192.0.2.1=1",
            "a.test client 127.0.0.9-3=1",
            "a.test client &0=1",
            "a.test client *=x",
            "a..test client *=1",
            "bare client *=1",
        ] {
            assert!(bad.parse::<ListZone>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn questions_are_reversed() {
        let zen = list("zen.test client *=1");
        let v4 = "192.0.2.99".parse().expect("address");
        assert_eq!(zen.question_for(v4), "99.2.0.192.zen.test");
        let v6 = "2001:db8::1".parse().expect("address");
        assert_eq!(
            zen.question_for(v6),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.zen.test"
        );
    }

    #[test]
    fn xx06_answers_that_are_no_listings_are_neither_listed_nor_clean() {
        let zen = list("zen.test client 127.0.0.2-3=4 127.0.0.10-11=1.5 &128=2");
        let weight = |last: &[[u8; 4]]| {
            let answers: Vec<Ipv4Addr> = last.iter().map(|o| Ipv4Addr::from(*o)).collect();
            zen.weight(&answers)
        };
        assert_eq!(weight(&[]), Ok(None));
        assert_eq!(weight(&[[127, 0, 0, 3]]), Ok(Some(4.0)));
        assert_eq!(weight(&[[127, 0, 0, 11], [127, 0, 0, 2]]), Ok(Some(4.0)));
        assert_eq!(weight(&[[127, 0, 0, 130]]), Ok(Some(2.0)));
        assert_eq!(weight(&[[127, 0, 0, 5]]), Ok(None), "no meaning is given");
        assert!(weight(&[[127, 255, 255, 254]]).is_err());
        assert!(weight(&[[127, 0, 0, 1]]).is_err());
        assert!(weight(&[[203, 0, 113, 5]]).is_err());
    }
}
