//! The options of signing in.

use crate::options::Span;

crate::options! {
    /// Signing in, at every door.
    pub struct Options in "login" {
        /// Failures from one address (IPv6: one /64 network) before it has to wait.
        pub free_failures: u32 = 5,
        /// The first wait; it doubles with each further failure.
        pub first_wait: Span = Span::seconds(1),
        /// The longest wait.
        pub longest_wait: Span = Span::seconds(300),
        /// Passwords hashed at the same time; each takes 19 MB and some 20 ms of CPU.
        pub hashers: u32 = 2,
        /// A session in the panel ends when it is not used for this long. A restart of the
        /// daemon ends all.
        pub session_idle: Span = Span::seconds(2 * 3600),
        /// A session ends after this long, used or not.
        pub session_longest: Span = Span::seconds(24 * 3600),
        /// Sessions of one account at the same time; the one that was not used the longest
        /// ends first.
        pub sessions_per_account: u32 = 20,
        /// For this long after a sign-in, keys and rights may be changed without giving the
        /// password or code once more.
        pub proof_holds: Span = Span::seconds(600),
        /// Let accounts with a second factor in by password alone at the doors that know no
        /// second factor: IMAP, and mail on its way out.
        pub imap_with_second_factor: bool = true,
        /// Make an account for an address that is not known here when the IMAP server of
        /// its domain (`quaranta domains set-imap`) or the directory ([ldap]) takes its password.
        pub imap_makes_accounts: bool = true,
        /// Mail a link to sign in with to who asks for one.
        pub link: bool = true,
        /// Do so for every address of our domains, not only where there is an account, and
        /// make the account when the link is used.
        pub link_makes_accounts: bool = false,
        /// How long a mailed link can be used.
        pub link_holds: Span = Span::seconds(900),
        /// Links mailed to one address in an hour.
        pub links_per_address: u32 = 3,
        /// Links asked for by one client (IPv6: one /64 network) in an hour.
        pub links_per_client: u32 = 20,
    }
}
