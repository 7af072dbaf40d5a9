//! The grammar of SMTP commands: never a panic, and a reply that is one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quaranta::smtp::command::{Command, parse};

fuzz_target!(|line: &[u8]| {
    match parse(line) {
        Ok(Command::Mail(mail)) => {
            if let Some(from) = mail.from {
                assert!(!from.to_string().chars().any(char::is_control));
            }
        }
        Ok(_) => {}
        Err(reply) => assert!(reply.is_permanent()),
    }
});
