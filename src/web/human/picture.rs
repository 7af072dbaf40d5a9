//! A picture of characters: bent, with lines across, as a grey PNG (ISO/IEC 15948). The same seed draws
//! the same picture.

use std::f32::consts::TAU;
use std::io::Write as _;

use flate2::Compression;
use flate2::Crc;
use flate2::write::ZlibEncoder;

use super::glyphs::{HEIGHT, WIDTH, strokes};

/// Pixels.
const WIDE: usize = 300;
const HIGH: usize = 100;
/// Lines that cross the characters.
const LINES: usize = 3;
const SPECKS: usize = 90;
const PAPER: f32 = 247.0;

/// Numbers that follow from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    /// Between `low` and `high`.
    fn between(&mut self, low: f32, high: f32) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        // 16 bits are enough for a place, and exact.
        let share = f32::from(u16::try_from(x >> 48).unwrap_or(0)) / 65_535.0;
        low + (high - low) * share
    }
}

/// How the whole picture is bent.
struct Bend {
    across: (f32, f32, f32),
    down: (f32, f32, f32),
}

impl Bend {
    fn new(dice: &mut Dice) -> Self {
        let mut wave = |high| {
            (
                dice.between(2.0, high),
                dice.between(45.0, 80.0),
                dice.between(0.0, TAU),
            )
        };
        Self {
            across: wave(4.0),
            down: wave(5.0),
        }
    }

    fn at(&self, (x, y): (f32, f32)) -> (f32, f32) {
        let wave =
            |(high, long, phase): (f32, f32, f32), at: f32| high * (at / long * TAU + phase).sin();
        (x + wave(self.across, y), y + wave(self.down, x))
    }
}

/// Ink by pixel, from 0 to 1.
struct Sheet(Vec<f32>);

impl Sheet {
    /// A dot with a soft edge; what lies beside the sheet is not drawn.
    fn dot(&mut self, (x, y): (f32, f32), radius: f32, ink: f32) {
        let reach = |at: f32, end: usize| {
            let low = (at - radius - 1.0).floor().max(0.0) as usize;
            let high = (at + radius + 2.0).max(0.0) as usize;
            low..high.min(end)
        };
        for row in reach(y, HIGH) {
            for column in reach(x, WIDE) {
                let (dx, dy) = (column as f32 - x, row as f32 - y);
                let far = (dx * dx + dy * dy).sqrt();
                let shade = ink * (radius + 0.5 - far).clamp(0.0, 1.0);
                let pixel = &mut self.0[row * WIDE + column];
                *pixel = pixel.max(shade);
            }
        }
    }

    /// Dots along a line, each where `bend` puts it.
    fn line(&mut self, from: (f32, f32), to: (f32, f32), pen: (f32, f32), bend: &Bend) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let steps = (dx.hypot(dy) / 0.7).ceil().clamp(1.0, 2000.0);
        for step in 0..=steps as u16 {
            let share = f32::from(step) / steps;
            let at = bend.at((from.0 + dx * share, from.1 + dy * share));
            self.dot(at, pen.0, pen.1);
        }
    }
}

/// Draws `text` in a PNG; `None` if it cannot be packed, which does not happen in memory.
pub(super) fn png(text: &str, seed: u64) -> Option<Vec<u8>> {
    let mut dice = Dice(seed);
    let bend = Bend::new(&mut dice);
    let mut sheet = Sheet(vec![0.0; WIDE * HIGH]);
    let count = text.chars().count().max(1);
    let room = (WIDE as f32 - 36.0) / count as f32;
    for (place, c) in text.chars().enumerate() {
        let left = 18.0 + room * (place as f32 + 0.5);
        character(&mut sheet, c, left, &bend, &mut dice);
    }
    for _ in 0..LINES {
        let from = (dice.between(-10.0, 30.0), dice.between(15.0, 85.0));
        let to = (dice.between(270.0, 310.0), dice.between(15.0, 85.0));
        let own = Bend::new(&mut dice);
        sheet.line(from, to, (dice.between(0.5, 0.9), 0.65), &own);
    }
    for _ in 0..SPECKS {
        let at = (dice.between(0.0, 300.0), dice.between(0.0, 100.0));
        sheet.dot(at, dice.between(0.3, 1.2), dice.between(0.2, 0.7));
    }
    pack(&shades(&sheet, &mut dice))
}

