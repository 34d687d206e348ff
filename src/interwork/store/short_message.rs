//! A short message of a phone is stored, on its sender's side. A long one is stored as a whole: its parts are kept until all of
//! them are there, or the time for them is over.

use core::num::NonZeroU64;

use crate::base::{Octets, Text};
use crate::exchange::{
    ExchangeKey, Group, KeptPart, KeptPartState, KeptPartTexts, NEVER, Party, ReplyTo, SmToIm,
    SmToImState, SmToImTexts, StoredPart, TransactionId,
};
use crate::interwork::counter::Counter;
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::input::{PartIn, SmToStore, TranslatedSm};
use crate::interwork::rules::authorization::identity;
use crate::interwork::rules::retry;
use crate::interwork::sm_to_im::exchange::WhenWhole;
use crate::interwork::step::Effect;
use crate::interwork::store::storing::NOT_STORED;
use crate::wire::{Carrier, Direction, EnhancedVp, SmsSubmit, TpVp, Tpdu};

/// Single shot: bit of the functionality indicator of an enhanced TP-VP (TS 23.040 §9.2.3.12.3).
const SINGLE_SHOT: u8 = 0b0100_0000;

impl Turn<'_> {
    /// A short message of a phone, on its sender's side: the recipient is away. A part waits for the other parts.
    pub(crate) fn submit_to_store(&mut self, sm: &TranslatedSm, transaction: TransactionId) {
        if let Some(part) = self.gathered(sm) {
            if !self.repeats(sm, transaction) {
                self.part(sm, part, transaction, WhenWhole::Store);
            }
            return;
        }
        let Some(exchange) = self.open_delivering(sm, transaction) else {
            return;
        };
        self.store_or_fail(exchange);
    }

    /// The part that it is, if the parts of its message are stored as a whole.
    fn gathered<'s>(&self, sm: &'s TranslatedSm) -> Option<&'s PartIn> {
        let stores = self.gateway.keeps && self.gateway.policy.store && sm.party == Party::Phone;
        let submit = submit(sm.tpdu.as_slice()).filter(|_| stores)?;
        sm.part.as_ref().filter(|_| !is_single_shot(&submit))
    }

    /// Whether a part for a phone is stored with its message, because other parts of it came when that phone was away.
    pub(crate) fn goes_with_its_message(
        &mut self,
        sm: &TranslatedSm,
        transaction: TransactionId,
    ) -> bool {
        let Some(part) = self.gathered(sm) else {
            return false;
        };
        let group = Group {
            identity: sm.key,
            concatenation: part.concatenation,
        };
        if self.view.parts_of(group).next().is_none() {
            return false;
        }
        if !self.repeats(sm, transaction) {
            self.part(sm, part, transaction, WhenWhole::Store);
        }
        true
    }

    /// This part completes a message for somebody who is away: the whole of it is stored.
    pub(crate) fn store_complete(
        &mut self,
        sm: &TranslatedSm,
        group: Group,
        transaction: TransactionId,
    ) {
        let parts: Vec<KeptPart> = self.view.parts_of(group).collect();
        let Some(mut exchange) = self.open_delivering(sm, transaction) else {
            return;
        };
        exchange.completes = NonZeroU64::new(group.concatenation);
        self.view.update(exchange);
        self.claim_parts(parts, exchange.header.key);
        self.store_or_fail(exchange);
    }

    fn store_or_fail(&mut self, sm: SmToIm) {
        if !self.store_sm_of(sm, NOT_STORED.status) {
            self.outcome_of_sm(sm, NOT_STORED.status);
        }
    }

    /// Whether these acknowledged parts are stored as one message, because no other part comes.
    pub(crate) fn stores_incomplete(&mut self, first: &KeptPart, parts: &[KeptPart]) -> bool {
        let policy = &self.gateway.policy;
        let may = self.gateway.keeps && policy.store && policy.deliver_incomplete;
        if !may || first.sender != Party::Phone {
            return false;
        }
        let Some(message) = self.incomplete_to_store(first, parts) else {
            return false;
        };
        let key = first.header.key;
        for part in parts {
            let mut part = *part;
            part.state = KeptPartState::Storing { with: key };
            part.header.due_ms = match part.header.key == key {
                true => self.now.unix_ms + FORGOTTEN_MS,
                false => NEVER,
            };
            self.view.update(part);
        }
        self.effects.push(Effect::StoreSm(Box::new(message)));
        true
    }

    /// The parts behind this first one are stored (`202`), or not: then they wait, and are tried again until their validity is over.
    pub(crate) fn incomplete_stored(&mut self, key: ExchangeKey, status: u16) {
        let state = KeptPartState::Storing { with: key };
        let first = self.get::<KeptPart>(key);
        let Some(mut first) = first.filter(|first| first.state == state) else {
            return;
        };
        let parts: Vec<KeptPart> = self.view.parts_relayed_with(key).collect();
        if status < 300 {
            self.count(Counter::SmIncomplete);
            self.charge_incomplete_stored(&first);
            // The stored message has the status reports.
            return self.end_parts(parts, None);
        }
        first.state = KeptPartState::Waiting;
        let mut waiting = self.view.parts_of(first.group());
        let uses_reference_again =
            waiting.any(|new| parts.iter().any(|part| part.sequence == new.sequence));
        drop(waiting);
        if uses_reference_again {
            // Another message uses the same reference now.
            return self.end_incomplete(first, parts);
        }
        for mut part in parts {
            part.state = KeptPartState::Waiting;
            if part.header.key == key {
                part.header.due_ms = self.now.unix_ms + self.gateway.policy.concat_timeout_ms;
            }
            self.view.update(part);
        }
    }

    /// A short message that was relayed: it ends as if its recipient were away.
    pub(crate) fn script_stores(&mut self, key: ExchangeKey, request: ReplyTo) {
        self.script_answered(key, request, NOT_STORED.status);
    }

    /// Whether a short message of a phone, which its recipient could not get now, is to be stored: then its report waits
    /// for that.
    pub(crate) fn stores_sm(&mut self, sm: SmToIm, status: u16) -> bool {
        let is_open = sm.state.is_undecided() && !matches!(sm.state, SmToImState::Storing { .. });
        is_open && self.may_store_sm(sm.sender, status) && self.store_sm_of(sm, status)
    }

    /// Whether a short message of this sender is stored behind such an outcome.
    pub(crate) fn may_store_sm(&self, sender: Party, status: u16) -> bool {
        let stores = self.gateway.keeps && self.gateway.policy.store && sender == Party::Phone;
        stores && retry::after_sip(status).later
    }

    fn store_sm_of(&mut self, mut sm: SmToIm, status: u16) -> bool {
        let message = self.sm_to_store(&sm, status);
        let Some(message) = message.filter(|_| self.gateway.keeps && self.gateway.policy.store)
        else {
            return false;
        };
        sm.state = SmToImState::Storing { status };
        sm.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        self.view.update(sm);
        self.effects.push(Effect::StoreSm(Box::new(message)));
        true
    }

    fn sm_to_store(&self, sm: &SmToIm, status: u16) -> Option<SmToStore> {
        let texts = self.view.texts(sm.header.key)?;
        let texts = SmToImTexts::of(&texts);
        Some(SmToStore {
            from: sm.header.key,
            status,
            identity: identity(texts.recipient)?,
            recipient: Text::new(texts.recipient)?,
            sender_identity: Text::new(texts.identity)?,
            sender: Text::new(texts.sender)?,
            hop: Text::new(texts.hop)?,
            share: sm.header.share,
            private: sm.private,
            unix: sm.unix,
            zone: sm.zone,
            expires_ms: self.stored_until_ms(texts.tpdu, sm.unix)?,
            content: self.stored_parts(sm, texts.tpdu),
        })
    }

    /// The parts of a message that stays incomplete.
    fn incomplete_to_store(&self, first: &KeptPart, parts: &[KeptPart]) -> Option<SmToStore> {
        let texts = self.view.texts(first.header.key)?;
        let texts = KeptPartTexts::of(&texts);
        Some(SmToStore {
            from: first.header.key,
            status: NOT_STORED.status,
            identity: identity(texts.recipient)?,
            recipient: Text::new(texts.recipient)?,
            sender_identity: Text::new(texts.identity)?,
            sender: Text::new(texts.sender)?,
            hop: Text::new(texts.hop)?,
            share: first.header.share,
            private: first.private,
            unix: first.unix,
            zone: first.zone,
            expires_ms: self.stored_until_ms(texts.tpdu, first.unix)?,
            content: content(parts.iter().map(|part| self.stored_part(part)).collect()),
        })
    }

    /// End of the validity of a short message that was taken at this time. None: it is over, or there is to be one attempt only.
    fn stored_until_ms(&self, tpdu: &[u8], unix: i64) -> Option<u64> {
        let submit = submit(tpdu).filter(|submit| !is_single_shot(submit))?;
        let expires_ms = self.valid_until_ms(&submit, unix);
        (expires_ms > self.now.unix_ms).then_some(expires_ms)
    }

    fn valid_until_ms(&self, submit: &SmsSubmit<'_>, unix: i64) -> u64 {
        let validity_ms = match submit.vp.seconds(unix).filter(|seconds| *seconds > 0) {
            Some(seconds) => u64::from(seconds) * 1000,
            None => self.gateway.policy.validity_ms,
        };
        let age = u64::try_from(self.now.unix.saturating_sub(unix)).unwrap_or(0);
        (self.now.unix_ms + validity_ms).saturating_sub(age * 1000)
    }

    /// Whether the validity of this acknowledged part of a phone is over, and the store had no place for it so long: then it is not
    /// delivered any more.
    pub(crate) fn part_has_expired(&self, part: &KeptPart) -> bool {
        let stores = self.gateway.keeps && self.gateway.policy.store;
        if !stores || part.sender != Party::Phone {
            return false;
        }
        let texts = self.view.texts(part.header.key);
        texts.is_some_and(|texts| {
            submit(KeptPartTexts::of(&texts).tpdu)
                .is_some_and(|submit| self.valid_until_ms(&submit, part.unix) <= self.now.unix_ms)
        })
    }

    /// The short message with the parts that it completes.
    fn stored_parts(&self, sm: &SmToIm, own: &[u8]) -> Vec<u8> {
        let sequence = |tpdu| submit(tpdu)?.user_data.concatenation();
        let own_place = sequence(own).map_or(0, |place| place.sequence);
        let mut parts = vec![(own_place, sm.unix, Octets::<254>::new(own))];
        let others = self.view.parts_relayed_with(sm.header.key);
        parts.extend(others.map(|part| self.stored_part(&part)));
        content(parts)
    }

    fn stored_part(&self, part: &KeptPart) -> (u8, i64, Option<Octets<254>>) {
        let texts = self.view.texts(part.header.key);
        let tpdu = texts.and_then(|texts| Octets::new(KeptPartTexts::of(&texts).tpdu));
        (part.sequence, part.unix, tpdu)
    }
}

/// The content of a stored message: its parts in their order.
fn content(mut parts: Vec<(u8, i64, Option<Octets<254>>)>) -> Vec<u8> {
    parts.sort_by_key(|(sequence, ..)| *sequence);
    let mut content = Vec::new();
    for (_, unix, tpdu) in &parts {
        let tpdu = tpdu.as_ref().map_or(&[][..], Octets::as_slice);
        StoredPart { unix: *unix, tpdu }.push(&mut content);
    }
    content
}

/// Whether there is to be one attempt only.
pub(crate) fn is_single_shot(submit: &SmsSubmit<'_>) -> bool {
    matches!(submit.vp, TpVp::Enhanced(EnhancedVp([first, ..])) if first & SINGLE_SHOT != 0)
}

/// The SMS-SUBMIT in these octets.
pub(crate) fn submit(tpdu: &[u8]) -> Option<SmsSubmit<'_>> {
    match Tpdu::decode(Direction::MsToNetwork, Carrier::RpData, tpdu).ok()? {
        Tpdu::Submit(submit) => Some(submit),
        _ => None,
    }
}
