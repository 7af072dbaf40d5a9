//! Those who know people and names beside us: the real slapd, a real OpenID Connect provider, a real
//! certificate authority. Tests of the features that the build has.
#![cfg(any(feature = "acme", feature = "ldap", feature = "oidc"))]

#[cfg(feature = "acme")]
mod certificate;
#[path = "../peers/contrib.rs"]
mod contrib;
#[cfg(feature = "ldap")]
mod directory;
#[cfg(feature = "oidc")]
mod liar;
#[cfg(feature = "acme")]
mod pebble;
#[cfg(feature = "oidc")]
mod provider;
#[path = "../peers/quaranta.rs"]
#[allow(dead_code, reason = "every test uses its own part of it")]
mod quaranta;
#[cfg(feature = "ldap")]
mod slapd;
#[path = "../peers/wait.rs"]
#[allow(dead_code, reason = "every test uses its own part of it")]
mod wait;
