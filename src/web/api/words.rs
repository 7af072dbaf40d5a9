//! The words of the API: what entries and lines of the log look like as JSON.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::actions::{Outcome, Refusal};
use crate::clock::Timestamp;
use crate::mail::{Address, Direction, EntryId};
use crate::policy::{Class, Finding, Scope};
use crate::record::{Entry, Event, State, Status};
use crate::web::pages::quarantine::SHELVES;

/// A list of words as a schema.
macro_rules! names {
    ($($(#[doc = $doc:literal])* $name:ident: $($value:literal)*;)*) => {$(
        $(#[doc = $doc])*
        pub(super) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some([$($value),*]))
                    .description(Some(concat!($($doc, "\n"),*).trim()))
                    .into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

names! {
    /// What a mail is.
    ClassName: "clean" "unsure" "spam" "malware";
    /// Where an entry is in its life. Only `held` entries are listed.
    StateName: "held" "leaving" "released" "removed" "expired";
    /// Mail on its way in or out.
    DirectionName: "inbound" "outbound";
    /// `caught`: held on its way in; `outgoing`: held on its way out; `training`: copies of
    /// delivered, unsure mail.
    ShelfName: "caught" "outgoing" "pending" "training";
    /// What is done with an entry.
    ActionName: "release" "release_and_train" "release_and_allow" "request_release" "take_back"
        "remove" "remove_and_block" "train_spam" "train_ham" "remove_as_spam" "remove_as_ham";
    /// Whose list is meant with `release_and_allow` and `remove_and_block`.
    ReachName: "recipient" "domain" "everybody";
    /// What a list does.
    KindName: "allow" "block";
    /// What a principal is.
    RoleName: "recipient" "domain_administrator" "administrator" "helpdesk" "auditor";
    /// What not everybody may do.
    RightName: "handle_malware" "release_outgoing" "administer" "see_bodies" "act"
        "request_release" "read_settings";
}

/// A time as RFC 3339 writes it, in UTC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Time(pub(super) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0.utc().timestamp())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        // What came before 1970 came before all mail here.
        text.parse::<jiff::Timestamp>()
            .map(|at| Self(Timestamp(u64::try_from(at.as_millisecond()).unwrap_or(0))))
            .map_err(|_| serde::de::Error::custom("a time as in 2026-11-21T10:00:00Z is wanted"))
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::Custom(
                "date-time".into(),
            )))
            .into()
    }
}

impl ToSchema for Time {}

/// The name of a shelf.
pub(super) fn shelf(shelf: crate::record::Shelf, direction: Direction) -> &'static str {
    let known = SHELVES
        .iter()
        .find(|(_, s, d)| (*s, *d) == (shelf, direction));
    known.map_or("caught", |(name, ..)| name)
}

