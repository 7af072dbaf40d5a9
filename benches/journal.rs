//! The log of all mail: cost of writing, time of searching, memory and disk, by size.
//!
//! `cargo bench --bench journal` fills 10^4, 10^5 and 10^6 rows; `-- 10000000` that many instead.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::{Duration, Instant};

use quaranta::clock::{Clock, Timestamp};
use quaranta::mail::{Address, Direction, EntryId, MailId};
use quaranta::policy::{Class, Scope};
use quaranta::record::{Door, Event, Status};
use quaranta::store::on_sled::{self, Handle};
use quaranta::store::{Options, Query, Step, Store, StoreError};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START: u64 = 1_700_006_400_000;
const DAYS: u64 = 30;
const DAY: u64 = 86_400_000;
/// Writers at the same time.
const WRITERS: usize = 256;
const RUNS: usize = 60;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    /// Small numbers often, large ones seldom: the k-th about 1/k as often as the first.
    fn zipf(&mut self, n: u64) -> u64 {
        let part = self.roll(1 << 20) as f64 / f64::from(1 << 20);
        (n as f64).powf(part) as u64
    }
}

fn user(n: u64) -> Address {
    let text = format!("user{n}@dom{}.example", n % 200);
    text.parse().expect("address")
}

fn event(dice: &mut Dice, n: u64, of: u64) -> Event {
    let at = Timestamp(START + (u128::from(n) * u128::from(DAYS * DAY) / u128::from(of)) as u64);
    let kinds = [
        (Status::Accepted, Some(Class::Clean)),
        (Status::Accepted, Some(Class::Clean)),
        (Status::Accepted, Some(Class::Unsure)),
        (Status::Quarantined, Some(Class::Spam)),
        (Status::Quarantined, Some(Class::Spam)),
        (Status::Deferred, None),
        (Status::NotAccepted, None),
        (Status::NotAccepted, None),
    ];
    let kind = kinds[dice.roll(kinds.len() as u64) as usize];
    let rare = dice.roll(50_000) == 0;
    let (status, class) = if rare {
        (Status::TokenRefused, Some(Class::Malware))
    } else {
        kind
    };
    let client: std::net::IpAddr = format!(
        "198.{}.{}.{}",
        dice.zipf(60),
        dice.zipf(250),
        dice.roll(250)
    )
    .parse()
    .expect("client");
    let mut event = Event::new(at, status, "intake", Door::new("smtp", client));
    event.client = Some(client);
    event.direction = Some(Direction::Inbound);
    let from = dice.zipf(1_000_000);
    event.from = format!("sender{from}@host{}.far{}.example", from % 7, from % 20_000)
        .parse()
        .ok();
    event.to = vec![user(dice.zipf(20_000))];
    if status == Status::NotAccepted {
        event.words = format!("550 5.7.1 <{}>: relaying denied", event.to[0]);
        return event;
    }
    let words: Vec<String> = (0..6).map(|_| format!("w{}", dice.zipf(60_000))).collect();
    event.subject = words.join(" ");
    let mut id = [0; 16];
    id[..8].copy_from_slice(&dice.roll(u64::MAX).to_be_bytes());
    id[8..].copy_from_slice(&n.to_be_bytes());
    event.mail = Some(MailId(id));
    event.size = 2000 + dice.roll(100_000);
    event.class = class;
    event.score = class.map(|_| dice.roll(400) as f32 / 20.0 - 5.0);
    event.words = match status {
        Status::Accepted => format!("250 2.0.0 Ok: queued as {:010X}", dice.roll(1 << 40)),
        _ => {
            "550 5.7.1 Message refused: spam [DNSBL_ZEN (3.0), BAYES (2.5), FROM_NAME (1.0)]".into()
        }
    };
    event
}

async fn write(store: &Store, event: Event) {
    loop {
        match store.journal.write(event.clone()).await {
            Err(StoreError::Full) => tokio::time::sleep(Duration::from_millis(20)).await,
            done => return done.expect("written"),
        }
    }
}

async fn fill(store: &Store, clock: &Clock, rows: u64) -> Duration {
    let started = Instant::now();
    let mut dice = Dice(88_172_645_463_325_252);
    let mut n = 0;
    while n < rows {
        let some: Vec<Event> = (n..rows.min(n + WRITERS as u64))
            .map(|n| event(&mut dice, n, rows))
            .collect();
        n += some.len() as u64;
        if let Some(last) = some.last() {
            clock.forward(last.at.since(clock.now()));
        }
        futures_util::future::join_all(some.into_iter().map(|event| write(store, event))).await;
    }
    started.elapsed()
}

