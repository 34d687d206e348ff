//! The `202` for a list of recipients is a promise: the database has the messages to all of them before.

use ipsmgw::exchange::{ExchangeKey, ReplyTo, TransactionId};
use ipsmgw::interwork::{Input, RecipientIn, Verdict};
use ipsmgw::mime::{Cpim, DeliveryStatus, Disposition, Imdn};
use ipsmgw::sip::{Capabilities, Service};

use crate::recipient_lists::{CLIENT, PHONE, TEXT, body, known, prepare};
use crate::world::{BOB, Done, World, from_phone, held_as, instant, settings};

const CAROL: &str = "sip:carol@ims.example";
const AWAY: RecipientIn<'static> = RecipientIn {
    name: "sip:eve@ims.example",
    uri: None,
    can: Capabilities {
        sm: false,
        im: false,
        cpim: false,
        msrp: false,
    },
};

/// Exchanges that are to be written, and those of them that are the last part of their message, in their order.
struct List {
    all: Vec<ExchangeKey>,
    messages: Vec<ExchangeKey>,
}

impl List {
    fn last(&self) -> ExchangeKey {
        *self.all.last().unwrap()
    }
}

fn sender() -> TransactionId {
    held_as(7)
}

fn world() -> World {
    World::with_database(&settings())
}

/// 300 characters for a phone and a client: two parts, and an instant message.
fn text() -> String {
    TEXT.replace("hello", &"x".repeat(300))
}

fn listed(world: &mut World, body: &[u8], to: &[RecipientIn<'_>]) -> List {
    let copies = prepare(world, body, to).unwrap();
    let (mut all, mut messages) = (Vec::new(), Vec::new());
    for copy in &copies {
        let done = world.list(copy);
        assert!(done.sent.is_empty() && done.counted.is_empty() && done.replies.is_empty());
        all.extend(done.asked.iter().map(|(key, _)| *key));
        messages.extend(done.enlisted);
    }
    let request = ReplyTo::Transaction(sender());
    let done = Done::of(world.gateway.list_taken(request, all.clone()));
    let together: Vec<_> = all.iter().map(|key| (*key, Some(sender()))).collect();
    assert_eq!(done.asked, together);
    assert!(done.replies.is_empty());
    List { all, messages }
}

fn to_both(world: &mut World) -> List {
    let list = listed(
        world,
        &body(&text(), ""),
        &[known(BOB, PHONE), known(CAROL, CLIENT)],
    );
    assert_eq!((list.all.len(), list.messages.len()), (3, 2));
    assert_eq!(world.store.rows(), 0);
    list
}

/// The database has all of them.
fn written(world: &mut World, list: &List) {
    for key in &list.all {
        world.store.write(*key);
    }
}

fn tell_last(world: &mut World, list: &List, written: bool) -> Done {
    world.handle(Input::ListStored {
        exchange: list.last(),
        transaction: sender(),
        written,
    })
}

fn others(list: &List) -> impl Iterator<Item = ExchangeKey> + '_ {
    list.all[..list.all.len() - 1].iter().copied()
}

/// All messages begin, and the sender has its `202`. Returns the MESSAGEs that are sent.
fn begin(world: &mut World, list: &List) -> Vec<ipsmgw::sip::MessageOut> {
    written(world, list);
    let done = tell_last(world, list, true);
    assert_eq!((done.reply(), done.verdict), (202, Some(Verdict::Taken)));
    assert_eq!(done.replied_to, [ReplyTo::Transaction(sender())]);
    let mut sent = done.sent;
    for exchange in others(list) {
        sent.extend(world.handle(Input::Stored { exchange }).sent);
    }
    sent.into_iter().map(|(_, message)| message).collect()
}

/// The phone gets its parts, one after the other's report.
fn phone_gets(world: &mut World, mut rp_data: Vec<u8>, parts: usize) {
    for part in 1..=parts {
        let done = world.report(&from_phone(BOB, &[0x02, rp_data[1]]));
        match part == parts {
            true => assert!(done.sent.is_empty()),
            false => rp_data.clone_from(&done.message().body),
        }
    }
}

