//! A message is stored: nothing is promised before the database has it (rows FWD-1 to FWD-4).

use crate::base::{Octets, Text};
use crate::exchange::{
    ExchangeKey, Full, Header, Identity, IdentityKey, ImToSm, ImToSmState, ImToSmTexts,
    KeptPartTexts, Kind, MOST_STORED_TEXT, Party, ReplyTo, Services, SmToIm, SmToImState,
    SmToImTexts, Stored, StoredContent, StoredFor, StoredMessage, StoredMessageState,
    StoredMessageTexts, StoredPart, TransactionId,
};
use crate::interwork::charging::Charged;
use crate::interwork::counter::Counter;
use crate::interwork::handle::{FORGOTTEN_MS, Turn};
use crate::interwork::im_to_sm::exchange::ACCEPTED;
use crate::interwork::input::{ImToStore, SmToStore, TranslatedSm};
use crate::interwork::make::joined::joined;
use crate::interwork::rules::authorization::identity;
use crate::interwork::rules::causes::defaults::SipOutcome;
use crate::interwork::rules::retry;
use crate::interwork::step::{Effect, Verdict};
use crate::wire::{Carrier, Direction, EnhancedVp, MessageClass, RpMessage, SmsSubmit, TpVp, Tpdu};

/// Single shot: bit of the functionality indicator of an enhanced TP-VP (TS 23.040 §9.2.3.12.3).
const SINGLE_SHOT: u8 = 0b0100_0000;

/// Milliseconds after which the sender of a short message does not wait any longer until it is stored.
const DATABASE_LOST_MS: u64 = 60_000;

/// The outcome for a message that cannot be stored.
const NOT_STORED: SipOutcome = SipOutcome {
    status: 480,
    retry_after: true,
};

/// A message for the store.
struct ToStore<'t> {
    state: StoredFor,
    content: StoredContent,
    share: u64,
    private: bool,
    urgent: bool,
    unix: i64,
    zone: i8,
    expires_ms: u64,
    texts: StoredMessageTexts<'t>,
}

