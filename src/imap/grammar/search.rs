//! Search keys (RFC 3501 section 6.4.4), with bounded depth and number.

use super::cursor::{Bad, Cursor, utf8};
use super::set::SequenceSet;

/// Deepest nesting of NOT, OR and parentheses.
const DEEPEST: usize = 40;
/// Most keys in one SEARCH.
const KEYS_MOST: usize = 1000;
/// Most keys in one SEARCH that look through texts.
const TEXTS_MOST: usize = 50;

/// Which date is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateOf {
    Arrival,
    /// The Date field.
    Sent,
}

/// How the date lies to the one given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateOrder {
    Before,
    On,
    Since,
}

/// What a message must be like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    All,
    Never,
    And(Vec<Key>),
    Or(Box<Key>, Box<Key>),
    Not(Box<Key>),
    Flag(String),
    Numbers(SequenceSet),
    Uids(SequenceSet),
    Date(DateOf, DateOrder, jiff::civil::Date),
    Larger(u32),
    Smaller(u32),
    /// A header field whose decoded text holds this; lower case.
    Header(String, String),
    /// The body holds this; lower case.
    Body(String),
    /// Header or body hold this; lower case.
    Text(String),
}

impl Key {
    /// How many keys in it look through texts.
    pub(crate) fn texts(&self) -> usize {
        match self {
            Key::And(keys) => keys.iter().map(Key::texts).sum(),
            Key::Or(one, other) => one.texts() + other.texts(),
            Key::Not(key) => key.texts(),
            Key::Header(..) | Key::Body(_) | Key::Text(_) => 1,
            _ => 0,
        }
    }
}

/// The keys of a SEARCH behind the optional CHARSET.
pub(super) fn parse_keys(from: &mut Cursor<'_>) -> Result<Key, Bad> {
    let mut left = KEYS_MOST;
    let mut keys = vec![key(from, DEEPEST, &mut left)?];
    while from.peek() == Some(b' ') {
        from.space()?;
        if from.rest().is_empty() {
            break;
        }
        keys.push(key(from, DEEPEST, &mut left)?);
    }
    let key = one(keys);
    if key.texts() > TEXTS_MOST {
        return Err("the search looks for too many texts");
    }
    Ok(key)
}

fn one(mut keys: Vec<Key>) -> Key {
    match keys.pop() {
        Some(key) if keys.is_empty() => key,
        Some(key) => {
            keys.push(key);
            Key::And(keys)
        }
        None => Key::All,
    }
}

fn key(from: &mut Cursor<'_>, depth: usize, left: &mut usize) -> Result<Key, Bad> {
    let deeper = depth
        .checked_sub(1)
        .ok_or("the search is nested too deep")?;
    *left = left.checked_sub(1).ok_or("the search has too many keys")?;
    match from.peek() {
        Some(b'(') => {
            let keys = from.list(KEYS_MOST, |c| key(c, deeper, left))?;
            return if keys.is_empty() {
                Err("an empty list of keys")
            } else {
                Ok(one(keys))
            };
        }
        Some(b'0'..=b'9' | b'*') => return SequenceSet::parse(from).map(Key::Numbers),
        _ => {}
    }
    let word = from.keyword()?;
    if let Some(key) = flag_key(&word) {
        return Ok(key);
    }
    from.space()?;
    Ok(match word.as_str() {
        "NOT" => Key::Not(Box::new(key(from, deeper, left)?)),
        "OR" => {
            let first = key(from, deeper, left)?;
            from.space()?;
            Key::Or(Box::new(first), Box::new(key(from, deeper, left)?))
        }
        "UID" => Key::Uids(SequenceSet::parse(from)?),
        "KEYWORD" => Key::Flag(keyword(from)?),
        "UNKEYWORD" => Key::Not(Box::new(Key::Flag(keyword(from)?))),
        "LARGER" => Key::Larger(from.number()?),
        "SMALLER" => Key::Smaller(from.number()?),
        "BEFORE" => Key::Date(DateOf::Arrival, DateOrder::Before, date(from)?),
        "ON" => Key::Date(DateOf::Arrival, DateOrder::On, date(from)?),
        "SINCE" => Key::Date(DateOf::Arrival, DateOrder::Since, date(from)?),
        "SENTBEFORE" => Key::Date(DateOf::Sent, DateOrder::Before, date(from)?),
        "SENTON" => Key::Date(DateOf::Sent, DateOrder::On, date(from)?),
        "SENTSINCE" => Key::Date(DateOf::Sent, DateOrder::Since, date(from)?),
        "BCC" | "CC" | "FROM" | "SUBJECT" | "TO" => Key::Header(word, text(from)?),
        "HEADER" => {
            let name = utf8(from.astring()?)?;
            from.space()?;
            Key::Header(name, text(from)?)
        }
        "BODY" => Key::Body(text(from)?),
        "TEXT" => Key::Text(text(from)?),
        _ => return Err("unknown search key"),
    })
}

fn flag_key(word: &str) -> Option<Key> {
    let flag = |name: &str| Key::Flag(format!("\\{name}"));
    let without = |name: &str| Key::Not(Box::new(flag(name)));
    Some(match word {
        "ALL" | "OLD" => Key::All,
        // No message is ever recent: see `select`.
        "NEW" | "RECENT" => Key::Never,
        "ANSWERED" => flag("Answered"),
        "DELETED" => flag("Deleted"),
        "DRAFT" => flag("Draft"),
        "FLAGGED" => flag("Flagged"),
        "SEEN" => flag("Seen"),
        "UNANSWERED" => without("Answered"),
        "UNDELETED" => without("Deleted"),
        "UNDRAFT" => without("Draft"),
        "UNFLAGGED" => without("Flagged"),
        "UNSEEN" => without("Seen"),
        _ => return None,
    })
}

fn keyword(from: &mut Cursor<'_>) -> Result<String, Bad> {
    Ok(String::from_utf8_lossy(from.atom()?).into_owned())
}

fn text(from: &mut Cursor<'_>) -> Result<String, Bad> {
    Ok(utf8(from.astring()?)?.to_lowercase())
}

/// `1-Feb-2026`, in quotes or not.
fn date(from: &mut Cursor<'_>) -> Result<jiff::civil::Date, Bad> {
    const WRONG: Bad = "a date is written 1-Feb-2026";
    const MONTHS: [&str; 12] = [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ];
    let text = utf8(from.astring()?)?.to_ascii_uppercase();
    let mut parts = text.split('-');
    let (day, month, year) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(day), Some(month), Some(year), None) => (day.trim(), month, year),
        _ => return Err(WRONG),
    };
    let month = MONTHS.iter().position(|m| *m == month).ok_or(WRONG)?;
    let day: i8 = day.parse().map_err(|_| WRONG)?;
    let year: i16 = year.parse().map_err(|_| WRONG)?;
    let month = i8::try_from(month + 1).map_err(|_| WRONG)?;
    jiff::civil::Date::new(year, month, day).map_err(|_| WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_to_look_for_are_bounded() {
        let texts = |count| "TEXT a ".repeat(count) + "SEEN";
        let parsed = |text: &str| parse_keys(&mut Cursor::new(text.as_bytes()));
        assert_eq!(
            parsed(&texts(TEXTS_MOST)).map(|key| key.texts()),
            Ok(TEXTS_MOST)
        );
        assert!(parsed(&texts(TEXTS_MOST + 1)).is_err());
    }
}