fn octets(dir: &Path) -> u64 {
    let Ok(items) = std::fs::read_dir(dir) else {
        return 0;
    };
    items
        .flatten()
        .map(|item| match item.metadata() {
            Ok(data) if data.is_dir() => octets(&item.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}

fn memory() -> String {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = text
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

fn print(name: &str, mut times: Vec<Duration>, rows: usize) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    println!(
        "  {name:<44} p50 {:>8.2} ms  p95 {:>8.2} ms  rows {rows}",
        at(50),
        at(95)
    );
}

/// A query by its name, made anew for each run.
type Asked = (&'static str, fn(&mut Dice) -> (Scope, Query));

fn text(text: String) -> Query {
    Query {
        text: Some(text),
        ..Query::default()
    }
}

fn since(dice: &mut Dice, hours: u64) -> Query {
    let since = START + dice.roll((DAYS * 24 - hours) * 3600) * 1000;
    Query {
        since: Some(Timestamp(since)),
        until: Some(Timestamp(since + hours * 3_600_000)),
        ..Query::default()
    }
}

fn queries() -> Vec<Asked> {
    vec![
        ("newest page", |_| (Scope::Global, Query::default())),
        ("newest page of a domain", |d| {
            (
                Scope::Domain(user(d.roll(200)).domain().clone()),
                Query::default(),
            )
        }),
        ("newest page of a common user", |d| {
            (Scope::Recipient(user(1 + d.roll(20))), Query::default())
        }),
        ("newest page of a rare user", |d| {
            (
                Scope::Recipient(user(10_000 + d.roll(10_000))),
                Query::default(),
            )
        }),
        ("an hour of a day long ago", |d| {
            (Scope::Global, since(d, 1))
        }),
        ("one common status", |_| {
            (
                Scope::Global,
                Query {
                    statuses: vec![Status::Quarantined],
                    ..Query::default()
                },
            )
        }),
        ("two rare statuses and a class", |_| {
            (
                Scope::Global,
                Query {
                    statuses: vec![Status::TokenRefused, Status::Expired],
                    classes: vec![Class::Malware],
                    ..Query::default()
                },
            )
        }),
        ("a status that never was", |_| {
            (
                Scope::Global,
                Query {
                    statuses: vec![Status::Expired],
                    ..Query::default()
                },
            )
        }),
        ("score from 14.9, status deferred: nothing", |_| {
            (
                Scope::Global,
                Query {
                    score_from: Some(14.9),
                    statuses: vec![Status::Deferred],
                    ..Query::default()
                },
            )
        }),
        ("score over 15: nothing", |_| {
            (
                Scope::Global,
                Query {
                    score_from: Some(15.0),
                    ..Query::default()
                },
            )
        }),
        ("rare word", |d| {
            (Scope::Global, text(format!("w{}", 30_000 + d.roll(30_000))))
        }),
        ("common word", |d| {
            (Scope::Global, text(format!("w{}", 1 + d.roll(5))))
        }),
        ("three common words", |_| {
            (Scope::Global, text("w1 w2 w3".into()))
        }),
        ("five common words, far apart: few", |_| {
            (Scope::Global, text("w1 w2 w3 w4 w5 w6".into()))
        }),
        ("common word and a rare status", |_| {
            (
                Scope::Global,
                Query {
                    statuses: vec![Status::TokenRefused],
                    ..text("w1".into())
                },
            )
        }),
        ("common word, score of nothing", |_| {
            (
                Scope::Global,
                Query {
                    score_from: Some(15.0),
                    ..text("w1".into())
                },
            )
        }),
        ("a word that never was", |d| {
            (Scope::Global, text(format!("nothing{}", d.roll(1000))))
        }),
        ("common and never", |_| {
            (Scope::Global, text("w1 neverwas".into()))
        }),
        ("beginning: w1234*", |d| {
            (Scope::Global, text(format!("w{}*", 1000 + d.roll(5000))))
        }),
        ("beginning of two signs and never", |_| {
            (Scope::Global, text("w1* neverwas".into()))
        }),
        ("two wide beginnings, status of nothing", |_| {
            (
                Scope::Global,
                Query {
                    statuses: vec![Status::TokenRefused],
                    ..text("w1* w2*".into())
                },
            )
        }),
        ("an id of the next host's queue", |d| {
            (Scope::Global, text(format!("{:010X}", d.roll(1 << 40))))
        }),
        ("sender's address", |d| {
            (
                Scope::Global,
                Query {
                    from: format!("sender{0}@host{1}.far{0}.example", 100 + d.roll(2000), 0)
                        .parse()
                        .ok(),
                    ..Query::default()
                },
            )
        }),
        ("sender's domain", |d| {
            (
                Scope::Global,
                Query {
                    from: format!("@host1.far{}.example", d.roll(20_000)).parse().ok(),
                    ..Query::default()
                },
            )
        }),
        ("part of a sender", |d| {
            (
                Scope::Global,
                Query {
                    from: format!("sender{}", 1000 + d.roll(9000)).parse().ok(),
                    ..Query::default()
                },
            )
        }),
        ("client address", |d| {
            (
                Scope::Global,
                Query {
                    client: format!("198.1.{}.{}", d.roll(250), d.roll(250))
                        .parse()
                        .ok(),
                    ..Query::default()
                },
            )
        }),
        ("client network /16, rare status", |_| {
            (
                Scope::Global,
                Query {
                    client: "198.1.0.0/16".parse().ok(),
                    statuses: vec![Status::TokenRefused],
                    ..Query::default()
                },
            )
        }),
        ("domain, two common words, a week", |d| {
            (
                Scope::Domain(user(d.roll(200)).domain().clone()),
                Query {
                    text: Some("w1 w2".into()),
                    ..since(d, 168)
                },
            )
        }),
        ("user, a common word", |d| {
            (Scope::Recipient(user(1 + d.roll(200))), text("w3".into()))
        }),
        ("user, nothing", |d| {
            (
                Scope::Recipient(user(1 + d.roll(200))),
                text("w1 neverwas".into()),
            )
        }),
        ("a mail's id, unknown", |d| {
            (
                Scope::Global,
                Query {
                    mail: Some(MailId([d.roll(250) as u8; 16])),
                    ..Query::default()
                },
            )
        }),
    ]
}

async fn measure(store: &Store) {
    let mut dice = Dice(7);
    for (name, make) in queries() {
        let (mut times, mut rows) = (Vec::new(), 0);
        for _ in 0..RUNS {
            let (scope, query) = make(&mut dice);
            let started = Instant::now();
            let page = store
                .journal
                .search(&scope, &query, 50)
                .await
                .expect("searched");
            times.push(started.elapsed());
            rows = page.rows.len();
        }
        print(name, times, rows);
    }
    let page = store
        .journal
        .search(&Scope::Global, &since(&mut dice, 100), 1000)
        .await;
    let known: Vec<Event> = page
        .expect("searched")
        .rows
        .into_iter()
        .filter(|e| e.mail.is_some())
        .collect();
    let mut times = Vec::new();
    for event in known.iter().take(RUNS) {
        let id = EntryId::of(event.mail.expect("mail"), &event.to[0]);
        let started = Instant::now();
        let history = store.journal.history(id).await.expect("history");
        times.push(started.elapsed());
        assert_eq!(history.len(), 1);
    }
    print("history of an entry", times, 1);
    let end = Timestamp(START + DAYS * DAY);
    for (name, scope, from, step) in [
        ("sums of 30 days, global", "global", START, Step::Day),
        (
            "sums of the last day, global",
            "global",
            end.0 - DAY - 1000,
            Step::Hour,
        ),
        (
            "sums of 30 days, a domain",
            "dom1.example",
            START,
            Step::Day,
        ),
        (
            "sums of 30 days, a user",
            "user1@dom1.example",
            START,
            Step::Day,
        ),
    ] {
        let scope: Scope = scope.parse().expect("scope");
        let (mut times, mut rows) = (Vec::new(), 0);
        for _ in 0..20 {
            let started = Instant::now();
            let tally = store
                .journal
                .tally(&scope, Timestamp(from), end, step)
                .await;
            times.push(started.elapsed());
            rows = tally.expect("tally").counts.len();
        }
        print(name, times, rows);
    }
}

fn open(dir: &Path, clock: &Clock) -> (Store, Handle) {
    on_sled::open(dir, &Options::default(), clock.clone()).expect("opened")
}

async fn one(rows: u64) {
    let dir = tempfile::tempdir().expect("directory");
    let clock = Clock::by_hand(Timestamp(START));
    let (store, handle) = open(dir.path(), &clock);
    let took = fill(&store, &clock, rows).await;
    println!(
        "{rows} rows: written at {:.1} us each, {WRITERS} at once",
        took.as_secs_f64() * 1e6 / rows as f64
    );
    let started = Instant::now();
    handle.seal().expect("sealed");
    handle.tidy().expect("tidied");
    println!(
        "  the rest sealed and tidied in {:.1} s; {}",
        started.elapsed().as_secs_f64(),
        memory()
    );
    for part in ["journal", "segments", "index"] {
        println!(
            "  {part}: {:.1} octets a row",
            octets(&dir.path().join(part)) as f64 / rows as f64
        );
    }
    drop(store);
    handle.close().expect("closed");
    let started = Instant::now();
    let (store, handle) = open(dir.path(), &clock);
    println!(
        "  opened in {:.0} ms; {}",
        started.elapsed().as_secs_f64() * 1000.0,
        memory()
    );
    measure(&store).await;
    println!("  {}", memory());
    drop(store);
    handle.close().expect("closed");
}

fn main() {
    let asked: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let sizes = if asked.is_empty() {
        vec![10_000, 100_000, 1_000_000]
    } else {
        asked
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime");
    for rows in sizes {
        runtime.block_on(one(rows));
    }
}
