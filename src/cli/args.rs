//! The command line: one definition for parser, help, man page and completion.

mod log;
mod policy;
mod quarantine;
mod senders;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::mail::Domain;
use crate::policy::{Pattern, Scope};
use crate::record::{ImapServer, Route};

pub(crate) use log::LogArgs;
pub(crate) use policy::PolicyArgs;
pub(crate) use quarantine::{OnQuarantine, Report, Whose};
pub(crate) use senders::OnSenders;

/// A spam filter for mail servers with a quarantine that people can live with.
#[derive(Debug, Parser)]
#[command(
    name = "quaranta",
    version,
    about,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the configuration is, and how to answer.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Configuration file [default: /etc/quaranta/quaranta.toml, where it exists]
    #[arg(long, short, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Admin socket of the daemon [default: from the configuration]
    #[arg(long, value_name = "SOCKET", global = true)]
    pub(crate) control: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon
    Serve {
        /// Configuration file [default: /etc/quaranta/quaranta.toml, where it exists]
        #[arg(long, short, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Read the configuration and say what is wrong with it
    CheckConfig {
        /// Configuration file [default: /etc/quaranta/quaranta.toml]
        #[arg(long, short, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print the configuration with every option and its default
        #[arg(long)]
        example: bool,
    },
    /// Try it: everything on loopback, with a destination server and sample mail of its own
    Demo(DemoArgs),
    /// Look at caught mail, and act on it
    #[command(subcommand)]
    Quarantine(OnQuarantine),
    /// Accounts: `global`, a domain, or an address
    #[command(subcommand)]
    Users(OnUsers),
    /// What accounts may do: roles, rights, whom they act for; second factors, sessions
    #[command(subcommand)]
    Accounts(super::accounts::OnAccounts),
    /// Keys for programs that use the HTTP API
    #[command(subcommand)]
    ApiKeys(super::accounts::OnApiKeys),
    /// Domains we protect, and where their mail goes
    #[command(subcommand)]
    Domains(OnDomains),
    /// Policies by scope: `global`, a domain, or an address
    #[command(subcommand)]
    Policy(OnPolicy),
    /// Allow and block lists by scope
    #[command(subcommand)]
    Lists(OnLists),
    /// Senders that are locked because they sent too much, or by an administrator
    #[command(subcommand)]
    Senders(OnSenders),
    /// Digests of held mail
    #[command(subcommand)]
    Digest(super::digest::OnDigest),
    /// Reinsertion keys, and keys that seal
    #[command(subcommand)]
    Keys(OnKeys),
    #[command(flatten)]
    Learning(super::learning::Learning),
    /// What goes wrong now, and whether alerts arrive
    #[command(subcommand)]
    Alerts(super::alerts::OnAlerts),
    /// How the daemon is: what is held, what is owed, what the last day brought
    Status {
        #[command(flatten)]
        common: Common,
    },
    /// The log of all mail, the newest first
    Log(Box<LogArgs>),
    /// The store on disk; the daemon must not run
    #[command(subcommand)]
    Store(OnStore),
    /// The rules, tried on messages
    #[command(subcommand)]
    Rules(super::rules::OnRules),
    /// Man pages, and completion for a shell
    #[command(subcommand)]
    Docs(Docs),
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep everything in this directory and go on there next time [default: a new one, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// SMTP listens on N, then the destination, IMAPS, IMAP, web, outbound, milter, LMTP
    /// [default: 2525, 2526, 2993, 2143; outbound 2587; LMTP 2524]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=65_520))]
    pub(crate) port_base: Option<u16>,
    /// Send no sample mail
    #[arg(long)]
    pub(crate) no_samples: bool,
    /// Print one line of JSON once ready, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OnUsers {
    /// Make an account; the password is made up and shown, unless it is read from standard input
    Add {
        login: Scope,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Change a password
    Passwd {
        login: Scope,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        common: Common,
    },
    /// List accounts
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Remove an account; its mail stays
    Remove {
        login: Scope,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OnDomains {
    /// Protect a domain
    Add {
        domain: Domain,
        /// Its mail servers, as host:port[,tls=required|none][,priority=N]
        #[arg(long = "route", required = true, value_name = "ROUTE")]
        routes: Vec<Route>,
        #[command(flatten)]
        policy: Box<PolicyArgs>,
        #[command(flatten)]
        common: Common,
    },
    /// Change routes or policy of a domain
    Set {
        domain: Domain,
        /// Its mail servers; replaces those that were set
        #[arg(long = "route", value_name = "ROUTE")]
        routes: Vec<Route>,
        #[command(flatten)]
        policy: Box<PolicyArgs>,
        #[command(flatten)]
        common: Common,
    },
    /// Have users sign in with the password that the domain's own IMAP server knows
    SetImap {
        domain: Domain,
        /// host:port[,tls=implicit|starttls]; on this machine also ,tls=none
        #[arg(required_unless_present = "none")]
        server: Option<ImapServer>,
        /// Have them sign in with a password of the house again
        #[arg(long, conflicts_with = "server")]
        none: bool,
        #[command(flatten)]
        common: Common,
    },
    /// List domains
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Stop serving a domain: mail for it is refused; what is caught stays until it expires
    Remove {
        domain: Domain,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OnPolicy {
    /// What a scope sets, and what holds there with what it inherits
    Show {
        #[arg(default_value = "global")]
        scope: Scope,
        #[command(flatten)]
        common: Common,
    },
    /// Set what is given, leave the rest
    Set {
        scope: Scope,
        /// Drop all that was set for this scope before
        #[arg(long)]
        reset: bool,
        #[command(flatten)]
        policy: Box<PolicyArgs>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OnLists {
    /// Add an entry
    Add {
        #[command(flatten)]
        entry: ListArgs,
        /// A note for whoever reads the list
        #[arg(long, default_value = "")]
        note: String,
        /// In so many days it does not count any more, and is removed
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=3650))]
        days: Option<u64>,
        #[command(flatten)]
        common: Common,
    },
    /// Remove an entry
    Remove {
        #[command(flatten)]
        entry: ListArgs,
        #[command(flatten)]
        common: Common,
    },
    /// Show the lists of a scope
    Show {
        #[arg(default_value = "global")]
        scope: Scope,
        #[command(flatten)]
        common: Common,
    },
}

/// Which list.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KindArg {
    Allow,
    Block,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    pub(crate) kind: KindArg,
    /// An address, a domain, *.domain, an address with *, an IP address or network
    pub(crate) pattern: Pattern,
    /// Whose list: `global`, a domain, or an address
    #[arg(long = "for", value_name = "SCOPE", default_value = "global")]
    pub(crate) scope: Scope,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OnKeys {
    /// Show the reinsertion keys
    Show {
        /// The secrets too
        #[arg(long)]
        secrets: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Keys with which domains ARC-seal mail that was tagged
    #[command(subcommand)]
    Arc(super::arc::OnArc),
    /// Make a new key; the old one holds until the last token made with it has expired
    Rotate {
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OnStore {
    /// Read everything and say what is damaged
    Verify {
        #[command(flatten)]
        common: StoreArgs,
    },
    /// Make the index anew from the log; the old one is kept beside it
    Rebuild {
        #[command(flatten)]
        common: StoreArgs,
    },
    /// Sizes and counts
    Stats {
        #[command(flatten)]
        common: StoreArgs,
    },
}

/// Which store.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// Configuration file [default: /etc/quaranta/quaranta.toml, where it exists]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Data directory [default: from the configuration]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Docs {
    /// Write the man pages into a directory
    Man { dir: PathBuf },
    /// Print completion for a shell
    Completion { shell: clap_complete::Shell },
}
