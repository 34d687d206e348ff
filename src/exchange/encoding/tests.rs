//! Each record that is written can be read again; a damaged record is refused.

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::exchange::*;

fn key() -> impl Strategy<Value = ExchangeKey> {
    (any::<u16>(), 1..1_u64 << ExchangeKey::SERIAL_BITS)
        .prop_map(|(node, serial)| ExchangeKey::new(node, serial).unwrap())
}

prop_compose! {
    fn header()(key in key(), share: u64, due_ms: u64) -> Header {
        let identity = IdentityKey::of(&Identity::new("+15550001").unwrap());
        Header { key, identity, share, due_ms, stored: Stored::Yes }
    }
}

fn party() -> impl Strategy<Value = Party> {
    prop_oneof![Just(Party::Phone), Just(Party::ServiceCentre)]
}

prop_compose! {
    fn wants()(positive_delivery: bool, negative_delivery: bool, processing: bool) -> Wants {
        Wants { positive_delivery, negative_delivery, processing }
    }
}

prop_compose! {
    fn answers()(status: Option<u16>, best_failure: Option<u16>, branches: u32) -> ImAnswers {
        ImAnswers { status, best_failure, branches }
    }
}

prop_compose! {
    fn outcome()(status: u16, rp_cause: Option<u8>, tp_fcs: Option<u8>) -> SmOutcome {
        SmOutcome { status, rp_cause, tp_fcs }
    }
}

fn sm_to_im_state() -> impl Strategy<Value = SmToImState> {
    let transaction = TransactionId::default();
    prop_oneof![
        (any::<u64>(), answers()).prop_map(move |(im_until_ms, answers)| SmToImState::Relayed {
            transaction,
            im_until_ms,
            answers
        }),
        answers().prop_map(move |answers| SmToImState::Accepted {
            transaction,
            answers
        }),
        Just(SmToImState::Retried),
        any::<(u8, bool, Option<u16>)>().prop_map(|(open, begun, best_failure)| {
            let offers = Offers {
                open,
                begun,
                best_failure,
            };
            SmToImState::InSession { offers }
        }),
        any::<(u8, u8, u32, u32, Option<u16>)>().prop_map(
            |(piece, unanswered, answered, without, best_failure)| {
                let clients = Clients {
                    unanswered,
                    answered,
                };
                let pieces = Pieces {
                    piece,
                    clients,
                    without,
                    best_failure,
                };
                SmToImState::InPieces { pieces }
            }
        ),
        any::<bool>().prop_map(|asked| SmToImState::Delivering { asked }),
        any::<u16>().prop_map(|status| SmToImState::Storing { status }),
        key().prop_map(|first| SmToImState::Repetition { first }),
        (outcome(), any::<u8>())
            .prop_map(|(outcome, sent)| SmToImState::Reporting { outcome, sent }),
        outcome().prop_map(|outcome| SmToImState::Unconfirmed { outcome }),
    ]
}

prop_compose! {
    fn sm_to_im()(
        header in header(), state in sm_to_im_state(), sender in party(), digest: u64, completes: u64,
        (rp_mr, private, asks, stored, to_phone, zone, notified, unix) in any::<(u8, bool, bool, bool, bool, i8, Option<u8>, i64)>(),
    ) -> Exchange {
        let completes = core::num::NonZeroU64::new(completes);
        SmToIm { header, state, sender, rp_mr, private, asks, stored, to_phone, zone, notified, unix, digest, completes }.into()
    }
}

