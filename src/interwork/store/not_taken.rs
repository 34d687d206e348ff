//! An instant message that a phone did not take is stored, with all its parts. Until the database has it as a whole, its parts stay.

use crate::base::Octets;
use crate::exchange::{
    Exchange, ExchangeKey, Header, ImToSm, ImToSmState, ImToSmTexts, NEVER, Party, Passing, Role,
    SenderWait, Store, Stored, StoredContent, StoredFor, StoredMessageState, StoredMessageTexts,
    View,
};
use crate::interwork::counter::Counter;
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::im_to_sm::exchange::ACCEPTED;
use crate::interwork::make::joined::joined;
use crate::interwork::rules::authorization::identity;
use crate::interwork::rules::causes::defaults::SipOutcome;
use crate::interwork::rules::retry;
use crate::interwork::store::storing::{NOT_STORED, ToStore};
use crate::wire::{Carrier, Direction, MessageClass, RpMessage, Tpdu};

impl Turn<'_> {
    /// Whether an instant message that a phone did not take is to be stored: then its sender's answer waits for that.
    pub(crate) fn stores_im(&mut self, im: ImToSm, last: SipOutcome) -> bool {
        let passes = match im.rp_error {
            Some(error) => retry::after_rp(error.cause).later,
            None => last.status == NOT_STORED.status,
        };
        let may = self.gateway.keeps && self.gateway.policy.store;
        let is_open = !matches!(im.state, ImToSmState::Storing { .. });
        if last.status < 300
            || !passes
            || !may
            || !is_open
            || im.to != Party::Phone
            || im.taken > 0 && im.rp_error.is_none()
        {
            return false;
        }
        self.stored_instead(im, last, false)
    }

    /// The phone has taken the message in SIP, its report did not come, and when it was asked again, it was gone. The message is
    /// stored. Where it cannot be, a sender that was told that it is accepted hears that it failed.
    pub(crate) fn gone_before_report(&mut self, im: ImToSm, failure: u16) {
        let key = im.header.key;
        self.count(Counter::ReportMissing);
        self.view.update(im);
        let message = self.get::<ImToSm>(im.last_part().unwrap_or(key));
        // The last part is taken up later than this one: its sender has the 202.
        let comes_later = message.is_none() && im.header.stored == Stored::Yes;
        let message = message.filter(|message| matches!(message.role, Role::Message(_)));
        let to_phone = message.filter(|_| im.to == Party::Phone);
        let is_accepted = to_phone.is_some_and(|message| match message.sender().wait {
            SenderWait::No => true,
            SenderWait::InSession { until_ms } => until_ms == NEVER,
            SenderWait::Held(_) => false,
        });
        let last = match is_accepted || comes_later {
            true => self.gateway.policy.causes.leg_to_sip(failure),
            false => ACCEPTED,
        };
        let is_stored = self.gateway.keeps
            && self.gateway.policy.store
            && retry::after_sip(failure).later
            && to_phone.is_some_and(|message| {
                let message = ImToSm {
                    sip_failure: im.sip_failure,
                    ..message
                };
                self.stored_instead(message, last, true)
            });
        if !is_stored {
            self.conclude(key, last, false);
        }
        self.start_next(im.header.identity, im.to);
    }

    /// Whether this message is stored, with all its parts. `last` is its outcome if the database does not take it.
    fn stored_instead(&mut self, mut im: ImToSm, last: SipOutcome, may_be_there: bool) -> bool {
        let key = im.header.key;
        if self.im_to_store(&im, may_be_there).is_none() {
            return false;
        }
        let SipOutcome {
            status,
            retry_after,
        } = last;
        let state = ImToSmState::Storing {
            status,
            retry_after,
        };
        let parts: Vec<ImToSm> = self.view.parts_before(key).collect();
        for mut part in parts {
            part.state = state;
            part.header.due_ms = NEVER;
            self.view.update(part);
        }
        im.state = state;
        im.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        self.view.update(im);
        true
    }

    /// Stores the text of an instant message and all its parts.
    fn im_to_store(&mut self, im: &ImToSm, may_be_there: bool) -> Option<()> {
        let key = im.header.key;
        let mut parts: Vec<ImToSm> = self.view.parts_before(key).collect();
        parts.push(*im);
        // Only the first part has the time.
        let expires_ms = parts
            .iter()
            .map(|part| part.expires_ms)
            .min()
            .filter(|expires_ms| *expires_ms > self.now.unix_ms)?;
        let expires_ms = expires_ms.min(self.now.unix_ms + self.gateway.policy.validity_ms);
        let mut tpdus = Vec::with_capacity(parts.len());
        for part in &parts {
            let texts = self.view.texts(part.header.key)?;
            tpdus.push(tpdu_in(ImToSmTexts::of(&texts).rp_data)?);
        }
        let first = tpdus.first()?;
        let (total, urgent) = shape(first.as_slice())?;
        // A part that the phone has would come twice.
        if usize::from(total) != tpdus.len() {
            return None;
        }
        let charsets = &self.gateway.policy.dcs_charsets;
        let text = joined(charsets, Party::ServiceCentre, &tpdus)?;
        let texts = self.view.texts(key)?;
        let texts = ImToSmTexts::of(&texts);
        let sender_identity = identity(texts.sender)?;
        let sender = im.sender();
        let message = ToStore {
            state: StoredFor::Im(key),
            content: StoredContent::Im {
                wants: sender.wants,
            },
            share: im.header.share,
            private: im.private,
            urgent,
            may_be_there,
            passing: match im.rp_error {
                Some(error) if retry::after_rp(error.cause).was_here => Passing::FailedOnce,
                _ => Passing::No,
            },
            unix: sender.unix,
            zone: self.now.zone,
            expires_ms,
            texts: StoredMessageTexts {
                identity: texts.identity,
                recipient: texts.address,
                sender_identity: sender_identity.as_str(),
                sender: texts.sender,
                hop: "",
                message_id: texts.message_id,
                way: texts.way,
                content: text.as_bytes(),
            },
        };
        let stored = self.store_message(&message);
        if let Err(full) = stored {
            self.count(full.into());
        }
        stored.ok()
    }

    /// The instant message that waits until it is stored.
    pub(super) fn storing(&self, key: ExchangeKey) -> Option<ImToSm> {
        self.get::<ImToSm>(key)
            .filter(|im| matches!(im.state, ImToSmState::Storing { .. }))
    }

    /// The sender of an instant message gets the failure.
    pub(super) fn not_stored_for(&mut self, key: ExchangeKey) {
        if let Some(im) = self.storing(key)
            && let ImToSmState::Storing {
                status,
                retry_after,
            } = im.state
        {
            let last = SipOutcome {
                status,
                retry_after,
            };
            self.remove_parts(key);
            self.settle(im, last);
        }
    }

    /// The sender of an instant message cannot wait for the database any longer.
    pub(crate) fn storing_too_long(&mut self, im: &ImToSm) {
        let key = im.header.key;
        let state = StoredMessageState::Storing(StoredFor::Im(key));
        let mut stored = self.view.stored_for(im.header.identity);
        let message = stored.find(|message| message.state == state);
        drop(stored);
        self.not_stored_for(key);
        if let Some(message) = message {
            self.view.end(message.header.key);
        }
    }
}

