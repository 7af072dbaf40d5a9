//! Gathers the options of the rooms, reads the file, and writes example and man page from the same words.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::options::SectionDoc;
use crate::{accounts, background, imap, inspect, intake, milter, net};
use crate::{notify, relay, smtp, store, web};

crate::options! {
    /// The house as a whole.
    pub struct Server in "server" {
        /// Our name in greetings, Received and Authentication-Results fields.
        /// Without one it is the name of the machine.
        pub hostname: Option<String> = None,
        /// Where mail, index, keys and certificates are kept.
        pub data_dir: PathBuf = PathBuf::from("/var/lib/quaranta"),
        /// The admin socket; without one it is `control.sock` in the data directory.
        pub control: Option<PathBuf> = None,
        /// What is logged: error, warn, info, debug or trace; a room may differ,
        /// as in "info,quaranta::smtp=debug".
        pub log: String = "info".to_owned(),
        /// Write log lines as JSON.
        pub log_json: bool = false,
    }
}

/// The whole configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub tls: net::tls::Options,
    pub smtp: smtp::Options,
    pub lmtp: smtp::Lmtp,
    pub milter: milter::Options,
    pub intake: intake::Options,
    pub greylist: intake::greylist::Options,
    pub outbound: intake::outbound::Options,
    pub dns: net::dns::Options,
    pub inspect: inspect::Options,
    pub network: inspect::network::Options,
    pub clamd: inspect::scanners::ClamdOptions,
    pub rspamd: inspect::scanners::RspamdOptions,
    pub spamd: inspect::scanners::SpamdOptions,
    pub relay: relay::Options,
    pub reinsertion: background::Options,
    pub quarantine: background::Holding,
    pub imap: imap::Options,
    pub web: web::Options,
    pub login: accounts::Options,
    pub letters: notify::LetterOptions,
    pub store: store::on_sled::Options,
}

/// Where the configuration is looked for when no file is named.
pub const DEFAULT_PATH: &str = "/etc/quaranta/quaranta.toml";

/// What is wrong with the configuration; names file, line, option and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}{place}: {option}{message}")]
    Wrong {
        path: PathBuf,
        place: String,
        option: String,
        message: String,
    },
}

impl Config {
    /// Reads `path`; without one, [`DEFAULT_PATH`] where it exists, else the defaults.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let path = match path {
            Some(path) => path,
            None if Path::new(DEFAULT_PATH).exists() => Path::new(DEFAULT_PATH),
            None => return Ok(Self::default()),
        };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Reads `text`, which stands in `path`.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let wrong = |option: String, error: &toml::de::Error| ConfigError::Wrong {
            path: path.to_owned(),
            place: error
                .span()
                .map(|span| place(text, span.start))
                .unwrap_or_default(),
            option,
            message: error.message().to_owned(),
        };
        let document = toml::Deserializer::parse(text).map_err(|e| wrong(String::new(), &e))?;
        let config: Self = serde_path_to_error::deserialize(document).map_err(|error| {
            let option = match error.path().to_string().split_once('.') {
                Some((section, option)) => format!("[{section}] {option}: "),
                None => String::new(),
            };
            wrong(option, error.inner())
        })?;
        config.check().map_err(|message| ConfigError::Wrong {
            path: path.to_owned(),
            place: String::new(),
            option: String::new(),
            message,
        })?;
        Ok(config)
    }

    /// What no single option can see.
    fn check(&self) -> Result<(), String> {
        if self.smtp.listen.is_empty() {
            return Err(
                "[smtp] listen: name at least one address, such as \"0.0.0.0:25\"".to_owned(),
            );
        }
        if self
            .lmtp
            .listen
            .iter()
            .any(|at| at.port() == Some(SMTP_PORT))
        {
            return Err(format!(
                "[lmtp] listen: port {SMTP_PORT} is for SMTP alone (RFC 2033 section 5); 24 is usual"
            ));
        }
        let largest = self.smtp.message_size.max(self.milter.message_size);
        if self.intake.mail_memory < largest {
            return Err(format!(
                "[intake] mail_memory: {} is less than one message may have (message_size = {largest}); raise it",
                self.intake.mail_memory
            ));
        }
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let spoken = self
            .smtp
            .proxy_protocol_from
            .iter()
            .any(|network| network.holds(loopback));
        if spoken && self.reinsertion.hosts.is_empty() {
            return Err(format!(
                "[smtp] proxy_protocol_from holds {loopback}, from where our own released mail comes \
                 without that protocol; set [reinsertion] hosts to the relay in front"
            ));
        }
        if let Some(network) = self.outbound.relay_from.iter().find(|n| n.is_everywhere()) {
            return Err(format!(
                "[outbound] relay_from: {network} would let everybody send; name your own mail servers"
            ));
        }
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return Err("[tls] certificate and key go together: set both, or neither".to_owned());
        }
        Ok(())
    }

    /// Our name.
    #[must_use]
    pub fn hostname(&self) -> String {
        self.server.hostname.clone().unwrap_or_else(|| {
            nix::unistd::gethostname()
                .ok()
                .and_then(|name| name.into_string().ok())
                .unwrap_or_else(|| "localhost".to_owned())
        })
    }

    /// The admin socket.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.server
            .control
            .clone()
            .unwrap_or_else(|| self.server.data_dir.join("control.sock"))
    }

    /// Every option that differs between the two and needs a restart, as `[section] option`.
    #[must_use]
    pub fn needs_restart(&self, new: &Config) -> Vec<String> {
        let table = |config: &Config| toml::Table::try_from(config).unwrap_or_default();
        let (old, new) = (table(self), table(new));
        let mut changed = Vec::new();
        for section in sections() {
            let get = |of: &toml::Table, name: &str| {
                of.get(section.name).and_then(|s| s.get(name)).cloned()
            };
            for option in &section.options {
                let reloaded = section.name == RELOADED && !AT_START.contains(&option.name);
                if !reloaded && get(&old, option.name) != get(&new, option.name) {
                    changed.push(format!("[{}] {}", section.name, option.name));
                }
            }
        }
        changed
    }
}

