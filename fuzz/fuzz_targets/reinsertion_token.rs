//! Reinsertion tokens: no text but a genuine one holds, and that one for its own mail alone.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use quaranta::clock::Timestamp;
use quaranta::mail::{Address, EntryId, MailId};
use quaranta::token::{KeyRing, mint, verify};

static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::make(Timestamp(0)).expect("random"));
static TO: LazyLock<Address> = LazyLock::new(|| "alice@example.org".parse().expect("address"));
const MESSAGE: &[u8] = b"From: a@example.net\r\nSubject: hello\r\n\r\nText\r\n";
static GENUINE: LazyLock<String> = LazyLock::new(|| {
    let entry = EntryId::of(MailId::of(None, MESSAGE, 0), &TO);
    let key = RING.current().expect("a key");
    mint(key, entry, &TO, MESSAGE, Timestamp(1000)).expect("random")
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    assert!(verify(&RING, &text, &TO, MESSAGE, Timestamp(1)).is_err());
    // Any octets as the message: the token holds for its own alone.
    let same = data == MESSAGE;
    if !same && let Ok(_) = verify(&RING, &GENUINE, &TO, data, Timestamp(1)) {
        // Other fields may change on the way; what is covered may not.
        assert!(data.windows(4).any(|w| w == b"Text"));
    }
    // One octet of a genuine token changed: white space aside, it does not hold.
    if let [at, new, ..] = data {
        let mut forged = GENUINE.clone().into_bytes();
        let at = usize::from(*at) % forged.len();
        let old = std::mem::replace(&mut forged[at], *new);
        let forged = String::from_utf8_lossy(&forged);
        if verify(&RING, &forged, &TO, MESSAGE, Timestamp(1)).is_ok() {
            assert!(
                old == *new || [old, *new].iter().all(|b| char::from(*b).is_whitespace()),
                "{forged}"
            );
        }
    }
});
