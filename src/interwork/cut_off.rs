//! Several nodes with one database: a node that is cut off from the database and from the other nodes delivers no message that
//! another node may have taken over. When it is back, it forgets the exchanges that other nodes have taken over.

use crate::exchange::{
    Exchange, ExchangeKey, ImToSm, ImToSmState, KeptPart, Party, Role, Stored, StoredMessage,
};
use crate::interwork::handle::Turn;

/// Milliseconds until a node that is cut off checks again whether it may deliver.
const LOOK_AGAIN_MS: u64 = 1_000;

impl Turn<'_> {
    /// Whether this short message must wait, because another node may be delivering it.
    pub(crate) fn may_be_elsewhere(&self, im: &ImToSm) -> bool {
        self.now.is_cut_off && (im.header.stored == Stored::Yes || self.is_of_stored(im))
    }

    /// Whether this is a stored message on its way to a phone, or a part of one.
    fn is_of_stored(&self, im: &ImToSm) -> bool {
        match im.role {
            Role::Stored { .. } => true,
            Role::Part { last } => {
                let last = self.get::<ImToSm>(last);
                last.is_some_and(|last| matches!(last.role, Role::Stored { .. }))
            }
            _ => false,
        }
    }

    /// The short message waits. Its report may still come if the message was sent before.
    pub(crate) fn im_waits(&mut self, mut im: ImToSm) {
        im.state = match im.is_out() {
            true => ImToSmState::Queued,
            false => ImToSmState::Pausing,
        };
        im.header.due_ms = self.now.unix_ms + LOOK_AGAIN_MS;
        self.view.update(im);
    }

    /// Whether this short message must wait at the end of a time limit, because another node may have delivered it. If so, it
    /// waits in its state: its sender must not hear of a failure. A sender who waits for a known outcome is answered.
    pub(crate) fn im_due_waits(&mut self, mut im: ImToSm) -> bool {
        let is_settled =
            matches!(im.state, ImToSmState::Settled { .. }) && im.last_part().is_none();
        let waits = !is_settled && self.may_be_elsewhere(&im);
        if waits {
            im.header.due_ms = self.now.unix_ms + LOOK_AGAIN_MS;
            self.view.update(im);
        }
        waits
    }

    /// Whether an exchange must wait, because another node may be sending its message: the part of an incomplete message, the
    /// copy for a recipient of a list, a notification, or the report for a phone. If so, the exchange waits.
    pub(crate) fn waits_cut_off(&mut self, exchange: impl Into<Exchange>) -> bool {
        let mut exchange = exchange.into();
        let header = exchange.header_mut();
        let waits = self.now.is_cut_off && header.stored == Stored::Yes;
        if waits {
            header.due_ms = self.now.unix_ms + LOOK_AGAIN_MS;
            self.view.update(exchange);
        }
        waits
    }

    /// Another node has this exchange: it leaves memory, and its row stays as it is. A part whose message is being delivered or stored goes
    /// with that: its row may be missing because it went with the transaction that stored the message.
    pub(crate) fn taken_over(&mut self, key: ExchangeKey) {
        let Some(exchange) = self.view.by_key(key) else {
            return;
        };
        if exchange.header().stored != Stored::Yes {
            return;
        }
        if let Exchange::KeptPart(part) = &exchange
            && part.is_claimed()
        {
            return;
        }
        let to = self.get::<ImToSm>(key).map_or(Party::Phone, |im| im.to);
        let message = self.get::<StoredMessage>(key);
        self.view.park(key);
        if let Exchange::KeptPart(part) = exchange {
            return self.clock_goes_on(part.group());
        }
        if let Exchange::SmToIm(sm) = exchange {
            self.end_unwritten_parts(&sm);
            let parts: Vec<KeptPart> = self.view.parts_relayed_with(key).collect();
            for part in parts {
                self.view.park(part.header.key);
            }
        }
        let role = Role::Stored { message: key };
        if let Some(message) = message {
            let mut queue = self.view.queue_of(message.header.identity, Party::Phone);
            let last = queue.find(|im| im.role == role);
            drop(queue);
            if let Some(last) = last {
                self.remove_parts(last.header.key);
                self.close(last);
            }
        }
        // The next message may be taken over, too: the host reports each one.
        self.now.is_cut_off = true;
        self.start_next(exchange.header().identity, to);
    }
}
