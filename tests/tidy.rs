//! Keeps the house tidy: floors, bans, sizes, purpose lines, crates in their rooms, no dead files.
//! Every rule is also shown a planted fault, because a guard that never barks guards nothing.

use std::collections::BTreeMap;
use std::path::Path;

/// Path below `src/` -> text.
type House = BTreeMap<String, String>;

/// The rooms from the ground up. A room may use rooms to its left.
const ORDER: &[&str] = &[
    "clock",
    "options",
    "metrics",
    "mail",
    "net",
    "policy",
    "token",
    "record",
    "relay",
    "store",
    "inspect",
    "notify",
    "accounts",
    "actions",
    "intake",
    "smtp",
    "milter",
    "imap",
    "web",
    "control",
    "background",
    "config",
    "daemon",
    "cli",
    "main",
];
/// Strangers to each other.
const DOORS: &[&str] = &["smtp", "milter", "imap", "web", "control", "background"];
/// Doors that must not reach the store. `background` owns the jobs, which live there.
const NO_STORE: &[&str] = &["smtp", "milter", "imap", "web", "control"];

const FILE_MOST: usize = 500;
const FUNCTION_MOST: usize = 70;

/// External crate -> where it may be used (a room, or a path below `src/`).
const CRATES: &[(&str, &[&str])] = &[
    ("mail_auth", &["inspect", "net/dns"]),
    ("hickory_resolver", &["inspect/auth", "net/dns"]),
    (
        "mail_parser",
        &["inspect", "imap", "mail/subject.rs", "web/preview"],
    ),
    ("aho_corasick", &["inspect/rules"]),
    ("regex_automata", &["inspect/rules"]),
    ("regex_syntax", &["inspect/rules"]),
    ("smtp_proto", &["smtp/command"]),
    ("rustls", &["net"]),
    ("tokio_rustls", &["net"]),
    ("instant_acme", &["net/acme"]),
    ("x509_parser", &["net/acme"]),
    ("rcgen", &["net/tls.rs", "net/certificate.rs"]),
    ("sled", &["store/on_sled"]),
    ("zstd", &["store"]),
    ("crc32c", &["store", "inspect/learned"]),
    ("imap_codec", &["imap"]),
    ("imap_types", &["imap"]),
    ("clap", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("toml", &["config", "options"]),
    ("ldap3", &["accounts/ldap"]),
    ("openidconnect", &["accounts/oidc"]),
    ("argon2", &["accounts"]),
    ("qrcode", &["accounts/totp.rs"]),
    ("idna", &["mail", "web/preview"]),
    ("psl", &["inspect", "net/dns", "web/preview"]),
    ("askama", &["web"]),
    ("axum", &["web"]),
    ("tower", &["web"]),
    ("utoipa", &["web/api"]),
    ("utoipa_axum", &["web/api"]),
    ("flate2", &["web/assets.rs", "web/human"]),
    ("form_urlencoded", &["web"]),
    (
        "hyper",
        &["inspect/scanners", "net", "notify/alerts", "web"],
    ),
    (
        "hyper_util",
        &["inspect/scanners", "net", "notify/alerts", "web"],
    ),
    (
        "http_body_util",
        &["inspect/scanners", "net", "notify/alerts", "web"],
    ),
    ("anyhow", &["cli", "daemon", "main"]),
    ("sd_notify", &["daemon"]),
];

/// What has no place in the product.
const BANNED: &[(&str, &str)] = &[
    ("todo!(", "unfinished work"),
    ("unimplemented!(", "unfinished work"),
    ("dbg!(", "a trace left behind"),
    ("FIXME", "unfinished work"),
    ("cfg(feature = \"test", "a test flag in the product"),
    (
        "std::thread::sleep",
        "a thread that sleeps instead of waiting",
    ),
];

fn room(path: &str) -> &str {
    path.split('/')
        .next()
        .unwrap_or(path)
        .trim_end_matches(".rs")
}

/// The part of a file before its unit tests.
fn product(text: &str) -> &str {
    text.split("\n#[cfg(test)]").next().unwrap_or(text)
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The rooms a line names after `crate::`.
fn named(line: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, prefix) in line.match_indices("crate::") {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &line[at + prefix.len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(group) => group
                .trim_end_matches(['}', ';'])
                .split(',')
                .map(str::trim)
                .collect(),
            None => vec![rest],
        };
        for name in names {
            let word: String = name
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            // Macros stand at the root, whichever room they come from.
            if !word.is_empty() && !name[word.len()..].starts_with('!') {
                rooms.push(word);
            }
        }
    }
    rooms
}

fn floors(house: &House) -> Vec<String> {
    let mut faults = Vec::new();
    let place = |room: &str| ORDER.iter().position(|r| *r == room);
    for (path, text) in house {
        let own = room(path);
        if own == "lib" {
            continue;
        }
        let Some(floor) = place(own) else {
            faults.push(format!("{path}: the room {own} has no floor"));
            continue;
        };
        for (number, line) in code_lines(product(text)) {
            if line.contains("crate::{") && !line.contains('}') {
                faults.push(format!("{path}:{number}: write a use line for each room"));
            }
            for used in named(line) {
                let Some(other) = place(&used) else {
                    faults.push(format!("{path}:{number}: no room is called {used}"));
                    continue;
                };
                if other > floor {
                    faults.push(format!(
                        "{path}:{number}: {own} imports upwards, from {used}"
                    ));
                } else if other != floor && DOORS.contains(&own) && DOORS.contains(&used.as_str()) {
                    faults.push(format!(
                        "{path}:{number}: the door {own} uses the door {used}"
                    ));
                } else if used == "store" && NO_STORE.contains(&own) {
                    faults.push(format!("{path}:{number}: the door {own} reaches the store"));
                }
            }
        }
    }
    faults
}

fn pure_thought(house: &House) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in house {
        if room(path) != "policy" && path != "actions/plan.rs" {
            continue;
        }
        for (number, line) in code_lines(text) {
            for word in ["async ", ".await", "Clock", "crate::store", "tokio::"] {
                if line.contains(word) {
                    faults.push(format!(
                        "{path}:{number}: pure thought does not know '{}'",
                        word.trim()
                    ));
                }
            }
        }
    }
    faults
}

