//! Policies by scope: what it sets itself, and what holds there.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::input::{Sent, named};
use super::problem::Problem;
use crate::policy::{Layer, Policy, QUOTA_MOST, Scope};
use crate::web::House;

pub(super) fn routes() -> OpenApiRouter<House> {
    OpenApiRouter::new()
        .routes(routes!(show, replace, change))
        .routes(routes!(inherit))
}

/// What a field of a policy can be.
enum Kind {
    Flag,
    Score,
    Text,
    /// An address, or nobody.
    Address,
    Number(u64, u64),
    Names(&'static [&'static str]),
}

const MODES: &[&str] = &["quarantine", "tag", "headers", "refuse", "off"];

/// The fields of a policy, with their words. A test holds them to [`Policy`].
const FIELDS: [(&str, Kind, &str); 33] = [
    ("mode", Kind::Names(MODES), "What happens to spam."),
    (
        "spam_from",
        Kind::Score,
        "From this score on a mail is spam.",
    ),
    (
        "unsure_from",
        Kind::Score,
        "From this score on a mail is unsure: delivered with X-Spam fields.",
    ),
    (
        "spam_tag",
        Kind::Text,
        "The Subject notation of spam in mode `tag`.",
    ),
    (
        "unsure_tag",
        Kind::Text,
        "The Subject notation of unsure mail; empty for none.",
    ),
    (
        "keep_days",
        Kind::Number(1, 3650),
        "Days until quarantined mail expires.",
    ),
    (
        "malware_days",
        Kind::Number(1, 3650),
        "Days until quarantined malware expires; as `keep_days` if unset.",
    ),
    (
        "training_days",
        Kind::Number(1, 3650),
        "Days until copies of unsure mail expire; as `keep_days` if unset.",
    ),
    (
        "quota_messages",
        Kind::Number(0, QUOTA_MOST),
        "Most messages held for each recipient; 0 for no limit.",
    ),
    (
        "quota_megabytes",
        Kind::Number(0, QUOTA_MOST),
        "The same in megabytes.",
    ),
    (
        "domain_quota_messages",
        Kind::Number(0, QUOTA_MOST),
        "Most messages held for a domain as a whole; 0 for no limit.",
    ),
    (
        "domain_quota_megabytes",
        Kind::Number(0, QUOTA_MOST),
        "The same in megabytes.",
    ),
    (
        "pend_unknown",
        Kind::Flag,
        "Mail from senders on no allow list waits until its recipient authorises it.",
    ),
    (
        "pend_days",
        Kind::Number(1, 365),
        "Days that pending mail waits.",
    ),
    (
        "pend_end",
        Kind::Names(&["remove", "deliver-marked"]),
        "What becomes of pending mail that nobody authorised in time.",
    ),
    (
        "undo_seconds",
        Kind::Number(0, 3600),
        "Seconds in which a release can be taken back.",
    ),
    (
        "training_requested",
        Kind::Flag,
        "Keep copies of delivered unsure mail on the shelf `training`.",
    ),
    (
        "outbound_mode",
        Kind::Names(MODES),
        "What happens to spam on its way out.",
    ),
    (
        "outbound_spam_from",
        Kind::Score,
        "From this score on a mail on its way out is spam.",
    ),
    (
        "correspondents",
        Kind::Flag,
        "Put those whom a user writes to on the user's allow list.",
    ),
    ("greylist", Kind::Flag, "Tell who is new to come back."),
    (
        "split",
        Kind::Flag,
        "Tell a sender to come again with recipients whose policies would answer differently.",
    ),
    (
        "tag_signed",
        Kind::Names(&["tag", "header-only", "tag-and-arc-seal"]),
        "What a Subject tag does to signed mail.",
    ),
    (
        "admin_bodies",
        Kind::Flag,
        "Those who look after the scope may open its mail; its owner sees who did.",
    ),
    (
        "admin_second_factor",
        Kind::Flag,
        "Who looks after others' mail needs a second factor.",
    ),
    (
        "digest",
        Kind::Text,
        "How often recipients are told what is held: `never`, `hourly`, `daily`, `weekly`, or hours as in `7,12,17`.",
    ),
    (
        "digest_days",
        Kind::Text,
        "On which days: `all`, or as in `mon,tue,wed,thu,fri`.",
    ),
    (
        "digest_zone",
        Kind::Text,
        "The time zone of those hours, as in `Europe/Berlin`.",
    ),
    (
        "digest_language",
        Kind::Names(&["en", "de"]),
        "The language of letters.",
    ),
    ("digest_caught", Kind::Flag, "Digests tell what was caught."),
    (
        "digest_pending",
        Kind::Flag,
        "Digests tell what waits because its sender is not known.",
    ),
    (
        "digest_to",
        Kind::Address,
        "Who gets the digests instead of the recipient; an address of the same domain.",
    ),
    (
        "report_to",
        Kind::Address,
        "Who gets a report about the whole domain.",
    ),
];

