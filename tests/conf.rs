//! The configuration: the example is the defaults, the man pages are what the code says, errors name the place.
//!
//! After a change of options or commands: `UPDATE=1 cargo test --test conf` writes the files anew.

use std::path::{Path, PathBuf};

use quaranta::config::{self, Config};

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The file holds `text`; with UPDATE set it is made so.
fn holds(path: &str, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file(path), text).expect("written");
    }
    let kept = std::fs::read_to_string(file(path)).expect("the file is there");
    assert!(
        kept == text,
        "{path} is not what the code says; run UPDATE=1 cargo test --test conf"
    );
}

#[test]
fn the_example_is_what_the_options_say() {
    holds("conf/quaranta.toml", &config::example());
}

#[test]
fn the_man_pages_are_what_the_code_says() {
    holds("man/quaranta.toml.5", &config::man_page());
    let page = quaranta::cli::man_page().expect("page");
    holds("man/quaranta.1", &String::from_utf8(page).expect("text"));
}

#[test]
fn the_example_parses_to_the_defaults() {
    let config = Config::parse(&config::example(), Path::new("x")).expect("the example is valid");
    assert_eq!(
        serde_json::to_value(config).expect("value"),
        serde_json::to_value(Config::default()).expect("value"),
    );
}

#[test]
fn every_option_has_an_explanation() {
    for section in config::sections() {
        assert!(!section.doc.is_empty(), "[{}]", section.name);
        for option in section.options {
            assert!(
                option.doc.concat().len() > 10,
                "[{}] {}",
                section.name,
                option.name
            );
        }
    }
}

fn error(text: &str) -> String {
    Config::parse(text, Path::new("quaranta.toml"))
        .expect_err("it is wrong")
        .to_string()
}

#[test]
fn errors_name_file_line_option_and_remedy() {
    let cases = [
        (
            "[smtp]\nlisten = 25\n",
            vec!["quaranta.toml, line 2", "[smtp] listen"],
        ),
        (
            "[smtp]\nmessage_size = \"big\"\n",
            vec!["line 2", "[smtp] message_size", "write 512, 64K, 50M or 2G"],
        ),
        (
            "[relay]\n\nnonsense = 1\n",
            vec!["line 3", "unknown field `nonsense`", "expected one of"],
        ),
        ("[nonsense]\n", vec!["line 1", "unknown field `nonsense`"]),
        ("[smtp\n", vec!["line 1"]),
        (
            "[intake]\nmail_memory = \"1M\"\n",
            vec!["[intake] mail_memory", "raise it"],
        ),
        (
            "[smtp]\nproxy_protocol_from = [\"127.0.0.0/8\"]\n",
            vec!["[smtp] proxy_protocol_from", "set [reinsertion] hosts"],
        ),
        ("[tls]\nkey = \"x\"\n", vec!["set both, or neither"]),
        (
            "[reinsertion]\nhosts = [\"a b\"]\n",
            vec!["line 2", "[reinsertion] hosts", "write host:port"],
        ),
    ];
    for (text, words) in cases {
        let error = error(text);
        for word in words {
            assert!(
                error.contains(word),
                "{text:?} gives {error:?}, without {word:?}"
            );
        }
    }
}

#[test]
fn a_reload_says_what_needs_a_restart() {
    let old = Config::default();
    let new = Config::parse(
        "[server]\nhostname = \"x.test\"\n[smtp]\nerrors = 3\nlisten = [\"127.0.0.1:26\"]\n",
        Path::new("x"),
    )
    .expect("valid");
    assert_eq!(
        old.needs_restart(&new),
        ["[server] hostname", "[smtp] listen"]
    );
}

#[test]
fn lmtp_is_not_spoken_on_the_port_of_smtp() {
    let parse = |at: &str| {
        let text = format!("[lmtp]\nlisten = [\"{at}\"]\n");
        Config::parse(&text, Path::new("x"))
    };
    assert!(parse("127.0.0.1:24").is_ok() && parse("unix:/run/x").is_ok());
    for (bad, words) in [("0.0.0.0:25", "RFC 2033"), ("/run/x", "unix:/path")] {
        let error = parse(bad).expect_err("refused").to_string();
        assert!(
            error.contains("[lmtp] listen") && error.contains(words),
            "{error}"
        );
    }
}

/// What the daemon would not start with is told before it is started.
#[test]
fn check_config_reads_templates_and_keys() {
    let dir = tempfile::tempdir().expect("folder");
    let written = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(&path, text).expect("written");
        path
    };
    let letter = written("challenge", "Subject: hello\n\nno link\n");
    let form = written("letters/digest.txt", "%%Nonsense%%\n");
    let at = |path: &Path| format!("\"{}\"", path.display());
    let cases = [
        (String::new(), ""),
        (
            format!("[challenge]\ntemplate = {}\n", at(&letter)),
            "[challenge]",
        ),
        (
            format!(
                "[letters]\ntemplates = {}\n",
                at(form.parent().expect("folder"))
            ),
            "Nonsense",
        ),
        (
            "[letters]\ndkim_key = \"/nowhere\"\ndkim_selector = \"s\"\n".to_owned(),
            "/nowhere",
        ),
        (
            "[alerts]\nwebhook = \"https://x.test/\"\nwebhook_secret_file = \"/nowhere\"\n"
                .to_owned(),
            "/nowhere",
        ),
    ];
    for (text, words) in cases {
        let config = written("quaranta.toml", &text);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_quaranta"))
            .args(["check-config", "--config"])
            .arg(config)
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), words.is_empty(), "{text}: {said}");
        assert!(said.contains(words), "{text}: {said}");
    }
}
