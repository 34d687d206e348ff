//! The bucket as a step sees it: the store with the changes of the step so far. The named queries are here.

use super::{
    Change, Exchange, ExchangeKey, Full, Group, IdentityKey, ImToSm, KeptPart, Kind, Notification,
    Party, PastSm, Sequence, SmToIm, SmToImState, Store, StoredMessage, Submitted, Texts,
};

/// The bucket as a step sees it.
pub struct View<'s> {
    store: &'s mut dyn Store,
    changes: Vec<Change>,
}

impl<'s> View<'s> {
    /// The store as it is.
    pub fn of(store: &'s mut dyn Store) -> Self {
        Self {
            store,
            changes: Vec::with_capacity(4),
        }
    }

    /// All that has changed.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// The exchange, unless it has ended or is in another bucket.
    pub fn by_key(&self, key: ExchangeKey) -> Option<Exchange> {
        match self.change_of(key) {
            Some(
                Change::Opened(exchange, _)
                | Change::Updated(exchange)
                | Change::Rewritten(exchange, _),
            ) => Some(*exchange),
            Some(_) => None,
            None => self.store.by_key(key),
        }
    }

    /// The texts of that exchange.
    pub fn texts(&self, key: ExchangeKey) -> Option<Texts> {
        match self.change_of(key) {
            Some(Change::Opened(_, texts) | Change::Rewritten(_, texts)) => {
                Some(Texts::clone(texts))
            }
            Some(Change::Ended(_) | Change::Parked(_) | Change::Released(_)) => None,
            _ => self.store.texts(key),
        }
    }

    /// Takes a place for an exchange after all others of the bucket: of this kind, in this sender's share, with this
    /// many octets of texts.
    pub fn take_place(
        &mut self,
        kind: Kind,
        share: u64,
        octets: usize,
    ) -> Result<ExchangeKey, Full> {
        self.store.take_place(kind, share, octets)
    }

    /// Opens an exchange at the place that was taken for its key.
    pub fn open(&mut self, exchange: impl Into<Exchange>, texts: Texts) {
        let change = Change::Opened(exchange.into(), texts);
        self.changes.push(change);
    }

    /// Replaces the record of the exchange.
    pub fn update(&mut self, exchange: impl Into<Exchange>) {
        let exchange = exchange.into();
        match self.change_mut(exchange.key()) {
            Some(
                Change::Opened(known, _) | Change::Updated(known) | Change::Rewritten(known, _),
            ) => *known = exchange,
            Some(_) => {}
            None => self.changes.push(Change::Updated(exchange)),
        }
    }

    /// Replaces the record of the exchange and its texts. False if the texts are too long for its place: then nothing
    /// has changed.
    pub fn rewrite(&mut self, exchange: impl Into<Exchange>, texts: Texts) -> bool {
        let exchange = exchange.into();
        let key = exchange.key();
        if texts.as_octets().len() > self.store.room(key) {
            return false;
        }
        match self.change_mut(key) {
            Some(Change::Opened(known, old) | Change::Rewritten(known, old)) => {
                (*known, *old) = (exchange, texts);
            }
            Some(Change::Ended(_) | Change::Parked(_) | Change::Released(_)) => {}
            Some(change) => *change = Change::Rewritten(exchange, texts),
            None => self.changes.push(Change::Rewritten(exchange, texts)),
        }
        true
    }

    /// Ends an exchange.
    pub fn end(&mut self, key: ExchangeKey) {
        let place = self
            .changes
            .iter()
            .position(|change| change.key() == Some(key));
        match place {
            // Opened and ended in one step: nothing has changed. Its place is given back with the commit.
            Some(place) if matches!(self.changes.get(place), Some(Change::Opened(..))) => {
                self.changes.remove(place);
            }
            Some(place) => {
                if let Some(change) = self.changes.get_mut(place) {
                    *change = Change::Ended(key);
                }
            }
            None => self.changes.push(Change::Ended(key)),
        }
    }

