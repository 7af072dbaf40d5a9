//! Signing in by a mailed link, and the letters of the house. On the store in memory.

mod house;

use std::net::IpAddr;
use std::time::Duration;

use house::{House, address, door, principal, scope};
use quaranta::accounts::{Login, LoginRefusal, Options, Step};
use quaranta::actions::Query;
use quaranta::notify::{Letter, LetterOptions, Post};
use quaranta::record::JobKind;

const ALICE: &str = "alice@example.org";
const BASE: &str = "https://mx.example.org/";
const WEB: &str = "web";

fn from() -> IpAddr {
    "192.0.2.1".parse().expect("ip")
}

fn post(house: &House, options: &LetterOptions) -> Post {
    let jobs = house.store.jobs.clone();
    Post::new(jobs, house.clock.clone(), "mx.example.org", options)
}

async fn with(options: Options) -> (House, Login) {
    let house = House::new().await;
    let added = house
        .desk
        .add_account(&principal("global"), scope(ALICE), None, &door())
        .await;
    added.expect("account");
    let (settings, journal) = (house.store.settings.clone(), house.store.journal.clone());
    let login = Login::new(settings, journal, house.clock.clone(), options);
    let post = post(&house, &LetterOptions::default());
    (house, login.writing(post))
}

/// Waits until so many letters are owed, then brings them.
async fn letters(house: &House, to: &str, count: usize) -> Vec<String> {
    let waiting = async {
        while house.store.jobs.jobs(100).await.expect("jobs").len() < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .expect("letters in time");
    assert_eq!(house.deliver().await, count);
    house.carrying.destination.got(to)
}

fn link_in(letter: &str) -> String {
    let (_, rest) = letter
        .split_once("https://mx.example.org/sign-in/link/")
        .expect("a link");
    rest.lines().next().expect("a line").to_owned()
}

/// SE-14: the link lets its holder in, once, while it holds, and only in a POST's stead.
#[tokio::test]
async fn se14_a_mailed_link_lets_in_once() {
    let (house, login) = with(Options::default()).await;
    login
        .ask_link("Alice@Example.ORG", from(), BASE)
        .expect("asked");
    let letter = letters(&house, ALICE, 1).await.remove(0);
    for field in [
        "From: \"Mail quarantine\" <postmaster@mx.example.org>\r\n",
        "To: <Alice@example.org>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "X-Quaranta-Notice: sign-in\r\n",
        "Date: ",
        "Message-ID: <",
    ] {
        assert!(letter.contains(field), "{field} in {letter}");
    }
    assert!(letter.contains("at 192.0.2.1 asked") && letter.contains("within 15 minutes"));
    let link = link_in(&letter);
    assert_eq!(link.len(), 43);
    let Ok(Step::Done(signed)) = login.take_link(&link, from(), WEB).await else {
        panic!("the link lets in");
    };
    assert_eq!(signed.login(), &scope(ALICE));
    let again = login.take_link(&link, from(), WEB).await;
    assert_eq!(again, Err(LoginRefusal::Wrong), "once");
    login.ask_link(ALICE, from(), BASE).expect("asked");
    let letter = letters(&house, ALICE, 1).await.remove(1);
    house.clock.forward(Duration::from_secs(900));
    let late = login.take_link(&link_in(&letter), from(), WEB).await;
    assert_eq!(late, Err(LoginRefusal::Wrong), "too late");
    // The log tells of the letter, not of the link.
    let (global, all) = (principal("global"), Query::default());
    let log = house.desk.log(&global, &all, 100).await.expect("log").rows;
    let log = format!("{log:?}");
    assert!(log.contains("a letter of the house: sign-in") && !log.contains(&link));
}

/// SE-14: who asks learns nothing about whether there is such an account.
#[tokio::test]
async fn se14_the_answer_is_the_same_for_everybody() {
    let (house, login) = with(Options::default()).await;
    for unknown in [
        "bob@example.org",
        "alice@elsewhere.test",
        "nonsense",
        "",
        ALICE,
    ] {
        assert_eq!(login.ask_link(unknown, from(), BASE), Ok(()), "{unknown}");
    }
    letters(&house, ALICE, 1).await;
    assert_eq!(house.carrying.destination.delivered.lock().len(), 1);
    // Three an hour to one address, whoever asks; nothing is said about it.
    for n in 0..5_u8 {
        let place = IpAddr::from([198, 51, 100, n]);
        assert_eq!(login.ask_link(ALICE, place, BASE), Ok(()));
    }
    assert_eq!(letters(&house, ALICE, 2).await.len(), 3);
    let mut answers = Vec::new();
    for n in 0..20 {
        let unknown = format!("user{n}@example.org");
        answers.push(login.ask_link(&unknown, from(), BASE).is_ok());
    }
    assert_eq!(
        answers.iter().filter(|ok| **ok).count(),
        15,
        "twenty an hour"
    );
    let (settings, journal) = (house.store.settings.clone(), house.store.journal.clone());
    let silent = Login::new(settings, journal, house.clock.clone(), Options::default());
    let asked = silent.ask_link(ALICE, from(), BASE);
    assert_eq!(
        asked,
        Err(LoginRefusal::Unavailable),
        "nobody writes letters"
    );
}

/// SE-14: an account may come into being by a link, where that is allowed.
#[tokio::test]
async fn se14_a_link_makes_an_account_where_that_is_allowed() {
    let options = Options {
        link_makes_accounts: true,
        ..Options::default()
    };
    let (house, login) = with(options).await;
    let new = "newcomer@example.org";
    login
        .ask_link("stranger@elsewhere.test", from(), BASE)
        .expect("asked");
    login.ask_link(new, from(), BASE).expect("asked");
    let letter = letters(&house, new, 1).await.remove(0);
    assert_eq!(house.store.settings.account(&scope(new)).await, Ok(None));
    let step = login.take_link(&link_in(&letter), from(), WEB).await;
    assert!(matches!(step, Ok(Step::Done(_))), "{step:?}");
    let shown = house.desk.account(&principal("global"), &scope(new)).await;
    assert!(!shown.expect("account").has_password);
    for password in ["", "no account has this one"] {
        let found = login.begin(new, password, from(), WEB).await;
        assert_eq!(found, Err(LoginRefusal::Wrong), "{password:?}");
    }
}

/// SY-03, SE-14: a letter that cannot be brought is nobody else's, and ends with its use.
#[tokio::test]
async fn se14_a_letter_that_strands_is_not_kept() {
    let (house, login) = with(Options::default()).await;
    house.carrying.destination.will_say(ALICE, &[550]);
    login.ask_link(ALICE, from(), BASE).expect("asked");
    letters(&house, ALICE, 1).await;
    assert!(
        house.caught("example.org").await.is_empty(),
        "in no quarantine"
    );
    assert!(house.store.jobs.jobs(10).await.expect("jobs").is_empty());
    house.carrying.destination.will_say(ALICE, &[451, 250]);
    login.ask_link(ALICE, from(), BASE).expect("asked");
    letters(&house, ALICE, 1).await;
    let job = house.store.jobs.jobs(10).await.expect("jobs").remove(0);
    assert!(matches!(job.kind, JobKind::Letter { .. }) && job.tries == 1);
    house.clock.forward(Duration::from_secs(3600));
    assert_eq!(house.deliver().await, 1);
    assert!(
        house.carrying.destination.got(ALICE).is_empty(),
        "too late to be of use"
    );
    let log = house.log().await;
    assert_eq!(log.iter().filter(|s| *s == "release-failed").count(), 2);
}

/// SY-06: letters are what they say, also to addresses and in words beyond ASCII.
#[tokio::test]
async fn sy06_letters_are_whole_and_marked() {
    let house = House::new().await;
    let options = LetterOptions {
        from: Some(address("noreply@example.org")),
        name: "A \"name\"\r\nX: y".to_owned(),
        ..LetterOptions::default()
    };
    let until = house.clock.now().after(Duration::from_secs(60));
    let letter = |text: &str| {
        let to = address("jürgen@example.org");
        Letter::new(to, "test", "A test", text.to_owned(), until)
    };
    let post = post(&house, &options);
    post.send(letter("Grüße\n.\nEnde\n")).await.expect("sent");
    assert!(
        post.send(letter("a\rb\n")).await.is_err(),
        "a bare line end"
    );
    let job = house.store.jobs.jobs(10).await.expect("jobs").remove(0);
    let kept = house
        .store
        .entries
        .mail(job.mail)
        .await
        .expect("store")
        .expect("mail");
    assert!(
        kept.envelope.from.is_none() && kept.envelope.smtputf8,
        "RFC 3834, RFC 6531"
    );
    let text = letters(&house, "jürgen@example.org", 1).await.remove(0);
    assert!(
        text.starts_with("From: \"A nameX: y\" <noreply@example.org>\r\n"),
        "{text}"
    );
    assert!(text.contains("Content-Transfer-Encoding: 8bit\r\n"));
    assert!(text.ends_with("\r\n\r\nGrüße\r\n.\r\nEnde\r\n"));
}
