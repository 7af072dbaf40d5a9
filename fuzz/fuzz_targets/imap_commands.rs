//! The IMAP framer and grammar: whole and in pieces, the same commands.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quaranta::imap::fuzzing::commands;

fuzz_target!(|data: &[u8]| {
    let Some((first, octets)) = data.split_first() else {
        return;
    };
    let whole = commands(octets, octets.len());
    assert_eq!(whole, commands(octets, usize::from(*first) + 1));
});
