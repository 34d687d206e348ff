//! Overload: requests that are refused early, and requests that never are (row LIM-2).

use ipsmgw::interwork::{Asked, Load, Settings};
use ipsmgw::sip::MessageIn;

use crate::world::{ALICE, BOB, World, from_phone, hello, instant, settings};

const CALM: Load = Load {
    queue: 49,
    whole_queue: 49,
    standing_ms: 1_000,
    waited_ms: 249,
    pending: 89,
    memory: 84,
};

/// Of a user for itself.
const REGISTRATION: Asked<'_> = Asked::Registration {
    is_third_party: false,
};

const OPTIONS: Asked<'_> = Asked::Other {
    method: "OPTIONS",
    in_dialog: false,
};

#[test]
fn calm_refuses_nothing() {
    let world = World::new();
    for asked in [
        Asked::Message(&instant(BOB, "hello")),
        REGISTRATION,
        OPTIONS,
    ] {
        assert!(!world.gateway.is_too_much(asked, CALM));
    }
}

#[test]
fn reports_and_answers_are_never_refused() {
    let world = World::new();
    let full = Load {
        queue: 100,
        whole_queue: 100,
        standing_ms: 60_000,
        waited_ms: 60_000,
        pending: 100,
        memory: 100,
    };
    for report in [&[0x02, 0x01][..], &[0x04, 0x01, 0x01, 0x80 | 22]] {
        let message = from_phone(ALICE, report);
        assert!(!world.gateway.is_too_much(Asked::Message(&message), full));
        // However it is written.
        let base64 = ["AgE=", "BAEBlg=="][usize::from(report.len() > 2)];
        let encoded = MessageIn {
            content_transfer_encoding: Some("base64"),
            body: base64.as_bytes(),
            ..message
        };
        assert!(!world.gateway.is_too_much(Asked::Message(&encoded), full));
    }
    let notification = MessageIn {
        content_type: Some("message/imdn+xml"),
        ..instant(BOB, "<imdn/>")
    };
    assert!(
        !world
            .gateway
            .is_too_much(Asked::Message(&notification), full)
    );
    for method in ["ACK", "BYE", "CANCEL", "INFO", "NOTIFY", "PRACK", "UPDATE"] {
        let asked = Asked::Other {
            method,
            in_dialog: false,
        };
        assert!(!world.gateway.is_too_much(asked, full), "{method}");
    }
    let in_dialog = Asked::Other {
        method: "INVITE",
        in_dialog: true,
    };
    assert!(!world.gateway.is_too_much(in_dialog, full));
    let by_scscf = Asked::Registration {
        is_third_party: true,
    };
    assert!(!world.gateway.is_too_much(by_scscf, full));
}

#[test]
fn new_work_is_refused_by_each_signal() {
    let world = World::new();
    let octets = hello(1);
    let messages = [
        instant(BOB, "hello"),
        from_phone(ALICE, &octets),
        // RP-SMMA, and malformed octets.
        from_phone(ALICE, &[0x06, 0x01]),
        from_phone(ALICE, &[]),
    ];
    for (load, all) in [
        (Load { queue: 50, ..CALM }, true),
        (
            Load {
                waited_ms: 250,
                ..CALM
            },
            true,
        ),
        (Load { memory: 85, ..CALM }, true),
        // A message without an exchange needs no place.
        (
            Load {
                pending: 90,
                ..CALM
            },
            false,
        ),
    ] {
        for message in &messages {
            assert!(world.gateway.is_too_much(Asked::Message(message), load));
        }
        assert_eq!(world.gateway.is_too_much(OPTIONS, load), all);
        assert!(!world.gateway.is_too_much(REGISTRATION, load));
    }
}

#[test]
fn registrations_are_refused_last() {
    let world = World::new();
    for (queue, waited_ms, memory, refused) in [
        (94, 999, 98, false),
        (95, 0, 0, true),
        (0, 1_000, 0, true),
        (0, 0, 99, true),
    ] {
        let load = Load {
            queue,
            whole_queue: 0,
            standing_ms: 100,
            waited_ms,
            pending: 100,
            memory,
        };
        let is_refused = world.gateway.is_too_much(REGISTRATION, load);
        assert_eq!(is_refused, refused, "{load:?}");
    }
}

/// A burst passes; it is refused only when the kernel has hardly any room left.
#[test]
fn a_queue_is_full_for_a_moment_without_an_overload() {
    let world = World::new();
    let message = instant(BOB, "hello");
    for (queue, whole_queue, standing_ms, refused) in [
        (74, 74, 0, false),
        (600, 74, 99, false),
        (49, 0, 100, false),
        (50, 0, 100, true),
        (75, 75, 0, true),
    ] {
        let load = Load {
            queue,
            whole_queue,
            standing_ms,
            ..Load::default()
        };
        let is_refused = world.gateway.is_too_much(Asked::Message(&message), load);
        assert_eq!(is_refused, refused, "{load:?}");
    }
}

#[test]
fn a_limit_of_0_is_none() {
    let world = World::with(&Settings {
        overload_queue: 0,
        overload_wait: 0,
        overload_pending: 0,
        overload_memory: 0,
        ..settings()
    });
    let full = Load {
        queue: 100,
        whole_queue: 100,
        standing_ms: 60_000,
        waited_ms: 60_000,
        pending: 100,
        memory: 100,
    };
    let message = instant(BOB, "hello");
    assert!(!world.gateway.is_too_much(Asked::Message(&message), full));
}

#[test]
fn retry_after_is_random() {
    let world = World::with(&Settings {
        overload_retry_after: 10,
        ..settings()
    });
    let seconds: Vec<_> = (0..9).map(|n| world.gateway.retry_after(n)).collect();
    assert_eq!(seconds, [2, 3, 4, 5, 6, 7, 8, 9, 10]);
}
