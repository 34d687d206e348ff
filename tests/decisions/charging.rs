//! Charging records: one for each submission, delivery and report (rows CHG-1 to CHG-4). That no exchange leaves more
//! or fewer, in any order of events, is checked in all other tests, too: see `books.rs`.

mod instant_messages;
mod refusals;
mod short_messages;

use ipsmgw::exchange::ReplyTo;
use ipsmgw::interwork::{
    Charged, ChargingRecord, ChargingValue, Counter, Effect, Input, Interworking, Refusal,
    RefusedMessage, Settings,
};
use ipsmgw::mime::{DeliveryStatus, Disposition};
use ipsmgw::sip::MessageIn;

use crate::confirmations::{from_bob, imdn, message_id, to_cpim};
use crate::long_sm_to_im::parts;
use crate::notifications::{asking, cpim};
use crate::recipient_lists::{CLIENT, PHONE, TEXT, body, known, prepare};
use crate::service_centre_reports::status_report;
use crate::sm_to_sm::submit;
use crate::status_reports::{asking as asking_sm, reported};
use crate::to_service_centre::{from_centre, world as through_a_service_centre};
use crate::world::{
    ALICE, BOB, SERVICE_CENTRE, UNIX, World, deliver_tpdu, from_phone, from_service_centre, hello,
    instant, rp_data_mo, rp_data_mt, settings, submit_tpdu,
};

/// Type, way, result, SIP status code, RP-Cause, TP-Failure-Cause, TP-Status.
fn line(record: &ChargingRecord) -> String {
    let about = match record.about {
        Charged::Submission => "submission",
        Charged::Delivery => "delivery",
        Charged::Report => "report",
    };
    let mut line = format!("{about} {} {}", record.way.name(), record.result.name());
    let code = |name: &str, value: Option<u16>| {
        value.map_or(String::new(), |value| format!(" {name} {value}"))
    };
    line += &code("sip", record.sip_status);
    line += &code("rp", record.rp_cause.map(Into::into));
    line += &code("fcs", record.tp_fcs.map(Into::into));
    line += &code("st", record.tp_status.map(Into::into));
    line
}

#[track_caller]
fn check(world: &mut World, expected: &[&str]) {
    let lines: Vec<String> = world.books.take().iter().map(line).collect();
    assert_eq!(lines, expected);
}

fn value(record: &ChargingRecord, name: &str) -> String {
    let mut fields = ChargingRecord::FIELDS.iter();
    let field = fields.find(|field| field.name == name).expect("a field");
    match field.of(record) {
        Some(ChargingValue::Number(number)) => number.to_string(),
        Some(ChargingValue::Text(text)) => text.into_owned(),
        None => String::new(),
    }
}

#[track_caller]
fn check_fields(record: &ChargingRecord, expected: &[(&str, &str)]) {
    for (name, wanted) in expected {
        assert_eq!(value(record, name), *wanted, "{name}");
    }
}

#[test]
fn fields_of_a_short_message() {
    let mut world = World::new();
    let exchange = world.relay(&from_phone(ALICE, &asking_sm(1)));
    world.now.unix += 3;
    world.client_answers(exchange, 200);
    let records = world.books.take();
    let [submission, delivery] = &records[..] else {
        panic!("{} records", records.len())
    };
    let common = [
        ("node_address", "+15559999"),
        ("originator", ALICE),
        ("originator_interface", "1"),
        ("recipient", "sip:+15550002@ims.example;user=phone"),
        ("recipient_interface", "4"),
        ("session_id", "submission@phone"),
        ("message_reference", "7"),
        ("protocol_id", "0"),
        ("data_coding_scheme", "0"),
        ("message_size", "5"),
        ("total_number", "1"),
        ("report_requested", "1"),
        ("reply_path", "0"),
        ("user_data_header", "0"),
        ("interworking", "sm_to_im"),
        ("mode", "pager"),
        ("result", "delivered"),
        ("sip_status", "200"),
        ("sms_result", ""),
        ("sms_status", ""),
    ];
    let times = (UNIX.to_string(), (UNIX + 3).to_string());
    for record in [submission, delivery] {
        check_fields(record, &common);
        check_fields(
            record,
            &[("submission_time", &times.0), ("event_time", &times.1)],
        );
    }
    check_fields(
        submission,
        &[
            ("record_id", "1-1-s"),
            ("record_type", "112"),
            ("message_type", "0"),
        ],
    );
    check_fields(
        delivery,
        &[
            ("record_id", "1-1-d"),
            ("record_type", "113"),
            ("message_type", "3"),
        ],
    );
}

