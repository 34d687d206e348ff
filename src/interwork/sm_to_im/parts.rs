//! SM -> IM, long: the parts that come in RP-DATA of their own, until they are one text (rows MT-6,
//! MT-7).
//!
//! A part is kept and acknowledged. The one that completes the message is relayed with the whole text
//! and claims the others: they go when it has arrived, and are kept for another attempt when it has not.

use core::fmt::Write as _;

use crate::host::{
    Exchange, ExchangeId, Full, Identity, Kind, Octets, Party, State, TransactionId,
};
use crate::interwork::action::{Action, Counter, Verdict};
use crate::interwork::handle::Turn;
use crate::interwork::input::{PartIn, PreparedSm};
use crate::interwork::make::instant_message::Form;
use crate::interwork::rules::causes::defaults::Told;
use crate::interwork::rules::coding::DcsCharsets;
use crate::interwork::sm_to_im::exchange::REPETITION_MS;
use crate::wire::{Carrier, Direction, Parts, TpScts, TpSt, Tpdu, UserData};

/// How many parts of one sender are kept at once: two messages of the greatest length (row AUT-6).
const MAX_KEPT: usize = 510;

/// The parts of one message that no other exchange has claimed.
#[derive(Clone, Copy)]
struct Group {
    identity: Identity,
    concatenation: u64,
}

impl Group {
    fn has(&self, part: &Exchange) -> bool {
        part.whole.is_none()
            && part.concatenation == self.concatenation
            && part.identity == self.identity
    }
}

impl Turn<'_> {
    /// A part that no exchange has relayed.
    pub(crate) fn part(&mut self, sm: &PreparedSm, part: &PartIn, transaction: TransactionId) {
        let group = Group {
            identity: sm.identity,
            concatenation: part.concatenation,
        };
        let (mut repeated, mut reused) = (None, false);
        let (mut kept, mut kept_of_group) = (0, 0);
        // Sees them all.
        self.store.find(Kind::Part, &mut |other| {
            kept += usize::from(other.identity == sm.identity);
            if other.digest == sm.digest {
                repeated = Some(TpScts::from_unix(other.unix, other.zone));
            }
            if group.has(other) {
                kept_of_group += 1;
                reused |= other.sequence == part.sequence && other.digest != sm.digest;
            }
            false
        });
        let now = TpScts::from_unix(self.now.unix, self.now.zone);
        if repeated.is_some() || self.store.recalls_part(sm.digest, self.now.monotonic_ms) {
            self.count(Counter::SmRepeated);
            self.reply(202, false, Verdict::Answered);
            return self.report_at_once(sm, Told::Ack, repeated.unwrap_or(now));
        }
        if reused {
            self.incomplete(group);
            kept_of_group = 0;
        }
        if kept_of_group + 1 == usize::from(part.total) {
            return self.complete(sm, group, transaction);
        }
        // Without its recipient, which was too long to be kept, the text could not be sent.
        let may_be_kept = kept < MAX_KEPT && !sm.recipient.as_str().is_empty();
        let inserted = match may_be_kept {
            true => self.store.insert(Exchange {
                concatenation: part.concatenation,
                sequence: part.sequence,
                ..sm.exchange(Kind::Part, State::Kept, self.now)
            }),
            false => Err(Full::Table),
        };
        let id = match inserted {
            Ok(id) => id,
            Err(full) => {
                self.count(full.into());
                self.reply(202, false, Verdict::Refused);
                let told = self.gateway.policy.causes.sip_to_rp(503, sm.party);
                return self.report_at_once(sm, told, now);
            }
        };
        if kept_of_group == 0 {
            let deadline = self.now.monotonic_ms + self.gateway.policy.concat_timeout_ms;
            self.store.wake_at(id, deadline);
        }
        self.count(Counter::SmPart);
        self.reply(202, false, Verdict::Answered);
        self.report_at_once(sm, Told::Ack, now);
    }

    /// The part with which the message is complete: it is relayed with the text of all.
    fn complete(&mut self, sm: &PreparedSm, group: Group, transaction: TransactionId) {
        let mut tpdus = self.tpdus(|part| group.has(part));
        tpdus.push(sm.tpdu);
        let Some(text) = joined(&self.gateway.policy.dcs_charsets, sm.party, &tpdus) else {
            // Each part was text when it came.
            self.count(Counter::SmFailed);
            self.reply(202, false, Verdict::Refused);
            let scts = TpScts::from_unix(self.now.unix, self.now.zone);
            return self.report_at_once(
                sm,
                self.gateway.policy.causes.sip_to_rp(500, sm.party),
                scts,
            );
        };
        let Some(id) = self.relay(sm, transaction, Some(text)) else {
            return;
        };
        if let Some(exchange) = self.store.get_mut(id) {
            exchange.concatenation = group.concatenation;
        }
        self.each_part(|part| group.has(part), |part| part.whole = Some(id));
    }

    /// What an exchange carries: its own TPDU, and those of the parts that it completes.
    pub(crate) fn tpdus_of(&mut self, id: ExchangeId, exchange: &Exchange) -> Vec<Octets<254>> {
        let mut tpdus = self.tpdus(|part| part.whole == Some(id));
        tpdus.push(exchange.pdu);
        tpdus
    }

    fn tpdus(&mut self, fits: impl Fn(&Exchange) -> bool) -> Vec<Octets<254>> {
        let mut found = Vec::new();
        self.store.find(Kind::Part, &mut |part| {
            if fits(part) {
                found.push(part.pdu);
            }
            false
        });
        found
    }

    /// Changes each part that fits, so that it fits no more. The oldest one's id.
    fn each_part(
        &mut self,
        fits: impl Fn(&Exchange) -> bool,
        mut change: impl FnMut(&mut Exchange),
    ) -> Option<ExchangeId> {
        let mut first = None;
        while let Some(id) = self.store.find(Kind::Part, &mut |part| fits(part)) {
            first = first.or(Some(id));
            if let Some(part) = self.store.get_mut(id) {
                change(part);
            }
        }
        first
    }

    /// The message that this exchange completed has arrived: a repetition of a part is known as such.
    pub(crate) fn parts_delivered(&mut self, whole: ExchangeId, status: TpSt) {
        self.end_parts(|part| part.whole == Some(whole), status);
    }

    /// The same of the part that completed it.
    pub(crate) fn last_part_delivered(&mut self, whole: ExchangeId) {
        let exchange = self.store.get_mut(whole);
        if let Some(exchange) = exchange.filter(|exchange| exchange.concatenation != 0) {
            let (digest, until) = (exchange.digest, self.now.monotonic_ms + REPETITION_MS);
            self.store.remember_part(digest, until);
        }
    }

    fn end_parts(&mut self, fits: impl Fn(&Exchange) -> bool, status: TpSt) {
        while let Some(id) = self.store.find(Kind::Part, &mut |part| fits(part)) {
            if let Some(part) = self.store.get_mut(id).copied() {
                let until = self.now.monotonic_ms + REPETITION_MS;
                self.store.remember_part(part.digest, until);
                self.report_status(&part, status);
            }
            self.store.remove(id);
        }
    }

    /// The message that this exchange completed has not arrived, and its sender knows: when the sender
    /// tries again, with that part alone, the others are still there.
    pub(crate) fn parts_not_delivered(&mut self, whole: ExchangeId) {
        let Some(exchange) = self.store.get_mut(whole) else {
            return;
        };
        let status = match exchange.status {
            0 => 500,
            status => status,
        };
        let group = Group {
            identity: exchange.identity,
            concatenation: exchange.concatenation,
        };
        if self
            .store
            .find(Kind::Part, &mut |part| group.has(part))
            .is_some()
        {
            // Another message has the reference by now.
            let status = self.gateway.policy.causes.sip_to_status(status);
            return self.end_parts(|part| part.whole == Some(whole), status);
        }
        let first = self.each_part(
            |part| part.whole == Some(whole),
            |part| {
                part.whole = None;
                part.status = status;
            },
        );
        if let Some(first) = first {
            let deadline = self.now.monotonic_ms + self.gateway.policy.concat_timeout_ms;
            self.store.wake_at(first, deadline);
        }
    }

    /// The time that all parts have is over.
    pub(crate) fn part_due(&mut self, first: ExchangeId) {
        let Some(part) = self.store.get_mut(first) else {
            return;
        };
        let group = Group {
            identity: part.identity,
            concatenation: part.concatenation,
        };
        if part.whole.is_some() {
            // It is with the exchange that claims it, and that one ends in time of its own.
            let again = self.now.monotonic_ms + self.gateway.policy.concat_timeout_ms;
            return self.store.wake_at(first, again);
        }
        self.incomplete(group);
    }

    /// No further part will come. What is there goes to the recipient with a mark for each gap, unless the
    /// sender was told before that the message had failed.
    fn incomplete(&mut self, group: Group) {
        let Some(id) = self.store.find(Kind::Part, &mut |part| group.has(part)) else {
            return;
        };
        let Some(first) = self.store.get_mut(id).copied() else {
            return;
        };
        self.count(Counter::SmIncomplete);
        let status = match first.status {
            0 if self.gateway.policy.deliver_incomplete => {
                let tpdus = self.tpdus(|part| group.has(part));
                let message = self.gateway.instant_message(id, &first, &tpdus, Form::Text);
                if let Some(message) = message {
                    self.actions.push(Action::Send {
                        exchange: None,
                        message,
                    });
                }
                TpSt::Forwarded
            }
            0 => TpSt::ValidityPeriodExpired,
            status => self.gateway.policy.causes.sip_to_status(status),
        };
        self.end_parts(|part| group.has(part), status);
        self.start_next(&group.identity, Party::Phone);
    }
}

