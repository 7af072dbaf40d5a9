//! Rules as rows: name, score, test, description. Compiled once, linear in the mail's size.

mod expr;
mod group;
mod literals;
mod pattern;
mod row;
mod sources;

use std::collections::HashMap;

use crate::mail::Envelope;
use crate::policy::Finding;

use super::content::Content;
use super::facts::Fact;
use expr::Expr;
use group::Group;
use pattern::Pattern;
pub(super) use row::Place;
use row::{Row, Sign, Test};
pub use sources::BUILT_IN;

/// Rules that may be loaded.
const RULES_MOST: usize = 5000;
/// Characters of a match that are shown.
const SHOWN_MOST: usize = 80;

/// Rules that cannot be loaded: where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {fault}; {remedy}")]
pub struct RulesError {
    pub file: String,
    /// From 1; 0 if it is about the file as a whole.
    pub line: usize,
    pub fault: String,
    pub remedy: String,
}

impl RulesError {
    pub(super) fn new(
        file: impl Into<String>,
        line: usize,
        fault: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            file: file.into(),
            line,
            fault: fault.into(),
            remedy: remedy.into(),
        }
    }
}

/// A rule as `rules test` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    pub name: String,
    pub score: f32,
    pub description: String,
    /// The text that matched, at most 80 characters; or the fact with its value.
    pub matched: Option<String>,
}

/// A test, ready to run.
enum Check {
    Match {
        group: usize,
        index: usize,
        negated: bool,
    },
    Fields(usize, Sign, f32),
    Fact(Fact, Sign, f32),
    Meta(Expr<usize>),
}

/// A rule, ready to run.
struct Rule {
    name: String,
    /// `None` for a `let`.
    score: Option<f32>,
    description: String,
    check: Check,
}

/// Rules compiled together.
pub struct RuleSet {
    rules: Vec<Rule>,
    groups: Vec<Group>,
    /// Names of fields (lower case) whose number is asked for.
    counted: Vec<String>,
    /// Rules in an order in which each comes after those it speaks of.
    order: Vec<usize>,
}

impl RuleSet {
    /// Reads and compiles the rules of these sources: `builtin`, or the path of a
    /// file, whose name may hold a `*`. A later rule takes the place of an earlier
    /// one of the same name from another source.
    ///
    /// # Errors
    /// [`RulesError`] for the first fault.
    pub fn open(sources: &[String]) -> Result<Self, RulesError> {
        let mut rows: Vec<Row> = Vec::new();
        for (file, text) in sources::read(sources)? {
            let mut own: Vec<Row> = row::rows(&file, &text)?;
            for (index, row) in own.iter().enumerate() {
                if own[..index].iter().any(|other| other.name == row.name) {
                    return Err(row.fault(
                        format!("{} is there twice", row.name),
                        "give one of the two another name",
                    ));
                }
            }
            rows.retain(|row| !own.iter().any(|new| new.name == row.name));
            rows.append(&mut own);
        }
        Self::compile(&rows)
    }

    fn compile(rows: &[Row]) -> Result<Self, RulesError> {
        if let Some(row) = rows.get(RULES_MOST) {
            return Err(row.fault(
                format!("there are more than {RULES_MOST} rules"),
                "load fewer files",
            ));
        }
        let places: HashMap<&str, usize> = rows
            .iter()
            .enumerate()
            .map(|(index, row)| (row.name.as_str(), index))
            .collect();
        let mut groups: Vec<Group> = Vec::new();
        let mut counted: Vec<String> = Vec::new();
        let mut rules = Vec::with_capacity(rows.len());
        for row in rows {
            let check = match &row.test {
                Test::Match {
                    place,
                    pattern,
                    negated,
                } => {
                    let pattern = Pattern::new(pattern).map_err(|e| {
                        row.fault(e, "see docs.rs/regex for what may stand in a pattern")
                    })?;
                    let group = position_or_push(
                        &mut groups,
                        |g| *g.place() == *place,
                        || Group::new(place.clone()),
                    );
                    Check::Match {
                        group,
                        index: groups[group].add(pattern),
                        negated: *negated,
                    }
                }
                Test::Fields(name, sign, number) => {
                    let field = position_or_push(&mut counted, |c| c == name, || name.clone());
                    Check::Fields(field, *sign, *number)
                }
                Test::Fact(fact, sign, number) => Check::Fact(*fact, *sign, *number),
                Test::Meta(expr) => Check::Meta(expr.placed(&places).map_err(|name| {
                    row.fault(
                        format!("there is no rule {name}"),
                        "name rules that are loaded",
                    )
                })?),
            };
            rules.push(Rule {
                name: row.name.clone(),
                score: row.score,
                description: row.description.clone(),
                check,
            });
        }
        groups.iter_mut().for_each(Group::finish);
        let order = order(&rules).map_err(|at| {
            rows[at].fault("it speaks of itself, by way of others", "break the circle")
        })?;
        Ok(Self {
            rules,
            groups,
            counted,
            order,
        })
    }

    /// How many rules there are, those for others' use not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules
            .iter()
            .filter(|rule| rule.score.is_some())
            .count()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the rules with their scores and descriptions.
    pub fn rows(&self) -> impl Iterator<Item = (&str, f32, &str)> {
        self.rules
            .iter()
            .filter_map(|r| Some((r.name.as_str(), r.score?, r.description.as_str())))
    }

