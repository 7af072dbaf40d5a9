//! Downloads: so many at once and so many octets, until a client has taken them.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream::{try_unfold, unfold};
use parking_lot::Mutex;

use super::answer::Fault;
use super::api::Problem;

/// Downloads at the same time, and those of one login.
const MOST: usize = 32;
const OF_ONE: usize = 4;
/// Octets that wait to be taken, of all downloads. A larger message goes out alone.
const OCTETS_MOST: usize = 256 << 20;
/// Octets that are handed over at once.
const CHUNK: usize = 64 << 10;
/// Seconds after which to come back.
const LATER: u64 = 5;

/// What goes out now. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Downloads(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    all: usize,
    octets: usize,
    by: HashMap<String, usize>,
}

/// Too much goes out already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy;

impl From<Busy> for Fault {
    fn from(_: Busy) -> Self {
        Fault::Busy(LATER)
    }
}

impl From<Busy> for Problem {
    fn from(_: Busy) -> Self {
        Problem::wait(LATER)
    }
}

/// A place for one download; given back when dropped.
pub(super) struct Stay {
    downloads: Downloads,
    who: String,
    octets: usize,
}

impl Downloads {
    /// A place for `who`, and for `octets` that are held until they are taken.
    pub(super) fn begin(&self, who: &str, octets: usize) -> Result<Stay, Busy> {
        let mut known = self.0.lock();
        let own = known.by.get(who).copied().unwrap_or(0);
        let fits = known.octets == 0 || known.octets.saturating_add(octets) <= OCTETS_MOST;
        if known.all >= MOST || own >= OF_ONE || !fits && octets > 0 {
            return Err(Busy);
        }
        known.all += 1;
        known.octets += octets;
        known.by.insert(who.to_owned(), own + 1);
        Ok(Stay {
            downloads: self.clone(),
            who: who.to_owned(),
            octets,
        })
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut known = self.downloads.0.lock();
        known.all = known.all.saturating_sub(1);
        known.octets = known.octets.saturating_sub(self.octets);
        let left = known.by.get(&self.who).map_or(0, |own| own - 1);
        if left == 0 {
            known.by.remove(&self.who);
        } else {
            known.by.insert(self.who.clone(), left);
        }
    }
}

/// Octets that are at hand, piece by piece; the place is held until the last was taken.
pub(super) fn whole(octets: Bytes, stay: Stay) -> Body {
    let next = |(mut rest, stay): (Bytes, Stay)| async move {
        let piece = rest.split_to(rest.len().min(CHUNK));
        (!piece.is_empty()).then_some((Ok::<_, io::Error>(piece), (rest, stay)))
    };
    Body::from_stream(unfold((octets, stay), next))
}

/// Octets that are made when the client has taken those before. `next` says `None` at the end;
/// after a fault the client sees that the answer was cut off.
pub(super) fn made<S, F>(
    state: S,
    stay: Stay,
    next: impl Fn(S) -> F + Copy + Send + 'static,
) -> Body
where
    S: Send + 'static,
    F: Future<Output = io::Result<Option<(String, S)>>> + Send + 'static,
{
    let step = move |(state, stay): (S, Stay)| async move {
        let made = next(state).await?;
        Ok::<_, io::Error>(made.map(|(text, state)| (Bytes::from(text), (state, stay))))
    };
    Body::from_stream(try_unfold((state, stay), step))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[test]
    fn se16_downloads_are_bounded_in_count_and_octets() {
        let downloads = Downloads::default();
        let begin = |who: &str, octets| downloads.begin(who, octets);
        let own: Vec<Stay> = (0..OF_ONE).map(|_| begin("a", 0).expect("room")).collect();
        assert!(begin("a", 0).is_err(), "one login has its share");
        let large = begin("b", OCTETS_MOST + 1).expect("alone");
        assert!(begin("c", 1).is_err(), "no octets are left");
        let _rows = begin("c", 0).expect("what holds nothing may go");
        drop(large);
        let _small = begin("c", 1).expect("room again");
        drop(own);
        let _again = begin("a", 0).expect("room again");
        let rest: Vec<_> = (0..MOST)
            .filter_map(|n| begin(&n.to_string(), 0).ok())
            .collect();
        assert_eq!(rest.len(), MOST - 3);
        drop(rest);
        let known = downloads.0.lock();
        assert_eq!((known.all, known.octets, known.by.len()), (3, 1, 2));
    }

    #[tokio::test]
    async fn a_message_comes_whole_and_leaves_its_place() {
        let downloads = Downloads::default();
        let octets = Bytes::from(vec![b'x'; CHUNK * 2 + 7]);
        let stay = downloads.begin("a", octets.len()).expect("room");
        let mut body = whole(octets.clone(), stay);
        let first = body.frame().await.expect("piece").expect("read");
        assert_eq!(first.into_data().expect("octets").len(), CHUNK);
        assert_eq!(downloads.0.lock().octets, octets.len());
        let rest = body.collect().await.expect("read").to_bytes();
        assert_eq!(rest.len(), CHUNK + 7);
        assert_eq!(downloads.0.lock().all, 0);
    }
}
