//! The wires: TLS, listeners, lines, limits, DNS.

pub mod tls;
