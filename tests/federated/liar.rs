//! An OpenID Connect provider that lies in its tokens, or does what no provider should.

use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use quaranta::accounts::oidc::{Kept, Oidc, Options, Provider, ProviderError};
use quaranta::mail::Address;
use quaranta::options::Span;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const CLIENT: &str = "quaranta";
const SECRET: &str = "of the client";

/// What it says of itself, and the key by which it signs.
struct Liar {
    issuer: String,
    key: EcdsaKeyPair,
    other: EcdsaKeyPair,
}

fn key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key")
}

fn text(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

impl Liar {
    /// A token for what `kind` names; but for that it is a good one.
    fn token(&self, kind: &str, nonce: &str) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.expect("after 1970").as_secs();
        let mut claims = json!({
            "iss": self.issuer, "sub": "1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce,
            "email": "alice@example.org", "email_verified": true,
        });
        let mut set = |name: &str, value: Value| claims[name] = value;
        match kind {
            "nonce" => set("nonce", json!("another")),
            "no-nonce" => set("nonce", Value::Null),
            "audience" => set("aud", json!("somebody-else")),
            "audiences" => set("aud", json!([CLIENT, "somebody-else"])),
            "issuer" => set("iss", json!("https://elsewhere.test")),
            "expired" => set("exp", json!(now - 1)),
            "unverified" => set("email_verified", json!(false)),
            "no-address" => set("email", json!("global")),
            _ => {}
        }
        let algorithm = match kind {
            "none" => "none",
            "shared" => "HS256",
            _ => "ES256",
        };
        let head = text(json!({"alg": algorithm, "kid": "k", "typ": "JWT"}).to_string());
        let said = format!("{head}.{}", text(claims.to_string()));
        let random = SystemRandom::new();
        let signature = match kind {
            "none" => String::new(),
            "shared" => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
                text(hmac::sign(&key, said.as_bytes()))
            }
            "key" => text(self.other.sign(&random, said.as_bytes()).expect("signed")),
            _ => text(self.key.sign(&random, said.as_bytes()).expect("signed")),
        };
        format!("{said}.{signature}")
    }

    /// The answer to a request.
    fn answer(&self, path: &str, body: &str) -> String {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let json = |value: Value| {
            let text = value.to_string();
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            )
        };
        match path {
            "/.well-known/openid-configuration" => json(json!({
                "issuer": self.issuer, "authorization_endpoint": at("/auth"),
                "token_endpoint": at("/token"), "jwks_uri": at("/jwks"),
                "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
            })),
            "/jwks" => {
                let point = self.key.public_key().as_ref();
                let (x, y) = (text(&point[1..33]), text(&point[33..65]));
                json(json!({"keys": [
                    {"kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "alg": "ES256", "x": x, "y": y},
                ]}))
            }
            "/token" => {
                let fields: Vec<_> = form_urlencoded::parse(body.as_bytes()).collect();
                let get = |name: &str| {
                    let found = fields.iter().find(|(n, _)| n == name);
                    found.map_or("", |(_, value)| value)
                };
                assert!(get("code_verifier").len() >= 43, "RFC 7636 section 4.1");
                let (kind, nonce) = get("code").split_once('.').expect("of the test");
                match kind {
                    "elsewhere" => format!(
                        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
                        at("/token")
                    ),
                    "huge" => json(json!({"access_token": "x".repeat(2 << 20)})),
                    "refused" => {
                        let text = r#"{"error":"invalid_grant"}"#;
                        let length = text.len();
                        format!(
                            "HTTP/1.1 400 Bad Request\r\nContent-Length: {length}\r\n\r\n{text}"
                        )
                    }
                    "no-token" => json(json!({"access_token": "a", "token_type": "Bearer"})),
                    _ => json(json!({
                        "access_token": "a", "token_type": "Bearer", "id_token": self.token(kind, nonce),
                    })),
                }
            }
            other => panic!("{other} was asked for"),
        }
    }
}

