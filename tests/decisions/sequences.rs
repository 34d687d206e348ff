//! Random sequences of events: each sender gets exactly one answer, and each exchange ends (row MO-7).

use std::collections::HashMap;

use ipsmgw::exchange::{ExchangeKey, IdentityKey, ImToSm, ImToSmState, TransactionId};
use ipsmgw::interwork::{Input, identity};
use ipsmgw::sip::{Capabilities, MessageIn};

use crate::confirmations::to_cpim;
use crate::long_sm_to_im::parts;
use crate::notifications::{asking, cpim};
use crate::recipient_lists::{PHONE, body, known, prepare};
use crate::status_reports::asking as asks;
use crate::to_service_centre::world as through_a_service_centre;
use crate::world::{
    ALICE, BOB, Done, Random, SERVICE_CENTRE, World, field, from_phone, hello, instant,
};

const CAROL: &str = "sip:carol@ims.example";

/// The actions as the host sees them.
#[derive(Default)]
struct Ledger {
    /// The transaction that each exchange holds.
    held: HashMap<ExchangeKey, u32>,
    /// How often each transaction was answered.
    answers: HashMap<u32, u32>,
    /// Transactions that went without an answer.
    released: Vec<u32>,
    /// How often each exchange reported.
    reports: HashMap<ExchangeKey, u32>,
    /// How often each exchange's message went out once more.
    second_attempts: HashMap<ExchangeKey, u32>,
}

impl Ledger {
    fn note(&mut self, done: &Done) {
        for (id, TransactionId { label, .. }, outcome) in &done.answered {
            assert_eq!(
                self.held.get(id),
                Some(label),
                "somebody else's transaction"
            );
            assert_ne!(outcome.answer.status, 408);
            assert!(outcome.answer.status >= 200);
            *self.answers.entry(*label).or_default() += 1;
        }
        for (id, ..) in &done.again {
            *self.second_attempts.entry(*id).or_default() += 1;
        }
        for (id, message) in &done.sent {
            // RP-ACK or RP-ERROR to the sender of a short message
            if let (Some(id), 0x03 | 0x05) = (id, message.body[0]) {
                *self.reports.entry(*id).or_default() += 1;
            }
        }
    }
}

