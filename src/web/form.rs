//! What a form or an address carries: names and values, bounded, in their order.

use axum::body::Bytes;

/// Fields looked at in one form: a page of rows and some more.
const FIELDS_MOST: usize = 20_000;

/// Names and values as they were sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub(super) fn read(octets: &[u8]) -> Self {
        Self(
            form_urlencoded::parse(octets)
                .take(FIELDS_MOST)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    pub(super) fn of_body(body: &Bytes) -> Self {
        Self::read(body)
    }

    /// The first value of a name, without blanks around it; `None` if it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(n, _)| n == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// All values of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(n, _)| n == name);
        named.map(|(_, value)| value.as_str())
    }

    /// A value that can be read as a `T`; `None` if it is empty or cannot.
    pub(super) fn read_as<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// The same as an address carries it, with `name` set to `value` (or gone, if that is empty).
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        for (n, v) in self.0.iter().filter(|(n, v)| n != name && !v.is_empty()) {
            out.append_pair(n, v);
        }
        if !value.is_empty() {
            out.append_pair(name, value);
        }
        out.finish()
    }
}