/// No exchange is open, and no row is left in the database.
fn nothing_left(world: &World) {
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn no_message_is_sent_before_all_are_written() {
    let mut world = world();
    let list = to_both(&mut world);
    let sent = begin(&mut world, &list);
    let services: Vec<_> = sent.iter().map(|message| message.service).collect();
    // The last one first.
    assert_eq!(services, [Service::Im, Service::Sm]);
    assert_eq!(sent[0].body, "x".repeat(300).into_bytes());
    world.leg(list.messages[1], 200);
    phone_gets(&mut world, sent[1].body.clone(), 2);
    nothing_left(&world);
}

#[test]
fn a_list_that_cannot_be_written_is_refused() {
    let mut world = world();
    let list = to_both(&mut world);
    let done = tell_last(&mut world, &list, false);
    assert_eq!((done.reply(), done.verdict), (503, Some(Verdict::Refused)));
    assert!(done.replies[0].0.headers.contains("Retry-After"));
    assert!(done.sent.is_empty());
    for exchange in others(&list) {
        assert!(world.handle(Input::NotStored { exchange }).sent.is_empty());
    }
    nothing_left(&world);
    // Other messages to the phone do not wait.
    assert_eq!(world.deliver(&instant(BOB, "behind")).sent.len(), 1);
}

#[test]
fn the_sender_of_a_list_does_not_wait_for_a_slow_database() {
    let mut world = world();
    let list = to_both(&mut world);
    let done = world.handle(Input::HoldTimeout {
        exchange: list.last(),
        transaction: sender(),
    });
    assert_eq!((done.reply(), done.sent.len()), (503, 0));
    // It is written after all.
    for exchange in others(&list) {
        world.store.write(exchange);
    }
    let done = tell_last(&mut world, &list, true);
    assert_eq!(done.verdict, Some(Verdict::Refused));
    assert!(done.replies.is_empty() && done.sent.is_empty());
    for exchange in others(&list) {
        assert!(world.handle(Input::NotStored { exchange }).sent.is_empty());
    }
    nothing_left(&world);
}

#[test]
fn the_timer_refuses_a_list_that_is_not_written_when_it_is_about_to_fire() {
    let mut world = world();
    let list = to_both(&mut world);
    world.pass(world.gateway.policy.accept_timeout_ms - 10);
    let done = tell_last(&mut world, &list, false);
    assert_eq!(done.verdict, Some(Verdict::Refused));
    assert!(done.replies.is_empty() && done.sent.is_empty());
    for exchange in others(&list) {
        assert!(world.handle(Input::NotStored { exchange }).sent.is_empty());
    }
    let done = world.handle(Input::HoldTimeout {
        exchange: list.last(),
        transaction: sender(),
    });
    assert_eq!((done.reply(), done.sent.len()), (503, 0));
    nothing_left(&world);
}

#[test]
fn a_slow_database_does_not_lose_a_list() {
    let mut world = world();
    let list = to_both(&mut world);
    for exchange in &list.all {
        world.pass(11_000);
        let exchange = *exchange;
        assert!(world.handle(Input::Due { exchange }).sent.is_empty());
    }
    assert_eq!(begin(&mut world, &list).len(), 2);
}

#[test]
fn a_list_is_delivered_after_a_crash_behind_the_commit() {
    let mut world = world();
    let list = to_both(&mut world);
    written(&mut world, &list);
    world.crash(5_000);
    assert_eq!(world.store.open(), 3);
    let mut sent = Vec::new();
    world.pass(2_000);
    for exchange in list.all.iter().copied() {
        let done = world.handle(Input::Due { exchange });
        assert!(done.replies.is_empty());
        sent.extend(done.sent.into_iter().map(|(_, message)| message));
    }
    let services: Vec<_> = sent.iter().map(|message| message.service).collect();
    assert_eq!(services, [Service::Sm, Service::Im]);
    phone_gets(&mut world, sent[0].body.clone(), 2);
    world.leg(list.messages[1], 200);
    nothing_left(&world);
}

#[test]
fn a_message_that_was_being_sent_at_a_crash_is_sent_again() {
    let mut world = world();
    let list = to_both(&mut world);
    let before = begin(&mut world, &list);
    // The phone has the first part.
    let done = world.report(&from_phone(BOB, &[0x02, before[1].body[1]]));
    let second = done.message().body.clone();
    world.gateway.boot += 1;
    world.crash(5_000);
    assert_eq!(world.store.open(), 2);
    world.pass(2_000);
    let client = list.messages[1];
    let done = world.handle(Input::Due { exchange: client });
    let again = done.message();
    assert_eq!(again.body, before[0].body);
    // A client takes the same Call-ID for the same request (RFC 3261 §8.2.2.2).
    assert_ne!(again.call_id, before[0].call_id);
    world.leg(client, 200);
    // The report on the second part comes late.
    let done = world.report(&from_phone(BOB, &[0x02, second[1]]));
    assert!(done.sent.is_empty());
    nothing_left(&world);
}

#[test]
fn a_part_begins_though_a_crash_cut_off_its_row() {
    let mut world = world();
    let list = to_both(&mut world);
    written(&mut world, &list);
    let first = list.all[0];
    let as_listed = world.store.rows[&first.serial()].clone();
    begin(&mut world, &list);
    world.store.rows.insert(first.serial(), as_listed);
    world.crash(5_000);
    world.pass(2_000);
    let mut sent = Vec::new();
    for exchange in [list.messages[0], first] {
        sent.extend(world.handle(Input::Due { exchange }).sent);
    }
    assert_eq!(sent.len(), 1);
    phone_gets(&mut world, sent[0].1.body.clone(), 2);
}

#[test]
fn unreachable_recipients_are_reported_after_a_crash() {
    let mut world = world();
    let wanted = "message/cpim\r\n\r\nFrom: <im:alice@home.example>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
         imdn.Message-ID: 34jk324j\r\nimdn.Disposition-Notification: negative-delivery\r\n\r\n\
         Content-Type: text/plain\r\n\r\nhello";
    let list = listed(&mut world, &body(wanted, ""), &[AWAY, known(CAROL, CLIENT)]);
    written(&mut world, &list);
    world.crash(5_000);
    world.pass(2_000);
    let exchange = list.messages[0];
    let done = world.handle(Input::Due { exchange });
    let cpim = Cpim::decode(&done.message().body).unwrap();
    let imdn = Imdn::decode(&cpim.content.octets).unwrap();
    assert_eq!(
        imdn.disposition,
        Disposition::Delivery(DeliveryStatus::Failed)
    );
    assert_eq!(imdn.recipient_uri.as_deref(), Some(AWAY.name));
    // The notification is in the database, too, and goes once more.
    world.crash(5_000);
    world.pass(60_000);
    let mut sent = Vec::new();
    for exchange in world.store.ids() {
        sent.extend(world.handle(Input::Due { exchange }).sent);
    }
    let is_it = |message: &ipsmgw::sip::MessageOut| message.body == done.message().body;
    assert!(sent.iter().any(|(_, message)| is_it(message)));
}
