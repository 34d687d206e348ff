//! Records of short messages.

use super::*;

#[test]
fn a_short_message_by_the_answer_of_the_im_side() {
    for (status, expected) in [
        (
            200,
            [
                "submission sm_to_im delivered sip 200",
                "delivery sm_to_im delivered sip 200",
            ],
        ),
        (
            486,
            [
                "submission sm_to_im failed sip 486 rp 41 fcs 192",
                "delivery sm_to_im failed sip 486",
            ],
        ),
        (
            603,
            [
                "submission sm_to_im failed sip 603 rp 21 fcs 255",
                "delivery sm_to_im failed sip 603",
            ],
        ),
    ] {
        let mut world = World::new();
        let exchange = world.relay(&from_phone(ALICE, &hello(1)));
        world.client_answers(exchange, status);
        let lines: Vec<String> = world.books.records.iter().map(line).collect();
        let start = |line: &String| line.split(" rp").next().map(str::to_owned);
        let starts: Vec<_> = lines.iter().filter_map(start).collect();
        let wanted = expected.map(|line| line.split(" rp").next().unwrap_or_default().to_owned());
        assert_eq!(starts, wanted);
        let has_cause = lines[0].contains(" rp ");
        assert_eq!(has_cause, status != 200);
        world.books.take();
        world.leg(exchange, 200);
        // Again, with the same reference.
        world.submit(&from_phone(ALICE, &hello(1)));
        check(&mut world, &[]);
    }
}

#[test]
fn a_short_message_that_the_im_side_accepted() {
    for (heard, delivery) in [
        (Some(DeliveryStatus::Delivered), "delivered"),
        (Some(DeliveryStatus::Failed), "failed"),
        (None, "accepted"),
    ] {
        let mut world = World::new();
        let done = world.submit(&to_cpim(&asking_sm(1)));
        let (exchange, message_id) = (done.relayed[0], message_id(&done));
        reported(&mut world, exchange, 202);
        check(&mut world, &["submission sm_to_im accepted sip 202"]);
        match heard {
            Some(status) => {
                let body = imdn(&message_id, Disposition::Delivery(status));
                world.report(&from_bob(&body));
            }
            None => {
                world.pass(600_000);
                world.handle(Input::Due { exchange });
            }
        }
        let line = format!("delivery sm_to_im {delivery} sip 202");
        check(&mut world, &[&line]);
    }
}

#[test]
fn a_short_message_whose_sender_got_a_sip_failure() {
    let mut world = World::new();
    let exchange = world.relay(&from_phone(ALICE, &hello(1)));
    world.handle(Input::FinalSent {
        exchange,
        status: 480,
        open: 0,
    });
    let both = ["submission sm_to_im failed", "delivery sm_to_im failed"];
    check(&mut world, &both);
    // The transaction ends without a final response.
    let exchange = world.relay(&from_phone(ALICE, &hello(2)));
    world.handle(Input::Released { exchange });
    world.handle(Input::Released { exchange });
    check(&mut world, &both);
}

#[test]
fn a_short_message_from_a_service_centre() {
    let octets = rp_data_mt(
        1,
        &deliver_tpdu(&[0x0B, 0x91, 0x51, 0x55, 0x00, 0x10, 0x00, 0xF7]),
    );
    let mut world = World::new();
    let exchange = world.relay(&from_service_centre(&octets));
    world.client_answers(exchange, 200);
    let records = world.books.take();
    let [delivery] = &records[..] else {
        panic!("the service centre has the submission")
    };
    check_fields(
        delivery,
        &[
            ("record_type", "113"),
            ("message_type", "3"),
            ("originator_interface", "0"),
            ("recipient", "sip:bob@ims.example"),
            ("message_reference", ""),
        ],
    );
    assert!(value(delivery, "originator").starts_with("sip:+1555000"));
    assert_ne!(value(delivery, "originator"), SERVICE_CENTRE);
}

#[test]
fn a_long_short_message() {
    let text = "The quick brown fox jumps. ".repeat(15);
    let octets = parts(&text, 9, 1);
    let mut world = World::new();
    for part in &octets[..2] {
        world.submit(&from_phone(ALICE, part));
    }
    check(&mut world, &[]);
    let exchange = world.relay(&from_phone(ALICE, &octets[2]));
    world.client_answers(exchange, 480);
    let records = world.books.take();
    assert_eq!(records.len(), 2);
    for record in &records {
        check_fields(record, &[("total_number", "3"), ("result", "failed")]);
    }
    // The last part alone is another attempt.
    world.leg(exchange, 200);
    let again = parts(&text, 9, 7);
    let exchange = world.relay(&from_phone(ALICE, &again[2]));
    world.client_answers(exchange, 200);
    check(
        &mut world,
        &[
            "submission sm_to_im delivered sip 200",
            "delivery sm_to_im delivered sip 200",
        ],
    );
    // Repeated parts leave nothing.
    world.leg(exchange, 200);
    for part in &octets {
        world.submit(&from_phone(ALICE, part));
    }
    check(&mut world, &[]);
}

#[test]
fn parts_without_the_others() {
    for (policy, delivery) in [("deliver", "accepted"), ("drop", "failed")] {
        let mut world = World::with(&Settings {
            concat_incomplete: policy,
            ..settings()
        });
        let octets = parts(&"The quick brown fox jumps. ".repeat(15), 9, 1);
        for part in &octets[1..] {
            world.submit(&from_phone(ALICE, part));
        }
        world.pass(120_000);
        let (_, exchange) = world.store.next_wake().expect("the parts wait");
        world.handle(Input::Due { exchange });
        let line = format!("delivery sm_to_im {delivery}");
        check(&mut world, &["submission sm_to_im accepted", &line]);
    }
}
