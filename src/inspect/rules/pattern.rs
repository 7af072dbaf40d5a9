//! A compiled pattern, taken apart by what is known of its matches: texts they hold, and their length.

use regex_automata::meta::{self, Regex};
use regex_automata::{Input, Match};
use regex_syntax::hir::{Hir, HirKind};

use super::literals;

/// Octets one compiled pattern may take.
const PATTERN_MOST: usize = 2 << 20;
/// Octets of lazily built states kept for one pattern and thread.
const CACHE_MOST: usize = 2 << 20;
/// Octets of the longest match that is looked for around its texts alone.
const STRETCH_MOST: usize = 1000;

/// Branches into which a pattern is taken apart.
const BRANCHES_MOST: usize = 64;

/// A pattern, ready to run. Its syntax is that of the crate `regex` for octets.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Its branches, put together by what is known of them: it matches where one of these does.
    pub(super) parts: Vec<Part>,
}

/// Branches of a pattern.
#[derive(Debug)]
pub(super) struct Part {
    regex: Regex,
    /// Texts in ASCII lower case of which every match holds one, without regard to case.
    pub(super) needed: Option<Vec<Vec<u8>>>,
    /// Octets of the longest match, if they are few.
    pub(super) longest: Option<usize>,
}

impl Pattern {
    /// # Errors
    /// Why it is none, in words.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        // The last line of a report says what; those before it draw where.
        let last = |report: String| report.lines().last().unwrap_or_default().trim().to_owned();
        let hir = regex_syntax::ParserBuilder::new()
            .utf8(false)
            .build()
            .parse(text)
            .map_err(|e| format!("the pattern is wrong: {}", last(e.to_string())))?;
        let kind = |hir: &Hir| (literals::needed(hir).is_some(), longest(hir).is_some());
        let all = branches(&hir);
        let mut parts = Vec::new();
        for wanted in [(false, false), (false, true), (true, false), (true, true)] {
            let some: Vec<Hir> = all
                .iter()
                .filter(|one| kind(one) == wanted)
                .cloned()
                .collect();
            if some.is_empty() {
                continue;
            }
            let part = Hir::alternation(some);
            parts.push(Part {
                regex: compiled(&part)?,
                needed: literals::needed(&part),
                longest: longest(&part),
            });
        }
        Ok(Self { parts })
    }

    /// The first match, to be shown to people.
    pub(super) fn find(&self, text: &[u8]) -> Option<Match> {
        let found = self.parts.iter().filter_map(|part| part.regex.find(text));
        found.min_by_key(Match::start)
    }
}

impl Part {
    pub(super) fn is_match(&self, input: Input<'_>) -> bool {
        self.regex.is_match(input)
    }
}

fn compiled(hir: &Hir) -> Result<Regex, String> {
    let limits = meta::Config::new()
        .utf8_empty(false)
        .nfa_size_limit(Some(PATTERN_MOST))
        .hybrid_cache_capacity(CACHE_MOST);
    Regex::builder()
        .configure(limits)
        .build_from_hir(hir)
        .map_err(|_| "the pattern is too big".to_owned())
}

fn longest(hir: &Hir) -> Option<usize> {
    let most = hir.properties().maximum_len();
    most.filter(|longest| *longest <= STRETCH_MOST)
}

/// Patterns of which one matches wherever this one does, and nowhere else.
fn branches(hir: &Hir) -> Vec<Hir> {
    match hir.kind() {
        HirKind::Capture(capture) => branches(&capture.sub),
        HirKind::Alternation(all) => {
            let split: Vec<Hir> = all.iter().flat_map(branches).collect();
            if split.len() <= BRANCHES_MOST {
                split
            } else {
                all.clone()
            }
        }
        HirKind::Concat(all) => {
            let inner = |part: &Hir| match part.kind() {
                HirKind::Capture(capture) => branches(&capture.sub),
                _ => branches(part),
            };
            // One that begins with the choice, behind what takes no room, such as \b.
            let choice = all
                .iter()
                .position(|part| !matches!(part.kind(), HirKind::Look(_)));
            let Some(at) = choice else {
                return vec![hir.clone()];
            };
            let some = inner(&all[at]);
            if some.len() < 2 || some.len() > BRANCHES_MOST {
                return vec![hir.clone()];
            }
            let with = |branch: Hir| Hir::concat([&all[..at], &[branch], &all[at + 1..]].concat());
            some.into_iter().map(with).collect()
        }
        _ => vec![hir.clone()],
    }
}
