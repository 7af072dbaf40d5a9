//! One definition for each option: it feeds the parser, `conf/quaranta.toml` and the man page.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

/// What is known of one option.
#[derive(Debug, Clone)]
pub struct OptionDoc {
    pub name: &'static str,
    /// The explanation, a line each.
    pub doc: Vec<&'static str>,
    /// The default as TOML; `None` if the option is not set by default.
    pub default: Option<String>,
}

/// A section of the configuration.
#[derive(Debug, Clone)]
pub struct SectionDoc {
    pub name: &'static str,
    pub doc: Vec<&'static str>,
    pub options: Vec<OptionDoc>,
}

/// Declares a room's options: a struct with its defaults and its documentation.
///
/// ```
/// quaranta::options! {
///     /// What the room does.
///     pub struct Options in "room" {
///         /// How many there may be.
///         pub most: u32 = 5,
///     }
/// }
/// assert_eq!(Options::default().most, 5);
/// assert_eq!(Options::section().options[0].default.as_deref(), Some("5"));
/// ```
#[macro_export]
macro_rules! options {
    (
        $(#[doc = $section_doc:literal])*
        pub struct $name:ident in $section:literal {
            $( $(#[doc = $doc:literal])* pub $field:ident : $type:ty = $default:expr, )*
        }
    ) => {
        $(#[doc = $section_doc])*
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $( $(#[doc = $doc])* pub $field: $type, )* }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $name {
            /// The documentation of this section, with the defaults.
            #[must_use]
            pub fn section() -> $crate::options::SectionDoc {
                let defaults = Self::default();
                $crate::options::SectionDoc {
                    name: $section,
                    doc: vec![$($section_doc),*],
                    options: vec![ $( $crate::options::OptionDoc {
                        name: stringify!($field),
                        doc: vec![$($doc),*],
                        default: $crate::options::as_toml(&defaults.$field),
                    }, )* ],
                }
            }
        }
    };
}

/// A default as it is written in TOML; `None` for what is not set.
pub fn as_toml<T: Serialize>(value: &T) -> Option<String> {
    // As the value of a key in a table: that way None is left out without an error.
    let table = std::collections::BTreeMap::from([("option", value)]);
    let text = toml::to_string(&table).ok()?;
    text.strip_prefix("option = ")
        .map(|value| value.trim_end().to_owned())
}

/// A size in octets, written `512`, `64K`, `50M` or `2G` (powers of 1024).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Octets(pub u64);

impl Octets {
    /// As an index; sizes beyond the address space are cut to it.
    #[must_use]
    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A span of time, written `250ms`, `30s`, `5m`, `4h` or `14d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for Octets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("'{text}' is not a size; write 512, 64K, 50M or 2G");
        let (digits, unit) = split_unit(text);
        let factor: u64 = match unit {
            "" => 1,
            "K" | "k" => 1 << 10,
            "M" | "m" => 1 << 20,
            "G" | "g" => 1 << 30,
            _ => return Err(fault()),
        };
        let number: u64 = digits.parse().map_err(|_| fault())?;
        number.checked_mul(factor).map(Self).ok_or_else(fault)
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bits, unit) in [(30, "G"), (20, "M"), (10, "K")] {
            if self.0 > 0 && self.0.is_multiple_of(1 << bits) {
                return write!(f, "{}{unit}", self.0 >> bits);
            }
        }
        write!(f, "{}", self.0)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("'{text}' is not a span of time; write 250ms, 30s, 5m, 4h or 14d");
        let (digits, unit) = split_unit(text);
        let factor: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(fault()),
        };
        let number: u64 = digits.parse().map_err(|_| fault())?;
        number
            .checked_mul(factor)
            .map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(fault)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        for (factor, unit) in [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1000, "s"),
        ] {
            if ms > 0 && ms.is_multiple_of(factor) {
                return write!(f, "{}{unit}", ms / factor);
            }
        }
        write!(f, "{ms}ms")
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(digits)
}

/// Serialises a type as its `Display` text and reads it by its `FromStr`.
#[macro_export]
macro_rules! serde_as_text {
    ($($name:ty),+) => { $(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+ };
}
crate::serde_as_text!(Octets, Span);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_read_as_they_are_written() {
        for text in ["512", "64K", "50M", "2G", "0"] {
            assert_eq!(text.parse::<Octets>().expect("size").to_string(), text);
        }
        for text in ["250ms", "30s", "5m", "4h", "14d"] {
            assert_eq!(text.parse::<Span>().expect("span").to_string(), text);
        }
        for text in ["", "x", "5x", "-1s", "99999999999G"] {
            assert!(text.parse::<Octets>().is_err(), "{text}");
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
