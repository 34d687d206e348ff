//! Several nodes with one database: a node that is cut off from the database and from the others delivers nothing that they may
//! have taken over. When it is back, it forgets what they have taken over.

use crate::exchange::{
    ExchangeKey, ImToSm, ImToSmState, KeptPart, ListDelivery, Notification, NotificationState,
    Party, Role, Stored, StoredMessage,
};
use crate::interwork::handle::Turn;

/// Milliseconds until a node that is cut off looks again whether it may deliver.
const LOOK_AGAIN_MS: u64 = 1_000;

impl Turn<'_> {
    /// Whether this short message must wait, because another node may be delivering it.
    pub(crate) fn may_be_elsewhere(&self, im: &ImToSm) -> bool {
        let is_kept = im.header.stored == Stored::Yes || matches!(im.role, Role::Stored { .. });
        self.now.is_cut_off && is_kept
    }

    /// It waits. Its report may still come if it was sent before.
    pub(crate) fn im_waits(&mut self, mut im: ImToSm) {
        im.state = match im.is_out() {
            true => ImToSmState::Queued,
            false => ImToSmState::Pausing,
        };
        im.header.due_ms = self.now.unix_ms + LOOK_AGAIN_MS;
        self.view.update(im);
    }

    /// Whether the incomplete message of this part must wait, because another node may be delivering it: then the part waits.
    pub(crate) fn part_waits(&mut self, mut part: KeptPart) -> bool {
        let waits = self.now.is_cut_off && part.header.stored == Stored::Yes;
        if waits {
            part.header.due_ms = self.now.unix_ms + LOOK_AGAIN_MS;
            self.view.update(part);
        }
        waits
    }

    /// Whether a copy for a recipient of a list waits, because another node may send it.
    pub(crate) fn list_delivery_waits(&mut self, mut it: ListDelivery) -> bool {
        let waits = self.now.is_cut_off && it.header.stored == Stored::Yes;
        if waits {
            it.header.due_ms = self.now.unix_ms + LOOK_AGAIN_MS;
            self.view.update(it);
        }
        waits
    }

    /// Whether a notification waits, because another node may send it.
    pub(crate) fn notification_waits(&mut self, mut notification: Notification) -> bool {
        let waits = self.now.is_cut_off && notification.header.stored == Stored::Yes;
        if waits {
            notification.state = NotificationState::Pausing;
            notification.header.due_ms = self.now.unix_ms + LOOK_AGAIN_MS;
            self.view.update(notification);
        }
        waits
    }

    /// Another node has this exchange: it leaves memory, and its row stays as it is.
    pub(crate) fn taken_over(&mut self, key: ExchangeKey) {
        let Some(exchange) = self.view.by_key(key) else {
            return;
        };
        if exchange.header().stored != Stored::Yes {
            return;
        }
        let to = self.get::<ImToSm>(key).map_or(Party::Phone, |im| im.to);
        let message = self.get::<StoredMessage>(key);
        self.view.park(key);
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
        // The next one may be taken over, too: the host tells of each.
        self.now.is_cut_off = true;
        self.start_next(exchange.header().identity, to);
    }
}
