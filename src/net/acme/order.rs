//! One certificate, from the order to the chain (RFC 8555 section 7.4).

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use instant_acme::{Account, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType};
use instant_acme::{Error, HttpClient, Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy};

use super::Options;
use super::answers::Answers;
use super::kept::Kept;
use crate::net::fetch::Fetch;

/// How long the authority may take to look at us, and again to sign.
const PATIENCE: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .timeout(Duration::from_secs(120));

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    #[error(transparent)]
    Authority(#[from] Error),
    #[error("the authority does not look at {0} by HTTP-01")]
    NoWay(String),
    #[error(
        "the authority found that a name is not ours ({0:?}); port 80 of each must lead to [acme] listen"
    )]
    NotOurs(OrderStatus),
    #[error("the account cannot be kept: {0}")]
    Keep(#[from] std::io::Error),
}

/// A chain and the key of its first certificate, PEM.
pub(super) struct Signed {
    pub(super) chain: String,
    pub(super) key: String,
}

/// Our own HTTP client as the protocol wants it.
struct Asking(Fetch);

impl HttpClient for Asking {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let fetch = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(never) => match never {},
            };
            let answer = fetch.ask(Request::from_parts(parts, body)).await;
            let answer = answer.map_err(|error| Error::Other(Box::new(error)))?;
            Ok(BytesResponse::from(answer.map(Full::new)))
        })
    }
}

/// The account at the authority, made at the first time.
async fn account(
    options: &Options,
    directory: &str,
    kept: &Kept,
    fetch: &Fetch,
) -> Result<Account, OrderError> {
    let builder = Account::builder_with_http(Box::new(Asking(fetch.clone())));
    if let Some(credentials) = kept.account(directory) {
        return Ok(builder.from_credentials(credentials).await?);
    }
    let contact: Vec<String> = options
        .contact
        .iter()
        .map(|a| format!("mailto:{a}"))
        .collect();
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let new = NewAccount {
        contact: &contact,
        terms_of_service_agreed: options.agree_to_terms,
        only_return_existing: false,
    };
    let (account, credentials) = builder.create(&new, directory.to_owned(), None).await?;
    kept.keep_account(directory, credentials)?;
    Ok(account)
}

/// Orders a certificate for `domains`; the authority's questions are answered by `answers`.
pub(super) async fn order(
    (options, directory): (&Options, &str),
    domains: &[String],
    kept: &Kept,
    fetch: &Fetch,
    answers: &Answers,
) -> Result<Signed, OrderError> {
    let account = account(options, directory, kept, fetch).await?;
    let names: Vec<Identifier> = domains.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await?;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let name = authorization.identifier().to_string();
        let mut challenge = authorization
            .challenge(ChallengeType::Http01)
            .ok_or(OrderError::NoWay(name))?;
        answers.set(&challenge.token, challenge.key_authorization().as_str());
        challenge.set_ready().await?;
    }
    match order.poll_ready(&PATIENCE).await? {
        OrderStatus::Ready => {}
        status => return Err(OrderError::NotOurs(status)),
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Ok(Signed { chain, key })
}