pub(crate) fn tpdu(party: Party, octets: &Octets<254>) -> Option<Tpdu<'_>> {
    let direction = match party {
        Party::Phone => Direction::MsToNetwork,
        Party::ServiceCentre => Direction::NetworkToMs,
    };
    Tpdu::decode(direction, Carrier::RpData, octets.as_slice()).ok()
}

/// The text of these parts of one message, or of the one short message that it is.
pub(crate) fn joined(
    charsets: &DcsCharsets,
    party: Party,
    tpdus: &[Octets<254>],
) -> Option<String> {
    let user_data: Vec<UserData<'_>> = tpdus
        .iter()
        .filter_map(|octets| match tpdu(party, octets)? {
            Tpdu::Submit(submit) => Some(submit.user_data),
            Tpdu::Deliver(deliver) => Some(deliver.user_data),
            _ => None,
        })
        .collect();
    let first = user_data.first()?;
    let Some(place) = first.concatenation().filter(|place| place.total > 1) else {
        return charsets.text(first).ok();
    };
    let mut parts = Parts::of(&place);
    for part in user_data {
        parts.insert(part);
    }
    let mut text = String::with_capacity(160 * usize::from(place.total));
    let gap = |number: usize, out: &mut String| {
        // Writing to a String does not fail.
        let _ = write!(out, "[… {number}/{} missing]", place.total);
    };
    let read = |part: &UserData<'_>, out: &mut String| charsets.text_into(part, out);
    parts.text_with_gaps(gap, read, &mut text).ok()?;
    Some(text)
}
