//! The relay against our own SMTP door and against hosts that misbehave.

#[path = "relay/hosts.rs"]
mod hosts;
#[path = "relay/round_trip.rs"]
mod round_trip;
#[path = "relay/trouble.rs"]
mod trouble;

use quaranta::mail::{BodyType, Edit};
use quaranta::record::Route;
use quaranta::relay::{Callout, Carrier, Options, Relay};

use hosts::*;

#[tokio::test]
async fn each_recipient_gets_a_reply_and_one_connection_is_used() {
    let host = plain_host().await;
    let relay = relay();
    let to = ["a@x.org", "refused@x.org", "later@x.org", "b@x.org"];
    let replies = carry(&relay, &mail("hello\r\n"), &to, &[&host.route]).await;
    assert_eq!(
        replies,
        [
            "250 2.0.0 Taken",
            "550 5.1.1 Not here",
            "451 4.7.1 Not now",
            "250 2.0.0 Taken"
        ]
    );
    let replies = carry(
        &relay,
        &mail("SPAM\r\n"),
        &["a@x.org", "refused@x.org"],
        &[&host.route],
    )
    .await;
    assert_eq!(replies, ["554 5.7.1 Spam", "550 5.1.1 Not here"]);
    let replies = carry(&relay, &mail("x\r\n"), &["refused@x.org"], &[&host.route]).await;
    assert_eq!(replies, ["550 5.1.1 Not here"]);
    let replies = carry(&relay, &mail("x\r\n"), &["c@x.org"], &[&host.route]).await;
    assert_eq!(replies, ["250 2.0.0 Taken"]);
    assert_eq!(
        *host.sink.connections.lock(),
        1,
        "the connection was not kept"
    );
    let got = host.sink.got.lock();
    assert_eq!(got.len(), 3);
    assert_eq!(got[0].0.to.len(), 2);
    assert_eq!(got[0].0.from_text(), "sender@example.com");
    assert_eq!(got[0].0.peer.helo, "relay.test");
}

#[tokio::test]
async fn parcels_get_their_own_edits_and_many_recipients_go_in_several_transactions() {
    let host = plain_host().await;
    let relay = Relay::new(
        Options {
            recipients: 2,
            ..quick()
        },
        "relay.test",
    )
    .expect("relay");
    let mut tagged = parcel(&["a@x.org", "refused@x.org", "b@x.org"], &[&host.route]);
    tagged.edits.push(Edit::Add {
        name: "X-A".into(),
        value: "1".into(),
    });
    let plain = parcel(&["c@x.org"], &[&host.route]);
    let replies = relay
        .carry(&mail("A: 1\r\n\r\nx\r\n"), &[tagged, plain])
        .await;
    let codes: Vec<Vec<u16>> = replies
        .iter()
        .map(|r| r.iter().map(|r| r.code).collect())
        .collect();
    assert_eq!(codes, [vec![250, 550, 250], vec![250]]);
    let mut got: Vec<(usize, bool)> = host
        .sink
        .got
        .lock()
        .iter()
        .map(|(envelope, octets)| {
            (
                envelope.to.len(),
                octets.starts_with(b"X-A: 1\r\nA: 1\r\n\r\nx\r\n"),
            )
        })
        .collect();
    got.sort_unstable();
    assert_eq!(got, [(1, false), (1, true), (1, true)]);
}

#[tokio::test]
async fn a_refusal_after_mail_is_the_answer() {
    let host = plain_host().await;
    let (listener, first) = bound().await;
    let heard = scripted(
        listener,
        vec![
            vec![
                ("", "220 x"),
                EHLO,
                ("MAIL", "451 4.7.1 greylisted"),
                ("RCPT", "503 no"),
                ("DATA", "503 no"),
                ("RSET", "250 ok"),
                ("MAIL", "250 ok"),
                // On a kept connection this may come of what was before: asked again on a new one.
                ("RCPT", "421 4.7.0 too many errors"),
            ],
            vec![
                ("", "220 x"),
                EHLO,
                ("MAIL", "250 ok"),
                ("RCPT", "421 4.3.2 closing"),
            ],
        ],
    );
    let relay = relay();
    let second = format!("{},priority=20", host.route);
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&first, &second]).await;
    assert_eq!(replies, ["451 4.7.1 greylisted"]);
    // 421 is not passed on as such: it would close the client's connection with us.
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&first, &second]).await;
    assert_eq!(replies, ["451 4.3.2 closing"]);
    drop(relay);
    assert_eq!(heard.await.expect("script").len(), 10);
    assert!(host.sink.got.lock().is_empty());
}

#[tokio::test]
async fn a_host_without_pipelining_is_asked_step_by_step() {
    let (listener, route) = bound().await;
    let heard = scripted(
        listener,
        vec![vec![
            ("", "220 x"),
            ("EHLO", "502 what?"),
            ("HELO relay.test", "250 host"),
            ("MAIL FROM:<sender@example.com>", "250 ok"),
            ("RCPT TO:<a@x.org>", "550 5.1.1 no"),
            ("RCPT TO:<b@x.org>", "250 ok"),
            ("DATA", "354 go"),
            ("<message>", "250 taken"),
            ("MAIL", "552 no"),
            ("RSET", "250 ok"),
            ("MAIL", "250 ok"),
            ("RCPT", "550 no"),
            ("RSET", "250 ok"),
        ]],
    );
    let relay = relay();
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org", "b@x.org"], &[&route]).await;
    assert_eq!(replies, ["550 5.1.1 no", "250 taken"]);
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org", "b@x.org"], &[&route]).await;
    assert_eq!(replies, ["552 no", "552 no"]);
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&route]).await;
    assert_eq!(replies, ["550 no"]);
    drop(relay);
    heard.await.expect("script");
}