/// The exchange of the message that this one, which is being written for the first time, stores.
pub fn stands_for(written: &Exchange) -> Option<ExchangeKey> {
    let Exchange::StoredMessage(message) = written else {
        return None;
    };
    match message.state {
        StoredMessageState::Storing(StoredFor::Im(last)) => Some(last),
        StoredMessageState::Storing(StoredFor::Phone { from, .. }) => Some(from),
        _ => None,
    }
}

/// The exchanges whose rows go in the transaction that stores the message of this exchange: all parts of an instant message, or the
/// acknowledged parts of a short message, which is complete or stays incomplete. A crash leaves either them or the stored message.
pub fn replaced_by_stored(message: ExchangeKey, exchanges: &mut dyn Store) -> Vec<ExchangeKey> {
    let view = View::of(exchanges);
    let mut headers: Vec<Header> = Vec::new();
    match view.by_key(message) {
        Some(Exchange::ImToSm(last)) => {
            headers.extend(view.parts_before(message).map(|part| part.header));
            headers.push(last.header);
        }
        Some(Exchange::SmToIm(_) | Exchange::KeptPart(_)) => {
            headers.extend(view.parts_relayed_with(message).map(|part| part.header));
        }
        _ => {}
    }
    let has_row = |header: &&Header| header.stored != Stored::No;
    headers
        .iter()
        .filter(has_row)
        .map(|header| header.key)
        .collect()
}

/// Whether the database may have no row of this exchange any more: it was to be replaced by a stored message, which was refused while the
/// transaction was under way.
pub fn may_be_replaced(before: &Exchange, now: &Exchange) -> bool {
    goes_with_stored(before) && !goes_with_stored(now)
}

/// Whether the row of this exchange goes with the transaction that stores its message: a later change of it must not bring the row back.
pub const fn goes_with_stored(exchange: &Exchange) -> bool {
    match exchange {
        Exchange::KeptPart(part) => part.is_claimed(),
        _ => false,
    }
}

/// The TPDU in an RP-DATA.
fn tpdu_in(rp_data: &[u8]) -> Option<Octets<254>> {
    match RpMessage::decode(rp_data).ok()? {
        (_, RpMessage::Data(data)) => Octets::new(data.user_data),
        _ => None,
    }
}

/// How many parts the message of an SMS-DELIVER has, and whether phones show it at once.
fn shape(tpdu: &[u8]) -> Option<(u8, bool)> {
    match Tpdu::decode(Direction::NetworkToMs, Carrier::RpData, tpdu).ok()? {
        Tpdu::Deliver(deliver) => {
            let place = deliver.user_data.concatenation();
            let is_urgent = deliver.dcs.class() == Some(MessageClass::ImmediateDisplay);
            Some((place.map_or(1, |place| place.total), is_urgent))
        }
        _ => None,
    }
}
