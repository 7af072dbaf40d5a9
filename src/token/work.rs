//! Proof of work: a task for a machine in place of a picture for eyes. We sign a salt; who brings a
//! number that makes SHA-256 of `SALT:NUMBER` begin with enough zero bits has spent the time.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Key, KeyRing, NoRandom, random};
use crate::clock::Timestamp;

/// Zero bits that are asked for: some 260,000 hashes, a second or a few in a browser.
pub const WORK_BITS: u8 = 18;
/// How long a task can be solved, in milliseconds.
const HOLDS_MS: u64 = 600_000;
/// Longest salt and number looked at, in octets.
const SALT_LONGEST: usize = 160;
const NUMBER_LONGEST: usize = 20;

/// Why a solution does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkFault {
    #[error("the task is not ours, or for another page")]
    Forged,
    #[error("the task is too old")]
    Expired,
    #[error("the task is too easy")]
    Easy,
    #[error("the number does not solve it")]
    Wrong,
}

/// The salt of a new task for the page `about`: `BITS.EXPIRY.RANDOM.MAC`.
///
/// # Errors
/// [`NoRandom`].
pub fn offer_work(key: &Key, about: &str, now: Timestamp) -> Result<String, NoRandom> {
    let nonce = URL_SAFE_NO_PAD.encode(random::<12>()?);
    let until = now.0.saturating_add(HOLDS_MS);
    Ok(signed(key, about, &format!("{WORK_BITS}.{until}.{nonce}")))
}

fn signed(key: &Key, about: &str, head: &str) -> String {
    let tag = key.sign(&covered(about, head));
    format!("{head}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn covered<'a>(about: &'a str, head: &'a str) -> [&'a [u8]; 3] {
    [b"quaranta work 1", about.as_bytes(), head.as_bytes()]
}

/// Checks a solution. The caller sees to it that a salt counts once; it holds until the time returned.
///
/// # Errors
/// [`WorkFault`].
pub fn check_work(
    ring: &KeyRing,
    about: &str,
    salt: &str,
    number: &str,
    now: Timestamp,
) -> Result<Timestamp, WorkFault> {
    let forged = || WorkFault::Forged;
    if salt.len() > SALT_LONGEST {
        return Err(WorkFault::Forged);
    }
    let (head, tag) = salt.rsplit_once('.').ok_or_else(forged)?;
    let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| forged())?;
    let mut keys = ring.keys().iter().filter_map(|key| ring.find(key.id, now));
    if !keys.any(|key| key.verifies(&covered(about, head), &tag)) {
        return Err(WorkFault::Forged);
    }
    let mut parts = head.split('.');
    let bits: u8 = parts
        .next()
        .and_then(|t| t.parse().ok())
        .ok_or_else(forged)?;
    let until: u64 = parts
        .next()
        .and_then(|t| t.parse().ok())
        .ok_or_else(forged)?;
    if until <= now.0 {
        return Err(WorkFault::Expired);
    }
    if bits < WORK_BITS {
        return Err(WorkFault::Easy);
    }
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    if !plain || number.len() > NUMBER_LONGEST || zeros(salt, number) < u32::from(bits) {
        return Err(WorkFault::Wrong);
    }
    Ok(Timestamp(until))
}

/// Zero bits at the start of the hash.
fn zeros(salt: &str, number: &str) -> u32 {
    let hash = digest(&SHA256, format!("{salt}:{number}").as_bytes());
    let first = hash.as_ref().first_chunk::<8>().copied();
    u64::from_be_bytes(first.unwrap_or([u8::MAX; 8])).leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn solve(salt: &str, bits: u8) -> String {
        let mut all = (0_u64..).map(|n| n.to_string());
        let found = all.find(|n| zeros(salt, n) >= u32::from(bits));
        found.expect("there is always one")
    }

    #[test]
    fn iw06_work_counts_for_its_page_and_time() {
        let ring = KeyRing::make(NOW).expect("ring");
        let key = ring.current().expect("key");
        let salt = offer_work(key, "/c/x", NOW).expect("random");
        let number = solve(&salt, WORK_BITS);
        let check =
            |about, salt: &str, number: &str, at| check_work(&ring, about, salt, number, at);
        let end = Timestamp(NOW.0 + HOLDS_MS);
        assert_eq!(check("/c/x", &salt, &number, NOW), Ok(end));
        assert_eq!(check("/c/y", &salt, &number, NOW), Err(WorkFault::Forged));
        assert_eq!(check("/c/x", &salt, &number, end), Err(WorkFault::Expired));
        for bad in ["", "x", "-1", "+1", &"9".repeat(40), &format!("{number} ")] {
            assert_eq!(
                check("/c/x", &salt, bad, NOW),
                Err(WorkFault::Wrong),
                "{bad}"
            );
        }
        let wrong = (0_u64..).map(|n| n.to_string());
        let wrong = wrong
            .into_iter()
            .find(|n| zeros(&salt, n) < u32::from(WORK_BITS));
        assert_eq!(
            check("/c/x", &salt, &wrong.expect("most are"), NOW),
            Err(WorkFault::Wrong)
        );
    }

    #[test]
    fn iw06_a_salt_that_is_not_ours_or_too_easy_does_not_count() {
        let ring = KeyRing::make(NOW).expect("ring");
        let key = ring.current().expect("key");
        let check = |salt: &str, number: &str| check_work(&ring, "p", salt, number, NOW);
        let easy = signed(key, "p", &format!("1.{}.x", NOW.0 + 1000));
        assert_eq!(check(&easy, &solve(&easy, 1)), Err(WorkFault::Easy));
        let own = offer_work(key, "p", NOW).expect("random");
        let softer = own.replacen("18.", "1.", 1);
        assert_eq!(check(&softer, &solve(&softer, 1)), Err(WorkFault::Forged));
        let other = KeyRing::make(NOW).expect("ring");
        let theirs = offer_work(other.current().expect("key"), "p", NOW).expect("random");
        assert_eq!(check(&theirs, "1"), Err(WorkFault::Forged));
        for bad in ["", ".", "18", "a.b.c.d", "\u{fc}.1.1.1", &"1.".repeat(500)] {
            assert_eq!(check(bad, "1"), Err(WorkFault::Forged), "{bad:.20}");
        }
    }
}
