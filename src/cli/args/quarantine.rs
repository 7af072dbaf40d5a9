//! The arguments of `quaranta quarantine`.

use clap::{Subcommand, ValueEnum};

use super::Common;
use crate::actions::Reach;
use crate::mail::EntryId;
use crate::policy::Scope;

#[derive(Debug, Subcommand)]
pub(crate) enum OnQuarantine {
    /// List caught mail, the newest first
    List {
        /// Only this scope: `global`, a domain, or an address
        #[arg(default_value = "global")]
        scope: Scope,
        /// Mail caught on its way out
        #[arg(long)]
        outgoing: bool,
        /// Copies of delivered mail kept for training
        #[arg(long, conflicts_with = "outgoing")]
        training: bool,
        /// Accepted mail that waits to be authorised
        #[arg(long, conflicts_with_all = ["outgoing", "training"])]
        pending: bool,
        /// At most this many
        #[arg(long, short = 'n', default_value_t = 50)]
        most: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Show one message: envelope, verdict and its reasons
    Show {
        id: EntryId,
        /// Print the message itself, as it was received
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Deliver to the original recipient
    Release {
        #[arg(required = true)]
        ids: Vec<EntryId>,
        /// Report as a false positive too
        #[arg(long)]
        train: bool,
        /// Put the sender on the allow list of the recipient, the domain, or everybody
        #[arg(long, value_name = "WHOSE", num_args = 0..=1, default_missing_value = "recipient", conflicts_with = "train")]
        allow: Option<Whose>,
        #[command(flatten)]
        common: Common,
    },
    /// Remove; trains nothing, unless asked
    Remove {
        #[arg(required = true)]
        ids: Vec<EntryId>,
        /// Report it as what it is before it goes
        #[arg(long, value_name = "WHAT")]
        report: Option<Report>,
        /// Put the sender on the block list of the recipient, the domain, or everybody
        #[arg(long, value_name = "WHOSE", num_args = 0..=1, default_missing_value = "recipient", conflicts_with = "report")]
        block: Option<Whose>,
        #[command(flatten)]
        common: Common,
    },
    /// Take a release back that has not left yet
    TakeBack {
        #[arg(required = true)]
        ids: Vec<EntryId>,
        #[command(flatten)]
        common: Common,
    },
    /// What happened to a message, by whom, when, from where
    History {
        id: EntryId,
        #[command(flatten)]
        common: Common,
    },
}

/// What a message is reported as.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Report {
    Spam,
    Ham,
}

/// Whose list an entry goes to.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Whose {
    Recipient,
    Domain,
    Everybody,
}

impl From<Whose> for Reach {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::Recipient => Reach::Recipient,
            Whose::Domain => Reach::Domain,
            Whose::Everybody => Reach::Everybody,
        }
    }
}
