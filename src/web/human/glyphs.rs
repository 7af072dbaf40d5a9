//! Characters as strokes, for pictures that people read. Those that look alike are left out.

/// The characters there are.
pub(super) const ALPHABET: &str = "ACEHJKMNPRTWXY349";

/// Width and height of the field that strokes are drawn in.
pub(super) const WIDTH: f32 = 16.0;
pub(super) const HEIGHT: f32 = 24.0;

/// Lines through these points, from the upper left corner.
type Stroke = &'static [(u8, u8)];

/// The strokes of a character; none for others.
pub(super) fn strokes(c: char) -> &'static [Stroke] {
    match c {
        'A' => &[&[(0, 24), (8, 0), (16, 24)], &[(3, 16), (13, 16)]],
        'C' => &[&[
            (15, 5),
            (12, 1),
            (8, 0),
            (4, 1),
            (1, 6),
            (0, 12),
            (1, 18),
            (4, 23),
            (8, 24),
            (12, 23),
            (15, 19),
        ]],
        'E' => &[&[(15, 0), (0, 0), (0, 24), (15, 24)], &[(0, 12), (12, 12)]],
        'H' => &[
            &[(0, 0), (0, 24)],
            &[(16, 0), (16, 24)],
            &[(0, 12), (16, 12)],
        ],
        'J' => &[
            &[(12, 0), (12, 17), (10, 22), (6, 24), (2, 22), (0, 17)],
            &[(7, 0), (16, 0)],
        ],
        'K' => &[
            &[(0, 0), (0, 24)],
            &[(15, 0), (0, 14)],
            &[(5, 10), (16, 24)],
        ],
        'M' => &[&[(0, 24), (0, 0), (8, 14), (16, 0), (16, 24)]],
        'N' => &[&[(0, 24), (0, 0), (16, 24), (16, 0)]],
        'P' => &[&BOW],
        'R' => &[&BOW, &[(8, 13), (16, 24)]],
        'T' => &[&[(0, 0), (16, 0)], &[(8, 0), (8, 24)]],
        'W' => &[&[(0, 0), (4, 24), (8, 8), (12, 24), (16, 0)]],
        'X' => &[&[(0, 0), (16, 24)], &[(16, 0), (0, 24)]],
        'Y' => &[&[(0, 0), (8, 11), (16, 0)], &[(8, 11), (8, 24)]],
        '3' => &[
            &[(1, 3), (5, 0), (10, 0), (14, 3), (14, 8), (10, 11), (6, 11)],
            &[(10, 11), (15, 15), (15, 20), (11, 24), (5, 24), (0, 21)],
        ],
        '4' => &[&[(11, 24), (11, 0), (0, 16), (16, 16)]],
        '9' => &[&[
            (15, 8),
            (12, 13),
            (7, 14),
            (2, 12),
            (0, 7),
            (2, 2),
            (7, 0),
            (12, 1),
            (15, 6),
            (15, 14),
            (13, 20),
            (9, 24),
            (3, 23),
        ]],
        _ => &[],
    }
}

const BOW: [(u8, u8); 8] = [
    (0, 24),
    (0, 0),
    (10, 0),
    (14, 2),
    (16, 6),
    (14, 11),
    (10, 13),
    (0, 13),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_can_be_drawn_and_none_is_doubtful() {
        for c in ALPHABET.chars() {
            assert!(!strokes(c).is_empty(), "{c}");
            let points = strokes(c).iter().flat_map(|stroke| stroke.iter());
            assert!(points.clone().all(|(x, y)| *x <= 16 && *y <= 24), "{c}");
            assert!(!"0ODQ1ILS5Z2B8GUVF67".contains(c), "{c}");
        }
        assert!(strokes('?').is_empty());
    }
}
