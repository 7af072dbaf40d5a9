//! The wires: TLS, listeners, lines, limits, DNS.

pub mod dns;
pub mod tls;
