//! Short messages from phone to phone: phones write them, and the host does what `route[SHORT_MESSAGE]` of kamailio.cfg and the
//! functions `ipsmgw_sm_to_sm`, `ipsmgw_stored` and `ipsmgw_reply` do.

use std::rc::Rc;

use ipsmgw::exchange::{Exchange, ExchangeKey, Identity, ReplyTo, StoredMessageState};
use ipsmgw::interwork::{Effect, Input, identity};
use ipsmgw::wire::{EnhancedVp, RelativeVp, TpVp};

use crate::effects::Context;
use crate::faults::Fault;
use crate::host::id_of;
use crate::kamailio::At;
use crate::peers::Deed;
use crate::world::{Address, Event, Message, World};

/// The script's answer for a recipient who has no contact, where nothing is stored.
const AWAY: u16 = 480;

/// A single shot: the gateway tries once (TS 23.040 §9.2.3.12.3).
const SINGLE_SHOT: TpVp = TpVp::Enhanced(EnhancedVp([0b0100_0000, 0, 0, 0, 0, 0, 0]));

/// A phone as the sender.
impl World {
    /// Plans so many messages from phones to phones.
    pub(crate) fn write_between_phones(&mut self, messages: usize) {
        let mut senders: Vec<usize> = (0..self.plan.phones).collect();
        senders.retain(|phone| !self.people[*phone].devices.is_empty());
        if senders.is_empty() {
            let device = self.new_device(0);
            self.people[0].devices.push(device);
            senders.push(0);
        }
        for _ in 0..messages {
            let at_ms = self.now_ms + self.chance.below(self.plan.span_ms);
            let sender = self.chance.pick(&senders);
            let recipient = self.chance.place(self.plan.phones);
            let length = match self.chance.per_mille(self.plan.long) {
                true => self.chance.between(161, 900),
                false => self.chance.between(1, 60),
            };
            let cyrillic = self.chance.per_mille(100);
            let validity = match self.chance.below(10) {
                // Five minutes.
                0..3 => TpVp::Relative(RelativeVp(0)),
                3 => SINGLE_SHOT,
                _ => TpVp::Absent,
            };
            let number = self.plan_short_message(sender, recipient, length, cyrillic, validity);
            self.books.goes_to_phone(number);
            self.at(at_ms, Event::Peer(Deed::Submit(number, 0)));
        }
    }
}

/// Faults.
impl World {
    /// Whether a short message for this recipient is acknowledged before the database has it.
    pub(crate) fn acks_early(&mut self, recipient: &str) -> bool {
        self.fault == Some(Fault::AckEarly)
            && self.is_for_phone(recipient)
            && self.chance.per_mille(100)
    }

    /// The outcome that the sender of a short message gets; of one to a phone perhaps another one.
    pub(crate) fn false_outcome(&mut self, exchange: ExchangeKey, status: u16) -> u16 {
        let is_false = self.fault == Some(Fault::FalseOutcome)
            && status >= 300
            && self.books.is_for_phone(self.subject(exchange))
            && self.chance.per_mille(100);
        if is_false { 200 } else { status }
    }
}

/// The host.
impl World {
    /// Whether the person with this URI has phones.
    pub(crate) fn is_for_phone(&self, uri: &str) -> bool {
        let person = self.person(uri).map(|place| &self.people[place]);
        person.is_some_and(|person| person.is_phone)
    }

    /// `route[SHORT_MESSAGE]` for a recipient with a phone, for a message that does not go behind stored ones.
    pub(crate) fn sm_for_phone(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        if !self.devices_of(&message.request_uri).is_empty() {
            return self.sm_to_sm(from, client, message);
        }
        match self.plan.has_database {
            true => self.stores_sm(from, client, message),
            false => self.answers_sm(from, client, message, AWAY),
        }
    }

    /// `ipsmgw_stored()`: whether this message is stored behind others.
    pub(crate) fn goes_behind_stored(&mut self, message: &Message) -> bool {
        let is_here = !self.devices_of(&message.request_uri).is_empty();
        let to_phone = is_here && self.is_for_phone(&message.request_uri);
        let recipient = identity(&message.request_uri);
        let goes_behind = {
            let (read, now) = (self.as_read(message), self.now());
            self.host.gateway.goes_behind(&read, to_phone, now)
        };
        let Some(recipient) = recipient.filter(|_| goes_behind) else {
            return false;
        };
        if self.are_before_new(&recipient) && self.fault != Some(Fault::GoPastStored) {
            return true;
        }
        if is_here && self.has_stored_before(&recipient) {
            self.break_promise("a message goes past stored ones that come first");
        }
        false
    }

    /// Whether stored messages to this recipient are in memory to be delivered, or wait and hold up new ones, and the database takes a
    /// further one.
    fn has_stored_before(&self, recipient: &Identity) -> bool {
        let is_before = |key| {
            let Some((Exchange::StoredMessage(message), texts)) =
                self.host.table.read(key, self.now_ms)
            else {
                return false;
            };
            let identity = ipsmgw::exchange::StoredMessageTexts::of(&texts).identity;
            let is_next = matches!(
                message.state,
                StoredMessageState::Waiting
                    | StoredMessageState::LookedUp
                    | StoredMessageState::ToPhone
            );
            identity == recipient.as_str() && is_next
        };
        let mut open = self.host.table.keys(self.now_ms).into_iter();
        !self.database.is_known_away() && (self.is_held_up(recipient) || open.any(is_before))
    }

    /// `ipsmgw_sm_to_sm()`.
    fn sm_to_sm(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        let server = self.begin(from, client, message);
        let about = self.books.submission_arrives(&message.call_id, self.node);
        let translated = self.sm_to_phone(message);
        let step = self.decide_or_refuse(server, translated, |world, (mut sm, to)| {
            crate::faults::meddle_with_sm(world.fault, &mut world.chance, &mut sm);
            let input = Input::SubmitToPhone {
                sm: &sm,
                to: &to,
                transaction: id_of(server),
            };
            world.decide(At::Identity(sm.identity.as_str()), input, about)
        });
        self.execute(step, Context::of_request(server, from, client));
    }

    /// `ipsmgw_reply()` with a status that the script has set: the message is not relayed.
    fn answers_sm(&mut self, from: Address, client: u64, message: &Rc<Message>, status: u16) {
        let server = self.begin(from, client, message);
        let about = self.books.submission_arrives(&message.call_id, self.node);
        let context = Context::of_request(server, from, client);
        let translated = {
            let read = self.as_read(message);
            self.host.gateway.translate_sm(&read, self.now())
        };
        let step = self.decide_or_refuse(server, translated, |world, mut sm| {
            sm.outcome = Some(status);
            let input = Input::Submit {
                sm: &sm,
                transaction: id_of(server),
            };
            world.decide(At::Identity(sm.identity.as_str()), input, about)
        });
        let relayed = step.effects.iter().find_map(|effect| match effect {
            Effect::Relay { exchange, .. } => Some(*exchange),
            _ => None,
        });
        self.execute_under_lock(step, context.clone());
        if let Some(exchange) = relayed {
            let input = Input::ScriptAnswered {
                exchange,
                request: ReplyTo::Transaction(id_of(server)),
                status,
            };
            self.handle(exchange, input, context);
        }
    }
}
