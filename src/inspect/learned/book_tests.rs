//! Tests of the book of lessons: the model is the sum of what stands in it.

use parking_lot::RwLock;

use crate::clock::Timestamp;
use crate::mail::MailId;
use crate::policy::Scope;
use crate::record::Lore;

use super::book::Book;
use super::lesson::{Taught, Which};
use super::model::{Layer, Model};
use super::vector::Vector;

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

fn some() -> impl Iterator<Item = Taught> {
    let scopes = ["global", "a@x.example", "x.example", "b@x.example"];
    let lore = |n| if n % 3 == 0 { Lore::Ham } else { Lore::Spam };
    (0..40_u32).map(move |n| taught(n, scopes[n as usize % 4], lore(n)))
}

fn bits(model: &RwLock<Model>) -> Vec<Vec<u64>> {
    let model = model.read();
    let scopes = ["global", "a@x.example", "x.example", "b@x.example"];
    let layers = scopes
        .iter()
        .filter_map(|scope| model.layer(&scope.parse().expect("scope")));
    let probe = |layer: &Layer| {
        let each = some().map(|taught| layer.says(&taught.vector).to_bits());
        each.chain([u64::from(layer.spam), u64::from(layer.ham)])
            .collect()
    };
    let counted = some().map(|taught| {
        let says = model.says(&[Scope::Global], &taught.vector);
        says.unwrap_or_default().to_bits()
    });
    layers.map(probe).chain([counted.collect()]).collect()
}

/// XX-11: the model is the sum of its lessons, whatever was folded and taken back.
#[test]
fn a_folded_journal_says_the_same() {
    let dir = tempfile::tempdir().expect("folder");
    let mut empty = Model::new();
    let mut book = Book::open(dir.path(), &mut empty).expect("journal");
    let model = RwLock::new(empty);
    book.teach(&model, some().collect()).expect("learned");
    let before = bits(&model);
    book.fold(model.read().clone(), 15).expect("folded");
    assert_eq!(book.known.len(), 15);
    let mut again = Model::new();
    let mut reopened = Book::open(dir.path(), &mut again).expect("journal");
    let again = RwLock::new(again);
    assert_eq!(bits(&again), before);
    assert_eq!((reopened.last, reopened.stored), (book.last, book.stored));
    let which = Which {
        numbers: vec![28, 33, 1],
        ..Which::default()
    };
    for (book, model) in [(&mut book, &model), (&mut reopened, &again)] {
        assert_eq!(
            book.undo(model, &which, "t", Timestamp(99))
                .expect("undone"),
            2,
            "1 is folded"
        );
    }
    assert_ne!(bits(&model), before);
    assert_eq!(bits(&again), bits(&model));
    let next = book.teach(&model, vec![taught(200, "global", Lore::Ham)]);
    assert_eq!((next.expect("learned"), book.last), (1, 41));
}

/// XX-11: taking everything back in any order leaves the model empty.
#[test]
fn lessons_leave_no_trace() {
    let model = RwLock::new(Model::new());
    let mut book = Book::in_memory();
    book.teach(&model, some().collect()).expect("learned");
    for number in (1..=40).map(|n| n * 17 % 41) {
        let which = Which {
            numbers: vec![number],
            ..Which::default()
        };
        assert_eq!(
            book.undo(&model, &which, "t", Timestamp(99))
                .expect("undone"),
            1
        );
    }
    let model = model.read();
    assert!(model.is_empty());
    assert_eq!(model.bases(0, 0).len(), 1);
    let base = &model.bases(0, 0)[0];
    assert!(base.slots.is_empty() && base.seen.is_empty() && base.mails == [0; 2]);
}
