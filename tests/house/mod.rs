//! A small house for tests: the real rooms on the store in memory, with a panel that reads
//! marks in the body and a destination that says what it is told to say.
#![allow(
    unreachable_pub,
    dead_code,
    reason = "every test file uses its own part of the fixture"
)]

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use parking_lot::Mutex;
use quaranta::actions::Desk;
use quaranta::background::{self, Background, Outgoing};
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::Panel;
use quaranta::intake::outbound::{self, Outbound};
use quaranta::intake::{self, Intake};
use quaranta::mail::{
    Address, BodyType, Budget, Direction, Edit, EntryId, Envelope, Mail, Message, Peer, Reply,
    edited,
};
use quaranta::net::dns::Dns;
use quaranta::policy::{
    Answer, Finding, Findings, Layer, Principal, Replies, Scope, WhenUnavailable,
};
use quaranta::record::{DomainSettings, Door, Route, Shelf, State};
use quaranta::relay::{Callout, Carrier, Outward, Parcel};
use quaranta::store::{Store, in_memory};

/// The port that stands for our own listener in routes.
const REINSERTION: u16 = 1;
/// The port that stands for our own outbound listener.
const REINSERTION_OUT: u16 = 2;
/// The port of the smart host.
const SMART_HOST: u16 = 26;

/// Reads marks in the body instead of thinking.
struct MarkPanel;

#[async_trait]
impl Panel for MarkPanel {
    async fn inspect(&self, mail: &Mail) -> Findings {
        let text = String::from_utf8_lossy(mail.message.bytes()).into_owned();
        let mut findings = self.inspect_released(mail).await;
        // Known only by the time of the release.
        findings
            .found
            .retain(|found| !["XLATE", "XNOSCAN"].contains(&found.name()));
        for (mark, weight) in [("XJUNK", 100.0), ("XUNSURE", 5.0)] {
            if text.contains(mark) {
                findings
                    .found
                    .push(Finding::seen(mark, weight, "a mark in the body"));
            }
        }
        if text.contains("XGAP") {
            let then = WhenUnavailable::Defer;
            findings.found.push(Finding::Unavailable {
                name: "XGAP".into(),
                why: "test".into(),
                then,
            });
        }
        findings
    }

    async fn inspect_released(&self, mail: &Mail) -> Findings {
        let mut findings = Findings {
            subject: "a subject".to_owned(),
            ..Findings::default()
        };
        let text = String::from_utf8_lossy(mail.message.bytes()).into_owned();
        for mark in ["XMALWARE", "XLATE"] {
            if text.contains(mark) {
                findings.found.push(Finding::Malware {
                    name: mark.into(),
                    reason: "a mark".into(),
                });
            }
        }
        if text.contains("XNOSCAN") {
            findings.found.push(Finding::Unavailable {
                name: "XNOSCAN".into(),
                why: "test".into(),
                then: WhenUnavailable::Defer,
            });
        }
        findings
    }
}

/// A destination: says 250 unless told otherwise, and keeps what it took.
#[derive(Default)]
pub struct Destination {
    pub delivered: Mutex<Vec<(Address, String)>>,
    replies: Mutex<HashMap<Address, VecDeque<Reply>>>,
    pub asked: Mutex<Vec<Address>>,
}

impl Destination {
    /// The next replies for mail to `to`.
    pub fn will_say(&self, to: &str, codes: &[u16]) {
        let replies = codes
            .iter()
            .map(|code| Reply::plain(*code, format!("said {code}")))
            .collect();
        self.replies.lock().insert(address(to), replies);
    }

    pub fn got(&self, to: &str) -> Vec<String> {
        let to = address(to);
        self.delivered
            .lock()
            .iter()
            .filter(|(a, _)| *a == to)
            .map(|(_, text)| text.clone())
            .collect()
    }

    fn take(&self, to: &Address, text: &str) -> Reply {
        let said = self
            .replies
            .lock()
            .get_mut(to)
            .and_then(VecDeque::pop_front);
        let reply = said.unwrap_or_else(|| Reply::new(250, 0, 0, "taken"));
        if reply.is_positive() {
            self.delivered.lock().push((to.clone(), text.to_owned()));
        }
        reply
    }
}

/// Carries to the destination, or back to our own intake.
pub struct Carrying {
    pub destination: Destination,
    intake: OnceLock<Intake>,
    clock: Clock,
    /// What was re-injected, with its token.
    pub reinserted: Mutex<Vec<(Address, String)>>,
    /// Set: a relay in between takes re-injected mail and does nothing with it.
    pub swallow: Mutex<bool>,
    /// Set: re-injected mail goes to a front relay that asks us as a milter. If we let it pass,
    /// it says these codes, one for each mail, and then 250.
    pub front: Mutex<Option<VecDeque<u16>>>,
}

