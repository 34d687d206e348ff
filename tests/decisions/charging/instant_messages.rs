//! Records of instant messages.

use super::*;

#[test]
fn an_instant_message_by_the_report_of_the_phone() {
    for (report, expected) in [
        (
            &[0x02, 1][..],
            [
                "submission im_to_sm delivered sip 200",
                "delivery im_to_sm delivered",
            ],
        ),
        (
            &[0x04, 1, 1, 22][..],
            [
                "submission im_to_sm failed sip 480",
                "delivery im_to_sm failed rp 22",
            ],
        ),
    ] {
        let mut world = World::new();
        world.deliver(&instant(BOB, "hello"));
        world.report(&from_phone(BOB, report));
        check(&mut world, &expected);
        world.report_before_200(&from_phone(BOB, report));
        check(&mut world, &[]);
    }
}

#[test]
fn an_instant_message_whose_sender_had_its_202() {
    // The phone reports later, or not at all.
    for (report, delivery) in [
        (Some(&[0x02, 1][..]), "delivery im_to_sm delivered"),
        (
            Some(&[0x04, 1, 1, 22][..]),
            "delivery im_to_sm failed rp 22",
        ),
        (None, "delivery im_to_sm accepted"),
    ] {
        let mut world = World::new();
        let exchange = world.deliver(&instant(BOB, "hello")).held[0];
        world.leg(exchange, 200);
        world.pass(20_000);
        world.hold_timeout(exchange);
        world.hold_timeout(exchange);
        check(&mut world, &["submission im_to_sm accepted sip 202"]);
        match report {
            Some(report) => drop(world.report_before_200(&from_phone(BOB, report))),
            None => {
                world.no_report(exchange);
                world.leg(exchange, 200);
                world.no_report(exchange);
            }
        }
        check(&mut world, &[delivery]);
    }
}

#[test]
fn an_instant_message_that_fails_in_sip() {
    let mut world = World::new();
    let exchange = world.deliver(&instant(BOB, "hello")).held[0];
    world.leg_fails(exchange, 486);
    check(
        &mut world,
        &[
            "submission im_to_sm failed sip 480",
            "delivery im_to_sm failed sip 486",
        ],
    );
    // A report may still come, if the sender wants a notification.
    for (belied, delivery) in [
        (true, "delivery im_to_sm delivered"),
        (false, "delivery im_to_sm failed sip 486"),
    ] {
        let mut world = World::new();
        let done = world.deliver(&cpim(&asking("positive-delivery", "hello")));
        let (exchange, rp_mr) = (done.held[0], done.message().body[1]);
        world.leg_fails(exchange, 486);
        check(&mut world, &["submission im_to_sm failed sip 480"]);
        if belied {
            world.report_before_200(&from_phone(BOB, &[0x02, rp_mr]));
        } else {
            world.pass(45_000);
            world.handle(Input::Due { exchange });
        }
        check(&mut world, &[delivery]);
    }
}

#[test]
fn an_instant_message_whose_sender_went_away() {
    let mut world = World::new();
    let exchange = world.deliver(&instant(BOB, "hello")).held[0];
    let behind = world.deliver(&instant(BOB, "again")).held[0];
    for exchange in [exchange, behind] {
        world.handle(Input::Released { exchange });
        world.handle(Input::Released { exchange });
    }
    // The one that was not sent yet will not be.
    check(
        &mut world,
        &[
            "submission im_to_sm failed",
            "submission im_to_sm failed",
            "delivery im_to_sm failed",
        ],
    );
    world.report(&from_phone(BOB, &[0x02, 1]));
    check(&mut world, &["delivery im_to_sm delivered"]);
}

#[test]
fn an_instant_message_that_waits_too_long() {
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, "hello")).held[0];
    let behind = world.deliver(&instant(BOB, "again")).held[0];
    world.hold_timeout(behind);
    world.pass(180_000);
    world.handle(Input::Due { exchange: behind });
    check(
        &mut world,
        &[
            "submission im_to_sm accepted sip 202",
            "delivery im_to_sm failed",
        ],
    );
    assert_eq!(world.store.ids(), [first]);
}

#[test]
fn an_instant_message_to_a_service_centre() {
    for (report, expected) in [
        (&[0x03, 1][..], "submission im_to_sm accepted sip 202"),
        (
            &[0x05, 1, 1, 1][..],
            "submission im_to_sm failed sip 404 rp 1",
        ),
    ] {
        for held in [true, false] {
            let mut world = through_a_service_centre();
            let exchange = world.deliver(&instant(BOB, "hello")).held[0];
            if !held {
                world.hold_timeout(exchange);
                check(&mut world, &[]);
            }
            world.report(&from_centre(report, None));
            let records = world.books.take();
            let [record] = &records[..] else {
                panic!("the service centre has the delivery")
            };
            assert_eq!(line(record), expected);
            check_fields(
                record,
                &[
                    ("recipient", "tel:+15550002"),
                    ("recipient_interface", "0"),
                    ("message_reference", "1"),
                ],
            );
        }
    }
}
