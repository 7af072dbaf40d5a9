//! Sample mail of the demo, sent through the real listener.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::anyhow;

use crate::clock::{Clock, Timestamp};
use crate::mail::{Address, BodyType, Direction, Envelope, Mail, Message, Peer};
use crate::record::{Route, RouteTls};
use crate::relay::{self, Carrier as _, Parcel, Relay};

/// The string by which every filter can be tried without real spam.
const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

/// A sample, and what was said to it.
pub(super) struct Sent {
    pub(super) what: &'static str,
    pub(super) to: String,
    pub(super) said: String,
}

struct Sample {
    what: &'static str,
    from: &'static str,
    to: &'static [&'static str],
    message: String,
}

/// Sends all samples to the listener at `smtp`.
pub(super) async fn send(smtp: SocketAddr) -> anyhow::Result<Vec<Sent>> {
    let relay = Relay::new(relay::Options::default(), "demo.remote.test")?;
    let route = Route {
        host: smtp.ip().to_string(),
        port: smtp.port(),
        tls: RouteTls::None,
        priority: 10,
    };
    let routes = Arc::new(vec![route]);
    let now = Clock::system().now();
    let mut all = Vec::new();
    for sample in samples(now) {
        let to: Vec<Address> = sample
            .to
            .iter()
            .map(|to| to.parse())
            .collect::<Result<_, _>>()?;
        let envelope = Envelope {
            peer: Peer::local(),
            direction: Direction::Inbound,
            from: Some(sample.from.parse()?),
            to: to.clone(),
            body: BodyType::SevenBit,
            smtputf8: false,
        };
        let message = Message::new(sample.message.replace('\n', "\r\n"), None)?;
        let mail = Mail::new(envelope, message, now.day());
        let parcel = Parcel {
            to,
            edits: Vec::new(),
            routes: routes.clone(),
        };
        let replies = relay.carry(&mail, &[parcel]).await;
        let said = replies
            .into_iter()
            .flatten()
            .next()
            .ok_or_else(|| anyhow!("no reply to a sample"))?;
        all.push(Sent {
            what: sample.what,
            to: sample.to.join(", "),
            said: said.to_string(),
        });
    }
    Ok(all)
}

fn samples(now: Timestamp) -> Vec<Sample> {
    let date = now.rfc5322();
    let mail = |from: &str, to: &str, subject: &str, body: &str| {
        format!(
            "Date: {date}\nFrom: {from}\nTo: {to}\nSubject: {subject}\nMessage-ID: <{}.{}@remote.test>\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{body}\n",
            now.0,
            subject.len(),
        )
    };
    vec![
        Sample {
            what: "clean",
            from: "carol@remote.test",
            to: &["alice@example.org"],
            message: mail(
                "Carol <carol@remote.test>",
                "Alice <alice@example.org>",
                "Lunch on Thursday?",
                "Hi Alice,\n\nshall we meet at noon, at the usual place?\n\nCarol",
            ),
        },
        Sample {
            what: "spam",
            from: "winner@lottery.test",
            to: &["bob@example.org"],
            message: mail(
                "\"PRIZE DEPARTMENT\" <winner@lottery.test>",
                "undisclosed-recipients:;",
                "YOU HAVE WON 1,500,000 USD!!!",
                "DEAR LUCKY WINNER,\n\nCONGRATULATIONS!!! Your email address has won 1,500,000 USD in the \
                 INTERNATIONAL LOTTERY PROMOTION.\nTo claim your prize send your full name, bank account number \
                 and a processing fee by Western Union to our claims agent IMMEDIATELY. ACT NOW!!!\n\nClick here: http://192.0.2.77/claim.php?id=77\n",
            ),
        },
        Sample {
            what: "GTUBE",
            from: "test@remote.test",
            to: &["alice@example.org", "bob@example.org"],
            message: mail(
                "Test <test@remote.test>",
                "Alice <alice@example.org>, Bob <bob@example.org>",
                "Test mail for the filter",
                &format!("This is the test string for spam filters:\n\n{GTUBE}\n"),
            ),
        },
        Sample {
            what: "GTUBE, mode tag",
            from: "test@remote.test",
            to: &["alice@tag.example.org"],
            message: mail(
                "Test <test@remote.test>",
                "Alice <alice@tag.example.org>",
                "Test mail for a domain with Subject notation",
                &format!("{GTUBE}\n"),
            ),
        },
        Sample {
            what: "sender unknown",
            from: "dave@remote.test",
            to: &["alice@pending.example.org"],
            message: mail(
                "Dave <dave@remote.test>",
                "Alice <alice@pending.example.org>",
                "Your talk in May",
                "Dear Alice,\n\nis there a paper on your talk in May?\n\nDave",
            ),
        },
    ]
}
