//! A small name server, by whose records the mail of remote.test is aligned.

use std::net::UdpSocket;

use crate::wait::free_port;

/// Where the sender's mail comes from, as a relay in front says.
pub(crate) const CLIENT: &str = "198.51.100.7";

/// Answers questions for TXT with what names CLIENT for remote.test; of other names it knows nothing.
pub(crate) fn name_server() -> u16 {
    let port = free_port();
    let socket = UdpSocket::bind(("127.0.0.1", port)).expect("a port");
    std::thread::spawn(move || {
        let mut octets = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut octets) {
            let _sent = socket.send_to(&reply(&octets[..length]), from);
        }
    });
    port
}

/// RFC 1035 section 4: the header, the question as it was asked, and one record or none.
fn reply(asked: &[u8]) -> Vec<u8> {
    let (mut name, mut at) = (String::new(), 12);
    while asked[at] != 0 {
        let end = at + 1 + usize::from(asked[at]);
        name = format!("{name}{}.", String::from_utf8_lossy(&asked[at + 1..end]));
        at = end;
    }
    let kind = u16::from_be_bytes([asked[at + 1], asked[at + 2]]);
    let text = match (name.to_ascii_lowercase().as_str(), kind) {
        ("remote.test.", 16) => Some(format!("v=spf1 ip4:{CLIENT} ~all")),
        ("_dmarc.remote.test.", 16) => Some("v=DMARC1; p=none".to_owned()),
        _ => None,
    };
    let mut out = asked[..2].to_vec();
    let code = if name.ends_with("remote.test.") { 0 } else { 3 };
    out.extend([0x84, code, 0, 1, 0, u8::from(text.is_some()), 0, 0, 0, 0]);
    out.extend_from_slice(&asked[12..at + 5]);
    if let Some(text) = text {
        let length = u8::try_from(text.len()).expect("short");
        out.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, length + 1, length]);
        out.extend_from_slice(text.as_bytes());
    }
    out
}