#[test]
fn every_sender_is_answered_exactly_once() {
    // Two long short messages under one reference.
    let long = ["a", "b"].map(|letter| parts(&letter.repeat(400), 1, letter.as_bytes()[0]));
    for seed in 1..=300 {
        let mut random = Random::of(seed);
        let mut world = through_a_service_centre();
        world.store.max = 12;
        // Sometimes a sender takes all places.
        world.store.max_of_sender = u32::try_from(seed % 3).unwrap() * 4;
        let mut ledger = Ledger::default();
        let mut label = 0;
        for _ in 0..400 {
            world.pass(u64::from(random.octet()) * 40);
            let ids = world.store.ids();
            // Now and then one that has ended, or never was.
            let id = match ids.is_empty() || random.below(10) == 0 {
                true => ExchangeKey::new(1, 1).unwrap(),
                false => *random.pick(&ids),
            };
            let status = *random.pick(&[
                100, 200, 202, 302, 404, 408, 415, 480, 481, 486, 500, 503, 603,
            ]);
            let done = match random.below(10) {
                9 => world.handle(Input::BranchAnswered {
                    exchange: id,
                    branch: u32::from(random.octet() % 2),
                    status,
                    open: u32::from(random.octet() % 4),
                }),
                0 => {
                    let who = *random.pick(&[ALICE, BOB, CAROL]);
                    let octets = match random.below(2) {
                        0 => hello(random.octet()),
                        _ => {
                            let parts = random.pick(&long);
                            random.pick(parts).clone()
                        }
                    };
                    world.submit(&from_phone(who, &octets))
                }
                1 => {
                    let to = *random.pick(&[ALICE, BOB, CAROL]);
                    label += 1;
                    let text = "hello ".repeat(*random.pick(&[1, 1, 30, 80]));
                    let body = asking("positive-delivery,negative-delivery,processing", &text);
                    let elsewhere = to != CAROL && random.below(2) == 0;
                    let done = world.deliver(&MessageIn {
                        request_uri: to,
                        recipient: Capabilities {
                            sm: !elsewhere,
                            ..Capabilities::default()
                        },
                        ..cpim(&body)
                    });
                    match done.held.first() {
                        Some(id) => drop(ledger.held.insert(*id, label)),
                        None => assert_eq!(done.reply(), 480, "neither held nor refused"),
                    }
                    done
                }
                2 => world.handle(Input::ImAnswered {
                    exchange: id,
                    status,
                }),
                3 => world.handle(Input::FinalSent {
                    exchange: id,
                    status,
                    open: 0,
                }),
                4 => world.leg(id, status),
                5 => {
                    let reporter = *random.pick(&[ALICE, BOB, CAROL]);
                    let rp_mr = random.octet() % 32;
                    let from_centre = random.below(3) == 0;
                    let centre = u8::from(from_centre);
                    let octets = [
                        [0x02 + centre, rp_mr, 0x00, 0x00],
                        [0x04 + centre, rp_mr, 0x01, 0x80 | 22],
                        [0x04 + centre, rp_mr, 0x01, 0x80 | 41],
                    ];
                    let octets = random.pick(&octets);
                    let (request_uri, reporter) = match from_centre {
                        true => (reporter, SERVICE_CENTRE),
                        false => (SERVICE_CENTRE, reporter),
                    };
                    let named = format!("{:x}-{:x}-1-b007@x", id.node(), id.serial());
                    let in_reply_to = Some(named.as_str()).filter(|_| random.below(2) == 0);
                    world.report_before_200(&MessageIn {
                        request_uri,
                        in_reply_to,
                        ..from_phone(reporter, octets)
                    })
                }
                6 => world.hold_timeout(id),
                7 => world.handle(Input::Due { exchange: id }),
                _ if random.below(4) == 0 => {
                    if let Some(label) = ledger.held.get(&id) {
                        ledger.released.push(*label);
                    }
                    world.handle(Input::Released { exchange: id })
                }
                _ => Done::default(),
            };
            ledger.note(&done);
        }
        // Each open exchange ends by its own timers, in bounded time.
        for _ in 0..400 {
            let Some((at, id)) = world.store.next_wake() else {
                break;
            };
            world.now.unix_ms = world.now.unix_ms.max(at);
            world.store.clear_alarm(id);
            let done = world.handle(Input::Due { exchange: id });
            ledger.note(&done);
            let sent: Vec<_> = done.sent.iter().filter_map(|(id, _)| *id).collect();
            for id in sent {
                ledger.note(&world.leg(id, 200));
            }
            // The host's timer for every sender that still waits.
            for id in world.store.ids() {
                ledger.note(&world.hold_timeout(id));
            }
        }
        assert_eq!(world.store.open(), 0, "seed {seed}");
        assert_eq!(world.store.senders(), 0, "seed {seed}: a share leaks");
        for label in ledger.held.values() {
            let answers = ledger.answers.get(label).copied().unwrap_or_default();
            let released = ledger.released.contains(label);
            assert!(
                answers == 1 || released && answers == 0,
                "seed {seed}: {answers} answers"
            );
        }
        assert!(
            ledger.second_attempts.values().all(|times| *times == 1),
            "seed {seed}"
        );
        assert!(
            ledger.reports.values().all(|reports| *reports <= 2),
            "seed {seed}"
        );
    }
}

/// Requests with short messages, by Call-ID: whether they have their `202`.
#[derive(Default)]
struct Requests {
    all: Vec<(String, bool)>,
    /// Requests that wait for the outcome of the IM side.
    relayed: HashMap<ExchangeKey, usize>,
    /// In-Reply-To of each report.
    reports: HashMap<String, Vec<u8>>,
}

impl Requests {
    fn note(&mut self, done: &Done, request: Option<usize>) {
        for (_, message) in &done.sent {
            let Some(call_id) = field(&message.headers, "In-Reply-To") else {
                continue;
            };
            let told = self.reports.entry(call_id.to_owned());
            let told = told.or_insert_with(|| message.body.clone());
            assert_eq!(*told, message.body, "one request is told one thing");
        }
        let Some(request) = request else { return };
        match done.relayed.first() {
            Some(id) => drop(self.relayed.insert(*id, request)),
            None => self.all[request].1 = done.reply() == 202,
        }
    }

    /// Lets time pass, at most this long.
    fn due(&mut self, world: &mut World, milliseconds: u64) {
        let until = world.now.unix_ms.saturating_add(milliseconds);
        while let Some((at, id)) = world.store.next_wake().filter(|(at, _)| *at <= until) {
            world.now.unix_ms = world.now.unix_ms.max(at);
            let done = world.handle(Input::Due { exchange: id });
            self.note(&done, None);
            let relayed = self.relayed.remove(&id);
            if let (Some(request), false) = (relayed, done.accepted.is_empty()) {
                self.all[request].1 = true;
                let done = world.handle(Input::FinalSent {
                    exchange: id,
                    status: 202,
                    open: 0b11,
                });
                self.note(&done, None);
            }
        }
    }
}

