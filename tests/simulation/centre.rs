//! A service centre outside: it takes the short messages that clients write to numbers elsewhere, well or badly, and sends status
//! reports and short messages for clients.

use std::rc::Rc;

use ipsmgw::wire::{Direction, RpMessage, SmsStatusReport, SmsSubmit, TpMr, TpScts, TpSt, Tpdu};

use crate::books::{Says, Sm, SmPart, Subject, ToCentre};
use crate::peers::{Deed, Device};
use crate::phone::{MOST_REQUESTS, REFUSALS, SMS};
use crate::texts::{self, deliveries, rp_data};
use crate::transactions::{Owner, TIMER_F_MS};
use crate::world::{Address, Event, GATEWAY, Message, World};

/// The identity of the service centre, as of the gateway (`IPSMGW_SC`).
pub(crate) const CENTRE: &str = "sip:+15559999@ims.example";

/// How long the service centre waits for the RP-ACK on a status report, and how often it sends one at most.
const STATUS_REPORT_MS: u64 = 30_000;
const MOST_STATUS_REPORTS: usize = 3;

/// Causes with which it refuses (TS 24.011 §8.2.5.4); behind 41 and 47 the gateway asks again.
const CAUSES: [u8; 8] = [1, 21, 28, 38, 41, 42, 47, 69];

/// The service centre of this seed.
pub(crate) struct Centre {
    pub(crate) address: Address,
    /// The S-CSCF before it, where there is one.
    pub(crate) scscf: Option<Address>,
    /// Of 1,000 requests, the S-CSCF sends so many on twice.
    pub(crate) repeats: u64,
    /// Normal, slow, early, refuses, silent, mute, fails, fails with a cause that another form mends, twice, contradicts, refuses and
    /// has it, without In-Reply-To, wrong RP-MR.
    habits: [u64; 13],
    rp_mr: u8,
    reference: u8,
}

impl Centre {
    /// Where the gateway sends to.
    pub(crate) fn next_hop(&self) -> Address {
        self.scscf.unwrap_or(self.address)
    }
}

/// What a status report says about a message, and when.
type Word = (u8, u64);

impl World {
    pub(crate) fn is_centre(&self, device: Address) -> bool {
        let centre = self.centre.as_ref();
        centre.is_some_and(|centre| centre.address == device)
    }

    pub(crate) fn centre_is_there(&mut self) {
        let is_calm = self.chance.per_mille(250);
        let mut habits = [100, 10, 10, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0];
        for habit in &mut habits[3..] {
            *habit += if is_calm { 0 } else { self.chance.below(12) };
        }
        let address = self.devices.len();
        self.devices.push(Device::of(usize::MAX));
        let scscf = self.chance.per_mille(500).then_some(address + 1);
        if scscf.is_some() {
            self.devices.push(Device::of(usize::MAX));
        }
        self.centre = Some(Centre {
            address,
            scscf,
            repeats: if is_calm { 0 } else { self.chance.below(100) },
            habits,
            rp_mr: self.chance.next() as u8,
            reference: self.chance.next() as u8,
        });
    }

    /// Plans so many messages: of clients to numbers elsewhere, and from there to clients.
    pub(crate) fn write_with_centre(&mut self, messages: usize) {
        let to_centre = self.chance.pick(&[500, 500, 100, 900]);
        for _ in 0..messages {
            let at_ms = self.now_ms + self.chance.below(self.plan.span_ms);
            let client = self.plan.phones + self.chance.place(self.plan.clients);
            let length = match self.chance.per_mille(self.plan.long) {
                true => self.chance.between(161, 600),
                false => self.chance.between(1, 60),
            };
            let cyrillic = self.chance.per_mille(100);
            let deed = match self.chance.per_mille(to_centre) {
                true => Deed::Write(self.plan_to_centre(client, length, cyrillic)),
                false => Deed::Submit(self.plan_from_centre(client, length, cyrillic, at_ms), 0),
            };
            self.at(at_ms, Event::Peer(deed));
        }
    }

