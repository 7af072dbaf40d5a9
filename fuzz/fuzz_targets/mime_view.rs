//! A message as IMAP shows it: structure, envelope, sections and search.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| quaranta::imap::fuzzing::view(octets));
