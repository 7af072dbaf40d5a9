//! Signing in to the panel: steps, second factor, sessions. On the store in memory.

mod house;

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::hmac;
use house::{House, door, principal, scope};
use quaranta::accounts::{Enrolment, Entered, Login, LoginRefusal, Options, SignedIn, Step};
use quaranta::actions::{Given, Query};
use quaranta::clock::{Clock, Timestamp};
use quaranta::options::Span;
use quaranta::policy::{Layer, Rights, Role};

const ALICE: &str = "alice@example.org";
const PASSWORD: &str = "this is right";
const WEB: &str = "web";

fn from() -> IpAddr {
    "192.0.2.1".parse().expect("ip")
}

struct Here {
    house: House,
    login: Login,
}

impl Here {
    async fn new() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let house = House::new().await;
        let password = Some(PASSWORD.to_owned());
        let added = house
            .desk
            .add_account(&principal("global"), scope(ALICE), password, &door())
            .await;
        added.expect("account");
        let (settings, journal) = (house.store.settings.clone(), house.store.journal.clone());
        let login = Login::new(settings, journal, house.clock.clone(), options);
        Self { house, login }
    }

    fn clock(&self) -> &Clock {
        &self.house.clock
    }

    async fn begin(&self, password: &str) -> Result<Step, LoginRefusal> {
        self.login.begin(ALICE, password, from(), WEB).await
    }

    /// A session of who signs in with the password alone.
    async fn session(&self) -> String {
        let Ok(Step::Done(signed)) = self.begin(PASSWORD).await else {
            panic!("a password was enough");
        };
        self.login
            .begin_session(signed, from(), "a browser\u{7}")
            .expect("session")
    }

    async fn entered(&self, token: &str) -> Option<Entered> {
        self.login.session(token).await.expect("session")
    }

    async fn second(&self, code: &str) -> Result<SignedIn, LoginRefusal> {
        let Ok(Step::SecondFactor(pending)) = self.begin(PASSWORD).await else {
            panic!("a second factor was asked for");
        };
        self.login.second(pending.text(), code, from(), WEB).await
    }

    /// Sets up a second factor: its secret, the session, the recovery codes.
    async fn enrolled(&self) -> (Enrolment, String, Vec<String>) {
        let token = self.session().await;
        let offer = self.login.enrol(&scope(ALICE)).expect("offer");
        let code = code(&offer.secret, self.clock().now());
        let codes = self
            .login
            .confirm(&token, &offer.ticket, &code, from(), WEB)
            .await
            .expect("confirmed");
        (offer, token, codes)
    }
}

/// A device: TOTP by RFC 6238, written once more.
fn code(secret: &str, now: Timestamp) -> String {
    let bits: String = secret
        .bytes()
        .map(|letter| match letter {
            b'A'..=b'Z' => letter - b'A',
            other => other - b'2' + 26,
        })
        .map(|five| format!("{five:05b}"))
        .collect();
    let octets: Vec<u8> = (0..bits.len() / 8)
        .map(|i| u8::from_str_radix(&bits[8 * i..8 * i + 8], 2).expect("octet"))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &octets);
    let tag = hmac::sign(&key, &(now.0 / 30_000).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().expect("four")) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// XX-12: with a second factor a password is half of the way; a code is taken once.
#[tokio::test]
async fn xx12_a_second_factor_is_asked_for_and_each_code_taken_once() {
    let here = Here::new().await;
    let (offer, ..) = here.enrolled().await;
    assert!(offer.uri.contains(&offer.secret) && offer.picture.contains("<svg"));
    assert!(!format!("{offer:?}").contains(&offer.secret));
    let again = code(&offer.secret, here.clock().now());
    assert_eq!(
        here.second(&again).await,
        Err(LoginRefusal::Wrong),
        "used to confirm"
    );
    here.clock().forward(Duration::from_secs(30));
    let fresh = code(&offer.secret, here.clock().now());
    assert_eq!(
        here.second(&fresh).await.expect("in").login(),
        &scope(ALICE)
    );
    assert_eq!(
        here.second(&fresh).await,
        Err(LoginRefusal::Wrong),
        "replayed"
    );
    // Nothing of it is told.
    let account = here.house.store.settings.account(&scope(ALICE)).await;
    let shown = format!("{account:?}");
    assert!(!shown.contains(&offer.secret), "{shown}");
    let (global, all) = (principal("global"), Query::default());
    let log = here
        .house
        .desk
        .log(&global, &all, 100)
        .await
        .expect("log")
        .rows;
    assert!(!format!("{log:?}").contains(&offer.secret));
}

