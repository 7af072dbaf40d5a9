//! Hostile messages, made of the table `vectors.txt`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A hostile message.
pub(crate) struct Hostile {
    pub name: String,
    pub message: Vec<u8>,
    /// What was done: `html CHARSET`, `name`, `parameter` or `header`.
    pub group: String,
    /// The HTML as it was sent, for groups `html`.
    pub payload: Vec<u8>,
}

impl Hostile {
    pub(crate) fn charset(&self) -> Option<&str> {
        self.group.strip_prefix("html ")
    }
}

/// All of them.
pub(crate) fn hostile() -> Vec<Hostile> {
    let mut all = Vec::new();
    let mut group = "";
    for line in include_str!("vectors.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            group = name.trim_end_matches(']');
            continue;
        }
        let (name, attack) = line.split_once(' ').expect("a name and an attack");
        let attack = attack
            .replace("{EVIL}", "http://evil.test/{ID}")
            .replace("{RUN}", "alert(1)")
            .replace("{ID}", name);
        let mut payload = characters(&attack);
        if group == "html utf-16le" {
            payload = attack.encode_utf16().flat_map(u16::to_le_bytes).collect();
        }
        all.push(Hostile {
            name: name.to_owned(),
            message: message(group, &payload),
            group: group.to_owned(),
            payload,
        });
    }
    all
}

fn characters(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let end = rest.find('}').map_or(0, |end| end + 1);
        let word = rest.get(1..end.saturating_sub(1)).unwrap_or_default();
        let known = match word {
            "LF" => vec![b'\n'],
            "CR" => vec![b'\r'],
            "TAB" => vec![b'\t'],
            "NUL" => vec![0],
            "ESC" => vec![0x1b],
            "SP" => vec![b' '],
            _ if word.starts_with("U+") => {
                let number = u32::from_str_radix(&word[2..], 16).expect("a number");
                char::from_u32(number)
                    .expect("a character")
                    .to_string()
                    .into_bytes()
            }
            _ if word.len() == 3 && word.starts_with('x') => {
                u8::from_str_radix(&word[1..], 16).map_or_else(|_| Vec::new(), |octet| vec![octet])
            }
            _ => Vec::new(),
        };
        if known.is_empty() {
            out.push(b'{');
            rest = &rest[1..];
        } else {
            out.extend(known);
            rest = &rest[end..];
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

const HEADER: &str =
    "From: a@remote.test\r\nTo: b@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n";

fn message(group: &str, payload: &[u8]) -> Vec<u8> {
    if let Some(charset) = group.strip_prefix("html ") {
        return html(charset, payload);
    }
    let parameter = match group {
        "name" => [b"filename=\"", payload, b"\""].concat(),
        "parameter" => payload.to_vec(),
        _ => return [payload, b"\r\nX-Next: 1\r\n\r\ntext\r\n"].concat(),
    };
    let start = format!(
        "{HEADER}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n\
         Content-Type: application/octet-stream\r\nContent-Disposition: attachment; "
    );
    [start.as_bytes(), &parameter, b"\r\n\r\nMZ\r\n--b--\r\n"].concat()
}

/// A message whose only part is this HTML.
pub(crate) fn html(charset: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!(
        "{HEADER}Content-Type: text/html; charset={charset}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    .into_bytes();
    for line in STANDARD.encode(payload).as_bytes().chunks(76) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out
}
