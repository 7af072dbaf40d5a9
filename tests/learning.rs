//! What people teach: the training folders reach the learner, lessons can be taken back, and nobody
//! moves others beyond the bound. All mail here is made up, by seed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use quaranta::actions::{Desk, link_keys};
use quaranta::background::Teaching;
use quaranta::clock::{Clock, Timestamp};
use quaranta::inspect::{Bulk, LEARNED, Learner, Options, StandardPanel, Which, vector_of};
use quaranta::mail::{Address, BodyType, Direction, Envelope, Mail, Message, NOTICE_FIELD, Peer};
use quaranta::net::dns::Dns;
use quaranta::policy::{Class, Finding, Policy, Principal, Scope, judge};
use quaranta::record::{Door, Lore};
use quaranta::store::{Store, in_memory};
use quaranta::token::notice;

const PITCH: &str = "Refinance now: our advisers found that your household qualifies for the golden \
    harvest programme. Claim the granted benefit before the window closes, answer with the \
    reference below and a specialist calls you back the same evening.";
const TALK: [&str; 12] = [
    "the meeting moved to thursday afternoon",
    "please review the attached draft when you find time",
    "the build on the second server failed again",
    "we should order more paper for the printer",
    "thanks for lunch, it was good to see you",
    "the invoice from the carpenter is in the folder",
    "could you send me the slides of the talk",
    "the children start school next week",
    "I fixed the bug in the parser yesterday",
    "the train was late, so I missed the call",
    "our neighbour asks whether the ladder is free",
    "see the notes on the release in the wiki",
];

/// Numbers by seed (xorshift).
struct Seed(u64);

impl Seed {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

fn address(text: &str) -> Address {
    text.parse().expect("address")
}

fn mail(from: &str, to: &str, text: &str) -> Mail {
    let envelope = Envelope {
        peer: Peer::local(),
        direction: Direction::Inbound,
        from: Some(address(from)),
        to: to.split_whitespace().map(address).collect(),
        body: BodyType::SevenBit,
        smtputf8: false,
    };
    Mail::new(
        envelope,
        Message::new(text.to_owned(), None).expect("message"),
        0,
    )
}

/// A spam of one campaign: the pitch, with a number and a sender of its own.
fn spam(seed: &mut Seed, to: &str) -> Mail {
    let (n, m) = (seed.next(1_000_000), seed.next(900) + 100);
    let from = format!("desk{m}@offer{m}.example");
    let text = format!(
        "From: Harvest Desk <{from}>\r\nTo: {to}\r\nSubject: Your benefit {n}\r\nMessage-ID: <{n}.{m}@offer{m}.example>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{PITCH} Reference {n}-{m}.\r\n"
    );
    mail(&from, to, &text)
}

/// A mail between people.
fn ham(seed: &mut Seed, to: &str) -> Mail {
    let n = seed.next(1_000_000);
    let lines: Vec<&str> = (0..4).map(|_| TALK[seed.next(TALK.len())]).collect();
    let text = format!(
        "From: Erika Muster <erika@friends.example>\r\nTo: {to}\r\nSubject: {}\r\nMessage-ID: <{n}@friends.example>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello,\r\n{}.\r\nErika\r\n",
        lines[0],
        lines.join(".\r\n")
    );
    mail("erika@friends.example", to, &text)
}

/// The part of the house that learns.
struct School {
    store: Store,
    desk: Desk,
    clock: Clock,
    learner: Arc<Learner>,
    panel: StandardPanel,
}

impl School {
    fn new() -> Self {
        let clock = Clock::by_hand(Timestamp(1_700_000_000_000));
        Self::with(in_memory::open(clock.clone()), clock, Learner::in_memory())
    }

