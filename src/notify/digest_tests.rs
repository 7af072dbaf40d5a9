//! Digests as people get them: nothing of a stranger's becomes ours, and every word is there.

use jiff::tz::TimeZone;

use super::digest::{Digest, Item, Likelihood, Reader, Scribe, offers};
use super::forms::Forms;
use super::letter::{Letter, LetterOptions, Post};
use crate::clock::{Clock, Timestamp};
use crate::policy::Language;
use crate::record::Shelf;
use crate::store::in_memory;

/// 2026-11-21 23:30 UTC: already the 22nd in Berlin.
const NOW: Timestamp = Timestamp(1_795_303_800_000);

fn item(subject: &str, expires_in_hours: u64, likelihood: Likelihood) -> Item {
    let link = |(at, purpose)| (purpose, format!("https://q.example.org/l/{at}"));
    Item {
        shelf: Shelf::Caught,
        author: "eve@evil.example".to_owned(),
        author_name: "Bank <b> \u{202e}x".to_owned(),
        subject: subject.to_owned(),
        arrived: NOW,
        expires: Timestamp(NOW.0 + expires_in_hours * 3_600_000),
        likelihood,
        links: offers(Shelf::Caught)
            .iter()
            .copied()
            .enumerate()
            .map(link)
            .collect(),
    }
}

fn letter(language: Language, items: Vec<Item>) -> Letter {
    let scribe = Scribe::new(
        Forms::open(None).expect("built in"),
        "q.example.org",
        "https://q.example.org/",
    );
    scribe.digest(Digest {
        reader: Reader {
            to: "alice@example.org".parse().expect("address"),
            language,
            zone: TimeZone::get("Europe/Berlin").expect("zone"),
        },
        of: "alice@example.org".parse().expect("address"),
        items,
        more: 7,
        malware: 2,
        unsubscribe: "https://q.example.org/u/x".to_owned(),
        now: NOW,
        until: NOW.after_days(3),
    })
}

#[test]
fn sy06_a_stranger_puts_neither_markup_nor_links_into_a_digest() {
    let evil = "<script>x</script> https://evil.example/a\r\nBcc: x\u{2028}y";
    let letter = letter(Language::En, vec![item(evil, 40, Likelihood::Likely)]);
    let html = letter.html.expect("HTML");
    for part in [&letter.text, &html] {
        assert!(
            !part.contains("https://evil") && !part.contains("evil.example/a"),
            "{part}"
        );
        assert!(!part.contains('\u{202e}') && !part.contains('\u{2028}'));
        assert!(!part.contains("\nBcc:"));
        assert!(part.contains("7 more") && part.contains("malware"));
        for at in 0..4 {
            assert!(
                part.contains(&format!("https://q.example.org/l/{at}")),
                "{at}"
            );
        }
    }
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script"));
    assert!(html.contains("Bank &lt;b&gt; \u{fffd}x"));
    assert!(
        !html.contains("src=") && !html.contains("url("),
        "nothing is loaded"
    );
    assert!(!html.contains("%%") && !letter.text.contains("%%"));
    assert_eq!(letter.subject, "8 messages are held for alice@example.org");
}

#[test]
fn sy06_what_is_likely_wanted_and_about_to_go_is_marked() {
    for (hours, likelihood, want) in [
        (12, Likelihood::Likely, "removed today"),
        (30, Likelihood::Likely, "removed tomorrow"),
        (60, Likelihood::Likely, ""),
        (12, Likelihood::Surely, ""),
    ] {
        let letter = letter(Language::En, vec![item("Hello", hours, likelihood)]);
        for word in ["removed today", "removed tomorrow"] {
            assert_eq!(letter.text.contains(word), word == want, "{hours} {word}");
        }
    }
}

#[test]
fn sy06_german_is_german_in_the_readers_zone() {
    let letter = letter(Language::De, vec![item("", 40, Likelihood::Unlikely)]);
    assert!(letter.text.contains("22.11. 00:30"), "{}", letter.text);
    for word in [
        "(kein Betreff)",
        "wahrscheinlich Spam",
        "Freigeben & lernen",
        "Schadsoftware",
    ] {
        assert!(letter.text.contains(word), "{word}");
    }
    for word in ["Release", "held", "until"] {
        assert!(!letter.text.contains(word), "{word}");
    }
}

/// SY-06: whoever floods a mailbox keeps nobody from the digest.
#[tokio::test]
async fn sy06_the_longest_digest_can_be_sent() {
    let mut long = item(&"<&\u{1f600}".repeat(40), 40, Likelihood::Likely);
    long.author_name = "<&\u{1f600}".repeat(40);
    long.author = format!("{}@evil.example", "&".repeat(200));
    for (_, url) in &mut long.links {
        url.push_str(&"x".repeat(500));
    }
    let letter = letter(Language::De, vec![long; 500]);
    let clock = Clock::by_hand(NOW);
    let jobs = in_memory::open(clock.clone()).jobs;
    let post = Post::new(jobs, clock, "q.example.org", &LetterOptions::default());
    post.send(letter).await.expect("it has room");
}

/// XX-07: what strangers bring about leaves room for alerts, and a flood to one domain for others.
#[tokio::test]
async fn xx07_strangers_do_not_use_up_the_letters_that_go_outside() {
    let clock = Clock::by_hand(NOW);
    let jobs = in_memory::open(clock.clone()).jobs;
    let options = LetterOptions {
        outside_per_hour: 8,
        ..LetterOptions::default()
    };
    let post = Post::new(jobs, clock, "q.example.org", &options);
    let send = async |domain: &str, by_stranger: bool| {
        let to = format!("a@{domain}").parse().expect("address");
        let mut letter = Letter::new(to, "test", "x", "x\n".to_owned(), NOW.after_days(1));
        letter.by_stranger = by_stranger;
        post.send(letter.going_out()).await.is_ok()
    };
    let mut sent = 0;
    for n in 0..20 {
        sent += u32::from(send(&format!("d{n}.one.test"), true).await);
    }
    assert_eq!(sent, 4, "half of them to one domain");
    for n in 0..20 {
        sent += u32::from(send(&format!("d{n}.test"), true).await);
    }
    assert_eq!(sent, 6, "three quarters");
    assert!(send("ops.test", false).await && send("ops.test", false).await);
    assert!(!send("ops.test", false).await, "that was all of them");
}
