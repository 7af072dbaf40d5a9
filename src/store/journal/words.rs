//! How texts fall into words: the same for what is kept and for what is looked for.

/// Octets of a word that count; two words that are alike so far are one.
const LONGEST: usize = 48;
/// Words of one text that count, so that a text made for it cannot swell the index.
const MOST: usize = 200;

/// Gives each word of `text` to `each`, in lower case. Letters and digits make words; what
/// is written without spaces (Chinese, Japanese) makes a word of each sign.
pub(super) fn words(text: &str, mut each: impl FnMut(&str)) {
    let mut word = String::new();
    let mut left = MOST;
    for c in text.chars().flat_map(char::to_lowercase).chain([' ']) {
        let alone = is_alone(c);
        if c.is_alphanumeric() && !alone {
            if word.len() + c.len_utf8() <= LONGEST {
                word.push(c);
            }
            continue;
        }
        if !word.is_empty() {
            each(&word);
            word.clear();
            left -= 1;
        }
        if left > 0 && alone {
            each(c.encode_utf8(&mut [0; 4]));
            left -= 1;
        }
        if left == 0 {
            return;
        }
    }
}

/// A sign that is a word by itself: kana and Han.
fn is_alone(c: char) -> bool {
    matches!(u32::from(c), 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff)
}

/// A word that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) word: String,
    /// All words that begin so.
    pub(super) prefix: bool,
}

impl Wanted {
    pub(super) fn fits(&self, word: &str) -> bool {
        if self.prefix {
            word.starts_with(&self.word)
        } else {
            word == self.word
        }
    }
}

/// The words of one piece of a search; `*` at its end makes the last a beginning.
pub(super) fn wanted(piece: &str) -> Vec<Wanted> {
    let mut all = Vec::new();
    words(piece, |word| {
        let word = word.to_owned();
        all.push(Wanted {
            word,
            prefix: false,
        });
    });
    if let Some(last) = all.last_mut() {
        last.prefix = piece.ends_with('*');
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        words(text, |word| all.push(word.to_owned()));
        all
    }

    #[test]
    fn texts_fall_into_words() {
        let table: &[(&str, &[&str])] = &[
            ("Re: Your INVOICE #77", &["re", "your", "invoice", "77"]),
            ("jane.doe@mail.example", &["jane", "doe", "mail", "example"]),
            ("Größe ÉTÉ", &["größe", "été"]),
            ("发票ab 票", &["发", "票", "ab", "票"]),
            (" \u{202e}\u{0}*- ", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(all(text), *expected, "{text}");
        }
        let long = "x".repeat(60);
        assert_eq!(all(&long), ["x".repeat(LONGEST)]);
        assert_eq!(all(&"a ".repeat(900)).len(), MOST);
        assert_eq!(all(&"票".repeat(900)).len(), MOST);
    }

    #[test]
    fn a_star_at_the_end_asks_for_beginnings() {
        let all = wanted("in-voi*");
        assert!(!all[0].prefix && all[1].prefix);
        assert!(all[1].fits("voice") && !all[0].fits("inn"));
        assert!(wanted("*").is_empty());
    }
}