fn im_to_sm_state() -> impl Strategy<Value = ImToSmState> {
    prop_oneof![
        Just(ImToSmState::Listed),
        Just(ImToSmState::Queued),
        Just(ImToSmState::Pausing),
        Just(ImToSmState::Sent),
        Just(ImToSmState::Taken),
        Just(ImToSmState::Overdue),
        Just(ImToSmState::Refused),
        any::<u16>().prop_map(|status| ImToSmState::Failed { status }),
        any::<(u16, bool)>().prop_map(|(status, retry_after)| ImToSmState::Settled {
            status,
            retry_after
        }),
        Just(ImToSmState::Closing),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![
        (wants(), any::<i64>()).prop_map(|(wants, unix)| Role::Message(Sender {
            wait: SenderWait::No,
            to_be_stored: false,
            is_stored: false,
            wants,
            unix
        })),
        key().prop_map(|last| Role::Part { last }),
        Just(Role::StatusReport),
        (key(), any::<u64>()).prop_map(|(from, until_ms)| Role::ShortMessage { from, until_ms }),
        key().prop_map(|message| Role::Stored { message }),
    ]
}

prop_compose! {
    fn im_to_sm()(
        header in header(), state in im_to_sm_state(), role in role(), to in party(), sent_ms: u64, expires_ms: u64,
        refusal: Option<(u8, Option<u8>)>, sip_failure: Option<u16>,
        (rp_mr, tp_mr, private, attempts, refused_at, taken, contact, follows) in any::<(u8, u8, bool, u8, u8, u8, u8, bool)>(),
    ) -> Exchange {
        let rp_error = refusal.map(|(cause, fcs)| RpRefusal { cause, fcs });
        ImToSm {
            rp_mr, tp_mr, private, attempts, refused_at, taken, contact, follows, sip_failure, rp_error, sent_ms, expires_ms,
            ..ImToSm::new(header, state, role, to)
        }.into()
    }
}

fn kept_part_state() -> impl Strategy<Value = KeptPartState> {
    prop_oneof![
        Just(KeptPartState::Waiting),
        any::<u16>().prop_map(|status| KeptPartState::WaitingAgain { status }),
        key().prop_map(|with| KeptPartState::Relayed { with }),
        key().prop_map(|with| KeptPartState::Storing { with }),
    ]
}

prop_compose! {
    fn kept_part()(
        header in header(), state in kept_part_state(), sender in party(),
        (private, zone, sequence, unix, digest, concatenation) in any::<(bool, i8, u8, i64, u64, u64)>(),
    ) -> Exchange {
        KeptPart { header, state, sender, private, zone, sequence, unix, digest, concatenation, owed: None }.into()
    }
}

prop_compose! {
    fn submitted()(header in header(), wants in wants(), message in key(), tp_mr: u8, unix: i64) -> Exchange {
        Submitted { header, tp_mr, wants, unix, message }.into()
    }
}

prop_compose! {
    fn list_delivery()(header in header(), wants in wants(), unix: i64, clients: Option<u8>, listed: bool) -> Exchange {
        let unsent = if listed { ListDeliveryState::Listed } else { ListDeliveryState::Interrupted };
        let state = clients.map_or(unsent, |count| ListDeliveryState::Sent { clients: Clients::of(count) });
        ListDelivery { header, state, wants, unix }.into()
    }
}

prop_compose! {
    fn notification()(
        header in header(), about in party(), disposition: u8, attempts: u8, unix: i64, pauses: bool,
    ) -> Exchange {
        let state = if pauses { NotificationState::Pausing } else { NotificationState::Sent };
        Notification { header, state, about, disposition, attempts, unix }.into()
    }
}

prop_compose! {
    fn stored_message()(
        header in header(), (private, urgent, zone, tries, unix, expires_ms) in any::<(bool, bool, i8, u8, i64, u64)>(),
        may_be_there: bool,
        passing in prop_oneof![
            Just(Passing::No), Just(Passing::FailedOnce), Just(Passing::Failed), Just(Passing::NoDevice),
        ],
        submission in option::of(key()),
        wants: Option<(bool, bool, bool)>,
    ) -> Exchange {
        let wants = wants.map(|(positive_delivery, negative_delivery, processing)| Wants {
            positive_delivery, negative_delivery, processing,
        });
        StoredMessage {
            header,
            state: StoredMessageState::Waiting,
            content: wants.map_or(StoredContent::Sm, |wants| StoredContent::Im { wants }),
            private, urgent, may_be_there, passing, is_here: false, submission, zone, tries,
            round: 0,
            left: Services::default(),
            unix, expires_ms,
        }.into()
    }
}

fn exchange() -> impl Strategy<Value = Exchange> {
    prop_oneof![
        sm_to_im(),
        im_to_sm(),
        kept_part(),
        submitted(),
        list_delivery(),
        notification(),
        stored_message()
    ]
}

/// The texts of an exchange, of which the first is an identity.
fn texts(kind: Kind, text: &str, pdu: &[u8]) -> Texts {
    let identity = "+15550001";
    match kind {
        Kind::SmToIm => SmToImTexts {
            identity,
            sender: text,
            tpdu: pdu,
            ..SmToImTexts::default()
        }
        .pack(),
        Kind::ImToSm => ImToSmTexts {
            identity,
            way: text,
            rp_data: pdu,
            ..ImToSmTexts::default()
        }
        .pack(),
        Kind::KeptPart => KeptPartTexts {
            identity,
            hop: text,
            tpdu: pdu,
            ..KeptPartTexts::default()
        }
        .pack(),
        Kind::Submitted => SubmittedTexts {
            identity,
            sender: text,
            rp_data: pdu,
            ..SubmittedTexts::default()
        }
        .pack(),
        Kind::ListDelivery => ListDeliveryTexts {
            identity,
            sender: text,
            content: pdu,
            ..ListDeliveryTexts::default()
        }
        .pack(),
        Kind::StoredMessage => StoredMessageTexts {
            identity,
            sender: text,
            content: pdu,
            ..StoredMessageTexts::default()
        }
        .pack(),
        Kind::Notification => NotificationTexts {
            identity,
            sender: text,
            ..NotificationTexts::default()
        }
        .pack(),
    }
}

fn same(read: Result<(Exchange, Texts), Damaged>, exchange: &Exchange, texts: &Texts) -> bool {
    read.is_ok_and(|(read, of)| read == *exchange && of.as_octets() == texts.as_octets())
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        exchange in exchange(), text in "[a-z@:é]{0,60}", pdu in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let texts = texts(exchange.kind(), &text, &pdu);
        let octets = encode(&exchange, &texts);
        prop_assert!(same(decode(exchange.key(), &octets), &exchange, &texts));
        // Under another key it is damaged.
        let other = ExchangeKey::new(exchange.key().node() ^ 1, exchange.key().serial()).unwrap();
        prop_assert_eq!(decode(other, &octets).unwrap_err().field, "key");
    }

    #[test]
    fn damaged_rows_are_refused(exchange in exchange(), at: prop::sample::Index, turn in 1..=255_u8) {
        let texts = texts(exchange.kind(), "sip:a@b", &[1, 2, 3]);
        let mut octets = encode(&exchange, &texts);
        let at = at.index(octets.len());
        prop_assert!(decode(exchange.key(), &octets[..at]).is_err());
        octets[at] ^= turn;
        prop_assert_eq!(decode(exchange.key(), &octets).unwrap_err().field, "checksum");
    }

    #[test]
    fn nothing_panics(key in key(), mut octets in proptest::collection::vec(any::<u8>(), 0..300), kind in option::of((1..=VERSION, 0..8_u8))) {
        // With the right checksum, each field is checked.
        if let (Some(kind), [version, number, ..]) = (kind, &mut octets[..]) {
            (*version, *number) = kind;
        }
        checksum(&octets).put(&mut octets);
        let _ = decode(key, &octets);
    }
}

