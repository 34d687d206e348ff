//! The address of a notification, and the hosts on its way: row DLV-11, RFC 5438 §7.2.1, §12.1.3.1, §14.

use ipsmgw::interwork::Settings;
use ipsmgw::mime::{Cpim, Imdn};
use ipsmgw::sip::{MessageIn, MessageOut};

use crate::notifications::{asking, cpim};
use crate::world::{ALICE, BOB, World, field, from_phone, settings};

const ALICE_SAYS: &str = "From: Alice <im:+15550001@ims.example>";
const TO_BOB: &str = "To: <im:+15550002@ims.example>";

fn delivered(world: &mut World, message: &MessageIn<'_>) -> MessageOut {
    let done = world.deliver(message);
    let rp_mr = done.message().body[1];
    let mut done = world.report(&from_phone(BOB, &[0x02, rp_mr]));
    assert_eq!(done.answer(), 200);
    done.sent.remove(0).1
}

/// From and To in the wrapper of the notification on a message with these lines.
fn names(message: &MessageIn<'_>) -> [String; 2] {
    let message = delivered(&mut World::new(), message);
    // It goes to the sender of the message, whatever the body said; the client knows both names from its own request.
    assert_eq!(
        (&*message.identity, &*message.to, &*message.from),
        (ALICE, "sip:alice@ims.example", "sip:bob@ims.example")
    );
    assert_eq!(
        field(&message.headers, "P-Asserted-Identity"),
        Some("<sip:+15550002@ims.example>")
    );
    let cpim = Cpim::decode(&message.body).unwrap();
    let imdn = Imdn::decode(&cpim.content.octets).unwrap();
    let from = cpim.from.unwrap().uri.into_owned();
    assert_eq!(imdn.recipient_uri.unwrap(), from);
    [from, cpim.to[0].uri.to_string()]
}

#[test]
fn notification_uses_the_names_of_the_message() {
    let body = asking("positive-delivery", "hello");
    let with = |from: &str, to: &str| body.replace(ALICE_SAYS, from).replace(TO_BOB, to);
    for (from, to, said) in [
        // By their number in each form of URI, or anonymous, as CPM clients write it.
        (
            "From: <tel:+1-555-0001>",
            "To: <sip:+15550002@x.example>",
            ["sip:+15550002@x.example", "tel:+1-555-0001"],
        ),
        (
            "From: <sip:anonymous@anonymous.invalid>",
            "To: <sip:anonymous@anonymous.invalid>",
            [
                "sip:anonymous@anonymous.invalid",
                "sip:anonymous@anonymous.invalid",
            ],
        ),
        // By the names that the request itself has.
        (
            "From: <im:alice@ims.example>",
            "To: <sip:bob@IMS.example>",
            ["sip:bob@IMS.example", "im:alice@ims.example"],
        ),
        // Another sender, or a malformed report.
        (
            "From: <im:carol@ims.example>",
            "To: <im:carol@ims.example>",
            [BOB, ALICE],
        ),
        (
            "From: <sip:+15550002@ims.example>",
            "To: <sip:+15550001@ims.example>",
            [BOB, ALICE],
        ),
        (
            "From: <http://x>",
            "To: <mailto:bob@ims.example>",
            [BOB, ALICE],
        ),
        (
            "From: <sip:bob@ims.example>",
            "To: <sip:alice@ims.example>",
            [BOB, ALICE],
        ),
        (
            "From: <sip:+15550001>",
            "To: <sip:ims.example>",
            [BOB, ALICE],
        ),
    ] {
        let body = with(from, to);
        let message = MessageIn {
            original_uri: "sip:bob@ims.example",
            from: Some("\"A\" <sip:alice@ims.example>;tag=1"),
            ..cpim(&body)
        };
        assert_eq!(names(&message), said, "{from} {to}");
    }
}

/// Where the notification goes whose message had recorded these hosts.
fn way(hosts: &[&str], ours: &str, from_trusted: bool) -> (String, Vec<String>) {
    let recorded: String = hosts
        .iter()
        .map(|host| format!("imdn.IMDN-Record-Route: <{host}>\r\n"))
        .collect();
    let body = asking("positive-delivery", "hello")
        .replace("imdn.Message-ID", &(recorded + "imdn.Message-ID"));
    let mut world = World::with(&Settings {
        imdn_route_hosts: ours,
        ..settings()
    });
    let message = delivered(
        &mut world,
        &MessageIn {
            from_trusted,
            ..cpim(&body)
        },
    );
    let cpim = Cpim::decode(&message.body).unwrap();
    // In the end it is for the sender in any case.
    assert_eq!(cpim.to[0].uri, "im:+15550001@ims.example");
    let route = cpim.imdn.route.iter().map(|host| host.uri.to_string());
    (message.identity, route.collect())
}

#[test]
fn recorded_route_over_own_hosts_is_followed() {
    let hosts = ["sip:list@A.example:5070;lr", "sip:b.example;lr"];
    let (next, route) = way(&hosts, "a.example, b.example", true);
    assert_eq!(next, hosts[0]);
    assert_eq!(route, hosts);
}

#[test]
fn other_recorded_routes_are_ignored() {
    let direct = (ALICE.to_owned(), Vec::<String>::new());
    let ours = "a.example,192.0.2.7";
    for (hosts, hosts_of_ours, from_trusted) in [
        // A client says so.
        (&["sip:a.example"][..], ours, false),
        // A stranger, at each place.
        (&["sip:x.example"], ours, true),
        (&["sip:a.example", "sip:x.example"], ours, true),
        (&["sip:x.example", "sip:a.example"], ours, true),
        (&["sip:a.example@x.example"], ours, true),
        (&["sip:x@a.example.x.example"], ours, true),
        (&["sip:192.0.2.77"], ours, true),
        (&["sip:[::1]"], ours, true),
        // No host at all.
        (&["tel:+15559999"], ours, true),
        (&["sip:a.example:99999"], ours, true),
        // By default no host is one of ours.
        (&["sip:a.example"], "", true),
    ] {
        assert_eq!(way(hosts, hosts_of_ours, from_trusted), direct, "{hosts:?}");
    }
}
