//! SM to IM: a second attempt in another form after a client's refusal (row MT-10).

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input};
use ipsmgw::mime::Cpim;
use ipsmgw::sip::{MessageIn, MessageOut, Service};

use crate::confirmations::to_cpim;
use crate::long_sm_to_im::{answered, parts_that_ask};
use crate::status_reports::{asking, status_report};
use crate::world::{
    ALICE, BOB, Done, World, deliver_tpdu, field, from_phone, from_service_centre, hello,
    rp_data_mt,
};

/// A message that is sent as `message/cpim` and refused, and the second attempt.
fn second(world: &mut World, status: u16) -> (ExchangeKey, MessageOut) {
    let exchange = world.relay(&to_cpim(&asking(0x2A)));
    let mut done = world.client_answers(exchange, status);
    assert!(done.sent.is_empty(), "no report yet");
    let (id, refused, message) = done.again.pop().unwrap();
    assert_eq!((id, refused), (exchange, status));
    (exchange, message)
}

/// RP-MTI, RP-MR and RP-Cause of the one report.
fn report(done: &Done) -> (u8, u8, Option<u8>) {
    assert!(done.again.is_empty());
    let body = &done.message().body;
    let cause = (body[0] == 0x05).then(|| body[3] & 0x7F);
    (body[0], body[1], cause)
}

#[test]
fn text_for_clients_without_cpim() {
    for status in [406, 413, 415, 488, 513] {
        let mut world = World::new();
        let (exchange, message) = second(&mut world, status);
        assert_eq!(message.service, Service::Im);
        assert_eq!(
            (message.identity.as_str(), message.from.as_str()),
            (BOB, ALICE)
        );
        let value = |name| field(&message.headers, name);
        assert_eq!(value("Content-Type"), Some("text/plain;charset=UTF-8"));
        assert_eq!(
            value("P-Asserted-Identity"),
            Some("<sip:+15550001@ims.example>")
        );
        assert_eq!(value("Date"), Some("Fri, 02 Jan 2026 02:04:05 GMT"));
        assert_eq!(value("Interworked-By"), Some("ims.example"));
        assert_eq!(message.body, b"hello");
        // A Call-ID of its own: it is another request.
        assert!(message.call_id.unwrap().ends_with("@ims.example"));

        let done = world.leg(exchange, 200);
        assert_eq!(report(&done), (0x03, 0x2A, None));
        assert_eq!(done.counted, [Counter::SmDelivered]);
        let done = world.leg(exchange, 200);
        let body = &done.message().body;
        assert_eq!(u8::from(status_report(body).status), 0x00, "its 200 is it");
    }
}

#[test]
fn the_second_answer_is_the_outcome() {
    for (status, cause) in [(415, 21), (480, 27), (408, 27), (486, 41), (603, 21)] {
        let mut world = World::new();
        let (exchange, _) = second(&mut world, 488);
        let done = world.leg(exchange, status);
        assert_eq!(report(&done), (0x05, 0x2A, Some(cause)), "{status}");
        assert_eq!(done.counted, [Counter::SmFailed]);
    }
    // Without a request for a notification a 202 is final.
    let mut world = World::new();
    let (exchange, _) = second(&mut world, 415);
    assert_eq!(report(&world.leg(exchange, 202)), (0x03, 0x2A, None));
    let done = world.leg(exchange, 200);
    assert_eq!(u8::from(status_report(&done.message().body).status), 0x01);
}

#[test]
fn other_answers_are_final() {
    for status in [
        202, 302, 400, 403, 404, 408, 414, 420, 421, 480, 486, 500, 503, 600, 603, 606,
    ] {
        let mut world = World::new();
        let exchange = world.relay(&to_cpim(&asking(1)));
        let done = world.client_answers(exchange, status);
        assert!(done.again.is_empty() && done.sent.len() == 1, "{status}");
    }
    // Text was refused: there is no simpler format.
    for status in [406, 413, 415, 488, 513] {
        let mut world = World::new();
        let exchange = world.relay(&from_phone(ALICE, &hello(1)));
        let done = world.client_answers(exchange, status);
        assert_eq!(report(&done).0, 0x05, "{status}");
    }
    // The script answered the phone: nothing was taken, and nothing is sent.
    let mut world = World::new();
    let exchange = world.relay(&to_cpim(&asking(1)));
    world.handle(Input::ImAnswered {
        exchange,
        status: 415,
    });
    let done = world.handle(Input::FinalSent {
        exchange,
        status: 480,
        open: 0,
    });
    assert!(done.again.is_empty() && done.sent.is_empty());
    assert_eq!(world.store.open(), 0);
}

#[test]
fn call_id_of_a_session() {
    let mut world = World::new();
    let exchange = world.relay(&from_phone(ALICE, &hello(0x2A)));
    let done = world.client_answers(exchange, 481);
    assert_eq!(done.again[0].2.body, b"hello");
    // Once.
    let done = world.leg(exchange, 481);
    assert_eq!(report(&done), (0x05, 0x2A, Some(41)));

    let mut world = World::new();
    let (exchange, message) = second(&mut world, 481);
    assert_eq!(
        field(&message.headers, "Content-Type"),
        Some("message/cpim")
    );
    let cpim = Cpim::decode(&message.body).unwrap();
    assert_eq!(&*cpim.content.octets, b"hello");
    assert!(cpim.imdn.wanted.positive_delivery);
    // Refused for its type now: that was the second attempt.
    let done = world.leg(exchange, 415);
    assert_eq!(report(&done), (0x05, 0x2A, Some(21)));

    // From a service centre, which gets the cause for service centres.
    let mut world = World::new();
    let tpdu = deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10]);
    let exchange = world.relay(&from_service_centre(&rp_data_mt(9, &tpdu)));
    let done = world.client_answers(exchange, 481);
    let message = &done.again[0].2;
    assert_eq!(
        field(&message.headers, "Date"),
        Some("Fri, 14 Nov 2025 11:30:00 GMT")
    );
    assert_eq!(message.from, "sip:+15550001@ims.example;user=phone");
    assert_eq!(world.leg(exchange, 200).message().body[..2], [0x02, 9]);
}

