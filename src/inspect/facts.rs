//! Numbers known of a message's structure, by the names that rules use.

/// A number's name, with its meaning and where to find it.
#[derive(Clone, Copy)]
pub(super) struct Fact {
    pub name: &'static str,
    pub meaning: &'static str,
    pub of: fn(&Facts) -> f32,
}

impl std::fmt::Debug for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Declares the facts: field, name in rules, meaning.
macro_rules! facts {
    ($($field:ident, $name:literal, $meaning:literal;)*) => {
        /// What is known of one message. A fact that is yes or no is 1 or 0.
        #[derive(Debug, Clone, Default)]
        pub(super) struct Facts { $(pub $field: f32,)* }

        /// All facts.
        pub(super) const FACTS: &[Fact] = &[
            $(Fact { name: $name, meaning: $meaning, of: |facts| facts.$field },)*
        ];
    };
}

facts! {
    parts, "parts", "parts, multiparts included";
    depth, "depth", "levels of multiparts and messages within each other";
    too_deep, "too-deep", "1 if parts are nested more than 40 deep";
    too_many, "too-many-parts", "1 if there are more than 1000 parts";
    broken, "broken-mime", "1 if a multipart has no boundary, or never ends";
    text_length, "text-length", "characters of visible text, as far as it is read";
    html_length, "html-length", "octets of HTML source, as far as it is read";
    html_only, "html-only", "1 if there is HTML and no plain text";
    text_ratio, "text-ratio", "characters of visible text for 100 octets of HTML; 100 without HTML";
    hidden, "hidden-text", "characters of HTML text that are not shown";
    tags, "html-tags", "HTML tags";
    images, "images", "images the HTML shows";
    pixels, "pixel-images", "images of one pixel or none";
    forms, "forms", "HTML forms";
    scripts, "scripts", "HTML scripts";
    split_words, "split-words", "words with an HTML comment inside";
    links, "links", "links, at most 400";
    link_domains, "link-domains", "different domains in links";
    lying_links, "lying-links", "links whose text shows the address of another domain";
    own_links, "own-links", "percentage of the links that lead to the author's domain";
    number_links, "number-links", "links to an IP address";
    zero_width, "zero-width", "characters without width inside the text";
    mixed_words, "mixed-script-words", "words of Latin and Cyrillic or Greek letters together";
    attached, "attachments", "parts that are attachments";
    body_capitals, "body-capitals", "percentage of capitals among the letters of the text, 0 below 100 letters";
    subject_length, "subject-length", "characters of the Subject";
    subject_capitals, "subject-capitals", "percentage of capitals among the letters of the Subject, 0 below 8 letters";
    subject_gap, "subject-gap", "longest run of white space in the Subject";
    subject_names_you, "subject-names-recipient", "1 if the Subject holds a recipient's address or local part";
    body_names_you, "body-greets-address", "1 if the text opens with a recipient's address or local part";
    header_octets, "header-octets", "octets of the header section";
    eight_bit_header, "eight-bit-header", "octets above 127 in Subject and From as they stand";
    received, "received", "Received fields";
    addressees, "addressees", "addresses in To and Cc";
    to_is_from, "to-is-from", "1 if the author is the only addressee";
    name_lies, "name-shows-other-address", "1 if the author's name shows an address of another domain";
    reply_elsewhere, "reply-elsewhere", "1 if Reply-To names another domain than From";
    sender_elsewhere, "sender-elsewhere", "1 if the envelope sender is of another domain than From";
    id_elsewhere, "id-elsewhere", "1 if the Message-ID is of another domain than From";
    no_id_domain, "id-without-domain", "1 if the Message-ID has no domain with a dot";
    future_hours, "date-ahead", "hours by which Date lies after the arrival";
    past_hours, "date-behind", "hours by which Date lies before the arrival";
    bad_date, "bad-date", "1 if there is a Date that cannot be read";
    recipients, "recipients", "recipients in the envelope";
    size, "size", "octets of the message";
}

/// The fact of that name.
pub(super) fn named(name: &str) -> Option<Fact> {
    FACTS.iter().find(|fact| fact.name == name).copied()
}

/// The names of all facts.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FACTS.iter().map(|fact| fact.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_in_the_readme() {
        let readme = include_str!("../../conf/rules/README.md");
        for fact in FACTS {
            let line = format!("| `{}` | {} |", fact.name, fact.meaning);
            assert!(
                readme.contains(&line),
                "conf/rules/README.md lacks the line:\n{line}"
            );
        }
    }
}
