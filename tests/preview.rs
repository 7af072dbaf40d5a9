//! What strangers send, shown safely: the corpus of hostile messages, bombs, and ordinary mail.

#[path = "preview/corpus.rs"]
mod corpus;
#[path = "preview/judge.rs"]
mod judge;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use quaranta::web::preview::{Limits, Paper, Preview, View, document, octets, preview, raster};

use corpus::{Hostile, hostile, html};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn read(message: &[u8]) -> Preview {
    preview(message, &Limits::default())
}

/// The page, also with its images, on every kind of paper.
fn pages(message: &[u8], seen: &Preview) -> Vec<String> {
    let Some(html) = &seen.html else {
        return Vec::new();
    };
    [Paper::Auto, Paper::Light, Paper::Dark]
        .into_iter()
        .map(|paper| {
            let images = (paper == Paper::Auto).then_some(message);
            let view = View {
                paper,
                title: "Message",
                images,
            };
            document(html, &view).html
        })
        .collect()
}

fn is_fit(text: &str) -> bool {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    !text.chars().any(hidden)
}

/// Rules that hold for every message.
fn judge(name: &str, message: &[u8], seen: &Preview) {
    for page in pages(message, seen) {
        let faults = judge::faults(&page);
        assert!(faults.is_empty(), "{name}: {faults:?}\n{page}");
    }
    for (field, value) in &seen.header {
        assert!(is_fit(value), "{name}: {field}: {value:?}");
    }
    for (field, value) in &seen.all_fields {
        assert!(
            is_fit(field) && is_fit(value),
            "{name}: {field:?}: {value:?}"
        );
    }
    for link in &seen.links {
        assert!(
            is_fit(&link.text) && is_fit(&link.target),
            "{name}: {link:?}"
        );
        assert!(link.host.as_deref().is_none_or(is_fit), "{name}: {link:?}");
    }
    for part in &seen.parts {
        let file = part.name.as_deref().unwrap_or_default();
        assert!(is_fit(file) && is_fit(&part.media_type), "{name}: {file:?}");
        assert!(
            !file.contains(['/', '\\', '"', '<', '>', ':', ';']),
            "{name}: {file:?}"
        );
        assert!(
            !file.starts_with('.') && file.chars().count() <= 120,
            "{name}: {file:?}"
        );
    }
}

/// SE-14: a message can be looked at before it is acted on, whatever its sender put into it.
#[test]
fn se_14_hostile_messages_are_shown_harmless() {
    let all = hostile();
    assert!(all.len() >= 200, "{} are too few", all.len());
    for Hostile {
        name,
        message,
        payload,
        ..
    } in &all
    {
        judge(name, message, &read(message));
        if let Some(charset) = all
            .iter()
            .find(|h| h.name == *name)
            .and_then(Hostile::charset)
        {
            // The same inside other things that change how it is read.
            for (before, after) in [
                ("<table><tr><td>", "</table>"),
                ("<a href='", "'>x</a>"),
                ("<p title=\"", "\">"),
                ("<svg><style>", "</style></svg>"),
                ("<!--", "-->"),
                ("<b><i><ul><li>", ""),
            ] {
                let around = [before.as_bytes(), payload, after.as_bytes()].concat();
                let message = html(charset, &around);
                judge(&format!("{name} in {before}"), &message, &read(&message));
            }
        }
    }
}

#[test]
fn the_judge_finds_what_is_planted() {
    let page = |body: &str| {
        let Some(html) = &read(&html("utf-8", b"<p>MARK</p>")).html else {
            panic!("no page");
        };
        document(html, &View::default()).html.replace("MARK", body)
    };
    assert_eq!(judge::faults(&page("x")), Vec::<String>::new());
    for planted in [
        "<script>x</script>",
        "<img src=x>",
        "<img src='data:image/svg+xml,x'>",
        "<a href=x>x</a>",
        "<p onclick=x>",
        "<p style='color:red'>",
        "<svg></svg>",
        "<math></math>",
        "<!-- x -->",
        "<style>p{}</style>",
        "<meta charset=x>",
        "<p title='\u{202e}'>",
        "<form></form>",
        "<td width='1;'>",
        "<font color='url(x)'>",
        "<input>",
        "<base href=x>",
    ] {
        let planted_in = page(&format!("<table><td>{planted}<td width='1;x'></table>"));
        let faults = judge::faults(&planted_in).len() - 1;
        assert!(faults > 0, "{planted} was not seen");
    }
}

