//! The text in a link by which the sender of a refused mail asks for it (XX-07): the mail's id under a
//! MAC, so that nothing is kept for it. It names nobody, and nobody can make one.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Key, KeyRing};
use crate::clock::Timestamp;
use crate::mail::MailId;

/// Octets of the MAC that stand in the text: it is to be short.
const MAC: usize = 16;
/// Characters of a text.
const LENGTH: usize = 43;

fn mac(key: &Key, mail: MailId) -> [u8; MAC] {
    let whole = key.sign(&[b"quaranta appeal 1", &mail.0]);
    let mut short = [0; MAC];
    short.copy_from_slice(&whole[..MAC]);
    short
}

/// The text for `mail`: letters, digits, `-` and `_`.
#[must_use]
pub fn appeal_text(key: &Key, mail: MailId) -> String {
    URL_SAFE_NO_PAD.encode([mail.0, mac(key, mail)].concat())
}

/// The mail of a text that we made; compared in constant time.
#[must_use]
pub fn appeal_mail(ring: &KeyRing, text: &str, now: Timestamp) -> Option<MailId> {
    if text.len() != LENGTH {
        return None;
    }
    let octets = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (id, tag) = octets.split_first_chunk::<16>()?;
    let mail = MailId(*id);
    let mut keys = ring.keys().iter().filter_map(|key| ring.find(key.id, now));
    keys.any(|key| verify_slices_are_equal(&mac(key, mail), tag).is_ok())
        .then_some(mail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xx07_only_our_own_text_names_a_mail() {
        let now = Timestamp(0);
        let mut ring = KeyRing::make(now).expect("ring");
        let mail = MailId([9; 16]);
        let text = appeal_text(ring.current().expect("key"), mail);
        assert_eq!(text.len(), LENGTH);
        assert_eq!(appeal_mail(&ring, &text, now), Some(mail));
        ring.rotate(now, Timestamp(10)).expect("rotate");
        assert_eq!(appeal_mail(&ring, &text, now), Some(mail), "overlap");
        assert_eq!(appeal_mail(&ring, &text, Timestamp(10)), None);
        let octets = URL_SAFE_NO_PAD.decode(&text).expect("Base64");
        for at in 0..octets.len() {
            let mut forged = octets.clone();
            forged[at] ^= 1;
            let forged = URL_SAFE_NO_PAD.encode(forged);
            assert_eq!(appeal_mail(&ring, &forged, now), None, "{at}");
        }
        let other = KeyRing::make(now).expect("ring");
        for bad in ["", &text[1..], &format!("{text}="), &"A".repeat(9000)] {
            assert_eq!(appeal_mail(&ring, bad, now), None, "{bad:.20}");
        }
        assert_eq!(appeal_mail(&other, &text, now), None);
    }
}
