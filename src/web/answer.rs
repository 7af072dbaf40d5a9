//! Answers: pages, redirects, and faults in plain words, with the header fields that keep browsers safe.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::House;
use super::api::{Problem, ROOT};
use super::client::{Client, Peer};
use super::form::Form;
use crate::accounts::LoginRefusal;
use crate::actions::Refusal;

/// Nothing runs, loads or sends but what is ours.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What a page ends in.
pub(super) type Answer = Result<Response, Fault>;

/// Why a page is not shown.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is no such page, or nothing that this visitor may see.
    NotFound,
    /// The visitor has to sign in first, and wants to come back here.
    SignIn(Option<String>),
    /// The visitor has to set up a second factor first.
    Enrol,
    /// The visitor has to give the password or a code once more, and wants to come back here.
    Prove(String),
    /// The form is too old, or does not come from one of our pages.
    Forged,
    /// What was sent cannot be taken.
    Bad(String),
    Forbidden(String),
    TooMany(u64),
    Failed(String),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match &refusal {
            Refusal::NotYours | Refusal::Unknown(_) => Fault::NotFound,
            Refusal::NeedsRight(_) => Fault::Forbidden(refusal.to_string()),
            Refusal::Failed(_) => Fault::Failed(refusal.to_string()),
            _ => Fault::Bad(refusal.to_string()),
        }
    }
}

impl From<LoginRefusal> for Fault {
    fn from(refusal: LoginRefusal) -> Self {
        match refusal {
            LoginRefusal::Wait(time) => Fault::TooMany(time.as_secs().max(1)),
            LoginRefusal::Wrong => Fault::Forbidden(refusal.to_string()),
            LoginRefusal::Unavailable => Fault::Failed(refusal.to_string()),
        }
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        Fault::Failed(format!("the page cannot be made: {error}"))
    }
}

