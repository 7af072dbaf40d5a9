//! The live resolver over the wire, against a name server of our own: lists, names, MX, cache, silence.

use std::collections::HashMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{MX, PTR, SOA, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinEncodable as _};
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::network::Options as NetworkOptions;
use quaranta::inspect::{Options, Panel as _, StandardPanel};
use quaranta::mail::{self, BodyType, Direction, Envelope, Mail, Peer};
use quaranta::net::dns::{self, Dns, NoExchange};
use quaranta::options::Span;
use quaranta::policy::{Finding, Findings};

/// Name, time to live, type, value.
const ZONE: &str = "\
    2.0.0.127.bl.test 300 A 127.0.0.2
    9.2.0.198.bl.test 300 A 127.0.0.4
    20.2.0.198.bl.test 300 A 127.0.0.4
    21.2.0.198.bl.test 300 A 127.0.0.4
    22.2.0.198.bl.test 300 A 127.0.0.4
    23.2.0.198.bl.test 300 A 127.0.0.4
    test.dbl.test 0 A 127.0.1.2
    bad.example.dbl.test 0 A 127.0.1.2
    9.2.0.198.in-addr.arpa 300 PTR mail.bad.example
    mail.bad.example 300 A 198.0.2.10
    8.2.0.198.in-addr.arpa 300 PTR mail.good.example
    mail.good.example 300 A 198.0.2.8
    bad.example 300 MX mail.bad.example
    good.example 300 MX mail.good.example
    good.example 300 TXT v=spf1 mx -all
    _dmarc.good.example 300 TXT v=DMARC1; p=reject
    null.example 300 MX .
    2.0.0.127.broken.test 0 FAIL x
    2.0.0.127.slow.test 0 SILENCE x
    2.0.0.127.dying.test 300 A 127.0.0.2
    1.0.0.127.dying.test 300 TXT free
    *.dying.test 0 SILENCE x";

type Counts = Arc<Mutex<HashMap<(String, RecordType), usize>>>;

/// A name server; it ends with the test.
struct Server {
    at: String,
    counts: Counts,
}

impl Server {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
        let at = socket.local_addr().expect("address").to_string();
        let counts = Counts::default();
        let own = counts.clone();
        std::thread::spawn(move || {
            let mut octets = [0; 4096];
            while let Ok((length, client)) = socket.recv_from(&mut octets) {
                let asked = Message::from_bytes(&octets[..length]).expect("a question");
                if let Some(answer) = answer(&asked, &own) {
                    let octets = answer.to_bytes().expect("octets");
                    socket.send_to(&octets, client).expect("sent");
                }
            }
        });
        Self { at, counts }
    }

    /// A resolver that asks it.
    fn dns(&self, timeout: Duration) -> Arc<Dns> {
        let options = dns::Options {
            servers: vec![self.at.clone()],
            timeout: Span(timeout),
            ..dns::Options::default()
        };
        Arc::new(Dns::open(&options).expect("dns"))
    }

    /// How often this was asked.
    fn asked(&self, name: &str, kind: RecordType) -> usize {
        let counts = self.counts.lock().expect("lock");
        counts.get(&(name.to_owned(), kind)).copied().unwrap_or(0)
    }
}

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{}.", text.trim_end_matches('.'))).expect("name")
}

