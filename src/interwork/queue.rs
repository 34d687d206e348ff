//! IM -> SM: one short message after the other to each phone, and from each sender to a service centre
//! (rows CON-1, IM-8, IM-9; RFC 3428 §8).

use super::action::Action;
use super::handle::Turn;
use super::input::PreparedIm;
use crate::host::{
    Exchange, ExchangeId, Full, Identity, Kind, Octets, Party, Sequence, State, TransactionId,
};

/// Where RP-MR stands in every RP message (TS 24.011 §7.3).
const RP_MR_AT: usize = 1;

impl Turn<'_> {
    /// Queues the parts, all or none. The exchange of the last one, which ends when all have ended,
    /// holds the sender; where nobody is held, the message is to one of several and does not begin yet.
    pub(super) fn queue(
        &mut self,
        im: &PreparedIm,
        transaction: Option<TransactionId>,
    ) -> Result<ExchangeId, Full> {
        let state = match transaction {
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
        if let Some(exchange) = self.store.get_mut(last) {
            if let Some(wanted) = &im.notify {
                exchange.notify = wanted.notify;
                exchange.call_id = wanted.message_id;
                exchange.unix = wanted.sent;
            }
            exchange.held = transaction.is_some();
            exchange.transaction = transaction.unwrap_or_default();
            exchange.hold_until_ms = self.now.monotonic_ms + self.gateway.policy.hold_timeout_ms;
        }
        Ok(last)
    }

    /// Sends the oldest short message that waits for this phone, or to a service centre for this sender,
    /// unless one is on its way, or is just being taken: one at a time (RFC 3428 §8). So no RP-MR is ever open twice.
    pub(super) fn start_next(&mut self, identity: &Identity, party: Party) {
        let id = loop {
            let Some(id) = self.first_in_queue(identity, party) else {
                return;
            };
            match self.store.get_mut(id) {
                Some(first) if first.state != State::Queued => return,
                Some(first) if first.expires_ms < self.now.monotonic_ms => {
                    self.conclude(id, self.gateway.policy.causes.expired_to_sip());
                }
                _ => break id,
            }
        };
        self.send_anew(id);
    }

    /// Sends RP-DATA under a reference of its own.
    pub(super) fn send_anew(&mut self, id: ExchangeId) {
        let rp_mr = self.store.next(Sequence::RpMr);
        if let Some(exchange) = self.store.get_mut(id) {
            exchange.rp_mr = rp_mr;
            set(&mut exchange.pdu, RP_MR_AT, rp_mr);
        }
        self.send_rp_data(id);
    }

    /// The short message that is on its way, or is the next to go.
    pub(super) fn first_in_queue(
        &mut self,
        identity: &Identity,
        party: Party,
    ) -> Option<ExchangeId> {
        self.store.find(Kind::ImToSm, &mut |exchange| {
            exchange.state != State::Settled
                && exchange.party == party
                && exchange.identity == *identity
        })
    }

    pub(super) fn send_rp_data(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        exchange.state = State::Sent;
        exchange.attempts += 1;
        let message = self.gateway.rp_data(id, exchange);
        self.wake_for_report(id);
        self.actions.push(Action::Send {
            exchange: Some(id),
            message,
        });
    }

    pub(super) fn wake_for_report(&mut self, id: ExchangeId) {
        let deadline = self.now.monotonic_ms + self.gateway.policy.report_timeout_ms;
        self.store.wake_at(id, deadline);
    }
}

/// Sets one octet of a PDU.
fn set(pdu: &mut Octets<254>, at: usize, octet: u8) {
    if let Some(place) = pdu.as_mut_slice().get_mut(at) {
        *place = octet;
    }
}
