//! Phones: they take short messages and report on them, well or badly; they send short messages and wait for reports.

use std::rc::Rc;

use ipsmgw::wire::{ConcatenationReference, Direction, RpMessage, TpVp, Tpdu};

use crate::books::{Says, Sm, SmPart, Subject};
use crate::peers::Deed;
use crate::texts::{self, number_in, parts, rp_data};
use crate::transactions::{Owner, TIMER_F_MS};
use crate::world::{Address, Event, GATEWAY, Message, World};

pub(crate) const SMS: &str = "application/vnd.3gpp.sms";

/// How long a phone waits for the report on its short message (TR1M, TS 24.011 §10).
const TR1M_MS: u64 = 40_000;

/// How often a phone sends a part at most.
pub(crate) const MOST_REQUESTS: usize = 3;

/// Status codes of a phone that refuses in SIP.
pub(crate) const REFUSALS: [u16; 8] = [480, 486, 404, 408, 500, 503, 603, 415];

/// RP-Cause: the memory of the phone is full (TS 24.011 §8.2.5.4).
const MEMORY_FULL: u8 = 22;

/// The text of a short message, and its place among the parts of a long one.
type Shown = (String, Option<Place>);

/// The place of a part: reference, originating address and number of parts of the message, sequence number.
type Place = (u16, String, u8, u8);

/// A phone as the recipient.
impl World {
    pub(crate) fn phone_gets(&mut self, device: Address, transaction: u64, message: &Rc<Message>) {
        let Ok((direction, rp)) = RpMessage::decode(&message.body) else {
            return self.break_promise("a phone got octets that are no RP message");
        };
        match &rp {
            RpMessage::Data(_) => {}
            RpMessage::Ack(_) | RpMessage::Error(_) => {
                let is_ack = matches!(rp, RpMessage::Ack(_));
                return self.phone_is_told(device, transaction, message, is_ack);
            }
            RpMessage::Smma(_) => {
                return self.break_promise("a phone got an RP-SMMA");
            }
        }
        let mr = rp.mr().0;
        // What the phone shows: a text, or nothing for a status report.
        let deliver = match rp.tpdu(direction) {
            Some(Ok(Tpdu::Deliver(deliver))) => Some(deliver),
            Some(Ok(Tpdu::StatusReport(_))) => None,
            _ => return self.break_promise("a phone got RP-DATA without a short message"),
        };
        let shown = deliver.and_then(|deliver| {
            let text = deliver.user_data.text().ok()?;
            let place = deliver.user_data.concatenation();
            let place = place.map(|place| {
                let reference = match place.reference {
                    ConcatenationReference::Eight(reference) => u16::from(reference),
                    ConcatenationReference::Sixteen(reference) => reference,
                };
                let from = deliver.originating_address.value();
                (reference, from, place.total, place.sequence)
            });
            Some((text, place))
        });
        let subject = self.subject_named(&message.call_id);
        let quick = self.random.between(5, 300);
        let behind = self.random.between(10, 2_500);
        let ack = Says::Ack;
        if self.people[self.devices[device].person].is_full && shown.is_some() {
            self.answers_in(quick, device, transaction, 200);
            let says = Says::Error(MEMORY_FULL, None);
            return self.reports_in(quick + behind, device, message, mr, says);
        }
        match self.random.weighted(&self.plan.phone_habits) {
            3 => {
                let status = self.random.pick(&REFUSALS);
                self.answers_in(quick, device, transaction, status);
            }
            4 => {}
            5 => {
                self.shows(device, shown, subject);
                self.answers_in(quick, device, transaction, 200);
            }
            habit @ (6 | 7) => {
                let says = match habit {
                    6 => Says::Error(self.random.pick(&[22, 41, 47, 95, 111]), None),
                    _ => Says::Error(111, Some(self.random.pick(&[0x90, 0x9F, 0x91, 0xFF]))),
                };
                self.answers_in(quick, device, transaction, 200);
                self.reports_in(quick + behind, device, message, mr, says);
            }
            8 => {
                self.shows(device, shown, subject);
                self.answers_in(quick, device, transaction, 200);
                self.reports_in(quick + behind, device, message, mr, ack);
                self.reports_in(quick + 2 * behind, device, message, mr, ack);
            }
            9 => {
                let error = Says::Error(111, None);
                let (first, second) = match self.random.per_mille(500) {
                    true => (ack, error),
                    false => (error, ack),
                };
                self.shows(device, shown, subject);
                self.answers_in(quick, device, transaction, 200);
                self.reports_in(quick + behind, device, message, mr, first);
                self.reports_in(quick + 2 * behind, device, message, mr, second);
            }
            10 => {
                self.shows(device, shown, subject);
                let status = self.random.pick(&[480, 500, 486]);
                self.answers_in(quick, device, transaction, status);
                self.reports_in(quick + behind, device, message, mr, ack);
            }
            habit => {
                self.shows(device, shown, subject);
                let (answer, report) = match habit {
                    1 => {
                        let slow = self
                            .random
                            .pick(&[200, 2_900, 3_100, 19_700, 20_100, 44_000, 60_000]);
                        let answer = self.random.pick(&[quick, 700, 9_000]);
                        (answer, answer + slow)
                    }
                    2 => (quick + behind, quick),
                    _ => (quick, quick + behind),
                };
                self.answers_in(answer, device, transaction, 200);
                let named = match habit {
                    11 | 12 => None,
                    13 => Some(self.another_call_id(&message.call_id)),
                    _ => Some(message.call_id.clone()),
                };
                // With a wrong RP-MR the report names the message by In-Reply-To alone.
                let (named, mr) = match habit {
                    12 => (Some(message.call_id.clone()), mr.wrapping_add(7)),
                    _ => (named, mr),
                };
                self.report_named(report, device, &message.call_id, named, mr, ack);
            }
        }
    }

