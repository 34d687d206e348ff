//! The book of an instant message: its sender is a client, its recipient has a phone.

use std::collections::{BTreeMap, BTreeSet};

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::Ending;

use super::{Books, Says, Subject};
use crate::world::Address;

/// An instant message.
#[derive(Default)]
pub(crate) struct Im {
    pub(crate) device: Address,
    /// The recipient's place among the people.
    pub(crate) recipient: usize,
    /// The gateways that it has been at.
    pub(super) nodes: BTreeSet<Address>,
    pub(crate) text: String,
    /// Notifications of delivery, of failure, of processing.
    pub(super) wants: (bool, bool, bool),
    pub(crate) expires: Option<u32>,
    /// How many short messages it takes.
    pub(super) parts: usize,
    pub(super) arrived_ms: Option<u64>,
    pub(super) has_arrived: bool,
    /// The gateway that has found it in the database, or a part of it, since it was last cut into parts.
    pub(super) taken_up_by: Option<Address>,
    /// The gateway at which its sender waits for the final response: the last one that the request came to.
    pub(super) asked_at: Address,
    /// The final response of the gateway.
    pub(super) told: Option<(u16, u64)>,
    /// The final response that its sender has.
    pub(super) heard: Option<u16>,
    /// How often each device shows each part.
    shown: BTreeMap<(Address, usize), u32>,
    /// Devices that show the whole text.
    whole: BTreeSet<Address>,
    /// How often each part went out.
    pub(super) sent: BTreeMap<usize, u32>,
    /// Parts for which the gateway has taken an RP-ACK, and when.
    pub(super) acked: BTreeMap<usize, u64>,
    /// Whether the gateway has taken an RP-ERROR.
    pub(super) is_refused: bool,
    /// Whether the gateway has a 2xx to one of its RP-DATA.
    pub(super) has_2xx: bool,
    /// The gateway's outcomes, and when.
    pub(super) endings: Vec<(Ending, u64)>,
    /// It had an outcome before its row was found once more.
    pub(super) has_ended_before: bool,
    /// Message-IDs of the gateway's notifications: delivered, failed, processed.
    pub(super) notified: [BTreeSet<String>; 3],
    /// A report on another message fits this one, or the message came again behind a crash.
    pub(super) is_confused: bool,
    /// How often the message came again behind a crash, and what its sender was told before.
    pub(super) came_again: usize,
    pub(super) told_before: Vec<u16>,
    /// The database has it, or had it.
    pub(crate) is_durable: bool,
    /// It was stored, and has its outcome.
    pub(super) has_left_store: bool,
    /// It goes to one recipient of this list; to a client.
    pub(super) list: Option<usize>,
    pub(super) is_to_client: bool,
    /// How often it went to each client.
    pub(super) sent_to: BTreeMap<Address, u32>,
    /// A start of the gateway has found it in the database.
    pub(super) was_taken_up: bool,
    /// The gateway has decided on its outcome, and is about to answer.
    pub(super) is_settled: bool,
}

impl Im {
    pub(crate) fn new(
        device: Address,
        recipient: usize,
        text: String,
        wants: (bool, bool, bool),
        expires: Option<u32>,
    ) -> Self {
        Self {
            device,
            recipient,
            text,
            wants,
            expires,
            parts: 1,
            ..Self::default()
        }
    }

    /// Disposition-Notification of the message; empty if the sender asks for nothing.
    pub(crate) fn wanted(&self) -> String {
        disposition_notification(self.wants)
    }

    /// It is at the gateway, for the first time or again behind a crash.
    pub(super) fn arrives(&mut self, node: Address, at_ms: u64, is_again: bool) {
        if is_again {
            // Its transaction is gone with a crash.
            self.came_again += 1;
            self.is_confused = true;
            self.told_before
                .extend(self.told.take().map(|(status, _)| status));
        }
        self.nodes.insert(node);
        self.taken_up_by = None;
        self.asked_at = node;
        self.arrived_ms = Some(at_ms);
    }

    /// A client shows the whole text: how often.
    pub(super) fn shows_whole(&mut self, device: Address) -> u32 {
        self.whole.insert(device);
        let shown = self.shown.entry((device, 0)).or_default();
        *shown += 1;
        *shown
    }

    /// Whether it was sent to anybody.
    pub(super) fn is_out(&self) -> bool {
        !(self.sent.is_empty() && self.sent_to.is_empty())
    }

    /// Whether the recipient has the whole text.
    pub(super) fn is_shown(&self) -> bool {
        !self.whole.is_empty()
    }

    /// Whether the gateway has an RP-ACK for every part.
    pub(super) fn is_acked(&self) -> bool {
        self.acked.len() == self.parts
    }

    /// Whether it had them before this time.
    pub(super) fn was_acked(&self, at_ms: u64) -> bool {
        self.is_acked() && self.acked_ms() < at_ms
    }

    /// When the last of them came.
    pub(super) fn acked_ms(&self) -> u64 {
        self.acked.values().max().copied().unwrap_or(0)
    }

    /// When the gateway first said that the message has failed.
    pub(super) fn failed_ms(&self) -> Option<u64> {
        let mut endings = self.endings.iter();
        let failed = endings.find(|(ending, _)| *ending == Ending::Failed);
        failed.map(|(_, at_ms)| *at_ms)
    }

    pub(super) fn hears(&mut self, part: usize, says: Says, at_ms: u64) {
        match says {
            Says::Ack => {
                self.acked.entry(part).or_insert(at_ms);
            }
            Says::Error(..) => self.is_refused = true,
        }
    }
}

