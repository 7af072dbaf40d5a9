//! The records of the log: how they lie in a segment, and how they are read back.
//!
//! A segment starts with [`START`] octets: `QUARANT1`, its number, its mark, a
//! checksum. The mark is random and stands in front of each of its records, so that
//! nobody can send a mail in which a record is found after damage. A record is a
//! header of [`HEADER`] octets, postings, and the octets of at most one mail.

use crate::store::StoreError;
use crate::store::ledger::draft::Posting;
use crate::store::ledger::ops::Packed;

/// Octets of a segment's start.
pub(super) const START: usize = 32;
/// Octets of a record's header.
pub(super) const HEADER: usize = 48;

const NAME: &[u8; 8] = b"QUARANT1";
/// The encoding of postings.
const POSTINGS: u8 = 1;
const PUT: u8 = 1;
const DELETE: u8 = 2;
const ZSTD: u32 = 1;

/// A record's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// One more than the record before; over all segments.
    pub(super) number: u64,
    /// All records up to this number were durable when this one was written.
    pub(super) durable: u64,
    /// Octets of the postings.
    pub(super) postings: u32,
    /// Octets of the mail; 0 for none.
    pub(super) body: u32,
    pub(super) zstd: bool,
    pub(super) postings_sum: u32,
    pub(super) body_sum: u32,
}

impl Header {
    /// Octets of the whole record.
    pub(super) fn length(&self) -> u64 {
        HEADER as u64 + u64::from(self.postings) + u64::from(self.body)
    }

    pub(super) fn write(&self, mark: u64) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..8].copy_from_slice(&mark.to_be_bytes());
        out[8..16].copy_from_slice(&self.number.to_be_bytes());
        out[16..24].copy_from_slice(&self.durable.to_be_bytes());
        out[24..28].copy_from_slice(&self.postings.to_be_bytes());
        out[28..32].copy_from_slice(&self.body.to_be_bytes());
        out[32..36].copy_from_slice(&(if self.zstd { ZSTD } else { 0 }).to_be_bytes());
        out[36..40].copy_from_slice(&self.postings_sum.to_be_bytes());
        out[40..44].copy_from_slice(&self.body_sum.to_be_bytes());
        let sum = crc32c::crc32c(&out[..44]);
        out[44..].copy_from_slice(&sum.to_be_bytes());
        out
    }

    /// Reads a header; `None` if it is none of this segment.
    pub(super) fn read(octets: &[u8; HEADER], mark: u64) -> Option<Header> {
        let sound = crc32c::crc32c(&octets[..44]) == word(octets, 44)?;
        (sound && long(octets, 0)? == mark).then_some(())?;
        Some(Header {
            number: long(octets, 8)?,
            durable: long(octets, 16)?,
            postings: word(octets, 24)?,
            body: word(octets, 28)?,
            zstd: word(octets, 32)? & ZSTD != 0,
            postings_sum: word(octets, 36)?,
            body_sum: word(octets, 40)?,
        })
    }
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*octets.get(at..)?.first_chunk()?))
}

fn long(octets: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*octets.get(at..)?.first_chunk()?))
}

/// The start of a segment.
pub(super) fn start(segment: u64, mark: u64) -> [u8; START] {
    let mut out = [0; START];
    out[..8].copy_from_slice(NAME);
    out[8..16].copy_from_slice(&segment.to_be_bytes());
    out[16..24].copy_from_slice(&mark.to_be_bytes());
    let sum = crc32c::crc32c(&out[..24]);
    out[24..28].copy_from_slice(&sum.to_be_bytes());
    out
}

/// The mark of a segment; `None` if its start is damaged.
pub(super) fn read_start(octets: &[u8; START], segment: u64) -> Option<u64> {
    let sound = octets.starts_with(NAME)
        && word(octets, 24)? == crc32c::crc32c(&octets[..24])
        && long(octets, 8)? == segment;
    sound.then_some(())?;
    long(octets, 16)
}

/// A record ready to be written.
pub(super) struct Encoded {
    pub(super) head: Vec<u8>,
    pub(super) body: Option<Packed>,
    /// What of it lives and dies with each posting.
    pub(super) weights: Vec<u32>,
}

impl Encoded {
    pub(super) fn length(&self) -> u64 {
        let body = self.body.as_ref().map_or(0, |body| body.bytes.len());
        (self.head.len() + body) as u64
    }
}

