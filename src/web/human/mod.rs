//! Is somebody there? A picture with characters for people who see it, and work for a machine for those
//! who do not. What was shown is kept here, in memory and bounded; an answer counts once.

mod glyphs;
mod picture;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;

use super::form::Form;
use crate::clock::Timestamp;
use crate::net::network::Network;
use crate::token::{KeyRing, NoRandom, WORK_BITS, check_work, offer_work, random};

/// Characters of a picture.
const LENGTH: usize = 6;
/// How long a picture can be answered.
const HOLDS: Duration = Duration::from_secs(900);
/// Pictures and solved tasks that are known at the same time; beyond that the oldest go.
const KNOWN_MOST: usize = 20_000;
/// Wrong answers to the pictures of one page before there is a wait.
const FAILURES_MOST: u32 = 5;
const WAIT: Duration = Duration::from_secs(600);
/// Pages with a failure, and clients, that are counted; beyond that all are counted anew.
const COUNTED_MOST: usize = 50_000;
/// Visits of one client (IPv6: one /64 network) in a minute.
const VISITS_A_MINUTE: u32 = 30;
const MINUTE_MS: u64 = 60_000;

/// What a page asks for.
pub(super) struct Task {
    /// A PNG as a `data:` URL.
    pub(super) picture: String,
    /// Names the picture in the form.
    pub(super) round: String,
    /// Of the work, and how many zero bits it asks for.
    pub(super) salt: String,
    pub(super) bits: u8,
}

/// Why nobody was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nobody {
    Wrong,
    /// Too many wrong answers: not before.
    Wait(Timestamp),
}

struct Round {
    page: String,
    answer: String,
}

/// What is known until it ends; all of it lasts equally long.
struct Passing<V> {
    by_key: HashMap<String, (Timestamp, V)>,
    order: VecDeque<(Timestamp, String)>,
}

impl<V> Default for Passing<V> {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<V> Passing<V> {
    /// False if it is there already.
    fn put(&mut self, key: String, value: V, until: Timestamp, now: Timestamp) -> bool {
        while let Some((end, old)) = self.order.front() {
            if *end > now && self.order.len() < KNOWN_MOST {
                break;
            }
            self.by_key.remove(old);
            self.order.pop_front();
        }
        if self.by_key.contains_key(&key) {
            return false;
        }
        self.order.push_back((until, key.clone()));
        self.by_key.insert(key, (until, value));
        true
    }

    fn take(&mut self, key: &str, now: Timestamp) -> Option<V> {
        let (until, value) = self.by_key.remove(key)?;
        (until > now).then_some(value)
    }
}

#[derive(Default)]
struct Kept {
    rounds: Passing<Round>,
    /// Salts that were used.
    spent: Passing<()>,
    /// By page: wrong answers, and no answer before.
    failures: HashMap<String, (u32, Timestamp)>,
    /// Visits in this minute.
    visits: (u64, HashMap<IpAddr, u32>),
}

/// Asks, and judges answers. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Humans(Arc<Mutex<Kept>>);

impl Humans {
    /// Counts a visit; false beyond what one client may do in a minute.
    pub(super) fn admits(&self, client: IpAddr, now: Timestamp) -> bool {
        let mut kept = self.0.lock();
        let minute = now.0 / MINUTE_MS;
        let visits = &mut kept.visits;
        if visits.0 != minute || visits.1.len() >= COUNTED_MOST {
            *visits = (minute, HashMap::new());
        }
        let count = visits.1.entry(Network::of_client(client)).or_default();
        *count = count.saturating_add(1);
        *count <= VISITS_A_MINUTE
    }

    /// Until when `page` takes no answers.
    pub(super) fn rests(&self, page: &str, now: Timestamp) -> Option<Timestamp> {
        let kept = self.0.lock();
        let (_, until) = kept.failures.get(page)?;
        (*until > now).then_some(*until)
    }

    /// A new picture and new work for `page`. The salt is signed with the key in use.
    ///
    /// # Errors
    /// [`NoRandom`]; also if there is no key.
    pub(super) fn ask(&self, page: &str, ring: &KeyRing, now: Timestamp) -> Result<Task, NoRandom> {
        let answer = characters()?;
        let seed = u64::from_be_bytes(random::<8>()?);
        let png = picture::png(&answer, seed).ok_or(NoRandom)?;
        let salt = offer_work(ring.current().ok_or(NoRandom)?, page, now)?;
        let round = URL_SAFE_NO_PAD.encode(random::<16>()?);
        let shown = Round {
            page: page.to_owned(),
            answer,
        };
        let rounds = &mut self.0.lock().rounds;
        rounds.put(round.clone(), shown, now.after(HOLDS), now);
        Ok(Task {
            picture: format!("data:image/png;base64,{}", STANDARD.encode(png)),
            round,
            salt,
            bits: WORK_BITS,
        })
    }