fn with_checksum(mut octets: Vec<u8>) -> Vec<u8> {
    octets.truncate(octets.len() - CHECKSUM);
    checksum(&octets).put(&mut octets);
    octets
}

#[test]
fn a_damaged_row_names_the_field() {
    let header = Header {
        key: ExchangeKey::new(1, 7).unwrap(),
        identity: IdentityKey::of(&Identity::new("+15550001").unwrap()),
        share: 0,
        due_ms: NEVER,
        stored: Stored::Yes,
    };
    let exchange = Exchange::from(KeptPart {
        header,
        state: KeptPartState::Waiting,
        sender: Party::Phone,
        private: false,
        zone: 0,
        sequence: 1,
        unix: 0,
        digest: 0,
        concatenation: 0,
        owed: None,
    });
    let whole = encode(&exchange, &texts(Kind::KeptPart, "a", &[1]));
    let field = |at: usize, octet: u8| {
        let mut octets = whole.clone();
        octets[at] = octet;
        decode(header.key, &with_checksum(octets))
            .unwrap_err()
            .field
    };
    // Behind version, kind, key (10), share (8), due (8).
    assert_eq!(
        [(0, 3), (1, 99), (2, 9), (28, 7), (29, 2), (30, 2)].map(|(at, octet)| field(at, octet)),
        ["version", "kind", "key", "state", "sender", "private"]
    );
    let mut long = whole.clone();
    long.insert(whole.len() - CHECKSUM, 0);
    assert_eq!(
        decode(header.key, &with_checksum(long)).unwrap_err().field,
        "texts"
    );
    assert_eq!(decode(header.key, &[]).unwrap_err().field, "length");
    // The texts of another kind.
    let wrong = encode(&exchange, &texts(Kind::Submitted, "a", &[]));
    assert_eq!(decode(header.key, &wrong).unwrap_err().field, "texts");
}

