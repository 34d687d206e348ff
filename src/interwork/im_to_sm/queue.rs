//! IM -> SM: the queue. Each phone gets one short message after the other; so does a service centre for each sender
//! (rows CON-1, IM-8, IM-9; RFC 3428 §8).

use crate::exchange::{
    ExchangeKey, Full, Header, Held, IdentityKey, ImToSm, ImToSmState, ImToSmTexts, Kind, NEVER,
    Party, Role, Sender, SenderWait, Sequence, Stored, TransactionId, Wants,
};
use crate::interwork::counter::Counter;
use crate::interwork::handle::Turn;
use crate::interwork::input::{NotifyIn, TranslatedIm};
use crate::interwork::rules::causes::defaults::SipOutcome;
use crate::interwork::step::{Effect, ToContact};

/// Milliseconds after the end of an RP-DATA within which the host must report it.
const REQUEST_LOST_MS: u64 = 5_000;

/// The time of an RP-DATA ends this many milliseconds before the hold time of the sender.
const BEFORE_THE_END_MS: u64 = 500;

/// Shortest time for an RP-DATA in milliseconds: with less, a missing response means nothing.
pub(crate) const SHORTEST_REQUEST_MS: u64 = 2_000;

/// Milliseconds for an RP-DATA whose sender is not held.
const DEFAULT_REQUEST_MS: u64 = 20_000;

/// Longest time for an RP-DATA in milliseconds: a MESSAGE times out after 32 s (timer F, RFC 3261 §17.1.2.2).
const LONGEST_REQUEST_MS: u64 = 30_000;