    /// Judges what a form of `page` brought: the characters, or the solved work. Neither counts
    /// twice.
    ///
    /// # Errors
    /// [`Nobody`].
    pub(super) fn judge(
        &self,
        page: &str,
        form: &Form,
        ring: &KeyRing,
        now: Timestamp,
    ) -> Result<(), Nobody> {
        if let Some(until) = self.rests(page, now) {
            return Err(Nobody::Wait(until));
        }
        let mut kept = self.0.lock();
        let round = kept.rounds.take(form.get("round").unwrap_or_default(), now);
        let proved = match (form.get("salt"), form.get("number")) {
            (Some(salt), Some(number)) => {
                let worked = check_work(ring, page, salt, number, now);
                worked.is_ok_and(|until| kept.spent.put(salt.to_owned(), (), until, now))
            }
            _ => {
                let typed = form.get("characters").unwrap_or_default();
                round.is_some_and(|round| round.page == page && is_same(&round.answer, typed))
            }
        };
        if proved {
            kept.failures.remove(page);
            return Ok(());
        }
        if kept.failures.len() >= COUNTED_MOST {
            kept.failures.clear();
        }
        let failures = kept.failures.entry(page.to_owned()).or_default();
        failures.0 += 1;
        if failures.0 >= FAILURES_MOST {
            *failures = (0, now.after(WAIT));
            return Err(Nobody::Wait(now.after(WAIT)));
        }
        Err(Nobody::Wrong)
    }
}

/// Characters that nobody takes for others.
fn characters() -> Result<String, NoRandom> {
    let all = glyphs::ALPHABET.as_bytes();
    // All are as likely: octets beyond the last whole round do not count.
    let fair = u8::MAX - u8::MAX % u8::try_from(all.len()).unwrap_or(1);
    let mut text = String::new();
    while text.len() < LENGTH {
        let drawn = random::<16>()?;
        let fit = drawn.iter().filter(|octet| **octet < fair);
        let letters = fit.map(|octet| char::from(all[usize::from(*octet) % all.len()]));
        text.extend(letters.take(LENGTH - text.len()));
    }
    Ok(text)
}

/// Case and blanks do not count.
fn is_same(answer: &str, typed: &str) -> bool {
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    answer.eq_ignore_ascii_case(&typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn form(fields: &[(&str, &str)]) -> Form {
        let mut out = form_urlencoded::Serializer::new(String::new());
        Form::read(out.extend_pairs(fields).finish().as_bytes())
    }

    fn answer(humans: &Humans, round: &str) -> String {
        humans.0.lock().rounds.by_key[round].1.answer.clone()
    }

    #[test]
    fn iw06_a_picture_is_answered_once_on_its_page_and_in_time() {
        let (humans, ring) = (Humans::default(), KeyRing::make(NOW).expect("ring"));
        let ask = || humans.ask("/c/a", &ring, NOW).expect("a task").round;
        let try_it = |page: &str, round: &str, typed: &str, at| {
            let form = form(&[("round", round), ("characters", typed)]);
            humans.judge(page, &form, &ring, at)
        };
        let round = ask();
        let right = answer(&humans, &round);
        let typed = format!(" {} ", right.to_lowercase());
        assert_eq!(try_it("/c/a", &round, &typed, NOW), Ok(()));
        assert_eq!(
            try_it("/c/a", &round, &right, NOW),
            Err(Nobody::Wrong),
            "once"
        );
        let round = ask();
        let right = answer(&humans, &round);
        assert_eq!(
            try_it("/c/b", &round, &right, NOW),
            Err(Nobody::Wrong),
            "another page"
        );
        assert_eq!(
            try_it("/c/a", &round, &right, NOW),
            Err(Nobody::Wrong),
            "it was used"
        );
        let round = ask();
        let right = answer(&humans, &round);
        let late = NOW.after(HOLDS);
        assert_eq!(
            try_it("/c/a", &round, &right, late),
            Err(Nobody::Wrong),
            "too late"
        );
        assert_eq!(try_it("/c/a", "", "", NOW), Err(Nobody::Wrong));
    }

    #[test]
    fn iw06_five_failures_make_a_wait_for_that_page() {
        let (humans, ring) = (Humans::default(), KeyRing::make(NOW).expect("ring"));
        let guess = |page: &str, at| humans.judge(page, &form(&[("characters", "x")]), &ring, at);
        let until = NOW.after(WAIT);
        for _ in 0..4 {
            assert_eq!(guess("a", NOW), Err(Nobody::Wrong));
        }
        assert_eq!(guess("a", NOW), Err(Nobody::Wait(until)));
        let round = humans.ask("a", &ring, NOW).expect("a task").round;
        let right = answer(&humans, &round);
        let good = form(&[("round", &round), ("characters", &right)]);
        assert_eq!(
            humans.judge("a", &good, &ring, NOW),
            Err(Nobody::Wait(until))
        );
        assert_eq!(guess("b", NOW), Err(Nobody::Wrong), "others do not wait");
        assert_eq!(humans.rests("a", until), None);
        let good = humans.judge("a", &good, &ring, NOW.after(WAIT));
        assert_eq!(good, Ok(()), "the right answer was not used up by the wait");
    }

    #[test]
    fn iw06_clients_are_counted_and_memory_is_bounded() {
        let (humans, ring) = (Humans::default(), KeyRing::make(NOW).expect("ring"));
        let client: IpAddr = "2001:db8::1".parse().expect("address");
        let same: IpAddr = "2001:db8::2".parse().expect("address");
        let visits = (0..40).filter(|_| humans.admits(client, NOW)).count();
        assert_eq!(visits, VISITS_A_MINUTE as usize);
        assert!(!humans.admits(same, NOW) && humans.admits(same, Timestamp(NOW.0 + MINUTE_MS)));
        let mut passing = Passing::default();
        for n in 0..KNOWN_MOST + 10 {
            assert!(passing.put(n.to_string(), (), NOW.after(WAIT), NOW));
        }
        assert_eq!(
            (passing.by_key.len(), passing.order.len()),
            (KNOWN_MOST, KNOWN_MOST)
        );
        assert!(
            !passing.put("77".to_owned(), (), NOW.after(WAIT), NOW),
            "it is there"
        );
        let task = humans.ask("a", &ring, NOW).expect("a task");
        assert!(task.picture.len() < 40_000 && task.bits == WORK_BITS);
    }
}