    /// The rules that fire. Cost is linear in the content's size.
    pub(super) fn findings(&self, content: &Content<'_>, envelope: &Envelope) -> Vec<Finding> {
        let truth = self.truth(content, envelope);
        self.rules
            .iter()
            .zip(&truth)
            .filter(|(_, fires)| **fires)
            .filter_map(|(rule, _)| {
                Some(Finding::seen(
                    rule.name.as_str(),
                    rule.score?,
                    rule.description.as_str(),
                ))
            })
            .collect()
    }

    /// The same, with what matched. For people: it takes its time.
    pub(super) fn explained(&self, content: &Content<'_>, envelope: &Envelope) -> Vec<Explained> {
        let truth = self.truth(content, envelope);
        let shown = self.rules.iter().zip(&truth).filter(|(_, fires)| **fires);
        shown
            .filter_map(|(rule, _)| {
                Some(Explained {
                    name: rule.name.clone(),
                    score: rule.score?,
                    description: rule.description.clone(),
                    matched: self.matched(&rule.check, content, envelope),
                })
            })
            .collect()
    }

    fn truth(&self, content: &Content<'_>, envelope: &Envelope) -> Vec<bool> {
        let hits: Vec<Vec<bool>> = self
            .groups
            .iter()
            .map(|group| group.hits(content, envelope))
            .collect();
        let counts: Vec<f32> = self
            .counted
            .iter()
            .map(|name| content.count(name))
            .collect();
        let mut truth = vec![false; self.rules.len()];
        for &at in &self.order {
            truth[at] = match &self.rules[at].check {
                Check::Match {
                    group,
                    index,
                    negated,
                } => hits[*group][*index] != *negated,
                Check::Fields(field, sign, number) => sign.holds(counts[*field], *number),
                Check::Fact(fact, sign, number) => sign.holds((fact.of)(&content.facts), *number),
                Check::Meta(expr) => expr.holds(&|place| truth[*place]),
            };
        }
        truth
    }

    fn matched(&self, check: &Check, content: &Content<'_>, envelope: &Envelope) -> Option<String> {
        match check {
            Check::Match {
                group,
                index,
                negated: false,
            } => {
                let group = &self.groups[*group];
                let pattern = group.pattern(*index);
                let mut found = None;
                content.each(group.place(), envelope, &mut |text| {
                    if found.is_none() {
                        found = pattern.find(text).map(|m| {
                            String::from_utf8_lossy(&text[m.range()])
                                .chars()
                                .take(SHOWN_MOST)
                                .collect()
                        });
                    }
                });
                found
            }
            Check::Fact(fact, ..) => {
                let value = (fact.of)(&content.facts);
                Some(format!("{} = {value} ({})", fact.name, fact.meaning))
            }
            Check::Match { .. } | Check::Fields(..) | Check::Meta(_) => None,
        }
    }
}

fn position_or_push<T>(
    list: &mut Vec<T>,
    same: impl Fn(&T) -> bool,
    make: impl Fn() -> T,
) -> usize {
    list.iter().position(same).unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    })
}

/// An order in which each rule comes after those it speaks of; or a rule in a circle.
fn order(rules: &[Rule]) -> Result<Vec<usize>, usize> {
    let mut waits: Vec<usize> = vec![0; rules.len()];
    let mut waiters: Vec<Vec<usize>> = vec![Vec::new(); rules.len()];
    for (at, rule) in rules.iter().enumerate() {
        if let Check::Meta(expr) = &rule.check {
            let mut names = Vec::new();
            expr.names(&mut names);
            waits[at] = names.len();
            names.into_iter().for_each(|name| waiters[name].push(at));
        }
    }
    let mut order: Vec<usize> = (0..rules.len()).filter(|at| waits[*at] == 0).collect();
    let mut next = 0;
    while let Some(&done) = order.get(next) {
        next += 1;
        for &waiter in &waiters[done] {
            waits[waiter] -= 1;
            if waits[waiter] == 0 {
                order.push(waiter);
            }
        }
    }
    match waits.iter().position(|left| *left > 0) {
        Some(at) => Err(at),
        None => Ok(order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<RuleSet, RulesError> {
        RuleSet::compile(&row::rows("f", text)?)
    }

    #[test]
    fn rules_that_cannot_be_are_refused() {
        for (text, part) in [
            ("let A meta B\nlet B meta A\n", "itself"),
            ("let A meta A\n", "itself"),
            ("let A meta B\n", "no rule B"),
            ("let A body ~ /(/\n", "pattern is wrong"),
            ("let A body ~ /(?:a{1000}){1000}/\n", "too big"),
            ("let A body ~ /(a)\\1/\n", "backreferences"),
        ] {
            let error = compile(text).err().expect(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn expressions_may_stand_before_what_they_speak_of() {
        assert!(compile("let A meta B && C\nlet C meta !B\nlet B body ~ /x/\n").is_ok());
    }

    #[test]
    fn the_built_in_rules_are_sound() {
        let set = RuleSet::open(&[BUILT_IN.to_owned()]).expect("rules");
        assert!(set.len() >= 60, "only {} rules", set.len());
    }
}
