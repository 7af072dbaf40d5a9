//! A certificate from an authority that makes them by itself (ACME, RFC 8555): its options.

#[cfg(feature = "acme")]
mod answers;
#[cfg(feature = "acme")]
mod kept;
#[cfg(feature = "acme")]
mod order;
#[cfg(feature = "acme")]
mod renewal;

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::options::Span;

#[cfg(feature = "acme")]
pub use answers::Answers;
#[cfg(feature = "acme")]
pub use renewal::{Renewal, Setup};

/// Names in one certificate.
const DOMAINS_MOST: usize = 100;

crate::options! {
    /// A certificate from an authority such as Let's Encrypt (ACME, RFC 8555), for all doors, renewed
    /// when a third of its life is left. Until there is one, and while it cannot be renewed, the
    /// one at hand stays in use. Needs a build with `--features acme`, and no certificate in
    /// the section tls.
    pub struct Options in "acme" {
        /// The authority's directory, as in "https://acme-v02.api.letsencrypt.org/directory".
        /// Without one no certificate is asked for.
        pub directory: Option<String> = None,
        /// You have read the authority's terms of service and agree to them.
        pub agree_to_terms: bool = false,
        /// Mail addresses at which the authority may reach you.
        pub contact: Vec<String> = Vec::new(),
        /// The names in the certificate; without one, that of the section server.
        pub domains: Vec<String> = Vec::new(),
        /// Where the authority looks whether the names are ours (HTTP-01, RFC 8555 section 8.3): it
        /// always comes to port 80 of each name. Nothing else is served there.
        pub listen: Vec<SocketAddr> = vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, 80))],
        /// Certificates of the authority that signed the directory's own, PEM, beside the public ones.
        pub ca_file: Option<PathBuf> = None,
        /// How long to wait after a failure; it doubles with each further one, to twelve hours.
        pub pause: Span = Span::seconds(300),
    }
}

impl Options {
    /// What no single option can see; `own` is true if the section tls names a certificate.
    ///
    /// # Errors
    /// Names the option and the remedy.
    pub fn check(&self, own: bool) -> Result<(), String> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        if !cfg!(feature = "acme") {
            return Err(
                "[acme] directory: this build has no ACME; build it with `--features acme`"
                    .to_owned(),
            );
        }
        #[cfg(feature = "acme")]
        if !super::fetch::may_ask(directory) {
            return Err(format!(
                "[acme] directory: '{directory}' must begin with https://, or be on this machine"
            ));
        }
        if !self.agree_to_terms {
            return Err(format!(
                "[acme] agree_to_terms: read the terms of {directory}, and set it to true if you agree"
            ));
        }
        if own {
            return Err("[acme] and a certificate in [tls] exclude each other".to_owned());
        }
        if self.listen.is_empty() {
            return Err("[acme] listen: name an address that port 80 leads to".to_owned());
        }
        if self.domains.len() > DOMAINS_MOST {
            return Err(format!("[acme] domains: {DOMAINS_MOST} are the most"));
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "acme"))]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused() {
        let good = Options {
            directory: Some("https://ca.test/dir".to_owned()),
            agree_to_terms: true,
            ..Options::default()
        };
        assert_eq!(good.check(false), Ok(()));
        assert!(good.check(true).is_err());
        let bad = |change: fn(&mut Options), words: &str| {
            let mut options = good.clone();
            change(&mut options);
            let error = options.check(false).expect_err(words);
            assert!(error.contains(words), "{error}");
        };
        bad(|o| o.agree_to_terms = false, "[acme] agree_to_terms");
        bad(|o| o.listen.clear(), "[acme] listen");
        bad(
            |o| o.directory = Some("http://ca.test/".to_owned()),
            "https://",
        );
    }
}