impl Turn<'_> {
    /// Queues all parts or none. The exchange of the last part, which ends last, holds the sender for `hold_ms`
    /// milliseconds.
    pub(crate) fn queue_held(
        &mut self,
        im: &TranslatedIm,
        transaction: TransactionId,
        hold_ms: u64,
        route: &str,
    ) -> Result<ImToSm, Full> {
        let held = Held {
            transaction,
            until_ms: self.now.unix_ms + hold_ms,
        };
        let notify = im.notify.as_ref();
        let wait = SenderWait::Held(held);
        self.queue(im, ImToSmState::Queued, wait, notify, route)
    }

    /// The same for a message that came in an MSRP session, which answers the last chunk after `hold_ms` milliseconds.
    pub(crate) fn queue_of_session(
        &mut self,
        im: &TranslatedIm,
        hold_ms: u64,
    ) -> Result<ImToSm, Full> {
        let wait = SenderWait::InSession {
            until_ms: self.now.unix_ms + hold_ms,
        };
        self.queue(im, ImToSmState::Queued, wait, im.notify.as_ref(), "")
    }

    /// The same for a message to one recipient of a list: no sender is held, and it does not start yet.
    pub(crate) fn queue_listed(
        &mut self,
        im: &TranslatedIm,
        notify: Option<&NotifyIn>,
    ) -> Result<ImToSm, Full> {
        self.queue(im, ImToSmState::Listed, SenderWait::No, notify, "")
    }

    /// The same for a stored message, which starts when its turn comes.
    pub(crate) fn queue_stored(&mut self, im: &TranslatedIm) -> Result<ImToSm, Full> {
        self.queue(im, ImToSmState::Queued, SenderWait::No, None, "")
    }

    fn queue(
        &mut self,
        im: &TranslatedIm,
        state: ImToSmState,
        wait: SenderWait,
        notify: Option<&NotifyIn>,
        route: &str,
    ) -> Result<ImToSm, Full> {
        let sender = Sender {
            wait,
            to_be_stored: wait != SenderWait::No && self.gateway.keeps,
            is_stored: false,
            wants: notify.map_or(Wants::NOTHING, |wanted| wanted.wants),
            unix: notify.map_or(self.now.unix, |wanted| wanted.sent),
        };
        let of_part = ImToSmTexts {
            identity: im.identity.as_str(),
            address: im.address.as_str(),
            hop: im.hop.as_str(),
            sender: im.sender.as_str(),
            ..ImToSmTexts::default()
        };
        let of_last = ImToSmTexts {
            route,
            message_id: notify.map_or("", |wanted| wanted.message_id.as_str()),
            way: notify.map_or("", |wanted| wanted.way.as_str()),
            ..of_part
        };
        let count = im.parts.len();
        let texts_of = |place: usize| if place + 1 == count { of_last } else { of_part };
        let mut keys = Vec::with_capacity(count);
        for (place, rp_data) in im.parts.iter().enumerate() {
            let octets = texts_of(place).packed_len() + rp_data.as_slice().len();
            keys.push(self.view.take_place(Kind::ImToSm, im.share, octets)?);
        }
        let last = *keys.last().ok_or(Full::Table)?;
        let tp_mrs: Vec<u8> = match im.party {
            Party::ServiceCentre => self.free_tp_mrs(IdentityKey::of(&im.identity), keys.len()),
            Party::Phone => Vec::new(),
        };
        // The parts of a phone's message have its own reference.
        let has_place = im.reference_at > 0;
        let reference =
            (count > 1 && has_place).then(|| self.view.next_number(Sequence::Reference));
        let mut queued = None;
        for (place, (rp_data, key)) in im.parts.iter().zip(keys).enumerate() {
            let role = match key == last {
                true => Role::Message(sender),
                false => Role::Part { last },
            };
            let header = Header {
                key,
                identity: IdentityKey::of(&im.identity),
                share: im.share,
                due_ms: NEVER,
                stored: Stored::No,
            };
            let mut part = ImToSm::new(header, state, role, im.party);
            part.private = im.private;
            let mut rp_data = *rp_data;
            if let Some(tp_mr) = tp_mrs.get(place) {
                part.tp_mr = *tp_mr;
                set(rp_data.as_mut_slice(), im.tp_mr_at, *tp_mr);
            }
            if let Some(reference) = reference {
                set(rp_data.as_mut_slice(), im.reference_at, reference);
            }
            if place == 0 {
                // A message that has begun is finished: the other parts have no time limit.
                if let Some(seconds) = im.lifetime {
                    part.expires_ms = self.now.unix_ms + u64::from(seconds) * 1000;
                }
                if state == ImToSmState::Queued {
                    part.header.due_ms = self.queue_ends_ms(part.expires_ms);
                }
            }
            let texts = ImToSmTexts {
                rp_data: rp_data.as_slice(),
                ..texts_of(place)
            };
            self.view.open(part, texts.pack());
            queued = Some(part);
        }
        queued.ok_or(Full::Table)
    }

    /// End of the waiting time in the queue: the queue timeout, or the end of the lifetime if that is earlier.
    pub(crate) fn queue_ends_ms(&self, expires_ms: u64) -> u64 {
        let until_ms = self.now.unix_ms + self.gateway.policy.queue_timeout_ms;
        until_ms.min(expires_ms.saturating_add(1))
    }

    /// A message has waited too long in the queue: it is not sent, and its sender is notified.
    pub(crate) fn waited_too_long(&mut self, im: ImToSm) {
        if self.view.parts_before(im.header.key).next().is_some() {
            // A message that has begun is finished.
            return;
        }
        let last = match im.expires_ms < self.now.unix_ms {
            true => self.gateway.policy.causes.expired_to_sip(),
            false => SipOutcome {
                status: 480,
                retry_after: true,
            },
        };
        self.count(Counter::QueueExpired);
        self.outcome(im, last);
    }

    /// Sends the next short message to this phone, or for this sender to a service centre, if one may be sent.
    pub(crate) fn start_next(&mut self, identity: IdentityKey, to: Party) {
        while let Some(im) = self.next_in_queue(identity, to) {
            if im.expires_ms >= self.now.unix_ms {
                return self.start(im);
            }
            if self.may_be_elsewhere(&im) {
                return self.im_waits(im);
            }
            self.expired(im);
        }
    }

    /// The next message in the queue. Only one SIP transaction is open at a time (RFC 3428 §8). A message waits for
    /// the report on the previous one, but at most `REPORT_FIRST_MS`; the parts of one message always wait (row
    /// IM-9).
    fn next_in_queue(&self, identity: IdentityKey, to: Party) -> Option<ImToSm> {
        let (mut next, mut before) = (None, None);
        for im in self.view.queue_of(identity, to) {
            if im.in_transaction || im.state == ImToSmState::Taken {
                return None;
            }
            // The parts of one message are consecutive. But a part that was taken up late, because there was no place for it, may be
            // behind another message, which then goes first, or behind later parts of its own message, which wait for it.
            let before = before.replace(im);
            let follows = before.is_some_and(|before| is_earlier_part(&before, &im));
            let is_candidate = match im.state {
                ImToSmState::Queued => next.is_none() && !follows && !self.follows_a_part(&im),
                // No message may overtake one that will be sent.
                ImToSmState::Listed | ImToSmState::Pausing => true,
                _ => false,
            };
            if is_candidate {
                next = next.or(Some(im));
            }
        }
        next.filter(|im| im.state == ImToSmState::Queued)
    }

    /// Whether an earlier part of the same message is in the queue.
    fn follows_a_part(&self, im: &ImToSm) -> bool {
        let mut queue = self.view.queue_of(im.header.identity, im.to);
        queue.any(|other| is_earlier_part(&other, im))
    }

    /// Sends RP-DATA: with a new reference the first time and after a change, else with the same reference.
    fn start(&mut self, mut im: ImToSm) {
        if !im.follows {
            im.contact = 0;
        }
        im.other_contacts = 0;
        im.sip_failure = None;
        if im.is_out() {
            self.count(Counter::Resent);
            return self.send_rp_data(im);
        }
        if im.attempts > 0 {
            self.count(Counter::Resent);
        }
        self.view.update(im);
        let Some(rp_mr) = self.free_rp_mr(&im) else {
            // The end of another message starts the next one.
            return;
        };
        im.rp_mr = rp_mr;
        self.send_rp_data(im);
    }

    /// An RP-Message Reference for which no report is outstanding (row IM-8).
    fn free_rp_mr(&mut self, im: &ImToSm) -> Option<u8> {
        let mut used = [false; 256];
        for other in self.view.queue_of(im.header.identity, im.to) {
            if let Some(used) = used.get_mut(usize::from(other.rp_mr)) {
                *used |= other.awaits_report();
            }
        }
        let is_free = |rp_mr: &u8| used.get(usize::from(*rp_mr)) == Some(&false);
        core::iter::repeat_with(|| self.view.next_number(Sequence::RpMr))
            .take(used.len())
            .find(is_free)
    }

    /// TP-Message-References for so many parts of this sender: no status report on them is awaited, as long as there are enough
    /// of these (row STA-1).
    fn free_tp_mrs(&mut self, identity: IdentityKey, count: usize) -> Vec<u8> {
        let mut used = [false; 256];
        for kept in self.view.submitted_by(identity) {
            if let Some(used) = used.get_mut(usize::from(kept.tp_mr)) {
                *used = true;
            }
        }
        if used.iter().filter(|used| !**used).count() < count {
            used = [false; 256];
        }
        let is_free = |tp_mr: &u8| used.get(usize::from(*tp_mr)) == Some(&false);
        core::iter::repeat_with(|| self.view.next_number(Sequence::TpMr))
            .filter(is_free)
            .take(count)
            .collect()
    }

    pub(crate) fn send_rp_data(&mut self, mut im: ImToSm) {
        if self.may_be_elsewhere(&im) {
            return self.im_waits(im);
        }
        let key = im.header.key;
        let to = self.to_contact(&im);
        im.state = ImToSmState::Sent;
        im.attempts = im.attempts.saturating_add(1);
        im.in_transaction = true;
        im.sent_ms = self.now.unix_ms;
        im.header.due_ms = self.now.unix_ms + to.last_ms + REQUEST_LOST_MS;
        self.view.update(im);
        let Some(texts) = self.view.texts(key) else {
            return;
        };
        self.effects.push(Effect::SendRpData {
            exchange: key,
            attempt: im.attempts,
            message: self.gateway.rp_data(&im, &ImToSmTexts::of(&texts)),
            to,
        });
    }

    /// Time for the SIP response of a contact. A held sender should be answered before its own time is over, unless
    /// very little time is left.
    fn to_contact(&self, im: &ImToSm) -> ToContact {
        let left_ms = self.time_left_ms(im).saturating_sub(BEFORE_THE_END_MS);
        let last_ms = match left_ms {
            SHORTEST_REQUEST_MS.. => left_ms.min(LONGEST_REQUEST_MS),
            _ => DEFAULT_REQUEST_MS,
        };
        ToContact {
            contact: im.contact,
            last_ms,
            other_ms: last_ms / 2,
        }
    }

    /// Milliseconds that the sender still waits; 0 if it is not held.
    fn time_left_ms(&self, im: &ImToSm) -> u64 {
        let held = match im.last_part() {
            Some(last) => self.held_by(last),
            None => im.held(),
        };
        let until_ms = match im.short_message() {
            Some((_, until_ms)) => until_ms,
            None => held.map_or(0, |held| held.until_ms),
        };
        until_ms.saturating_sub(self.now.unix_ms)
    }

    fn held_by(&self, last: ExchangeKey) -> Option<Held> {
        self.get::<ImToSm>(last)?.held()
    }
}

/// Whether the first one is a part of the same message as the second one, and goes before it.
fn is_earlier_part(part: &ImToSm, im: &ImToSm) -> bool {
    let message = im.last_part().unwrap_or(im.header.key);
    part.last_part() == Some(message) && part.header.key.serial() < im.header.key.serial()
}

/// Sets one octet of a PDU.
fn set(pdu: &mut [u8], at: usize, octet: u8) {
    if let Some(place) = pdu.get_mut(at) {
        *place = octet;
    }
}
