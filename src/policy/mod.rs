//! Pure thought: from findings to a verdict, a disposition, and one plan for all recipients.
//! Nothing here waits, knows the time, or reaches the store.

mod disposition;
mod finding;
mod layer;
#[cfg(test)]
mod layer_tests;
mod lists;
mod principal;
mod rights;
mod schedule;
#[cfg(test)]
mod schedule_tests;
mod scope;
mod settle;
mod verdict;
mod writable;

pub use disposition::{Deferral, Disposition, deliver_marked, dispose};
pub use finding::{Chain, Finding, Findings, OwnFinding, ReversePath, WhenUnavailable};
pub use layer::{Language, Layer, Mode, PendEnd, Policy, QUOTA_MOST, TagSigned};
pub use lists::{ListEntry, ListKind, Listed, Origin, Pattern, PatternError, listed};
pub use principal::{Principal, Role};
pub use rights::{Right, Rights};
pub use schedule::{Rhythm, RhythmError, Schedule, Weekdays, WeekdaysError, Zone, ZoneError};
pub use scope::{Scope, ScopeError};
pub use settle::{Answer, DeliverStep, Ending, Plan, Replies, StashStep, Step, not_now, settle};
pub use verdict::{Class, LIST_BLOCKED, Verdict, judge};
pub use writable::{Unwritable, writable};
