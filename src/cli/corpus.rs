//! Mail in files, for training and measuring: folders of single messages, Maildir, mbox.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::inspect::{Bulk, vector_of};
use crate::mail::{BodyType, Direction, Envelope, Mail, Message, Peer, headers};
use crate::record::Lore;

/// Octets of one message that are read; what comes after them is left out.
const MESSAGE_MOST: usize = 8 << 20;
/// Folders within folders that are looked into.
const DEPTH_MOST: usize = 8;
/// Files and messages of one run. What is kept of a message to learn it are 2 to 5 kB.
const FILES_MOST: usize = 200_000;
const MAILS_MOST: usize = 200_000;
/// Fields of which a message has one at least; else the file is no mail.
const SOME_FIELD: [&str; 8] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Received",
    "Message-ID",
    "Return-Path",
    "MIME-Version",
];

/// All files at `paths`, those of a folder in the order of their names.
///
/// # Errors
/// What cannot be read, and why.
fn files(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in paths {
        gather(path, DEPTH_MOST, &mut all).map_err(|e| named(&e, path))?;
    }
    Ok(all)
}

fn named(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn gather(path: &Path, depth: usize, all: &mut Vec<PathBuf>) -> io::Result<()> {
    let kind = std::fs::metadata(path)?;
    if kind.is_file() && all.len() < FILES_MOST {
        all.push(path.to_owned());
    }
    if !kind.is_dir() || depth == 0 {
        return Ok(());
    }
    let mut within: Vec<PathBuf> = std::fs::read_dir(path)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            !path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
        })
        .collect();
    within.sort();
    for path in within {
        // A link to nowhere, or a file that is gone already, is no reason to stop.
        match gather(&path, depth - 1, all) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(named(&error, &path));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The messages of one file: several if it is an mbox (RFC 4155), else one.
struct Messages {
    reader: BufReader<File>,
    /// Lines that were read and not yet given.
    ahead: VecDeque<Vec<u8>>,
    mbox: bool,
    ended: bool,
}

impl Messages {
    /// # Errors
    /// The file cannot be read.
    fn open(path: &Path) -> io::Result<Self> {
        let mut messages = Self {
            reader: BufReader::with_capacity(64 << 10, File::open(path)?),
            ahead: VecDeque::new(),
            mbox: false,
            ended: false,
        };
        if let Some(first) = messages.line()? {
            messages.mbox = separates(&first);
            // A single message may have kept the line of the mbox it came from.
            if !first.starts_with(b"From ") {
                messages.ahead.push_back(first);
            }
        }
        Ok(messages)
    }

    /// A line with its end; at most [`MESSAGE_MOST`] octets of it.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        let most = MESSAGE_MOST as u64;
        (&mut self.reader).take(most).read_until(b'\n', &mut line)?;
        Ok((!line.is_empty()).then_some(line))
    }

    /// The next message with CRLF line ends; `None` at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.ended {
            return Ok(None);
        }
        let mut octets = Vec::new();
        let (mut blank, mut lines) = (false, 0_usize);
        loop {
            let Some(line) = self.line()? else {
                self.ended = true;
                break;
            };
            if self.mbox && blank && separates(&line) {
                break;
            }
            let mut text = bare(&line);
            blank = text.is_empty();
            lines += 1;
            // mboxrd: a quoted "From " line has one > more than it had.
            if self.mbox && text.trim_ascii_start().starts_with(b">") {
                let quoted = text.iter().take_while(|b| **b == b'>').count();
                if text[quoted..].starts_with(b"From ") {
                    text = &text[1..];
                }
            }
            if octets.len() < MESSAGE_MOST {
                octets.extend(text.iter().filter(|b| **b != b'\r'));
                octets.extend_from_slice(b"\r\n");
            }
        }
        Ok((lines > 0).then_some(octets))
    }
}

/// True for the line that stands before each message of an mbox: `From`, an address, a date with
/// the time of day. Sentences start with that word too.
fn separates(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else {
        return false;
    };
    let time = |word: &[u8]| matches!(word, [a, b, b':', c, d, ..] if [a, b, c, d].iter().all(|c| c.is_ascii_digit()));
    let year = |word: &[u8]| word.len() == 4 && word.iter().all(u8::is_ascii_digit);
    let words = || rest.split(|b| b.is_ascii_whitespace()).take(20);
    words().any(time) && words().any(year)
}

