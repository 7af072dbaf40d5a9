//! How much each sender has sent in this minute, hour and day. In memory: a restart begins anew.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Options;
use crate::clock::Timestamp;
use crate::policy::Scope;

/// Senders counted at the same time; when full, those of other days are forgotten first.
const SENDERS_MOST: usize = 100_000;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 86_400_000;

/// What comes of another message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Counted {
    Within,
    /// Never: more recipients than a minute may have.
    TooMany(String),
    /// Not in this minute.
    Later(String),
    /// The sender is to be locked; it is counted anew from now on.
    Tripped(String),
}

/// A span with its limits; 0 is none.
struct Window {
    name: &'static str,
    length: u64,
    messages: u32,
    recipients: u32,
}

/// Messages and recipients in the window with this number.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    number: u64,
    messages: u32,
    recipients: u32,
}

impl Count {
    /// With another message at `now`.
    fn with(self, window: &Window, recipients: u32, now: Timestamp) -> Self {
        let number = now.0 / window.length;
        let before = if number == self.number {
            self
        } else {
            Self::default()
        };
        Self {
            number,
            messages: before.messages.saturating_add(1),
            recipients: before.recipients.saturating_add(recipients),
        }
    }

    /// Which limit it is beyond.
    fn beyond(&self, window: &Window) -> Option<String> {
        let over = |count: u32, most: u32| most > 0 && count > most;
        let (most, what) = if over(self.messages, window.messages) {
            (window.messages, "messages")
        } else if over(self.recipients, window.recipients) {
            (window.recipients, "recipients")
        } else {
            return None;
        };
        Some(format!("more than {most} {what} in one {}", window.name))
    }
}

/// The counts of all senders.
pub(super) struct Limits {
    windows: [Window; 3],
    counts: Mutex<HashMap<Scope, [Count; 3]>>,
}

impl Limits {
    pub(super) fn new(options: &Options) -> Self {
        let window = |name, length, messages, recipients| Window {
            name,
            length,
            messages,
            recipients,
        };
        let o = options;
        Self {
            windows: [
                window(
                    "minute",
                    MINUTE_MS,
                    o.messages_per_minute,
                    o.recipients_per_minute,
                ),
                window("hour", HOUR_MS, o.messages_per_hour, o.recipients_per_hour),
                window("day", DAY_MS, o.messages_per_day, o.recipients_per_day),
            ],
            counts: Mutex::default(),
        }
    }

    /// Counts a message, unless it is to come later.
    pub(super) fn count(&self, sender: &Scope, recipients: usize, now: Timestamp) -> Counted {
        let recipients = u32::try_from(recipients).unwrap_or(u32::MAX);
        let most = self.windows[0].recipients;
        if most > 0 && recipients > most {
            return Counted::TooMany(format!("At most {most} recipients are taken at once"));
        }
        let mut counts = self.counts.lock();
        if counts.len() >= SENDERS_MOST && !counts.contains_key(sender) {
            let today = now.day();
            counts.retain(|_, count| count[2].number == today);
            if counts.len() >= SENDERS_MOST {
                counts.clear();
            }
        }
        let before = counts.get(sender).copied().unwrap_or_default();
        let mut after = before;
        for (count, window) in after.iter_mut().zip(&self.windows) {
            *count = count.with(window, recipients, now);
        }
        let [minute, hour, day] = &self.windows;
        if let Some(why) = after[1].beyond(hour).or_else(|| after[2].beyond(day)) {
            counts.remove(sender);
            return Counted::Tripped(why);
        }
        if let Some(why) = after[0].beyond(minute) {
            return Counted::Later(format!("You sent {why}; please go on in the next"));
        }
        counts.insert(sender.clone(), after);
        Counted::Within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(options: Options) -> Limits {
        Limits::new(&options)
    }

    fn sender(name: &str) -> Scope {
        name.parse().expect("scope")
    }

    #[test]
    fn se18_a_minute_slows_down_and_an_hour_locks() {
        let limits = limits(Options {
            messages_per_minute: 2,
            messages_per_hour: 3,
            ..Options::default()
        });
        let alice = sender("alice@example.org");
        let mut said = Vec::new();
        // Seconds within the hour.
        for at in [0, 1, 2, 60, 61, 62] {
            said.push(match limits.count(&alice, 1, Timestamp(at * 1000)) {
                Counted::Within => 'w',
                Counted::TooMany(_) => 'm',
                Counted::Later(_) => 'l',
                Counted::Tripped(why) => {
                    assert_eq!(why, "more than 3 messages in one hour");
                    't'
                }
            });
        }
        assert_eq!(said.iter().collect::<String>(), "wwlwtw");
        let bob = sender("bob@example.org");
        assert_eq!(limits.count(&bob, 1, Timestamp(2000)), Counted::Within);
    }

    #[test]
    fn se18_recipients_count_and_zero_is_no_limit() {
        let limits = limits(Options {
            messages_per_minute: 0,
            messages_per_hour: 0,
            messages_per_day: 0,
            recipients_per_minute: 5,
            recipients_per_hour: 0,
            recipients_per_day: 9,
            ..Options::default()
        });
        let alice = sender("alice@example.org");
        let count = |recipients, minute: u64| {
            limits.count(&alice, recipients, Timestamp(minute * MINUTE_MS))
        };
        assert!(matches!(count(6, 0), Counted::TooMany(_)));
        assert_eq!(count(5, 0), Counted::Within);
        assert!(matches!(count(1, 0), Counted::Later(_)));
        assert!(matches!(count(5, 1), Counted::Tripped(_)));
        let next_day = DAY_MS / MINUTE_MS;
        assert_eq!(count(5, next_day), Counted::Within);
    }
}