fn sizes(house: &House) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in house {
        let lines = text.lines().count();
        if lines > FILE_MOST {
            faults.push(format!("{path}: {lines} lines, {FILE_MOST} is the most"));
        }
        if only_for_tests(house, path) {
            continue;
        }
        let mut open: Option<(usize, usize, String)> = None;
        for (i, line) in product(text).lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let start = line.trim_start();
            let is_fn = [
                "fn ",
                "pub fn ",
                "async fn ",
                "pub async fn ",
                "const fn ",
                "pub const fn ",
            ]
            .iter()
            .any(|word| start.starts_with(word))
                || start.starts_with("pub(") && start.contains(" fn ");
            if open.is_none() && is_fn && !line.trim_end().ends_with(';') {
                open = Some((i, indent, start.to_owned()));
            }
            // A declaration in a trait, over several lines.
            let declared = start.starts_with(')') && start.ends_with(';');
            if declared && open.as_ref().is_some_and(|(_, depth, _)| indent == *depth) {
                open = None;
            }
            if let Some((from, depth, name)) = &open
                && indent == *depth
                && (start == "}" || i == *from && start.ends_with('}'))
            {
                if i - from + 1 > FUNCTION_MOST {
                    faults.push(format!(
                        "{path}:{}: {} lines in {name}",
                        from + 1,
                        i - from + 1
                    ));
                }
                open = None;
            }
        }
    }
    faults
}

/// A file that its parent names behind `#[cfg(test)]`.
fn only_for_tests(house: &House, path: &str) -> bool {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let line = format!("#[cfg(test)]\nmod {};", file.trim_end_matches(".rs"));
    house
        .get(&format!("{folder}/mod.rs"))
        .is_some_and(|text| text.contains(&line))
}

fn purpose_lines(house: &House) -> Vec<String> {
    house
        .iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| format!("{path}: the first line does not say what it is for"))
        .collect()
}

fn crates_in_rooms(house: &House) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in house {
        for (number, line) in code_lines(product(text)) {
            for (name, places) in CRATES {
                let found = line.match_indices(&format!("{name}::")).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':'))
                });
                if found && !places.iter().any(|place| path.starts_with(place)) {
                    faults.push(format!(
                        "{path}:{number}: {name} is used outside {places:?}"
                    ));
                }
            }
        }
    }
    faults
}

fn bans(house: &House) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in house {
        for (i, line) in product(text).lines().enumerate() {
            for (word, why) in BANNED {
                if line.contains(word) {
                    faults.push(format!("{path}:{}: {word} is {why}", i + 1));
                }
            }
        }
    }
    faults
}

/// Files that no `mod` line names.
fn dead_files(house: &House) -> Vec<String> {
    let mut faults = Vec::new();
    for path in house.keys() {
        if path == "lib.rs" || path == "main.rs" {
            continue;
        }
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let (folder, name) = match file {
            "mod.rs" => folder.rsplit_once('/').unwrap_or(("", folder)),
            other => (folder, other.trim_end_matches(".rs")),
        };
        let parents = if folder.is_empty() {
            vec!["lib.rs".to_owned(), "main.rs".to_owned()]
        } else {
            vec![format!("{folder}/mod.rs"), format!("{folder}.rs")]
        };
        let line = format!("mod {name};");
        let alive = parents.iter().filter_map(|p| house.get(p)).any(|text| {
            text.lines().any(|l| {
                l.trim_start()
                    .trim_start_matches("pub(crate) ")
                    .trim_start_matches("pub(super) ")
                    .trim_start_matches("pub ")
                    == line
            })
        });
        if !alive {
            faults.push(format!("{path}: no mod line names it"));
        }
    }
    faults
}