impl Fault {
    fn told(&self) -> (StatusCode, &str, &str) {
        match self {
            Fault::NotFound => (
                StatusCode::NOT_FOUND,
                "Not found",
                "There is nothing here, or nothing that you may see.",
            ),
            Fault::SignIn(_) | Fault::Enrol | Fault::Prove(_) => {
                (StatusCode::UNAUTHORIZED, "Sign in", "Please sign in first.")
            }
            Fault::Forged => (
                StatusCode::FORBIDDEN,
                "Please try again",
                "The form was too old or did not come from this site. Nothing was changed.",
            ),
            Fault::Bad(words) => (StatusCode::BAD_REQUEST, "Not possible", words),
            Fault::Forbidden(words) => (StatusCode::FORBIDDEN, "Not allowed", words),
            Fault::TooMany(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "Please wait",
                "Too many tries. Please wait and try again.",
            ),
            Fault::Failed(words) => (StatusCode::SERVICE_UNAVAILABLE, "Not possible now", words),
        }
    }
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    style: String,
    icon: String,
    title: &'a str,
    words: &'a str,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match &self {
            Fault::SignIn(None) => return redirect("/sign-in"),
            Fault::SignIn(Some(back)) => {
                let next = Form::default().with("next", back);
                return redirect(&format!("/sign-in?{next}"));
            }
            Fault::Enrol => return redirect("/account/second-factor"),
            Fault::Prove(back) => {
                let next = Form::default().with("next", back);
                return redirect(&format!("/account/prove?{next}"));
            }
            _ => {}
        }
        if let Fault::Failed(words) = &self {
            tracing::error!(error = words, "a page failed");
        }
        let (status, title, words) = self.told();
        let page = FaultPage {
            style: super::assets::address("style.css"),
            icon: super::assets::address("icon.svg"),
            title,
            words,
        };
        let mut response = match page.render() {
            Ok(text) => (status, Html(text)).into_response(),
            Err(_) => status.into_response(),
        };
        if let Fault::TooMany(seconds) = self {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A page.
pub(super) fn page(template: &impl Template) -> Answer {
    Ok(Html(template.render()?).into_response())
}

/// 303 See Other, to a path of ours.
pub(super) fn redirect(path: &str) -> Response {
    let to = HeaderValue::try_from(local(path)).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

/// `path` if it leads to a page of ours, else the front page: nobody is sent elsewhere.
pub(super) fn local(path: &str) -> &str {
    let plain = path.starts_with('/')
        && !path.starts_with("//")
        && path
            .bytes()
            .all(|octet| octet.is_ascii_graphic() && octet != b'\\');
    if plain { path } else { "/" }
}

/// Header fields on every answer; and plain HTTP from elsewhere is sent to HTTPS.
pub(super) async fn guard(State(house): State<House>, request: Request, next: Next) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let client = Client::of(peer, request.headers(), &house.options);
    let api = request.uri().path().starts_with(ROOT);
    if house.has_tls && !client.tls && !client.is_here() {
        if api {
            // To be sent elsewhere would have the key sent once more without TLS the next time.
            return Problem::new(StatusCode::FORBIDDEN, "use HTTPS").into_response();
        }
        return to_https(&house, &request);
    }
    // The API takes no cookies: there is nothing that another site's page could use.
    if !api && is_foreign(&request) {
        return Fault::Forged.into_response();
    }
    let mut request = request;
    request.extensions_mut().insert(client);
    let asset = request.uri().path().starts_with("/assets/");
    let is_part = request.headers().contains_key("hx-request");
    let answered = tokio::time::timeout(house.options.request_time.0, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| {
        let late = StatusCode::REQUEST_TIMEOUT;
        if api {
            Problem::new(late, "this took too long").into_response()
        } else {
            late.into_response()
        }
    });
    if is_part {
        leave_frame(&mut response);
    }
    let headers = response.headers_mut();
    put(headers, header::CONTENT_SECURITY_POLICY, POLICY);
    put(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(headers, header::REFERRER_POLICY, "same-origin");
    put(
        headers,
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    put(
        headers,
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    if client.tls {
        put(
            headers,
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000",
        );
    }
    if !asset {
        put(headers, header::CACHE_CONTROL, "no-store");
    }
    response
}

/// A script that swaps a part of a page follows redirects by itself. To a page without that part,
/// such as signing in, the browser is to go as a whole.
fn leave_frame(response: &mut Response) {
    let to = response.headers().get(header::LOCATION);
    let outside = |to: &HeaderValue| {
        to.as_bytes().starts_with(b"/sign-in") || to.as_bytes().starts_with(b"/account/second")
    };
    if let Some(to) = to.filter(|to| outside(to)).cloned() {
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().remove(header::LOCATION);
        response
            .headers_mut()
            .insert(HeaderName::from_static("hx-redirect"), to);
    }
}

/// True for a form that another site's page sent. Browsers say so in Sec-Fetch-Site, older ones in
/// Origin; programs say neither, and bring no cookies that they were not given.
fn is_foreign(request: &Request) -> bool {
    let path = request.uri().path();
    // Mail programs turn digests off from anywhere (RFC 8058): the address is the authority.
    if request.method().is_safe() || path.starts_with("/u/") {
        return false;
    }
    let field = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    match (field("sec-fetch-site"), field("origin"), field("host")) {
        (Some(site), ..) => !matches!(site, "same-origin" | "none"),
        // The page of a link tells its address to nobody, so older browsers hide where it is from.
        (None, Some("null"), _) if path.starts_with("/l/") => false,
        (None, Some(origin), Some(host)) => {
            origin.split_once("://").map(|(_, rest)| rest) != Some(host)
        }
        (None, Some(_), None) => true,
        (None, None, _) => false,
    }
}

/// Sets a field that the page did not set itself.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers
        .entry(name)
        .or_insert(HeaderValue::from_static(value));
}

fn to_https(house: &House, request: &Request) -> Response {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| local(path.as_str()));
    let base = match &house.options.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => match request.headers().get(header::HOST).map(HeaderValue::to_str) {
            Some(Ok(host)) => format!("https://{host}"),
            _ => return StatusCode::BAD_REQUEST.into_response(),
        },
    };
    match HeaderValue::try_from(format!("{base}{path}")) {
        Ok(to) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for ours in ["/", "/log?text=a%20b", "/entries/1#x"] {
            assert_eq!(local(ours), ours);
        }
        for theirs in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:x",
            "/a\r\nb",
            "/a b",
        ] {
            assert_eq!(local(theirs), "/", "{theirs:?}");
        }
    }
}
