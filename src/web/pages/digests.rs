//! What people set about their own digests, and one sent now.

use axum::extract::State;

use super::told;
use crate::actions::DigestWish;
use crate::mail::Address;
use crate::policy::{Language, Principal, Rhythm, Scope, Weekdays, Zone};
use crate::web::House;
use crate::web::answer::{Answer, Fault};
use crate::web::form::Form;
use crate::web::texts::{Texts, fill};
use crate::web::visitor::{Flash, Pressed};

const HERE: &str = "/account";

/// A choice of how often.
pub(in crate::web) struct Often {
    pub(in crate::web) value: &'static str,
    pub(in crate::web) text: String,
    pub(in crate::web) current: bool,
}

/// A day of the week.
pub(in crate::web) struct Day {
    pub(in crate::web) value: &'static str,
    pub(in crate::web) text: &'static str,
    pub(in crate::web) on: bool,
}

/// The digests of one address, as their form shows them.
pub(in crate::web) struct Digests {
    pub(in crate::web) often: Vec<Often>,
    pub(in crate::web) hours: String,
    pub(in crate::web) days: Vec<Day>,
    pub(in crate::web) zone: String,
    pub(in crate::web) german: bool,
    pub(in crate::web) caught: bool,
    pub(in crate::web) pending: bool,
}

impl Digests {
    /// Those of who looks; `None` for logins that have no mailbox.
    pub(in crate::web) async fn of(
        house: &House,
        by: &Principal,
        t: &'static Texts,
    ) -> Result<Option<Self>, Fault> {
        let Scope::Recipient(of) = &by.scope else {
            return Ok(None);
        };
        let (wish, policy) = house.desk.digests(by, of).await?;
        let w = t.letters;
        let words = |rhythm: &Rhythm| match rhythm {
            Rhythm::Never => w.often_never.to_owned(),
            Rhythm::Hourly => w.often_hourly.to_owned(),
            Rhythm::Daily => w.often_daily.to_owned(),
            Rhythm::Weekly => w.often_weekly.to_owned(),
            Rhythm::Hours(_) => rhythm.to_string(),
        };
        let own = match &wish.rhythm {
            None => "",
            Some(Rhythm::Never) => "never",
            Some(Rhythm::Hourly) => "hourly",
            Some(Rhythm::Daily) => "daily",
            Some(Rhythm::Weekly) => "weekly",
            Some(Rhythm::Hours(_)) => "hours",
        };
        let inherit = match &wish.rhythm {
            None => fill(w.often_inherit, words(&policy.digest)),
            Some(_) => w.often_inherit.replace(" ({n})", ""),
        };
        let choice = |(value, text): (&'static str, String)| Often {
            value,
            text,
            current: value == own,
        };
        let often = [
            ("", inherit),
            ("never", w.often_never.to_owned()),
            ("hourly", w.often_hourly.to_owned()),
            ("daily", w.often_daily.to_owned()),
            ("weekly", w.often_weekly.to_owned()),
            ("hours", w.often_hours.to_owned()),
        ];
        let names = [w.mon, w.tue, w.wed, w.thu, w.fri, w.sat, w.sun];
        let days = policy.digest_days.each().zip(names);
        Ok(Some(Self {
            often: often.into_iter().map(choice).collect(),
            hours: match &policy.digest {
                Rhythm::Hours(_) => policy.digest.to_string(),
                _ => String::new(),
            },
            days: days
                .map(|((value, on), text)| Day { value, text, on })
                .collect(),
            zone: policy.digest_zone.to_string(),
            german: policy.digest_language == Language::De,
            caught: policy.digest_caught,
            pending: policy.digest_pending,
        }))
    }
}

/// What the form asks for, or what is wrong with it.
fn wish(form: &Form) -> Result<DigestWish, String> {
    let rhythm = match form.get("often").unwrap_or_default() {
        "" => None,
        "hours" => Some(form.get("hours").unwrap_or_default()),
        other => Some(other),
    };
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let rhythm: Option<Rhythm> = rhythm
        .map(|rhythm| rhythm.parse().map_err(|e| text(&e)))
        .transpose()?;
    let days: Vec<&str> = form.all("day").collect();
    let days: Weekdays = match days.as_slice() {
        [] => Weekdays::ALL,
        days => days.join(",").parse().map_err(|e| text(&e))?,
    };
    let zone: Option<Zone> = form
        .get("zone")
        .map(|zone| zone.parse().map_err(|e| text(&e)))
        .transpose()?;
    let german = form.get("language") == Some("de");
    Ok(DigestWish {
        // Days and zone belong to the rhythm: who inherits it inherits them.
        days: rhythm.as_ref().map(|_| days),
        zone: zone.filter(|_| rhythm.is_some()),
        rhythm,
        language: Some(if german { Language::De } else { Language::En }),
        caught: Some(form.get("caught").is_some()),
        pending: Some(form.get("pending").is_some()),
    })
}

fn own(pressed: &Pressed) -> Result<(Principal, Address), Fault> {
    let by = pressed.visitor.own().cloned().ok_or(Fault::Enrol)?;
    match by.scope.clone() {
        Scope::Recipient(of) => Ok((by, of)),
        Scope::Global | Scope::Domain(_) => Err(Fault::NotFound),
    }
}

/// `POST /account/digests`
pub(in crate::web) async fn set(State(house): State<House>, pressed: Pressed) -> Answer {
    let (by, of) = own(&pressed)?;
    let Pressed { visitor, form } = pressed;
    let w = visitor.taste.t.letters;
    let wish = match wish(&form) {
        Ok(wish) => wish,
        Err(words) => {
            let words = fill(w.wrong, words);
            return told(&house, &visitor, HERE, Ok(Flash::bad(words)));
        }
    };
    let door = visitor.door();
    let set = house.desk.set_digests(&by, &of, wish, &door);
    let came = set.await.map(|()| Flash::good(w.saved));
    told(&house, &visitor, HERE, came)
}

/// `POST /account/digests/send`
pub(in crate::web) async fn send(State(house): State<House>, pressed: Pressed) -> Answer {
    let (by, of) = own(&pressed)?;
    let visitor = pressed.visitor;
    let asked = house.desk.ask_digest(&by, &of, &visitor.door()).await;
    let came = asked.map(|()| Flash::good(visitor.taste.t.letters.sending));
    told(&house, &visitor, HERE, came)
}
