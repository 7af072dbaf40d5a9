//! Policies in layers: the narrower wins, and what it cannot take back.

use super::layer::*;

#[test]
fn xx12_a_second_factor_cannot_be_taken_back_and_bodies_are_hidden() {
    let with = |second| Layer {
        admin_second_factor: Some(second),
        ..Layer::default()
    };
    assert!(Policy::stack(&[with(true), with(false)]).admin_second_factor);
    assert!(!Policy::stack(&[with(false)]).admin_second_factor);
    assert!(!Policy::stack(&[]).admin_bodies);
}

#[test]
fn the_narrower_wins_field_by_field() {
    let wide = Layer {
        mode: Some(Mode::Tag),
        keep_days: Some(30),
        ..Layer::default()
    };
    let narrow = Layer {
        keep_days: Some(3),
        ..Layer::default()
    };
    let policy = Policy::stack(&[wide, narrow]);
    assert_eq!((policy.mode, policy.keep_days), (Mode::Tag, 3));
    let policy = policy.outgoing();
    assert_eq!((policy.mode, policy.keep_days), (Mode::Quarantine, 3));
    assert!((policy.spam_from - Policy::default().spam_from).abs() < f32::EPSILON);
}
