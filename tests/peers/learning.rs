//! What people drop into their folders teaches the filter: a mail client, the learner, the next mail.

use serde_json::Value;

use crate::quaranta::Quaranta;
use crate::wait::until;
use crate::{folder, imap, message, swaks};

const PITCH: &str = "Dear friend, our trust office holds an unclaimed deposit in your region. Our fund manager \
    wires the released amount after the notary has seen your passport scan. Reply with full name, telephone \
    and occupation so that the consignment officer may open the file and begin the transfer today.";

fn lessons(demo: &Quaranta) -> usize {
    let text = demo.must(&["lessons", "list", "--json"]);
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let rows = answer["lessons"].as_array().or(answer.as_array());
    rows.map_or(0, Vec::len)
}

/// SE-11, XX-11: ten missed spams of a campaign, dropped into `Spam` from another account, make
/// the next one caught; taking the lessons back lets it in again.
#[test]
fn se11_ten_missed_spams_make_the_next_caught() {
    let dir = folder();
    let demo = Quaranta::demo(dir.path());
    let alice = "alice@example.org";
    let spam = |n: u32| message(&format!("benefit {n}"), &format!("{PITCH} Reference {n}."));
    let (said, accepted) = swaks(demo.smtp, alice, &spam(0), dir.path());
    assert!(accepted, "it is missed at first: {said}");
    for n in 1..=10 {
        let file = dir.path().join(format!("missed-{n}"));
        std::fs::write(&file, spam(n)).expect("a file");
        let name = file.to_str().expect("text");
        imap(&demo, alice, &["append", "Spam", name]).expect("taken");
    }
    until("the lessons are learned", || lessons(&demo) == 10);
    let (said, accepted) = swaks(demo.smtp, alice, &spam(11), dir.path());
    assert!(!accepted && said.contains("550 5.7.1"), "{said}");
    let caught = demo.caught(alice);
    let shown = demo.must(&["quarantine", "show", &caught[0]]);
    assert!(shown.contains("LEARNED"), "{shown}");
    let (said, accepted) = swaks(
        demo.smtp,
        alice,
        &message("lunch", "Soup at noon?"),
        dir.path(),
    );
    assert!(accepted, "other mail is not touched: {said}");

    demo.must(&["lessons", "undo", "--by", alice]);
    assert_eq!(lessons(&demo), 0);
    let (said, accepted) = swaks(demo.smtp, alice, &spam(12), dir.path());
    assert!(accepted, "it is as if they had never been: {said}");
}
