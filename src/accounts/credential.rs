//! Passwords: made, hashed (argon2id, PHC string), verified.

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::token::{NoRandom, random};

/// 19 MiB, two passes, one lane: the least that OWASP's sheet on password storage asks for.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// Letters and digits that are not mistaken for one another; 32 of them, so that a
/// random octet picks each as often.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Shortest password taken, in characters.
const SHORTEST: usize = 8;
/// Longest password taken, in octets.
pub(super) const LONGEST: usize = 1024;

/// Why a password is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    #[error("a password has at least {SHORTEST} characters")]
    TooShort,
    #[error("a password has at most {LONGEST} octets")]
    TooLong,
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    #[error("hashing failed: {0}")]
    Hash(String),
}

fn argon2() -> Result<Argon2<'static>, CredentialError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None)
        .map_err(|e| CredentialError::Hash(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password. Takes some 20 ms of CPU: not on a thread that serves others.
///
/// # Errors
/// [`CredentialError`].
pub fn hash_password(password: &str) -> Result<String, CredentialError> {
    if password.chars().count() < SHORTEST {
        return Err(CredentialError::TooShort);
    }
    if password.len() > LONGEST {
        return Err(CredentialError::TooLong);
    }
    let fault = |e: argon2::password_hash::Error| CredentialError::Hash(e.to_string());
    let salt = SaltString::encode_b64(&random::<16>()?).map_err(fault)?;
    Ok(argon2()?
        .hash_password(password.as_bytes(), &salt)
        .map_err(fault)?
        .to_string())
}

/// Verifies; false also for a hash that cannot be read.
pub(super) fn verify_password(password: &str, hash: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(hash) else {
        return false;
    };
    argon2().is_ok_and(|argon2| argon2.verify_password(password.as_bytes(), &parsed).is_ok())
}

/// A new random password of 20 characters (100 bits), in groups of five.
///
/// # Errors
/// [`NoRandom`].
pub fn new_password() -> Result<String, NoRandom> {
    let octets = random::<20>()?;
    let mut out = String::with_capacity(23);
    for (i, octet) in octets.iter().enumerate() {
        if i > 0 && i % 5 == 0 {
            out.push('-');
        }
        out.push(char::from(ALPHABET[usize::from(octet % 32)]));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sy08_passwords_are_random_and_hashes_verify() {
        let password = new_password().expect("password");
        assert_ne!(password, new_password().expect("password"));
        let hash = hash_password(&password).expect("hash");
        assert!(!hash.contains(&password));
        assert!(verify_password(&password, &hash));
        assert!(!verify_password("wrong-password", &hash));
        assert!(!verify_password(&password, "nonsense"));
        assert_eq!(hash_password("short"), Err(CredentialError::TooShort));
        assert_eq!(
            hash_password(&"x".repeat(2000)),
            Err(CredentialError::TooLong)
        );
    }
}
