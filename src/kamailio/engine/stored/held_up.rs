//! The recipients with stored messages that hold up new ones: new messages are stored behind them.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::exchange::{Exchange, ExchangeKey, StoredMessageTexts, decode};
use crate::interwork::holds_up;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::storage::Storage;
use crate::kamailio::state::stored_for::{StoredFor, digest};
use crate::kamailio::sys::sharing::Shm;

/// The messages that hold up others, by the digest of their recipient. The other processes see the recipients.
#[derive(Default)]
pub(super) struct HeldUp {
    messages: BTreeMap<u64, HashSet<ExchangeKey>>,
    /// The recipient at whom the next check of the table begins.
    next: u64,
    /// The names of the last messages of each other node: at the look before the last one, and at the last one.
    last: HashMap<u16, [String; 2]>,
}

/// How many messages are checked at once.
const CHECKED: usize = 64;

impl HeldUp {
    /// This message holds up others from now on, or does not.
    pub(super) fn set(&mut self, recipient: u64, key: ExchangeKey, holds: bool) {
        let keys = self.messages.entry(recipient).or_default();
        let was_held_up = !keys.is_empty();
        if holds {
            keys.insert(key);
        } else {
            keys.remove(&key);
        }
        let is_held_up = !keys.is_empty();
        if !is_held_up {
            self.messages.remove(&recipient);
        }
        match (was_held_up, is_held_up) {
            (false, true) => show(|filter| filter.add(recipient)),
            (true, false) => show(|filter| filter.remove(recipient)),
            _ => {}
        }
    }

    /// Of the messages for this recipient, only these hold up others, as their rows say: another node has delivered or tried the rest.
    pub(super) fn keep(&mut self, recipient: u64, holding: &[ExchangeKey]) {
        let Some(keys) = self.messages.get_mut(&recipient) else {
            return;
        };
        keys.retain(|key| holding.contains(key));
        if keys.is_empty() {
            self.messages.remove(&recipient);
            show(|filter| filter.remove(recipient));
        }
    }

    /// Other nodes store messages, and deliver those that this node knows. Nobody tells this node, so it looks into the table.
    pub(super) fn look_at_other_nodes(&mut self, storage: &Storage) {
        self.check(storage);
        let Ok(nodes) = storage.rows.nodes() else {
            return;
        };
        let others = nodes.iter().map(|node| node.number);
        for node in others.filter(|node| *node != state().nodes.node()) {
            self.read(storage, node);
        }
    }

    /// Reads the messages that this node has stored since the look before the last one: rows are not written in the order of their names.
    fn read(&mut self, storage: &Storage, node: u16) {
        let known = self.last.remove(&node);
        let from = known.as_ref().map_or("", |[from, _]| from.as_str());
        let read = storage.rows.messages_of(node, from, |key, record| {
            if let Ok((Exchange::StoredMessage(message), texts)) = decode(key, record) {
                let recipient = digest(StoredMessageTexts::of(&texts).identity);
                self.set(recipient, key, holds_up(&message));
            }
        });
        if let Ok(last) = read {
            let before = known.map_or_else(|| last.clone(), |[_, before]| before);
            self.last.insert(node, [before, last]);
        }
    }

    /// Forgets messages that have no row any more: some messages at a time.
    fn check(&mut self, storage: &Storage) {
        let mut some: Vec<(u64, ExchangeKey)> = Vec::new();
        let mut last = None;
        for (recipient, keys) in self.messages.range(self.next..) {
            if some.len() >= CHECKED {
                last = Some(*recipient);
                break;
            }
            some.extend(keys.iter().map(|key| (*recipient, *key)).take(CHECKED));
        }
        self.next = last.unwrap_or(0);
        let keys: Vec<ExchangeKey> = some.iter().map(|(_, key)| *key).collect();
        let Ok(found) = storage.rows.with_row(&keys) else {
            return;
        };
        for (recipient, key) in some {
            if !found.contains(&key) {
                self.set(recipient, key, false);
            }
        }
    }

    /// Takes its recipients out of the filter that the other processes ask: another value counts the messages again.
    pub(super) fn forget(self) {
        for recipient in self.messages.into_keys() {
            show(|filter| filter.remove(recipient));
        }
    }
}

fn show(change: impl FnOnce(&StoredFor<Shm>)) {
    if let Some(storage) = &state().storage {
        change(&storage.held_up);
    }
}