/// A front relay's part of the milter: it keeps what is to be done.
#[derive(Default)]
struct Asking(Mutex<Option<Vec<Edit>>>);

#[async_trait]
impl Carrier for Asking {
    async fn carry(&self, _mail: &Mail, parcels: &[Parcel]) -> Vec<Vec<Reply>> {
        *self.0.lock() = Some(parcels[0].edits.clone());
        let yes = Reply::new(250, 0, 0, "left to the relay");
        let each = parcels
            .iter()
            .map(|parcel| vec![yes.clone(); parcel.to.len()]);
        each.collect()
    }
}

impl Carrying {
    /// A mail comes to the front relay, which asks us, and then says `code`.
    pub async fn at_front(
        &self,
        from: Option<Address>,
        to: &Address,
        text: &str,
        code: u16,
    ) -> Reply {
        let intake = self.intake.get().expect("the intake is there");
        let (intake, asking) = (intake.fronted_at("milter"), Asking::default());
        let to_all = std::slice::from_ref(to);
        let reply = receive(&intake, &asking, &self.clock, from.clone(), to_all, text).await;
        let Some(edits) = asking.0.into_inner() else {
            return reply;
        };
        if !reply.is_positive() || code != 250 {
            return Reply::plain(
                if reply.is_positive() {
                    code
                } else {
                    reply.code
                },
                "no",
            );
        }
        let mail = mail(&self.clock, from, to_all, text);
        let edited = edited(&mail.message, &edits);
        let text = [edited.header, edited.body].concat();
        self.destination
            .take(to, &String::from_utf8(text).expect("test mail is text"));
        Reply::new(250, 0, 0, "queued as Q1")
    }

    async fn carry_one(&self, mail: &Mail, parcel: &Parcel, to: &Address) -> Reply {
        let edited = edited(&mail.message, &parcel.edits);
        let text =
            String::from_utf8([edited.header, edited.body].concat()).expect("test mail is text");
        let port = parcel.routes.first().map(|route| route.port);
        if to.domain().as_str().ends_with(".test") && port != Some(REINSERTION_OUT) {
            assert_eq!(port, Some(SMART_HOST), "{to}");
        }
        if port != Some(REINSERTION) && port != Some(REINSERTION_OUT) {
            return self.destination.take(to, &text);
        }
        self.reinserted.lock().push((to.clone(), text.clone()));
        if *self.swallow.lock() {
            return Reply::new(250, 0, 0, "queued");
        }
        let front = self.front.lock().as_mut().map(VecDeque::pop_front);
        if let Some(code) = front {
            let from = mail.envelope.from.clone();
            return self.at_front(from, to, &text, code.unwrap_or(250)).await;
        }
        let intake = self.intake.get().expect("the intake is there");
        if port == Some(REINSERTION_OUT) {
            let mut again = self::mail(
                &self.clock,
                mail.envelope.from.clone(),
                std::slice::from_ref(to),
                &text,
            );
            again.envelope.direction = Direction::Outbound;
            let intake = intake.outgoing();
            return one(intake.receive_released(again, Replies::One, self).await);
        }
        receive(
            intake,
            self,
            &self.clock,
            mail.envelope.from.clone(),
            std::slice::from_ref(to),
            &text,
        )
        .await
    }
}

#[async_trait]
impl Carrier for Carrying {
    async fn carry(&self, mail: &Mail, parcels: &[Parcel]) -> Vec<Vec<Reply>> {
        let mut all = Vec::new();
        for parcel in parcels {
            let mut replies = Vec::new();
            for to in &parcel.to {
                replies.push(Box::pin(self.carry_one(mail, parcel, to)).await);
            }
            all.push(replies);
        }
        all
    }
}

#[async_trait]
impl Callout for Carrying {
    async fn ask(&self, _routes: &[Route], to: &Address, _smtputf8: bool) -> Reply {
        self.destination.asked.lock().push(to.clone());
        if to.local() == "nobody" {
            Reply::new(550, 1, 1, "no such user")
        } else if to.local() == "away" {
            Reply::new(451, 4, 0, "come back")
        } else {
            Reply::new(250, 1, 5, "ok")
        }
    }
}

pub struct House {
    pub store: Store,
    pub desk: Desk,
    pub intake: Intake,
    pub background: Background,
    pub clock: Clock,
    pub carrying: Arc<Carrying>,
}

pub fn address(text: &str) -> Address {
    text.parse().expect("address")
}

pub fn scope(text: &str) -> Scope {
    text.parse().expect("scope")
}