fn read(folder: &Path, below: &str, house: &mut House) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .expect("src is there")
        .map(|e| e.expect("entry"))
        .collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().expect("names are text");
        let path = if below.is_empty() {
            name.clone()
        } else {
            format!("{below}/{name}")
        };
        if entry.file_type().expect("type").is_dir() {
            read(&entry.path(), &path, house);
        } else if Path::new(&name).extension().is_some_and(|e| e == "rs") {
            house.insert(path, std::fs::read_to_string(entry.path()).expect("text"));
        }
    }
}

type Rule = fn(&House) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    ("floors", floors),
    ("pure thought", pure_thought),
    ("sizes", sizes),
    ("purpose lines", purpose_lines),
    ("crates in their rooms", crates_in_rooms),
    ("bans", bans),
    ("dead files", dead_files),
];

#[test]
fn the_house_is_tidy() {
    let mut house = House::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        "",
        &mut house,
    );
    assert!(house.len() > 30, "the house was not found");
    let faults: Vec<String> = RULES
        .iter()
        .flat_map(|(name, rule)| {
            rule(&house)
                .into_iter()
                .map(move |fault| format!("{name}: {fault}"))
        })
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_rule_catches_its_planted_faults() {
    let long = format!(
        "//! Long.\nfn f() {{\n{}}}\n",
        "    let a = 1;\n".repeat(80)
    );
    let plants: &[(&str, &str, &str)] = &[
        (
            "floors",
            "policy/x.rs",
            "//! X.\nuse crate::store::Store;\n",
        ),
        (
            "floors",
            "mail/x.rs",
            "//! X.\nfn f() { crate::net::listen(); }\n",
        ),
        (
            "floors",
            "imap/x.rs",
            "//! X.\nuse crate::{mail::Mail, store::Row};\n",
        ),
        ("floors", "web/x.rs", "//! X.\nuse crate::smtp::Session;\n"),
        (
            "floors",
            "mail/x.rs",
            "//! X.\nuse crate::{\n    store::Row,\n};\n",
        ),
        ("floors", "attic/x.rs", "//! X.\n"),
        ("pure thought", "policy/x.rs", "//! X.\nasync fn f() {}\n"),
        (
            "pure thought",
            "actions/plan.rs",
            "//! X.\nuse crate::clock::Clock;\n",
        ),
        ("sizes", "mail/x.rs", &long),
        ("sizes", "mail/y.rs", &"//! Y.\n".repeat(501)),
        ("purpose lines", "mail/x.rs", "use std::fmt;\n"),
        (
            "crates in their rooms",
            "smtp/x.rs",
            "//! X.\nuse sled::Db;\n",
        ),
        (
            "crates in their rooms",
            "intake/x.rs",
            "//! X.\nlet x = rustls::ServerConfig::builder();\n",
        ),
        ("bans", "mail/x.rs", "//! X.\nfn f() { todo!() }\n"),
        ("dead files", "mail/x.rs", "//! X.\n"),
    ];
    for (name, path, text) in plants {
        let house = House::from([((*path).to_owned(), (*text).to_owned())]);
        let (_, rule) = RULES.iter().find(|(n, _)| n == name).expect("rule");
        assert!(
            !rule(&house).is_empty(),
            "{name} did not see the fault planted in {path}: {text:.60}"
        );
    }
    let declared = format!(
        "//! Y.\ntrait T {{\n    fn f(\n        a: u8,\n    ) -> u8;\n{}    fn g() {{\n    }}\n}}\n",
        "    fn h();\n".repeat(80)
    );
    let clean = House::from([
        ("lib.rs".to_owned(), "//! Lib.\npub mod mail;\n".to_owned()),
        (
            "mail/mod.rs".to_owned(),
            "//! Mail.\nmod x;\nmod y;\n".to_owned(),
        ),
        ("mail/y.rs".to_owned(), declared),
        (
            "mail/x.rs".to_owned(),
            "//! X.\nuse crate::clock::Clock;\nuse crate::mail::Mail;\n".to_owned(),
        ),
    ]);
    for (name, rule) in RULES {
        assert_eq!(
            rule(&clean),
            Vec::<String>::new(),
            "{name} saw a fault where there is none"
        );
    }
}
