//! Those who know people beside us: the real slapd, and a real OpenID Connect provider. Tests of the
//! features that the build has.
#![cfg(any(feature = "ldap", feature = "oidc"))]

#[path = "../peers/contrib.rs"]
mod contrib;
#[cfg(feature = "ldap")]
mod directory;
#[cfg(feature = "oidc")]
mod liar;
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
