//! A request that is for the other gateway goes there: it does what `src/kamailio/script/node.rs` does.

use std::rc::Rc;

use ipsmgw::exchange::Identity;
use ipsmgw::interwork::{Class, FieldValue, MessageField, Named, identity, joined_elsewhere};

use crate::faults::Fault;
use crate::host::number_of;
use crate::world::{Address, Content, Datagram, Message, World};

impl World {
    /// Passes a request on to the other gateway, if it is for that one.
    pub(crate) fn passes_on(
        &mut self,
        from: Address,
        client: u64,
        message: &Rc<Message>,
        by: Option<Address>,
    ) -> bool {
        if !self.is_one_of_several() {
            return false;
        }
        // Copies go where the first one went.
        let was_passed_on = self.host.passed_on.contains_key(&client);
        if !was_passed_on && !self.is_for_other(message, by) {
            return false;
        }
        let to = self.other();
        self.host.passed_on.insert(client, to);
        self.note(|| format!("{client} is for the other gateway"));
        if self.now_ms >= self.parted_until_ms {
            self.send(Datagram {
                from,
                to,
                transaction: client,
                content: Content::Request(message.clone()),
                by: Some(self.node),
            });
        }
        true
    }

    /// Whether the other gateway joins the parts of this sender.
    pub(crate) fn other_joins(&self, sender: &Identity) -> bool {
        let living = self.life.other_is_alive.then(|| number_of(self.other()));
        joined_elsewhere(sender.as_str(), self.number(), living.into_iter()).is_some()
    }

    fn is_for_other(&self, message: &Message, by: Option<Address>) -> bool {
        if !self.life.other_is_alive {
            return false;
        }
        let read = self.as_read(message);
        let gateway = &self.host.gateway;
        match gateway.classify(&read) {
            Ok(Class::RpData) => {
                let parts = gateway.field(&read, MessageField::Parts, || 0);
                let is_part = matches!(parts, Some(FieldValue::Number(2..)));
                let sender = identity(&message.identity).filter(|_| is_part);
                sender.is_some_and(|sender| self.other_joins(&sender))
            }
            Ok(Class::RpReport | Class::Imdn) => {
                let Ok(Some(report)) = gateway.read_report(&read) else {
                    return false;
                };
                let Named::Exchange(exchange, _) = report.named else {
                    return false;
                };
                let is_here = self.host.table.is_open(exchange, self.now_ms);
                let is_own =
                    exchange.node() == self.number() && exchange.serial() >= self.host.first_serial;
                // From a user, or from the gateway that has opened it, which does not have it any more.
                let goes_on = by.is_none() && self.fault != Some(Fault::KeepReport);
                !is_here && !is_own && goes_on
            }
            _ => false,
        }
    }
}
