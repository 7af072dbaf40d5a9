//! The pages behind links in letters: looking at one changes nothing, pressing its button acts (XX-05).
//! No session is made, and nothing of a message's content is shown.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderValue, StatusCode, header};

use super::gate::Gate;
use crate::actions::{Followed, Outcome, Refusal, action_of};
use crate::mail::Address;
use crate::policy::Scope;
use crate::record::{Door, Entry, Shelf, State as Stage};
use crate::token::{Link, Purpose};
use crate::web::House;
use crate::web::answer::{Answer, Fault, page};
use crate::web::client::Client;
use crate::web::form::Form;
use crate::web::texts::{Texts, fill};
use crate::web::view::{When, plain};
use crate::web::visitor::Taste;

/// Links that do not hold, from one client in a minute. Those that hold are not counted.
const WRONG_MOST: u32 = 60;
/// Seconds after which such a client may come again.
const WRONG_WAIT: u64 = 60;

enum Shown {
    Gone,
    Message(Box<Message>),
    Digests(Digests),
}

struct Message {
    subject: String,
    name: String,
    author: String,
    owner: String,
    arrived: When,
    /// What was done just now.
    done: Option<&'static str>,
    /// How it is with the message, where that is not what the link speaks of.
    state: Option<&'static str>,
    button: Option<&'static str>,
    /// A link that takes it back.
    undo: Option<String>,
}

struct Digests {
    words: String,
    on: bool,
}

#[derive(Template)]
#[template(path = "link.html")]
struct Page {
    gate: Gate,
    title: &'static str,
    token: String,
    shown: Shown,
}

impl Page {
    fn answer(&self) -> Answer {
        let mut response = page(self)?;
        if matches!(self.shown, Shown::Gone) {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        // The address is the authority: it is told to nobody.
        response.headers_mut().insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
        Ok(response)
    }
}

fn gone(taste: &Taste) -> Answer {
    Page {
        gate: Gate::new(taste),
        title: taste.t.letters.gone,
        token: String::new(),
        shown: Shown::Gone,
    }
    .answer()
}

/// The link in an address. One that does not hold is `None`; who brings many waits.
async fn opened(house: &House, token: &str, client: Client) -> Result<Option<Link>, Fault> {
    let link = house.desk.open_link(token).await?;
    let who = client.network();
    if link.is_none() && !house.wrong_links.allows(&who, WRONG_MOST, house.desk.now()) {
        return Err(Fault::TooMany(WRONG_WAIT));
    }
    Ok(link)
}

/// The words on the button, which are those in the letter.
fn label(shelf: Shelf, purpose: Purpose, t: &Texts) -> &'static str {
    match (shelf, purpose) {
        (Shelf::Pending, Purpose::Release) => t.act_deliver,
        (Shelf::Pending, Purpose::ReleaseAndAllow) => t.act_authorize,
        (Shelf::Pending, Purpose::RemoveAndBlock) => t.letters.blacklist,
        (_, Purpose::ReleaseAndTrain) => t.act_release_and_train,
        (_, Purpose::ReleaseAndAllow) => t.act_release_and_allow,
        (_, Purpose::Remove) => t.act_remove,
        (_, Purpose::RemoveAndBlock) => t.act_remove_and_block,
        (_, Purpose::TakeBack) => t.letters.take_back,
        (_, Purpose::Approve) => t.letters.approve,
        (_, Purpose::Deny) => t.act_deny_request,
        (_, Purpose::Release | Purpose::Unsubscribe) => t.act_release,
    }
}

fn state(stage: Stage, t: &Texts) -> &'static str {
    let w = t.letters;
    match stage {
        Stage::Held => w.state_held,
        Stage::Leaving => w.state_leaving,
        Stage::Released => w.state_released,
        Stage::Removed => w.state_removed,
        Stage::Expired => w.state_expired,
    }
}

fn message(entry: &Entry, taste: &Taste, house: &House) -> Message {
    let or = |text: &str, other: &'static str| match text.trim() {
        "" => other.to_owned(),
        text => plain(text),
    };
    let t = taste.t;
    Message {
        subject: or(&entry.subject, t.no_subject),
        name: plain(&entry.author_name),
        author: or(&entry.author, t.no_sender),
        owner: entry.owner.to_string(),
        arrived: When::new(entry.arrived, house.desk.now(), &taste.zone, t),
        done: None,
        state: None,
        button: None,
        undo: None,
    }
}