/// Disposition-Notification for notifications of delivery, of failure, of processing; empty if nothing is asked for.
pub(super) fn disposition_notification(
    (positive, negative, processing): (bool, bool, bool),
) -> String {
    let all = [
        (positive, "positive-delivery"),
        (negative, "negative-delivery"),
        (processing, "processing"),
    ];
    let wanted: Vec<&str> = all
        .iter()
        .filter_map(|(wants, name)| wants.then_some(*name))
        .collect();
    wanted.join(",")
}

/// The text that a phone shows must be the one that was written.
pub(super) fn is_as_written(number: usize, shown: &str, text: &str) -> Result<(), String> {
    match shown == text {
        true => Ok(()),
        false => Err(format!(
            "{number}: the phone shows another text than was written"
        )),
    }
}

impl Books {
    /// The message of this Call-ID is at the gateway.
    pub(crate) fn instant_message_arrives(
        &mut self,
        call_id: &str,
        node: Address,
        at_ms: u64,
    ) -> Subject {
        let number = super::instant_message_named(call_id);
        if let Some(number) = number
            && let Some(im) = self.to_centre_mut(number)
        {
            im.arrives(at_ms);
            return Subject::ToCentre(number, 0);
        }
        let Some(im) = number.and_then(|number| self.im_mut(number)) else {
            return Subject::Unknown;
        };
        let is_again = std::mem::replace(&mut im.has_arrived, true);
        im.arrives(node, at_ms, is_again);
        number.map_or(Subject::Unknown, |number| {
            Subject::InstantMessage(number, 0)
        })
    }

    /// The gateway has cut a message into so many parts.
    pub(crate) fn is_cut(&mut self, number: usize, parts: usize) {
        if let Some(im) = self.im_mut(number) {
            im.parts = parts;
            // A stored message goes as a whole again.
            im.acked.clear();
            im.taken_up_by = None;
        }
    }

    /// The gateway has decided on the outcome of this message.
    pub(crate) fn is_settled(&mut self, subject: Subject) {
        if let Subject::InstantMessage(number, _) = subject
            && let Some(im) = self.im_mut(number)
        {
            im.is_settled = true;
        }
        if let Subject::ToCentre(number, _) = subject {
            self.centre_message_is_settled(number);
        }
    }

    /// The SIP response to an RP-DATA is at the gateway; or the one of a client of a recipient of a list.
    pub(crate) fn part_answered(&mut self, subject: Subject, status: u16, at_ms: u64) {
        if let Subject::InstantMessage(number, part) = subject
            && let Some(im) = self.im_mut(number)
            && (200..300).contains(&status)
        {
            im.has_2xx = true;
            // Behind a 202 the client may not have it yet. The first client that accepts it ends it.
            if im.is_to_client && status != 202 && im.endings.is_empty() {
                im.hears(part, Says::Ack, at_ms);
            }
        }
    }

    /// The outcome in the gateway's own words.
    pub(crate) fn ended(
        &mut self,
        subject: Subject,
        exchange: ExchangeKey,
        ending: Ending,
        at_ms: u64,
    ) {
        if let Subject::InstantMessage(number, _) = subject
            && let Some(im) = self.im_mut(number)
        {
            im.endings.push((ending, at_ms));
        }
        if let Subject::ToCentre(number, _) = subject {
            self.centre_message_has_ended(number, ending);
        }
        if let Subject::ShortMessage(number, part) = subject
            && let Some(sm) = self.sm_mut(number)
        {
            // The last part of a long text stands for all of it.
            let is_stored_whole = sm.stored_whole.contains(&exchange);
            let is_whole = sm.parts[part].completes || sm.parts[part].has_all || is_stored_whole;
            for (place, other) in sm.parts.iter_mut().enumerate() {
                let is_with = other.stored_with == Some(part);
                other.has_ended |= is_whole || is_with || place == part;
            }
        }
    }

    /// A phone shows a part; with the last one, the whole text.
    pub(crate) fn phone_shows(
        &mut self,
        device: Address,
        number: usize,
        part: usize,
        whole: Option<&str>,
    ) -> Result<(), String> {
        let Some(im) = self.im_mut(number) else {
            return self.leg_is_shown(device, number, part, whole);
        };
        *im.shown.entry((device, part)).or_default() += 1;
        let shown: u32 = im
            .shown
            .iter()
            .filter_map(|((_, of), count)| (*of == part).then_some(*count))
            .sum();
        let sent = im.sent.get(&part).copied().unwrap_or(0);
        if let Some(whole) = whole {
            is_as_written(number, whole, &im.text)?;
            im.whole.insert(device);
        }
        self.shown_by_now((number, part), shown, sent)
    }

    /// Phones have shown a part so often by now, and it was sent so often.
    pub(super) fn shown_by_now(
        &mut self,
        (number, part): (usize, usize),
        shown: u32,
        sent: u32,
    ) -> Result<(), String> {
        if shown > sent {
            return Err(format!(
                "{number}: part {part} is shown {shown} times and was sent {sent} times"
            ));
        }
        if shown > 1 {
            self.explain(
                "shown twice on a phone: the report on the first one was cut off, or late",
            );
        }
        Ok(())
    }

    /// The sender has its final response.
    pub(crate) fn sender_hears(&mut self, number: usize, status: u16) -> Result<(), String> {
        if self.list(number).is_some() {
            return self.sender_of_list_hears(number, status);
        }
        let Some(im) = self.im_mut(number) else {
            return Ok(());
        };
        im.heard = Some(status);
        match im.told {
            // Its own timer, or nothing came through.
            _ if status == 408 => {
                self.explain("a sender heard nothing: the network lost all answers");
                Ok(())
            }
            Some((told, _)) if told == status => Ok(()),
            _ if im.told_before.contains(&status) => Ok(()),
            _ => Err(format!(
                "{number}: its sender hears {status}, which the gateway never said"
            )),
        }
    }
}