    /// A Call-ID that the phone takes for the one of this message.
    fn another_call_id(&mut self, call_id: &str) -> String {
        match self.random.below(3) {
            0 => "nobody@knows".to_owned(),
            // A MESSAGE of an earlier start.
            1 => "1-5-1-77@ims.example".to_owned(),
            _ => self.books.another_rp_data(call_id, &mut self.random),
        }
    }

    fn reports_in(&mut self, ms: u64, device: Address, message: &Message, mr: u8, says: Says) {
        let named = Some(message.call_id.clone());
        self.report_named(ms, device, &message.call_id, named, mr, says);
    }

    /// The phone sends a report on the RP-DATA `about`, which names another one perhaps.
    fn report_named(
        &mut self,
        ms: u64,
        device: Address,
        about: &str,
        named: Option<String>,
        mr: u8,
        says: Says,
    ) {
        let body = match says {
            Says::Ack => vec![0x02, mr],
            Says::Error(cause, None) => vec![0x04, mr, 0x01, cause],
            Says::Error(cause, Some(fcs)) => {
                vec![0x04, mr, 0x01, cause, 0x41, 0x03, 0x00, fcs, 0x00]
            }
        };
        let identity = self.people[self.devices[device].person].uri.clone();
        let subject = self.subject_named(about);
        // The words of the phone fit another message, too.
        let fits = match &named {
            Some(call_id) if call_id != about => self.subject_named(call_id),
            _ => crate::books::Subject::Unknown,
        };
        let is_unnamed = named.as_ref().is_none_or(|call_id| {
            call_id != about && self.subject_named(call_id) == Subject::Unknown
        });
        let call_id =
            self.books
                .report_is_written(subject, fits, says, is_unnamed, (&identity, mr));
        let report = Message {
            request_uri: "sip:+15559999@ims.example".to_owned(),
            identity,
            call_id,
            in_reply_to: named,
            content_type: SMS.to_owned(),
            expires: None,
            body,
        };
        self.later(ms, Event::Peer(Deed::Send(device, Rc::new(report))));
    }

