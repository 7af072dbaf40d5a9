//! `quaranta train` and `quaranta lessons` against a daemon that runs (XX-11).

use std::path::Path;
use std::process::{Command, Output};

use quaranta::config::Config;
use quaranta::daemon::Daemon;
use serde_json::Value;

/// Runs a command of ours against the daemon whose data lies in `dir`.
async fn run(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quaranta"));
    command
        .args(arguments)
        .arg("--control")
        .arg(dir.join("control.sock"));
    command.arg("--config").arg(dir.join("quaranta.toml"));
    tokio::task::spawn_blocking(move || command.output().expect("run"))
        .await
        .expect("joined")
}

async fn json(dir: &Path, arguments: &[&str]) -> Value {
    let output = run(dir, &[arguments, &["--json"]].concat()).await;
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn daemon(dir: &Path) -> Daemon {
    let text = format!(
        "[server]\nhostname = \"mx.example.org\"\ndata_dir = \"{}\"\n[smtp]\nlisten = [\"127.0.0.1:0\"]\n\
         [imap]\nlisten_tls = []\nlisten_starttls = []\n[dns]\nenabled = false\n",
        dir.display()
    );
    std::fs::write(dir.join("quaranta.toml"), &text).expect("configuration");
    let config = Config::parse(&text, Path::new("quaranta.toml")).expect("configuration");
    Box::pin(Daemon::open(config)).await.expect("open")
}

fn mails(dir: &Path, words: &str) {
    std::fs::create_dir_all(dir).expect("folder");
    for n in 0..30 {
        let text = format!("From: a{n}@b.example\nSubject: {words} {n}\n\n{words} and {n} more\n");
        std::fs::write(dir.join(format!("{n:03}")), text).expect("file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn train_list_and_undo() {
    let dir = tempfile::tempdir().expect("folder");
    let dir = dir.path();
    let at = |name: &str| dir.join(name).display().to_string();
    mails(&dir.join("ham"), "minutes of the garden club");
    mails(&dir.join("spam"), "lowest price on golden watches");
    // A Maildir, an mbox, and what is no mail.
    mails(&dir.join("maildir/new"), "amazing offer for rare coins");
    std::fs::write(
        dir.join("mbox"),
        "From a Mon Jan  3 01:02:03 2022\nSubject: coins\n\nx\n\nFrom b Tue Jan  4 01:02:03 2022\nSubject: coins 2\n\ny\n",
    )
    .expect("file");
    std::fs::write(dir.join("noise"), [7_u8; 3000]).expect("file");
    let running = daemon(dir).await;
    let spam = [at("spam"), at("maildir"), at("mbox"), at("noise")];
    let ham = at("ham");
    let mut arguments = vec!["train", "--ham", &ham, "--spam"];
    arguments.extend(spam.iter().map(String::as_str));
    let learned = json(dir, &arguments).await;
    assert_eq!(
        learned,
        serde_json::json!({ "ham": 30, "spam": 62, "no_mail": 1 })
    );
    let listed = json(dir, &["lessons", "list", "-n", "500"]).await;
    assert_eq!(
        listed.as_array().map(Vec::len),
        Some(92),
        "a lesson a mail, however many passes"
    );
    let newest = listed[0]["number"].to_string();
    assert_eq!(json(dir, &["lessons", "undo", &newest]).await["undone"], 1);
    // Another daemon on the same data knows the same lessons.
    running.drain().await;
    let running = daemon(dir).await;
    let listed = json(dir, &["lessons", "list", "-n", "500"]).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(91));
    let shown = run(dir, &["lessons", "list", "-n", "1"]).await;
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains("global"),
        "{shown:?}"
    );
    assert_eq!(
        json(dir, &["lessons", "undo", "--since", "2020-01-01"]).await["undone"],
        91
    );
    assert!(
        !run(dir, &["lessons", "undo"]).await.status.success(),
        "all at once must be said"
    );
    assert!(
        !run(dir, &["train", "--spam", "/nowhere/at/all"])
            .await
            .status
            .success()
    );
    running.drain().await;
}

/// XX-11: all that was learned goes into a file and comes back, while the daemon runs.
#[tokio::test(flavor = "multi_thread")]
async fn lessons_are_exported_and_imported() {
    let dir = tempfile::tempdir().expect("folder");
    let dir = dir.path();
    let at = |name: &str| dir.join(name).display().to_string();
    mails(&dir.join("ham"), "minutes of the garden club");
    mails(&dir.join("spam"), "lowest price on golden watches");
    let running = daemon(dir).await;
    json(dir, &["train", "--ham", &at("ham"), "--spam", &at("spam")]).await;
    let file = at("out.quaranta");
    let held = json(dir, &["lessons", "export", &file]).await;
    assert_eq!(held["lessons"], 60);
    let list = ["lessons", "list", "-n", "500"];
    let listed = json(dir, &list).await;
    json(dir, &["lessons", "undo", "--since", "2020-01-01"]).await;
    assert_eq!(json(dir, &list).await, serde_json::json!([]));
    assert_eq!(json(dir, &["lessons", "import", &file]).await, held);
    assert_eq!(json(dir, &list).await, listed);

    let good = std::fs::read(&file).expect("file");
    std::fs::write(at("cut"), &good[..good.len() - 100]).expect("file");
    for (bad, why) in [
        ("cut", "damaged"),
        ("ham/000", "no export"),
        ("none", "No such file"),
    ] {
        let refused = run(dir, &["lessons", "import", &at(bad)]).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains(why),
            "{bad}: {said}"
        );
    }
    assert_eq!(json(dir, &list).await, listed, "nothing changed");
    assert!(
        !run(dir, &["lessons", "export", "/nowhere/at/all"])
            .await
            .status
            .success()
    );
    running.drain().await;
    let running = daemon(dir).await;
    assert_eq!(json(dir, &list).await, listed, "it is durable");
    running.drain().await;
}
