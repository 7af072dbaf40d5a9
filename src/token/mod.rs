//! HMAC tokens: key ids, constant-time compare, expiry; and the keys that seal.

mod appeal;
mod key;
mod link;
pub mod notice;
mod reinsertion;
mod sealing;
mod work;

pub use appeal::{appeal_mail, appeal_text};
pub use key::{Key, KeyRing};
pub use link::{Link, Purpose};
pub use reinsertion::{Claim, FIELD, TokenFault, mint, verify};
pub use sealing::{Algorithm, KeyFault, SealingKey, Selector};
pub use work::{WORK_BITS, WorkFault, check_work, offer_work};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// `N` random octets from the system.
///
/// # Errors
/// If the system has none to give; nothing secret may be made then.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut octets = [0; N];
    SystemRandom::new()
        .fill(&mut octets)
        .map_err(|_| NoRandom)?;
    Ok(octets)
}

/// The system gives no random octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandom;