#[test]
fn every_request_that_was_taken_gets_its_report() {
    for seed in 1..=300 {
        let mut random = Random::of(seed);
        let mut world = World::new();
        world.store.max = 40;
        let mut requests = Requests::default();
        for number in 0..200 {
            world.pass(u64::from(random.octet()) * 20);
            requests.due(&mut world, 0);
            let ids = world.store.ids();
            let id = match ids.is_empty() {
                true => ExchangeKey::new(1, 1).unwrap(),
                false => *random.pick(&ids),
            };
            let status = *random.pick(&[200, 202, 408, 415, 480, 481, 500]);
            let done = match random.below(6) {
                5 => world.handle(Input::BranchAnswered {
                    exchange: id,
                    branch: u32::from(random.octet() % 2),
                    status,
                    open: 0b11,
                }),
                0 => {
                    // Few enough for each to wait, many enough to repeat each other.
                    let octets = match random.below(2) {
                        0 => hello(random.octet() % 32),
                        _ => asks(random.octet() % 32),
                    };
                    let call_id = format!("{number}@phone");
                    requests.all.push((call_id.clone(), false));
                    let done = world.submit(&MessageIn {
                        call_id: &call_id,
                        ..to_cpim(&octets)
                    });
                    requests.note(&done, Some(requests.all.len() - 1));
                    continue;
                }
                1 => world.handle(Input::ImAnswered {
                    exchange: id,
                    status,
                }),
                2 => {
                    let status = *random.pick(&[202, 202, 480]);
                    let request = requests.relayed.remove(&id);
                    let done = world.handle(Input::FinalSent {
                        exchange: id,
                        status,
                        open: 0,
                    });
                    if let Some(request) = request {
                        requests.all[request].1 = status == 202;
                    }
                    done
                }
                3 => world.leg(id, status),
                _ if random.below(3) == 0 => {
                    requests.relayed.remove(&id);
                    world.handle(Input::Released { exchange: id })
                }
                _ => Done::default(),
            };
            requests.note(&done, None);
        }
        requests.due(&mut world, u64::MAX);
        assert_eq!(world.store.open(), 0, "seed {seed}");
        for (call_id, taken) in &requests.all {
            let reported = requests.reports.contains_key(call_id);
            assert_eq!(reported, *taken, "seed {seed}: {call_id}");
        }
    }
}

#[test]
fn one_message_at_a_time_is_on_its_way_to_a_phone() {
    for seed in 1..=100 {
        let mut random = Random::of(seed);
        let mut world = World::new();
        let (mut waited, mut listed) = (false, Vec::new());
        for _ in 0..300 {
            let ids = world.store.ids();
            let phone = *random.pick(&[ALICE, BOB]);
            let text = "hello ".repeat(*random.pick(&[1, 1, 30]));
            match random.below(6) {
                0 => drop(world.deliver(&instant(phone, &text))),
                1 => {
                    let octets = [0x02, random.octet() % 64];
                    world.report_before_200(&from_phone(phone, &octets));
                }
                // In another form, please.
                2 => {
                    let rp_mr = random.octet() % 64;
                    let octets = [0x04, rp_mr, 0x01, 0x80 | 111, 0x41, 0x03, 0x00, 0x90, 0x00];
                    world.report_before_200(&from_phone(phone, &octets));
                }
                3 => {
                    let body = body(&format!("text/plain\r\n\r\n{text}"), "");
                    let copies = prepare(&world, &body, &[known(ALICE, PHONE), known(BOB, PHONE)]);
                    for copy in copies.unwrap() {
                        let done = world.list(&copy);
                        listed.push((done.enlisted[0], copy));
                    }
                }
                4 => {
                    for (exchange, copy) in listed.drain(..) {
                        match random.below(3) {
                            0 => world.handle(Input::Released { exchange }),
                            1 => world.handle(Input::Due { exchange }),
                            _ => world.handle(Input::Begin {
                                exchange,
                                delivery: &copy,
                            }),
                        };
                    }
                }
                _ if ids.is_empty() => {}
                _ => {
                    let status = *random.pick(&[200, 480]);
                    world.leg(*random.pick(&ids), status);
                }
            }
            for phone in [ALICE, BOB] {
                let identity = identity(phone).unwrap();
                let theirs = |open: &ImToSm| open.header.identity == IdentityKey::of(&identity);
                let mut open = world.store.all_im_to_sm();
                open.retain(theirs);
                let count = |fits: fn(&&ImToSm) -> bool| open.iter().filter(fits).count();
                let in_transaction = count(|open| open.in_transaction);
                let owes_a_report = count(|open| open.state == ImToSmState::Taken);
                let on_their_way = in_transaction + owes_a_report;
                let queued = count(|open| open.state == ImToSmState::Queued);
                let held_up = count(|open| {
                    matches!(
                        open.state,
                        ImToSmState::Listed | ImToSmState::Overdue | ImToSmState::Refused
                    )
                }) > 0;
                assert!(in_transaction <= 1, "seed {seed}");
                assert!(
                    queued == 0 || on_their_way > 0 || held_up,
                    "seed {seed}: nobody's turn"
                );
                waited |= queued > 0;
            }
        }
        assert!(waited, "seed {seed} tested nothing");
    }
}
