//! The command line's words for senders.

use clap::Subcommand;

use super::Common;
use crate::policy::Scope;

#[derive(Debug, Subcommand)]
pub(crate) enum OnSenders {
    /// List locked senders
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Let a sender send again; what it sends counts anew
    Unlock {
        /// A login or an address
        sender: Scope,
        #[command(flatten)]
        common: Common,
    },
    /// Let a sender send nothing
    Lock {
        /// A login or an address
        sender: Scope,
        /// The reason; the sender is told
        #[arg(long, default_value = "locked by an administrator")]
        why: String,
        #[command(flatten)]
        common: Common,
    },
}
