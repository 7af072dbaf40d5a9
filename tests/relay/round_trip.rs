//! Every message arrives at our own door as it was sent (dot-stuffing and un-stuffing).

use proptest::prelude::*;

use crate::hosts::*;

/// Pieces that are likely to be mistaken for something else.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b".".to_vec()),
        Just(b"\r\n.\r\n".to_vec()),
        Just(b"\r\n..".to_vec()),
        Just(b"Subject: x\r\n".to_vec()),
        Just(b".\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
        Just(vec![b'x'; 33_000]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_arrives_byte_identical(messages in prop::collection::vec(prop::collection::vec(piece(), 0..12), 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async {
            let host = plain_host().await;
            let relay = relay();
            for pieces in messages {
                let mut octets = pieces.concat();
                // NUL is refused at our door; bare line ends cannot be in a message.
                octets.retain(|b| *b != 0);
                let octets = whole_lines(&octets);
                let mail = mail(&octets);
                let want = mail.message.bytes().to_vec();
                let replies = carry(&relay, &mail, &["a@x.org"], &[&host.route]).await;
                assert_eq!(replies, ["250 2.0.0 Taken"]);
                let (_, got) = host.sink.got.lock().pop().expect("a message");
                assert!(got == want, "{:?} became {:?}", want.escape_ascii().to_string(), got.escape_ascii().to_string());
            }
        });
    }
}

fn whole_lines(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    for (i, byte) in octets.iter().enumerate() {
        let pair = match byte {
            b'\r' => octets.get(i + 1) == Some(&b'\n'),
            b'\n' => i > 0 && octets[i - 1] == b'\r',
            _ => true,
        };
        if pair {
            out.push(*byte);
        }
    }
    out
}
