//! Speaks OpenID Connect Core 1.0: authorization code with PKCE (RFC 7636), state and nonce.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessToken, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
};
use openidconnect::{AdditionalClaims, CsrfToken, EmptyExtraTokenFields};
use openidconnect::{EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse};
use openidconnect::{
    IdToken, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
};
use openidconnect::{
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardErrorResponse,
};
use openidconnect::{StandardTokenResponse, SubjectIdentifier, TokenResponse, UserInfoClaims};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use super::{BACK, Kept, Options, Provider, ProviderError};
use crate::mail::{Address, Domain};
use crate::net::fetch::{Fetch, FetchError, may_ask};
use crate::net::tls::TlsError;
use crate::net::tls_client::ClientTls;
use crate::record::Secret;

/// What the provider says of itself is asked for anew after this long,
const FRESH: Duration = Duration::from_secs(3600);
/// and once in this time if a token is signed with a key that is not known.
const RENEWED: Duration = Duration::from_secs(60);
/// Signatures that are taken: by keys that the provider alone has.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// An answer that is on its way.
type Asked = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send>>;

/// Claims that have no place of their own.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct More(HashMap<String, Value>);
impl AdditionalClaims for More {}

type Fields = IdTokenFields<
    More,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Token =
    IdToken<More, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Client = openidconnect::Client<
    More,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why the provider cannot be made ready to ask.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("[oidc] ca_file: {0}")]
    Tls(#[from] TlsError),
    #[error("[oidc] client_secret_file: cannot read {path}: {source}")]
    Secret { path: PathBuf, source: io::Error },
    #[error("[oidc] issuer: {0}")]
    Issuer(String),
    #[error("[web] url: {0}")]
    Back(String),
}

/// An OpenID Connect provider; what it says of itself is kept for an hour.
pub struct Oidc {
    options: Options,
    issuer: IssuerUrl,
    back: RedirectUrl,
    secret: Option<ClientSecret>,
    fetch: Fetch,
    known: Mutex<Option<(Instant, Arc<CoreProviderMetadata>)>>,
}

