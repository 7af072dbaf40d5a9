//! Many lives of mail on its way out, by seed: hosts that say yes, later or no, people and mail
//! servers, spam and letters, administrators who release. The promises of the house are checked
//! after each answer and in the end.

mod house;

use std::time::Duration;

use house::{House, address, door, principal, text};
use quaranta::actions::Action;
use quaranta::intake::outbound::Options;
use quaranta::mail::{Address, Direction, EntryId, MailId};
use quaranta::record::{JobKind, State};

const LIVES: u64 = 60;
const MAILS: u64 = 12;
const PEOPLE: [&str; 2] = ["alice@example.org", "bob@example.org"];
const OTHERS: [&str; 4] = [
    "carol@remote.test",
    "dave@remote.test",
    "erin@else.test",
    "bob@example.org",
];

/// xorshift64*: the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }
}

/// One mail for one recipient, and the place of its entry.
struct Sent {
    to: &'static str,
    body: String,
    from: &'static str,
    id: EntryId,
    /// We said 250.
    ours: bool,
    /// It was refused as spam, and nothing may go out unless it is released.
    caught: bool,
}

impl Sent {
    fn copies(&self, house: &House) -> usize {
        let got = house.carrying.destination.got(self.to);
        got.iter().filter(|text| text.contains(&self.body)).count()
    }

    async fn state(&self, house: &House) -> Option<State> {
        let entry = house.store.entries.entry(self.id).await.expect("store");
        entry.map(|entry| {
            assert_eq!(entry.owner, address(self.from), "it is the sender's");
            entry.state
        })
    }

    async fn is_owed(&self, house: &House) -> bool {
        let jobs = house.store.jobs.jobs(1000).await.expect("jobs");
        jobs.iter().any(|job| {
            job.id == self.id
                && matches!(&job.kind, JobKind::Send { to, .. } if *to == address(self.to))
        })
    }
}

async fn post(house: &House, dice: &mut Dice, n: u64) -> Vec<Sent> {
    let from = PEOPLE[usize::try_from(dice.roll(2)).expect("index")];
    let mut to: Vec<&'static str> = OTHERS
        .into_iter()
        .filter(|to| *to != from && dice.roll(2) == 0)
        .collect();
    if to.is_empty() {
        to.push(OTHERS[0]);
    }
    for other in &to {
        let mut code = || [250, 250, 451, 550][usize::try_from(dice.roll(4)).expect("index")];
        let codes = [code(), code()];
        house.carrying.destination.will_say(other, &codes);
    }
    let spam = dice.roll(3) == 0;
    let body = format!("{} number {n}.", if spam { "XJUNK" } else { "letter" });
    let login = (dice.roll(2) == 0).then_some(from);
    let reply = house.send_out(login, from, &to.join(" "), &body).await;
    let mail = MailId::of(
        Some(&address(from)),
        text(&body).as_bytes(),
        house.clock.now().day(),
    );
    let mut sent = Vec::new();
    for to in to {
        let id = EntryId::going(Direction::Outbound, mail, &address(to));
        let one = Sent {
            to,
            body: body.clone(),
            from,
            id,
            ours: reply.is_positive(),
            caught: spam,
        };
        let (copies, state, owed) = (
            one.copies(house),
            one.state(house).await,
            one.is_owed(house).await,
        );
        let held = state == Some(State::Held);
        let right = match reply.code {
            250 => !spam && copies + usize::from(held) + usize::from(owed) == 1,
            550 if spam => copies == 0 && held && !owed,
            _ => copies == 0 && state.is_none() && !owed,
        };
        assert!(right, "{reply} {to} {body}: {copies} {state:?} {owed}");
        sent.push(one);
    }
    sent
}

async fn live(seed: u64) {
    let house = House::sending(Options {
        messages_per_minute: 0,
        messages_per_hour: 0,
        ..Options::default()
    })
    .await;
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let admin = principal("example.org");
    let mut sent = Vec::new();
    for n in 0..MAILS {
        sent.extend(post(&house, &mut dice, n).await);
        if dice.roll(3) == 0 {
            let caught = house.caught_outgoing("example.org").await;
            for id in caught.iter().filter(|_| dice.roll(2) == 0) {
                let released = house
                    .desk
                    .perform(&admin, &Action::Release, *id, &door())
                    .await;
                released.expect("right");
            }
        }
        house.clock.forward(Duration::from_secs(60 * dice.roll(90)));
        house.deliver().await;
    }
    for _hour in 0..200 {
        house.clock.forward(Duration::from_secs(3600));
        house.deliver().await;
    }
    let owed = house.store.jobs.jobs(1000).await.expect("jobs");
    assert!(owed.is_empty(), "seed {seed}: {owed:?}");
    for one in &sent {
        let (copies, state) = (one.copies(&house), one.state(&house).await);
        let kept = state == Some(State::Held);
        let right = match (one.ours || one.caught, state) {
            (true, Some(State::Released)) => copies == 1,
            (true, _) => copies + usize::from(kept) == 1,
            (false, _) => copies == 0 && state.is_none(),
        };
        assert!(
            right,
            "seed {seed}: {} {}: {copies} {state:?}",
            one.to, one.body
        );
    }
    let strangers: Vec<Address> = house
        .carrying
        .destination
        .delivered
        .lock()
        .iter()
        .filter(|(_, text)| text.contains("X-Quaranta-Reinsertion"))
        .map(|(to, _)| to.clone())
        .collect();
    assert!(strangers.is_empty(), "SY-04: {strangers:?}");
}

#[tokio::test]
async fn se18_xx01_after_every_answer_the_promises_hold() {
    for seed in 1..=LIVES {
        live(seed).await;
    }
}