/// XX-12: a sign-in between its steps ends by time, by tries, and when it is used.
#[tokio::test]
async fn xx12_the_second_step_is_bounded() {
    let here = Here::new().await;
    let (offer, ..) = here.enrolled().await;
    let pending = async || match here.begin(PASSWORD).await {
        Ok(Step::SecondFactor(pending)) => pending,
        other => panic!("{other:?}"),
    };
    here.clock().forward(Duration::from_secs(60));
    let late = pending().await;
    here.clock().forward(Duration::from_secs(300));
    let code = code(&offer.secret, here.clock().now());
    let found = here.login.second(late.text(), &code, from(), WEB).await;
    assert_eq!(found, Err(LoginRefusal::Wrong), "too late");
    let once = pending().await;
    assert!(!format!("{once:?}").contains(once.text()));
    here.login
        .second(once.text(), &code, from(), WEB)
        .await
        .expect("in");
    here.clock().forward(Duration::from_secs(60));
    let next = self::code(&offer.secret, here.clock().now());
    let found = here.login.second(once.text(), &next, from(), WEB).await;
    assert_eq!(found, Err(LoginRefusal::Wrong), "used");
    // Wrong codes are counted for the account, wherever they come from.
    let many = pending().await;
    for n in 0..5_u8 {
        let place = IpAddr::from([198, 51, 100, n]);
        let found = here.login.second(many.text(), "000000", place, WEB).await;
        assert_eq!(found, Err(LoginRefusal::Wrong));
    }
    let next = self::code(&offer.secret, here.clock().now());
    let found = here.login.second(many.text(), &next, from(), WEB).await;
    assert_eq!(found, Err(LoginRefusal::Wrong), "five tries");
    let other = pending().await;
    let found = here.login.second(other.text(), &next, from(), WEB).await;
    assert!(matches!(found, Err(LoginRefusal::Wait(_))), "{found:?}");
    here.clock().forward(Duration::from_secs(1));
    here.login
        .second(other.text(), &next, from(), WEB)
        .await
        .expect("in");
}

/// XX-12: ten recovery codes, each once; new ones replace them.
#[tokio::test]
async fn xx12_a_recovery_code_is_used_up() {
    let here = Here::new().await;
    let (_, token, codes) = here.enrolled().await;
    assert_eq!(codes.len(), 10);
    assert!(here.second(&codes[3].to_uppercase()).await.is_ok());
    assert_eq!(here.second(&codes[3]).await, Err(LoginRefusal::Wrong));
    let shown = here
        .house
        .desk
        .account(&principal("global"), &scope(ALICE))
        .await;
    assert_eq!(shown.expect("account").recovery_codes, 9);
    let new = here
        .login
        .new_recovery_codes(&token, from(), WEB)
        .await
        .expect("codes");
    assert_eq!(here.second(&codes[4]).await, Err(LoginRefusal::Wrong));
    assert!(here.second(&new[0]).await.is_ok());
    assert!(here.entered(&token).await.is_some(), "the session goes on");
}

/// XX-12: an offer is for one account, and holds only once a code confirms it.
#[tokio::test]
async fn xx12_an_offer_holds_once_it_is_confirmed() {
    let here = Here::new().await;
    let token = here.session().await;
    let offer = here.login.enrol(&scope(ALICE)).expect("offer");
    let confirm = async |ticket: &str, code: &str| {
        here.login.confirm(&token, ticket, code, from(), WEB).await
    };
    let good = code(&offer.secret, here.clock().now());
    let bad = if good == "000000" { "000001" } else { "000000" };
    assert_eq!(confirm(&offer.ticket, bad).await, Err(LoginRefusal::Wrong));
    assert!(matches!(here.begin(PASSWORD).await, Ok(Step::Done(_))));
    let others = here.login.enrol(&scope("bob@example.org")).expect("offer");
    let theirs = code(&others.secret, here.clock().now());
    assert_eq!(
        confirm(&others.ticket, &theirs).await,
        Err(LoginRefusal::Wrong)
    );
    assert!(confirm(&offer.ticket, &good).await.is_ok());
    assert!(matches!(
        here.begin(PASSWORD).await,
        Ok(Step::SecondFactor(_))
    ));
    // SE-06: mail clients know no second factor; the option keeps such accounts out.
    let by = here.login.sign_in(ALICE, PASSWORD, from(), "imap").await;
    assert_eq!(by.expect("in").who, ALICE);
    let options = Options {
        imap_with_second_factor: false,
        ..Options::default()
    };
    let (settings, journal) = (&here.house.store.settings, &here.house.store.journal);
    let strict = Login::new(
        settings.clone(),
        journal.clone(),
        here.clock().clone(),
        options,
    );
    let by = strict.sign_in(ALICE, PASSWORD, from(), "imap").await;
    assert_eq!(by, Err(LoginRefusal::Wrong));
    // An administrator helps who lost it.
    let (global, alice, door) = (principal("global"), scope(ALICE), door());
    let reset = here.house.desk.reset_second_factor(&global, &alice, &door);
    reset.await.expect("reset");
    assert!(matches!(here.begin(PASSWORD).await, Ok(Step::Done(_))));
    assert!(here.entered(&token).await.is_none(), "sessions ended");
}