impl Oidc {
    /// The provider of these options, which sends people back to the panel at `url`; `None` if the
    /// options name none. It is not asked before somebody signs in.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(options: &Options, url: &str) -> Result<Option<Self>, OpenError> {
        let Some(issuer) = options.issuer.clone() else {
            return Ok(None);
        };
        let issuer = IssuerUrl::new(issuer).map_err(|e| OpenError::Issuer(e.to_string()))?;
        let back = format!("{}{BACK}", url.trim_end_matches('/'));
        let back = RedirectUrl::new(back).map_err(|e| OpenError::Back(e.to_string()))?;
        let secret = match options.client_secret_file.clone() {
            Some(path) => match std::fs::read_to_string(&path) {
                Ok(text) => Some(ClientSecret::new(text.trim_end().to_owned())),
                Err(source) => return Err(OpenError::Secret { path, source }),
            },
            None => None,
        };
        let tls = ClientTls::new(options.ca_file.as_deref())?;
        Ok(Some(Self {
            fetch: Fetch::new(tls, options.time.0),
            options: options.clone(),
            issuer,
            back,
            secret,
            known: Mutex::new(None),
        }))
    }

    /// Our own client: bounded, and it follows no redirects.
    fn http(&self) -> impl Fn(HttpRequest) -> Asked + use<> {
        let fetch = self.fetch.clone();
        move |request| {
            let fetch = fetch.clone();
            Box::pin(async move {
                let answer = fetch.ask(request.map(Into::into)).await?;
                Ok(answer.map(|body| body.to_vec()))
            })
        }
    }

    /// What the provider says of itself, not older than `age`. One asks, others wait for that.
    async fn metadata(&self, age: Duration) -> Result<Arc<CoreProviderMetadata>, ProviderError> {
        let mut known = self.known.lock().await;
        if let Some((since, metadata)) = &*known
            && since.elapsed() < age
        {
            return Ok(metadata.clone());
        }
        let http = self.http();
        let asked = CoreProviderMetadata::discover_async(self.issuer.clone(), &http).await;
        let metadata = Arc::new(asked.map_err(|e| ProviderError(in_full(&e)))?);
        *known = Some((Instant::now(), metadata.clone()));
        Ok(metadata)
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Client {
        let id = ClientId::new(self.options.client_id.clone());
        Client::from_provider_metadata(metadata.clone(), id, self.secret.clone())
            .set_redirect_uri(self.back.clone())
    }

    /// The claims of a token that is for us, of this sign-in, and signed by the provider; asks for its
    /// keys anew if this one is not known.
    async fn claims(&self, token: &Token, nonce: &Nonce) -> Result<Option<Value>, ProviderError> {
        for age in [FRESH, RENEWED] {
            let client = self.client(&*self.metadata(age).await?);
            let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
            match token.claims(&verifier, nonce) {
                Ok(claims) => return Ok(serde_json::to_value(claims).ok()),
                // A key that is new there.
                Err(ClaimsVerificationError::SignatureVerification(_)) if age == FRESH => {}
                Err(error) => {
                    tracing::warn!(
                        error = in_full(&error),
                        "a token of the OpenID Connect provider is refused"
                    );
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// What the provider says of the person in answer to a question of its own (Core section 5.3).
    async fn user_info(
        &self,
        token: &AccessToken,
        subject: SubjectIdentifier,
    ) -> Result<Option<Value>, ProviderError> {
        let client = self.client(&*self.metadata(FRESH).await?);
        let Ok(request) = client.user_info(token.clone(), Some(subject)) else {
            return Ok(None);
        };
        let http = self.http();
        let said: UserInfoClaims<More, CoreGenderClaim> = request
            .request_async(&http)
            .await
            .map_err(|e| ProviderError(in_full(&e)))?;
        Ok(serde_json::to_value(said).ok())
    }
}

/// What claims say of an address.
enum Said {
    Address(Address),
    /// It is not proven, or not an address.
    No,
    Nothing,
}

/// The address that stands in `claim`; one in `email` must be said to be verified (Core section 5.1).
fn said(claims: &Value, claim: &str) -> Said {
    let Some(text) = claims.get(claim).and_then(Value::as_str) else {
        return Said::Nothing;
    };
    let verified = claims.get("email_verified").and_then(Value::as_bool);
    match (claim, verified) {
        ("email", Some(false)) => return Said::No,
        ("email", None) => return Said::Nothing,
        _ => {}
    }
    text.parse().map_or(Said::No, Said::Address)
}

#[async_trait]
impl Provider for Oidc {
    fn label(&self) -> &str {
        &self.options.label
    }

    fn covers(&self, domain: &Domain) -> bool {
        self.options.domains.is_empty() || self.options.domains.contains(domain)
    }

    fn makes_accounts(&self) -> bool {
        self.options.makes_accounts
    }

    async fn begin(&self, state: &str) -> Result<(String, Kept), ProviderError> {
        let client = self.client(&*self.metadata(FRESH).await?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (state, flow) = (
            CsrfToken::new(state.to_owned()),
            CoreAuthenticationFlow::AuthorizationCode,
        );
        let scopes = self.options.scopes.iter().cloned().map(Scope::new);
        let (page, _, nonce) = client
            .authorize_url(flow, || state, Nonce::new_random)
            .add_scopes(scopes)
            .set_pkce_challenge(challenge)
            .url();
        let page = String::from(page);
        if !may_ask(&page) {
            return Err(ProviderError("its page is not under https://".to_owned()));
        }
        let kept = Kept {
            nonce: Secret(nonce.secret().clone()),
            verifier: Secret(verifier.into_secret()),
        };
        Ok((page, kept))
    }

    async fn finish(&self, code: &str, kept: &Kept) -> Result<Option<Address>, ProviderError> {
        let client = self.client(&*self.metadata(FRESH).await?);
        let http = self.http();
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|e| ProviderError(e.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(kept.verifier.0.clone()))
            .request_async(&http)
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            // The code was used, is too old, or was made up; or the secret is wrong.
            Err(RequestTokenError::ServerResponse(said)) => {
                tracing::warn!(error = %said.error(), "the OpenID Connect provider gives no token");
                return Ok(None);
            }
            // What came is not shown: it may be a token.
            Err(RequestTokenError::Parse(error, _)) => {
                return Err(ProviderError(error.to_string()));
            }
            Err(error) => return Err(ProviderError(in_full(&error))),
        };
        let nonce = Nonce::new(kept.nonce.0.clone());
        let Some(token) = answer.id_token() else {
            return Err(ProviderError("it gave no ID token".to_owned()));
        };
        let Some(claims) = self.claims(token, &nonce).await? else {
            return Ok(None);
        };
        match said(&claims, &self.options.claim) {
            Said::Address(address) => return Ok(Some(address)),
            Said::No => return Ok(None),
            Said::Nothing => {}
        }
        let subject = claims
            .get("sub")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let subject = SubjectIdentifier::new(subject.to_owned());
        let more = self.user_info(answer.access_token(), subject).await?;
        match more.map(|more| said(&more, &self.options.claim)) {
            Some(Said::Address(address)) => Ok(Some(address)),
            _ => {
                let claim = &self.options.claim;
                tracing::warn!(
                    claim,
                    "the OpenID Connect provider does not tell a proven address"
                );
                Ok(None)
            }
        }
    }
}

/// An error with what it comes from.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(from) = cause {
        text.push_str(": ");
        text.push_str(&from.to_string());
        cause = from.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(claims: Value, claim: &str) -> String {
        match said(&claims, claim) {
            Said::Address(address) => address.to_string(),
            Said::No => "no".to_owned(),
            Said::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn an_address_counts_if_it_is_verified() {
        let mail = "a@b.test";
        for (claims, claim, want) in [
            (
                json!({"email": mail, "email_verified": true}),
                "email",
                mail,
            ),
            (
                json!({"email": mail, "email_verified": false}),
                "email",
                "no",
            ),
            (json!({"email": mail}), "email", "nothing"),
            (
                json!({"email": mail, "email_verified": "true"}),
                "email",
                "nothing",
            ),
            (json!({"upn": mail}), "upn", mail),
            (json!({"upn": "global"}), "upn", "no"),
            (json!({"upn": ["a@b.test"]}), "upn", "nothing"),
            (json!({}), "email", "nothing"),
        ] {
            assert_eq!(found(claims.clone(), claim), want, "{claims}");
        }
    }
}
