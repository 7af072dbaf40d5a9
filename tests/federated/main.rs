//! Those who know people beside us: the real slapd. With the features that the build has.

#[cfg(feature = "ldap")]
#[path = "../peers/contrib.rs"]
mod contrib;
#[cfg(feature = "ldap")]
mod directory;
#[cfg(feature = "ldap")]
#[path = "../peers/quaranta.rs"]
#[allow(dead_code, reason = "every test uses its own part of it")]
mod quaranta;
#[cfg(feature = "ldap")]
mod slapd;
#[cfg(feature = "ldap")]
#[path = "../peers/wait.rs"]
#[allow(dead_code, reason = "every test uses its own part of it")]
mod wait;
