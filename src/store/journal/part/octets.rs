//! Small codes of the files: numbers of varying length, and stretches with a checksum.

use std::io;

use crate::store::on_sled::DiskFile;

/// Octets of a checksum.
pub(super) const SUM: usize = 4;

/// What is read is not what was written.
pub(super) fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is damaged"))
}

/// Seven bits an octet, the low ones first.
pub(super) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (octet, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub(super) fn push_sum(out: &mut Vec<u8>, from: usize) {
    let sum = crc32c::crc32c(out.get(from..).unwrap_or_default());
    out.extend_from_slice(&sum.to_be_bytes());
}

/// Reads `length` octets with their checksum behind them.
pub(super) fn read(
    file: &dyn DiskFile,
    offset: u64,
    length: usize,
    what: &str,
) -> io::Result<Vec<u8>> {
    let mut octets = vec![0; length + SUM];
    file.read_at(&mut octets, offset)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged(what),
            _ => error,
        })?;
    let sum = octets.split_off(length);
    if crc32c::crc32c(&octets).to_be_bytes() == *sum {
        Ok(octets)
    } else {
        Err(damaged(what))
    }
}

/// Ascending numbers as their distances.
pub(super) fn push_rising(out: &mut Vec<u8>, docs: &[u32]) {
    let mut last = 0;
    for doc in docs {
        push_number(out, u64::from(doc - last));
        last = *doc;
    }
}

/// Reads what [`push_rising`] wrote; each is below `end`.
pub(super) fn rising(mut octets: &[u8], end: u32, into: &mut Vec<u32>) -> io::Result<()> {
    let mut last = 0u64;
    while !octets.is_empty() {
        // Most distances are small: one octet.
        let step = match octets.split_first() {
            Some((octet, after)) if *octet < 0x80 => {
                octets = after;
                u64::from(*octet)
            }
            _ => number(&mut octets).ok_or_else(|| damaged("a list"))?,
        };
        last = last.saturating_add(step);
        match u32::try_from(last) {
            Ok(doc) if doc < end => into.push(doc),
            _ => return Err(damaged("a list")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_they_were_written() {
        let mut out = Vec::new();
        let all = [0, 1, 127, 128, 16_383, 16_384, u64::MAX];
        for n in all {
            push_number(&mut out, n);
        }
        let mut rest = &*out;
        for n in all {
            assert_eq!(number(&mut rest), Some(n));
        }
        assert_eq!(number(&mut rest), None);
        assert_eq!(number(&mut [0xff; 12].as_slice()), None);
    }

    #[test]
    fn lists_stay_within_their_rows() {
        let docs = [0, 1, 130, 90_000];
        let mut out = Vec::new();
        push_rising(&mut out, &docs);
        let mut read = Vec::new();
        rising(&out, 90_001, &mut read).expect("read");
        assert_eq!(read, docs);
        assert!(rising(&out, 90_000, &mut read).is_err());
        assert!(rising(&[0x80], 9, &mut read).is_err());
    }
}