impl Turn<'_> {
    /// An instant message: its sender's transaction is open until it is stored.
    pub(crate) fn store_im(&mut self, im: &ImToStore, transaction: TransactionId) {
        let request = ReplyTo::Transaction(transaction);
        let SipOutcome {
            status,
            retry_after,
        } = NOT_STORED;
        if !self.gateway.keeps || !self.gateway.policy.store {
            return self.answer(request, status, retry_after, Verdict::Refused);
        }
        let notify = im.notify.as_ref();
        let message = ToStore {
            state: StoredFor::Request(transaction),
            content: StoredContent::Im {
                wants: notify.map(|wanted| wanted.wants).unwrap_or_default(),
            },
            share: im.share,
            private: im.private,
            urgent: im.urgent,
            unix: notify.map_or(self.now.unix, |wanted| wanted.sent),
            zone: self.now.zone,
            expires_ms: self.expires_ms(im.lifetime),
            texts: StoredMessageTexts {
                identity: im.identity.as_str(),
                recipient: im.recipient.as_str(),
                sender_identity: im.sender_identity.as_str(),
                sender: im.sender.as_str(),
                hop: "",
                message_id: notify.map_or("", |wanted| wanted.message_id.as_str()),
                way: notify.map_or("", |wanted| wanted.way.as_str()),
                content: im.text.as_bytes(),
            },
        };
        if let Err(full) = self.store_message(&message) {
            self.count(full.into());
            self.answer(request, status, retry_after, Verdict::Refused);
        }
    }

    /// A short message of a phone, on its sender's side: the recipient is away.
    pub(crate) fn submit_to_store(&mut self, sm: &TranslatedSm, transaction: TransactionId) {
        let Some(exchange) = self.open_delivering(sm, transaction) else {
            return;
        };
        if !self.store_sm_of(exchange, NOT_STORED.status) {
            self.outcome_of_sm(exchange, NOT_STORED.status);
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
        let may = self.gateway.policy.store && sm.sender == Party::Phone;
        is_open && may && retry::after_sip(status).later && self.store_sm_of(sm, status)
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
        let submit = submit(texts.tpdu)?;
        let validity_ms = match submit.vp.seconds(sm.unix).filter(|seconds| *seconds > 0) {
            Some(seconds) => u64::from(seconds) * 1000,
            None => self.gateway.policy.validity_ms,
        };
        let age = u64::try_from(self.now.unix.saturating_sub(sm.unix)).unwrap_or(0);
        let expires_ms = (self.now.unix_ms + validity_ms).saturating_sub(age * 1000);
        if is_single_shot(&submit) || expires_ms <= self.now.unix_ms {
            return None;
        }
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
            expires_ms,
            content: self.stored_parts(sm, texts.tpdu),
        })
    }

    /// The short message with the parts that it completes, in their order.
    fn stored_parts(&self, sm: &SmToIm, own: &[u8]) -> Vec<u8> {
        let sequence = |tpdu| submit(tpdu)?.user_data.concatenation();
        let own_place = sequence(own).map_or(0, |place| place.sequence);
        let mut parts = vec![(own_place, sm.unix, Octets::<254>::new(own))];
        for part in self.view.parts_relayed_with(sm.header.key) {
            let texts = self.view.texts(part.header.key);
            let tpdu = texts.and_then(|texts| Octets::new(KeptPartTexts::of(&texts).tpdu));
            parts.push((part.sequence, part.unix, tpdu));
        }
        parts.sort_by_key(|(sequence, ..)| *sequence);
        let mut content = Vec::new();
        for (_, unix, tpdu) in &parts {
            let tpdu = tpdu.as_ref().map_or(&[][..], Octets::as_slice);
            StoredPart { unix: *unix, tpdu }.push(&mut content);
        }
        content
    }

    /// The same, on its recipient's side.
    pub(crate) fn store_sm(&mut self, sm: &SmToStore) {
        let message = ToStore {
            state: StoredFor::Phone {
                from: sm.from,
                status: sm.status,
            },
            content: StoredContent::Sm,
            share: sm.share,
            private: sm.private,
            urgent: false,
            unix: sm.unix,
            zone: sm.zone,
            expires_ms: sm.expires_ms,
            texts: StoredMessageTexts {
                identity: sm.identity.as_str(),
                recipient: sm.recipient.as_str(),
                sender_identity: sm.sender_identity.as_str(),
                sender: sm.sender.as_str(),
                hop: sm.hop.as_str(),
                message_id: "",
                way: "",
                content: &sm.content,
            },
        };
        if let Err(full) = self.store_message(&message) {
            self.count(full.into());
            self.effects.push(Effect::SmOutcome {
                exchange: sm.from,
                status: sm.status,
            });
        }
    }

    /// Whether an instant message that a phone did not take is to be stored: then its sender's answer waits for that.
    pub(crate) fn stores_im(&mut self, mut im: ImToSm, last: SipOutcome) -> bool {
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
        let key = im.header.key;
        if self.im_to_store(&im).is_none() {
            return false;
        }
        self.remove_parts(key);
        im.state = ImToSmState::Storing {
            status: last.status,
            retry_after: last.retry_after,
        };
        im.header.due_ms = self.now.unix_ms + FORGOTTEN_MS;
        self.view.update(im);
        true
    }

    /// Stores the text of an instant message and all its parts.
    fn im_to_store(&mut self, im: &ImToSm) -> Option<()> {
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

    fn store_message(&mut self, message: &ToStore<'_>) -> Result<(), Full> {
        let texts = &message.texts;
        if texts.packed_len() > MOST_STORED_TEXT || message.expires_ms <= self.now.unix_ms {
            return Err(Full::Table);
        }
        let key = self
            .view
            .take_place(Kind::StoredMessage, message.share, texts.packed_len())?;
        let recipient = Identity::new(texts.identity).unwrap_or_default();
        let retry_ms = self.gateway.policy.retry.after(0);
        let first_ms = self.now.unix_ms
            + match message.state {
                StoredFor::Phone { .. } => retry_ms.min(DATABASE_LOST_MS),
                StoredFor::Request(_) | StoredFor::Im(_) => retry_ms,
            };
        let stored = StoredMessage {
            header: Header {
                key,
                identity: IdentityKey::of(&recipient),
                share: message.share,
                due_ms: first_ms.min(message.expires_ms),
                stored: Stored::Asked,
            },
            state: StoredMessageState::Storing(message.state),
            content: message.content,
            private: message.private,
            urgent: message.urgent,
            may_be_there: false,
            submission: Some(match message.state {
                StoredFor::Request(_) => key,
                StoredFor::Phone { from, .. } | StoredFor::Im(from) => from,
            }),
            zone: message.zone,
            tries: 0,
            left: Services::default(),
            unix: message.unix,
            expires_ms: message.expires_ms,
        };
        self.view.open(stored, texts.pack());
        let waits = match message.state {
            StoredFor::Request(transaction) => Some(transaction),
            StoredFor::Phone { .. } | StoredFor::Im(_) => None,
        };
        self.effects.push(Effect::Store {
            exchange: key,
            waits,
        });
        Ok(())
    }

    /// The database has the message: now its sender may hear of it.
    pub(crate) fn message_stored(&mut self, message: StoredMessage) {
        let key = message.header.key;
        let for_whom = match message.state {
            StoredMessageState::Storing(for_whom) => for_whom,
            // The next attempt is later.
            StoredMessageState::Parking => return self.view.park(key),
            _ => return self.view.update(message),
        };
        let texts = self.view.texts(key);
        match for_whom {
            StoredFor::Request(transaction) => {
                let request = ReplyTo::Transaction(transaction);
                let SipOutcome {
                    status,
                    retry_after,
                } = ACCEPTED;
                self.answer(request, status, retry_after, Verdict::Taken);
                self.charge_stored(&message, Charged::Submission, status);
                if let StoredContent::Im { wants } = message.content {
                    self.notify_accepted(key, wants);
                }
            }
            StoredFor::Phone { from, .. } => self.effects.push(Effect::SmOutcome {
                exchange: from,
                status: ACCEPTED.status,
            }),
            StoredFor::Im(im) => match self.storing(im) {
                Some(mut im) => {
                    if let Some(sender) = im.sender_mut() {
                        sender.is_stored = true;
                    }
                    self.settle(im, ACCEPTED);
                }
                // The phone has it nevertheless, or the sender was told that it failed.
                None => return self.view.end(key),
            },
        }
        self.count(Counter::Stored);
        self.view.park(key);
        // The recipient may have come back in the meantime, or has another device.
        if let Some(texts) = texts {
            let texts = StoredMessageTexts::of(&texts);
            if let (Some(identity), false) = (
                Identity::new(texts.identity),
                matches!(for_whom, StoredFor::Im(_)),
            ) {
                self.effects.push(Effect::ReadStored {
                    identity: Box::new(identity),
                    if_here: Some(texts.recipient.to_owned()),
                });
            }
        }
    }

    /// The database does not take the message.
    pub(crate) fn message_not_stored(&mut self, message: StoredMessage) {
        let key = message.header.key;
        let for_whom = match message.state {
            StoredMessageState::Storing(for_whom) => for_whom,
            // The row is there, from an earlier attempt.
            StoredMessageState::Parking => return self.view.release(key),
            _ => return self.view.update(message),
        };
        self.count(Counter::StoreRefused);
        match for_whom {
            StoredFor::Request(transaction) => {
                let request = ReplyTo::Transaction(transaction);
                let SipOutcome {
                    status,
                    retry_after,
                } = NOT_STORED;
                self.answer(request, status, retry_after, Verdict::Refused);
                self.charge_stored(&message, Charged::Submission, status);
            }
            StoredFor::Phone { from, status } => self.effects.push(Effect::SmOutcome {
                exchange: from,
                status,
            }),
            StoredFor::Im(im) => self.not_stored_for(im),
        }
        self.view.end(key);
    }

    /// The instant message that waits until it is stored.
    fn storing(&self, key: ExchangeKey) -> Option<ImToSm> {
        self.get::<ImToSm>(key)
            .filter(|im| matches!(im.state, ImToSmState::Storing { .. }))
    }

    /// The sender of an instant message hears of the failure after all.
    fn not_stored_for(&mut self, key: ExchangeKey) {
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

    /// End of the validity of a message with this lifetime.
    fn expires_ms(&self, lifetime: Option<u32>) -> u64 {
        let validity_ms = self.gateway.policy.validity_ms;
        let validity_ms = lifetime.map_or(validity_ms, |seconds| u64::from(seconds) * 1000);
        self.now.unix_ms.saturating_add(validity_ms)
    }
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