/// XX-12, SE-14: names of files and links that deceive are marked.
#[test]
fn se_14_deceit_is_told() {
    let all = hostile();
    let find = |name: &str| {
        read(
            &all.iter()
                .find(|h| h.name == name)
                .expect("it is there")
                .message,
        )
    };
    let part = |name: &str| find(name).parts.pop().expect("a part");
    for name in [
        "name-traversal-windows",
        "name-bidi",
        "name-isolate",
        "name-double",
        "name-spaces",
        "name-dots",
        "name-nul",
        "name-tab",
        "name-zero-width",
        "name-percent",
        "name-emoji",
        "name-encoded-word",
        "name-encoded-bidi",
        "name-2231",
        "name-2231-crlf",
        "name-2231-parts",
        "name-2231-charset",
        "name-both",
    ] {
        assert!(part(name).executable, "{name}: {:?}", part(name));
    }
    for name in [
        "name-bidi",
        "name-isolate",
        "name-encoded-bidi",
        "name-2231-parts",
    ] {
        assert!(part(name).bidi_name, "{name}: {:?}", part(name));
    }
    for name in [
        "name-double",
        "name-spaces",
        "name-tab",
        "name-both",
        "name-2231-parts",
    ] {
        assert!(part(name).double_extension, "{name}: {:?}", part(name));
    }
    for name in [
        "link-differs",
        "link-user",
        "link-lookalike",
        "link-javascript-tab",
        "link-data",
    ] {
        let seen = find(name);
        assert!(seen.links[0].suspicious(), "{name}: {:?}", seen.links);
    }
    let remote = all.iter().filter(|h| h.name.starts_with("fetch-img"));
    let counted = remote
        .filter(|h| read(&h.message).images.remote == 1)
        .count();
    assert_eq!(counted, 10, "all but the two that name no host");
}

/// SE-14: bombs are cut, said to be cut, and cost no more than the message is long.
#[test]
fn se_14_bombs_are_cut() {
    let much = 1 << 20;
    let many = |unit: &str, size: usize| unit.repeat(size / unit.len());
    let numbered =
        |make: &dyn Fn(usize) -> String, count: usize| (0..count).map(make).collect::<String>();
    let bombs = [
        many("<div>", much),
        many("<b><p>", much),
        numbered(&|n| format!("<b x={n}>"), 2000) + &many("<p>x", much),
        many("<table><tr><td>", much),
        many("<a href=x>", much),
        many("<p title='", much),
        format!("<img {}>", numbered(&|n| format!("a{n} "), much / 8)),
        format!("<p class={}", many("x", much)),
        many("&", much / 8),
        many("&amp", much / 8),
        many("<", much / 8),
        many("<!--", much),
        many("<![", much),
        many("</", much),
        many("<script>", much),
        many("<style>url(", much),
        format!("<style>{}", many("url(http://a.test/", much)),
        many("<img src=http://evil.test/x>", much),
        numbered(
            &|n| {
                format!(
                    "<p style='width:{}px;height:{n}px;margin:{}px'>",
                    n % 2000,
                    n % 100
                )
            },
            20_000,
        ),
        many("<td colspan=100 rowspan=100>", much),
        format!("<a href='{}'>", many("http://a.test/", much)),
        format!("<a href='x'>{}</a>", many("www.bank.com ", much)),
        many("\u{202e}", much),
    ];
    for bomb in &bombs {
        let message = html("utf-8", bomb.as_bytes());
        let seen = read(&message);
        for page in pages(&message, &seen) {
            // What is marked grows eightfold at most, and is cut.
            assert!(
                page.len() < 12 * much,
                "{:.20}: {} octets",
                bomb,
                page.len()
            );
        }
        let page = pages(&message, &seen).swap_remove(1);
        let faults = judge::faults(&page);
        assert!(faults.is_empty(), "{bomb:.40}: {faults:?}");
        assert!(seen.links.len() <= Limits::default().links);
    }
    assert!(read(&html("utf-8", bombs[0].as_bytes())).cut);
}

