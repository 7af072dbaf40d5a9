//! One-time codes by time (TOTP, RFC 6238: SHA-1, six digits, 30 seconds), and recovery codes.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};
use qrcode::QrCode;
use qrcode::render::svg;

use crate::clock::Timestamp;
use crate::mail::hex;
use crate::record::Secret;
use crate::token::{NoRandom, random};

const STEP_MS: u64 = 30_000;
/// Steps by which the device's clock may be wrong, either way.
const DRIFT: u64 = 1;
const DIGITS: usize = 6;
const RECOVERY_CODES: usize = 10;
/// Pixels of a module of the picture.
const MODULE: u32 = 5;

/// RFC 4648 section 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(octets: &[u8]) -> String {
    let mut out = String::new();
    let (mut bits, mut count) = (0_u32, 0);
    for octet in octets {
        bits = bits << 8 | u32::from(*octet);
        count += 8;
        while count >= 5 {
            count -= 5;
            out.push(char::from(BASE32[(bits >> count & 31) as usize]));
        }
    }
    if count > 0 {
        out.push(char::from(BASE32[(bits << (5 - count) & 31) as usize]));
    }
    out
}

/// `None` for other letters.
fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes() {
        let place = BASE32.iter().position(|l| *l == letter)?;
        bits = bits << 5 | u32::try_from(place).ok()?;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 255) as u8);
        }
    }
    Some(out)
}

/// A new secret of 160 bits, in base32 (RFC 4226 section 4).
pub(super) fn new_secret() -> Result<Secret, NoRandom> {
    Ok(Secret(base32(&random::<20>()?)))
}

/// The code of a step (RFC 4226 section 5.3).
fn code(key: &hmac::Key, step: u64) -> String {
    let tag = hmac::sign(key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag.last().copied().unwrap_or_default() & 15);
    let four = tag.get(at..at + 4).unwrap_or_default();
    let number = four
        .iter()
        .fold(0_u32, |n, octet| n << 8 | u32::from(*octet));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// The step of which `typed` is the code, if it is one of now and later than `last`: a code is
/// taken once only (RFC 6238 section 5.2). All steps are compared, each in constant time.
pub(super) fn step_of(
    secret: &Secret,
    typed: &str,
    now: Timestamp,
    last: Option<u64>,
) -> Option<u64> {
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    if typed.len() != DIGITS {
        return None;
    }
    let octets = from_base32(&secret.0)?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &octets);
    let here = now.0 / STEP_MS;
    (here.saturating_sub(DRIFT)..=here + DRIFT)
        .filter(|step| {
            verify_slices_are_equal(code(&key, *step).as_bytes(), typed.as_bytes()).is_ok()
        })
        .find(|step| last.is_none_or(|last| *step > last))
}

/// What a device reads from the picture (the key URI format of authenticators).
pub(super) fn uri(secret: &Secret, login: &str, issuer: &str) -> String {
    let (login, issuer) = (escaped(login), escaped(issuer));
    format!(
        "otpauth://totp/{issuer}:{login}?secret={}&issuer={issuer}",
        secret.0
    )
}

/// RFC 3986 section 2.1.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~@".contains(&octet) {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

/// The picture (QR code) of a text as SVG; `None` if the text is too long for one.
pub(super) fn picture(text: &str) -> Option<String> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    Some(
        code.render::<svg::Color<'_>>()
            .module_dimensions(MODULE, MODULE)
            .build(),
    )
}

/// New recovery codes of 80 bits, in groups of four letters, and what is kept of them.
pub(super) fn recovery_codes() -> Result<(Vec<String>, Vec<String>), NoRandom> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let text = base32(&random::<10>()?).to_lowercase();
        let groups: Vec<String> = text
            .as_bytes()
            .chunks(4)
            .map(|group| String::from_utf8_lossy(group).into_owned())
            .collect();
        codes.push(groups.join("-"));
    }
    let kept = codes.iter().map(|code| recovery_hash(code)).collect();
    Ok((codes, kept))
}

/// What is kept of a recovery code: codes of 80 random bits need no slow hash.
pub(super) fn recovery_hash(typed: &str) -> String {
    let plain: String = typed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    hex(digest::digest(&digest::SHA256, plain.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238 appendix B.
    fn secret() -> Secret {
        Secret(base32(b"12345678901234567890"))
    }

    #[test]
    fn xx12_codes_are_those_of_rfc_6238() {
        for (seconds, typed) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp(seconds * 1000);
            let step = step_of(&secret(), typed, now, None);
            assert_eq!(step, Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn xx12_a_code_holds_one_step_around_now_and_once() {
        let typed = "287 082"; // of step 1
        for (step, want) in [(0, true), (1, true), (2, true), (3, false)] {
            let found = step_of(&secret(), typed, Timestamp(step * STEP_MS), None);
            assert_eq!(found.is_some(), want, "{step}");
        }
        let now = Timestamp(STEP_MS);
        assert_eq!(step_of(&secret(), typed, now, Some(0)), Some(1));
        assert_eq!(step_of(&secret(), typed, now, Some(1)), None);
        for bad in ["", "28708", "2870823", "287083", "２８７０８２"] {
            assert_eq!(step_of(&secret(), bad, now, None), None, "{bad}");
        }
        assert_eq!(
            step_of(&Secret("not base32".into()), typed, now, None),
            None
        );
    }

    #[test]
    fn xx12_secrets_pass_through_text_and_picture() {
        assert_eq!(secret().0, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            from_base32(&secret().0).expect("octets"),
            b"12345678901234567890"
        );
        let made = new_secret().expect("secret");
        assert_eq!(from_base32(&made.0).expect("octets").len(), 20);
        assert!(!format!("{made:?}").contains(&made.0));
        let uri = uri(&secret(), "alice@example.org", "Quaranta mx.example.org");
        assert!(uri.starts_with(
            "otpauth://totp/Quaranta%20mx.example.org:alice@example.org?secret=GEZDG"
        ));
        assert!(picture(&uri).expect("picture").contains("<svg"));
    }

    #[test]
    fn xx12_recovery_codes_are_random_and_forgiving_to_type() {
        let (codes, kept) = recovery_codes().expect("codes");
        assert_eq!((codes.len(), kept.len()), (10, 10));
        assert_eq!(codes[0].len(), 19);
        assert_ne!(codes[0], codes[1]);
        assert_eq!(
            recovery_hash(&codes[0].to_uppercase().replace('-', " ")),
            kept[0]
        );
        assert!(!kept.contains(&codes[0]));
    }
}