#[test]
fn fields_of_an_instant_message() {
    let mut world = World::new();
    let body = asking("positive-delivery", &"hello ".repeat(60));
    let done = world.deliver(&cpim(&body));
    let rp_mr = done.message().body[1];
    for part in 0..3 {
        world.report(&from_phone(BOB, &[0x02, rp_mr + part]));
    }
    let records = world.books.take();
    assert_eq!(records.len(), 2, "one for each, however many parts");
    for record in &records {
        check_fields(
            record,
            &[
                ("originator", ALICE),
                ("originator_interface", "3"),
                ("recipient", BOB),
                ("recipient_interface", "2"),
                ("total_number", "3"),
                ("message_size", ""),
                ("user_data_header", "1"),
                ("report_requested", "1"),
                ("im_message_id", "Abc.123"),
                ("interworking", "im_to_sm"),
                ("result", "delivered"),
            ],
        );
    }
    check_fields(&records[0], &[("message_type", "0"), ("sip_status", "200")]);
    check_fields(&records[1], &[("message_type", "3"), ("sip_status", "")]);
    world.notified();
    check(&mut world, &["report im_to_sm delivered sip 200 st 0"]);
}

#[test]
fn each_recipient_of_a_list() {
    let mut world = World::new();
    let body = body(TEXT, "");
    let copies = prepare(&world, &body, &[known(ALICE, PHONE), known(BOB, CLIENT)]);
    let copies = copies.expect("deliverable");
    let mut listed = Vec::new();
    for copy in &copies {
        listed.push(world.list(copy).enlisted[0]);
    }
    check(&mut world, &[]);
    for (exchange, delivery) in listed.iter().zip(&copies) {
        let exchange = *exchange;
        world.handle(Input::Begin { exchange, delivery });
    }
    check(
        &mut world,
        &[
            "submission im_to_sm accepted sip 202",
            "submission im_to_im accepted sip 202",
        ],
    );
    world.report(&from_phone(ALICE, &[0x02, 1]));
    world.leg(listed[1], 486);
    check(
        &mut world,
        &[
            "delivery im_to_sm delivered",
            "delivery im_to_im failed sip 486",
        ],
    );
    // The list is refused after all.
    let listed: Vec<_> = copies
        .iter()
        .map(|copy| world.list(copy).enlisted[0])
        .collect();
    for exchange in listed {
        world.handle(Input::Released { exchange });
    }
    check(&mut world, &[]);
    world.store.max = 0;
    world.list(&copies[0]);
    check(&mut world, &["submission im_to_sm failed sip 480"]);
}

