//! A few addresses in one text, with commas between them.

use std::fmt;
use std::str::FromStr;

use super::Address;

/// Addresses of one text.
const MOST: usize = 10;

/// A few addresses, each once; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses(Vec<Address>);

crate::serde_as_text!(Addresses);

impl Addresses {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Address> {
        self.0.iter()
    }
}

impl FromStr for Addresses {
    type Err = String;

    /// At most 10, with commas or blanks between them.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut all: Vec<Address> = Vec::new();
        let parts = text.split([',', ' ', ';']).map(str::trim);
        for part in parts.filter(|part| !part.is_empty()) {
            let address = part
                .parse()
                .map_err(|error| format!("'{part}' is no address: {error}"))?;
            if !all.contains(&address) {
                all.push(address);
            }
            if all.len() > MOST {
                return Err(format!("at most {MOST} addresses"));
            }
        }
        Ok(Self(all))
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_text() {
        for (text, want) in [
            ("", ""),
            (
                " a@example.org ,b@example.org",
                "a@example.org, b@example.org",
            ),
            ("a@example.org A@Example.org", "a@example.org"),
        ] {
            let all: Addresses = text.parse().expect(text);
            assert_eq!(all.to_string(), want);
            assert_eq!(want.parse(), Ok(all));
        }
        assert!("a@".parse::<Addresses>().is_err());
        let many: Vec<String> = (0..11).map(|n| format!("a{n}@example.org")).collect();
        assert!(many.join(",").parse::<Addresses>().is_err());
    }
}
