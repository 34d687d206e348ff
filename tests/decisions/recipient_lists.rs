//! Instant messages to a list of recipients (row MAP-14, RFC 5365).

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, DeliveredAs, Input, RecipientIn, Settings, TranslatedDelivery};
use ipsmgw::mime::{Cpim, DeliveryStatus, Disposition, Imdn};
use ipsmgw::sip::{Capabilities, MessageIn, Service};

use crate::world::{ALICE, BOB, Done, Random, World, field, from_phone, instant, settings};

const CAROL: &str = "sip:carol@ims.example";
const NOBODY: Capabilities = Capabilities {
    sm: false,
    im: false,
    cpim: false,
    msrp: false,
};
pub(crate) const PHONE: Capabilities = Capabilities { sm: true, ..NOBODY };
pub(crate) const CLIENT: Capabilities = Capabilities { im: true, ..NOBODY };
const RICH: Capabilities = Capabilities {
    cpim: true,
    ..CLIENT
};

/// A body of this part and a list; "" stands for a list of one recipient.
pub(crate) fn body(part: &str, list: &str) -> Vec<u8> {
    let list = match list {
        "" => "<entry uri='sip:somebody@ims.example'/>",
        list => list,
    };
    format!(
        "--b\r\nContent-Type: {part}\r\n--b\r\nContent-Type: application/resource-lists+xml\r\n\
         Content-Disposition: recipient-list; handling=required\r\n\r\n\
         <resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>{list}</list></resource-lists>\r\n--b--"
    )
    .into_bytes()
}

pub(crate) const TEXT: &str = "text/plain\r\n\r\nhello";

fn to_list(body: &[u8]) -> MessageIn<'_> {
    MessageIn {
        content_type: Some("multipart/mixed;boundary=b"),
        body,
        ..instant("sip:ims.example", "")
    }
}

fn cpim(wanted: &str) -> String {
    format!(
        "message/cpim\r\n\r\nFrom: <im:alice@home.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
         imdn.Message-ID: 34jk324j\r\nimdn.Disposition-Notification: {wanted}\r\n\r\n\
         Content-Type: text/plain\r\n\r\nhello"
    )
}

