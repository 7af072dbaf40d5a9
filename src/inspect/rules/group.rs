//! The patterns for one place, behind one search for the texts they need.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex_automata::Input;

use crate::inspect::content::Content;
use crate::mail::Envelope;

use super::pattern::{Part, Pattern};
use super::row::Place;

/// Octets that the states of one search may take.
const SEARCH_MOST: usize = 16 << 20;

/// Octets between two stretches worth a look; nearer ones are looked at as one.
const NEAR: usize = 32;

/// The patterns for one place. One by one they are quicker than as one set: their states together
/// would not fit a cache that anybody wants. Most of them cannot match without one of a few texts;
/// all those texts are looked for at once, and only patterns whose texts are there are run, those
/// that match a bounded stretch only around their texts.
pub(super) struct Group {
    place: Place,
    patterns: Vec<Pattern>,
    search: Option<AhoCorasick>,
    /// Which part each text of the search belongs to, of all parts of all patterns, with its longest match.
    owners: Vec<(usize, Option<usize>)>,
}

impl Group {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            patterns: Vec::new(),
            search: None,
            owners: Vec::new(),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Adds a pattern; says which it is.
    pub(super) fn add(&mut self, pattern: Pattern) -> usize {
        self.patterns.push(pattern);
        self.patterns.len() - 1
    }

    pub(super) fn pattern(&self, index: usize) -> &Pattern {
        &self.patterns[index]
    }

    /// Builds the search, after the last pattern. Where it cannot be built, or would hardly be
    /// used, every pattern is run.
    pub(super) fn finish(&mut self) {
        let texts = || {
            self.parts()
                .enumerate()
                .filter_map(|(owner, part)| Some(((owner, part.longest), part.needed.as_ref()?)))
        };
        let many = matches!(
            self.place,
            Place::Body | Place::Html | Place::Raw | Place::Header
        );
        if many && texts().count() > 1 {
            let all =
                texts().flat_map(|(owner, texts)| texts.iter().map(move |text| (owner, text)));
            let (owners, texts): (Vec<_>, Vec<&Vec<u8>>) = all.unzip();
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

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.patterns.iter().flat_map(|pattern| &pattern.parts)
    }

    /// Which patterns match somewhere.
    pub(super) fn hits(&self, content: &Content<'_>, envelope: &Envelope) -> Vec<bool> {
        let mut hits = vec![false; self.patterns.len()];
        let mut worth = vec![Worth::Nothing; self.parts().count()];
        content.each(&self.place, envelope, &mut |text| {
            self.look(text, &mut worth);
            let mut worth = worth.iter();
            for (hit, pattern) in hits.iter_mut().zip(&self.patterns) {
                for (part, worth) in pattern.parts.iter().zip(&mut worth) {
                    *hit = *hit || worth.matches(part, text);
                }
            }
        });
        hits
    }

    /// Where each part may match in `text`.
    fn look(&self, text: &[u8], worth: &mut [Worth]) {
        let Some(search) = &self.search else {
            worth.fill(Worth::Whole);
            return;
        };
        for (worth, part) in worth.iter_mut().zip(self.parts()) {
            *worth = match part.needed {
                Some(_) => Worth::Nothing,
                None => Worth::Whole,
            };
        }
        for found in search.find_overlapping_iter(text) {
            let (owner, longest) = self.owners[found.pattern().as_usize()];
            match longest {
                // A match holds the text, so it begins and ends so far from it at most.
                Some(longest) => worth[owner].add(
                    found.end().saturating_sub(longest)..(found.start() + longest).min(text.len()),
                ),
                None => worth[owner] = Worth::Whole,
            }
        }
    }
}

/// Where in a text a part of a pattern may match.
#[derive(Debug, Clone, PartialEq)]
enum Worth {
    Nothing,
    /// In these stretches, ascending.
    Some(Vec<Range<usize>>),
    Whole,
}

impl Worth {
    /// Adds a stretch; each begins no earlier than the one before, by more than the texts differ.
    fn add(&mut self, stretch: Range<usize>) {
        match self {
            Self::Whole => {}
            Self::Nothing => *self = Self::Some(vec![stretch]),
            Self::Some(all) => match all.last_mut() {
                Some(last) if stretch.start <= last.end + NEAR => {
                    last.start = last.start.min(stretch.start);
                    last.end = last.end.max(stretch.end);
                }
                _ => all.push(stretch),
            },
        }
    }

    /// True if the part matches there. What stands around a stretch is seen, but no part of a match.
    fn matches(&self, part: &Part, text: &[u8]) -> bool {
        match self {
            Self::Nothing => false,
            Self::Whole => part.is_match(Input::new(text)),
            Self::Some(all) => all
                .iter()
                .any(|stretch| part.is_match(Input::new(text).range(stretch.clone()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATTERNS: [&str; 11] = [
        r"(?i-u:\b(?:foo|xxx\w+ ?bar|1)b)",
        r"(?i-u:^(?:(?:barf|foob)[a-z]*|oof\b) ?(?:a|bar$))",
        r"(?i-u:(foo |bar )*(?:xxx|1\b))",
        r"(?i-u:\bfoo ?bar\b)",
        r"(?i-u:\b(?:foo|barb)[a-z]{0,3} ba)",
        r"(?i-u:foo$)",
        r"(?im-u:^bar.{0,4}foo)",
        r"(?i-u:a(?:bar|foo)+)",
        r"(?-u:oof\b.{0,9}foo$)",
        r"(?i-u:barb?)",
        r"(?i-u:x{3,5}foo\B)",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        /// What is looked at in stretches is found as in the whole.
        #[test]
        fn stretches_hold_every_match(words in prop::collection::vec(
            prop::sample::select(vec!["foo", "bar", "Foo", "b", " ", "\n", "xxxx", "oof", "a", "1"]), 0..60,
        )) {
            let mut group = Group::new(Place::Body);
            for pattern in PATTERNS {
                group.add(Pattern::new(pattern).expect("a pattern"));
            }
            group.finish();
            prop_assert!(group.search.is_some());
            let text = words.concat().into_bytes();
            let mut worth = vec![Worth::Nothing; group.parts().count()];
            group.look(&text, &mut worth);
            let mut worth = worth.iter();
            for (pattern, row) in group.patterns.iter().zip(PATTERNS) {
                let whole = regex::bytes::Regex::new(row).expect("a pattern").is_match(&text);
                let parts = pattern.parts.iter().zip(&mut worth);
                let found = parts.fold(false, |found, (part, worth)| found | worth.matches(part, &text));
                prop_assert_eq!(found, whole, "{} {:?}", row, text);
                prop_assert_eq!(pattern.find(&text).is_some(), whole);
            }
        }
    }
}