/// One character, turned and sized by chance, around `centre`.
fn character(sheet: &mut Sheet, c: char, centre: f32, bend: &Bend, dice: &mut Dice) {
    let (turn, size) = (dice.between(-0.26, 0.26), dice.between(1.75, 2.25));
    let (x, y) = (
        centre + dice.between(-4.0, 4.0),
        HIGH as f32 / 2.0 + dice.between(-8.0, 8.0),
    );
    let pen = (dice.between(1.7, 2.4), dice.between(0.8, 1.0));
    let place = |(px, py): (u8, u8)| {
        let (px, py) = (
            (f32::from(px) - WIDTH / 2.0) * size,
            (f32::from(py) - HEIGHT / 2.0) * size,
        );
        let (sin, cos) = turn.sin_cos();
        (x + px * cos - py * sin, y + px * sin + py * cos)
    };
    for stroke in strokes(c) {
        for ends in stroke.windows(2) {
            if let [from, to] = ends {
                sheet.line(place(*from), place(*to), pen, bend);
            }
        }
    }
}

/// Rows of pixels with the filter octet 0 before each.
fn shades(sheet: &Sheet, dice: &mut Dice) -> Vec<u8> {
    let mut rows = Vec::with_capacity((WIDE + 1) * HIGH);
    for row in sheet.0.chunks(WIDE) {
        rows.push(0);
        for ink in row {
            let grain = dice.between(-9.0, 0.0);
            // Between 20 and 247 whatever the ink.
            let shade = (PAPER + grain) * (1.0 - ink) + 28.0 * ink;
            rows.push(shade.clamp(20.0, PAPER) as u8);
        }
    }
    rows
}

fn pack(rows: &[u8]) -> Option<Vec<u8>> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(rows).ok()?;
    let packed = packer.finish().ok()?;
    let mut head = Vec::new();
    for side in [WIDE, HIGH] {
        head.extend_from_slice(&u32::try_from(side).ok()?.to_be_bytes());
    }
    // Eight bits of grey; deflate, the common filters, not interlaced.
    head.extend_from_slice(&[8, 0, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &head[..]), (b"IDAT", &packed), (b"IEND", &[])] {
        out.extend_from_slice(&u32::try_from(data.len()).ok()?.to_be_bytes());
        out.extend_from_slice(kind);
        out.extend_from_slice(data);
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        out.extend_from_slice(&crc.sum().to_be_bytes());
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iw06_a_seed_draws_one_picture_and_another_another() {
        let one = png("ACEJHJ", 1).expect("a picture");
        assert_eq!(one, png("ACEJHJ", 1).expect("a picture"));
        assert_ne!(one, png("ACEJHJ", 2).expect("a picture"));
        assert_ne!(one, png("ACEJHK", 1).expect("a picture"));
        assert!(
            one.starts_with(b"\x89PNG\r\n\x1a\n") && one.len() < 30_000,
            "{}",
            one.len()
        );
        assert!(png("", 1).is_some());
    }

    #[test]
    fn iw06_every_character_leaves_ink() {
        for c in super::super::glyphs::ALPHABET.chars() {
            let mut sheet = Sheet(vec![0.0; WIDE * HIGH]);
            let mut dice = Dice(7);
            let bend = Bend::new(&mut dice);
            character(&mut sheet, c, 150.0, &bend, &mut dice);
            let inked = sheet.0.iter().filter(|ink| **ink > 0.5).count();
            assert!((150..2_500).contains(&inked), "{c}: {inked}");
        }
    }
}