pub(crate) fn known(uri: &'static str, can: Capabilities) -> RecipientIn<'static> {
    RecipientIn {
        name: uri,
        uri: Some(uri),
        can,
    }
}

pub(crate) fn prepare(
    world: &World,
    body: &[u8],
    to: &[RecipientIn<'_>],
) -> Result<Vec<TranslatedDelivery>, u16> {
    let prepared = world.gateway.translate_list(&to_list(body), to, world.now);
    prepared.map_err(|refusal| refusal.answer.status)
}

fn enlist(world: &mut World, copy: &TranslatedDelivery) -> Done {
    world.list(copy)
}

/// All messages are taken, then begun: the outcome of each.
fn send(world: &mut World, body: &[u8], to: &[RecipientIn<'_>]) -> Vec<(ExchangeKey, Done)> {
    let copies = prepare(world, body, to).unwrap();
    let taken: Vec<_> = copies
        .iter()
        .map(|copy| {
            let done = enlist(world, copy);
            assert!(done.sent.is_empty() && done.counted.is_empty() && done.replies.is_empty());
            done.enlisted[0]
        })
        .collect();
    let begin = |(exchange, copy)| {
        let begun = world.handle(Input::Begin {
            exchange,
            delivery: copy,
        });
        (exchange, begun)
    };
    taken.into_iter().zip(&copies).map(begin).collect()
}

fn told(message: &ipsmgw::sip::MessageOut) -> (String, DeliveryStatus) {
    let cpim = Cpim::decode(&message.body).unwrap();
    let imdn = Imdn::decode(&cpim.content.octets).unwrap();
    let Disposition::Delivery(status) = imdn.disposition else {
        panic!("no delivery notification")
    };
    (imdn.recipient_uri.unwrap().into_owned(), status)
}

#[test]
fn each_recipient_gets_the_message_in_its_own_service() {
    let mut world = World::with(&Settings {
        sc_uri: "sip:192.0.2.9:5070",
        ..settings()
    });
    let to = [
        known(BOB, PHONE),
        known(CAROL, CLIENT),
        known("sip:+15550009@ims.example", NOBODY),
    ];
    let done = send(&mut world, &body(TEXT, ""), &to);
    let services: Vec<_> = done
        .iter()
        .map(|(_, done)| done.message().service)
        .collect();
    assert_eq!(services, [Service::Sm, Service::Im, Service::ServiceCentre]);
    let im = done[1].1.message();
    assert_eq!((im.identity.as_str(), im.from.as_str()), (CAROL, ALICE));
    assert_eq!(im.body, b"hello");
    assert_eq!(field(&im.headers, "Content-Type"), Some("text/plain"));
    let asserted = format!("<{ALICE}>");
    assert_eq!(field(&im.headers, "P-Asserted-Identity"), Some(&*asserted));
    assert_eq!(done[1].1.counted, [Counter::Copy]);
    assert_eq!(done[0].1.counted, [Counter::Copy, Counter::ImToSm]);
    assert!(world.leg(done[1].0, 200).sent.is_empty());
    assert_eq!(world.store.open(), 2);
}

#[test]
fn a_name_and_a_number_of_one_person_are_one() {
    let world = World::new();
    let names = [
        known(BOB, PHONE),
        RecipientIn {
            name: "sip:bob@ims.example",
            ..known(BOB, PHONE)
        },
        known("tel:+1-555-0002", PHONE),
    ];
    assert_eq!(
        prepare(&world, &body(TEXT, ""), &names).map(|all| all.len()),
        Ok(1)
    );
    let list = "<entry uri='sip:a@x'/><list><entry uri='sip:a@X'/><entry uri='tel:+1-2'/></list>\
                <entry uri='sip:+12@x;user=phone'/>";
    let octets = body(TEXT, list);
    let read = world.gateway.recipients(&to_list(&octets)).unwrap();
    assert_eq!(read.ok().unwrap(), ["sip:a@x", "tel:+1-2"]);
    assert!(world.gateway.recipients(&instant(BOB, "hello")).is_none());
}

#[test]
fn nothing_goes_before_all_are_taken() {
    let mut world = World::new();
    let rp_mr = world.deliver(&instant(BOB, "before")).message().body[1];
    let long = body(&TEXT.replace("hello", &"x".repeat(200)), "");
    let copies = prepare(&world, &long, &[known(BOB, PHONE)]).unwrap();
    let exchange = enlist(&mut world, &copies[0]).enlisted[0];
    // The message before it ends, and another one arrives: the message keeps its place.
    let done = world.report(&from_phone(BOB, &[0x02, rp_mr]));
    assert!(done.sent.is_empty());
    assert!(world.deliver(&instant(BOB, "behind")).sent.is_empty());
    let copy = &copies[0];
    let mut done = world.handle(Input::Begin {
        exchange,
        delivery: copy,
    });
    for next in 1..=3 {
        assert_eq!(done.message().body[1], rp_mr + next);
        done = world.report(&from_phone(BOB, &[0x02, rp_mr + next]));
    }
    assert_eq!((done.answer(), world.store.open()), (200, 0));
    // Nor does one stay behind that is refused after all.
    let exchange = enlist(&mut world, copy).enlisted[0];
    assert!(world.deliver(&instant(BOB, "alone")).sent.is_empty());
    let done = world.handle(Input::Released { exchange });
    assert_eq!(done.message().body[1], rp_mr + 4);
}

#[test]
fn a_refused_list_is_sent_to_no_recipient() {
    let long = body(&TEXT.replace("hello", &"x".repeat(400)), "");
    for ends in [
        |exchange| Input::Released { exchange },
        |exchange| Input::Due { exchange },
    ] {
        let mut world = World::new();
        // Three parts, and one more place.
        world.store.max = 4;
        let to = [
            known(BOB, PHONE),
            known(CAROL, CLIENT),
            known("sip:dave@ims.example", CLIENT),
        ];
        let copies = prepare(&world, &long, &to).unwrap();
        let first = enlist(&mut world, &copies[0]).enlisted[0];
        let second = enlist(&mut world, &copies[1]).enlisted[0];
        let full = enlist(&mut world, &copies[2]);
        assert_eq!(
            (full.reply(), full.counted.as_slice()),
            (480, &[Counter::Full][..])
        );
        world.pass(10_000);
        for exchange in [first, second] {
            assert!(world.handle(ends(exchange)).is_nothing());
            let copy = &copies[0];
            assert!(
                world
                    .handle(Input::Begin {
                        exchange,
                        delivery: copy
                    })
                    .is_nothing()
            );
        }
        assert_eq!((world.store.open(), world.store.next_wake()), (0, None));
    }
}

#[test]
fn unreachable_recipients() {
    let world = World::new();
    let good = known(BOB, PHONE);
    let lost = RecipientIn {
        uri: None,
        ..known("sip:zoe@ims.example", NOBODY)
    };
    for (other, status) in [
        (known(CAROL, NOBODY), 480),
        (lost, 404),
        (known("tel:+112", CLIENT), 202),
        (known("tel:112;phone-context=x", CLIENT), 404),
        (known("urn:service:sos.fire", CLIENT), 404),
    ] {
        let found = prepare(&world, &body(TEXT, ""), &[good, other]);
        assert_eq!(found.map_or_else(|status| status, |_| 202), status);
    }
    assert_eq!(prepare(&world, &body(TEXT, ""), &[]).err(), Some(400));
    let octets = body(TEXT, "");
    let looped = MessageIn {
        interworked_by: Some("ims.example"),
        ..to_list(&octets)
    };
    let found = world.gateway.translate_list(&looped, &[good], world.now);
    assert_eq!(found.err().map(|refusal| refusal.answer.status), Some(482));
    // Its sender wants failure notifications: then the other recipients get it, if there are any.
    let octets = body(&cpim("negative-delivery"), "");
    assert_eq!(prepare(&world, &octets, &[lost]).err(), Some(404));
    let copies = prepare(&world, &octets, &[lost, good]).unwrap();
    assert!(matches!(copies[0].becomes, DeliveredAs::Nothing(404)));
    // But by a name that is one: XML can write line breaks into it.
    for name in [
        "sip:zoe@ims.example\nsip:eve@elsewhere.example",
        "sip:zoe\r@x",
    ] {
        let nobody = RecipientIn { name, ..lost };
        let found = prepare(&world, &octets, &[nobody, good]);
        assert_eq!(found.err(), Some(404), "{name:?}");
    }
}

#[test]
fn each_has_notifications_of_its_own() {
    let mut world = World::new();
    let lost = RecipientIn {
        uri: None,
        ..known("sip:zoe@ims.example", NOBODY)
    };
    let to = [
        known(BOB, PHONE),
        known(CAROL, CLIENT),
        known("sip:dave@ims.example", RICH),
        lost,
    ];
    let octets = body(&cpim("positive-delivery, negative-delivery"), "");
    let mut begun = send(&mut world, &octets, &to);
    let (_, nowhere) = begun.pop().unwrap();
    assert_eq!(
        told(nowhere.message()),
        ("sip:zoe@ims.example".to_owned(), DeliveryStatus::Failed)
    );
    assert_eq!(nowhere.message().identity, ALICE);
    let (rich, done) = begun.pop().unwrap();
    assert_eq!(
        field(&done.message().headers, "Content-Type"),
        Some("message/cpim")
    );
    assert!(
        world.leg(rich, 200).sent.is_empty(),
        "the client notifies the sender itself"
    );
    let (plain, done) = begun.pop().unwrap();
    assert_eq!(done.message().body, b"hello");
    let done = world.leg(plain, 486);
    assert_eq!(
        told(done.message()),
        (CAROL.to_owned(), DeliveryStatus::Failed)
    );
    assert_eq!(done.counted, [Counter::CopyFailed, Counter::Notification]);
    let (_, done) = begun.pop().unwrap();
    let done = world.report(&from_phone(BOB, &[0x02, done.message().body[1]]));
    assert_eq!(
        told(done.message()),
        (BOB.to_owned(), DeliveryStatus::Delivered)
    );
    assert!(done.answered.is_empty());
    world.notified();
    assert_eq!(world.store.open(), 0);
}

#[test]
fn one_of_several_clients_is_enough() {
    let octets = body(&cpim("positive-delivery, negative-delivery"), "");
    for (answers, said) in [
        (&[486, 200][..], Some(DeliveryStatus::Delivered)),
        (&[200, 486], Some(DeliveryStatus::Delivered)),
        (&[486, 100, 603], Some(DeliveryStatus::Failed)),
        (&[480, 202], None),
    ] {
        let mut world = World::new();
        let (exchange, _) = send(&mut world, &octets, &[known(CAROL, CLIENT)]).remove(0);
        assert!(
            world
                .handle(Input::Forked {
                    exchange,
                    clients: 2
                })
                .is_nothing()
        );
        let told: Vec<_> = answers
            .iter()
            .flat_map(|status| world.leg(exchange, *status).sent)
            .map(|(_, message)| told(&message).1)
            .collect();
        assert_eq!(told.first().copied(), said, "{answers:?}");
        assert_eq!(told.len(), usize::from(said.is_some()));
        world.notified();
        assert_eq!(world.store.open(), 0);
    }
}

#[test]
fn anonymous_sender_stays_anonymous() {
    let mut world = World::new();
    let octets = body(TEXT, "");
    let message = MessageIn {
        privacy: Some("id"),
        subject: Some("lunch\r\n at noon"),
        ..to_list(&octets)
    };
    let copies = world
        .gateway
        .translate_list(&message, &[known(CAROL, CLIENT)], world.now);
    let copies = copies.ok().unwrap();
    let exchange = enlist(&mut world, &copies[0]).enlisted[0];
    let copy = &copies[0];
    let done = world.handle(Input::Begin {
        exchange,
        delivery: copy,
    });
    let message = done.message();
    assert_eq!(message.from, "sip:anonymous@anonymous.invalid");
    assert!(!message.headers.contains("15550001"));
    assert_eq!(field(&message.headers, "Privacy"), Some("id"));
    assert_eq!(field(&message.headers, "Subject"), Some("lunch at noon"));
}

#[test]
fn list_is_not_passed_on() {
    let world = World::new();
    let to = [known(CAROL, CLIENT)];
    let two = body(
        "text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: image/png\r\n\r\n\x01",
        "",
    );
    let copies = prepare(&world, &two, &to).unwrap();
    let DeliveredAs::Im(copy) = &copies[0].becomes else {
        panic!("no IM")
    };
    assert_eq!(
        copy.body,
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: image/png\r\n\r\n\x01\r\n--b--\r\n"
    );
    // A list that is nested deeper is not removed.
    let inner = String::from_utf8(body(TEXT, ""))
        .unwrap()
        .replace("--b", "--c");
    let nested = format!("--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n{inner}\r\n--b--");
    assert_eq!(prepare(&world, nested.as_bytes(), &to).err(), Some(400));
}

/// The list is looked at before the message.
#[test]
fn a_list_that_is_refused() {
    let world = World::new();
    let to = [known(BOB, PHONE)];
    let image = "image/png\r\n\r\nx";
    let many: String = (0..21)
        .map(|number| format!("<entry uri='sip:{number}@b'/>"))
        .collect();
    let no_list = |body: Vec<u8>| {
        let body = String::from_utf8(body).unwrap();
        body.replace("resource-lists+xml", "json").into_bytes()
    };
    for (body, status) in [
        (body(image, "<entry/>"), 400),
        (body(image, &many), 413),
        (body(image, "<entry-ref ref='a'/>"), 488),
        (no_list(body(TEXT, "")), 415),
        (body(TEXT, " "), 400),
        (body(image, ""), 415),
    ] {
        assert_eq!(prepare(&world, &body, &to).err(), Some(status));
    }
}

#[test]
fn random_lists_never_panic() {
    let mut random = Random::of(5365);
    let world = World::new();
    let good = body(&cpim("negative-delivery"), "<entry uri='sip:a@b'/>");
    for _ in 0..3_000 {
        let mut octets = good.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(octets.len());
            octets[at] = random.octet();
        }
        octets.truncate(random.below(octets.len()) + 1);
        let read = world.gateway.recipients(&to_list(&octets));
        if let Some(Ok(all)) = read {
            assert!(!all.is_empty() && all.len() <= 20);
        }
        drop(prepare(
            &world,
            &octets,
            &[known(BOB, PHONE), known(CAROL, RICH)],
        ));
    }
}

/// tm may report the end of a MESSAGE twice.
#[test]
fn each_of_several_clients_counts_once() {
    let octets = body(&cpim("positive-delivery, negative-delivery"), "");
    let mut world = World::new();
    let (exchange, _) = send(&mut world, &octets, &[known(CAROL, CLIENT)]).remove(0);
    let clients = 2;
    assert!(
        world
            .handle(Input::Forked { exchange, clients })
            .is_nothing()
    );
    for _ in 0..2 {
        assert!(world.completed(exchange, 0, 486).is_nothing());
    }
    let done = world.completed(exchange, 1, 200);
    assert_eq!(told(done.message()).1, DeliveryStatus::Delivered);
}
