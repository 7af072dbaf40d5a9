//! SY-06, XX-05 with the real binary: a digest is asked for, arrives, and its links act by curl.

use crate::quaranta::Quaranta;
use crate::wait::until;
use crate::{GTUBE, curl, folder, message, swaks};

const ALICE: &str = "alice@example.org";

#[test]
fn sy06_xx05_a_digest_arrives_and_its_links_act() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    swaks(demo.smtp, ALICE, &message("gtube", GTUBE), dir.path());
    until("it is caught", || demo.caught(ALICE).len() == 1);
    for _ in 0..2 {
        let said = demo.must(&["digest", "send", ALICE]);
        assert!(
            said.contains("a digest goes to alice@example.org"),
            "{said}"
        );
    }
    let digest = || {
        let all = demo.delivered(ALICE).into_iter();
        let mut all = all.filter(|letter| letter.contains("X-Quaranta-Notice: digest"));
        let first = all.next();
        assert!(all.next().is_none(), "once in ten minutes");
        first
    };
    until("the digest is there", || digest().is_some());
    let letter = digest().expect("it is there");
    let links: Vec<&str> = letter
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("http") && line.contains("/l/"))
        .collect();
    assert_eq!(links.len(), 4, "{letter}");
    for link in &links {
        for args in [&["--head"][..], &[], &["--head"], &[]] {
            curl(&[args, &[link]].concat());
        }
    }
    assert_eq!(demo.caught(ALICE).len(), 1, "looking changes nothing");
    let page = curl(&["--request", "POST", links[0]]);
    assert!(page.contains("on its way"), "{page}");
    until("it is delivered", || {
        demo.delivered(ALICE)
            .iter()
            .any(|mail| mail.contains(GTUBE))
    });
    let page = curl(&["--request", "POST", links[3]]);
    assert!(page.contains("not possible any more"), "{page}");
}