    /// The phone shows a text, when all its parts are there.
    fn shows(&mut self, device: Address, shown: Option<Shown>, subject: Subject) {
        let Some((text, place)) = shown else { return };
        let person = self.devices[device].person;
        let books = &self.books;
        let number_in = |text: &str| {
            let number = number_in(text)?;
            Some(books.copy_to(number, Some(person)).unwrap_or(number))
        };
        let (whole, number, part) = match place {
            None => {
                let Some(number) = number_in(&text) else {
                    return self.break_promise("a phone shows a text that nobody wrote");
                };
                (Some(text), number, 0)
            }
            Some((reference, from, total, sequence)) => {
                // The last part may be too short to say it.
                let (Subject::InstantMessage(number, _) | Subject::ShortMessage(number, _)) =
                    subject
                else {
                    return self.break_promise("a phone shows a part that nobody wrote");
                };
                let parts = self.devices[device]
                    .assembling
                    .entry((reference, from, total))
                    .or_default();
                // The reference of an earlier message is used again.
                if parts
                    .values()
                    .any(|other| number_in(other).is_some_and(|other| other != number))
                {
                    parts.clear();
                }
                parts.insert(sequence, text);
                let is_whole = parts.len() == usize::from(total);
                let whole = is_whole.then(|| parts.values().map(String::as_str).collect());
                (whole, number, usize::from(sequence) - 1)
            }
        };
        self.note(|| format!("    device {device} shows {number}, part {part}"));
        if let Err(broken) = self
            .books
            .phone_shows(device, number, part, whole.as_deref())
        {
            self.break_promise(broken);
        }
    }
}

/// A phone as the sender.
impl World {
    /// The memory of a phone has room again: the phone says so, if it is registered.
    pub(crate) fn has_room(&mut self, place: usize) {
        self.note(|| format!("the phone of person {place} has room"));
        let person = &mut self.people[place];
        person.is_full = false;
        let Some(device) = person.devices.first().copied().filter(|_| person.is_here) else {
            return;
        };
        person.rp_mr = person.rp_mr.wrapping_add(1);
        let (identity, mr) = (person.uri.clone(), person.rp_mr);
        let message = Message {
            request_uri: "sip:+15559999@ims.example".to_owned(),
            identity,
            call_id: format!("m{mr}@phone"),
            in_reply_to: None,
            content_type: SMS.to_owned(),
            expires: None,
            // RP-SMMA (TS 24.011 §7.3.2).
            body: vec![0x06, mr],
        };
        let deed = Deed::Send(device, Rc::new(message));
        self.later(0, Event::Peer(deed));
    }

    pub(crate) fn plan_short_message(
        &mut self,
        phone: usize,
        client: usize,
        length: u64,
        cyrillic: bool,
        vp: TpVp,
    ) -> usize {
        let number = self.books.next_number();
        let length = usize::try_from(length).unwrap_or(1);
        let asks = self.random.per_mille(300);
        let device = self.people[phone].devices[0];
        let to = self.people[client].number.clone();
        let sender = &mut self.people[phone];
        sender.reference = sender.reference.wrapping_add(1);
        let reference = sender.reference;
        let (text, to_send) = texts::message(number, length, cyrillic, |text| {
            parts(text, &to, reference, asks, vp)
        });
        let parts: Vec<SmPart> = to_send.into_iter().map(SmPart::of).collect();
        let in_any_order = parts.len() > 1 && self.random.per_mille(200);
        self.books.short_message_is_planned(Sm::new(
            device,
            client,
            text,
            parts,
            asks,
            in_any_order,
        ));
        number
    }

    pub(crate) fn submits(&mut self, number: usize, part: usize) {
        let Some(sm) = self.books.sm(number) else {
            return;
        };
        if self.is_centre(sm.device) {
            return self.centre_submits(number, part);
        }
        let Some(sm) = self.books.sm_mut(number) else {
            return;
        };
        if sm.is_given_up || sm.parts[part].requests.len() >= MOST_REQUESTS {
            return;
        }
        let in_any_order = sm.in_any_order && part == 0 && sm.parts[0].requests.is_empty();
        let (device, client, count) = (sm.device, sm.recipient, sm.parts.len());
        let person = &mut self.people[self.devices[device].person];
        if sm.parts[part].rp_mr.is_none() {
            person.rp_mr = person.rp_mr.wrapping_add(1);
        }
        if sm.parts[part].requests.is_empty() {
            person.tp_mr = person.tp_mr.wrapping_add(1);
            sm.parts[part].tpdu[texts::TP_MR_AT] = person.tp_mr;
            sm.parts[part].unix = i64::try_from(self.now_ms / 1000).unwrap_or(0);
            let used = person.by_tp_mr.entry(person.tp_mr).or_default();
            used.push((number, part));
        }
        let rp_mr = *sm.parts[part].rp_mr.get_or_insert(person.rp_mr);
        let body = rp_data(Direction::MsToNetwork, rp_mr, &sm.parts[part].tpdu);
        let request = sm.parts[part].ask(rp_mr);
        let message = Message {
            request_uri: self.people[client].uri.clone(),
            identity: self.people[self.devices[device].person].uri.clone(),
            call_id: format!("s{number}-{part}-{request}@phone"),
            in_reply_to: None,
            content_type: SMS.to_owned(),
            expires: None,
            body,
        };
        let owner = Owner::Submission(number, part);
        self.request(owner, device, GATEWAY, Rc::new(message), TIMER_F_MS);
        if in_any_order {
            for other in 1..count {
                let ms = self.random.between(0, 3_000);
                self.later(ms, Event::Peer(Deed::Submit(number, other)));
            }
        }
    }