    fn plan_to_centre(&mut self, client: usize, length: u64, cyrillic: bool) -> usize {
        let number = self.books.next_number();
        let text = texts::text(number, usize::try_from(length).unwrap_or(1), cyrillic);
        let to = format!("+4930{:04}", self.chance.below(3));
        let asks = self.chance.per_mille(600);
        let [positive, negative, processing] =
            [700, 700, 200].map(|cases| asks && self.chance.per_mille(cases));
        let expires = self
            .chance
            .pick(&[None, None, None, None, Some(5), Some(60)]);
        self.books.message_to_centre_is_planned(ToCentre::new(
            self.people[client].devices[0],
            to,
            text,
            (positive, negative, processing),
            expires,
        ));
        number
    }

    fn plan_from_centre(
        &mut self,
        client: usize,
        length: u64,
        cyrillic: bool,
        at_ms: u64,
    ) -> usize {
        let number = self.books.next_number();
        let length = usize::try_from(length).unwrap_or(1);
        let from = format!("+4930{:04}", self.chance.below(3));
        let Some(centre) = &mut self.centre else {
            return number;
        };
        centre.reference = centre.reference.wrapping_add(1);
        let (device, reference) = (centre.address, centre.reference);
        let unix = i64::try_from(at_ms / 1000).unwrap_or(0);
        let (text, to_send) = texts::message(number, length, cyrillic, |text| {
            deliveries(text, &from, reference, unix)
        });
        let parts: Vec<SmPart> = to_send.into_iter().map(SmPart::of).collect();
        let in_any_order = parts.len() > 1 && self.chance.per_mille(200);
        let mut sm = Sm::new(device, client, text, parts, false, in_any_order);
        sm.is_of_centre = true;
        self.books.short_message_is_planned(sm);
        number
    }
}

/// The service centre as the sender.
impl World {
    /// Sends SMS-DELIVER to a client, or a part of one: for the first time or once more.
    pub(crate) fn centre_submits(&mut self, number: usize, part: usize) {
        let Some(centre) = &mut self.centre else {
            return;
        };
        let Some(sm) = self.books.sm_mut(number) else {
            return;
        };
        if sm.is_given_up || sm.parts[part].requests.len() >= MOST_REQUESTS {
            return;
        }
        let is_first = sm.parts[part].requests.is_empty();
        let (client, count) = (sm.recipient, sm.parts.len());
        let is_begun = !sm.in_any_order || part > 0 || !is_first;
        if sm.parts[part].rp_mr.is_none() {
            centre.rp_mr = centre.rp_mr.wrapping_add(1);
        }
        let rp_mr = *sm.parts[part].rp_mr.get_or_insert(centre.rp_mr);
        let body = rp_data(Direction::NetworkToMs, rp_mr, &sm.parts[part].tpdu);
        let request = sm.parts[part].ask(rp_mr);
        let message = Message {
            request_uri: self.people[client].uri.clone(),
            call_id: format!("s{number}-{part}-{request}@centre"),
            body,
            ..of_centre()
        };
        self.centre_requests(Owner::Submission(number, part), message);
        if !is_begun {
            for other in 1..count {
                let ms = self.chance.between(0, 3_000);
                self.later(ms, Event::Peer(Deed::Submit(number, other)));
            }
        }
    }

    fn centre_requests(&mut self, owner: Owner, message: Message) {
        let Some(centre) = &self.centre else { return };
        let (address, to) = (centre.address, centre.scscf.unwrap_or(GATEWAY));
        self.request(owner, address, to, Rc::new(message), TIMER_F_MS);
    }

    /// Sends a status report to a client, for the first time or once more.
    pub(crate) fn sends_status_report_out(&mut self, number: usize) {
        let Some(centre) = &mut self.centre else {
            return;
        };
        let Some(status) = self.books.status_mut(number) else {
            return;
        };
        if status.is_over || status.requests >= MOST_STATUS_REPORTS {
            return;
        }
        status.requests += 1;
        let rp_mr = *status.rp_mr.get_or_insert_with(|| {
            centre.rp_mr = centre.rp_mr.wrapping_add(1);
            centre.rp_mr
        });
        let message = Message {
            request_uri: status.client.clone(),
            call_id: format!("t{number}-{}@centre", status.requests),
            body: rp_data(Direction::NetworkToMs, rp_mr, &status.tpdu),
            ..of_centre()
        };
        self.centre_requests(Owner::StatusReport(number), message);
    }

    /// The status report has its final response.
    pub(crate) fn status_report_answered(&mut self, number: usize, status: u16) {
        let ms = match status {
            200..300 => STATUS_REPORT_MS,
            _ => self.chance.between(1_000, 5_000),
        };
        self.later(ms, Event::Peer(Deed::ReportStatus(number)));
    }