/// The fields as a schema; of what a scope sets each may be missing, or null to inherit it.
fn fields(all: bool) -> RefOr<Schema> {
    let mut object = ObjectBuilder::new();
    for (name, kind, words) in &FIELDS {
        let field = ObjectBuilder::new().description(Some(*words));
        let (field, own) = match kind {
            Kind::Flag => (field, Type::Boolean),
            Kind::Score => (
                field.minimum(Some(-1000.0)).maximum(Some(1000.0)),
                Type::Number,
            ),
            Kind::Text => (field.max_length(Some(100)), Type::String),
            Kind::Address => (field.max_length(Some(320)), Type::String),
            Kind::Number(least, most) => (
                field
                    .minimum(Some(*least as f64))
                    .maximum(Some(*most as f64)),
                Type::Integer,
            ),
            Kind::Names(names) => {
                let names = names.iter().map(|name| Value::from(*name));
                let null = (!all).then_some(Value::Null);
                (field.enum_values(Some(names.chain(null))), Type::String)
            }
        };
        let field = if all && !matches!(kind, Kind::Address) {
            field.schema_type(own)
        } else {
            field.schema_type(utoipa::openapi::schema::SchemaType::Array(vec![
                own,
                Type::Null,
            ]))
        };
        object = object.property(*name, field);
        if all {
            object = object.required(*name);
        }
    }
    if !all {
        let none = utoipa::openapi::schema::AdditionalProperties::FreeForm(false);
        object = object.additional_properties(Some(none));
    }
    object.into()
}

/// What a scope sets itself. What it leaves out, or sets to null, it inherits.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct OwnPolicy(Map<String, Value>);

impl PartialSchema for OwnPolicy {
    fn schema() -> RefOr<Schema> {
        fields(false)
    }
}

impl ToSchema for OwnPolicy {}

impl OwnPolicy {
    fn of(layer: &Layer) -> Result<Self, Problem> {
        match serde_json::to_value(layer) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(unwritable()),
        }
    }

    fn layer(self) -> Result<Layer, Problem> {
        serde_path_to_error::deserialize(Value::Object(self.0))
            .map_err(|error| Problem::unfit(error.to_string()))
    }
}

fn unwritable() -> Problem {
    let words = "the policy cannot be written";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, words)
}

/// What holds in a scope, field by field.
#[derive(Serialize)]
#[serde(transparent)]
struct WholePolicy(Policy);

impl PartialSchema for WholePolicy {
    fn schema() -> RefOr<Schema> {
        fields(true)
    }
}

impl ToSchema for WholePolicy {}

/// A scope's policy.
#[derive(Serialize, ToSchema)]
struct PolicyShown {
    scope: String,
    /// What it sets itself.
    own: OwnPolicy,
    /// What holds there, with what it inherits.
    effective: WholePolicy,
}

