//! The command line: asks the daemon through its admin socket, or works on its own where no daemon is needed.

mod accounts;
mod alerts;
mod arc;
mod args;
mod corpus;
mod demo;
mod digest;
mod evaluate;
mod learning;
mod lessons;
mod man;
mod offline;
mod rules;
mod senders;
mod show;

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser as _;
use serde_json::Value;

use args::{
    Cli, Command, Common, KindArg, LogArgs, OnDomains, OnKeys, OnLists, OnPolicy, OnQuarantine,
    OnUsers, Report, Whose,
};

use crate::actions::Verb;
use crate::config::Config;
use crate::control::{self, Request};
use crate::mail::{Direction, EntryId};
use crate::policy::{Layer, ListKind, Scope};
use crate::record::Shelf;

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            let _gone = writeln!(std::io::stderr(), "quaranta: {}", in_full(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error and its causes; a cause that the text has said already is not said again.
fn in_full(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve { config } => crate::daemon::serve(config),
        Command::CheckConfig { config, example } => offline::check_config(config, example),
        Command::Demo(demo) => demo::run(&demo),
        Command::Rules(command) => rules::run(&command),
        Command::Store(command) => offline::store(&command),
        Command::Docs(command) => offline::docs(command),
        Command::Quarantine(command) => quarantine(command),
        Command::Users(command) => users(command),
        Command::Accounts(command) => accounts::run(command),
        Command::ApiKeys(command) => accounts::api_keys(command),
        Command::Domains(command) => domains(command),
        Command::Policy(command) => policy(command),
        Command::Lists(command) => lists(command),
        Command::Senders(command) => senders::run(command),
        Command::Digest(command) => digest::run(command),
        Command::Keys(command) => keys(command),
        Command::Learning(command) => learning::run(command),
        Command::Log(command) => log(&command),
        Command::Alerts(command) => alerts::run(command),
        Command::Status { common } => tell(&common, &Request::Status, show::status),
    }
}

/// The man page of the command line, roff.
///
/// # Errors
/// Never in practice; the renderer writes to memory.
pub fn man_page() -> std::io::Result<Vec<u8>> {
    man::man_page()
}

/// Writes to standard output; a reader that has gone is no fault.
fn say(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn ask(common: &Common, request: &Request) -> anyhow::Result<Value> {
    let socket: PathBuf = match &common.control {
        Some(socket) => socket.clone(),
        None => Config::load(common.config.as_deref())?.control(),
    };
    control::ask(&socket, request).map_err(|text| anyhow!(text))
}

/// Asks, and says the answer as a table or as JSON.
fn tell(
    common: &Common,
    request: &Request,
    show: impl Fn(&Value) -> String,
) -> anyhow::Result<ExitCode> {
    let answer = ask(common, request)?;
    if common.json {
        say(&format!("{answer}\n"))?;
    } else {
        say(&show(&answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn quarantine(command: OnQuarantine) -> anyhow::Result<ExitCode> {
    match command {
        OnQuarantine::List {
            scope,
            outgoing,
            training,
            pending,
            most,
            common,
        } => {
            let (shelf, direction) = match (outgoing, training, pending) {
                (true, ..) => (Shelf::Caught, Direction::Outbound),
                (_, true, _) => (Shelf::TrainingRequested, Direction::Inbound),
                (.., true) => (Shelf::Pending, Direction::Inbound),
                _ => (Shelf::Caught, Direction::Inbound),
            };
            let request = Request::QuarantineList {
                scope,
                shelf,
                direction,
                most,
            };
            tell(&common, &request, show::entries)
        }
        OnQuarantine::Show {
            id,
            raw: true,
            common,
        } => raw(&common, id),
        OnQuarantine::Show {
            id,
            raw: false,
            common,
        } => tell(&common, &Request::QuarantineShow { id }, show::entry),
        OnQuarantine::Release {
            ids,
            train,
            allow,
            common,
        } => {
            let verb = match (train, allow) {
                (true, _) => Verb::ReleaseAndTrain,
                (false, Some(_)) => Verb::ReleaseAndAllow,
                (false, None) => Verb::Release,
            };
            act(&common, ids, verb, allow)
        }
        OnQuarantine::Remove {
            ids,
            report,
            block,
            common,
        } => {
            let verb = match (report, block) {
                (Some(Report::Spam), _) => Verb::RemoveAsSpam,
                (Some(Report::Ham), _) => Verb::RemoveAsHam,
                (None, Some(_)) => Verb::RemoveAndBlock,
                (None, None) => Verb::Remove,
            };
            act(&common, ids, verb, block)
        }
        OnQuarantine::Deny { ids, why, common } => {
            say_outcomes(&common, &Request::QuarantineDeny { ids, why })
        }
        OnQuarantine::TakeBack { ids, common } => act(&common, ids, Verb::TakeBack, None),
        OnQuarantine::History { id, common } => {
            tell(&common, &Request::QuarantineHistory { id }, show::events)
        }
    }
}

/// The message itself, octet by octet.
fn raw(common: &Common, id: EntryId) -> anyhow::Result<ExitCode> {
    let answer = ask(common, &Request::QuarantineMessage { id })?;
    let octets = STANDARD
        .decode(show::text(&answer, "base64"))
        .context("the daemon's answer is damaged")?;
    std::io::stdout().write_all(&octets)?;
    Ok(ExitCode::SUCCESS)
}

/// Acts on entries.
fn act(
    common: &Common,
    ids: Vec<EntryId>,
    verb: Verb,
    whose: Option<Whose>,
) -> anyhow::Result<ExitCode> {
    let reach = whose.map(Into::into).unwrap_or_default();
    say_outcomes(common, &Request::QuarantineAct { ids, verb, reach })
}

/// Asks, and says what came of it for each; the exit code says whether all of it was done.
fn say_outcomes(common: &Common, request: &Request) -> anyhow::Result<ExitCode> {
    let answer = ask(common, request)?;
    let (table, all) = show::outcomes(&answer);
    say(&if common.json {
        format!("{answer}\n")
    } else {
        table
    })?;
    Ok(if all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn users(command: OnUsers) -> anyhow::Result<ExitCode> {
    match command {
        OnUsers::Add {
            login,
            password_stdin,
            common,
        } => {
            let password = password(password_stdin)?;
            let shown = password.is_none();
            tell(
                &common,
                &Request::UserAdd {
                    scope: login,
                    password,
                },
                |answer| new_password(answer, shown),
            )
        }
        OnUsers::Passwd {
            login,
            password_stdin,
            common,
        } => {
            let password = password(password_stdin)?;
            let shown = password.is_none();
            tell(
                &common,
                &Request::UserPassword {
                    scope: login,
                    password,
                },
                |answer| new_password(answer, shown),
            )
        }
        OnUsers::List { common } => tell(&common, &Request::UserList, show::users),
        OnUsers::Remove { login, common } => tell(
            &common,
            &Request::UserRemove {
                scope: login.clone(),
            },
            |_| format!("account {login} was removed\n"),
        ),
    }
}

fn password(from_stdin: bool) -> anyhow::Result<Option<String>> {
    if !from_stdin {
        return Ok(None);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        bail!("no password on standard input");
    }
    Ok(Some(password))
}

fn new_password(answer: &Value, shown: bool) -> String {
    let login = show::text(answer, "login");
    if shown {
        format!(
            "login     {login}\npassword  {}\nIt is shown this once.\n",
            show::text(answer, "password")
        )
    } else {
        format!("the password of {login} is set\n")
    }
}

fn domains(command: OnDomains) -> anyhow::Result<ExitCode> {
    match command {
        OnDomains::Add {
            domain,
            routes,
            policy,
            common,
        }
        | OnDomains::Set {
            domain,
            routes,
            policy,
            common,
        } => {
            let layer = policy.layer();
            if routes.is_empty() && layer == Layer::default() {
                bail!("nothing to set: name a --route or a policy option");
            }
            if !routes.is_empty() {
                ask(
                    &common,
                    &Request::DomainAdd {
                        domain: domain.clone(),
                        routes,
                    },
                )?;
            } else if !known(&common, &domain.to_string())? {
                bail!(
                    "there is no domain {domain}; add it with `quaranta domains add {domain} --route HOST:PORT`"
                );
            }
            if layer != Layer::default() {
                let scope = Scope::Domain(domain.clone());
                ask(
                    &common,
                    &Request::PolicySet {
                        scope,
                        layer: Box::new(layer),
                        reset: false,
                    },
                )?;
            }
            tell(&common, &Request::DomainList, show::domains)
        }
        OnDomains::SetImap {
            domain,
            server,
            none: _,
            common,
        } => {
            let imap = server;
            ask(&common, &Request::DomainImap { domain, imap })?;
            tell(&common, &Request::DomainList, show::domains)
        }
        OnDomains::List { common } => tell(&common, &Request::DomainList, show::domains),
        OnDomains::Remove { domain, common } => {
            let request = Request::DomainRemove {
                domain: domain.clone(),
            };
            tell(&common, &request, |_| {
                format!("domain {domain} was removed\n")
            })
        }
    }
}

fn known(common: &Common, domain: &str) -> anyhow::Result<bool> {
    let all = ask(common, &Request::DomainList)?;
    Ok(all
        .as_array()
        .is_some_and(|all| all.iter().any(|d| show::text(d, "domain") == domain)))
}

fn policy(command: OnPolicy) -> anyhow::Result<ExitCode> {
    match command {
        OnPolicy::Show { scope, common } => {
            tell(&common, &Request::PolicyShow { scope }, show::policy)
        }
        OnPolicy::Set {
            scope,
            reset,
            policy,
            common,
        } => {
            let layer = policy.layer();
            if layer == Layer::default() && !reset {
                bail!("nothing to set: name a policy option, or --reset");
            }
            ask(
                &common,
                &Request::PolicySet {
                    scope: scope.clone(),
                    layer: Box::new(layer),
                    reset,
                },
            )?;
            tell(&common, &Request::PolicyShow { scope }, show::policy)
        }
    }
}

fn lists(command: OnLists) -> anyhow::Result<ExitCode> {
    let kind = |kind| match kind {
        KindArg::Allow => ListKind::Allow,
        KindArg::Block => ListKind::Block,
    };
    match command {
        OnLists::Add {
            entry,
            note,
            days,
            common,
        } => {
            let (scope, kind, pattern) = (entry.scope, kind(entry.kind), entry.pattern);
            ask(
                &common,
                &Request::ListAdd {
                    scope: scope.clone(),
                    kind,
                    pattern,
                    note,
                    days,
                },
            )?;
            tell(&common, &Request::ListShow { scope }, show::lists)
        }
        OnLists::Remove { entry, common } => {
            let (scope, kind, pattern) = (entry.scope, kind(entry.kind), entry.pattern);
            ask(
                &common,
                &Request::ListRemove {
                    scope: scope.clone(),
                    kind,
                    pattern,
                },
            )?;
            tell(&common, &Request::ListShow { scope }, show::lists)
        }
        OnLists::Show { scope, common } => tell(&common, &Request::ListShow { scope }, show::lists),
    }
}

fn keys(command: OnKeys) -> anyhow::Result<ExitCode> {
    match command {
        OnKeys::Show { secrets, common } => {
            tell(&common, &Request::KeysShow { secrets }, show::keys)
        }
        OnKeys::Arc(command) => arc::run(command),
        OnKeys::Rotate { common } => tell(&common, &Request::KeysRotate, show::keys),
    }
}

fn log(args: &LogArgs) -> anyhow::Result<ExitCode> {
    let now = crate::clock::Clock::system().now();
    let request = Request::Log {
        scope: args.scope.clone(),
        query: Box::new(args.query(now)),
        most: args.most,
    };
    let answer = ask(&args.common, &request)?;
    if args.common.json {
        say(&format!("{}\n", answer["rows"]))?;
    } else {
        say(&show::page(&answer))?;
    }
    Ok(ExitCode::SUCCESS)
}