    /// RP-ACK or RP-ERROR on a request of the service centre.
    fn centre_is_told(&mut self, transaction: u64, message: &Message, rp: &RpMessage<'_>) {
        let Some(centre) = &self.centre else { return };
        let address = centre.address;
        let is_ack = matches!(rp, RpMessage::Ack(_));
        let about = message.in_reply_to.as_deref().unwrap_or_default();
        let Some(number) = crate::books::status_named(about) else {
            return self.phone_is_told(address, transaction, message, is_ack);
        };
        let ms = self.chance.between(5, 500);
        self.answers_in(ms, address, transaction, 200);
        let Some(status) = self.books.status_mut(number) else {
            return;
        };
        if status.rp_mr != Some(rp.mr().0) || !is_ack {
            return self.break_promise(format!(
                "{number}: another report than RP-ACK on a status report"
            ));
        }
        status.is_over = true;
    }
}

/// The service centre as the recipient.
impl World {
    pub(crate) fn centre_gets(&mut self, device: Address, transaction: u64, message: &Rc<Message>) {
        let Ok((direction, rp)) = RpMessage::decode(&message.body) else {
            return self.break_promise("the service centre got octets that are no RP message");
        };
        if direction != Direction::MsToNetwork {
            return self.break_promise("the service centre got what a network sends");
        }
        if let RpMessage::Ack(_) | RpMessage::Error(_) = rp {
            return self.centre_is_told(transaction, message, &rp);
        }
        let Some(Ok(Tpdu::Submit(submit))) = rp.tpdu(direction) else {
            return self.break_promise("the service centre got RP-DATA without SMS-SUBMIT");
        };
        let Subject::ToCentre(number, part) = self.subject_named(&message.call_id) else {
            return self.break_promise("the service centre got a message that nobody wrote");
        };
        let text = submit.user_data.text().unwrap_or_default();
        let destination = submit.destination_address.value();
        if let Err(broken) =
            self.books
                .centre_gets((number, part), &message.call_id, &text, &destination)
        {
            return self.break_promise(broken);
        }
        let mr = rp.mr().0;
        let quick = self.chance.between(5, 300);
        let behind = self.chance.between(10, 2_500);
        let (ack, about) = (Says::Ack, (number, part));
        let habits = self.centre.as_ref().map(|centre| centre.habits);
        let habit = self.chance.weighted(&habits.unwrap_or_default());
        self.note(|| format!("    the service centre gets {number}, part {part}: {habit}"));
        let report = |world: &mut Self, ms, says| {
            world.centre_reports(ms, about, message, Some(message.call_id.clone()), mr, says);
        };
        let mut takes = Some(quick + behind);
        match habit {
            3 => {
                let status = self.chance.pick(&REFUSALS);
                self.answers_in(quick, device, transaction, status);
                takes = None;
            }
            4 => takes = None,
            5 => self.answers_in(quick, device, transaction, 200),
            6 | 7 => {
                let says = match habit {
                    6 => Says::Error(self.chance.pick(&CAUSES), None),
                    _ => Says::Error(38, Some(self.chance.pick(&[0x90, 0x9F, 0xC7, 0xFF]))),
                };
                self.answers_in(quick, device, transaction, 202);
                report(self, quick + behind, says);
                takes = None;
            }
            8 => {
                self.answers_in(quick, device, transaction, 202);
                report(self, quick + behind, ack);
                report(self, quick + 2 * behind, ack);
            }
            9 => {
                let error = Says::Error(38, None);
                let (first, second) = match self.chance.per_mille(500) {
                    true => (ack, error),
                    false => (error, ack),
                };
                self.answers_in(quick, device, transaction, 202);
                report(self, quick + behind, first);
                report(self, quick + 2 * behind, second);
            }
            10 => {
                let status = self.chance.pick(&[480, 500, 486, 408]);
                self.answers_in(quick, device, transaction, status);
                report(self, quick + behind, ack);
            }
            _ => {
                let (answer, behind) = match habit {
                    1 => {
                        let answer = self.chance.pick(&[quick, 700, 4_900, 9_000]);
                        let slow = [200, 2_900, 3_100, 19_700, 20_100, 44_000, 60_000];
                        (answer, answer + self.chance.pick(&slow))
                    }
                    2 => (quick + behind, quick),
                    _ => (quick, quick + behind),
                };
                takes = Some(behind);
                self.answers_in(answer, device, transaction, 202);
                let named = (habit != 11).then(|| message.call_id.clone());
                // With a wrong RP-MR the report names the message by In-Reply-To alone.
                let mr = if habit == 12 { mr.wrapping_add(7) } else { mr };
                self.centre_reports(behind, about, message, named, mr, ack);
            }
        }
        if let Some(ms) = takes {
            self.books.centre_takes(number, part);
            if submit.status_report_request {
                self.plans_status_reports(about, ms, message, &submit);
            }
        }
    }