/// The port on which LMTP must not be spoken.
const SMTP_PORT: u16 = 25;

/// The section whose options hold for new connections as soon as they are read again,
const RELOADED: &str = "smtp";
/// but for these.
const AT_START: [&str; 3] = ["listen", "connections", "connections_per_client"];

fn place(text: &str, at: usize) -> String {
    let line = text.get(..at).unwrap_or(text).matches('\n').count() + 1;
    format!(", line {line}")
}

/// All sections, in the order of the file.
#[must_use]
pub fn sections() -> Vec<SectionDoc> {
    vec![
        Server::section(),
        net::tls::Options::section(),
        smtp::Options::section(),
        smtp::Lmtp::section(),
        milter::Options::section(),
        intake::Options::section(),
        intake::greylist::Options::section(),
        intake::outbound::Options::section(),
        net::dns::Options::section(),
        inspect::Options::section(),
        inspect::network::Options::section(),
        inspect::scanners::ClamdOptions::section(),
        inspect::scanners::RspamdOptions::section(),
        inspect::scanners::SpamdOptions::section(),
        relay::Options::section(),
        background::Options::section(),
        background::Holding::section(),
        imap::Options::section(),
        accounts::Options::section(),
        notify::LetterOptions::section(),
        store::on_sled::Options::section(),
    ]
}

/// The example configuration: every option with its explanation and default.
#[must_use]
pub fn example() -> String {
    let mut out = String::from(
        "# Configuration of Quaranta. Every option is here, with its default; what you do not\n\
         # set keeps it. Sizes are written 512, 64K, 50M, 2G; spans of time 250ms, 30s, 5m, 4h, 14d.\n\
         # What changes while the daemon runs (domains, policies, lists, accounts) is not here:\n\
         # it lies in the store, and `quaranta domains|policy|lists|users` sets it.\n",
    );
    for section in sections() {
        out.push('\n');
        comment(&mut out, &section.doc);
        let _infallible = writeln!(out, "[{}]", section.name);
        for option in &section.options {
            out.push('\n');
            comment(&mut out, &option.doc);
            let _infallible = match &option.default {
                Some(default) => writeln!(out, "{} = {default}", option.name),
                None => writeln!(out, "#{} =", option.name),
            };
        }
    }
    out
}

fn comment(out: &mut String, doc: &[&str]) {
    for line in doc {
        let _infallible = writeln!(out, "# {}", line.trim());
    }
}

/// The man page of the configuration file, roff.
#[must_use]
pub fn man_page() -> String {
    let mut out = String::from(
        ".TH QUARANTA.TOML 5 \"\" \"\" Quaranta\n.SH NAME\nquaranta.toml \\- configuration of quaranta(1)\n\
         .SH DESCRIPTION\nThe file has sections with options, in TOML. What is not set keeps its default.\n\
         Sizes are written 512, 64K, 50M, 2G; spans of time 250ms, 30s, 5m, 4h, 14d.\n\
         SIGHUP makes the daemon read certificates, rules and the section smtp again; it logs what needs a restart.\n",
    );
    for section in sections() {
        let _infallible = writeln!(out, ".SH [{}]\n{}", section.name, roff(&section.doc));
        for option in &section.options {
            let default = match &option.default {
                Some(default) => format!("Default: {}", escape(default)),
                None => "Not set by default.".to_owned(),
            };
            let _infallible = writeln!(
                out,
                ".TP\n.B {}\n{}\n{default}",
                option.name,
                roff(&option.doc)
            );
        }
    }
    out.push_str(".SH SEE ALSO\n.BR quaranta (1)\n");
    out
}

fn roff(doc: &[&str]) -> String {
    doc.iter()
        .map(|line| escape(line.trim()))
        .collect::<Vec<_>>()
        .join("\n")
}

fn escape(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('`', "");
    match text.chars().next() {
        Some('.' | '\'') => format!("\\&{text}"),
        _ => text,
    }
}
