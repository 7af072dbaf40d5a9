//! The header fields we add and strip: Received, Authentication-Results, and our own token.

use super::Intake;
use crate::mail::{Address, Direction, Edit, Mail, Peer, headers};
use crate::policy::Findings;
use crate::token;

/// Longest name of a client shown in Received, in octets.
const NAME_LONGEST: usize = 255;
/// Most forged fields that are removed one by one.
const FORGED_MOST: usize = 20;

impl Intake {
    /// The edits of every mail that leaves, for these recipients.
    pub(super) fn trace_edits(
        &self,
        mail: &Mail,
        findings: &Findings,
        to: &[Address],
    ) -> Vec<Edit> {
        let hostname = &self.parts.hostname;
        let mut edits = Vec::new();
        if !self.fronted {
            edits.push(Edit::Add {
                name: "Received".to_owned(),
                value: self.received(mail, to),
            });
        }
        if !findings.authentication.is_empty() {
            let value = format!("{hostname};\r\n\t{}", findings.authentication);
            edits.push(Edit::Add {
                name: "Authentication-Results".to_owned(),
                value,
            });
        }
        if mail.envelope.direction == Direction::Inbound {
            edits.extend(forged_results(mail, hostname));
        }
        if headers::first(mail.message.bytes(), token::FIELD).is_some() {
            edits.push(Edit::Remove {
                name: token::FIELD.to_owned(),
            });
        }
        edits
    }

    /// RFC 5321 section 4.4.
    fn received(&self, mail: &Mail, to: &[Address]) -> String {
        let peer = &mail.envelope.peer;
        let tls = peer
            .tls
            .as_ref()
            .map(|tls| format!("\r\n\t(using {})", printable(tls)))
            .unwrap_or_default();
        let protocol = protocol(peer, mail.envelope.smtputf8);
        let helo = printable(&peer.helo);
        let name = peer
            .name
            .as_deref()
            .map(|name| format!("{} ", printable(name)))
            .unwrap_or_default();
        let address = match peer.address.to_canonical() {
            std::net::IpAddr::V4(v4) => format!("[{v4}]"),
            std::net::IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
        };
        let recipient = match to {
            [only] => format!("\r\n\tfor <{only}>"),
            _ => String::new(),
        };
        format!(
            "from {} ({name}{address}){tls}\r\n\tby {} (Quaranta) with {protocol} id {}{recipient};\r\n\t{}",
            if helo.is_empty() { "unknown" } else { &helo },
            self.parts.hostname,
            mail.id,
            self.parts.clock.now().rfc5322(),
        )
    }
}

/// The protocol's name in Received (RFC 3848, RFC 6531 section 4.3).
fn protocol(peer: &Peer, smtputf8: bool) -> String {
    let name = match (peer.lmtp, smtputf8, peer.esmtp) {
        (true, true, _) => "UTF8LMTP",
        (true, false, _) => "LMTP",
        (false, true, _) => "UTF8SMTP",
        (false, false, true) => "ESMTP",
        (false, false, false) => return "SMTP".to_owned(),
    };
    let tls = if peer.tls.is_some() { "S" } else { "" };
    let auth = if peer.login.is_some() { "A" } else { "" };
    format!("{name}{tls}{auth}")
}

/// What a client says of itself must not end the field or the comment it stands in.
fn printable(text: &str) -> String {
    text.chars()
        .take(NAME_LONGEST)
        .map(|c| {
            if c.is_ascii_graphic() && !"()<>;\\\"".contains(c) || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .collect()
}

/// Authentication-Results fields that bear our name came from outside: they go (RFC 8601 section 5).
/// Of very many all go, whoever made them, so that edits stay few.
fn forged_results(mail: &Mail, hostname: &str) -> Vec<Edit> {
    let name = || "Authentication-Results".to_owned();
    let forged: Vec<Edit> = headers::fields(mail.message.bytes())
        .filter(|field| field.is("Authentication-Results"))
        .enumerate()
        .filter(|(_, field)| {
            let text = field.text();
            let server = text
                .split(|c: char| c == ';' || c.is_whitespace())
                .next()
                .unwrap_or_default();
            server.eq_ignore_ascii_case(hostname)
        })
        .map(|(nth, _)| Edit::RemoveNth { name: name(), nth })
        .take(FORGED_MOST + 1)
        .collect();
    if forged.len() > FORGED_MOST {
        return vec![Edit::Remove { name: name() }];
    }
    forged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Direction, Envelope, Message};

    #[test]
    fn forged_results_of_our_name_are_found() {
        let message = "Authentication-Results: other.org; spf=pass\r\n\
            authentication-results: MX.example.org;\r\n\tspf=pass\r\n\
            Authentication-Results: mx.example.org 1; spf=pass\r\n\r\n";
        let envelope = Envelope {
            peer: Peer::local(),
            direction: Direction::Inbound,
            from: None,
            to: Vec::new(),
            body: crate::mail::BodyType::SevenBit,
            smtputf8: false,
        };
        let mail = Mail::new(envelope, Message::new(message, None).expect("message"), 0);
        let removed: Vec<usize> = forged_results(&mail, "mx.example.org")
            .iter()
            .filter_map(|edit| match edit {
                Edit::RemoveNth { nth, .. } => Some(*nth),
                _ => None,
            })
            .collect();
        assert_eq!(removed, [1, 2]);
        let many = message.replacen(
            "spf=pass\r\n",
            &"spf=pass\r\nAuthentication-Results: mx.example.org; spf=pass\r\n".repeat(1000),
            1,
        );
        let mail = Mail::new(mail.envelope, Message::new(many, None).expect("message"), 0);
        assert_eq!(
            forged_results(&mail, "mx.example.org"),
            [Edit::Remove {
                name: "Authentication-Results".to_owned()
            }]
        );
    }

    #[test]
    fn a_client_cannot_write_into_our_field() {
        assert_eq!(printable("a)\r\nX: y"), "a???X: y");
    }
}