    /// Sends RP-ACK or RP-ERROR.
    fn centre_reports(
        &mut self,
        ms: u64,
        about: (usize, usize),
        message: &Message,
        named: Option<String>,
        mr: u8,
        says: Says,
    ) {
        let body = match says {
            Says::Ack => vec![0x03, mr],
            Says::Error(cause, None) => vec![0x05, mr, 0x01, 0x80 | cause],
            // With an SMS-SUBMIT-REPORT.
            Says::Error(cause, Some(fcs)) => [
                &[0x05, mr, 0x01, 0x80 | cause, 0x41, 0x0A, 0x01, fcs, 0x00][..],
                &[0x62, 0x10, 0x20, 0x30, 0x40, 0x50, 0x40],
            ]
            .concat(),
        };
        let by_reference = named.is_none().then(|| (message.identity.clone(), mr));
        let report = Message {
            request_uri: message.identity.clone(),
            call_id: self
                .books
                .centre_report_is_written(about, says, by_reference),
            in_reply_to: named,
            body,
            ..of_centre()
        };
        let Some(centre) = &self.centre else { return };
        let deed = Deed::Send(centre.address, Rc::new(report));
        self.later(ms, Event::Peer(deed));
    }

    /// Decides what becomes of a message that was taken so many milliseconds ago, and what its sender hears of that.
    fn plans_status_reports(
        &mut self,
        (number, part): (usize, usize),
        taken_ms: u64,
        message: &Message,
        submit: &SmsSubmit<'_>,
    ) {
        let late = self.chance.pick(&[50, 400, 3_000, 60_000, 1_200_000]);
        let words: &[Word] = match self.chance.below(16) {
            0..7 => &[(0x00, 0)],
            7 | 8 => &[(0x46, 0)],
            9 => &[(0x20, 0), (0x00, 4_000)],
            10 => &[(0x41, 0)],
            11 => &[(0x00, 0), (0x00, 500)],
            12 => &[(0x00, 0), (0x46, 500)],
            13 => &[(0x46, 0), (0x00, 500)],
            14 => &[(0x01, 0)],
            _ => &[],
        };
        // Before the RP-ACK, or behind it.
        let first_ms = match self.chance.per_mille(150) {
            true => self.chance.between(1, taken_ms),
            false => taken_ms + late,
        };
        let is_unknown = self.chance.per_mille(30);
        let now = i64::try_from(self.now_ms / 1000).unwrap_or(0);
        for (status, ms) in words {
            let mr = submit.mr.0.wrapping_add(if is_unknown { 128 } else { 0 });
            let report = SmsStatusReport {
                more_messages: false,
                loop_prevention: false,
                on_command: false,
                mr: TpMr(mr),
                recipient_address: submit.destination_address,
                scts: TpScts::from_unix(now, 4),
                discharge_time: TpScts::from_unix(now, 4),
                status: TpSt::from(*status),
                parameters: None,
            };
            let mut tpdu = Vec::new();
            if Tpdu::StatusReport(report).encode(&mut tpdu).is_err() {
                return self.break_promise("the simulation cannot write a status report");
            }
            let about = (!is_unknown).then_some((number, part));
            let fits = (format!("+{}", submit.destination_address.value()), mr);
            let client = message.identity.clone();
            let status = self
                .books
                .status_is_planned(about, fits, *status, client, tpdu);
            self.later(first_ms + ms, Event::Peer(Deed::ReportStatus(status)));
        }
    }
}

/// A MESSAGE of the service centre, without what it is about.
fn of_centre() -> Message {
    Message {
        identity: CENTRE.to_owned(),
        content_type: SMS.to_owned(),
        ..Message::default()
    }
}
