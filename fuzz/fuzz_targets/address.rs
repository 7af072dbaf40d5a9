//! Addresses: what is read and written is read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quaranta::mail::{Address, Domain};

fuzz_target!(|text: &str| {
    if let Ok(address) = text.parse::<Address>() {
        let written = address.to_string();
        assert!(!written.chars().any(char::is_control));
        let again: Address = written.parse().expect("written addresses are addresses");
        assert_eq!(again, address);
        assert_eq!(again.key(), address.key());
    }
    if let Ok(domain) = text.parse::<Domain>() {
        let again: Domain = domain
            .as_str()
            .parse()
            .expect("written domains are domains");
        assert_eq!(again, domain);
    }
});
