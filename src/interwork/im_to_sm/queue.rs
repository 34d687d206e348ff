//! IM -> SM: one short message after the other to each phone, and from each sender to a service centre
//! (rows CON-1, IM-8, IM-9; RFC 3428 §8).

use crate::host::{
    Exchange, ExchangeId, Full, Identity, Kind, Octets, Party, Sequence, State, TransactionId,
};
use crate::interwork::action::{Action, Counter, Leg};
use crate::interwork::handle::Turn;
use crate::interwork::input::PreparedIm;
use crate::interwork::rules::causes::defaults::Final;

/// Where RP-MR stands in every RP message (TS 24.011 §7.3).
const RP_MR_AT: usize = 1;

/// How long the host has to tell of a leg whose time is over.
const LEG_LOST_MS: u64 = 5_000;

/// How long before the end of its sender's time a leg ends.
const BEFORE_THE_END_MS: u64 = 500;

/// A leg that is shorter than this says nothing about who is silent.
pub(crate) const SHORTEST_LEG_MS: u64 = 2_000;

/// A leg that no sender waits for.
const DEFAULT_LEG_MS: u64 = 20_000;

/// No MESSAGE is answered behind 32 s (timer F, RFC 3261 §17.1.2.2).
const LONGEST_LEG_MS: u64 = 30_000;

