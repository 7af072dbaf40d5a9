//! Hosts that cannot be reached, die, talk nonsense, or fail at TLS.

use quaranta::options::Span;
use quaranta::relay::{Options, Relay};
use quaranta::smtp;

use crate::hosts::*;

#[tokio::test]
async fn the_next_host_is_tried_when_one_cannot_be_used() {
    let host = plain_host().await;
    let relay = relay();
    let (closed, dead) = bound().await;
    drop(closed);
    let (busy_listener, busy) = bound().await;
    scripted(
        busy_listener,
        vec![
            vec![("", "421 4.3.2 busy")],
            vec![("", "554 no"), ("EHLO", "!")],
        ],
    );
    let last = format!("{},priority=30", host.route);
    let middle = format!("{busy},priority=20");
    for _ in 0..2 {
        let replies = carry(
            &relay,
            &mail("x\r\n"),
            &["a@x.org"],
            &[&last, &dead, &middle],
        )
        .await;
        assert_eq!(replies, ["250 2.0.0 Taken"]);
    }
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org", "b@x.org"], &[&dead]).await;
    assert_eq!(
        replies,
        vec![format!("451 4.4.1 {dead}: connection refused"); 2]
    );
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[]).await;
    assert_eq!(replies, ["451 4.4.4 No route to the recipient's host"]);
}

#[tokio::test]
async fn a_host_that_failed_is_not_waited_for_again_while_there_are_others() {
    let host = plain_host().await;
    let (listener, first) = bound().await;
    let heard = scripted(
        listener,
        vec![vec![("", "421 4.3.2 busy"), ("QUIT", "!")]; 2],
    );
    let relay = relay();
    let second = format!("{},priority=20", host.route);
    for _ in 0..5 {
        let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&first, &second]).await;
        assert_eq!(replies, ["250 2.0.0 Taken"]);
    }
    assert!(
        !heard.is_finished(),
        "the first host was tried more than once"
    );
    // With nothing else to try, it is tried.
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&first]).await;
    assert!(replies[0].contains("greeting: 421"), "{replies:?}");
    heard.await.expect("both scripts are done");
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_once() {
    let (listener, route) = bound().await;
    let whole = [
        ("", "220 x"),
        EHLO,
        ("MAIL", "250 ok"),
        ("RCPT", "250 ok"),
        ("DATA", "354 go"),
        ("<message>", "250 2.0.0 taken"),
    ];
    let mut closes = whole.to_vec();
    closes.push(("MAIL", "!"));
    let mut says_421 = whole.to_vec();
    says_421.push(("MAIL", "421 idle for too long"));
    scripted(listener, vec![closes, says_421, whole.to_vec()]);
    let relay = relay();
    for _ in 0..3 {
        let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&route]).await;
        assert_eq!(replies, ["250 2.0.0 taken"]);
    }
}

#[tokio::test]
async fn nothing_is_sent_twice_after_the_final_dot() {
    let host = plain_host().await;
    let (listener, first) = bound().await;
    scripted(
        listener,
        vec![vec![
            ("", "220 x"),
            EHLO,
            ("MAIL", "250 ok"),
            ("RCPT", "250 ok"),
            ("RCPT", "550 5.1.1 no"),
            ("DATA", "354 go"),
            ("<message>", "!"),
        ]],
    );
    let second = format!("{},priority=20", host.route);
    let to = ["a@x.org", "b@x.org"];
    let replies = carry(&relay(), &mail("x\r\n"), &to, &[&first, &second]).await;
    assert_eq!(
        replies,
        [
            format!("451 4.4.2 {first}: connection closed by the other side"),
            "550 5.1.1 no".to_owned()
        ]
    );
    assert!(host.sink.got.lock().is_empty(), "the mail was sent twice");
}

#[tokio::test]
async fn a_host_lost_before_the_message_is_followed_by_the_next() {
    let host = plain_host().await;
    let (listener, first) = bound().await;
    scripted(
        listener,
        vec![vec![("", "220 x"), EHLO, ("MAIL", "250 ok"), ("RCPT", "!")]],
    );
    let second = format!("{},priority=20", host.route);
    let replies = carry(&relay(), &mail("x\r\n"), &["a@x.org"], &[&first, &second]).await;
    assert_eq!(replies, ["250 2.0.0 Taken"]);
}