pub fn principal(text: &str) -> Principal {
    Principal::of(scope(text))
}

pub fn door() -> Door {
    Door::new("test", "127.0.0.1")
}

/// `to` separated by blanks; one reply for all.
async fn receive(
    intake: &Intake,
    carrier: &dyn Carrier,
    clock: &Clock,
    from: Option<Address>,
    to: &[Address],
    text: &str,
) -> Reply {
    one(intake
        .receive(mail(clock, from, to, text), Replies::One, carrier)
        .await)
}

pub fn one(answer: Answer) -> Reply {
    match answer {
        Answer::One(reply) => reply,
        Answer::Each(_) => panic!("one reply was asked for"),
    }
}

pub fn mail(clock: &Clock, from: Option<Address>, to: &[Address], text: &str) -> Mail {
    let envelope = Envelope {
        peer: Peer::local(),
        direction: Direction::Inbound,
        from,
        to: to.to_vec(),
        body: BodyType::SevenBit,
        smtputf8: false,
    };
    Mail::new(
        envelope,
        Message::new(text.to_owned(), None).expect("message"),
        clock.now().day(),
    )
}

/// A message with `body`, which may hold marks.
pub fn text(body: &str) -> String {
    format!("From: sender@remote.test\r\nSubject: a subject\r\n\r\n{body}\r\n")
}

impl House {
    /// A house that serves example.org and tag.example.org (mode tag).
    pub async fn new() -> Self {
        let clock = Clock::by_hand(Timestamp(1_000_000_000_000));
        Self::on(in_memory::open(clock.clone()), clock).await
    }

    pub async fn on(store: Store, clock: Clock) -> Self {
        Self::with(
            store,
            clock,
            outbound::Options::default(),
            Arc::new(MarkPanel),
        )
        .await
    }

    /// A house with these options for mail on its way out.
    pub async fn sending(options: outbound::Options) -> Self {
        let clock = Clock::by_hand(Timestamp(1_000_000_000_000));
        let store = in_memory::open(clock.clone());
        Self::with(store, clock, options, Arc::new(MarkPanel)).await
    }

    pub async fn with_panel(store: Store, clock: Clock, panel: Arc<dyn Panel>) -> Self {
        Self::with(store, clock, outbound::Options::default(), panel).await
    }

    async fn with(
        store: Store,
        clock: Clock,
        options: outbound::Options,
        panel: Arc<dyn Panel>,
    ) -> Self {
        let desk = Desk::new(store.clone(), clock.clone());
        let carrying = Arc::new(Carrying {
            destination: Destination::default(),
            intake: OnceLock::new(),
            clock: clock.clone(),
            reinserted: Mutex::default(),
            swallow: Mutex::new(false),
            front: Mutex::default(),
        });
        let intake = Intake::new(intake::Parts {
            store: store.clone(),
            desk: desk.clone(),
            panel,
            callout: carrying.clone(),
            clock: clock.clone(),
            hostname: "mx.example.org".to_owned(),
            options: intake::Options::default(),
            greylist: intake::greylist::Options::default(),
        });
        let outward = Outward {
            smart_hosts: Arc::new(vec![route(SMART_HOST)]),
            dns: Arc::new(Dns::off("no DNS in tests")),
            hostname: "mx.example.org".to_owned(),
            port: 25,
            hosts: 5,
        };
        let intake = intake.sending(Outbound::new(outward.clone(), options, None));
        assert!(carrying.intake.set(intake.clone()).is_ok());
        let background = Background {
            store: store.clone(),
            desk: desk.clone(),
            carrier: carrying.clone(),
            clock: clock.clone(),
            budget: Budget::new(1 << 26),
            options: Arc::new(background::Options::default()),
            holding: background::Holding::default(),
            reinsertion: Arc::new(vec![route(REINSERTION)]),
            outgoing: Some(Outgoing {
                reinsertion: Arc::new(vec![route(REINSERTION_OUT)]),
                outward,
            }),
        };
        let house = Self {
            store,
            desk,
            intake,
            background,
            clock,
            carrying,
        };
        for domain in ["example.org", "tag.example.org"] {
            let settings = DomainSettings {
                domain: domain.parse().expect("domain"),
                routes: vec![route(25)],
                imap: None,
            };
            house
                .desk
                .set_domain(&principal("global"), settings, &door())
                .await
                .expect("domain");
        }
        let tag = Layer {
            mode: Some(quaranta::policy::Mode::Tag),
            ..Layer::default()
        };
        house.set("tag.example.org", tag).await;
        house
    }

    pub async fn set(&self, of: &str, layer: Layer) {
        self.desk
            .set_layer(&principal("global"), scope(of), layer, &door())
            .await
            .expect("layer");
    }

