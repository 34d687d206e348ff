//! Senders who ask for privacy.

use super::*;

const ANONYMOUS_FROM: Option<&str> = Some("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1");

#[test]
fn anonymous_client_is_hidden_from_the_phone() {
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
fn anonymous_phone_is_hidden_from_the_client() {
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
        assert!(im.remove.contains(b"Privacy"), "it would be there twice");
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
fn anonymous_phone_stays_hidden_in_an_incomplete_message() {
    let mut world = World::new();
    let parts = parts(&"x".repeat(200), 7, 0);
    world.submit(&MessageIn {
        privacy: Some("id"),
        ..from_phone(ALICE, &parts[0])
    });
    let done = world.next_due();
    assert_eq!(done.message().from, "sip:anonymous@anonymous.invalid");
    let headers = &done.message().headers;
    assert!(!headers.contains("15550001"));
    assert_eq!(field(headers, "Interworked-By"), Some("ims.example"));
}
