//! Short messages that go to clients in MSRP sessions: rows MOD-1, MOD-2, MOD-4.

use ipsmgw::base::Text;
use ipsmgw::exchange::{Accepts, Clients, ExchangeKey, SentContent, SessionToken};
use ipsmgw::interwork::{Input, Settings, Unsent, Verdict};
use ipsmgw::sip::{Capabilities, MessageIn};

use crate::long_sm_to_im::{parts, parts_that_ask};
use crate::world::{ALICE, Done, World, field, from_phone, settings};

const TEXT_ALONE: Accepts = Accepts {
    text: true,
    cpim: false,
    max_size: None,
    is_relayed: false,
};

fn token(name: &str) -> SessionToken {
    Text::new(name).unwrap()
}

/// A part for a recipient whose client takes sessions.
fn part<'m>(octets: &'m [u8]) -> MessageIn<'m> {
    MessageIn {
        recipient: Capabilities {
            im: true,
            msrp: true,
            ..Capabilities::default()
        },
        ..from_phone(ALICE, octets)
    }
}

fn long() -> String {
    "The quick brown fox jumps. ".repeat(60)
}

/// Submits all parts of a text; what became of the last one.
fn submit(world: &mut World, octets: &[Vec<u8>]) -> Done {
    let (last, first) = octets.split_last().unwrap();
    for octets in first {
        world.submit(&part(octets));
    }
    world.submit(&part(last))
}

/// A text that is offered, and its exchange.
fn offered(world: &mut World, text: &str) -> ExchangeKey {
    let done = submit(world, &parts(text, 7, 1));
    assert_eq!(done.offered.len(), 1);
    done.offered[0].0
}

fn answered(
    world: &mut World,
    exchange: ExchangeKey,
    session: &str,
    answer: Result<Accepts, u16>,
) -> Done {
    let session = token(session);
    world.handle(Input::OfferAnswered {
        exchange,
        session,
        answer,
    })
}

/// RP-ACK: nothing; RP-ERROR: its cause.
fn cause(done: &Done) -> Option<u8> {
    let body = &done.message().body;
    assert!(matches!(body[0], 0x03 | 0x05), "a report");
    (body[0] == 0x05).then(|| body[3] & 0x7f)
}

#[test]
fn a_long_text_is_delivered_in_a_session() {
    let mut world = World::new();
    let text = long();
    let done = submit(&mut world, &parts(&text, 7, 1));
    assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Answered));
    assert!(done.relayed.is_empty() && done.sent.is_empty());
    let (exchange, offer) = &done.offered[0];
    assert_eq!(
        (&*offer.from, &*offer.to),
        (ALICE, "sip:+15550002@ims.example;user=phone")
    );
    for (name, value) in [
        ("Content-Type", "application/sdp"),
        ("Accept-Contact", "*;+g.oma.sip-im.large-message"),
        ("P-Asserted-Identity", "<sip:+15550001@ims.example>"),
    ] {
        assert_eq!(field(&offer.headers, name), Some(value), "{name}");
    }
    let done = answered(&mut world, *exchange, "one", Ok(TEXT_ALONE));
    let begun = (token("one"), text.into_bytes(), SentContent::Text, false);
    assert_eq!(done.begun, [begun]);
    let ended = Input::SessionEnded {
        exchange: *exchange,
        status: 200,
    };
    let done = world.handle(ended);
    assert_eq!(cause(&done), None);
    assert!(world.handle(ended).is_nothing(), "it ends once");
    world.leg(*exchange, 200);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn short_texts_and_clients_without_sessions_are_relayed() {
    let of = |settings: &Settings<'_>, text: &str, msrp| {
        let mut world = World::with(settings);
        let octets = parts(text, 7, 1);
        let messages: Vec<_> = octets
            .iter()
            .map(|octets| MessageIn {
                recipient: Capabilities {
                    im: true,
                    msrp,
                    ..Capabilities::default()
                },
                ..from_phone(ALICE, octets)
            })
            .collect();
        let done = messages.iter().map(|message| world.submit(message)).last();
        let done = done.unwrap();
        assert_eq!(done.offered.len() + done.relayed.len(), 1);
        done.offered.len() == 1
    };
    let limit = |pager_limit| Settings {
        pager_limit,
        ..settings()
    };
    assert!(of(&settings(), &long(), true));
    assert!(!of(&settings(), &long(), false));
    assert!(!of(&settings(), "short", true));
    assert!(!of(&limit(65_535), &long(), true));
    assert!(of(&limit(0), "short", true));
}

