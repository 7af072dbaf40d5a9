//! Many digests due at the same moment, over a store on disk: how long until the last is brought, how
//! many letters wait meanwhile, and what memory the process has. Each recipient has one new entry, and
//! gets a welcome besides the digest. Where the letters go costs nothing here.
//!
//! `cargo bench --bench digest -- [DIR] [RECIPIENTS]...`; 1,000 and 10,000 by default.

mod shelf;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use quaranta::actions::Desk;
use quaranta::background::{self, Background, Herald, Holding};
use quaranta::clock::Clock;
use quaranta::mail::{Budget, Mail, Reply};
use quaranta::net::listen::closing;
use quaranta::notify::{Forms, LetterOptions, Post, Scribe};
use quaranta::policy::{Layer, Scope};
use quaranta::record::{DomainSettings, Door, Event, Status};
use quaranta::relay::{Carrier, Parcel};
use quaranta::store::{self, on_sled};
use shelf::{NOW, address, asked, cpu, fill_with, mail_to, resident, two_threads};

const DAY: Duration = Duration::from_secs(86_400);
/// How often it is looked how many wait.
const LOOK: Duration = Duration::from_millis(50);
const LOOKED_MOST: usize = 10_000;

/// Takes everything.
#[derive(Default)]
struct Sink(AtomicU64);

#[async_trait]
impl Carrier for Sink {
    async fn carry(&self, _mail: &Mail, parcels: &[Parcel]) -> Vec<Vec<Reply>> {
        let took = |parcel: &Parcel| vec![Reply::plain(250, "taken"); parcel.to.len()];
        self.0.fetch_add(parcels.len() as u64, Ordering::Relaxed);
        parcels.iter().map(took).collect()
    }
}

fn main() -> io::Result<()> {
    let (dir, counts) = asked(&[1_000, 10_000]);
    let runtime = two_threads()?;
    for count in counts {
        let place = tempfile::tempdir_in(&dir)?;
        runtime.block_on(measure(place.path(), count))?;
    }
    Ok(())
}

async fn measure(place: &Path, count: u64) -> io::Result<()> {
    let clock = Clock::by_hand(NOW);
    let options = store::Options::default();
    let opened = on_sled::open(&place.join("store"), &options, clock.clone());
    let (store, handle) = opened.expect("a store on this disk");
    let event = || Event::new(NOW, Status::Changed, "bench", Door::new("bench", ""));
    let domain = DomainSettings::new("example.org".parse().expect("domain"), Vec::new());
    let set = store.settings.set_domain(domain, event());
    set.await.expect("domain");
    let layer = Layer {
        digest: Some("daily".parse().expect("rhythm")),
        ..Layer::default()
    };
    let set = store.settings.set_layer(&Scope::Global, layer, event());
    set.await.expect("policy");
    fill_with(&store, count, |n| {
        mail_to(n, address(&format!("u{n}@example.org")))
    })
    .await;

    let desk = Desk::new(store.clone(), clock.clone());
    let letters = LetterOptions::default();
    let herald = Herald {
        store: store.clone(),
        desk: desk.clone(),
        post: Post::new(
            store.jobs.clone(),
            clock.clone(),
            "mx.example.org",
            &letters,
        ),
        clock: clock.clone(),
        scribe: Arc::new(Scribe::new(
            Forms::open(None).expect("built in"),
            "mx.example.org",
            "https://mx.example.org/",
        )),
        lines: 100,
    };
    let sink = Arc::new(Sink::default());
    let carrying = Background {
        store: store.clone(),
        desk,
        carrier: sink.clone(),
        clock: clock.clone(),
        budget: Budget::new(64 << 20),
        options: Arc::new(background::Options::default()),
        holding: Holding::default(),
        reinsertion: Arc::default(),
        outgoing: None,
    };
    let start = Instant::now();
    herald.round().await;
    let found = start.elapsed();
    let before = resident();
    clock.set(NOW.after(DAY));
    let (closer, closing) = closing();
    let (start, spent) = (Instant::now(), cpu());
    let running = [
        tokio::spawn(herald.run(closing.clone())),
        tokio::spawn(carrying.run(closing)),
    ];
    let (mut waited, mut most) = (0, before);
    while sink.0.load(Ordering::Relaxed) < 2 * count {
        tokio::time::sleep(LOOK).await;
        let jobs = store.jobs.jobs(LOOKED_MOST).await.expect("jobs");
        waited = waited.max(jobs.len());
        most = most.max(resident());
    }
    let (time, spent) = (start.elapsed().as_secs_f64(), cpu() - spent);
    closer.close();
    for chore in running {
        chore.await?;
    }
    let letters = (2 * count) as f64;
    writeln!(
        io::stdout(),
        "{count} recipients: found in {:.1} s; {letters} letters in {time:.0} s, {:.0} a second, \
         {:.2} ms of processor time each; at most {waited} waited; {:.0} MB resident, before {:.0}",
        found.as_secs_f64(),
        letters / time,
        1000.0 * spent / letters,
        most / 1000.0,
        before / 1000.0,
    )?;
    drop(handle);
    Ok(())
}
