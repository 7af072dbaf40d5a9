//! Crowds at the doors of people: who guesses or does not listen must not keep others out.

mod house;

use std::net::IpAddr;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use house::House;
use quaranta::accounts::{Login, LoginRefusal, Options, hash_password};
use quaranta::clock::{Clock, Timestamp};
use quaranta::control::Control;
use quaranta::net::listen::closing;
use quaranta::record::{Account, Door, Event, Status};
use quaranta::store::in_memory;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::time::timeout;

const START: Timestamp = Timestamp(1_000_000_000_000);

async fn login(options: Options) -> Login {
    let clock = Clock::by_hand(START);
    let store = in_memory::open(clock.clone());
    let account = Account::new(
        "alice@example.org".parse().expect("scope"),
        hash_password("this is right").expect("hash"),
        START,
    );
    let event = Event::new(START, Status::Changed, "test", Door::new("test", ""));
    let set = store.settings.set_account(account, event);
    set.await.expect("account");
    Login::new(store.settings, store.journal, clock, options)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_guesses_does_not_keep_others_waiting() {
    let login = login(Options::default()).await;
    let crowd: Vec<IpAddr> = (1..=20).map(|n| IpAddr::from([192, 0, 2, n])).collect();
    for place in &crowd {
        let first = login.sign_in("alice@example.org", "wrong", *place, "test");
        assert_eq!(first.await, Err(LoginRefusal::Wrong));
    }
    let done = Arc::new(AtomicUsize::new(0));
    let guesses: Vec<_> = crowd
        .iter()
        .map(|place| {
            let (login, place, done) = (login.clone(), *place, done.clone());
            tokio::spawn(async move {
                let again = login.sign_in("alice@example.org", "wrong", place, "test");
                let _ = again.await;
                done.fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    while done.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let honest = IpAddr::from([198, 51, 100, 1]);
    let signed_in = login.sign_in("alice@example.org", "this is right", honest, "test");
    assert!(signed_in.await.is_ok());
    let before = done.load(Ordering::Relaxed);
    assert!(before < 10, "{before} of the crowd came first");
    for guess in guesses {
        guess.await.expect("a guess");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_time_do_not_outrun_the_wait() {
    let login = login(Options::default()).await;
    let place = IpAddr::from([192, 0, 2, 1]);
    let guess = || login.sign_in("alice@example.org", "wrong", place, "test");
    assert_eq!(guess().await, Err(LoginRefusal::Wrong));
    let all = futures_util::future::join_all((0..40).map(|_| guess())).await;
    let tried = all.iter().filter(|said| **said == Err(LoginRefusal::Wrong));
    assert_eq!(tried.count(), 4);
}

#[tokio::test]
async fn se18_a_destination_that_hangs_keeps_nobody_else_from_signing_in() {
    let login = login(Options::default()).await;
    let [slow, honest] = [1, 2].map(|n| IpAddr::from([192, 0, 2, n]));
    for place in [slow, honest] {
        let guess = login.sign_in("alice@example.org", "wrong", place, "test");
        assert_eq!(guess.await, Err(LoginRefusal::Wrong));
    }
    let never = std::future::pending();
    let asked = login.sign_in_elsewhere("bob@example.org", slow, "test", never);
    let mut asked = Box::pin(asked);
    assert!(futures_util::poll!(&mut asked).is_pending());
    let signed_in = login.sign_in("alice@example.org", "this is right", honest, "test");
    let signed_in = timeout(Duration::from_secs(60), signed_in).await;
    assert!(signed_in.expect("not behind a destination").is_ok());
}

#[tokio::test]
async fn control_clients_that_do_not_listen_do_not_keep_the_door_open() {
    let house = House::new().await;
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("control.sock");
    let listener = Control::bind(&path).expect("socket");
    let (closer, stop) = closing();
    let control = Control::new(house.desk.clone(), Duration::from_secs(1));
    let serving = tokio::spawn(control.serve(listener, stop));
    let mut mute = Vec::new();
    for _ in 0..20 {
        let stream = StdStream::connect(&path).expect("connected");
        stream.set_nonblocking(true).expect("nonblocking");
        let mut stream = UnixStream::from_std(stream).expect("stream");
        let asked = stream.write_all(b"{\"ask\":\"user_list\"}\n");
        let _ = timeout(Duration::from_millis(100), asked).await;
        mute.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    closer.close();
    let served = timeout(Duration::from_secs(5), serving).await;
    assert!(served.is_ok(), "the control socket never closed");
}