/// A line without its end.
fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The mail in these octets, with the envelope as far as the message tells it; `None` if
/// they are no mail, unless it is to be taken for one whatever it is.
fn mail(octets: Vec<u8>, whatever: bool) -> Option<Mail> {
    let header = &octets[..headers::header_end(&octets)];
    let known = |field: headers::Field<'_>| SOME_FIELD.iter().any(|name| field.is(name));
    let is_mail = !header.contains(&0) && headers::fields(header).take(100).any(known);
    if !whatever && !is_mail {
        return None;
    }
    let message = Message::new(octets, None).ok()?;
    let bytes = message.bytes();
    let address = |name| {
        let text = headers::first(bytes, name)?.text();
        let inner = text
            .rsplit_once('<')
            .map_or(text.as_str(), |(_, rest)| rest);
        inner.trim_end_matches('>').trim().parse().ok()
    };
    let envelope = Envelope {
        peer: Peer::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        direction: Direction::Inbound,
        from: address("Return-Path").or_else(|| address("From")),
        to: Vec::new(),
        body: BodyType::EightBitMime,
        smtputf8: false,
    };
    Some(Mail::new(envelope, message, 0))
}

/// Calls `look` with each message of these files, those that are no mail only if `whatever` is
/// set; says how many are passed over.
///
/// # Errors
/// What cannot be read, and more than [`MAILS_MOST`] messages.
pub(super) fn each_mail(
    paths: &[PathBuf],
    whatever: bool,
    mut look: impl FnMut(&Path, Mail),
) -> anyhow::Result<usize> {
    let (mut passed_over, mut seen) = (0, 0);
    for path in files(paths)? {
        let mut messages = Messages::open(&path).with_context(|| path.display().to_string())?;
        while let Some(octets) = messages
            .next()
            .with_context(|| path.display().to_string())?
        {
            match mail(octets, whatever) {
                Some(mail) if seen < MAILS_MOST => look(&path, mail),
                Some(_) => bail!("there are more than {MAILS_MOST} messages; take fewer at a time"),
                None => passed_over += 1,
            }
            seen += 1;
        }
    }
    Ok(passed_over)
}

/// A mail to learn; `None` if it is one of the house itself.
pub(super) fn bulk(mail: &Mail, lore: Lore, text_most: usize) -> Option<Bulk> {
    let vector = vector_of(mail.message.bytes(), &mail.envelope, text_most)?;
    Some(Bulk {
        mail: mail.id,
        lore,
        vector: vector.packed(),
    })
}

/// Both kinds in one order, each spread evenly over the whole, so that neither comes in a lump.
pub(super) fn interleaved<T>(a: Vec<T>, b: Vec<T>) -> Vec<T> {
    let placed = |all: Vec<T>| {
        let count = all.len() as f64;
        let place = move |(index, item)| ((index as f64 + 0.5) / count, item);
        all.into_iter().enumerate().map(place).collect::<Vec<_>>()
    };
    let mut both = placed(a);
    both.extend(placed(b));
    both.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    both.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> Vec<String> {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("file");
        std::fs::write(&path, octets).expect("file");
        let mut messages = Messages::open(&path).expect("open");
        std::iter::from_fn(|| messages.next().expect("read"))
            .map(|octets| String::from_utf8_lossy(&octets).into_owned())
            .collect()
    }

    #[test]
    fn an_mbox_is_taken_apart() {
        let found = read(b"From a Mon Jan  3 01:02:03 2022\nSubject: 1\n\nx\n>From y\nFrom z\n\nFrom b Tue Jan  4 01:02 2022\r\nSubject: 2\r\n\r\ny\r\n");
        assert_eq!(
            found,
            [
                "Subject: 1\r\n\r\nx\r\nFrom y\r\nFrom z\r\n\r\n",
                "Subject: 2\r\n\r\ny\r\n"
            ]
        );
        assert_eq!(read(b"Subject: 1\n\nFrom here\n\nFrom there\n").len(), 1);
        assert_eq!(
            read(b"From a Mon Jan  3 01:02:03 2022\nSubject: 1\n\nFrom here on\n\nFrom now on\n")
                .len(),
            1
        );
        assert_eq!(read(b"").len(), 0);
    }

    #[test]
    fn what_is_no_mail_is_none() {
        for octets in [
            &b""[..],
            b"\x7fELF\0\0\0",
            b"just text\r\n",
            b"Foo: x\r\n\r\nSubject: y\r\n",
            b"Subject: a\0\r\n",
        ] {
            assert!(mail(octets.to_vec(), false).is_none(), "{octets:?}");
        }
        assert!(mail(b"Subject: a\r\n".to_vec(), false).is_some());
    }

    #[test]
    fn kinds_are_spread_evenly() {
        assert_eq!(
            interleaved(vec!["a"; 4], vec!["b"; 2]).concat(),
            "aabaab".replace("aab", "aba")
        );
    }
}
