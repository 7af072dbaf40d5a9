//! Tests of exports and imports: what comes back says the same bit for bit, and nothing else comes in.

use std::fs;
use std::path::Path;

use crate::clock::Timestamp;
use crate::mail::MailId;
use crate::record::Lore;

use super::lesson::{Taught, Which};
use super::vector::Vector;
use super::{Learner, check_export};

fn taught(n: u32, scope: &str, lore: Lore) -> Taught {
    let slots = |from: u32| (from..from + 40).map(|n| n << 12).collect::<Vec<u32>>();
    Taught {
        mail: MailId([n as u8; 16]),
        lore,
        who: scope.to_owned(),
        scope: scope.parse().expect("scope"),
        at: Timestamp(u64::from(n)),
        number: u64::from(n) + 1,
        bulk: false,
        vector: Vector::new(&mut [slots(n * 7), slots(n * 3 + 500), slots(n * 11 + 1000)]),
    }
}

fn some(from: u32, to: u32) -> Vec<Taught> {
    let scopes = ["global", "a@x.example", "x.example"];
    let lore = |n| if n % 3 == 0 { Lore::Ham } else { Lore::Spam };
    (from..to)
        .map(|n| taught(n, scopes[n as usize % 3], lore(n)))
        .collect()
}

fn bits(learner: &Learner) -> Vec<u64> {
    let model = learner.model.read();
    let scopes = ["a@x.example", "x.example", "global"].map(|scope| scope.parse().expect("scope"));
    let says = |taught: Taught| {
        model
            .says(&scopes, &taught.vector)
            .unwrap_or_default()
            .to_bits()
    };
    some(0, 60).into_iter().map(says).collect()
}

fn all() -> Which {
    Which::default()
}

/// Sends a file as the command line does.
fn sent(learner: &Learner, file: &Path) -> std::io::Result<()> {
    let octets = fs::read(file)?;
    for (index, piece) in octets.chunks(1000).enumerate() {
        learner.receive(index as u64 * 1000, piece)?;
    }
    Ok(())
}

/// XX-11: an import says what the export said, bit for bit, takes lessons back, and survives a restart.
#[test]
fn what_is_imported_says_the_same() {
    let dir = tempfile::tempdir().expect("folder");
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    let from = Learner::open(&one).expect("learner");
    from.teach(some(0, 30)).expect("learned");
    let third = Which {
        numbers: vec![3],
        ..all()
    };
    from.undo(&third, "t", Timestamp(99)).expect("undone");
    let (before, file) = (bits(&from), dir.path().join("file"));
    let held = from.export(&file).expect("exported");
    assert_eq!(
        (held.lessons, check_export(&file).expect("sound")),
        (29, held)
    );
    from.teach(some(30, 40)).expect("learned");
    assert_ne!(bits(&from), before);

    let to = Learner::open(&other).expect("learner");
    to.teach(some(40, 45)).expect("learned");
    sent(&to, &file).expect("sent");
    assert_eq!(to.import().expect("imported").lessons, 29);
    assert_eq!(bits(&to), before);
    assert_eq!(to.stored(), 30, "no further than the export");
    let again = Learner::open(&other).expect("learner");
    assert_eq!((bits(&again), again.stored()), (before, 30));
    assert_eq!(again.lessons(&all(), 100), to.lessons(&all(), 100));
    assert_eq!(again.undo(&all(), "t", Timestamp(99)).expect("undone"), 29);
    assert!(again.is_empty());
    let names: Vec<_> = fs::read_dir(&other).expect("folder").flatten().collect();
    assert_eq!(names.len(), 1, "nothing is left over: {names:?}");
}