impl Turn<'_> {
    /// Queues the parts, all or none. The exchange of the last one, which ends when all have ended,
    /// holds the sender for so many milliseconds; where nobody is held, the message is to one of several and does
    /// not begin yet.
    pub(crate) fn queue(
        &mut self,
        im: &PreparedIm,
        sender: Option<(TransactionId, u64)>,
    ) -> Result<ExchangeId, Full> {
        let state = match sender {
            Some(_) => State::Queued,
            None => State::Listed,
        };
        let mut queued = Vec::with_capacity(im.parts.len());
        let inserted: Result<(), Full> = im.parts.iter().try_for_each(|rp_data| {
            queued.push(self.store.insert(Exchange {
                party: im.party,
                address: im.address,
                hop: im.hop,
                recipient: im.sender,
                sender: im.share,
                private: im.private,
                pdu: *rp_data,
                ..Exchange::new(Kind::ImToSm, state, im.identity, self.now)
            })?);
            Ok(())
        });
        let last = match (inserted, queued.split_last()) {
            (Ok(()), Some((last, _))) => *last,
            _ => {
                queued.into_iter().for_each(|id| self.store.remove(id));
                return Err(inserted.err().unwrap_or(Full::Table));
            }
        };
        let first = queued.first().copied();
        // What has begun is finished: the other parts go whenever they can.
        if let (Some(first), Some(seconds)) = (queued.first(), im.lifetime)
            && let Some(exchange) = self.store.get_mut(*first)
        {
            exchange.expires_ms = self.now.monotonic_ms + u64::from(seconds) * 1000;
        }
        if im.party == Party::ServiceCentre {
            for id in &queued {
                let tp_mr = self.store.next(Sequence::TpMr);
                if let Some(part) = self.store.get_mut(*id) {
                    part.tp_mr = tp_mr;
                    set(&mut part.pdu, im.tp_mr_at, tp_mr);
                }
            }
        }
        if queued.len() > 1 {
            let reference = self.store.next(Sequence::Reference);
            for id in queued {
                if let Some(part) = self.store.get_mut(id) {
                    part.whole = (id != last).then_some(last);
                    set(&mut part.pdu, im.reference_at, reference);
                }
            }
        }
        if let (Some(first), State::Queued) = (first, state) {
            self.wake_in_queue(first);
        }
        if let Some(exchange) = self.store.get_mut(last) {
            if let Some(wanted) = &im.notify {
                exchange.notify = wanted.notify;
                exchange.call_id = wanted.message_id;
                exchange.unix = wanted.sent;
            }
            if let Some((transaction, hold_ms)) = sender {
                exchange.held = true;
                exchange.transaction = transaction;
                exchange.hold_until_ms = self.now.monotonic_ms + hold_ms;
            }
        }
        Ok(last)
    }

    /// A message waits for its turn for a time, and no longer than it is of use.
    pub(crate) fn wake_in_queue(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        let until = self.now.monotonic_ms + self.gateway.policy.queue_timeout_ms;
        let until = until.min(exchange.expires_ms.saturating_add(1));
        self.store.wake_at(id, until);
    }

    /// The turn of a message has not come in time: it is not sent any more, and its sender hears so.
    pub(crate) fn waited_too_long(&mut self, id: ExchangeId) {
        let mut is_before = |part: &Exchange| part.whole == Some(id);
        if self.store.find(Kind::ImToSm, &mut is_before).is_some() {
            // What has begun is finished.
            return;
        }
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        let last = match exchange.expires_ms < self.now.monotonic_ms {
            true => self.gateway.policy.causes.expired_to_sip(),
            false => Final {
                status: 480,
                retry_after: true,
            },
        };
        self.count(Counter::QueueExpired);
        self.outcome(id, last);
    }

    /// Sends the short message whose turn it is to this phone, or to a service centre for this sender, unless it
    /// is nobody's turn.
    pub(crate) fn start_next(&mut self, identity: &Identity, party: Party) {
        while let Some(id) = self.next_in_queue(identity, party) {
            let is_over = |exchange: &mut Exchange| exchange.expires_ms < self.now.monotonic_ms;
            if !self.store.get_mut(id).is_some_and(is_over) {
                return self.start(id);
            }
            self.expired(id);
        }
    }

    /// Whose turn it is. One SIP transaction is open at a time (RFC 3428 §8). A message waits for the report on the
    /// one before it, but not for ever (`REPORT_FIRST_MS`); the parts of one message always do (row IM-9).
    fn next_in_queue(&mut self, identity: &Identity, party: Party) -> Option<ExchangeId> {
        let is_theirs =
            |exchange: &Exchange| exchange.party == party && exchange.identity == *identity;
        let busy = self.store.find(Kind::ImToSm, &mut |exchange| {
            is_theirs(exchange) && (exchange.in_transaction || exchange.state == State::Taken)
        });
        if busy.is_some() {
            return None;
        }
        // The parts of one message stand one behind the other, the last one is a part of nothing.
        let mut before = None;
        let id = self.store.find(Kind::ImToSm, &mut |exchange| {
            if !is_theirs(exchange) {
                return false;
            }
            let part_before = core::mem::replace(&mut before, exchange.whole);
            match exchange.state {
                State::Queued => part_before.is_none(),
                // Nothing overtakes what is about to go.
                State::Listed | State::Pausing => true,
                _ => false,
            }
        })?;
        let next = self.store.get_mut(id)?;
        (next.state == State::Queued).then_some(id)
    }

    /// Sends RP-DATA: for the first time, or in another form, under a reference of its own, else under the one that
    /// it has.
    fn start(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        exchange.contact = 0;
        exchange.other_contacts = 0;
        exchange.status = 0;
        if exchange.attempts > exchange.refused_at {
            self.count(Counter::Resent);
            return self.send_rp_data(id);
        }
        if exchange.attempts > 0 {
            self.count(Counter::Resent);
        }
        let Some(rp_mr) = self.free_rp_mr(id) else {
            // Each end of another one brings the next turn.
            return;
        };
        if let Some(exchange) = self.store.get_mut(id) {
            exchange.rp_mr = rp_mr;
            set(&mut exchange.pdu, RP_MR_AT, rp_mr);
        }
        self.send_rp_data(id);
    }

    /// An RP-Message Reference under which no report is owed (row IM-8).
    fn free_rp_mr(&mut self, id: ExchangeId) -> Option<u8> {
        let &mut Exchange {
            identity, party, ..
        } = self.store.get_mut(id)?;
        let mut used = [false; 256];
        self.store.find(Kind::ImToSm, &mut |other| {
            let is_used =
                other.party == party && other.identity == identity && awaits_report(other);
            if let Some(used) = used.get_mut(usize::from(other.rp_mr)) {
                *used |= is_used;
            }
            false
        });
        let is_free = |rp_mr: &u8| used.get(usize::from(*rp_mr)) == Some(&false);
        core::iter::repeat_with(|| self.store.next(Sequence::RpMr))
            .take(used.len())
            .find(is_free)
    }

    pub(crate) fn send_rp_data(&mut self, id: ExchangeId) {
        let leg = self.leg_of(id);
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        exchange.state = State::Sent;
        exchange.attempts = exchange.attempts.saturating_add(1);
        exchange.in_transaction = true;
        exchange.sent_ms = low_bits(self.now.monotonic_ms);
        let attempt = exchange.attempts;
        let message = self.gateway.rp_data(id, exchange);
        self.store
            .wake_at(id, self.now.monotonic_ms + leg.last_ms + LEG_LOST_MS);
        self.actions.push(Action::SendRpData {
            exchange: id,
            attempt,
            message,
            leg,
        });
    }

    /// How long a contact has for SIP's answer. The sender who waits is to hear of silence before its own time is
    /// over, unless hardly any is left.
    fn leg_of(&mut self, id: ExchangeId) -> Leg {
        let contact = self
            .store
            .get_mut(id)
            .map_or(0, |exchange| exchange.contact);
        let left = self.time_left(id).saturating_sub(BEFORE_THE_END_MS);
        let last_ms = match left {
            SHORTEST_LEG_MS.. => left.min(LONGEST_LEG_MS),
            _ => DEFAULT_LEG_MS,
        };
        Leg {
            contact,
            last_ms,
            other_ms: last_ms / 2,
        }
    }

    /// How long the sender of the message still waits; 0 where nobody does.
    fn time_left(&mut self, id: ExchangeId) -> u64 {
        let whole = self.store.get_mut(id).and_then(|part| part.whole);
        let holds = self.store.get_mut(whole.unwrap_or(id));
        let until = holds
            .filter(|last| last.held)
            .map(|last| last.hold_until_ms);
        until.unwrap_or(0).saturating_sub(self.now.monotonic_ms)
    }
}

/// Whether a report on it may still come.
pub(crate) fn awaits_report(exchange: &Exchange) -> bool {
    match exchange.state {
        State::Sent | State::Taken | State::Overdue | State::Refused | State::Failed => true,
        State::Queued => exchange.attempts > exchange.refused_at,
        _ => false,
    }
}

/// The low bits of a time, enough to tell how long ago it was.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the low bits are what is wanted"
)]
pub(crate) const fn low_bits(milliseconds: u64) -> u32 {
    milliseconds as u32
}

/// Sets one octet of a PDU.
fn set(pdu: &mut Octets<254>, at: usize, octet: u8) {
    if let Some(place) = pdu.as_mut_slice().get_mut(at) {
        *place = octet;
    }
}