/// XX-12: sessions end by idleness, by age, by hand, and with the password.
#[tokio::test]
async fn xx12_sessions_end_when_they_should() {
    let here = Here::new().await;
    let hours = |n: u64| Duration::from_secs(n * 3600);
    let idle = here.session().await;
    here.clock().forward(hours(2));
    assert!(here.entered(&idle).await.is_none());
    let used = here.session().await;
    for _ in 0..23 {
        here.clock().forward(hours(1));
        assert!(here.entered(&used).await.is_some());
    }
    here.clock().forward(hours(1));
    assert!(here.entered(&used).await.is_none(), "a day is the most");
    let (first, second) = (here.session().await, here.session().await);
    let shown = here.login.own_sessions(&first).await.expect("sessions");
    assert_eq!((shown.len(), shown[0].agent.as_str()), (2, "a browser"));
    let id = here.entered(&second).await.expect("in").session.id;
    here.login.end_session(&first, &id).await.expect("ended");
    assert!(here.entered(&second).await.is_none());
    here.login.leave(&first, WEB).await;
    assert!(here.entered(&first).await.is_none());
    // With the password all end, but the one that changed it is kept.
    let (own, other) = (here.session().await, here.session().await);
    let (alice, new) = (principal(ALICE), Some("this is newer".to_owned()));
    let set = here
        .house
        .desk
        .set_password(&alice, scope(ALICE), new, &door())
        .await;
    set.expect("password");
    here.login.keep_session(&own).await.expect("kept");
    assert!(here.entered(&own).await.is_some() && here.entered(&other).await.is_none());
    here.house
        .desk
        .sign_out(&alice, &scope(ALICE), &door())
        .await
        .expect("out");
    assert!(here.entered(&own).await.is_none());
    for nonsense in ["", "x", &"x".repeat(10_000)] {
        assert!(here.entered(nonsense).await.is_none());
    }
}

/// SE-06: who signs in with an account of their own between the guesses does not guess for ever.
#[tokio::test]
async fn se06_an_own_account_buys_no_guesses() {
    let here = Here::new().await;
    let mut waits = 0;
    for _ in 0..5 {
        for _ in 0..4 {
            let guess = here.login.begin("bob@example.org", "wrong", from(), WEB);
            waits += usize::from(matches!(guess.await, Err(LoginRefusal::Wait(_))));
        }
        here.session().await;
    }
    assert!(waits >= 12, "{waits}");
}

/// XX-12: a page that is left open hears no more when its session ends, and does not prolong it.
#[tokio::test]
async fn xx12_to_listen_neither_outlives_nor_prolongs_a_session() {
    let options = Options::default();
    let idle = options.session_idle.0;
    let here = Here::with(options).await;
    let (alice, bob) = (scope(ALICE), scope("bob@example.org"));
    let token = here.session().await;
    assert!(here.login.still_acts(&token, &alice).await);
    assert!(!here.login.still_acts(&token, &bob).await);
    here.clock().forward(idle - Duration::from_secs(1));
    assert!(here.login.still_acts(&token, &alice).await);
    here.clock().forward(Duration::from_secs(1));
    assert!(!here.login.still_acts(&token, &alice).await);
    let token = here.session().await;
    let (by, door) = (principal(ALICE), door());
    let out = here.house.desk.sign_out(&by, &alice, &door).await;
    out.expect("out");
    assert!(!here.login.still_acts(&token, &alice).await);
}

/// XX-12: sessions end with their account, also where another is made of the same address.
#[tokio::test]
async fn xx12_a_session_does_not_hold_for_the_next_of_the_same_address() {
    let here = Here::new().await;
    let (desk, global, alice) = (&here.house.desk, principal("global"), scope(ALICE));
    let token = here.session().await;
    let removed = desk.remove_account(&global, &alice, &door()).await;
    removed.expect("removed");
    here.clock().forward(Duration::from_secs(1));
    let made = desk.add_account(&global, alice, None, &door()).await;
    made.expect("account");
    assert!(here.entered(&token).await.is_none());
}

