//! The wires: TLS, listeners, lines, limits, networks, DNS.

pub mod acme;
pub mod certificate;
pub mod dns;
pub mod endpoint;
#[cfg(any(feature = "acme", feature = "oidc"))]
pub mod fetch;
pub mod limit;
pub mod lines;
pub mod listen;
pub mod network;
pub mod socket;
pub mod tls;
pub mod tls_client;
pub mod write;