#[test]
fn the_first_client_that_accepts_gets_it() {
    let mut world = World::new();
    let exchange = offered(&mut world, &long());
    world.handle(Input::Forked {
        exchange,
        clients: 3,
    });
    assert!(answered(&mut world, exchange, "one", Err(486)).is_nothing());
    let done = answered(&mut world, exchange, "two", Ok(TEXT_ALONE));
    assert_eq!(done.begun.len(), 1);
    let done = answered(&mut world, exchange, "three", Ok(TEXT_ALONE));
    assert_eq!(done.ended_sessions, [Some(token("three"))]);
    assert!(done.begun.is_empty() && done.sent.is_empty());
    let status = 480;
    let done = world.handle(Input::SessionEnded { exchange, status });
    assert_eq!(cause(&done), Some(27));
}

#[test]
fn refusals() {
    for (answers, expected) in [
        (&[486][..], 41),
        (&[603, 480], 21),
        (&[480, 404], 1),
        (&[503, 503, 503], 42),
    ] {
        let mut world = World::new();
        let exchange = offered(&mut world, &long());
        let clients = u8::try_from(answers.len()).unwrap();
        world.handle(Input::Forked { exchange, clients });
        let (last, first) = answers.split_last().unwrap();
        for status in first {
            assert!(answered(&mut world, exchange, "one", Err(*status)).is_nothing());
        }
        let done = answered(&mut world, exchange, "two", Err(*last));
        assert_eq!(cause(&done), Some(expected), "{answers:?}");
        world.leg(exchange, 200);
    }
}

#[test]
fn a_client_without_sessions_gets_a_message() {
    for answer in [
        Err(488),
        Err(415),
        Err(501),
        Ok(Accepts {
            text: false,
            ..TEXT_ALONE
        }),
    ] {
        let mut world = World::new();
        let text = long();
        let exchange = offered(&mut world, &text);
        let done = answered(&mut world, exchange, "one", answer);
        assert_eq!(done.message().body, text.as_bytes());
        assert_eq!(done.ended_sessions.len(), usize::from(answer.is_ok()));
        let done = world.leg(exchange, 200);
        assert_eq!(cause(&done), None);
    }
}

#[test]
fn the_accepted_content_types_decide() {
    let mut world = World::new();
    let text = long();
    let exchange = offered(&mut world, &text);
    let cpim = Accepts {
        text: false,
        cpim: true,
        is_relayed: true,
        ..TEXT_ALONE
    };
    let done = answered(&mut world, exchange, "one", Ok(cpim));
    let (_, body, content, wants_report) = &done.begun[0];
    assert_eq!((*content, *wants_report), (SentContent::Cpim, true));
    let body = str::from_utf8(body).unwrap();
    assert!(body.ends_with(&text) && !body.contains("Disposition-Notification"));

    let mut world = World::new();
    let exchange = offered(&mut world, &text);
    let small = Accepts {
        max_size: Some(100),
        ..TEXT_ALONE
    };
    let done = answered(&mut world, exchange, "one", Ok(small));
    assert_eq!(done.ended_sessions, [Some(token("one"))]);
    assert_eq!(cause(&done), Some(21));

    let mut world = World::new();
    let asking = parts_that_ask(&text, 7, 1, |_| true);
    let exchange = submit(&mut world, &asking).offered[0].0;
    let done = answered(&mut world, exchange, "one", Ok(TEXT_ALONE));
    assert!(done.begun[0].3, "a status report needs a report of success");
}