    /// A stored exchange leaves memory: the host has just written it.
    pub fn park(&mut self, key: ExchangeKey) {
        self.leave(key, Change::Parked(key));
    }

    /// A stored exchange leaves memory, and waits in the database: the host does not write it again.
    pub fn release(&mut self, key: ExchangeKey) {
        self.leave(key, Change::Released(key));
    }

    fn leave(&mut self, key: ExchangeKey, leaves: Change) {
        match self.change_mut(key) {
            Some(change) => *change = leaves,
            None => self.changes.push(leaves),
        }
    }

    /// Sets the deadline of the exchange, in milliseconds since 1970 UTC; a later call replaces an earlier one.
    pub fn wake_at(&mut self, key: ExchangeKey, due_ms: u64) {
        if let Some(mut exchange) = self.by_key(key) {
            exchange.header_mut().due_ms = due_ms;
            self.update(exchange);
        }
    }

    /// Keeps the outcome of a short message for a repetition of it.
    pub fn remember(&mut self, past: PastSm) {
        self.changes.push(Change::Remembered(past));
    }

    /// Keeps the digest of a part whose message is delivered.
    pub fn remember_part(&mut self, digest: u64, until_ms: u64) {
        self.changes
            .push(Change::PartRemembered { digest, until_ms });
    }

    /// The outcome of the short message with this digest.
    pub fn outcome_of(&self, digest: u64) -> Option<PastSm> {
        let known = self.changes.iter().rev().find_map(|change| match change {
            Change::Remembered(past) if past.digest == digest => Some(*past),
            _ => None,
        });
        known.or_else(|| self.store.outcome_of(digest))
    }

    /// Whether the part with this digest belonged to a message that was delivered.
    pub fn has_part(&self, digest: u64, now_ms: u64) -> bool {
        self.store.has_part(digest, now_ms)
    }

    /// Whether exchanges that only wait for an optional report are no longer opened.
    pub fn is_crowded(&self, share: u64) -> bool {
        self.store.is_crowded(share)
    }

    /// The next value of one of the bucket's counters.
    pub fn next_number(&mut self, sequence: Sequence) -> u8 {
        self.store.next_number(sequence)
    }

    /// The exchanges of this kind, oldest first.
    fn all<E: TryFrom<Exchange>>(&self, kind: Kind) -> impl Iterator<Item = E> + '_ {
        let mut next = self.store.oldest(kind);
        let kept = core::iter::from_fn(move || {
            let exchange = next?;
            next = self.store.next_oldest(exchange.key());
            Some(exchange)
        });
        let kept = kept.filter_map(|exchange| match self.change_of(exchange.key()) {
            None => Some(exchange),
            Some(Change::Updated(exchange) | Change::Rewritten(exchange, _)) => Some(*exchange),
            Some(_) => None,
        });
        let opened = self.changes.iter().filter_map(|change| match change {
            Change::Opened(exchange, _) => Some(*exchange),
            _ => None,
        });
        kept.chain(opened)
            .filter_map(|exchange| E::try_from(exchange).ok())
    }

    fn change_of(&self, key: ExchangeKey) -> Option<&Change> {
        self.changes.iter().find(|change| change.key() == Some(key))
    }

    fn change_mut(&mut self, key: ExchangeKey) -> Option<&mut Change> {
        self.changes
            .iter_mut()
            .find(|change| change.key() == Some(key))
    }
}