#[test]
fn a_long_message_goes_whole() {
    let text = "The quick brown fox. ".repeat(20);
    let parts = parts_that_ask(&text, 7, 10, |_| true);
    let mut world = World::new();
    let (last, first) = parts.split_last().unwrap();
    for part in first {
        world.submit(&to_cpim(part));
    }
    let exchange = world.relay(&to_cpim(last));
    let done = world.client_answers(exchange, 415);
    assert_eq!(done.again[0].2.body, text.as_bytes());
    world.leg(exchange, 200);
    let done = world.leg(exchange, 200);
    let reports = done.counted.iter();
    let reports = reports.filter(|counter| **counter == Counter::StatusReport);
    assert_eq!(reports.count(), parts.len());
}

#[test]
fn second_attempt_keeps_the_header_fields() {
    let mut octets = asking(1);
    // RP-UD: first octet, TP-MR, TP-DA, TP-PID, TP-DCS; then TP-VP.
    let at = octets.len() - 16;
    octets[at] |= 0b0001_0000;
    octets[at + 9] = 0x10;
    octets.insert(at + 10, 0x00);
    octets[at - 1] += 1;
    let mut world = World::new();
    let message = MessageIn {
        privacy: Some("id"),
        ..to_cpim(&octets)
    };
    let exchange = world.relay(&message);
    let done = world.client_answers(exchange, 481);
    let value = |name| field(&done.again[0].2.headers, name);
    assert_eq!(value("Expires"), Some("300"));
    assert_eq!(value("Priority"), Some("urgent"));
    assert_eq!(value("Privacy"), Some("id"));
    assert_eq!(value("P-Asserted-Identity"), None);
    assert_eq!(done.again[0].2.from, "sip:anonymous@anonymous.invalid");
}

#[test]
fn meanwhile() {
    let mut world = World::new();
    let (exchange, _) = second(&mut world, 415);
    // The transaction has ended, and late events of it change nothing.
    assert!(world.handle(Input::Released { exchange }).is_nothing());
    let late = Input::ImAnswered {
        exchange,
        status: 200,
    };
    assert!(world.handle(late).is_nothing());
    let late = Input::FinalSent {
        exchange,
        status: 202,
        open: 0,
    };
    assert!(world.handle(late).is_nothing());
    // The phone asks again: a report to each request.
    let octets = asking(0x2A);
    let done = world.submit(&MessageIn {
        call_id: "again@phone",
        ..to_cpim(&octets)
    });
    assert_eq!(done.counted, [Counter::SmRepeated]);
    assert!(done.sent.is_empty() && done.relayed.is_empty());
    let done = world.leg(exchange, 200);
    let reports = done.sent.iter();
    let reports = reports.map(|(_, report)| field(&report.headers, "In-Reply-To"));
    assert!(reports.eq([Some("submission@phone"), Some("again@phone")]));

    // The host does not report the end.
    let mut world = World::new();
    let (exchange, _) = second(&mut world, 415);
    let (at, id) = world.store.next_wake().unwrap();
    assert_eq!(id, exchange);
    world.now.unix_ms = at;
    let done = world.handle(Input::Due { exchange });
    assert_eq!(report(&done), (0x05, 0x2A, Some(27)));
}

#[test]
fn after_a_failure_the_sender_may_repeat_the_last_part() {
    let parts = parts_that_ask(&"x".repeat(400), 7, 10, |_| true);
    let mut world = World::new();
    world.submit(&to_cpim(&parts[0]));
    world.submit(&to_cpim(&parts[1]));
    let exchange = world.relay(&to_cpim(&parts[2]));
    world.client_answers(exchange, 415);
    assert_eq!(world.leg(exchange, 480).message().body[0], 0x05);
    world.leg(exchange, 200);
    let mut again = parts[2].clone();
    again[1] += 1;
    let exchange = world.relay(&to_cpim(&again));
    assert_eq!(answered(&mut world, exchange, 200)[0], 0x03);
}

/// tm may tell the end of a MESSAGE twice, and the second time late.
#[test]
fn the_end_of_an_earlier_message_says_nothing_about_the_report() {
    let mut world = World::new();
    let (exchange, _) = second(&mut world, 415);
    assert_eq!(
        report(&world.completed(exchange, 0, 200)),
        (0x03, 0x2A, None)
    );
    // The second message again: its status is no outcome of the report.
    assert!(world.completed(exchange, 0, 200).is_nothing());
    // The first report did not reach the phone, and is sent again.
    assert_eq!(world.completed(exchange, 1, 408).sent.len(), 1);
    assert!(world.completed(exchange, 1, 408).is_nothing());
    let done = world.completed(exchange, 2, 200);
    assert_eq!(u8::from(status_report(&done.message().body).status), 0x00);
}