#[tokio::test]
async fn with_nobody_left_data_is_ended_empty() {
    let (listener, route) = bound().await;
    let heard = scripted(
        listener,
        vec![vec![
            ("", "220 x"),
            EHLO,
            ("MAIL", "250 ok"),
            ("RCPT", "550 no"),
            ("DATA", "354 go"),
            (".", "554 nobody"),
        ]],
    );
    let replies = carry(&relay(), &mail("secret\r\n"), &["a@x.org"], &[&route]).await;
    assert_eq!(replies, ["550 no"]);
    assert_eq!(
        heard.await.expect("script").last().map(String::as_str),
        Some(".")
    );
}

#[tokio::test]
async fn what_a_host_cannot_take_is_refused_clearly() {
    let plain = ("EHLO", "250-host\r\n250 SIZE 100");
    let international = {
        let mut mail = mail("Subject: \u{e4}\r\n\r\nx\r\n");
        mail.envelope.smtputf8 = true;
        mail
    };
    let cases = [
        (mail("A: 1\r\n\r\n\u{e4}\r\n"), "a@x.org", "554 5.6.3 "),
        (mail("x".repeat(200)), "a@x.org", "552 5.3.4 "),
        (mail("x\r\n"), "j\u{f6}rg@x.org", "553 5.6.7 "),
        (international, "a@x.org", "553 5.6.7 "),
    ];
    for (mail, to, want) in cases {
        let (listener, route) = bound().await;
        scripted(listener, vec![vec![("", "220 x"), plain]]);
        let replies = carry(&relay(), &mail, &[to], &[&route]).await;
        assert!(
            replies[0].starts_with(want),
            "{replies:?} instead of {want}"
        );
    }
    let (listener, route) = bound().await;
    scripted(listener, vec![vec![("", "220 x"), EHLO]]);
    let mut utf8 = mail("Subject: \u{e4}\r\n\r\nx\r\n");
    utf8.envelope.smtputf8 = true;
    let replies = carry(&relay(), &utf8, &["a@x.org"], &[&route]).await;
    assert!(replies[0].starts_with("553 5.6.7 "), "{replies:?}");
    // One international recipient does not keep the mail from the others.
    let (listener, route) = bound().await;
    scripted(
        listener,
        vec![vec![
            ("", "220 x"),
            EHLO,
            ("MAIL", "250 ok"),
            ("RCPT TO:<b@x.org>", "250 ok"),
            ("DATA", "354 go"),
            ("<message>", "250 taken"),
        ]],
    );
    let to = ["j\u{f6}rg@x.org", "b@x.org"];
    let replies = carry(&relay(), &mail("x\r\n"), &to, &[&route]).await;
    assert!(replies[0].starts_with("553 5.6.7 ") && replies[1] == "250 taken");
    let host = plain_host().await;
    let replies = carry(&relay(), &utf8, &["j\u{f6}rg@x.org"], &[&host.route]).await;
    assert_eq!(replies, ["250 2.0.0 Taken"]);
    let got = host.sink.got.lock();
    assert!(got[0].0.smtputf8 && got[0].0.body == BodyType::EightBitMime);
}

#[tokio::test]
async fn a_connection_with_many_refusals_is_not_kept() {
    let host = plain_host().await;
    let relay = relay();
    let routes: Vec<Route> = vec![host.route.parse().expect("route")];
    let to = "refused@x.org".parse().expect("address");
    for _ in 0..24 {
        assert_eq!(relay.ask(&routes, &to, false).await.code, 550);
    }
    assert_eq!(*host.sink.connections.lock(), 3);
}

#[tokio::test]
async fn call_outs_ask_for_a_recipient_and_leave_no_trace() {
    let host = plain_host().await;
    let relay = relay();
    let routes: Vec<Route> = vec![host.route.parse().expect("route")];
    for (to, want) in [
        ("a@x.org", 250),
        ("refused@x.org", 550),
        ("later@x.org", 451),
        ("b@x.org", 250),
    ] {
        let to = to.parse().expect("address");
        assert_eq!(relay.ask(&routes, &to, false).await.code, want);
    }
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&host.route]).await;
    assert_eq!(replies, ["250 2.0.0 Taken"]);
    assert_eq!(*host.sink.connections.lock(), 1);
    // A host that refuses the null sender has said nothing of the recipient.
    let (listener, route) = bound().await;
    scripted(
        listener,
        vec![vec![
            ("", "220 x"),
            EHLO,
            ("MAIL FROM:<>", "550 5.7.1 no bounces"),
            ("RCPT", "503 no"),
            ("RSET", "250 ok"),
        ]],
    );
    let routes: Vec<Route> = vec![route.parse().expect("route")];
    let reply = relay
        .ask(&routes, &"a@x.org".parse().expect("address"), false)
        .await;
    assert_eq!(reply.code, 451, "{reply}");
}
