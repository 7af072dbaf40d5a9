//! The patterns for one place, behind one search for the texts they need.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::Regex;

use crate::inspect::content::Content;
use crate::mail::Envelope;

use super::row::Place;

/// Octets that the states of one search may take.
const SEARCH_MOST: usize = 16 << 20;

/// The patterns for one place. One by one they are quicker than as one set: their states together
/// would not fit a cache that anybody wants. Most of them cannot match without one of a few texts;
/// all those texts are looked for at once, and only patterns whose texts are there are run.
pub(super) struct Group {
    place: Place,
    patterns: Vec<Regex>,
    /// The texts that each pattern needs, until the search is built.
    needed: Vec<Option<Vec<Vec<u8>>>>,
    search: Option<AhoCorasick>,
    /// Which pattern each text of the search belongs to.
    owners: Vec<usize>,
}

impl Group {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            patterns: Vec::new(),
            needed: Vec::new(),
            search: None,
            owners: Vec::new(),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Adds a pattern with the texts it needs; says which it is.
    pub(super) fn add(&mut self, pattern: Regex, needed: Option<Vec<Vec<u8>>>) -> usize {
        self.patterns.push(pattern);
        self.needed.push(needed);
        self.patterns.len() - 1
    }

    pub(super) fn pattern(&self, index: usize) -> &Regex {
        &self.patterns[index]
    }

    /// Builds the search, after the last pattern. Where it cannot be built, or would hardly be
    /// used, every pattern is run.
    pub(super) fn finish(&mut self) {
        let texts = || {
            self.needed
                .iter()
                .enumerate()
                .filter_map(|(owner, texts)| Some((owner, texts.as_ref()?)))
        };
        let many = matches!(
            self.place,
            Place::Body | Place::Html | Place::Raw | Place::Header
        );
        if many && texts().count() > 1 {
            let all =
                texts().flat_map(|(owner, texts)| texts.iter().map(move |text| (owner, text)));
            let (owners, texts): (Vec<usize>, Vec<&Vec<u8>>) = all.unzip();
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(true)
                .kind(Some(AhoCorasickKind::DFA))
                .build(texts);
            if let Ok(search) = built
                && search.memory_usage() <= SEARCH_MOST
            {
                (self.search, self.owners) = (Some(search), owners);
            }
        }
    }

    /// Which patterns match somewhere.
    pub(super) fn hits(&self, content: &Content<'_>, envelope: &Envelope) -> Vec<bool> {
        let mut hits = vec![false; self.patterns.len()];
        let mut worth = Vec::new();
        content.each(&self.place, envelope, &mut |text| {
            self.worth(text, &mut worth);
            for ((hit, pattern), worth) in hits.iter_mut().zip(&self.patterns).zip(&worth) {
                *hit = *hit || *worth && pattern.is_match(text);
            }
        });
        hits
    }

    /// Which patterns may match `text`.
    fn worth(&self, text: &[u8], worth: &mut Vec<bool>) {
        worth.clear();
        let Some(search) = &self.search else {
            worth.resize(self.patterns.len(), true);
            return;
        };
        worth.extend(self.needed.iter().map(Option::is_none));
        for found in search.find_overlapping_iter(text) {
            worth[self.owners[found.pattern().as_usize()]] = true;
        }
    }
}
