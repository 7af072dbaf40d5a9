//! Signing in at the page of a provider, whoever that is: what is bound, used once, and asked besides.

mod house;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use house::{House, door, principal, scope};
use quaranta::accounts::oidc::{AWAY, Departure, Kept, Provider, ProviderError, Return};
use quaranta::accounts::{Login, LoginRefusal, Options, Step, change_account};
use quaranta::clock::Timestamp;
use quaranta::mail::{Address, Domain};
use quaranta::record::{Event, SecondFactor, Secret, Status};
use quaranta::store::StoreError;

/// Takes the address itself for a code.
struct Trusting {
    makes_accounts: bool,
}

#[async_trait]
impl Provider for Trusting {
    fn label(&self) -> &str {
        "Example ID"
    }

    fn covers(&self, domain: &Domain) -> bool {
        domain.as_str() != "tag.example.org"
    }

    fn makes_accounts(&self) -> bool {
        self.makes_accounts
    }

    async fn begin(&self, state: &str) -> Result<(String, Kept), ProviderError> {
        let kept = Kept {
            nonce: Secret("a nonce".to_owned()),
            verifier: Secret("a verifier".to_owned()),
        };
        Ok((format!("https://id.test/?state={state}"), kept))
    }

    async fn finish(&self, code: &str, kept: &Kept) -> Result<Option<Address>, ProviderError> {
        assert_eq!(kept.nonce.0, "a nonce");
        match code {
            "trouble" => Err(ProviderError("no".to_owned())),
            code => Ok(code.parse().ok()),
        }
    }
}

struct Here {
    house: House,
    login: Login,
}

fn place(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

impl Here {
    async fn new(makes_accounts: bool) -> Self {
        let house = House::new().await;
        let (settings, journal) = (house.store.settings.clone(), house.store.journal.clone());
        let login = Login::new(settings, journal, house.clock.clone(), Options::default());
        let login = login.trusting(Arc::new(Trusting { makes_accounts }));
        Self { house, login }
    }

    async fn depart(&self) -> (String, String) {
        let left = self.login.depart("/log", place(1)).await;
        let Departure { page, cookie } = left.expect("a page");
        let (_, state) = page.split_once("state=").expect("a state");
        (cookie, state.to_owned())
    }

    async fn back(&self, cookie: &str, state: &str, code: &str) -> Result<Step, LoginRefusal> {
        let brought = Return {
            cookie,
            state,
            code,
        };
        let found = self.login.come_back(brought, place(1), "web").await;
        found.map(|(step, next)| {
            assert_eq!(next, "/log");
            step
        })
    }

    async fn go(&self, code: &str) -> Result<Step, LoginRefusal> {
        let (cookie, state) = self.depart().await;
        self.back(&cookie, &state, code).await
    }
}

const ALICE: &str = "alice@example.org";
const WRONG: Result<Step, LoginRefusal> = Err(LoginRefusal::Wrong);

/// XX-12: a sign-in ends in the browser in which it began, once, and not too late.
#[tokio::test]
async fn xx12_a_sign_in_elsewhere_is_bound_to_its_browser() {
    let here = Here::new(true).await;
    assert_eq!(here.login.provider(), Some("Example ID"));
    let (cookie, state) = here.depart().await;
    let (other_cookie, other_state) = here.depart().await;
    assert_ne!(state, cookie);
    assert_eq!(
        here.back(&cookie, &other_state, ALICE).await,
        WRONG,
        "forged state"
    );
    assert_eq!(
        here.back(&cookie, &state, ALICE).await,
        WRONG,
        "tried before"
    );
    assert_eq!(here.back("", &other_state, ALICE).await, WRONG, "no cookie");
    assert_eq!(
        here.back(&other_state, &other_cookie, ALICE).await,
        WRONG,
        "swapped"
    );
    assert!(here.back(&other_cookie, &other_state, ALICE).await.is_ok());
    assert_eq!(
        here.back(&other_cookie, &other_state, ALICE).await,
        WRONG,
        "replayed"
    );
    let (cookie, state) = here.depart().await;
    here.house.clock.forward(AWAY);
    assert_eq!(here.back(&cookie, &state, ALICE).await, WRONG, "too late");
    // Counted as every failure is.
    let (cookie, state) = here.depart().await;
    for _ in 0..5 {
        let _wrong = here.back("", &state, ALICE).await;
    }
    let found = here.back(&cookie, &state, ALICE).await;
    assert!(matches!(found, Err(LoginRefusal::Wait(_))), "{found:?}");
    let found = here.login.depart("/", place(1)).await;
    assert!(matches!(found, Err(LoginRefusal::Wait(_))));
}

/// XX-12: the provider's word is one for addresses of ours, and no more than a password's.
#[tokio::test]
async fn xx12_a_providers_word_is_a_passwords() {
    let here = Here::new(false).await;
    assert_eq!(here.go(ALICE).await, WRONG, "no account is made");
    let by = principal("global");
    let added = here
        .house
        .desk
        .add_account(&by, scope(ALICE), None, &door())
        .await;
    added.expect("account");
    let Ok(Step::Done(signed)) = here.go(ALICE).await else {
        panic!("she has an account");
    };
    assert_eq!(signed.login(), &scope(ALICE));
    let (settings, alice) = (&here.house.store.settings, scope(ALICE));
    let second = change_account(&**settings, &alice, |before| {
        let mut account = before.expect("an account");
        account.second = Some(SecondFactor {
            secret: Secret("GEZDGNBVGY3TQOJQ".to_owned()),
            recovery: Vec::new(),
            since: Timestamp(0),
        });
        let event = Event::new(Timestamp(0), Status::Changed, "test", door());
        Ok::<_, StoreError>(Some((account, event)))
    });
    second.await.expect("set");
    let step = here.go(ALICE).await;
    assert!(matches!(step, Ok(Step::SecondFactor(_))), "{step:?}");
    let found = here.go("trouble").await;
    assert_eq!(found, Err(LoginRefusal::Unavailable));

    let here = Here::new(true).await;
    for nobody in [
        "global",
        "example.org",
        "a@tag.example.org",
        "a@elsewhere.test",
        "",
    ] {
        assert_eq!(here.go(nobody).await, WRONG, "{nobody}");
        here.house.clock.forward(Duration::from_secs(300));
    }
    assert!(matches!(
        here.go("new@example.org").await,
        Ok(Step::Done(_))
    ));
}
