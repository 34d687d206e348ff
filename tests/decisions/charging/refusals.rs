//! Records of messages that are refused before they have an exchange.

use super::*;

#[test]
fn no_place_for_an_exchange() {
    let mut world = World::new();
    world.store.max = 0;
    world.submit(&from_phone(ALICE, &hello(1)));
    world.submit(&from_phone(ALICE, &parts(&"long ".repeat(60), 9, 1)[0]));
    world.deliver(&instant(BOB, "hello"));
    let records = world.books.take();
    let lines: Vec<String> = records.iter().map(line).collect();
    assert_eq!(lines[0], "submission sm_to_im failed rp 42 fcs 192");
    assert_eq!(lines[1], lines[0]);
    assert_eq!(lines[2], "submission im_to_sm failed sip 480");
    assert_eq!(records.len(), 3);
    check_fields(&records[1], &[("sequence_number", "1")]);
}

#[test]
fn messages_that_are_refused_at_once() {
    let world = World::new();
    let (sm, im) = (Interworking::SmToIm, Interworking::ImToSm);
    let pid_fax = rp_data_mo(1, &submit_tpdu(0x07, 0x22, 0x00));
    let command = rp_data_mo(1, &[0x02, 0x07, 0x00, 0x00, 0x00, 0x02, 0x91, 0x21, 0x00]);
    let broken = rp_data_mo(1, &[0x01]);
    let from_centre = rp_data_mt(1, &{
        let mut tpdu = deliver_tpdu(&[0x0B, 0x91, 0x51, 0x55, 0x00, 0x10, 0x00, 0xF7]);
        tpdu[0] |= 0b0000_1000; // TP-LP
        tpdu
    });
    let type_0 = rp_data_mo(1, &submit_tpdu(0x07, 0x40, 0x00));
    for (message, way, start) in [
        (
            from_phone(ALICE, &pid_fax),
            sm,
            "submission sm_to_im failed rp 69 fcs 128",
        ),
        (
            from_phone(ALICE, &command),
            sm,
            "submission sm_to_im failed rp 69 fcs 161",
        ),
        (
            from_phone(ALICE, &broken),
            sm,
            "submission sm_to_im failed rp ",
        ),
        (
            from_service_centre(&from_centre),
            sm,
            "delivery sm_to_im failed rp ",
        ),
        // Acknowledged and discarded.
        (
            from_phone(ALICE, &type_0),
            sm,
            "submission sm_to_im accepted",
        ),
        (instant(BOB, ""), im, "submission im_to_sm failed sip 400"),
        (
            MessageIn {
                content_type: Some("text/html"),
                ..instant(BOB, "<p>")
            },
            im,
            "submission im_to_sm failed sip 415",
        ),
    ] {
        let records = refused(&world, &message, way);
        let [record] = &records[..] else {
            panic!("{} records: {start}", records.len())
        };
        assert!(line(record).starts_with(start), "{}", line(record));
        assert_eq!(record.exchange, None);
        let call_id = message.call_id;
        check_fields(
            record,
            &[("session_id", call_id), ("node_address", "+15559999")],
        );
        if record.about == Charged::Submission {
            check_fields(record, &[("originator", ALICE)]);
        }
    }
}

#[test]
fn refusals_that_leave_no_record() {
    let world = World::new();
    // Nobody can be charged.
    let octets = hello(1);
    let nobody = MessageIn {
        identity: None,
        ..from_phone(ALICE, &octets)
    };
    assert!(refused(&world, &nobody, Interworking::SmToIm).is_empty());
    // A status report is answered like a refusal.
    let octets = status_report(1, "+15550002", 0);
    let report = from_service_centre(&octets);
    assert!(refused(&world, &report, Interworking::SmToIm).is_empty());
}

#[test]
fn the_script_refuses_an_instant_message() {
    let world = World::new();
    let body = asking("positive-delivery", "hello");
    let message = cpim(&body);
    let refusal = *world.gateway.refused_by_script(&message, 403).unwrap();
    let records = refused_as(&world, &message, Interworking::ImToSm, refusal);
    assert_eq!(line(&records[0]), "submission im_to_sm failed sip 403");
    check_fields(
        &records[0],
        &[("im_message_id", "Abc.123"), ("recipient", BOB)],
    );
    // The sender of a short message gets a report.
    let octets = hello(1);
    let short = from_phone(ALICE, &octets);
    assert!(world.gateway.refused_by_script(&short, 403).is_none());
}