#[tokio::test]
async fn nonsense_and_endless_replies_are_bounded() {
    let endless: &'static str = Box::leak("250-x\r\n".repeat(10_000).into_boxed_str());
    let long: &'static str = Box::leak(format!("220 {}", "x".repeat(100_000)).into_boxed_str());
    for (script, want) in [
        (vec![("", "HTTP/1.1 400 Bad Request")], "malformed reply"),
        (vec![("", "220 x"), ("EHLO", endless)], "malformed reply"),
        (vec![("", long)], "malformed reply"),
        (
            vec![("", "220 x"), EHLO, ("MAIL", "999 x")],
            "malformed reply",
        ),
        (vec![("", "!")], "connection closed"),
    ] {
        let (listener, route) = bound().await;
        scripted(listener, vec![script]);
        let replies = carry(&relay(), &mail("x\r\n"), &["a@x.org"], &[&route]).await;
        assert!(replies[0].starts_with("451 4.4."), "{replies:?}");
        assert!(
            replies[0].contains(&route) && replies[0].contains(want),
            "{replies:?}"
        );
    }
}

#[tokio::test]
async fn a_silent_host_is_given_up() {
    let (listener, route) = bound().await;
    let _silent = tokio::spawn(async move { listener.accept().await });
    let options = Options {
        command_time: Span(std::time::Duration::from_millis(50)),
        ..quick()
    };
    let relay = Relay::new(options, "relay.test").expect("relay");
    let replies = carry(&relay, &mail("x\r\n"), &["a@x.org"], &[&route]).await;
    assert_eq!(replies, [format!("451 4.4.2 {route}: no answer in time")]);
}

#[tokio::test]
async fn tls_is_opportunistic_required_or_off() {
    let host = host(smtp::Options::default(), true).await;
    let relay = relay();
    let to = ["a@x.org"];
    let none = format!("{},tls=none", host.route);
    let required = format!("{},tls=required", host.route);
    assert_eq!(
        carry(&relay, &mail("1\r\n"), &to, &[&host.route]).await,
        ["250 2.0.0 Taken"]
    );
    assert_eq!(
        carry(&relay, &mail("2\r\n"), &to, &[&none]).await,
        ["250 2.0.0 Taken"]
    );
    let replies = carry(&relay, &mail("3\r\n"), &to, &[&required]).await;
    assert!(replies[0].starts_with("451 4.7.5 "), "{replies:?}");
    let options = Options {
        ca_file: Some(host.dir.path().join("ca.pem")),
        ..quick()
    };
    let knowing = Relay::new(options, "relay.test").expect("relay");
    assert_eq!(
        carry(&knowing, &mail("4\r\n"), &to, &[&required]).await,
        ["250 2.0.0 Taken"]
    );
    let tls: Vec<bool> = (host.sink.got.lock().iter())
        .map(|(envelope, _)| envelope.peer.tls.is_some())
        .collect();
    assert_eq!(tls, [true, false, true]);
    let plain = plain_host().await;
    let required = format!("{},tls=required", plain.route);
    let replies = carry(&knowing, &mail("5\r\n"), &to, &[&required]).await;
    assert!(replies[0].starts_with("451 4.7.4 "), "{replies:?}");
}

#[tokio::test]
async fn broken_tls_falls_back_to_plain_only_where_that_is_allowed() {
    let offer = ("EHLO", "250-host\r\n250 STARTTLS");
    let broken = vec![
        ("", "220 x"),
        offer,
        ("STARTTLS", "220 go\r\nthis is no handshake"),
    ];
    let plain = vec![
        ("", "220 x"),
        offer,
        ("MAIL", "250 ok"),
        ("RCPT", "250 ok"),
        ("DATA", "354 go"),
        ("<message>", "250 taken"),
    ];
    let (listener, route) = bound().await;
    scripted(listener, vec![broken.clone(), plain]);
    assert_eq!(
        carry(&relay(), &mail("x\r\n"), &["a@x.org"], &[&route]).await,
        ["250 taken"]
    );
    let (listener, route) = bound().await;
    scripted(listener, vec![broken]);
    let required = format!("{route},tls=required");
    let replies = carry(&relay(), &mail("x\r\n"), &["a@x.org"], &[&required]).await;
    assert!(replies[0].starts_with("451 4.7.5 "), "{replies:?}");
}
