//! The API described: OpenAPI 3.1 for programs, and the same as a page for people.

use std::sync::OnceLock;

use askama::Template;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::openapi::{Info, OpenApi, OpenApiBuilder};

use super::problem::{MEDIA_TYPE, Problem};
use crate::web::answer::{Answer, page as render};
use crate::web::assets;

const WORDS: &str = "Everything that people do in the panel, for programs. Send your key as \
    `Authorization: Bearer KEY`; it has a scope and rights, and sees nothing beyond. Bodies are \
    JSON. Faults are `application/problem+json` (RFC 9457); what is another's is 404, like what \
    is not there. A POST may carry an `Idempotency-Key`: the same call again within 24 hours gets \
    the same answer. Each key has so many requests a minute, see the field `RateLimit`.";

static DOCUMENT: OnceLock<Value> = OnceLock::new();

/// What the document begins with.
pub(super) fn beginning() -> OpenApi {
    let mut info = Info::new("Quaranta", env!("CARGO_PKG_VERSION"));
    info.description = Some(WORDS.to_owned());
    OpenApiBuilder::new().info(info).build()
}

/// Completes what the handlers say of themselves with what holds for all of them.
pub(super) fn complete(document: &OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["servers"] = json!([{ "url": "/api/v1" }]);
    document["security"] = json!([{ "key": [] }]);
    document["components"]["securitySchemes"] = json!({
        "key": { "type": "http", "scheme": "bearer", "description": "An API key, `qk_...`." },
    });
    document["components"]["schemas"]["Problem"] = problem();
    let common = json!({ "description": "A problem", "content": {
        MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } } });
    let paths = document["paths"].as_object_mut();
    for operations in paths.into_iter().flat_map(Map::values_mut) {
        let each = operations.as_object_mut();
        for (method, operation) in each.into_iter().flatten() {
            describe(method, operation, &common);
        }
    }
    document
}

fn problem() -> Value {
    use utoipa::PartialSchema as _;
    serde_json::to_value(Problem::schema()).unwrap_or_default()
}

fn describe(method: &str, operation: &mut Value, common: &Value) {
    let tag = operation["tags"][0].as_str().unwrap_or("").to_owned();
    let name = operation["operationId"].as_str().unwrap_or("").to_owned();
    operation["operationId"] = json!(format!("{tag}_{name}"));
    operation["responses"]["default"] = common.clone();
    for response in operation["responses"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut)
    {
        if response["description"].as_str().is_none_or(str::is_empty) {
            response["description"] = json!("Done");
        }
    }
    if method == "post" {
        let key = json!({ "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The same call again within 24 hours gets the same answer.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" } });
        match operation["parameters"].as_array_mut() {
            Some(parameters) => parameters.push(key),
            None => operation["parameters"] = json!([key]),
        }
    }
}

/// Keeps the document of the router for [`openapi`] and [`page`].
pub(super) fn keep(document: Value) {
    // A second router in the same process has the same routes.
    let _ = DOCUMENT.set(document);
}

/// `GET /api/v1/openapi.json`
pub(super) async fn openapi() -> Response {
    let text = DOCUMENT.get().map(Value::to_string).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

struct Call {
    method: String,
    path: String,
    summary: String,
    words: String,
    parameters: Vec<Parameter>,
    body: Option<String>,
}

struct Parameter {
    name: String,
    place: String,
    words: String,
}

#[derive(Template)]
#[template(path = "api.html")]
struct Page {
    style: String,
    icon: String,
    words: String,
    calls: Vec<Call>,
    schemas: Vec<(String, String)>,
}

/// `GET /api/v1/`: made of the document.
pub(in crate::web) async fn page() -> Answer {
    let empty = Value::Null;
    let document = DOCUMENT.get().unwrap_or(&empty);
    let paths = document["paths"].as_object().into_iter().flatten();
    let calls = paths.flat_map(|(path, operations)| {
        let each = operations.as_object().into_iter().flatten();
        each.map(move |(method, operation)| call(method, path, operation))
    });
    let schemas = document["components"]["schemas"].as_object();
    let schemas = schemas.into_iter().flatten().map(|(name, schema)| {
        let text = serde_json::to_string_pretty(schema).unwrap_or_default();
        (name.clone(), text)
    });
    render(&Page {
        style: assets::address("style.css"),
        icon: assets::address("icon.svg"),
        words: text(&document["info"]["description"]),
        calls: calls.collect(),
        schemas: schemas.collect(),
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn call(method: &str, path: &str, operation: &Value) -> Call {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let content = operation["requestBody"]["content"].as_object();
    let schema = content.and_then(|content| content.values().next());
    let body = schema.and_then(|body| body["schema"]["$ref"].as_str());
    Call {
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        words: text(&operation["description"]),
        parameters: parameters
            .map(|parameter| Parameter {
                name: text(&parameter["name"]),
                place: text(&parameter["in"]),
                words: text(&parameter["description"]),
            })
            .collect(),
        body: body.map(|name| name.rsplit('/').next().unwrap_or_default().to_owned()),
    }
}
