//! The API of a small quarantine on a port of this machine, and a program that calls it.
#![allow(dead_code, unreachable_pub)] // Each test uses a part.

use std::net::SocketAddr;

use quaranta::accounts::{self, Login};
use quaranta::actions::{Desk, NewKey};
use quaranta::clock::Clock;
use quaranta::net::listen::{Closer, closing};
use quaranta::policy::{Principal, Rights, Role, Scope};
use quaranta::record::Door;
use quaranta::store::Store;
use quaranta::web;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub struct Api {
    pub at: SocketAddr,
    pub desk: Desk,
    pub login: Login,
    pub closer: Closer,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub fields: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of what must have worked.
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }

    /// Holds that it is a problem with this status, told as such; returns the words.
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.field("content-type"), "application/problem+json");
        let told = self.json();
        assert_eq!(told["status"], status, "{told}");
        assert_eq!(told["type"], "about:blank");
        told["detail"].as_str().expect("words").to_owned()
    }
}

impl Api {
    pub async fn new(store: &Store, clock: &Clock, options: web::Options) -> Self {
        let (closer, closing) = closing();
        let desk = Desk::new(store.clone(), clock.clone());
        let login = Login::new(
            store.settings.clone(),
            store.journal.clone(),
            clock.clone(),
            accounts::Options::default(),
        );
        let door = web::Door::new(web::Setup {
            options,
            desk: desk.clone(),
            login: login.clone(),
            tls: None,
            closing,
            overlap: std::time::Duration::from_secs(60),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
        let at = listener.local_addr().expect("address");
        tokio::spawn(door.serve(listener));
        Self {
            at,
            desk,
            login,
            closer,
        }
    }

    /// A key of the account with this login, with all that it has.
    pub async fn key(&self, login: &str) -> String {
        let by = Principal::of(login.parse::<Scope>().expect("scope"));
        let rights = by.rights;
        self.key_with(&by, by.role, &by.scope.clone(), rights).await
    }

    pub async fn key_with(
        &self,
        by: &Principal,
        role: Role,
        scope: &Scope,
        rights: Rights,
    ) -> String {
        let new = NewKey {
            name: "test".into(),
            role,
            scope: scope.clone(),
            rights,
            expires: None,
            networks: Vec::new(),
        };
        let door = Door::new("test", "");
        let made = self.desk.add_api_key(by, new, &door);
        made.await.expect("key").1
    }

    /// Sends octets, and reads all that is answered until the end.
    pub async fn raw(&self, octets: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.at).await.expect("connected");
        stream.write_all(octets).await.expect("sent");
        let mut answer = Vec::new();
        // Who was refused early is cut off.
        let _ = stream.read_to_end(&mut answer).await;
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let fields = lines.filter_map(|line| line.split_once(": "));
        Answer {
            status: status.and_then(|s| s.parse().ok()).expect("status"),
            fields: fields
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            text: body.to_owned(),
        }
    }

    /// One call with these fields of the header besides.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {}\r\n{fields}\r\n{body}",
            body.len()
        );
        self.raw(request.as_bytes()).await
    }

    /// One call with a key and JSON.
    pub async fn ask(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {key}");
        let mut fields = vec![("Authorization", bearer.as_str())];
        let mut text = String::new();
        if !body.is_null() {
            fields.push(("Content-Type", "application/json"));
            text = body.to_string();
        }
        self.call(method, path, &fields, &text).await
    }

    pub async fn get(&self, key: &str, path: &str) -> Answer {
        self.ask(key, "GET", path, &Value::Null).await
    }

    pub async fn post(&self, key: &str, path: &str, body: Value) -> Answer {
        self.ask(key, "POST", path, &body).await
    }
}
