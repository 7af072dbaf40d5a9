//! Faults as programs read them: `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::LoginRefusal;
use crate::actions::Refusal;

/// The media type of a problem.
pub(in crate::web) const MEDIA_TYPE: &str = "application/problem+json";

/// Why something was not done.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::web) struct Problem {
    /// Always `about:blank`: the status says of which kind it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    #[schema(value_type = i32, minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong here, for people.
    detail: String,
    /// Seconds after which to come back; also in `Retry-After`.
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Problem {
    pub(in crate::web) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// Also for what is another's: a stranger learns nothing.
    pub(in crate::web) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "there is nothing here, or nothing that this key may see",
        )
    }

    /// What was sent can be read, but not taken.
    pub(in crate::web) fn unfit(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    pub(super) fn no_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "send a valid key as 'Authorization: Bearer KEY'; it may be unknown, expired, removed, or not for your network",
        )
    }

    pub(in crate::web) fn wait(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds.max(1)),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too many requests")
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::NotYours | Refusal::Unknown(_) => return Self::not_found(),
            Refusal::NeedsRight(_) => StatusCode::FORBIDDEN,
            Refusal::NotPossible(_) | Refusal::WasDelivered | Refusal::TooLate => {
                StatusCode::CONFLICT
            }
            Refusal::Bad(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, refusal.to_string())
    }
}

impl From<LoginRefusal> for Problem {
    fn from(refusal: LoginRefusal) -> Self {
        match refusal {
            LoginRefusal::Wrong => Self::no_key(),
            LoginRefusal::Wait(time) => Self::wait(time.as_secs()),
            LoginRefusal::Unavailable => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, refusal.to_string())
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status >= 500 {
            tracing::error!(error = self.detail, "a call of the API failed");
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            let how = HeaderValue::from_static("Bearer realm=\"Quaranta\"");
            headers.insert(header::WWW_AUTHENTICATE, how);
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