    fn with(store: Store, clock: Clock, learner: Learner) -> Self {
        let learner = Arc::new(learner);
        let dns = Arc::new(Dns::off("a test"));
        let panel = StandardPanel::open(&Options::default(), dns, clock.clone()).expect("rules");
        Self {
            desk: Desk::new(store.clone(), clock.clone()),
            panel: panel.learning(learner.clone()),
            store,
            clock,
            learner,
        }
    }

    /// A mail is dropped into a training folder by `login`.
    async fn drop_in(&self, login: &str, lore: Lore, mail: &Mail) {
        let by = Principal::of(login.parse::<Scope>().expect("scope"));
        let door = Door::new("imap", "127.0.0.1");
        self.desk.teach(&by, lore, mail, &door).await.expect("kept");
    }

    /// The chore of learning, once.
    async fn learn(&self) {
        let teaching = Teaching {
            store: self.store.clone(),
            learner: self.learner.clone(),
            text_most: Options::default().text_most.get(),
            clock: self.clock.clone(),
            nightly: None,
        };
        teaching.teach_new().await;
    }

    fn found(&self, mail: &Mail) -> Vec<Finding> {
        self.panel
            .inspect_locally(mail)
            .found_for(&mail.envelope.to[0])
    }

    fn class(&self, mail: &Mail) -> Class {
        judge(self.found(mail), None, &Policy::default()).class
    }

    /// What the learner adds to the score.
    fn learned(&self, mail: &Mail) -> f32 {
        let found = self.found(mail);
        let own = found.iter().find(|finding| finding.name() == LEARNED);
        own.map_or(0.0, Finding::weight)
    }

