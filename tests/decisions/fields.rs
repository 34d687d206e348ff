//! Fields of one service in those of the other: rows MAP-5 to MAP-10, MAP-15.

use ipsmgw::interwork::{Input, PreparedSm, Settings};
use ipsmgw::sip::MessageIn;
use ipsmgw::wire::{RpMessage, Tpdu};

use crate::long_sm_to_im::parts;
use crate::world::{
    ALICE, BOB, World, deliver_tpdu, field, from_phone, from_service_centre, hello, instant,
    rp_data_mt, settings,
};

fn prepared(world: &World, message: &MessageIn<'_>) -> PreparedSm {
    let Ok(sm) = world.gateway.prepare_sm(message, world.now) else {
        panic!("refused")
    };
    sm
}

/// TP-OA of what a phone gets, as people read it.
fn originator(world: &World, message: &MessageIn<'_>) -> String {
    let im = world.prepare_im(message);
    let (direction, rp) = RpMessage::decode(im.parts[0].as_slice()).unwrap();
    let Some(Ok(Tpdu::Deliver(deliver))) = rp.tpdu(direction) else {
        panic!("no SMS-DELIVER")
    };
    deliver.originating_address.to_string()
}

const ANONYMOUS_FROM: Option<&str> = Some("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1");

#[test]
fn a_phone_does_not_see_who_wants_not_to_be_known() {
    let alice = instant(BOB, "hi");
    let by_privacy = MessageIn {
        privacy: Some("id"),
        from: Some("<sip:+15550001@ims.example>;tag=1"),
        ..alice
    };
    let by_from = MessageIn {
        from: ANONYMOUS_FROM,
        ..alice
    };
    let taken_back = MessageIn {
        privacy: Some("none"),
        ..alice
    };
    let world = World::new();
    assert_eq!(originator(&world, &by_privacy), "Anonymous");
    assert_eq!(originator(&world, &by_from), "Anonymous");
    assert_eq!(originator(&world, &taken_back), "+15550001");
    let world = World::with(&Settings {
        anonymous: "Unknown",
        sender_without_number: "reject",
        ..settings()
    });
    assert_eq!(originator(&world, &by_privacy), "Unknown");
    let nameless = MessageIn {
        identity: Some("sip:alice@ims.example"),
        ..by_privacy
    };
    assert_eq!(originator(&world, &nameless), "Unknown");
}

#[test]
fn an_im_client_does_not_see_which_phone_wants_not_to_be_known() {
    let world = World::new();
    let octets = hello(1);
    let phone = from_phone(ALICE, &octets);
    for private in [
        MessageIn {
            privacy: Some("id;critical"),
            ..phone
        },
        MessageIn {
            from: ANONYMOUS_FROM,
            ..phone
        },
    ] {
        let im = prepared(&world, &private).translation;
        assert_eq!(im.from.display, "\"Anonymous\"");
        assert_eq!(im.from.uri, "sip:anonymous@anonymous.invalid");
        assert_eq!(field(&im.headers, "Privacy"), Some("id"));
        assert!(im.remove.contains(&"Privacy"), "it would be there twice");
        assert!(!im.headers.contains("15550001"));
    }
    let open = prepared(&world, &phone).translation;
    assert_eq!(open.from.uri, ALICE);
    assert_eq!(field(&open.headers, "Privacy"), None);
    // A service centre says it with a TP-OA that is empty.
    let tpdu = deliver_tpdu(&[0x00, 0x80]);
    let octets = rp_data_mt(1, &tpdu);
    let im = prepared(&world, &from_service_centre(&octets)).translation;
    assert_eq!(im.from.uri, "sip:anonymous@anonymous.invalid");
    assert_eq!(field(&im.headers, "Privacy"), Some("id"));
    assert_eq!(field(&im.headers, "P-Asserted-Identity"), None);
}

#[test]
fn nor_when_the_rest_of_its_message_never_comes() {
    let mut world = World::new();
    let parts = parts(&"x".repeat(200), 7, 0);
    world.submit(&MessageIn {
        privacy: Some("id"),
        ..from_phone(ALICE, &parts[0])
    });
    let (at, exchange) = world.store.next_wake().unwrap();
    world.now.monotonic_ms = at;
    let done = world.handle(Input::Due { exchange });
    assert_eq!(done.message().from, "sip:anonymous@anonymous.invalid");
    assert!(!done.message().headers.contains("15550001"));
}