/// Encodes a record.
///
/// # Errors
/// [`StoreError::Failed`] if it is larger than 4 GiB, which no limit of the house allows.
pub(super) fn encode(
    postings: &[Posting],
    body: Option<Packed>,
    (mark, number, durable): (u64, u64, u64),
) -> Result<Encoded, StoreError> {
    let large = |_| StoreError::Failed("a record is too large".into());
    let mut head = vec![0; HEADER];
    head.push(POSTINGS);
    let mut weights = Vec::with_capacity(postings.len());
    for posting in postings {
        let before = head.len();
        match posting {
            Posting::Put { key, value } => {
                head.push(PUT);
                push(&mut head, key)?;
                push(&mut head, value)?;
            }
            Posting::Delete { key, born } => {
                head.push(DELETE);
                push(&mut head, key)?;
                head.extend_from_slice(&born.to_be_bytes());
            }
        }
        weights.push(u32::try_from(head.len() - before).map_err(large)?);
    }
    let octets = body.as_ref().map_or(&[][..], |body| &body.bytes);
    let body_length = u32::try_from(octets.len()).map_err(large)?;
    // The first posting puts the mail, if there is one, and carries what all share.
    if let Some(first) = weights.first_mut() {
        *first = first
            .saturating_add(body_length)
            .saturating_add(HEADER as u32 + 1);
    }
    let header = Header {
        number,
        durable,
        postings: u32::try_from(head.len() - HEADER).map_err(large)?,
        body: body_length,
        zstd: body.as_ref().is_some_and(|body| body.zstd),
        postings_sum: crc32c::crc32c(&head[HEADER..]),
        body_sum: crc32c::crc32c(octets),
    };
    head[..HEADER].copy_from_slice(&header.write(mark));
    Ok(Encoded {
        head,
        body,
        weights,
    })
}

fn push(out: &mut Vec<u8>, octets: &[u8]) -> Result<(), StoreError> {
    let length =
        u32::try_from(octets.len()).map_err(|_| StoreError::Failed("a row is too large".into()))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(octets);
    Ok(())
}

/// Postings read back, with their weights.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Postings {
    pub(super) postings: Vec<Posting>,
    pub(super) weights: Vec<u32>,
}

/// Reads the postings of a record; `None` if they are not what the header says.
pub(super) fn decode(header: &Header, octets: &[u8]) -> Option<Postings> {
    if crc32c::crc32c(octets) != header.postings_sum {
        return None;
    }
    let (&POSTINGS, mut rest) = octets.split_first()? else {
        return None;
    };
    let (mut postings, mut weights) = (Vec::new(), Vec::new());
    while let Some((&tag, after)) = rest.split_first() {
        let before = rest.len();
        rest = after;
        let key = take(&mut rest)?.to_vec();
        postings.push(match tag {
            PUT => Posting::Put {
                key,
                value: take(&mut rest)?.to_vec(),
            },
            DELETE => {
                let (born, after) = rest.split_first_chunk()?;
                rest = after;
                Posting::Delete {
                    key,
                    born: u64::from_be_bytes(*born),
                }
            }
            _ => return None,
        });
        weights.push(u32::try_from(before - rest.len()).ok()?);
    }
    if let Some(first) = weights.first_mut() {
        *first = first
            .saturating_add(header.body)
            .saturating_add(HEADER as u32 + 1);
    }
    Some(Postings { postings, weights })
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (octets, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(octets)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_record_reads_as_it_was_written() {
        let postings = vec![
            Posting::Put {
                key: b"Mkey".to_vec(),
                value: b"value".to_vec(),
            },
            Posting::Delete {
                key: b"Jkey".to_vec(),
                born: 7,
            },
        ];
        let body = Packed {
            bytes: Bytes::from_static(b"octets"),
            zstd: true,
        };
        let encoded = encode(&postings, Some(body), (9, 5, 4)).expect("encoded");
        let total: u32 = encoded.weights.iter().sum();
        assert_eq!(u64::from(total), encoded.length(), "weights make the whole");
        let head: &[u8; HEADER] = encoded.head.first_chunk().expect("header");
        let header = Header::read(head, 9).expect("header");
        assert_eq!((header.number, header.durable, header.zstd), (5, 4, true));
        assert_eq!(header.length(), encoded.length());
        let read = decode(&header, &encoded.head[HEADER..]).expect("postings");
        assert_eq!(read.postings, postings);
        assert_eq!(read.weights, encoded.weights);
        assert_eq!(Header::read(head, 8), None, "another segment's");
        for at in 0..encoded.head.len() {
            let mut damaged = encoded.head.clone();
            damaged[at] ^= 1;
            let head: &[u8; HEADER] = damaged.first_chunk().expect("header");
            let read = Header::read(head, 9).and_then(|h| decode(&h, &damaged[HEADER..]));
            assert_eq!(read, None, "octet {at}");
        }
    }

    #[test]
    fn a_segment_knows_its_number_and_mark() {
        let octets = start(3, 99);
        assert_eq!(read_start(&octets, 3), Some(99));
        assert_eq!(read_start(&octets, 4), None);
        assert_eq!(read_start(&[0; START], 0), None);
    }
}