/// SE-14: the largest messages, the most parts, the deepest nesting.
#[test]
fn se_14_large_and_deep_messages_are_cut() {
    let big = "<p>words of a very long letter</p>\r\n".repeat((50 << 20) / 36);
    let message = format!("Subject: x\r\nContent-Type: text/html\r\n\r\n{big}");
    let seen = read(message.as_bytes());
    assert!(seen.cut && seen.parts[0].size > 49 << 20);
    assert!(seen.text.as_ref().is_some_and(|text| text.len() < 2 << 20));

    let message = format!("Subject: x\r\n\r\n{}", "words\r\n".repeat((50 << 20) / 7));
    let seen = read(message.as_bytes());
    assert!(
        seen.cut
            && seen
                .text
                .is_some_and(|text| text.len() <= Limits::default().text)
    );

    let mut wide = "Content-Type: multipart/mixed; boundary=a\r\n\r\n".to_owned();
    wide.push_str(&"--a\r\nContent-Type: text/html\r\n\r\n<b>x\r\n".repeat(10_000));
    let seen = read(wide.as_bytes());
    assert!(seen.cut && seen.parts.len() == Limits::default().parts);
    judge("wide", wide.as_bytes(), &seen);

    let level =
        |n: usize| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n");
    let deep: String = (0..10_000).map(level).collect();
    assert!(read(deep.as_bytes()).cut);
    assert!(
        read(
            "Content-Type: message/rfc822\r\n\r\n"
                .repeat(10_000)
                .as_bytes()
        )
        .cut
    );
}

fn with_image(kind: &str, image: &str, body: &str) -> String {
    format!(
        "From: =?utf-8?Q?J=C3=B6rg?= <j@remote.test>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\
         Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\n\
         Content-Type: multipart/alternative; boundary=a\r\n\r\n\
         --a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello https://example.com/plain\r\n\
         --a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{body}\r\n--a--\r\n\
         --r\r\nContent-Type: {kind}; name=\"logo.png\"\r\nContent-ID: <logo@x>\r\n\
         Content-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\n{image}\r\n--r--\r\n"
    )
}

/// SE-14: an ordinary letter looks like one, and its own images are shown on demand.
#[test]
fn se_14_an_ordinary_letter_is_shown() {
    let body = "<h1 style=\"color:#036;position:fixed\">Offer</h1><p align=center>Dear <b>J&ouml;rg</b>,\
        <a href=\"https://shop.example.com/x\">our shop</a></p><img src=\"cid:logo@x\" alt=\"Logo\">\
        <table bgcolor=#eeeeee><tr><td width=50%>1<td>2</table>";
    let message = with_image("image/svg+xml", PNG, body);
    let seen = read(message.as_bytes());
    assert_eq!(seen.header[0], ("From", "Jörg <j@remote.test>".to_owned()));
    assert_eq!(seen.header[1], ("Subject", "Grüße".to_owned()));
    assert!(
        seen.text
            .as_ref()
            .is_some_and(|text| text.starts_with("Hello"))
    );
    assert!(!seen.cut);
    let targets: Vec<_> = seen.links.iter().map(|link| link.target.as_str()).collect();
    assert_eq!(
        targets,
        ["https://shop.example.com/x", "https://example.com/plain"]
    );
    assert!(!seen.links[0].suspicious());
    let number = seen.images.inline[0];
    // It says it is something else: it is shown as what it is.
    let image = raster(message.as_bytes(), number, 1 << 20).expect("an image");
    assert_eq!(image.media_type, "image/png");
    assert_eq!(
        Some(image.octets.clone()),
        octets(message.as_bytes(), number)
    );
    assert_eq!(raster(message.as_bytes(), number, 10), None);
    assert_eq!(raster(message.as_bytes(), 99, 1 << 20), None);

    let html = seen.html.as_ref().expect("a page");
    let plain = document(html, &View::default());
    assert!(!plain.html.contains("<img") && plain.html.contains("▨ Logo"));
    let view = View {
        images: Some(message.as_bytes()),
        ..View::default()
    };
    let with = document(html, &view);
    let expected = format!("<img src=\"data:image/png;base64,{PNG}\" alt=\"Logo\">");
    assert!(with.html.contains(&expected), "{}", with.html);
    assert!(with.html.contains(
        "<h1 class=\"s0\">Offer</h1><p align=\"center\">Dear <b>Jörg</b>,\
         <span class=\"link\" title=\"https://shop.example.com/x\">our shop</span></p>"
    ));
    assert!(with.html.contains(".s0{color:#036;}"));
    assert!(
        with.html
            .contains("<td width=\"50%\">1</td><td>2</td></tr></table>")
    );
}