#[test]
fn a_short_message_from_phone_to_phone() {
    for (report, expected) in [
        (
            &[0x02, 1][..],
            [
                "delivery sm_to_sm delivered",
                "submission sm_to_sm delivered",
            ],
        ),
        (
            &[0x04, 1, 1, 22][..],
            [
                "delivery sm_to_sm failed rp 22",
                "submission sm_to_sm failed rp 41 fcs 192",
            ],
        ),
    ] {
        let mut world = World::new();
        submit(&mut world, &hello(9));
        world.report(&from_phone(BOB, report));
        let records = world.books.take();
        let lines: Vec<String> = records.iter().map(line).collect();
        let start = |line: &str| line.split(" rp").next().unwrap_or_default().to_owned();
        let starts: Vec<String> = lines.iter().map(|line| start(line)).collect();
        assert_eq!(starts, expected.map(start));
        for record in &records {
            check_fields(
                record,
                &[
                    ("originator", ALICE),
                    ("originator_interface", "1"),
                    ("recipient_interface", "2"),
                    ("message_size", "5"),
                ],
            );
        }
        let names: Vec<String> = records.iter().map(ChargingRecord::name).collect();
        assert_eq!(names, ["1-1-d", "1-1-s"], "one message");
    }
    // Each part is a short message of its own.
    let mut world = World::new();
    let part = &parts(&"long ".repeat(60), 9, 1)[1];
    submit(&mut world, part);
    world.report(&from_phone(BOB, &[0x02, 1]));
    for record in &world.books.take() {
        check_fields(record, &[("total_number", "2"), ("sequence_number", "2")]);
    }
    // No place on the other phone's side; then none at all.
    let mut world = World::new();
    world.store.max = 1;
    submit(&mut world, &hello(9));
    let both = ["delivery sm_to_sm failed", "submission sm_to_sm failed"];
    let records = world.books.take();
    let starts = records
        .iter()
        .map(line)
        .map(|line| line.split(" rp").next().map(str::to_owned));
    assert_eq!(starts.flatten().collect::<Vec<_>>(), both);
    submit(&mut world, &hello(10));
    let records = world.books.take();
    assert_eq!(records.len(), 1);
    assert!(line(&records[0]).starts_with("submission sm_to_sm failed rp "));
}

#[test]
fn status_reports() {
    for (status, expected) in [
        (200, "report sm_to_im delivered st 0"),
        (0, "report sm_to_im failed sip 480 st 0"),
    ] {
        let mut world = World::new();
        let exchange = world.relay(&from_phone(ALICE, &asking_sm(1)));
        let done = reported(&mut world, exchange, 200);
        world.books.take();
        let (report, rp_mr) = (done.sent[0].0, done.message().body[1]);
        match status {
            200 => drop(world.report(&from_phone(ALICE, &[0x02, rp_mr]))),
            _ => {
                let exchange = report.expect("its exchange");
                world.handle(Input::NotSent {
                    exchange,
                    attempt: 1,
                    status: 480,
                });
            }
        }
        let records = world.books.take();
        assert_eq!(records.iter().map(line).collect::<Vec<_>>(), [expected]);
        check_fields(
            &records[0],
            &[
                ("record_type", "113"),
                ("message_type", "1"),
                ("message_reference", "7"),
                ("originator", "tel:+15550002"),
                ("recipient", ALICE),
                ("discharge_time", &UNIX.to_string()),
            ],
        );
    }
    // No place for one.
    let mut world = World::new();
    let exchange = world.relay(&from_phone(ALICE, &asking_sm(1)));
    world.store.max = 1;
    world.client_answers(exchange, 200);
    world.books.take();
    world.leg(exchange, 200);
    check(&mut world, &["report sm_to_im failed st 0"]);
}

#[test]
fn notifications() {
    for (answers, expected) in [
        (&[200][..], "report im_to_sm delivered sip 200 st 0"),
        (&[480, 480][..], "report im_to_sm failed sip 480 st 0"),
    ] {
        let mut world = World::new();
        let done = world.deliver(&cpim(&asking("positive-delivery", "hello")));
        let rp_mr = done.message().body[1];
        world.report(&from_phone(BOB, &[0x02, rp_mr]));
        world.books.take();
        let exchange = world.store.ids()[0];
        for status in answers {
            world.leg(exchange, *status);
            if world.store.open() > 0 {
                world.pass(30_000);
                world.handle(Input::Due { exchange });
            }
        }
        let records = world.books.take();
        assert_eq!(records.iter().map(line).collect::<Vec<_>>(), [expected]);
        check_fields(
            &records[0],
            &[
                ("originator", BOB),
                ("recipient", ALICE),
                ("im_message_id", "Abc.123"),
            ],
        );
    }
    // There is no place for an exchange of its own, so its outcome is not known.
    let mut world = World::new();
    let done = world.deliver(&cpim(&asking("positive-delivery", "hello")));
    let rp_mr = done.message().body[1];
    world.store.max = 1;
    world.report(&from_phone(BOB, &[0x02, rp_mr]));
    check(
        &mut world,
        &[
            "submission im_to_sm delivered sip 200",
            "report im_to_sm accepted st 0",
            "delivery im_to_sm delivered",
        ],
    );
}

