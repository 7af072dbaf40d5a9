//! Answers of the daemon as tables for people.

use std::fmt::Write as _;

use serde_json::Value;

use crate::clock::Timestamp;

/// Rows under a heading, columns padded; the last column may be long.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = heading.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    let heading: Vec<String> = heading.iter().map(|h| (*h).to_owned()).collect();
    for row in std::iter::once(&heading).chain(rows) {
        let mut line = String::new();
        for (i, cell) in row.iter().enumerate() {
            let pad = widths
                .get(i)
                .map_or(0, |w| w.saturating_sub(cell.chars().count()));
            let _infallible = write!(line, "{cell}{}  ", " ".repeat(pad));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A cell: text without control characters, at most `most` characters.
pub(crate) fn cell(text: &str, most: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if misleads(c) { ' ' } else { c })
        .collect();
    if clean.chars().count() <= most {
        return clean;
    }
    let cut: String = clean.chars().take(most.saturating_sub(1)).collect();
    format!("{cut}…")
}

/// A member as text; numbers and lists too.
pub(crate) fn text(value: &Value, name: &str) -> String {
    plain(&value[name])
}

/// Controls of the terminal, and of the direction of writing: the rest of a line must not be
/// shown in another order than it has (Unicode Standard Annex 9).
pub(crate) fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// A member that is a time, in the reader's time zone.
pub(crate) fn time(value: &Value, name: &str) -> String {
    let Some(ms) = value[name].as_u64() else {
        return String::new();
    };
    Timestamp(ms)
        .utc()
        .with_time_zone(jiff::tz::TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// A reverse path; the null sender as `<>`.
pub(crate) fn sender(value: &Value) -> String {
    let from = text(value, "from");
    if from.is_empty() {
        "<>".to_owned()
    } else {
        from
    }
}

/// The list of caught mail.
pub(crate) fn entries(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = items(&answer["entries"])
        .iter()
        .map(|e| {
            vec![
                text(e, "id"),
                time(e, "arrived"),
                format!("{:.1}", e["verdict"]["score"].as_f64().unwrap_or_default()),
                cell(&text(e, "to"), 40),
                cell(&sender(e), 40),
                cell(&text(e, "subject"), 60),
            ]
        })
        .collect();
    let total = answer["total"].as_u64().unwrap_or_default();
    let mut out = table(
        &["ID", "ARRIVED", "SCORE", "RECIPIENT", "SENDER", "SUBJECT"],
        &rows,
    );
    let _infallible = writeln!(out, "{} of {total}", rows.len());
    out
}

/// One caught message.
pub(crate) fn entry(e: &Value) -> String {
    let mut rows = vec![
        vec!["id".into(), text(e, "id")],
        vec!["state".into(), text(e, "state")],
        vec!["recipient".into(), text(e, "to")],
        vec!["sender".into(), cell(&sender(e), 200)],
        vec!["from field".into(), cell(&text(e, "author"), 200)],
        vec!["subject".into(), cell(&text(e, "subject"), 200)],
        vec!["client".into(), text(e, "client")],
        vec!["arrived".into(), time(e, "arrived")],
        vec!["expires".into(), time(e, "expires")],
        vec!["size".into(), format!("{} octets", text(e, "size"))],
        vec![
            "verdict".into(),
            format!(
                "{}, score {:.1}",
                text(&e["verdict"], "class"),
                e["verdict"]["score"].as_f64().unwrap_or_default()
            ),
        ],
    ];
    if !e["failed"].is_null() {
        rows.push(vec![
            "failed".into(),
            format!(
                "{} {}",
                text(&e["failed"], "code"),
                cell(&text(&e["failed"], "text"), 200)
            ),
        ]);
    }
    let mut out: String = rows
        .iter()
        .map(|row| format!("{:<11} {}\n", row[0], row[1]))
        .collect();
    out.push('\n');
    let because: Vec<Vec<String>> = items(&e["verdict"]["because"])
        .iter()
        .map(finding)
        .collect();
    out.push_str(&table(&["WEIGHT", "FINDING", "IN WORDS"], &because));
    out
}

fn finding(f: &Value) -> Vec<String> {
    let Some((kind, of)) = f.as_object().and_then(|o| o.iter().next()) else {
        return Vec::new();
    };
    let (weight, words) = match kind.as_str() {
        "seen" => (
            format!("{:+.1}", of["weight"].as_f64().unwrap_or_default()),
            text(of, "reason"),
        ),
        "malware" => ("malware".to_owned(), text(of, "reason")),
        _ => ("did not run".to_owned(), text(of, "why")),
    };
    vec![weight, text(of, "name"), cell(&words, 200)]
}

/// A page of the log, and how to go on.
pub(crate) fn page(answer: &Value) -> String {
    let mut out = events(&answer["rows"]);
    if let Some(next) = answer["next"].as_str() {
        out.push_str(&format!("older lines: --before {next}\n"));
    }
    out
}

/// Lines of the log, or of a history.
pub(crate) fn events(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = items(answer)
        .iter()
        .map(|e| {
            vec![
                time(e, "at"),
                status_of(e),
                text(e, "who"),
                format!("{} {}", text(&e["door"], "name"), text(&e["door"], "peer"))
                    .trim()
                    .to_owned(),
                cell(&sender(e), 40),
                cell(&text(e, "to"), 60),
                cell(&text(e, "subject"), 40),
                format!("{}{}", cell(&text(e, "words"), 160), became(e)),
            ]
        })
        .collect();
    table(
        &[
            "TIME",
            "STATUS",
            "WHO",
            "DOOR",
            "SENDER",
            "RECIPIENTS",
            "SUBJECT",
            "SAID",
        ],
        &rows,
    )
}

/// A deferred mail was not blocked: its sender comes back (SE-04).
fn status_of(event: &Value) -> String {
    match text(event, "status").as_str() {
        "deferred" => "deferred, not blocked".to_owned(),
        other => other.to_owned(),
    }
}

/// What is known of a deferred mail since, such as `; then accepted 3m later`.
fn became(event: &Value) -> String {
    let mut told: Vec<String> = Vec::new();
    for later in items(&event["later"]) {
        let after = span(later["after"].as_u64().unwrap_or_default());
        let words = format!("; then {} {after} later", text(later, "status"));
        if !told.contains(&words) {
            told.push(words);
        }
    }
    told.concat()
}

/// Milliseconds in the largest unit that gives at least one.
fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// What came of an action on each entry, and whether all went well.
pub(crate) fn outcomes(answer: &Value) -> (String, bool) {
    let mut all = true;
    let rows: Vec<Vec<String>> = items(answer)
        .iter()
        .map(|o| {
            let good = o["done"].as_bool().unwrap_or_default();
            all &= good;
            let words = match (good, o["already"].as_str()) {
                (true, None) => "done".to_owned(),
                (true, Some(state)) => format!("nothing to do: it is {state} already"),
                (false, _) => text(o, "refused"),
            };
            vec![text(o, "id"), words]
        })
        .collect();
    (table(&["ID", "RESULT"], &rows), all)
}

/// How the daemon is.
pub(crate) fn status(s: &Value) -> String {
    let held: Vec<Vec<String>> = items(&s["held"])
        .iter()
        .map(|h| vec![text(h, "shelf"), text(h, "direction"), text(h, "count")])
        .collect();
    let day: Vec<Vec<String>> = s["last_24_hours"]
        .as_object()
        .map(|day| {
            day.iter()
                .map(|(status, n)| vec![status.clone(), plain(n)])
                .collect()
        })
        .unwrap_or_default();
    let owed: Vec<Vec<String>> = items(&s["owed"])
        .iter()
        .map(|j| {
            vec![
                text(j, "id"),
                time(j, "since"),
                time(j, "due"),
                text(j, "tries"),
                cell(&text(j, "last"), 160),
            ]
        })
        .collect();
    format!(
        "quaranta {}\n\n{}\n{}\n{}",
        text(s, "version"),
        table(&["HELD ON", "DIRECTION", "MESSAGES"], &held),
        table(&["LAST 24 HOURS", "MESSAGES"], &day),
        table(
            &["OWED DELIVERY", "SINCE", "NEXT TRY", "TRIES", "LAST ANSWER"],
            &owed
        ),
    )
}

/// Accounts.
pub(crate) fn users(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = items(answer)
        .iter()
        .map(|u| {
            let set = match u["has_password"].as_bool() {
                Some(false) => "none of the house".to_owned(),
                _ => time(u, "changed"),
            };
            vec![text(u, "login"), set]
        })
        .collect();
    table(&["LOGIN", "PASSWORD SET"], &rows)
}

/// Domains with their routes and what they set.
pub(crate) fn domains(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = items(answer)
        .iter()
        .map(|d| {
            let set: Vec<String> = d["policy"]
                .as_object()
                .map(|o| o.iter().map(|(k, v)| format!("{k}={}", plain(v))).collect())
                .unwrap_or_default();
            vec![
                text(d, "domain"),
                text(d, "routes"),
                text(d, "imap"),
                set.join(" "),
            ]
        })
        .collect();
    let mut out = table(&["DOMAIN", "ROUTES", "PASSWORDS AT", "POLICY"], &rows);
    items(answer).iter().for_each(|d| note(&mut out, d));
    out
}

/// What a scope sets and what holds there.
pub(crate) fn policy(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = answer["holds"]
        .as_object()
        .map(|holds| {
            holds
                .iter()
                .map(|(name, value)| {
                    let own = !answer["set"][name].is_null();
                    vec![
                        name.clone(),
                        plain(value),
                        if own { "set here" } else { "inherited" }.to_owned(),
                    ]
                })
                .collect()
        })
        .unwrap_or_default();
    let mut out = table(&["OPTION", "VALUE", "FROM"], &rows);
    note(&mut out, answer);
    out
}

/// What an administrator should know besides.
fn note(out: &mut String, of: &Value) {
    let note = text(of, "note");
    if !note.is_empty() {
        let _infallible = writeln!(out, "note: {note}");
    }
}

/// Entries of a list.
pub(crate) fn lists(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = items(answer)
        .iter()
        .map(|e| {
            vec![
                text(e, "kind"),
                text(e, "pattern"),
                text(e, "by"),
                time(e, "made"),
                text(e, "times"),
                time(e, "last"),
                time(e, "expires"),
                cell(&text(e, "note"), 80),
            ]
        })
        .collect();
    let heads = [
        "LIST",
        "PATTERN",
        "MADE BY",
        "MADE",
        "USED",
        "LAST USED",
        "EXPIRES",
        "NOTE",
    ];
    table(&heads, &rows)
}

/// Reinsertion keys.
pub(crate) fn keys(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = items(answer)
        .iter()
        .map(|k| {
            let until = time(k, "until");
            let until = if until.is_empty() {
                "in use".to_owned()
            } else {
                format!("verifies until {until}")
            };
            vec![text(k, "id"), time(k, "made"), until, text(k, "secret")]
        })
        .collect();
    table(&["KEY", "MADE", "STATE", "SECRET"], &rows)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_cannot_reach_the_terminal() {
        assert_eq!(cell("a\x1b[31mb\r\n", 40), "a [31mb  ");
        assert_eq!(cell("gpj.\u{202e}exe\u{2066}", 40), "gpj. exe ");
        assert_eq!(cell("abcdef", 4), "abc…");
    }

    #[test]
    fn se04_a_deferred_mail_is_shown_as_not_blocked_with_its_outcome() {
        let later =
            |status, after| serde_json::json!({"to": "a@b.test", "status": status, "after": after});
        let mut line = serde_json::json!({"status": "deferred", "words": "451 4.7.1 Later"});
        assert!(events(&Value::Array(vec![line.clone()])).contains("deferred, not blocked"));
        line["later"] = Value::Array(vec![
            later("accepted", 185_000),
            later("accepted", 185_500),
            later("quarantined", 7_300_000),
        ]);
        let shown = events(&Value::Array(vec![line]));
        assert!(
            shown.contains("451 4.7.1 Later; then accepted 3m later; then quarantined 2h later"),
            "{shown}"
        );
    }

    #[test]
    fn columns_line_up() {
        let rows = vec![
            vec!["long cell".to_owned(), "x".to_owned()],
            vec!["é".to_owned(), "y".to_owned()],
        ];
        assert_eq!(
            table(&["A", "B"], &rows),
            "A          B\nlong cell  x\né          y\n"
        );
    }
}
