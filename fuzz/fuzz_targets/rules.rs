//! All local checks of a mail: rules, MIME, HTML, character sets.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::{Options, StandardPanel};
use quaranta::mail::{BodyType, Direction, Envelope, Peer};
use quaranta::net::dns::Dns;

static PANEL: LazyLock<StandardPanel> = LazyLock::new(|| {
    let dns = Arc::new(Dns::off("not here"));
    let clock = Clock::by_hand(Timestamp(1_700_000_000_000));
    StandardPanel::open(&Options::default(), dns, clock).expect("rules")
});

fuzz_target!(|message: &[u8]| {
    let envelope = Envelope {
        peer: Peer::local(),
        direction: Direction::Inbound,
        from: None,
        to: vec!["alice@example.org".parse().expect("address")],
        body: BodyType::EightBitMime,
        smtputf8: false,
    };
    for fired in PANEL.explain(message, &envelope) {
        assert!(fired.score.is_finite(), "{}", fired.name);
    }
});
