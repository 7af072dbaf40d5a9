//! The wires: TLS, listeners, lines, limits, networks, DNS.

pub mod certificate;
pub mod dns;
pub mod endpoint;
pub mod limit;
pub mod lines;
pub mod listen;
pub mod network;
pub mod socket;
pub mod tls;
pub mod tls_client;
pub mod write;