    pub(crate) fn submission_answered(&mut self, number: usize, part: usize, status: u16) {
        let Some(sm) = self.books.sm_mut(number) else {
            return;
        };
        let request = sm.parts[part].requests.len() - 1;
        match status {
            200..300 => {
                self.later(TR1M_MS, Event::Peer(Deed::Impatient(number, part, request)));
            }
            // The phone tries again, or its owner gives up.
            _ if status == 408 || self.random.per_mille(500) => {
                let ms = self.random.between(1_000, 5_000);
                self.later(ms, Event::Peer(Deed::Submit(number, part)));
            }
            _ => sm.is_given_up = true,
        }
    }

    pub(crate) fn is_impatient(&mut self, number: usize, part: usize, request: usize) {
        let Some(sm) = self.books.sm_mut(number) else {
            return;
        };
        let part_now = &sm.parts[part];
        if part_now.heard.is_some() || part_now.requests.len() > request + 1 {
            return;
        }
        match self.random.per_mille(800) {
            true => self.submits(number, part),
            false => sm.is_given_up = true,
        }
    }

    /// RP-ACK or RP-ERROR on a short message of this phone.
    pub(crate) fn phone_is_told(
        &mut self,
        device: Address,
        transaction: u64,
        message: &Message,
        is_ack: bool,
    ) {
        let ms = self.random.between(5, 500);
        let (status, hears) =
            match self
                .random
                .weighted(&[100, self.plan.phone_habits[3], self.plan.phone_habits[4]])
            {
                0 => (Some(200), true),
                1 => (Some(self.random.pick(&[480, 408, 500])), false),
                // The phone has it, and its answer does not come.
                _ => (None, true),
            };
        if let Some(status) = status {
            self.answers_in(ms, device, transaction, status);
        }
        if !hears {
            return;
        }
        let about = message.in_reply_to.as_deref().unwrap_or_default();
        if let Some((mr, _)) = about
            .strip_prefix('m')
            .and_then(|rest| rest.split_once('@'))
        {
            let mr = mr.parse().ok();
            if !is_ack || message.body.get(1).copied() != mr {
                self.break_promise("another report than RP-ACK on an RP-SMMA");
            }
            return;
        }
        let Some((number, part, request)) = crate::books::request_named(about) else {
            return self.break_promise("a phone got a report on nothing");
        };
        let Some(sm) = self.books.sm_mut(number) else {
            return;
        };
        if message.body.get(1).copied() != Some(sm.parts[part].requests[request].rp_mr) {
            return self.break_promise(format!(
                "{number}: a report with another RP-MR than its request"
            ));
        }
        // A late report on an earlier attempt says nothing about the last one.
        if sm.parts[part].requests.len() > request + 1
            && sm.parts[part].rp_mr != Some(sm.parts[part].requests[request].rp_mr)
        {
            return;
        }
        let is_first = sm.parts[part].heard.replace(is_ack).is_none();
        let count = sm.parts.len();
        if is_ack {
            if is_first && part + 1 < count && !sm.in_any_order {
                let ms = self.random.between(10, 2_000);
                self.later(ms, Event::Peer(Deed::Submit(number, part + 1)));
            }
        } else if is_first && self.random.per_mille(250) {
            // Once more, as a new attempt.
            sm.parts[part].rp_mr = None;
            sm.parts[part].heard = None;
            let ms = self.random.between(500, 20_000);
            self.later(ms, Event::Peer(Deed::Submit(number, part)));
        } else {
            sm.is_given_up |= !sm.in_any_order;
        }
    }
}