    /// Sends a mail to `to`, separated by blanks, as at the end of DATA.
    pub async fn send(&self, to: &str, body: &str) -> Reply {
        let to: Vec<Address> = to.split_whitespace().map(address).collect();
        let from = Some(address("sender@remote.test"));
        receive(
            &self.intake,
            &*self.carrying,
            &self.clock,
            from,
            &to,
            &text(body),
        )
        .await
    }

    /// Sends a mail from the client at this address.
    pub async fn send_from(&self, client: &str, to: &str, body: &str) -> Reply {
        let from = Some(address("sender@remote.test"));
        let mut mail = mail(&self.clock, from, &[address(to)], &text(body));
        mail.envelope.peer = Peer::new(client.parse().expect("address"));
        let answer = self.intake.receive(mail, Replies::One, &*self.carrying);
        match answer.await {
            Answer::One(reply) => reply,
            Answer::Each(_) => panic!("one reply was asked for"),
        }
    }

    /// What `login` sees in Caught.
    pub async fn caught(&self, login: &str) -> Vec<EntryId> {
        self.shelf(login, Shelf::Caught).await
    }

    /// What `login` sees in Caught (Outgoing).
    pub async fn caught_outgoing(&self, login: &str) -> Vec<EntryId> {
        self.look(login, Shelf::Caught, Direction::Outbound).await
    }

    /// Sends a mail out as at the end of DATA; with a login as a person's client does.
    pub async fn send_out(&self, login: Option<&str>, from: &str, to: &str, body: &str) -> Reply {
        let to: Vec<Address> = to.split_whitespace().map(address).collect();
        let from = (!from.is_empty()).then(|| address(from));
        let mut mail = mail(&self.clock, from, &to, &text(body));
        mail.envelope.direction = Direction::Outbound;
        mail.envelope.peer.login = login.map(str::to_owned);
        mail.envelope.peer.tls = login.map(|_| "TLSv1.3".to_owned());
        mail.envelope.peer.esmtp = true;
        one(self
            .intake
            .at("submission")
            .outgoing()
            .receive(mail, Replies::One, &*self.carrying)
            .await)
    }

    /// Sends a whole message out, as a person's client does.
    pub async fn out_as_is(&self, from: &str, to: &str, message: &str) -> Reply {
        let mut mail = mail(&self.clock, Some(address(from)), &[address(to)], message);
        mail.envelope.direction = Direction::Outbound;
        mail.envelope.peer.login = Some(from.to_owned());
        let intake = self.intake.at("submission").outgoing();
        one(intake.receive(mail, Replies::One, &*self.carrying).await)
    }

    /// Sends a whole message in.
    pub async fn in_as_is(&self, from: Option<Address>, to: &str, message: &str) -> Reply {
        let (intake, carrier) = (&self.intake, &*self.carrying);
        receive(intake, carrier, &self.clock, from, &[address(to)], message).await
    }

    pub async fn shelf(&self, login: &str, shelf: Shelf) -> Vec<EntryId> {
        self.look(login, shelf, Direction::Inbound).await
    }

    async fn look(&self, login: &str, shelf: Shelf, direction: Direction) -> Vec<EntryId> {
        let all = self
            .desk
            .uids(&principal(login), shelf, direction, 0, 1000)
            .await
            .expect("uids");
        all.into_iter().map(|(_, id)| id).collect()
    }

    pub async fn state(&self, id: EntryId) -> State {
        self.desk
            .entry(&principal("global"), id)
            .await
            .expect("entry")
            .state
    }

    /// Does the deliveries that are due now.
    pub async fn deliver(&self) -> usize {
        let now = self.clock.now();
        let jobs = self.store.jobs.take(now, now, 1000).await.expect("jobs");
        let count = jobs.len();
        for job in jobs {
            self.background.deliver(job).await;
        }
        count
    }

    /// The statuses in an entry's history.
    pub async fn history(&self, id: EntryId) -> Vec<String> {
        let events = self
            .desk
            .history(&principal("global"), id)
            .await
            .expect("history");
        events
            .iter()
            .map(|event| event.status.to_string())
            .collect()
    }

    /// The statuses in the log, the oldest first, without settings.
    pub async fn log(&self) -> Vec<String> {
        let query = quaranta::actions::Query::default();
        let mut events = self
            .desk
            .log(&principal("global"), &query, 1000)
            .await
            .expect("log")
            .rows;
        events.reverse();
        events
            .iter()
            .filter(|event| event.status != quaranta::record::Status::Changed)
            .map(|event| event.status.to_string())
            .collect()
    }
}

fn route(port: u16) -> Route {
    format!("127.0.0.1:{port}").parse().expect("route")
}