    fn undo(&self, which: &Which) -> usize {
        self.learner
            .undo(which, "global", self.clock.now())
            .expect("undone")
    }
}

fn bulk(mail: &Mail, lore: Lore) -> Bulk {
    let vector =
        vector_of(mail.message.bytes(), &mail.envelope, 1 << 17).expect("a mail of others");
    Bulk {
        mail: mail.id,
        lore,
        vector: vector.packed(),
    }
}

/// A school that knows some mail of other kinds already.
fn grown() -> School {
    let school = School::new();
    let mut seed = Seed(7);
    let mut all = Vec::new();
    for n in 0..60 {
        all.push(bulk(&ham(&mut seed, "x@example.org"), Lore::Ham));
        let text = format!(
            "From: a{n}@pills{n}.example\r\nSubject: cheap pills {n}\r\n\r\ncheap pills without prescription, order now, {n}\r\n"
        );
        all.push(bulk(
            &mail("a@pills.example", "x@example.org", &text),
            Lore::Spam,
        ));
    }
    school
        .learner
        .train(&all, "test", school.clock.now())
        .expect("learned");
    school
}

/// SE-11: ten missed spams of a campaign dropped into `Spam` make the next ones caught; XX-11:
/// taking the lessons back gives the old scores, bit for bit.
#[tokio::test]
async fn ten_spams_of_a_campaign_make_the_next_caught() {
    for school in [School::new(), grown()] {
        let mut seed = Seed(42);
        let user = "anna@example.org";
        let next: Vec<Mail> = (0..20).map(|_| spam(&mut seed, user)).collect();
        let wanted: Vec<Mail> = (0..20).map(|_| ham(&mut seed, user)).collect();
        let bits = |school: &School| -> Vec<u32> {
            next.iter()
                .chain(&wanted)
                .map(|mail| school.learned(mail).to_bits())
                .collect()
        };
        let before = bits(&school);
        assert!(
            next.iter().all(|mail| school.class(mail) != Class::Spam),
            "they are missed at first"
        );
        for _ in 0..10 {
            school
                .drop_in(user, Lore::Spam, &spam(&mut seed, user))
                .await;
        }
        school.learn().await;
        for mail in &next {
            assert_eq!(school.class(mail), Class::Spam, "{:?}", school.found(mail));
        }
        for mail in &wanted {
            assert_eq!(school.class(mail), Class::Clean, "{:?}", school.found(mail));
        }
        assert_ne!(bits(&school), before);
        let which = Which {
            who: Some(user.to_owned()),
            ..Which::default()
        };
        assert_eq!(school.undo(&which), 10);
        assert_eq!(bits(&school), before);
        // What was taken back is not learned again from the store.
        school.learn().await;
        assert_eq!(bits(&school), before);
    }
}

/// XX-11: lessons in the middle can be taken back, and the others stay as they are.
#[tokio::test]
async fn lessons_are_taken_back_one_by_one_or_by_time() {
    let school = grown();
    let mut seed = Seed(3);
    let probe = spam(&mut seed, "anna@example.org");
    let start = school.learned(&probe).to_bits();
    for _ in 0..3 {
        school
            .drop_in("global", Lore::Spam, &spam(&mut seed, "anna@example.org"))
            .await;
    }
    school.learn().await;
    let early = school.learned(&probe).to_bits();
    school.clock.forward(std::time::Duration::from_secs(86_400));
    let second_day = school.clock.now();
    for _ in 0..3 {
        school
            .drop_in("global", Lore::Ham, &spam(&mut seed, "anna@example.org"))
            .await;
    }
    school.learn().await;
    let newest = school.learner.lessons(&Which::default(), 1);
    assert_eq!((newest[0].lore, newest[0].at), (Lore::Ham, second_day));
    assert_ne!(school.learned(&probe).to_bits(), early);
    assert_eq!(
        school.undo(&Which {
            numbers: vec![newest[0].number],
            ..Which::default()
        }),
        1
    );
    assert_eq!(
        school.undo(&Which {
            numbers: vec![newest[0].number],
            ..Which::default()
        }),
        0
    );
    assert_eq!(
        school.undo(&Which {
            since: Some(second_day),
            ..Which::default()
        }),
        2
    );
    assert_eq!(school.learned(&probe).to_bits(), early);
    let rest = Which {
        who: Some("global".to_owned()),
        before: Some(second_day),
        ..Which::default()
    };
    assert_eq!(school.undo(&rest), 3);
    assert_eq!(school.learned(&probe).to_bits(), start);
}

/// XX-11: a user who calls all wanted mail spam harms nobody beyond the bound.
#[tokio::test]
async fn a_poisoner_moves_others_within_the_bound() {
    let school = grown();
    let mut seed = Seed(11);
    let wanted: Vec<Mail> = (0..10)
        .map(|_| ham(&mut seed, "bert@example.org"))
        .collect();
    let elsewhere: Vec<Mail> = (0..10)
        .map(|_| ham(&mut seed, "cara@example.net"))
        .collect();
    let weights =
        |mails: &[Mail]| -> Vec<f32> { mails.iter().map(|m| school.learned(m)).collect() };
    let (near, far) = (weights(&wanted), weights(&elsewhere));
    for _ in 0..200 {
        school
            .drop_in(
                "mallory@example.org",
                Lore::Spam,
                &ham(&mut seed, "mallory@example.org"),
            )
            .await;
    }
    school.learn().await;
    let own = ham(&mut seed, "mallory@example.org");
    assert!(school.learned(&own) > 2.0, "{:?}", school.found(&own));
    let rise = |after: Vec<f32>, before: &[f32]| {
        let each = after.iter().zip(before).map(|(a, b)| a - b);
        each.fold(0.0_f32, f32::max)
    };
    // A logit is worth 1.25 points at most; 0.25 and 0.5 steps move 2.2 logits each at most.
    let (in_domain, outside) = (
        rise(weights(&wanted), &near),
        rise(weights(&elsewhere), &far),
    );
    assert!(outside <= 0.7, "{outside}");
    assert!(in_domain <= 2.1, "{in_domain}");
    assert!(wanted.iter().all(|mail| school.class(mail) == Class::Clean));
}

/// XX-11: the model is what its journal says, whatever the crash; what a torn end lost is learned
/// again from the store.
#[tokio::test]
async fn a_torn_journal_is_made_whole_from_the_store() {
    let dir = tempfile::tempdir().expect("folder");
    let clock = Clock::by_hand(Timestamp(1_700_000_000_000));
    let store = in_memory::open(clock.clone());
    let open = || {
        School::with(
            store.clone(),
            clock.clone(),
            Learner::open(dir.path()).expect("journal"),
        )
    };
    let mut seed = Seed(5);
    let probes = [
        spam(&mut seed, "anna@example.org"),
        ham(&mut seed, "anna@example.org"),
    ];
    let bits = |school: &School| probes.each_ref().map(|mail| school.learned(mail).to_bits());
    let school = open();
    for n in 0..12 {
        let (lore, mail) = match n % 3 {
            0 => (Lore::Ham, ham(&mut seed, "anna@example.org")),
            _ => (Lore::Spam, spam(&mut seed, "anna@example.org")),
        };
        school.drop_in("anna@example.org", lore, &mail).await;
    }
    school.learn().await;
    school.undo(&Which {
        numbers: vec![2],
        ..Which::default()
    });
    let whole = bits(&school);
    drop(school);
    let journal = dir.path().join("lessons");
    assert_eq!(bits(&open()), whole, "opened again");

    let octets = fs::read(&journal).expect("journal");
    // The last lessons and what was taken back are cut off, somewhere in a record.
    for cut in [
        octets.len() - 3,
        octets.len() * 2 / 3,
        octets.len() / 2,
        20,
        9,
    ] {
        fs::write(&journal, &octets[..cut]).expect("cut");
        let school = open();
        school.learn().await;
        school.undo(&Which {
            numbers: vec![2],
            ..Which::default()
        });
        assert_eq!(bits(&school), whole, "cut at {cut}");
        drop(school);
        assert_eq!(bits(&open()), whole, "cut at {cut}, opened again");
    }
    fs::write(&journal, b"something else entirely").expect("written");
    assert!(
        Learner::open(dir.path()).is_err(),
        "another file is not overwritten"
    );
}

/// A flipped bit ends the journal there; nothing that is broken is believed.
#[test]
fn damage_is_noticed_wherever_it_is() {
    let dir = tempfile::tempdir().expect("folder");
    let mut seed = Seed(9);
    let all: Vec<Bulk> = (0..6)
        .map(|_| bulk(&spam(&mut seed, "a@example.org"), Lore::Spam))
        .collect();
    let learner = Learner::open(dir.path()).expect("journal");
    learner.train(&all, "test", Timestamp(1)).expect("learned");
    let count = learner.lessons(&Which::default(), 100).len();
    assert_eq!(count, 6);
    drop(learner);
    let journal = dir.path().join("lessons");
    let octets = fs::read(&journal).expect("journal");
    for at in (16..octets.len()).step_by(octets.len() / 40) {
        let mut broken = octets.clone();
        broken[at] ^= 0x10;
        fs::write(&journal, &broken).expect("written");
        let learner = Learner::open(dir.path()).expect("opened");
        assert!(learner.lessons(&Which::default(), 100).len() <= count);
        assert!(
            fs::metadata(&journal).expect("there").len() < octets.len() as u64,
            "flipped at {at}"
        );
    }
}

/// SE-10: what the house itself wrote teaches nobody; SE-11: neither does what is gone.
#[tokio::test]
async fn mail_of_the_house_never_trains() {
    let school = School::new();
    let text = format!(
        "{NOTICE_FIELD}: digest\r\nFrom: q@example.org\r\nTo: <anna@example.org>\r\n\
         Subject: digest\r\n\r\nYour mail\r\n"
    );
    let settings = &*school.store.settings;
    let ring = link_keys(settings, school.clock.now()).await.expect("keys");
    let key = ring.current().expect("a key");
    let (to, until) = (address("anna@example.org"), school.clock.now());
    let mark = notice::mark(key, &to, text.as_bytes(), until);
    let marked = format!("{}: {mark}\r\n{text}", notice::MARK_FIELD);
    let digest = mail("q@example.org", "anna@example.org", &marked);
    school
        .drop_in("anna@example.org", Lore::Spam, &digest)
        .await;
    school.learn().await;
    assert!(school.learner.lessons(&Which::default(), 10).is_empty());
    assert_eq!(
        school.learner.stored(),
        1,
        "it was looked at, and is not looked at again"
    );
    // A stranger's field, or a mark of another letter, keeps nobody from learning.
    let forged = marked.replace("Your mail", "Buy now");
    for text in [&text, &forged] {
        let spam = mail("q@example.org", "anna@example.org", text);
        school.drop_in("anna@example.org", Lore::Spam, &spam).await;
    }
    school.learn().await;
    assert_eq!(school.learner.lessons(&Which::default(), 10).len(), 2);
}

/// Learning by itself is off unless asked for, and takes only what is far from the threshold.
#[tokio::test]
async fn by_itself_only_where_it_is_asked_for() {
    for asked in [false, true] {
        let mut school = School::new();
        let options = Options {
            learn_by_itself: asked,
            ..Options::default()
        };
        let panel =
            StandardPanel::open(&options, Arc::new(Dns::off("a test")), school.clock.clone());
        school.panel = panel.expect("rules").learning(school.learner.clone());
        let gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
        let text = format!("From: a@b.example\r\nSubject: test\r\n\r\n{gtube}\r\n");
        school.found(&mail("a@b.example", "anna@example.org", &text));
        school.found(&ham(&mut Seed(2), "anna@example.org"));
        school.learn().await;
        let lessons = school.learner.lessons(&Which::default(), 10);
        assert_eq!(lessons.len(), usize::from(asked), "{lessons:?}");
        if let Some(lesson) = lessons.first() {
            assert_eq!(
                (lesson.lore, lesson.who.as_str()),
                (Lore::Spam, "automatic")
            );
        }
    }
}

/// What was learned counts as much as the option says.
#[tokio::test]
async fn the_weight_of_what_was_learned_is_an_option() {
    let mut school = grown();
    let spam = mail(
        "a@pills.example",
        "anna@example.org",
        "From: a99@pills99.example\r\nSubject: cheap pills 99\r\n\r\ncheap pills without prescription, order now, 99\r\n",
    );
    let whole = school.learned(&spam);
    assert!(whole > 1.0, "{whole}");
    for share in [0.5, 0.0] {
        let options = Options {
            learned: share,
            ..Options::default()
        };
        let panel =
            StandardPanel::open(&options, Arc::new(Dns::off("a test")), school.clock.clone());
        school.panel = panel.expect("rules").learning(school.learner.clone());
        assert!((school.learned(&spam) - whole * share).abs() < 1e-5);
    }
}

/// Whatever lies in a mail or a folder, it is learned in bounded time and memory.
#[tokio::test]
async fn huge_and_broken_mail_is_bounded() {
    let school = School::new();
    let huge = format!(
        "Subject: x\r\n\r\n{}",
        "lorem ipsum 123 \u{200b}dolor\r\n".repeat(40_000)
    );
    let parts = format!(
        "Subject: y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{}",
        "--b\r\nContent-Type: text/html\r\n\r\n<a href=http://a.example>\r\n".repeat(3000)
    );
    let wild: String = (0..200_000_u32)
        .filter_map(|n| char::from_u32(n % 0x1_0000 + 1))
        .filter(|c| !"\r\n".contains(*c))
        .collect();
    for text in [
        huge,
        parts,
        format!("Subject: {wild}\r\n\r\n{wild}\r\n"),
        "\r\n".to_owned(),
        "x\r\n".to_owned(),
    ] {
        let mail = mail("a@b.example", "anna@example.org", &text);
        school.drop_in("anna@example.org", Lore::Spam, &mail).await;
        let vector = vector_of(mail.message.bytes(), &mail.envelope, 1 << 17).expect("features");
        assert!(
            vector.len() < 24_000 && vector.packed().len() < 80_000,
            "{}",
            vector.len()
        );
    }
    school.learn().await;
    assert_eq!(school.learner.lessons(&Which::default(), 10).len(), 5);
}

fn files(dir: &Path, mails: impl Iterator<Item = Mail>) {
    fs::create_dir_all(dir).expect("folder");
    for (n, mail) in mails.enumerate() {
        let text = String::from_utf8_lossy(mail.message.bytes()).replace("\r\n", "\n");
        fs::write(dir.join(format!("{n:04}")), text).expect("file");
    }
}

/// `quaranta evaluate` says what it measured, in the words that administrators' scripts read.
#[test]
fn evaluate_measures_sorted_mail() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let mut seed = Seed(1);
    for kind in ["train", "test"] {
        files(
            &at(&format!("{kind}-ham")),
            (0..40).map(|_| ham(&mut seed, "a@example.org")),
        );
        files(
            &at(&format!("{kind}-spam")),
            (0..30).map(|_| spam(&mut seed, "a@example.org")),
        );
    }
    // No mail, and an mbox among the messages.
    fs::write(at("train-ham").join("zz.bin"), [0_u8; 5000]).expect("file");
    fs::write(at("test-ham").join("zz.empty"), "").expect("file");
    fs::write(
        at("test-ham").join("zz.mbox"),
        "From x Mon Jan  3 01:02:03 2022\nSubject: a\n\nb\n\nFrom y Tue Jan  4 01:02:03 2022\nSubject: c\n\nd\n",
    )
    .expect("file");
    let run = |trained: bool| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_quaranta"));
        command
            .arg("evaluate")
            .arg("--json")
            .arg("--config")
            .arg(at("none.toml"));
        fs::write(at("none.toml"), "").expect("file");
        for kind in ["test", "train"].iter().take(1 + usize::from(trained)) {
            command
                .arg(format!("--{kind}-ham"))
                .arg(at(&format!("{kind}-ham")));
            command
                .arg(format!("--{kind}-spam"))
                .arg(at(&format!("{kind}-spam")));
        }
        let output = command
            .arg("--scores")
            .arg(at("scores.tsv"))
            .output()
            .expect("run");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).expect("text");
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON")
    };
    let (bare, taught) = (run(false), run(true));
    for report in [&bare, &taught] {
        for key in [
            "auc",
            "one_minus_roca_percent",
            "ham_lost",
            "spam_caught",
            "cpu_ms_per_message",
        ] {
            assert!(report[key].is_f64(), "{key}: {report}");
        }
        for loss in ["0.1", "0.5", "1"] {
            assert!(report["catch_at_ham_loss"][loss].is_f64(), "{report}");
        }
        // What has no octets is no message.
        assert_eq!(
            (report["ham"].as_u64(), report["spam"].as_u64()),
            (Some(42), Some(30))
        );
    }
    assert_eq!(
        (bare["trained"].as_u64(), taught["trained"].as_u64()),
        (Some(0), Some(70))
    );
    assert!(taught["auc"].as_f64() > bare["auc"].as_f64() || bare["auc"].as_f64() == Some(1.0));
    assert_eq!(
        (bare["no_mail"].as_u64(), taught["no_mail"].as_u64()),
        (Some(0), Some(1))
    );
    assert_eq!(taught["ham_lost"].as_f64(), Some(0.0));
    assert!(taught["auc"].as_f64() > Some(0.999), "{taught}");
    let scores = fs::read_to_string(at("scores.tsv")).expect("scores");
    assert_eq!(scores.lines().count(), 72);
    for line in scores.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        assert!(
            ["ham", "spam"].contains(&columns[0]) && columns[1].parse::<f64>().is_ok(),
            "{line}"
        );
        assert!(Path::new(columns[2]).exists(), "{line}");
    }
}