async fn shown(house: &House, caller: &Caller, scope: Scope) -> Result<Json<PolicyShown>, Problem> {
    let layers = house.desk.layers(&caller.by, &scope).await?;
    let layers: Vec<Layer> = layers.into_iter().map(|(_, layer)| layer).collect();
    let own = layers.last().cloned().unwrap_or_default();
    Ok(Json(PolicyShown {
        scope: scope.to_string(),
        own: OwnPolicy::of(&own)?,
        effective: WholePolicy(Policy::stack(&layers)),
    }))
}

/// Show a policy
///
/// `scope` is `global`, a domain or an address.
#[utoipa::path(get, path = "/policies/{scope}", tag = "policies",
    params(("scope" = String, Path)), responses((status = 200, body = PolicyShown)))]
async fn show(
    State(house): State<House>,
    caller: Caller,
    Path(scope): Path<String>,
) -> Result<Json<PolicyShown>, Problem> {
    shown(&house, &caller, named(&scope)?).await
}

/// Set a policy as a whole
///
/// What is left out is inherited from then on.
#[utoipa::path(put, path = "/policies/{scope}", tag = "policies",
    params(("scope" = String, Path)), request_body = OwnPolicy,
    responses((status = 200, body = PolicyShown)))]
async fn replace(
    State(house): State<House>,
    caller: Caller,
    Path(scope): Path<String>,
    Sent(sent): Sent<OwnPolicy>,
) -> Result<Json<PolicyShown>, Problem> {
    let (scope, layer): (Scope, Layer) = (named(&scope)?, sent.layer()?);
    let desk = &house.desk;
    desk.set_layer(&caller.by, scope.clone(), layer, &caller.door)
        .await?;
    shown(&house, &caller, scope).await
}

/// Change fields of a policy
///
/// A merge patch (RFC 7396): what is left out stays, null means inherited.
#[utoipa::path(patch, path = "/policies/{scope}", tag = "policies",
    params(("scope" = String, Path)),
    request_body = OwnPolicy,
    responses((status = 200, body = PolicyShown)))]
async fn change(
    State(house): State<House>,
    caller: Caller,
    Path(scope): Path<String>,
    Sent(sent): Sent<OwnPolicy>,
) -> Result<Json<PolicyShown>, Problem> {
    let scope: Scope = named(&scope)?;
    let desk = &house.desk;
    let mut fields = OwnPolicy::of(&desk.layer(&caller.by, &scope).await?)?;
    fields.0.extend(sent.0);
    let layer = fields.layer()?;
    desk.set_layer(&caller.by, scope.clone(), layer, &caller.door)
        .await?;
    shown(&house, &caller, scope).await
}

/// Inherit a field of a policy
#[utoipa::path(delete, path = "/policies/{scope}/{field}", tag = "policies",
    params(("scope" = String, Path), ("field" = String, Path)),
    responses((status = 200, body = PolicyShown)))]
async fn inherit(
    State(house): State<House>,
    caller: Caller,
    Path((scope, field)): Path<(String, String)>,
) -> Result<Json<PolicyShown>, Problem> {
    let scope: Scope = named(&scope)?;
    if !FIELDS.iter().any(|(name, ..)| *name == field) {
        return Err(Problem::not_found());
    }
    let desk = &house.desk;
    let mut fields = OwnPolicy::of(&desk.layer(&caller.by, &scope).await?)?;
    fields.0.remove(&field);
    let layer = fields.layer()?;
    desk.set_layer(&caller.by, scope.clone(), layer, &caller.door)
        .await?;
    shown(&house, &caller, scope).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se17_the_words_speak_of_every_field_there_is() {
        let policy = serde_json::to_value(Policy::default()).expect("policy");
        let mut there: Vec<&String> = policy.as_object().expect("object").keys().collect();
        let mut told: Vec<&str> = FIELDS.iter().map(|(name, ..)| *name).collect();
        there.sort_unstable();
        told.sort_unstable();
        assert_eq!(there, told);
    }
}
