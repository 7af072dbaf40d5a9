//! The panel on a large quarantine, over a store on disk and real connections: how long pages
//! take, how heavy they are, and what memory the process has.
//!
//! `cargo bench --bench panel -- [DIR] [MESSAGES]...`; 10,000 and 100,000 messages by default.

mod shelf;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use quaranta::accounts::{self, Login, hash_password};
use quaranta::actions::Desk;
use quaranta::clock::Clock;
use quaranta::net::listen::closing;
use quaranta::record::{self, Account, Event, Status};
use quaranta::store::{self, on_sled};
use quaranta::web;
use shelf::{NOW, OWNER, asked, fill, resident, two_threads};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PASSWORD: &str = "correct horse";
/// Times each page is asked for.
const ASKED: usize = 60;

const PAGES: [(&str, &str); 8] = [
    ("first page", "/quarantine"),
    ("a page in the middle", "/quarantine?before=MIDDLE"),
    ("a word that most have", "/quarantine?q=invoice"),
    ("a word that none has", "/quarantine?q=nothing"),
    ("surest spam first", "/quarantine?order=score_down"),
    ("log, first page", "/log"),
    ("log, words of a subject", "/log?subject=invoice"),
    ("overview", "/overview"),
];

fn main() -> io::Result<()> {
    let (dir, counts) = asked(&[10_000, 100_000]);
    let runtime = two_threads()?;
    for count in counts {
        let place = tempfile::tempdir_in(&dir)?;
        runtime.block_on(measure(place.path(), count))?;
    }
    Ok(())
}

async fn measure(place: &Path, count: u64) -> io::Result<()> {
    let mut out = io::stdout();
    let clock = Clock::system();
    let opened = on_sled::open(
        &place.join("store"),
        &store::Options::default(),
        clock.clone(),
    );
    let (store, handle) = opened.expect("a store on this disk");
    let hash = hash_password(PASSWORD).expect("hash");
    let account = Account::new(OWNER.parse().expect("scope"), hash, NOW);
    let door = record::Door::new("bench", "");
    let event = Event::new(NOW, Status::Changed, "bench", door);
    let set = store.settings.set_account(account, event);
    set.await.expect("account");
    fill(&store, count).await;
    let (closer, closing) = closing();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let login = Login::new(
        store.settings.clone(),
        store.journal.clone(),
        clock.clone(),
        accounts::Options::default(),
    );
    let door = web::Door::new(web::Setup {
        options: web::Options::default(),
        desk: Desk::new(store.clone(), clock),
        login,
        tls: None,
        closing,
        overlap: std::time::Duration::from_secs(60),
    });
    let serving = tokio::spawn(door.serve(listener));
    let cookie = sign_in(at).await?;
    writeln!(
        out,
        "{count} messages; {:.0} MB resident",
        resident() / 1000.0
    )?;
    for (name, path) in PAGES {
        let path = path.replace("MIDDLE", &(count / 2).to_string());
        let (mut times, mut octets) = (Vec::new(), 0);
        for _ in 0..ASKED {
            let start = Instant::now();
            octets = get(at, &path, &cookie).await?.len();
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        let (middle, late) = (times[ASKED / 2], times[ASKED * 95 / 100]);
        writeln!(
            out,
            "  {name:26} p50 {middle:7.1} ms  p95 {late:7.1} ms  {octets:6} octets"
        )?;
    }
    writeln!(out, "  {:.0} MB resident after", resident() / 1000.0)?;
    closer.close();
    serving.await?;
    drop(handle);
    Ok(())
}

async fn ask(at: SocketAddr, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn get(at: SocketAddr, path: &str, cookie: &str) -> io::Result<String> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: here\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    );
    let answer = ask(at, &request).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(answer)
}

async fn sign_in(at: SocketAddr) -> io::Result<String> {
    let form = format!("login={OWNER}&password={}", PASSWORD.replace(' ', "+"));
    let request = format!(
        "POST /sign-in HTTP/1.1\r\nHost: here\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
        form.len()
    );
    let answer = ask(at, &request).await?;
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "));
    let pair = cookie.and_then(|cookie| cookie.split(';').next());
    Ok(pair.expect("a session").to_owned())
}
