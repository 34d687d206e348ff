//! A message is stored: nothing is promised before the database has it (rows FWD-1 to FWD-4).

use crate::exchange::{
    Full, Header, Identity, IdentityKey, Kind, MOST_STORED_TEXT, Passing, ReplyTo, Services,
    Stored, StoredContent, StoredFor, StoredMessage, StoredMessageState, StoredMessageTexts,
    TransactionId,
};
use crate::interwork::charging::Charged;
use crate::interwork::counter::Counter;
use crate::interwork::handle::Turn;
use crate::interwork::im_to_sm::exchange::ACCEPTED;
use crate::interwork::input::{ImToStore, SmToStore};
use crate::interwork::rules::causes::defaults::SipOutcome;
use crate::interwork::step::{Effect, Verdict};

/// Milliseconds after which the sender of a short message does not wait any longer until it is stored.
const DATABASE_LOST_MS: u64 = 60_000;

/// Milliseconds in which the refusal of a message leaves. So long, the message is known.
const ANSWERED_MS: u64 = 1_000;

/// The outcome for a message that cannot be stored.
pub(super) const NOT_STORED: SipOutcome = SipOutcome {
    status: 480,
    retry_after: true,
};

/// A message for the store.
pub(super) struct ToStore<'t> {
    pub(super) state: StoredFor,
    pub(super) content: StoredContent,
    pub(super) share: u64,
    pub(super) private: bool,
    pub(super) urgent: bool,
    pub(super) may_be_there: bool,
    pub(super) passing: Passing,
    pub(super) unix: i64,
    pub(super) zone: i8,
    pub(super) expires_ms: u64,
    pub(super) texts: StoredMessageTexts<'t>,
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
            may_be_there: false,
            passing: Passing::No,
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

    /// A short message of a phone, on its recipient's side.
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
            may_be_there: false,
            passing: Passing::No,
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

    pub(super) fn store_message(&mut self, message: &ToStore<'_>) -> Result<(), Full> {
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
            may_be_there: message.may_be_there,
            passing: message.passing,
            is_here: false,
            submission: Some(match message.state {
                StoredFor::Request(_) => key,
                StoredFor::Phone { from, .. } | StoredFor::Im(from) => from,
            }),
            zone: message.zone,
            tries: 0,
            round: 0,
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
            StoredFor::Im(last) => match self.storing(last) {
                Some(mut im) => {
                    self.remove_parts(last);
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
    pub(crate) fn message_not_stored(&mut self, mut message: StoredMessage) {
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
                // The sender's timer may end before the answer leaves.
                message.header.due_ms = self.now.unix_ms + ANSWERED_MS;
                return self.view.update(message);
            }
            StoredFor::Phone { from, status } => self.effects.push(Effect::SmOutcome {
                exchange: from,
                status,
            }),
            StoredFor::Im(im) => self.not_stored_for(im),
        }
        self.view.end(key);
    }

    /// The sender cannot wait any longer. If the outcome is known, another process is about to answer: the sender gets the same answer
    /// from here, because tm would say `408` otherwise.
    pub(crate) fn storing_timeout(&mut self, message: &StoredMessage, transaction: TransactionId) {
        let SipOutcome {
            status,
            retry_after,
        } = match message.header.stored {
            Stored::Asked => return self.not_stored(message.header.key),
            Stored::Yes => ACCEPTED,
            Stored::No => NOT_STORED,
        };
        let request = ReplyTo::Transaction(transaction);
        self.answer(request, status, retry_after, Verdict::Taken);
    }

    /// End of the validity of a message with this lifetime.
    fn expires_ms(&self, lifetime: Option<u32>) -> u64 {
        let validity_ms = self.gateway.policy.validity_ms;
        let validity_ms = lifetime.map_or(validity_ms, |seconds| u64::from(seconds) * 1000);
        self.now.unix_ms.saturating_add(validity_ms)
    }
}