/// What is answered; nothing where the zone says so.
fn answer(asked: &Message, counts: &Counts) -> Option<Message> {
    let query = asked.queries.first().expect("a query").clone();
    let wanted = query.name().to_ascii().to_lowercase();
    let wanted = wanted.trim_end_matches('.').to_owned();
    let mut all = counts.lock().expect("lock");
    *all.entry((wanted.clone(), query.query_type())).or_default() += 1;
    let mut answer = Message::response(asked.metadata.id, OpCode::Query);
    answer.add_query(query.clone());
    let mut known = false;
    for line in ZONE.lines() {
        let mut words = line.trim().splitn(4, ' ');
        let mut word = || words.next().expect("four words");
        let (of, ttl, kind, value) = (word(), word(), word(), word());
        // A row for all the rest of a zone stands behind those for names in it.
        let rest = of.strip_prefix('*');
        if of != wanted && (known || rest.is_none_or(|rest| !wanted.ends_with(rest))) {
            continue;
        }
        known = true;
        let data = match kind {
            "A" => RData::A(value.parse::<Ipv4Addr>().expect("address").into()),
            "PTR" => RData::PTR(PTR(name(value))),
            "MX" => RData::MX(MX::new(10, name(value))),
            "TXT" => RData::TXT(TXT::new(vec![value.to_owned()])),
            "FAIL" => {
                answer.metadata.response_code = ResponseCode::ServFail;
                return Some(answer);
            }
            _ => return None,
        };
        if data.record_type() == query.query_type() {
            let ttl = ttl.parse().expect("seconds");
            answer.add_answer(Record::from_rdata(name(of), ttl, data));
        }
    }
    if answer.answers.is_empty() {
        if !known {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        let soa = SOA::new(name("ns.test"), name("x.test"), 1, 300, 300, 300, 300);
        answer.add_authority(Record::from_rdata(name("test"), 300, RData::SOA(soa)));
    }
    Some(answer)
}

fn panel(dns: Arc<Dns>, lists: &[&str]) -> StandardPanel {
    let options = NetworkOptions {
        lists: lists.iter().map(|l| l.parse().expect("list")).collect(),
        time: Span(Duration::from_millis(700)),
        ..NetworkOptions::default()
    };
    let all = Options {
        time_budget: Span::seconds(120),
        ..Options::default()
    };
    let clock = Clock::by_hand(Timestamp(1_700_000_000_000));
    StandardPanel::open(&all, dns.clone(), clock)
        .expect("panel")
        .asking(&options, dns)
}

fn mail(client: &str, from: &str) -> Mail {
    let envelope = Envelope {
        peer: Peer::new(client.parse().expect("address")),
        direction: Direction::Inbound,
        from: from.parse().ok(),
        to: vec!["alice@example.org".parse().expect("address")],
        body: BodyType::SevenBit,
        smtputf8: false,
    };
    let text = format!("From: <{from}>\r\nSubject: Hello\r\n\r\nGood morning.\r\n");
    Mail::new(
        envelope,
        mail::Message::new(text, None).expect("message"),
        0,
    )
}

/// Names of what the network said; of what could not be asked the reason.
fn network(findings: &Findings) -> Vec<String> {
    let all = findings.found.iter();
    let told = all.filter_map(|found| match found {
        Finding::Unavailable { why, .. } => Some(why.clone()),
        Finding::Seen { name, .. }
            if ["DNSBL", "RDNS", "SENDER", "SPF", "DMARC"]
                .iter()
                .any(|check| name.starts_with(check)) =>
        {
            Some(name.clone())
        }
        _ => None,
    });
    told.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_names_and_exchanges_are_asked_over_the_wire_and_kept() {
    let server = Server::start();
    let dns = server.dns(Duration::from_secs(5));
    let lists = ["bl.test client 127.0.0.2-9=3", "dbl.test domain *=2"];
    let panel = panel(dns.clone(), &lists);
    for _twice in 0..2 {
        let found = panel.inspect(&mail("198.0.2.9", "a@bad.example")).await;
        let mut told = network(&found);
        told.sort();
        assert_eq!(told, ["DNSBL_BL_TEST", "DNSBL_DBL_TEST", "RDNS_MISMATCH"]);
    }
    let found = panel.inspect(&mail("198.0.2.8", "a@good.example")).await;
    assert_eq!(network(&found), ["DMARC_PASS"], "{found:?}");
    // What may be kept is asked once; what may not, each time.
    for (name, kind, times) in [
        ("9.2.0.198.bl.test", RecordType::A, 1),
        ("2.0.0.127.bl.test", RecordType::A, 1),
        ("9.2.0.198.in-addr.arpa", RecordType::PTR, 1),
        ("bad.example", RecordType::MX, 1),
        ("bad.example.dbl.test", RecordType::A, 2),
    ] {
        assert_eq!(server.asked(name, kind), times, "{name}");
    }
    let hosts = dns.exchanges("good.example").await.expect("hosts");
    assert_eq!(hosts[0].host, "mail.good.example");
    let nobody = dns.exchanges("none.example").await;
    assert_eq!(nobody, Err(NoExchange::NoDomain));
    let null = dns.exchanges("null.example").await;
    assert_eq!(null, Err(NoExchange::TakesNoMail));
    // "No" is kept as well.
    for _twice in 0..2 {
        assert_eq!(dns.ipv4("free.bl.test").await, Ok(Vec::new()));
    }
    assert_eq!(server.asked("free.bl.test", RecordType::A), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn xx06_a_silent_list_holds_up_nobody_and_rests() {
    let server = Server::start();
    // Its own time is far beyond that of a list.
    let dns = server.dns(Duration::from_secs(60));
    let lists = [
        "slow.test client *=3",
        "broken.test client *=3",
        "bl.test client *=3",
    ];
    let panel = panel(dns, &lists);
    for round in 0..4 {
        let mail = mail(&format!("198.0.2.{}", 20 + round), "a@bad.example");
        let found = panel.inspect(&mail);
        let found = tokio::time::timeout(Duration::from_secs(30), found).await;
        let told = network(&found.expect("the budget is not eaten"));
        assert!(told.iter().any(|name| name == "DNSBL_BL_TEST"), "{told:?}");
        for list in ["slow.test", "broken.test"] {
            let why = told.iter().find(|why| why.starts_with(list));
            let rests = why.expect(list).contains("it rests after failures");
            assert_eq!(rests, round == 3, "{told:?}");
        }
    }
    assert!(server.asked("2.0.0.127.slow.test", RecordType::A) > 0);
}

/// A list may die while its test points are still remembered, here and by the resolver.
#[tokio::test(flavor = "multi_thread")]
async fn xx06_a_list_that_died_rests_behind_a_single_relay() {
    let server = Server::start();
    let dns = server.dns(Duration::from_secs(60));
    let panel = panel(dns, &["dying.test client *=3", "bl.test client *=3"]);
    let relay = mail("198.0.2.20", "a@bad.example");
    for _mail in 0..60 {
        let told = network(&panel.inspect(&relay).await);
        assert!(told.iter().any(|name| name == "DNSBL_BL_TEST"), "{told:?}");
        let why = told.iter().find(|why| why.starts_with("dying.test"));
        if why.expect("a gap").contains("it rests after failures") {
            assert_eq!(server.asked("2.0.0.127.dying.test", RecordType::A), 1);
            return;
        }
    }
    panic!("it never rests");
}
