//! Two gateways claim the messages that they deliver: it does what `src/kamailio/engine/stored/claims.rs` does.

use ipsmgw::exchange::{Exchange, ExchangeKey, Identity, Kind, Role};

use crate::database::AT_REST;
use crate::faults::Fault;
use crate::host::number_of;
use crate::kamailio::Behind;
use crate::world::{Event, World};

impl World {
    /// Claims the oldest messages of these recipients.
    pub(crate) fn claims_for(&mut self, recipients: Vec<Identity>) {
        let own = self.number();
        let mut claimed = Vec::new();
        for identity in recipients {
            let rows = self.database.oldest_of(&identity, self.now());
            let is_elsewhere = rows.iter().any(|(_, node)| ![AT_REST, own].contains(node));
            if is_elsewhere && self.fault != Some(Fault::ClaimTwice) {
                self.database.is_elsewhere(identity);
                continue;
            }
            self.database.is_here(&identity);
            if !rows.is_empty() {
                claimed.push((identity, rows.into_iter().map(|(key, _)| key).collect()));
            }
        }
        self.wakes_store_for_elsewhere();
        if claimed.is_empty() {
            return;
        }
        self.database.begins_claims(claimed, self.now_ms);
        let ms = self.chance.pick(&[1, 3, 10, 40]);
        self.later(ms, Event::Claims(self.epoch));
    }

    /// The claims are written, or not: the gateway that has the oldest message begins.
    pub(crate) fn claims(&mut self, epoch: u64) {
        if epoch != self.epoch || self.is_down() {
            return;
        }
        let Some((claimed, began_ms)) = self.database.take_claims() else {
            return;
        };
        let own = self.number();
        let fails = !self.reaches_database() || self.chance.per_mille(self.durable.fails);
        // The answer to COMMIT may be lost.
        let is_there = !fails || self.reaches_database() && self.chance.per_mille(500);
        if is_there && !self.life.was_cut(began_ms) {
            for (_, keys) in &claimed {
                for key in keys {
                    let holder = match self.fault {
                        Some(Fault::ClaimTwice) => self.database.holder(*key),
                        _ => None,
                    };
                    self.database.claim(*key, holder.unwrap_or(AT_REST), own);
                }
            }
        }
        for (identity, keys) in claimed {
            let taken = match fails {
                true => Vec::new(),
                false => self.begins_claimed(identity),
            };
            let left = keys.into_iter().filter(|key| !taken.contains(key));
            let released = left.map(Behind::Released).collect();
            self.follow(released);
            if self.is_down() {
                return;
            }
        }
        self.wakes_store(0);
    }

    fn begins_claimed(&mut self, identity: Identity) -> Vec<ExchangeKey> {
        let own = self.number();
        let rows = self.database.oldest_of(&identity, self.now());
        if rows.first().is_some_and(|(_, node)| *node != own) {
            self.database.is_elsewhere(identity);
            return Vec::new();
        }
        let mine = rows.into_iter().filter(|(_, node)| *node == own);
        let mine: Vec<_> = mine.map(|(key, _)| key).collect();
        self.begins(identity, mine)
    }

    /// The exchange whose row stands for this one, and whether it is a stored message.
    fn kept_as(&self, exchange: ExchangeKey) -> Option<(ExchangeKey, bool)> {
        let (open, _) = self.host.table.read(exchange, self.now_ms)?;
        Some(match open {
            Exchange::ImToSm(im) => match im.role {
                Role::Stored { message } => (message, true),
                Role::Part { last } => match self.kept_as(last) {
                    Some((message, true)) => (message, true),
                    _ => (exchange, false),
                },
                _ => (exchange, false),
            },
            _ => (exchange, open.kind() == Kind::StoredMessage),
        })
    }

    /// Whether the other gateway has this exchange, as its row says.
    pub(crate) fn is_elsewhere(&self, exchange: ExchangeKey) -> bool {
        if !self.is_one_of_several() {
            return false;
        }
        let key = self.kept_as(exchange).map_or(exchange, |(key, _)| key);
        self.database.holder(key) == Some(number_of(self.other()))
    }

    /// A gateway may send only what the other one does not have.
    pub(crate) fn sends_what_it_has(&mut self, exchange: ExchangeKey) {
        if !self.is_one_of_several() {
            return;
        }
        let Some((key, is_message)) = self.kept_as(exchange) else {
            return;
        };
        let holder = self.database.holder(key);
        if holder == Some(number_of(self.other())) {
            self.break_promise(format!(
                "{} is sent, and the other gateway has it",
                key.serial()
            ));
        } else if holder.is_none() && is_message {
            self.break_promise(format!("{} is sent, and its row is gone", key.serial()));
        }
    }
}