/// SE-14: an "image" that is none is not shown, and its page stays whole.
#[test]
fn se_14_only_images_are_shown_as_images() {
    for lie in [
        "<svg onload=alert(1)>",
        "<script>alert(1)</script>",
        "GIF8",
        "%PDF-1.7",
        "BM....",
    ] {
        let message = with_image(
            "image/png",
            &STANDARD.encode(lie),
            "<img src=cid:logo%40x alt=Logo>",
        );
        let seen = read(message.as_bytes());
        assert_eq!(seen.images.inline.len(), 1);
        assert_eq!(
            raster(message.as_bytes(), seen.images.inline[0], 1 << 20),
            None
        );
        judge(lie, message.as_bytes(), &seen);
        assert!(!pages(message.as_bytes(), &seen)[0].contains("<img"));
    }
}

#[test]
fn an_attached_message_is_listed_and_not_mixed_in() {
    let message = "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nouter\r\n--a\r\n\
        Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: text/html\r\n\r\n<p>inner\r\n--a--\r\n";
    let seen = read(message.as_bytes());
    assert_eq!(seen.text.as_deref(), Some("outer\n"));
    assert_eq!(seen.html, None);
    let kinds: Vec<_> = seen
        .parts
        .iter()
        .map(|p| (p.media_type.as_str(), p.shown, p.depth))
        .collect();
    assert_eq!(
        kinds,
        [
            ("text/plain", true, 1),
            ("message/rfc822", false, 1),
            ("text/html", false, 2)
        ]
    );
    let attached = octets(message.as_bytes(), seen.parts[1].number).expect("octets");
    assert!(attached.starts_with(b"Subject: inner") && attached.ends_with(b"<p>inner\r\n"));
    assert_eq!(octets(message.as_bytes(), 0), None);
}

/// The policy lets nothing be fetched, and covers the style sheet that is there.
#[test]
fn se_14_the_policy_fits_the_document() {
    let seen = read(&html("utf-8", b"<p style='color:red'>x"));
    let made = document(seen.html.as_ref().expect("a page"), &View::default());
    let start = made.html.find("<style>").expect("a sheet") + 7;
    let end = made.html.find("</style>").expect("its end");
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        &made.html.as_bytes()[start..end],
    );
    let hash = STANDARD.encode(digest);
    assert_eq!(
        made.policy,
        format!(
            "sandbox; default-src 'none'; img-src data:; style-src 'sha256-{hash}'; \
             form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
        )
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn se_14_any_mixture_of_pieces_is_harmless(pieces in prop::collection::vec(prop::sample::select(vec![
        "<", ">", "</", "/>", "<!--", "-->", "--!>", "<![CDATA[", "]]>", "<?", "\"", "'", "`", "=", " ", "\n", "\0",
        "&lt;", "&gt;", "&quot;", "&", "script", "style", "svg", "math", "noscript", "template", "title", "textarea",
        "<script>", "</script>", "<style>", "</style>", "<svg>", "</svg>", "<math>", "<mtext>", "<table>", "<tr>", "<td>",
        "</table>", "<p>", "</p>", "<a href=", "</a>", "<img src=", "<li>", "<ul>", "</ul>", "<b>", "</b>", "<select>",
        "<template>", "</template>", "<noscript>", "</noscript>", "<xmp>", "<plaintext>", "onerror=alert(1)", "style=",
        "color:red;", "url(x)", "}", "{", "\\", "javascript:", "title=", "class=", "http://evil.test/", "cid:x", "x",
    ]), 0..60)) {
        let message = html("utf-8", pieces.concat().as_bytes());
        let seen = read(&message);
        for page in pages(&message, &seen) {
            let faults = judge::faults(&page);
            prop_assert!(faults.is_empty(), "{:?}\n{}", faults, page);
        }
    }

    #[test]
    fn any_octets_are_read(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        let seen = read(&octets);
        judge("octets", &octets, &seen);
        let message = html("utf-8", &octets);
        judge("html octets", &message, &read(&message));
    }
}
