//! One conformance suite over all stores; and what a kept store promises when things go wrong.

mod conformance;
mod faults;
mod kill;
mod life;
mod old;
mod refusals;
mod sealing;
mod searching;
mod settings;
mod upkeep;
mod world;

use conformance::conformance;

conformance!(in_memory, {
    let clock = quaranta::clock::Clock::by_hand(crate::world::START);
    (quaranta::store::in_memory::open(clock), ())
});

conformance!(on_sled, {
    let dir = tempfile::tempdir().expect("directory");
    let (store, handle) = crate::world::open(dir.path());
    (store, (handle, dir))
});

// The same while the log of all mail is sealed again and again.
conformance!(on_sled_sealing, {
    let dir = tempfile::tempdir().expect("directory");
    let (store, handle) = crate::world::open(dir.path());
    (store, (crate::world::Sealing::new(handle), dir))
});