/// A stored short message as version 1 has it, with these octets in the place of its submission.
fn of_version_1(submission: &[u8]) -> Vec<u8> {
    let texts = StoredMessageTexts {
        identity: "+15550002",
        sender: "sip:+15550001@ims.example",
        content: TPDU,
        ..StoredMessageTexts::default()
    };
    let texts = texts.pack();
    let length = u16::try_from(texts.as_octets().len()).unwrap();
    let row = [
        &[1, 7][..],                        // version, kind: a stored message
        &[0, 1, 0, 0, 0, 0, 0, 0, 0, 7],    // key: node 1, serial number 7
        &[0, 0, 0, 0, 0, 0, 0, 9],          // share
        &[0, 0, 1, 0x9A, 0, 0, 0, 0],       // due
        &[0],                               // a short message
        &[0, 1],                            // not private, urgent
        submission,                         // whether it has the record of its submission
        &[4, 2],                            // time zone, tries
        &[0, 0, 0, 0, 0x69, 0x57, 0x24, 0], // unix
        &[0, 0, 1, 0x9B, 0, 0, 0, 0],       // end of its validity
        &length.to_be_bytes(),
        texts.as_octets(),
        &[0; CHECKSUM],
    ];
    with_checksum(row.concat())
}

/// SMS-SUBMIT of "hello".
const TPDU: &[u8] = &[
    0x01, 0x07, 0x08, 0x91, 0x51, 0x55, 0x00, 0x20, 0x00, 0x00, 0x05, 0xE8, 0x32, 0x9B, 0xFD, 0x06,
];

#[test]
fn rows_of_version_1_are_read() {
    let key = ExchangeKey::new(1, 7).unwrap();
    for (octets, submission) in [(&[][..], None), (&[0][..], None), (&[1][..], Some(key))] {
        let (exchange, texts) = decode(key, &of_version_1(octets)).unwrap();
        let Exchange::StoredMessage(message) = exchange else {
            panic!("a stored message")
        };
        assert_eq!(message.submission, submission);
        assert_eq!((message.urgent, message.zone, message.tries), (true, 4, 2));
        assert_eq!(message.unix, 0x6957_2400);
        let texts = StoredMessageTexts::of(&texts);
        assert_eq!(
            (texts.identity, texts.sender),
            ("+15550002", "sip:+15550001@ims.example")
        );
        let parts: Vec<_> = StoredPart::all(texts.content).collect();
        let unix = message.unix;
        assert_eq!(parts, [StoredPart { unix, tpdu: TPDU }]);
    }
    assert_eq!(
        decode(key, &of_version_1(&[2])).unwrap_err().field,
        "submission"
    );
}

#[test]
fn the_longest_stored_text_is_read_again() {
    let key = ExchangeKey::new(1, 7).unwrap();
    let (exchange, _) = decode(key, &of_version_1(&[1])).unwrap();
    let long = |octets: usize| {
        let content = vec![b'x'; octets];
        let [identity, text] = ["+15550002".to_owned(), "y".repeat(254)];
        let texts = StoredMessageTexts {
            identity: &identity,
            recipient: &text,
            way: &text,
            content: &content,
            ..StoredMessageTexts::default()
        };
        texts.pack()
    };
    let texts = long(MOST_CONTENT);
    assert!(same(
        decode(key, &encode(&exchange, &texts)),
        &exchange,
        &texts
    ));
    let damaged = decode(key, &encode(&exchange, &long(MOST_STORED_TEXT)));
    assert_eq!(damaged.unwrap_err().field, "texts");
}