/// The numbers of another store say nothing of this one: what people teach here is still learned.
#[test]
fn an_import_from_elsewhere_does_not_hide_lessons_of_this_store() {
    let dir = tempfile::tempdir().expect("folder");
    let from = Learner::open(&dir.path().join("one")).expect("learner");
    from.teach(some(0, 30)).expect("learned");
    let file = dir.path().join("file");
    from.export(&file).expect("exported");
    let to = Learner::open(&dir.path().join("other")).expect("learner");
    to.teach(some(0, 5)).expect("learned");
    sent(&to, &file).expect("sent");
    to.import().expect("imported");
    assert_eq!(to.stored(), 5);
    assert_eq!(
        Learner::open(&dir.path().join("other"))
            .expect("learner")
            .stored(),
        5
    );
}

/// XX-11: whatever is wrong with a file, all is as before.
#[test]
fn bad_files_change_nothing() {
    let dir = tempfile::tempdir().expect("folder");
    let learner = Learner::open(&dir.path().join("learned")).expect("learner");
    learner.teach(some(0, 20)).expect("learned");
    let (before, file) = (bits(&learner), dir.path().join("file"));
    learner.export(&file).expect("exported");
    let good = fs::read(&file).expect("file");
    let changed = |at: usize| {
        let mut octets = good.clone();
        octets[at] ^= 1;
        octets
    };
    let older = [b"QUARANTA EXPORT0".as_slice(), &good[16..]].concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "no export"),
        (
            b"From: a@b.example\r\n\r\nhello, this is a mail\r\n".to_vec(),
            "no export",
        ),
        (
            fs::read(dir.path().join("learned/lessons")).expect("file"),
            "no export",
        ),
        (older, "another version"),
        (good[..good.len() - 1].to_vec(), "damaged"),
        (good[..good.len() / 2].to_vec(), "damaged"),
        ([good.as_slice(), b"x"].concat(), "damaged"),
        (changed(17), "damaged"),
        (changed(good.len() / 2), "damaged"),
        (changed(good.len() - 1), "damaged"),
    ];
    for (octets, why) in cases {
        fs::write(&file, &octets).expect("file");
        let said = check_export(&file).expect_err("bad").to_string();
        assert!(said.contains(why), "{said}");
        learner.receive(0, &octets).expect("sent");
        let said = learner.import().expect_err("bad").to_string();
        assert!(said.contains(why), "{said}");
        assert_eq!(bits(&learner), before);
    }
    assert!(learner.import().is_err(), "nothing was sent");
    learner.receive(0, &good).expect("sent");
    assert!(learner.receive(3, b"x").is_err(), "not the next piece");
    let again = Learner::open(&dir.path().join("learned")).expect("learner");
    assert_eq!(bits(&again), before);
    assert!(Learner::in_memory().export(&file).is_err());
}

/// XX-11: what is taken back is told to others once, also after the journal was written anew.
#[test]
fn what_was_taken_back_is_remembered() {
    let dir = tempfile::tempdir().expect("folder");
    let learner = Learner::open(dir.path()).expect("learner");
    let mut bulk = taught(50, "global", Lore::Spam);
    (bulk.bulk, bulk.number) = (true, 0);
    learner.teach(some(0, 6)).expect("learned");
    learner.teach(vec![bulk]).expect("learned");
    let which = |numbers: &[u64]| Which {
        numbers: numbers.to_vec(),
        ..all()
    };
    learner
        .undo(&which(&[2, 7]), "t", Timestamp(500))
        .expect("undone");
    learner
        .undo(&which(&[4]), "t", Timestamp(500))
        .expect("undone");
    let struck = learner.struck(0, 10);
    let mails: Vec<MailId> = struck.iter().map(|struck| struck.mail).collect();
    assert_eq!(
        mails,
        [MailId([1; 16]), MailId([3; 16])],
        "others never heard of the third"
    );
    assert!(struck[0].number < struck[1].number);
    assert_eq!(learner.struck(struck[0].number, 10), struck[1..]);
    let model = learner.model.read().clone();
    learner.book.lock().fold(model, 1).expect("folded");
    assert_eq!(
        Learner::open(dir.path()).expect("learner").struck(0, 10),
        struck
    );
}