#[test]
fn an_offer_without_an_end_times_out() {
    for begun in [false, true] {
        let mut world = World::new();
        let exchange = offered(&mut world, &long());
        if begun {
            answered(&mut world, exchange, "one", Ok(TEXT_ALONE));
        }
        world.pass(120_000);
        let done = world.handle(Input::Due { exchange });
        assert_eq!(done.ended_sessions, [None]);
        assert_eq!(cause(&done), Some(27));
    }
}

#[test]
fn the_parts_wait_for_another_attempt() {
    let mut world = World::new();
    let octets = parts(&long(), 7, 1);
    let exchange = submit(&mut world, &octets).offered[0].0;
    answered(&mut world, exchange, "one", Ok(TEXT_ALONE));
    // The phone repeats the last part in between: one report for each request.
    let done = world.submit(&part(octets.last().unwrap()));
    assert!(done.offered.is_empty() && done.sent.is_empty());
    let status = 408;
    world.handle(Input::SessionEnded { exchange, status });
    world.leg(exchange, 200);
    let mut again = octets.last().unwrap().clone();
    again[1] += 100;
    let done = world.submit(&part(&again));
    assert_eq!(
        done.offered.len(),
        1,
        "the last part alone brings the whole text"
    );
}

#[test]
fn a_long_text_is_split_where_the_policy_says_so() {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(60);
    for sessions in [false, true] {
        let mut world = World::with(&Settings {
            long_text: "split",
            ..settings()
        });
        let octets = parts(&text, 7, 1);
        let messages: Vec<_> = octets
            .iter()
            .map(|octets| MessageIn {
                recipient: Capabilities {
                    im: true,
                    msrp: sessions,
                    ..Capabilities::default()
                },
                ..from_phone(ALICE, octets)
            })
            .collect();
        let done = messages.iter().map(|message| world.submit(message)).last();
        let mut done = done.unwrap();
        assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Answered));
        if sessions {
            let exchange = done.offered[0].0;
            done = answered(&mut world, exchange, "one", Err(488));
        }
        let mut pieces = Vec::new();
        let exchange = done.sent[0].0.unwrap();
        // One after the other; an end that is reported twice counts once.
        while done.message().body.first() != Some(&0x03) {
            let message = done.message();
            assert!(message.body.len() + message.headers.len() < 1_300);
            pieces.push(String::from_utf8(message.body.clone()).unwrap());
            let piece = u8::try_from(pieces.len() - 1).unwrap();
            let attempt = Clients::round(piece);
            done = world.completed(exchange, attempt, 200);
            assert!(world.completed(exchange, attempt, 200).is_nothing());
        }
        assert!(pieces.len() > 2);
        assert_eq!(pieces.concat(), text);
        assert!(pieces[0].ends_with(' '), "cut behind a space");
        world.leg(exchange, 200);
        assert_eq!(world.store.open(), 0);
    }
}

#[test]
fn a_piece_that_fails_is_the_end() {
    let mut world = World::with(&Settings {
        long_text: "split",
        ..settings()
    });
    let octets = parts(&long(), 7, 1);
    let done = octets
        .iter()
        .map(|octets| world.submit(&from_phone(ALICE, octets)))
        .last();
    let exchange = done.unwrap().sent[0].0.unwrap();
    world.completed(exchange, 0, 200);
    let done = world.completed(exchange, Clients::round(1), 486);
    assert_eq!(cause(&done), Some(41));
}

/// As in pager mode: all clients get it, and one that takes it is enough.
#[test]
fn a_message_in_pager_mode_goes_to_all_clients() {
    for (answers, expected) in [
        (&[486, 200][..], None),
        (&[200], None),
        (&[486, 408, 480], Some(27)),
        (&[486, 603, 480], Some(21)),
    ] {
        let mut world = World::new();
        let exchange = offered(&mut world, &long());
        let done = answered(&mut world, exchange, "one", Err(488));
        assert_eq!(done.sent.len(), 1);
        let clients = 3;
        let forked = world.handle(Input::Forked { exchange, clients });
        assert!(forked.is_nothing());
        for (client, status) in (0..).zip(answers) {
            let told = world.completed(exchange, Clients::attempt_to(0, client), *status);
            let is_last = usize::from(client) + 1 == answers.len();
            assert_eq!(told.is_nothing(), !is_last, "{answers:?}");
            if is_last {
                assert_eq!(cause(&told), expected, "{answers:?}");
            }
        }
    }
}