/// XX-12: an account has so many sessions; the one that was not used the longest goes first.
#[tokio::test]
async fn xx12_sessions_are_counted_and_guarded() {
    let options = Options {
        sessions_per_account: 2,
        proof_holds: Span::seconds(60),
        ..Options::default()
    };
    let here = Here::with(options).await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(here.session().await);
        here.clock().forward(Duration::from_secs(1));
    }
    assert!(here.entered(&tokens[0]).await.is_none());
    assert!(here.entered(&tokens[1]).await.is_some());
    let entered = here.entered(&tokens[2]).await.expect("in");
    let session = &entered.session;
    assert!(session.takes(session.csrf()) && !session.takes("") && !session.takes(&tokens[2]));
    assert_ne!(
        session.csrf(),
        here.entered(&tokens[1]).await.expect("in").session.csrf()
    );
    // Keys and rights need a fresh proof.
    assert!(entered.is_proved);
    here.clock().forward(Duration::from_secs(60));
    assert!(!here.entered(&tokens[2]).await.expect("in").is_proved);
    let prove = async |secret: &str| here.login.prove(&tokens[2], secret, from(), WEB).await;
    assert_eq!(prove("wrong").await, Err(LoginRefusal::Wrong));
    assert_eq!(prove(PASSWORD).await, Ok(()));
    assert!(here.entered(&tokens[2]).await.expect("in").is_proved);
    assert!(!here.entered(&tokens[1]).await.expect("in").is_proved);
}

/// XX-12: what is granted or taken back holds in sessions at once.
#[tokio::test]
async fn xx12_a_session_chooses_what_it_acts_as() {
    let here = Here::new().await;
    let token = here.session().await;
    let (global, alice, of) = (principal("global"), scope(ALICE), scope("example.org"));
    let act = async |role| here.login.act_as(&token, role, &of).await;
    assert_eq!(act(Role::Auditor).await, Ok(false));
    let given = Given {
        role: Role::Auditor,
        scope: of.clone(),
        rights: Rights::NONE,
    };
    let (desk, door) = (&here.house.desk, door());
    desk.grant(&global, &alice, given, &door)
        .await
        .expect("grant");
    assert_eq!(act(Role::Auditor).await, Ok(true));
    assert_eq!(act(Role::DomainAdministrator).await, Ok(false));
    let acting = here
        .entered(&token)
        .await
        .expect("in")
        .acting
        .expect("acting");
    assert_eq!((acting.who.as_str(), acting.role), (ALICE, Role::Auditor));
    // The policy asks a second factor of who looks after others' mail.
    let ask = Layer {
        admin_second_factor: Some(true),
        ..Layer::default()
    };
    here.house.set("global", ask).await;
    let entered = here.entered(&token).await.expect("in");
    assert!(entered.must_enrol);
    assert_eq!(entered.acting.expect("acting").role, Role::Recipient);
    assert_eq!(act(Role::Auditor).await, Ok(false));
    let (_, token, _) = here.enrolled().await;
    let entered = here.entered(&token).await.expect("in");
    assert!(!entered.must_enrol && entered.principals.len() == 2);
    assert_eq!(
        here.login.act_as(&token, Role::Auditor, &of).await,
        Ok(true)
    );
    desk.revoke(&global, &alice, Role::Auditor, &of, &door)
        .await
        .expect("revoked");
    let acting = here
        .entered(&token)
        .await
        .expect("in")
        .acting
        .expect("acting");
    assert_eq!(acting.role, Role::Recipient);
}

/// SY-08, XX-12: who guesses waits, at the panel as at every door; the journal has each failure.
#[tokio::test]
async fn xx12_who_guesses_waits() {
    let here = Here::new().await;
    for _ in 0..5 {
        assert_eq!(here.begin("wrong password").await, Err(LoginRefusal::Wrong));
    }
    assert!(matches!(
        here.begin(PASSWORD).await,
        Err(LoginRefusal::Wait(_))
    ));
    here.clock().forward(Duration::from_secs(1));
    assert!(matches!(here.begin(PASSWORD).await, Ok(Step::Done(_))));
    let log = here.house.log().await;
    assert_eq!(log.iter().filter(|s| *s == "sign-in-failed").count(), 5);
    assert_eq!(log.iter().filter(|s| *s == "signed-in").count(), 1);
}