/// The named queries. Each gives the exchanges oldest first.
impl View<'_> {
    /// The short messages of this identity with this digest.
    pub fn sms_by_digest(
        &self,
        identity: IdentityKey,
        digest: u64,
    ) -> impl Iterator<Item = SmToIm> + '_ {
        self.all::<SmToIm>(Kind::SmToIm)
            .filter(move |sm| sm.digest == digest && sm.header.identity == identity)
    }

    /// The short messages that complete the message of these parts.
    pub fn sms_completing(&self, group: Group) -> impl Iterator<Item = SmToIm> + '_ {
        self.all::<SmToIm>(Kind::SmToIm).filter(move |sm| {
            let completes = sm.completes.map(core::num::NonZeroU64::get);
            completes == Some(group.concatenation) && sm.header.identity == group.identity
        })
    }

    /// The requests that get their reports with this exchange.
    pub fn repetitions_of(&self, first: ExchangeKey) -> impl Iterator<Item = SmToIm> + '_ {
        self.all::<SmToIm>(Kind::SmToIm)
            .filter(move |sm| sm.state == SmToImState::Repetition { first })
    }

    /// The messages to this phone, or from this sender to a service centre.
    pub fn queue_of(&self, identity: IdentityKey, to: Party) -> impl Iterator<Item = ImToSm> + '_ {
        self.all::<ImToSm>(Kind::ImToSm)
            .filter(move |im| im.to == to && im.header.identity == identity)
    }

    /// The exchange that waits for a report with this RP-Message Reference.
    pub fn by_rp_mr(&self, identity: IdentityKey, to: Party, rp_mr: u8) -> Option<ImToSm> {
        self.queue_of(identity, to)
            .find(|im| im.awaits_report() && im.rp_mr == rp_mr)
    }

    /// The parts of a message that are before its last one.
    pub fn parts_before(&self, last: ExchangeKey) -> impl Iterator<Item = ImToSm> + '_ {
        self.all::<ImToSm>(Kind::ImToSm)
            .filter(move |im| im.last_part() == Some(last))
    }

    /// The kept parts of this identity, of whatever message.
    pub fn kept_parts_of(&self, identity: IdentityKey) -> impl Iterator<Item = KeptPart> + '_ {
        self.all::<KeptPart>(Kind::KeptPart)
            .filter(move |part| part.header.identity == identity)
    }

    /// The parts of one message that no exchange has relayed.
    pub fn parts_of(&self, group: Group) -> impl Iterator<Item = KeptPart> + '_ {
        self.all::<KeptPart>(Kind::KeptPart)
            .filter(move |part| part.waits_for(group))
    }

    /// The parts that the exchange that completed their message has claimed.
    pub fn parts_relayed_with(&self, exchange: ExchangeKey) -> impl Iterator<Item = KeptPart> + '_ {
        self.all::<KeptPart>(Kind::KeptPart)
            .filter(move |part| part.went_with(exchange))
    }

    /// The notifications about messages of this identity.
    pub fn notifications_of(
        &self,
        identity: IdentityKey,
    ) -> impl Iterator<Item = Notification> + '_ {
        self.all::<Notification>(Kind::Notification)
            .filter(move |notification| notification.header.identity == identity)
    }

    /// The stored messages for this recipient that are in memory.
    pub fn stored_for(&self, identity: IdentityKey) -> impl Iterator<Item = StoredMessage> + '_ {
        self.all::<StoredMessage>(Kind::StoredMessage)
            .filter(move |message| message.header.identity == identity)
    }

    /// The messages of this sender that a service centre has.
    pub fn submitted_by(&self, identity: IdentityKey) -> impl Iterator<Item = Submitted> + '_ {
        self.all::<Submitted>(Kind::Submitted)
            .filter(move |kept| kept.header.identity == identity)
    }

    /// The message that a service centre has under this TP-Message-Reference.
    pub fn by_tp_mr(
        &self,
        identity: IdentityKey,
        tp_mr: u8,
    ) -> impl Iterator<Item = Submitted> + '_ {
        self.submitted_by(identity)
            .filter(move |kept| kept.tp_mr == tp_mr)
    }

    /// The parts of this message that a service centre has.
    pub fn submitted_of(&self, message: ExchangeKey) -> impl Iterator<Item = Submitted> + '_ {
        self.all::<Submitted>(Kind::Submitted)
            .filter(move |kept| kept.message == message)
    }
}

#[cfg(test)]
mod tests;