/// A piece goes when all clients that have the pieces before it have answered. Two workers may send to two clients, so that one
/// client answers before the other one's piece has left: the next piece must not overtake it.
#[test]
fn pieces_go_to_all_clients_in_order() {
    // (piece, client, status); the last one decides the outcome. The text has two pieces.
    for (answers, expected) in [
        (
            &[(0, 0, 486), (0, 1, 200), (1, 0, 486), (1, 1, 200)][..],
            None,
        ),
        (&[(0, 1, 200), (0, 0, 200), (1, 1, 200)], None),
        (&[(0, 1, 200), (0, 0, 486), (1, 1, 200)], None),
        (&[(0, 0, 486), (0, 1, 486)], Some(41)),
        // The first client has the first piece only. The second one lacks it: its answer to the second piece is not waited for.
        (&[(0, 0, 200), (0, 1, 486), (1, 0, 480)], Some(27)),
        (
            &[(0, 1, 200), (0, 0, 408), (1, 0, 200), (1, 1, 480)],
            Some(27),
        ),
    ] {
        let mut world = World::with(&Settings {
            long_text: "split",
            ..settings()
        });
        let octets = parts(&"x".repeat(1_000), 7, 1);
        let done = octets
            .iter()
            .map(|octets| world.submit(&from_phone(ALICE, octets)))
            .last();
        let exchange = done.unwrap().sent[0].0.unwrap();
        let mut sent = 1;
        let clients = 2;
        world.handle(Input::Forked { exchange, clients });
        for (place, (piece, client, status)) in answers.iter().enumerate() {
            assert_eq!(*piece + 1, sent, "no piece before its time: {answers:?}");
            let attempt = Clients::attempt_to(Clients::round(*piece), *client);
            let done = world.completed(exchange, attempt, *status);
            if place + 1 == answers.len() {
                assert_eq!(cause(&done), expected, "{answers:?}");
            } else if !done.sent.is_empty() {
                sent += 1;
                world.handle(Input::Forked { exchange, clients });
            }
        }
        let both = answers.last().unwrap().0 + 1;
        assert_eq!(sent, both, "{answers:?}");
    }
}

/// All sessions are in use, or there is no socket: the phone may try again.
#[test]
fn an_offer_that_is_not_sent() {
    for (why, expected) in [
        (Unsent::NoSessionLeft, 42),
        (Unsent::NoSocket, 42),
        (Unsent::TooLong, 42),
        (Unsent::Failed, 42),
        (Unsent::Dropped, 21),
        (Unsent::NoDestination, 27),
    ] {
        let mut world = World::new();
        let exchange = offered(&mut world, &long());
        let done = world.handle(Input::NotOffered { exchange, why });
        assert!(done.sent.len() == 1, "the report alone");
        assert_eq!(cause(&done), Some(expected), "{why:?}");
    }
    // One client's session is enough.
    let mut world = World::new();
    let exchange = offered(&mut world, &long());
    let clients = 2;
    world.handle(Input::Forked { exchange, clients });
    let why = Unsent::NoSessionLeft;
    assert!(
        world
            .handle(Input::NotOffered { exchange, why })
            .is_nothing()
    );
    let done = answered(&mut world, exchange, "one", Ok(TEXT_ALONE));
    assert_eq!(done.begun.len(), 1);
}

#[test]
fn the_script_chooses() {
    for (limit, by_session) in [(0, true), (65_535, false)] {
        let mut world = World::new();
        let octets = parts("short", 7, 1);
        let message = part(&octets[0]);
        let Ok(mut sm) = world.gateway.translate_sm(&message, world.now) else {
            panic!("refused")
        };
        sm.pager_limit = limit;
        let done = world.submit_prepared(&sm);
        assert_eq!(done.offered.len() == 1, by_session);
    }
}