#[test]
fn a_status_report_of_a_service_centre_becomes_one_report() {
    let mut world = through_a_service_centre();
    let done = world.deliver(&cpim(&asking("positive-delivery", "hello")));
    let rp_mr = done.message().body[1];
    world.report(&from_centre(&[0x03, rp_mr], None));
    check(&mut world, &["submission im_to_sm accepted sip 202"]);
    crate::service_centre_reports::reported(&mut world, &status_report(1, "+15550002", 0));
    world.notified();
    check(&mut world, &["report im_to_sm delivered sip 200 st 0"]);
}

/// The records of a message that is refused before it has an exchange.
fn refused(world: &World, message: &MessageIn<'_>, way: Interworking) -> Vec<ChargingRecord> {
    let refusal = match way {
        Interworking::SmToIm => world.gateway.translate_sm(message, world.now).err(),
        _ => world.gateway.translate_im(message, world.now).err(),
    };
    let refusal = *refusal.expect("refused");
    refused_as(world, message, way, refusal)
}

fn refused_as(
    world: &World,
    message: &MessageIn<'_>,
    way: Interworking,
    refusal: Refusal,
) -> Vec<ChargingRecord> {
    let now = world.now;
    let refused = RefusedMessage { message, way, now };
    let request = ReplyTo::AtHand;
    let step = world.gateway.refuse_message(refusal, refused, request);
    let effects = step.effects.into_iter();
    let records = effects.filter_map(|effect| match effect {
        Effect::Charge(record) => Some(*record),
        _ => None,
    });
    records.collect()
}

#[test]
fn a_stop_writes_records_of_open_exchanges() {
    let mut world = World::new();
    let held = world.deliver(&instant(BOB, "hello")).held[0];
    let accepted = world.deliver(&instant(ALICE, "hello")).held[0];
    world.leg(accepted, 200);
    world.hold_timeout(accepted);
    let relayed = world.relay(&from_phone(ALICE, &hello(1)));
    world.books.take();
    for exchange in [held, accepted, relayed] {
        world.handle(Input::Stop { exchange });
    }
    for exchange in world.store.ids() {
        world.handle(Input::Stop { exchange });
    }
    check(
        &mut world,
        &[
            "submission im_to_sm failed sip 503",
            "delivery im_to_sm failed",
            "delivery im_to_sm accepted",
            "submission sm_to_im failed",
            "delivery sm_to_im failed",
        ],
    );
}

#[test]
fn nothing_is_made_where_nothing_is_charged() {
    let mut world = World::new();
    world.gateway.policy.charging = false;
    let done = world.deliver(&instant(BOB, "hello"));
    assert_eq!(done.counted, [Counter::ImToSm]);
    let octets = hello(1);
    let nowhere = MessageIn {
        request_uri: "sip:+15559999@ims.example",
        ..from_phone(ALICE, &octets)
    };
    let exchange = world.relay(&nowhere);
    let effects = {
        let status = 486;
        world.handle(Input::ImAnswered { exchange, status });
        let input = Input::FinalSent {
            exchange,
            status: 202,
            open: 0,
        };
        let step = world.gateway.handle(input, world.now, &mut world.store);
        step.effects
    };
    let charged = |effect: &Effect| matches!(effect, Effect::Charge(_));
    assert!(!effects.iter().any(charged));
    assert!(refused(&world, &instant(BOB, ""), Interworking::ImToSm).is_empty());
}