fn texts(addresses: &[Address]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

/// Something seen in a mail.
#[derive(Serialize, ToSchema)]
pub(super) struct FindingShown {
    name: String,
    /// What it adds to the score.
    weight: f32,
    reason: String,
}

/// Who asked for a release.
#[derive(Serialize, ToSchema)]
pub(super) struct AskedShown {
    who: String,
    at: Time,
}

/// What one recipient has of one mail.
#[derive(Serialize, ToSchema)]
#[schema(as = Entry)]
pub(super) struct EntryShown {
    id: String,
    /// The same for all recipients of the mail.
    mail: String,
    /// The recipient; of outgoing mail the sender.
    owner: String,
    /// Where a release goes to.
    to: Vec<String>,
    /// The reverse path; null for the null sender.
    from: Option<String>,
    #[schema(value_type = DirectionName)]
    direction: Direction,
    #[schema(value_type = ShelfName)]
    shelf: &'static str,
    #[schema(value_type = StateName)]
    state: State,
    #[schema(value_type = ClassName)]
    class: Class,
    score: f32,
    /// The heaviest first.
    findings: Vec<FindingShown>,
    arrived: Time,
    expires: Time,
    /// Octets of the message.
    size: u64,
    subject: String,
    /// Who stands in the From field.
    author: String,
    /// The client's address.
    client: String,
    /// What the destination said when it refused the release.
    failed: Option<String>,
    /// Until then a release can be taken back.
    leaves: Option<Time>,
    /// Somebody without the right asked for the release.
    requested: Option<AskedShown>,
}

impl From<Entry> for EntryShown {
    fn from(entry: Entry) -> Self {
        let finding = |finding: &Finding| FindingShown {
            name: finding.name().to_owned(),
            weight: finding.weight(),
            reason: finding.reason(),
        };
        Self {
            id: entry.id.to_string(),
            mail: entry.mail.to_string(),
            owner: entry.owner.to_string(),
            to: texts(&entry.to),
            from: entry.from.as_ref().map(ToString::to_string),
            direction: entry.direction,
            shelf: shelf(entry.shelf, entry.direction),
            state: entry.state,
            class: entry.verdict.class,
            score: entry.verdict.score,
            findings: entry.verdict.because.iter().map(finding).collect(),
            arrived: Time(entry.arrived),
            expires: Time(entry.expires),
            size: entry.size,
            subject: entry.subject,
            author: entry.author,
            client: entry.client,
            failed: entry.failed.map(|reply| reply.to_string()),
            leaves: entry.leaves.map(Time),
            requested: entry.requested.map(|asked| AskedShown {
                who: asked.who,
                at: Time(asked.at),
            }),
        }
    }
}

/// A line of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(super) struct EventShown {
    at: Time,
    /// `accepted`, `tagged`, `quarantined`, `deferred`, `refused`, `released`, `changed`, ...
    #[schema(value_type = String)]
    status: Status,
    mail: Option<String>,
    entry: Option<String>,
    #[schema(value_type = Option<DirectionName>)]
    direction: Option<Direction>,
    from: Option<String>,
    to: Vec<String>,
    subject: String,
    /// Octets of the message.
    size: u64,
    #[schema(value_type = Option<ClassName>)]
    class: Option<Class>,
    score: Option<f32>,
    /// A login, or the chore of the house that did it.
    who: String,
    /// `smtp`, `imap`, `web`, `api`, ...
    door: String,
    /// The visitor's address, where there is one.
    peer: String,
    /// What was answered, or set.
    words: String,
    /// For whom it was set.
    about: Option<String>,
}

impl From<Event> for EventShown {
    fn from(event: Event) -> Self {
        Self {
            at: Time(event.at),
            status: event.status,
            mail: event.mail.as_ref().map(ToString::to_string),
            entry: event.entry.as_ref().map(ToString::to_string),
            direction: event.direction,
            from: event.from.as_ref().map(ToString::to_string),
            to: texts(&event.to),
            subject: event.subject,
            size: event.size,
            class: event.class,
            score: event.score,
            who: event.who,
            door: event.door.name,
            peer: event.door.peer,
            words: event.words,
            about: event.about.as_ref().map(Scope::to_string),
        }
    }
}

/// What came of an action with one entry.
#[derive(Serialize, ToSchema)]
pub(super) struct ActionResult {
    id: String,
    /// `done`, `already` (it had been done before), or `refused`.
    outcome: &'static str,
    /// With `already`: where the entry is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<StateName>)]
    state: Option<State>,
    /// With `refused`: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl ActionResult {
    pub(super) fn new(id: String, result: Result<Outcome, Refusal>) -> Self {
        let (outcome, state, detail) = match result {
            Ok(Outcome::Done(_)) => ("done", None, None),
            Ok(Outcome::Already(state)) => ("already", Some(state), None),
            Err(refusal) => ("refused", None, Some(refusal.to_string())),
        };
        Self {
            id,
            outcome,
            state,
            detail,
        }
    }

    /// Of one entry, whose refusal is a problem.
    pub(super) fn of(id: EntryId, outcome: Outcome) -> Self {
        Self::new(id.to_string(), Ok(outcome))
    }
}
