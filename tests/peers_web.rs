//! The pages as a real browser (Debian's Chromium, driven by playwright-core) shows them.

#[path = "preview/corpus.rs"]
mod corpus;

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quaranta::web::preview::{FIELDS, Limits, SANDBOX, View, document, preview};
use serde_json::{Value, json};

/// One document as the panel serves it, with the HTML it was made of.
fn served(name: &str, message: &[u8], raw: &[u8], charset: &str) -> Value {
    let seen = preview(message, &Limits::default());
    let view = View {
        title: "Message",
        images: Some(message),
        ..View::default()
    };
    let made = document(seen.html.as_ref().expect("HTML"), &view);
    let mut fields: serde_json::Map<String, Value> = FIELDS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    fields.insert("Content-Security-Policy".to_owned(), json!(made.policy));
    json!({
        "name": name,
        "raw": STANDARD.encode(raw),
        "charset": charset,
        "document": made.html,
        "fields": fields,
        "sandbox": SANDBOX,
    })
}

/// What an honest sender sends, with an image inside and one elsewhere.
fn letter() -> Value {
    let html = "<body style=\"font-family:Arial\"><h1>News of the week</h1><p>Dear J&ouml;rg,</p>\
        <p>our <a href=\"https://shop.example.com/sale\">sale</a> has begun. Sign in at \
        <a href=\"https://evil.test/\">www.bank.com</a>. <img src=cid:x alt=dot></p>\
        <img src=\"https://track.example.net/pixel.gif\" alt=\"Banner\">\
        <table border=1 cellpadding=6><tr><th>Thing<th>Price<tr><td>Tea<td align=right>3.20</table>\
        <ul><li>one<li>two</ul><blockquote>They said so.</blockquote></body>";
    let pixel = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
    let message = format!(
        "Content-Type: multipart/related; boundary=a\r\n\r\n--a\r\nContent-Type: text/html\r\n\r\n{html}\r\n\
         --a\r\nContent-Type: image/png\r\nContent-ID: <x>\r\nContent-Transfer-Encoding: base64\r\n\r\n{pixel}\r\n--a--\r\n"
    );
    served("letter", message.as_bytes(), html.as_bytes(), "utf-8")
}

/// Shows the documents in the browser; gives its report.
fn browse(all: Vec<Value>) -> Value {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("corpus.json");
    std::fs::write(&file, Value::Array(all).to_string()).expect("a file");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/web/sanitiser.mjs");
    let output = Command::new("timeout")
        .args(["400", "node"])
        .arg(script)
        .arg(dir.path())
        .output()
        .expect("node runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("no report: {said}\n{wrong}"))
}

/// SE-14: no hostile message fetches, runs or leaves its frame in a real browser; the same
/// HTML untouched does. The browser's own parser finds nothing but what is known.
#[test]
fn se_14_hostile_messages_do_nothing_in_a_browser() {
    let mut all: Vec<Value> = corpus::hostile()
        .iter()
        .filter_map(|h| Some(served(&h.name, &h.message, &h.payload, h.charset()?)))
        .collect();
    assert!(all.len() >= 200, "{} are too few", all.len());
    all.push(letter());
    let report = browse(all);
    assert_eq!(report["faults"], json!([]), "{report:#}");
    // The control: what is harmless here was not harmless before.
    let least = [("alive", 150), ("ran", 60), ("fetched", 80), ("left", 4)];
    for (way, least) in least {
        assert!(report[way].as_u64() >= Some(least), "{way}: {report:#}");
    }
}

/// Documents that do what none may do are found.
#[test]
fn se_14_the_browser_sees_what_is_planted() {
    let planted = |name: &str, sandbox: &str, body: &str| {
        let mut one = served(name, &corpus::html("utf-8", b"x"), body.as_bytes(), "utf-8");
        let fields = one["fields"].as_object_mut().expect("fields");
        fields.remove("Content-Security-Policy");
        let page = one["document"].as_str().expect("a page");
        one["document"] = json!(page.replace("<body>", &format!("<body>{body}")));
        one["sandbox"] = json!(sandbox);
        one
    };
    let report = browse(vec![
        planted("m-fetch", "", "<img src=http://evil.test/m-fetch>"),
        planted("m-run", "allow-scripts", "<script>alert(1)</script>"),
        planted(
            "m-leave",
            "allow-scripts",
            "<script>location='http://evil.test/m-leave'</script>",
        ),
        planted("m-tls", "", "<img src=https://evil.test/m-tls>"),
        planted("m-tried", "", "<script>alert(1)</script>"),
        letter(),
    ]);
    let faults: Vec<&str> = report["faults"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for expected in [
        "requested: evil.test/m-fetch",
        "requested: something that is not HTTP",
        "ran: alert in http://panel.test/doc/m-run",
        "frames moved: ",
        "tried: console: Blocked script execution in 'http://panel.test/doc/m-tried'",
        "m-run: element script",
        "m-fetch: source http://evil.test/m-fetch",
        "requested behind the policy: evil.test/m-fetch",
    ] {
        let found = faults.iter().any(|fault| fault.starts_with(expected));
        assert!(found, "{expected}: {report:#}");
    }
}
