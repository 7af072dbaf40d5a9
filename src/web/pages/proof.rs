//! What a person proves again, and the second factor: also for who must set one up before anything else.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};

use super::gate::Gate;
use crate::accounts::{Enrolment, LoginRefusal};
use crate::policy::Principal;
use crate::web::House;
use crate::web::answer::{Answer, Fault, local, page, redirect};
use crate::web::form::Form;
use crate::web::visitor::Caller;

/// Where a fresh proof leads if nothing else was wished.
const HOME: &str = "/account";

#[derive(Template)]
#[template(path = "prove.html")]
struct Prove<'a> {
    gate: Gate,
    csrf: &'a str,
    next: &'a str,
    /// A code is asked for, not the password.
    code: bool,
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct Second<'a> {
    gate: Gate,
    csrf: &'a str,
    /// What is offered; without it `codes` are shown.
    offer: Option<Offer>,
    codes: Vec<String>,
    must: bool,
}

struct Offer {
    ticket: String,
    secret: String,
    /// An `svg` element of our own making, without styles.
    picture: String,
}

impl From<Enrolment> for Offer {
    fn from(offer: Enrolment) -> Self {
        // In a page there is no XML declaration.
        let picture = offer.picture.find("<svg").map(|at| &offer.picture[at..]);
        Self {
            picture: picture.unwrap_or_default().to_owned(),
            secret: in_groups(&offer.secret),
            ticket: offer.ticket,
        }
    }
}

/// Groups of four are typed with fewer mistakes.
fn in_groups(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|four| four.iter().collect())
        .collect();
    groups.join(" ")
}

/// True if the caller's account has a second factor.
async fn has_second(house: &House, caller: &Caller) -> Result<bool, Fault> {
    let login = caller.entered.session.login.clone();
    // What is asked of the own account, whichever roles of it rest.
    let own = Principal::of(login.clone());
    let account = house.desk.account(&own, &login).await?;
    Ok(account.second_factor.is_some())
}

/// `GET /account/prove`
pub(in crate::web) async fn ask(
    State(house): State<House>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    page(&Prove {
        gate: Gate::new(&caller.taste),
        csrf: caller.entered.session.csrf(),
        next: local(form.get("next").unwrap_or(HOME)),
        code: has_second(&house, &caller).await?,
    })
}

/// `POST /account/prove`
pub(in crate::web) async fn prove(
    State(house): State<House>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let form = Form::of_body(&body);
    caller.check(&form)?;
    let secret = form.all("secret").next().unwrap_or_default();
    let next = local(form.get("next").unwrap_or(HOME));
    let (token, from) = (&caller.token, caller.client.address);
    match house.login.prove(token, secret, from, "web").await {
        Ok(()) => Ok(redirect(next)),
        Err(refusal) => {
            let wrong = caller.taste.t.account.prove_wrong;
            page(&Prove {
                gate: Gate::new(&caller.taste).refusing(&refusal, wrong),
                csrf: caller.entered.session.csrf(),
                next,
                code: has_second(&house, &caller).await?,
            })
        }
    }
}

/// Who stole a session puts no device of theirs in the place of another.
fn check_proved(caller: &Caller) -> Result<(), Fault> {
    if caller.entered.is_proved {
        Ok(())
    } else {
        Err(Fault::Prove("/account/second-factor".to_owned()))
    }
}

fn offer(house: &House, caller: &Caller, gate: Gate) -> Answer {
    let offer = house.login.enrol(&caller.entered.session.login)?;
    page(&Second {
        gate,
        csrf: caller.entered.session.csrf(),
        offer: Some(offer.into()),
        codes: Vec::new(),
        must: caller.entered.must_enrol,
    })
}

/// `GET /account/second-factor`: an offer; nothing changes before it is confirmed.
pub(in crate::web) async fn enrol(State(house): State<House>, caller: Caller) -> Answer {
    check_proved(&caller)?;
    let gate = Gate::new(&caller.taste);
    offer(&house, &caller, gate)
}

/// `POST /account/second-factor`: confirms the offer by a code, and shows the recovery codes.
pub(in crate::web) async fn confirm(
    State(house): State<House>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let form = Form::of_body(&body);
    caller.check(&form)?;
    check_proved(&caller)?;
    let ticket = form.get("ticket").unwrap_or_default();
    let code = form.get("code").unwrap_or_default();
    let (login, from) = (&house.login, caller.client.address);
    let gate = Gate::new(&caller.taste);
    let words = caller.taste.t.account;
    match login
        .confirm(&caller.token, ticket, code, from, "web")
        .await
    {
        Ok(codes) => page(&Second {
            gate: gate.saying(Some(words.second_done)),
            csrf: caller.entered.session.csrf(),
            offer: None,
            codes,
            must: false,
        }),
        Err(refusal @ (LoginRefusal::Wrong | LoginRefusal::Wait(_))) => {
            offer(&house, &caller, gate.refusing(&refusal, words.second_wrong))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
