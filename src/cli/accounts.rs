//! `quaranta accounts` and `quaranta api-keys`: who may do what, in which role, with which key.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::args::Common;
use super::{show, tell};
use crate::clock::Clock;
use crate::control::Request;
use crate::net::network::Network;
use crate::policy::{Right, Rights, Role, Scope};

const DAY_MS: u64 = 86_400_000;

#[derive(Debug, Subcommand)]
pub(crate) enum OnAccounts {
    /// Show an account: what was granted to it, and whether it has a second factor
    Show {
        login: Scope,
        #[command(flatten)]
        common: Common,
    },
    /// Give an account a role within a scope, an address to act for, or more rights
    Grant {
        #[command(flatten)]
        given: GivenArgs,
        /// A right on top of what the role gives; may be repeated
        #[arg(long = "right", value_name = "RIGHT", value_parser = right)]
        rights: Vec<Right>,
        #[command(flatten)]
        common: Common,
    },
    /// Take back what was granted; it holds at once
    Revoke {
        #[command(flatten)]
        given: GivenArgs,
        #[command(flatten)]
        common: Common,
    },
    /// The second factor of an account
    #[command(subcommand)]
    Totp(OnTotp),
    /// End all sessions of an account
    SignOut {
        login: Scope,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OnTotp {
    /// Take it away, for a user who lost the device and the recovery codes
    Reset {
        login: Scope,
        #[command(flatten)]
        common: Common,
    },
}

/// Who, as what, where.
#[derive(Debug, Args)]
pub(crate) struct GivenArgs {
    /// The account; its login is an address
    login: Scope,
    /// recipient (to act for an address), helpdesk, auditor, domain-administrator or administrator
    #[arg(long, value_parser = role)]
    role: Role,
    /// `global`, a domain, or an address
    #[arg(long)]
    scope: Scope,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OnApiKeys {
    /// Make a key; it is shown once
    Add(AddKey),
    /// List keys, without their secrets
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Remove a key: it holds no longer
    Remove {
        /// What stands between `qk_` and the secret
        id: String,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AddKey {
    /// What it is for
    name: String,
    /// recipient, helpdesk, auditor, domain-administrator or administrator
    #[arg(long, value_parser = role)]
    role: Role,
    /// `global`, a domain, or an address
    #[arg(long)]
    scope: Scope,
    /// A right on top of what the role gives; may be repeated. `set-routes`, to say where mail
    /// of domains goes, is left out unless it is named here
    #[arg(long = "right", value_name = "RIGHT", value_parser = right)]
    rights: Vec<Right>,
    /// A right of the role that is left out; may be repeated
    #[arg(long = "without", value_name = "RIGHT", value_parser = right)]
    without: Vec<Right>,
    /// The key ends after so many days [default: never]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    days: Option<u64>,
    /// A network from which it is taken; may be repeated [default: everywhere]
    #[arg(long = "from", value_name = "NETWORK")]
    networks: Vec<Network>,
    #[command(flatten)]
    common: Common,
}

fn named<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    let name = text.replace('-', "_").to_lowercase();
    serde_json::from_value(Value::from(name)).map_err(|e| e.to_string())
}

fn role(text: &str) -> Result<Role, String> {
    named(text)
}

fn right(text: &str) -> Result<Right, String> {
    named(text)
}

pub(super) fn run(command: OnAccounts) -> anyhow::Result<ExitCode> {
    match command {
        OnAccounts::Show { login, common } => {
            tell(&common, &Request::AccountShow { login }, account)
        }
        OnAccounts::Grant {
            given,
            rights,
            common,
        } => {
            let request = Request::AccountGrant {
                login: given.login,
                role: given.role,
                scope: given.scope,
                rights: rights.into_iter().collect(),
            };
            tell(&common, &request, account)
        }
        OnAccounts::Revoke { given, common } => {
            let request = Request::AccountRevoke {
                login: given.login,
                role: given.role,
                scope: given.scope,
            };
            tell(&common, &request, account)
        }
        OnAccounts::Totp(OnTotp::Reset { login, common }) => {
            let request = Request::SecondFactorReset {
                login: login.clone(),
            };
            tell(&common, &request, |_| {
                format!("{login} has no second factor any more\n")
            })
        }
        OnAccounts::SignOut { login, common } => {
            let request = Request::AccountSignOut {
                login: login.clone(),
            };
            tell(&common, &request, |_| {
                format!("{login} is signed out everywhere\n")
            })
        }
    }
}

pub(super) fn api_keys(command: OnApiKeys) -> anyhow::Result<ExitCode> {
    match command {
        OnApiKeys::Add(new) => {
            let more: Rights = new.rights.into_iter().collect();
            let less: Rights = new.without.into_iter().collect();
            let now = Clock::system().now();
            let request = Request::ApiKeyAdd {
                name: new.name,
                role: new.role,
                scope: new.scope,
                rights: Rights::of(new.role)
                    .without([Right::SetRoutes].into_iter().collect())
                    .and(more)
                    .without(less),
                expires: new.days.map(|days| now.0.saturating_add(days * DAY_MS)),
                networks: new.networks,
            };
            tell(&new.common, &request, |answer| {
                format!("{}\nIt is shown this once.\n", show::text(answer, "key"))
            })
        }
        OnApiKeys::List { common } => tell(&common, &Request::ApiKeyList, keys),
        OnApiKeys::Remove { id, common } => {
            let request = Request::ApiKeyRemove { id: id.clone() };
            tell(&common, &request, |_| {
                format!("the key qk_{id} holds no longer\n")
            })
        }
    }
}

fn account(answer: &Value) -> String {
    let second = match answer["second_factor"].is_null() {
        true => "none".to_owned(),
        false => format!(
            "since {}, {} recovery codes left",
            show::time(answer, "second_factor"),
            show::text(answer, "recovery_codes")
        ),
    };
    let password = match answer["has_password"].as_bool() {
        Some(true) => format!("set {}", show::time(answer, "changed")),
        _ => "none of the house".to_owned(),
    };
    let login = show::text(answer, "login");
    let mut out =
        format!("login          {login}\npassword       {password}\nsecond factor  {second}\n\n");
    let grants = answer["grants"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> = grants
        .map(|grant| {
            vec![
                show::text(grant, "role"),
                show::text(grant, "scope"),
                show::text(grant, "rights"),
                show::cell(&show::text(grant, "by"), 60),
                show::time(grant, "at"),
            ]
        })
        .collect();
    if rows.is_empty() {
        out.push_str("Nothing was granted to it.\n");
    } else {
        let heading = ["MAY BE", "OF", "WITH", "GIVEN BY", "AT"];
        out.push_str(&show::table(&heading, &rows));
    }
    out
}

fn keys(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = answer
        .as_array()
        .into_iter()
        .flatten()
        .map(|key| {
            vec![
                show::text(key, "id"),
                show::cell(&show::text(key, "name"), 40),
                show::text(key, "role"),
                show::text(key, "scope"),
                show::time(key, "expires"),
                show::time(key, "used"),
                show::cell(&show::text(key, "by"), 40),
                show::text(key, "networks"),
                show::text(key, "rights"),
            ]
        })
        .collect();
    let heading = [
        "ID",
        "NAME",
        "ROLE",
        "SCOPE",
        "EXPIRES",
        "LAST USED",
        "BY",
        "FROM",
        "RIGHTS",
    ];
    show::table(&heading, &rows)
}
