//! Signs a message that the house wrote itself, with DKIM (RFC 6376).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::seal::{algorithm, body_hash, canonical, fold, signed, unended, wrapped};
use crate::clock::Timestamp;
use crate::token::{KeyFault, SealingKey};

/// The field that holds the signature.
const FIELD: &str = "DKIM-Signature";
/// What is signed, and named once more than it is there, so that nobody can add another (RFC
/// 6376 section 8.15). RFC 8058 section 4 asks for the two fields of List-Unsubscribe.
const SIGNED: [&str; 15] = [
    "From",
    "Reply-To",
    "Subject",
    "Date",
    "To",
    "Cc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// The field to put on top of a message with this header section and this body (all behind the
/// empty line), with its CRLF.
///
/// # Errors
/// [`KeyFault`] if the key cannot be used.
pub fn sign(
    header: &[u8],
    body: &[u8],
    key: &SealingKey,
    now: Timestamp,
) -> Result<String, KeyFault> {
    let (mut names, mut data) = signed(header, &SIGNED);
    names.extend(SIGNED);
    let mut value = format!(
        "v=1; a={}; c=relaxed/relaxed; d={};\r\n\ts={}; t={};\r\n\th={};\r\n\tbh={};\r\n\tb=",
        algorithm(key),
        key.domain,
        key.selector,
        now.0 / 1000,
        fold(&names),
        STANDARD.encode(body_hash(body)),
    );
    data.extend(unended(canonical(FIELD, &value)));
    value.push_str(&wrapped(&key.sign(&data)?));
    Ok(format!("{FIELD}: {value}\r\n"))
}