/// Serves it; returns its issuer.
async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let issuer = format!("http://{}", listener.local_addr().expect("address"));
    let liar = Liar {
        issuer: issuer.clone(),
        key: key(),
        other: key(),
    };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut octets = vec![0; 16 << 10];
            let mut read = 0;
            let (path, body) = loop {
                read += stream.read(&mut octets[read..]).await.expect("read");
                let said = String::from_utf8_lossy(&octets[..read]).into_owned();
                let Some((head, body)) = said.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head.to_ascii_lowercase();
                let length = length.split_once("content-length: ");
                let length = length.and_then(|(_, rest)| rest.split("\r\n").next()?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    let path = head.split(' ').nth(1).expect("a path");
                    break (path.to_owned(), body.to_owned());
                }
            };
            if body.contains("code=silent") {
                tokio::spawn(async move {
                    let _held = stream;
                    std::future::pending::<()>().await;
                });
                continue;
            }
            let _gone = stream.write_all(liar.answer(&path, &body).as_bytes()).await;
        }
    });
    issuer
}

fn oidc(issuer: &str) -> Oidc {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("secret");
    std::fs::write(&file, SECRET).expect("a file");
    let options = Options {
        issuer: Some(issuer.to_owned()),
        client_id: CLIENT.to_owned(),
        client_secret_file: Some(file),
        time: Span(Duration::from_secs(2)),
        ..Options::default()
    };
    options.check(Some("https://panel.test")).expect("fit");
    let opened = Oidc::open(&options, "https://panel.test/").expect("it opens");
    opened.expect("a provider")
}

async fn finish(oidc: &Oidc, kind: &str) -> Result<Option<Address>, ProviderError> {
    let (page, kept) = oidc.begin("a state").await.expect("a page");
    for part in [
        "response_type=code",
        "code_challenge_method=S256",
        "state=a+state",
        "scope=openid+email",
        "redirect_uri=https%3A%2F%2Fpanel.test%2Fsign-in%2Foidc%2Fback",
    ] {
        assert!(page.contains(part), "{page}");
    }
    let Kept { nonce, verifier } = &kept;
    assert!(page.contains(&nonce.0) && !page.contains(&verifier.0));
    oidc.finish(&format!("{kind}.{}", nonce.0), &kept).await
}

/// XX-12: a token counts if it is of this sign-in, for us, of now, and signed by the provider.
#[tokio::test(flavor = "multi_thread")]
async fn xx12_a_token_that_lies_lets_nobody_in() {
    let oidc = oidc(&serve().await);
    let alice: Address = "alice@example.org".parse().expect("address");
    assert_eq!(finish(&oidc, "good").await, Ok(Some(alice)));
    for kind in [
        "nonce",
        "no-nonce",
        "audience",
        "audiences",
        "issuer",
        "expired",
        "unverified",
        "no-address",
        "none",
        "shared",
        "key",
        "refused",
    ] {
        assert_eq!(finish(&oidc, kind).await, Ok(None), "{kind}");
    }
    for kind in ["elsewhere", "huge", "silent", "no-token"] {
        let found = finish(&oidc, kind).await;
        assert!(found.is_err(), "{kind}: {found:?}");
    }
}

/// XX-12: who says to be somebody else is not believed; and nobody is asked without TLS elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn xx12_a_provider_is_who_it_says() {
    let issuer = serve().await;
    for wrong in [
        issuer.replace("127.0.0.1", "localhost"),
        "http://127.0.0.1:1".to_owned(),
    ] {
        assert!(oidc(&wrong).begin("s").await.is_err(), "{wrong}");
    }
    let plain = Options {
        issuer: Some("http://id.example.org".to_owned()),
        client_id: CLIENT.to_owned(),
        ..Options::default()
    };
    let refused = plain
        .check(Some("https://panel.test"))
        .expect_err("refused");
    assert!(refused.contains("[oidc] issuer"), "{refused}");
}
