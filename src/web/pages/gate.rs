//! Signing in, by password, code or mailed link; signing out; and how somebody likes to see things.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use crate::accounts::{LoginRefusal, SignedIn, Step};
use crate::web::House;
use crate::web::answer::{Answer, Fault, local, page, redirect};
use crate::web::assets;
use crate::web::client::Client;
use crate::web::form::Form;
use crate::web::texts::Texts;
use crate::web::visitor::{Caller, Taste, Visitor, agent, set_session};

/// What the pages outside have around them.
pub(super) struct Gate {
    pub(super) t: &'static Texts,
    pub(super) theme: &'static str,
    pub(super) said: Option<&'static str>,
    pub(super) bad: bool,
}

impl Gate {
    pub(super) fn new(taste: &Taste) -> Self {
        Self {
            t: taste.t,
            theme: taste.theme,
            said: None,
            bad: false,
        }
    }

    pub(super) fn saying(mut self, words: Option<&'static str>) -> Self {
        self.said = words;
        self
    }

    pub(super) fn refusing(mut self, refusal: &LoginRefusal, wrong: &'static str) -> Self {
        self.bad = true;
        self.said = Some(match refusal {
            LoginRefusal::Wrong => wrong,
            LoginRefusal::Wait(_) => self.t.sign_in_wait,
            LoginRefusal::Unavailable => self.t.sign_in_later,
        });
        self
    }

    pub(super) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    gate: Gate,
    next: &'a str,
    login: &'a str,
    /// Links are mailed here.
    links: bool,
    /// The button that leads to the provider's page.
    elsewhere: Option<String>,
    next_elsewhere: String,
}

/// The page to sign in at.
pub(super) fn sign_in(house: &House, gate: Gate, next: &str, login: &str) -> Answer {
    let words = gate.t.sign_in_with;
    let provider = house.login.provider();
    page(&SignIn {
        next,
        login,
        links: house.options.url.is_some(),
        elsewhere: provider.map(|name| words.replace("{name}", name)),
        next_elsewhere: Form::default().with("next", next),
        gate,
    })
}

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct Code<'a> {
    gate: Gate,
    next: &'a str,
    pending: &'a str,
}

#[derive(Template)]
#[template(path = "sign_in_link.html")]
struct Link<'a> {
    gate: Gate,
    /// Of a link that waits for a press; without it an address is asked for.
    token: Option<&'a str>,
}

/// `GET /sign-in`
pub(in crate::web) async fn show(
    State(house): State<House>,
    taste: Taste,
    RawQuery(query): RawQuery,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let said = form.get("signed_out").map(|_| taste.t.signed_out);
    let next = local(form.get("next").unwrap_or("/"));
    sign_in(&house, Gate::new(&taste).saying(said), next, "")
}

/// `POST /sign-in`
pub(in crate::web) async fn enter(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let form = Form::of_body(&body);
    let login = form.get("login").unwrap_or_default();
    let password = form.all("password").next().unwrap_or_default();
    let next = local(form.get("next").unwrap_or("/"));
    let begun = house.login.begin(login, password, client.address, "web");
    match begun.await {
        Ok(step) => go_on(&house, step, client, &taste, &headers, next),
        Err(refusal) => {
            let gate = Gate::new(&taste).refusing(&refusal, taste.t.sign_in_wrong);
            sign_in(&house, gate, next, login)
        }
    }
}

/// The next step, or the session.
pub(super) fn go_on(
    house: &House,
    step: Step,
    client: Client,
    taste: &Taste,
    headers: &HeaderMap,
    next: &str,
) -> Answer {
    match step {
        Step::Done(signed) => begin(house, signed, client, headers, next),
        Step::SecondFactor(pending) => page(&Code {
            gate: Gate::new(taste),
            next,
            pending: pending.text(),
        }),
    }
}

fn begin(
    house: &House,
    signed: SignedIn,
    client: Client,
    headers: &HeaderMap,
    next: &str,
) -> Answer {
    let token = house
        .login
        .begin_session(signed, client.address, &agent(headers))?;
    Ok(with_cookie(redirect(next), set_session(client, &token)))
}

/// `POST /sign-in/code`
pub(in crate::web) async fn code(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let form = Form::of_body(&body);
    let pending = form.get("pending").unwrap_or_default();
    let code = form.get("code").unwrap_or_default();
    let next = local(form.get("next").unwrap_or("/"));
    match house
        .login
        .second(pending, code, client.address, "web")
        .await
    {
        Ok(signed) => begin(&house, signed, client, &headers, next),
        Err(refusal) => page(&Code {
            gate: Gate::new(&taste).refusing(&refusal, taste.t.code_wrong),
            next,
            pending,
        }),
    }
}

/// `GET /sign-in/link`
pub(in crate::web) async fn ask_link(taste: Taste) -> Answer {
    page(&Link {
        gate: Gate::new(&taste),
        token: None,
    })
}

/// `POST /sign-in/link`: the same answer for every address.
pub(in crate::web) async fn send_link(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    body: Bytes,
) -> Answer {
    let form = Form::of_body(&body);
    let Some(base) = &house.options.url else {
        return Err(Fault::NotFound);
    };
    let address = form.get("address").unwrap_or_default();
    let gate = Gate::new(&taste);
    let gate = match house.login.ask_link(address, client.address, base) {
        Ok(()) => gate.saying(Some(taste.t.link_sent)),
        Err(refusal) => gate.refusing(&refusal, taste.t.sign_in_wrong),
    };
    page(&Link { gate, token: None })
}

/// `GET /sign-in/link/{token}`: only shows, because programs that check mail open links, too.
pub(in crate::web) async fn show_link(taste: Taste, Path(token): Path<String>) -> Answer {
    page(&Link {
        gate: Gate::new(&taste),
        token: Some(&token),
    })
}

/// `POST /sign-in/link/{token}`
pub(in crate::web) async fn take_link(
    State(house): State<House>,
    Extension(client): Extension<Client>,
    taste: Taste,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Answer {
    match house.login.take_link(&token, client.address, "web").await {
        Ok(step) => go_on(&house, step, client, &taste, &headers, "/"),
        Err(refusal) => page(&Link {
            gate: Gate::new(&taste).refusing(&refusal, taste.t.link_old),
            token: None,
        }),
    }
}

/// `POST /sign-out`
pub(in crate::web) async fn leave(
    State(house): State<House>,
    visitor: Caller,
    body: Bytes,
) -> Answer {
    visitor.check(&Form::of_body(&body))?;
    house.login.leave(&visitor.token, "web").await;
    let cookie = set_session(visitor.client, "");
    Ok(with_cookie(redirect("/sign-in?signed_out=1"), cookie))
}

/// `POST /taste`: language and colours, in cookies that hold nothing secret.
pub(in crate::web) async fn taste(visitor: Visitor, body: Bytes) -> Answer {
    let form = Form::of_body(&body);
    visitor.check(&form)?;
    let mut response = redirect(local(form.get("back").unwrap_or("/")));
    for (name, known) in [("lang", ["en", "de"]), ("theme", ["light", "dark"])] {
        let wished = form.get(name).filter(|value| known.contains(value));
        if let Some(value) = wished {
            let text = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
            response = with_cookie(response, HeaderValue::try_from(text).ok());
        }
    }
    Ok(response)
}

pub(super) fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
