//! The command line's words for challenges.

use clap::Subcommand;

use super::Common;
use crate::policy::Scope;

#[derive(Debug, Subcommand)]
pub(crate) enum OnChallenges {
    /// List those that are open or were answered, the newest first
    List {
        /// global, a domain, or an address
        #[arg(long, default_value = "global")]
        scope: Scope,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        most: usize,
        #[command(flatten)]
        common: Common,
    },
}
