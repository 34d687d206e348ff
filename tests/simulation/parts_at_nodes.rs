//! Parts of long messages at the wrong gateway: it does what `src/kamailio/engine/nodes/parts.rs` does.

use ipsmgw::exchange::{Exchange, ExchangeKey, Identity, KeptPart, Kind, identity_in};
use ipsmgw::interwork::{FoundPart, Input, PartMove};

use crate::database::AT_REST;
use crate::effects::Context;
use crate::host::number_of;
use crate::world::World;

impl World {
    /// Takes up what the other gateway has left to this one. For some time, parts move to the gateway that joins them.
    pub(crate) fn looks_for_parts(&mut self) {
        if self.now_ms < self.life.parts_move_until_ms {
            self.hands_over();
            self.removes_delivered();
            self.forgets_removed();
        }
        self.takes_left();
    }

    /// The parts in memory, and their senders.
    fn parts_here(&self) -> Vec<(ExchangeKey, Identity, KeptPart)> {
        let keys = self.host.table.keys(self.now_ms).into_iter();
        let part = |key| {
            let (open, texts) = self.host.table.read(key, self.now_ms)?;
            let Exchange::KeptPart(part) = open else {
                return None;
            };
            Some((key, identity_in(Kind::KeptPart, &texts)?, part))
        };
        keys.filter_map(part).collect()
    }

    fn hands_over(&mut self) {
        for (exchange, sender, _) in self.parts_here() {
            let part = FoundPart::InMemory {
                is_joined_here: !self.other_joins(&sender),
            };
            if part.moves() == PartMove::HandedOver && !self.is_down() {
                self.note(|| format!("{} is for the other gateway", exchange.serial()));
                self.handle(exchange, Input::HandOver { exchange }, Context::Nothing);
            }
        }
    }

    /// Removes the parts at the other gateway whose messages this one has delivered.
    fn removes_delivered(&mut self) {
        if !self.life.other_is_alive {
            return;
        }
        let other = number_of(self.other());
        for (key, part, _) in self.database.parts_at(other) {
            let is_delivered_here = self.host.remembers_part(part.digest, self.now_ms);
            if (FoundPart::AtLivingNode { is_delivered_here }).moves() == PartMove::Removed {
                self.note(|| format!("{} was delivered here", key.serial()));
                self.database.remove(key, other);
            }
        }
    }

    /// Parts whose rows the other gateway has removed leave memory.
    fn forgets_removed(&mut self) {
        let own = self.number();
        for (exchange, _, part) in self.parts_here() {
            let has_row = self.database.holder(exchange) == Some(own)
                || self.database.is_to_be_written(exchange);
            let moves = FoundPart::WithoutRow {
                stored: part.header.stored,
                is_claimed: part.is_claimed(),
            }
            .moves();
            if !has_row && moves == PartMove::Forgotten && !self.is_down() {
                self.handle(exchange, Input::TakenOver { exchange }, Context::Nothing);
            }
        }
    }

    /// Takes up the parts that nobody has, if this gateway joins them.
    fn takes_left(&mut self) {
        if self.is_down() {
            return;
        }
        let own = self.number();
        for (key, _, sender) in self.database.parts_at(AT_REST) {
            let is_joined_here = !self.other_joins(&sender);
            if (FoundPart::Left { is_joined_here }).moves() == PartMove::TakenUp {
                self.database.claim(key, AT_REST, own);
                self.charging.comes_again(key);
                self.life.claimed.push(key);
            }
        }
        self.takes_up_claimed();
    }
}