/// `GET /l/{token}`: what would be done.
pub(in crate::web) async fn show(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    Path(token): Path<String>,
) -> Answer {
    let link = opened(&house, &token, client).await?;
    let Some(link) = link.filter(|link| action_of(link.purpose).is_some()) else {
        return gone(&taste);
    };
    let entry = match house.desk.linked(&link).await {
        Ok(entry) => entry,
        Err(Refusal::NotYours) => return gone(&taste),
        Err(other) => return Err(other.into()),
    };
    let title = label(entry.shelf, link.purpose, taste.t);
    let from = match link.purpose {
        Purpose::TakeBack => Stage::Leaving,
        _ => Stage::Held,
    };
    let mut message = message(&entry, &taste, &house);
    let answers = matches!(link.purpose, Purpose::Approve | Purpose::Deny);
    if entry.state == from && (!answers || entry.requested.is_some()) {
        message.button = Some(title);
    } else {
        message.state = Some(state(entry.state, taste.t));
    }
    Page {
        gate: Gate::new(&taste),
        title,
        token,
        shown: Shown::Message(Box::new(message)),
    }
    .answer()
}

/// `POST /l/{token}`: does it.
pub(in crate::web) async fn act(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    Path(token): Path<String>,
) -> Answer {
    let link = opened(&house, &token, client).await?;
    let Some(link) = link.filter(|link| action_of(link.purpose).is_some()) else {
        return gone(&taste);
    };
    let followed = house.desk.follow(&link, &door(client)).await;
    let entry = match house.desk.linked(&link).await {
        Ok(entry) => entry,
        Err(Refusal::NotYours) => return gone(&taste),
        Err(other) => return Err(other.into()),
    };
    let t = taste.t;
    let mut message = message(&entry, &taste, &house);
    match followed {
        Ok(Followed::Did(Outcome::Done(id))) => {
            message.done = Some(done(link.purpose, t));
            if link.purpose != Purpose::TakeBack {
                message.undo = house.desk.undo_of(&link, id).await?;
            }
        }
        Ok(Followed::Did(Outcome::Already(stage))) => message.state = Some(state(stage, t)),
        Ok(Followed::Requested(_)) => message.done = Some(t.letters.was_requested),
        Err(Refusal::NotYours) => return gone(&taste),
        Err(Refusal::Failed(words)) => return Err(Fault::Failed(words)),
        Err(_) => {
            message.done = Some(t.letters.not_possible);
            message.state = Some(state(entry.state, t));
        }
    }
    Page {
        gate: Gate::new(&taste),
        title: label(entry.shelf, link.purpose, t),
        token,
        shown: Shown::Message(Box::new(message)),
    }
    .answer()
}

fn done(purpose: Purpose, t: &Texts) -> &'static str {
    let w = t.letters;
    match purpose {
        Purpose::ReleaseAndTrain => w.was_trained,
        Purpose::ReleaseAndAllow => w.was_allowed,
        Purpose::Remove => w.was_removed,
        Purpose::RemoveAndBlock => w.was_blocked,
        Purpose::TakeBack => w.was_held,
        Purpose::Deny => w.was_denied,
        Purpose::Release | Purpose::Approve | Purpose::Unsubscribe => w.was_released,
    }
}

fn door(client: Client) -> Door {
    Door::new("link", client.address)
}

/// Whose digests a link turns off.
async fn subscriber(
    house: &House,
    token: &str,
    client: Client,
) -> Result<Option<(Scope, Address)>, Fault> {
    let link = opened(house, token, client).await?;
    let link = link.filter(|link| link.purpose == Purpose::Unsubscribe);
    Ok(link.and_then(|link| match link.whose.clone() {
        Scope::Recipient(of) => Some((link.whose, of)),
        Scope::Global | Scope::Domain(_) => None,
    }))
}

async fn digests(house: &House, taste: &Taste, token: String, of: &Address) -> Answer {
    let (w, on) = (taste.t.letters, house.desk.is_subscribed(of).await?);
    let words = if on { w.subscribed } else { w.unsubscribed };
    Page {
        gate: Gate::new(taste),
        title: w.digests,
        token,
        shown: Shown::Digests(Digests {
            words: fill(words, of),
            on,
        }),
    }
    .answer()
}

/// `GET /u/{token}`: whether digests are sent.
pub(in crate::web) async fn show_digests(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    Path(token): Path<String>,
) -> Answer {
    match subscriber(&house, &token, client).await? {
        Some((_, of)) => digests(&house, &taste, token, &of).await,
        None => gone(&taste),
    }
}

/// `POST /u/{token}`: no more digests, also as mail programs ask for it from anywhere (RFC 8058); or
/// again, from our page.
pub(in crate::web) async fn subscribe(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    Path(token): Path<String>,
    body: Bytes,
) -> Answer {
    let Some((whose, of)) = subscriber(&house, &token, client).await? else {
        return gone(&taste);
    };
    let on = Form::of_body(&body).get("subscribe").is_some();
    house.desk.subscribe(&whose, on, &door(client)).await?;
    digests(&house, &taste, token, &of).await
}
