//! SM -> IM, long messages: each part comes in its own RP-DATA and is stored until the message is complete (rows
//! MT-6, MT-7).
//!
//! A part is stored and acknowledged. The part that completes the message is relayed with the whole text and claims
//! the other parts. They are removed after delivery, and kept for another attempt after a failure.

use core::num::NonZeroU64;
use std::collections::HashSet;

use crate::base::Octets;
use crate::exchange::{
    ExchangeKey, Full, Group, KeptPart, KeptPartState, KeptPartTexts, Kind, NEVER, Now, OwedReport,
    Party, ReplyTo, SmToIm, SmToImState, Stored, Texts, TransactionId,
};
use crate::interwork::charging::Interworking;
use crate::interwork::counter::Counter;
use crate::interwork::handle::Turn;
use crate::interwork::input::{PartIn, TranslatedSm};
use crate::interwork::make::instant_message::is_anonymous;
use crate::interwork::make::joined::joined;
use crate::interwork::make::outgoing::ReportOut;
use crate::interwork::rules::causes::defaults::RpOutcome;
use crate::interwork::sm_to_im::exchange::{Joined, WhenWhole};
use crate::interwork::sm_to_im::outcome::{REPETITION_MS, told};
use crate::interwork::sm_to_im::status_report::Reported;
use crate::interwork::step::{Effect, Verdict};
use crate::wire::{Carrier, Direction, TpScts, TpSt, Tpdu};

/// The largest number of stored parts of one sender: two messages of the greatest length (row AUT-6).
const MAX_KEPT: usize = 510;

/// Milliseconds that parts wait when the last missing one has been taken up: the exchange that has delivered their message may be taken up next.
const JOINED_AFTER_MS: u64 = 1_000;

/// Milliseconds that parts wait at least for the last part of their message after a failure or a crash: its sender has a report of
/// failure, or none, and repeats it within 45 s (TR1M, TS 24.011 §10).
const LAST_PART_AGAIN_MS: u64 = 60_000;

/// Milliseconds, from its submission on, that the others wait for a part that has no place in memory.
const WITHOUT_PLACE_MS: u64 = 600_000;

/// The least that they wait at once, in milliseconds: longer than from one look for places to the next.
const LEAST_WAIT_MS: u64 = 10_000;

impl TranslatedSm {
    /// The record of a stored part.
    fn kept_part(&self, key: ExchangeKey, part: &PartIn, now: Now) -> KeptPart {
        KeptPart {
            header: self.header(key),
            state: KeptPartState::Waiting,
            sender: self.party,
            private: is_anonymous(&self.translation.from),
            zone: now.zone,
            sequence: part.sequence,
            unix: now.unix,
            digest: self.digest,
            concatenation: part.concatenation,
            owed: None,
        }
    }
}

impl Turn<'_> {
    /// Stores a part that no exchange has relayed.
    pub(crate) fn part(
        &mut self,
        sm: &TranslatedSm,
        part: &PartIn,
        transaction: TransactionId,
        when_whole: WhenWhole,
    ) {
        let request = ReplyTo::Transaction(transaction);
        let group = Group {
            identity: sm.key,
            concatenation: part.concatenation,
        };
        if self.repeats_part(sm, transaction) {
            return;
        }
        let mut reused = false;
        let (mut kept, mut kept_of_group) = (0, 0);
        for other in self.view.kept_parts_of(group.identity) {
            kept += 1;
            if other.waits_for(group) {
                kept_of_group += 1;
                reused |= other.sequence == part.sequence;
            }
        }
        let now = self.now_as_scts();
        if reused {
            self.incomplete(group);
            kept_of_group = 0;
        }
        if kept_of_group + 1 == usize::from(part.total) {
            return match when_whole {
                WhenWhole::Relay => self.complete(sm, group, transaction),
                WhenWhole::Store => self.store_complete(sm, group, transaction),
            };
        }
        if let Some(status @ 300..) = sm.outcome
            && !self.may_store_sm(sm.party, status)
        {
            return self.part_refused(sm, transaction, status);
        }
        let texts = KeptPartTexts {
            identity: sm.identity.as_str(),
            sender: sm.address.as_str(),
            hop: sm.hop.as_str(),
            recipient: sm.recipient.as_str(),
            call_id: if self.gateway.keeps {
                sm.call_id.as_str()
            } else {
                ""
            },
            tpdu: sm.tpdu.as_slice(),
        };
        // Without the recipient (too long to be stored), the text could not be sent.
        let may_be_kept = kept < MAX_KEPT && !texts.recipient.is_empty();
        let place = match may_be_kept {
            true => self
                .view
                .take_place(Kind::KeptPart, sm.share, texts.packed_len()),
            false => Err(Full::Table),
        };
        let key = match place {
            Ok(key) => key,
            Err(full) => return self.no_place(sm, Interworking::SmToIm, transaction, full),
        };
        let mut kept = sm.kept_part(key, part, self.now);
        if kept_of_group == 0 {
            kept.header.due_ms = self.now.unix_ms + self.gateway.policy.concat_timeout_ms;
        }
        self.count(Counter::SmPart);
        if self.gateway.keeps {
            kept.header.stored = Stored::Asked;
            kept.owed = Some(OwedReport {
                transaction,
                rp_mr: sm.rp_mr,
                is_answered: false,
            });
            self.view.open(kept, texts.pack());
            self.effects.push(Effect::Store {
                exchange: key,
                waits: Some(transaction),
            });
            self.verdict = Verdict::Answered;
            return;
        }
        self.view.open(kept, texts.pack());
        self.answer(request, 202, false, Verdict::Answered);
        self.report_at_once(sm, RpOutcome::Ack, now);
    }

    /// Whether the short message is a part that is stored here, or that was delivered with its message. If so, the request is
    /// answered and reported here.
    pub(crate) fn repeats_part(&mut self, sm: &TranslatedSm, transaction: TransactionId) -> bool {
        let mut kept = self.view.kept_parts_of(sm.key);
        let first = kept.find(|other| other.digest == sm.digest);
        drop(kept);
        if first.is_none() && !self.view.has_part(sm.digest, self.now.unix_ms) {
            return false;
        }
        self.count(Counter::SmRepeated);
        let scts = match first {
            Some(first) if first.owed.is_some() => {
                self.repeated_early(sm, first, transaction);
                return true;
            }
            Some(first) => TpScts::from_unix(first.unix, first.zone),
            None => self.now_as_scts(),
        };
        let request = ReplyTo::Transaction(transaction);
        self.answer(request, 202, false, Verdict::Answered);
        self.report_at_once(sm, RpOutcome::Ack, scts);
        true
    }

    /// A part comes again before it is in the database: the later request gets the report.
    fn repeated_early(
        &mut self,
        sm: &TranslatedSm,
        mut part: KeptPart,
        transaction: TransactionId,
    ) {
        if let Some(earlier) = &mut part.owed {
            self.answer_part(earlier, Verdict::Answered);
        }
        part.owed = Some(OwedReport {
            transaction,
            rp_mr: sm.rp_mr,
            is_answered: false,
        });
        let key = part.header.key;
        if let Some(texts) = self.view.texts(key) {
            let texts = KeptPartTexts {
                call_id: sm.call_id.as_str(),
                ..KeptPartTexts::of(&texts)
            };
            if !self.view.rewrite(part, texts.pack()) {
                self.view.update(part);
            }
        }
        self.verdict = Verdict::Answered;
        if part.header.stored == Stored::No {
            // The database did not take it: its message is being delivered.
            return self.part_not_stored(part);
        }
        self.effects.push(Effect::Store {
            exchange: key,
            waits: Some(transaction),
        });
    }

    /// The part is in the database: its sender gets the RP-ACK.
    pub(crate) fn part_stored(&mut self, mut part: KeptPart) {
        self.acknowledge(&mut part, RpOutcome::Ack);
        // The other parts were taken up in between.
        let texts = self.view.texts(part.header.key);
        if texts.is_some_and(|texts| self.completes(&part, &texts)) {
            part.header.due_ms = self.now.unix_ms + JOINED_AFTER_MS;
        }
        self.view.update(part);
    }

    /// The database cannot take the part: its sender gets an RP-ERROR and keeps the part.
    pub(crate) fn part_not_stored(&mut self, mut part: KeptPart) {
        if let KeptPartState::Relayed { with } = part.state {
            return self.part_has_outcome_of(part, with);
        }
        self.refuse_part(&mut part);
        self.clock_goes_on(part.group());
    }

    /// The deleted part had the deadline for the whole message: another part gets one.
    pub(crate) fn clock_goes_on(&mut self, group: Group) {
        let rest: Vec<KeptPart> = self.view.parts_of(group).collect();
        if let Some(first) = rest.first()
            && rest.iter().all(|other| other.header.due_ms == NEVER)
        {
            let due_ms = self.now.unix_ms + self.gateway.policy.concat_timeout_ms;
            self.view.wake_at(first.header.key, due_ms);
        }
    }

    /// A part of a message has no place in memory yet: the other parts wait for it, but not for ever, because they take up places in memory.
    /// If it was acknowledged, its sender takes the message for sent, also after a report of failure.
    pub(crate) fn wait_for_part(&mut self, missing: &KeptPart) {
        let others: Vec<KeptPart> = self.view.parts_of(missing.group()).collect();
        // It has come again, or the others are parts of another message with the same reference.
        if others
            .iter()
            .any(|other| other.sequence == missing.sequence)
        {
            return;
        }
        let now_ms = self.now.unix_ms;
        let came_s = u64::try_from(missing.unix).unwrap_or(0);
        let waits = now_ms
            < came_s
                .saturating_mul(1_000)
                .saturating_add(WITHOUT_PLACE_MS);
        let wait_ms = self.gateway.policy.concat_timeout_ms.max(LEAST_WAIT_MS);
        for other in others {
            let mut part = other;
            if is_acknowledged(missing) {
                part.state = KeptPartState::Waiting;
            }
            // Not at each look: each change is written.
            if waits && part.header.due_ms < now_ms + wait_ms / 2 {
                part.header.due_ms = now_ms + wait_ms;
            }
            if part != other {
                self.view.update(part);
            }
        }
    }

    /// The message with this part is being delivered. The sender of the part gets the outcome of the message as its
    /// report. Only the SIP response cannot wait for the outcome.
    fn part_has_outcome_of(&mut self, mut part: KeptPart, message: ExchangeKey) {
        match self.get::<SmToIm>(message).map(|sm| sm.state) {
            Some(SmToImState::Reporting { outcome, .. } | SmToImState::Unconfirmed { outcome }) => {
                self.acknowledge(&mut part, told(outcome.rp_cause, outcome.tp_fcs));
            }
            _ => {
                if let Some(owed) = &mut part.owed {
                    self.answer_part(owed, Verdict::Taken);
                }
            }
        }
        self.view.update(part);
    }

    /// The part is not in the database: its sender gets an RP-ERROR and keeps the part.
    pub(super) fn refuse_part(&mut self, part: &mut KeptPart) {
        let told = self.gateway.policy.causes.sip_to_rp(503, part.sender);
        self.acknowledge(part, told);
        self.charge_refused_part(part, told);
        self.view.end(part.header.key);
    }

    /// A part of an earlier start, or of another node. Its sender has the RP-ACK, or repeats the part. If the whole message was being
    /// delivered, its last part got no RP-ACK: for the sender the message has failed, and the sender may repeat that part. None: this node
    /// has the part already, because its sender has repeated it.
    pub(crate) fn part_taken_up(&self, mut part: KeptPart, texts: &Texts) -> Option<KeptPart> {
        let mut others = self.view.kept_parts_of(part.header.identity);
        if others.any(|other| other.digest == part.digest)
            || self.view.has_part(part.digest, self.now.unix_ms)
        {
            return None;
        }
        part.owed = None;
        part.header.due_ms = self.now.unix_ms + self.gateway.policy.concat_timeout_ms;
        let mut completing = self.view.sms_completing(part.group());
        if let Some(sm) = completing.next() {
            part.state = KeptPartState::Relayed {
                with: sm.header.key,
            };
            return Some(part);
        }
        match part.state {
            KeptPartState::Relayed { .. } => {
                part.state = KeptPartState::WaitingAgain { status: 503 };
            }
            // The database did not take the stored message.
            KeptPartState::Storing { .. } => part.state = KeptPartState::Waiting,
            KeptPartState::Waiting | KeptPartState::WaitingAgain { .. } => {}
        }
        if let KeptPartState::WaitingAgain { .. } = part.state {
            let repeated_ms = self.now.unix_ms + LAST_PART_AGAIN_MS;
            part.header.due_ms = part.header.due_ms.max(repeated_ms);
        }
        if self.completes(&part, texts) {
            part.header.due_ms = self.now.unix_ms + JOINED_AFTER_MS;
        }
        Some(part)
    }

    /// Whether this node has all parts of the message now, and the database has them. Parts whose senders know that the message has failed
    /// are not joined alone.
    fn completes(&self, part: &KeptPart, texts: &Texts) -> bool {
        let others = self.view.parts_of(part.group());
        let others = others.filter(|other| other.header.key != part.header.key);
        let parts: Vec<KeptPart> = others.chain([*part]).collect();
        let sequences: HashSet<u8> = parts.iter().map(|part| part.sequence).collect();
        parts.iter().all(|part| part.owed.is_none())
            && parts.iter().any(is_acknowledged)
            && total(part.sender, KeptPartTexts::of(texts).tpdu) == Some(sequences.len())
    }

    /// Another node joins the parts of this sender now: a waiting part leaves memory, and that node takes it up. For a part that is not in
    /// the database yet, the host gives this input again.
    pub(crate) fn hand_over(&mut self, key: ExchangeKey) {
        let Some(part) = self.get::<KeptPart>(key) else {
            return;
        };
        if !part.is_claimed() && part.owed.is_none() && part.header.stored == Stored::Yes {
            self.view.release(key);
            self.clock_goes_on(part.group());
        }
    }

    /// Sends the sender of a part the response and the report that are still missing.
    fn acknowledge(&mut self, part: &mut KeptPart, told: RpOutcome) {
        let Some(mut owed) = part.owed.take() else {
            return;
        };
        self.answer_part(&mut owed, Verdict::Taken);
        let Some(texts) = self.view.texts(part.header.key) else {
            return;
        };
        let scts = TpScts::from_unix(part.unix, part.zone);
        let texts = KeptPartTexts::of(&texts);
        let report = ReportOut::on(texts, part.sender, owed.rp_mr, told, scts);
        self.send_only(&report);
    }

    /// Sends the SIP response to the request of a part, once.
    fn answer_part(&mut self, owed: &mut OwedReport, verdict: Verdict) {
        if !owed.is_answered {
            owed.is_answered = true;
            let request = ReplyTo::Transaction(owed.transaction);
            self.answer(request, 202, false, verdict);
        }
    }

    /// This part completes the message: it is relayed with the whole text.
    fn complete(&mut self, sm: &TranslatedSm, group: Group, transaction: TransactionId) {
        let parts: Vec<KeptPart> = self.view.parts_of(group).collect();
        let mut tpdus = self.tpdus(&parts);
        tpdus.push(sm.tpdu);
        let Some(text) = joined(&self.gateway.policy.dcs_charsets, sm.party, &tpdus) else {
            // Each part was text when it came.
            self.count(Counter::SmFailed);
            let request = ReplyTo::Transaction(transaction);
            self.answer(request, 202, false, Verdict::Refused);
            let told = self.gateway.policy.causes.sip_to_rp(500, sm.party);
            self.charge_refused_sm(sm, Interworking::SmToIm, told);
            return self.report_at_once(sm, told, self.now_as_scts());
        };
        let headers = sm.headers.as_ref();
        let headers = headers.map(|fields| self.gateway.headers(&sm.translation.from, fields));
        let joined = Joined {
            text,
            headers: headers.unwrap_or_default(),
        };
        let Some(mut exchange) = self.relay(sm, transaction, Some(joined)) else {
            return;
        };
        exchange.completes = NonZeroU64::new(group.concatenation);
        self.view.update(exchange);
        self.claim_parts(parts, exchange.header.key);
    }

    /// These parts go with the exchange that completes their message.
    pub(crate) fn claim_parts(&mut self, parts: Vec<KeptPart>, with: ExchangeKey) {
        for mut part in parts {
            part.state = KeptPartState::Relayed { with };
            self.view.update(part);
        }
    }

    /// The TPDUs of an exchange: its own, and those of the parts that it has claimed.
    pub(crate) fn tpdus_of(&self, key: ExchangeKey, own: &[u8]) -> Vec<Octets<254>> {
        let parts: Vec<KeptPart> = self.view.parts_relayed_with(key).collect();
        let mut tpdus = self.tpdus(&parts);
        tpdus.extend(Octets::new(own));
        tpdus
    }

    pub(super) fn tpdus(&self, parts: &[KeptPart]) -> Vec<Octets<254>> {
        let texts = parts
            .iter()
            .filter_map(|part| self.view.texts(part.header.key));
        texts
            .filter_map(|texts| Octets::new(KeptPartTexts::of(&texts).tpdu))
            .collect()
    }

    /// The whole message was delivered: the digests of its parts are remembered, so that repetitions are recognized.
    pub(crate) fn parts_delivered(&mut self, message: ExchangeKey, status: Option<TpSt>) {
        let parts = self.view.parts_relayed_with(message).collect();
        self.end_parts(parts, status);
    }

    /// The same for the part that completed the message.
    pub(crate) fn last_part_delivered(&mut self, sm: &SmToIm) {
        if sm.completes.is_some() {
            let until_ms = self.now.unix_ms + REPETITION_MS;
            self.view.remember_part(sm.digest, until_ms);
        }
    }

    /// Ends these parts, and remembers them. `status`: of the status reports on them.
    pub(crate) fn end_parts(&mut self, parts: Vec<KeptPart>, status: Option<TpSt>) {
        let until_ms = self.now.unix_ms + REPETITION_MS;
        for part in &parts {
            self.view.remember_part(part.digest, until_ms);
        }
        self.drop_parts(parts, status);
    }

    /// Ends these parts without remembering them: one that comes again is taken as new. Otherwise its sender would get RP-ACK for a part that
    /// nobody has.
    pub(crate) fn drop_parts(&mut self, parts: Vec<KeptPart>, status: Option<TpSt>) {
        for mut part in parts {
            // The outcome of the message is known before the part is written.
            self.acknowledge(&mut part, RpOutcome::Ack);
            if let (Some(texts), Some(status)) = (self.view.texts(part.header.key), status) {
                let reported = Reported::part(&part, KeptPartTexts::of(&texts));
                self.report_status(&reported, status);
            }
            self.view.end(part.header.key);
        }
    }

    /// Another node has this message, which has its outcome, but not those of its parts that the database does not have: their sender
    /// gets the outcome here.
    pub(crate) fn end_unwritten_parts(&mut self, sm: &SmToIm) {
        let (SmToImState::Reporting { outcome, .. } | SmToImState::Unconfirmed { outcome }) =
            sm.state
        else {
            return;
        };
        let parts = self.view.parts_relayed_with(sm.header.key);
        let parts: Vec<KeptPart> = parts
            .filter(|part| part.header.stored != Stored::Yes)
            .collect();
        if outcome.rp_cause.is_none() {
            return self.end_parts(parts, None);
        }
        for mut part in parts {
            self.acknowledge(&mut part, told(outcome.rp_cause, outcome.tp_fcs));
            self.view.end(part.header.key);
        }
    }

    /// The whole message was not delivered, and its sender has the failure. The other parts are kept: the sender may
    /// repeat the last part alone.
    pub(crate) fn parts_not_delivered(&mut self, sm: &SmToIm, status: u16) {
        let Some(concatenation) = sm.completes else {
            return;
        };
        let group = Group {
            identity: sm.header.identity,
            concatenation: concatenation.get(),
        };
        let parts: Vec<KeptPart> = self.view.parts_relayed_with(sm.header.key).collect();
        let told = self.gateway.policy.causes.sip_to_rp(status, sm.sender);
        let (owed, parts) = owed_first(parts);
        // These parts are not in the database: their sender has to send them again.
        for mut part in owed {
            self.acknowledge(&mut part, told);
            self.view.end(part.header.key);
        }
        if self.view.parts_of(group).next().is_some() {
            // Another message uses the same reference now.
            let status = self.gateway.policy.causes.sip_to_status(status);
            return self.end_parts(parts, Some(status));
        }
        let waits_ms = self
            .gateway
            .policy
            .concat_timeout_ms
            .max(LAST_PART_AGAIN_MS);
        let deadline = self.now.unix_ms + waits_ms;
        for (place, mut part) in parts.into_iter().enumerate() {
            part.state = KeptPartState::WaitingAgain { status };
            // Each part that was taken up, or that came first, has an earlier deadline of its own.
            part.header.due_ms = if place == 0 { deadline } else { NEVER };
            self.view.update(part);
        }
    }
}

/// The parts whose senders wait until they are in the database, and the others.
pub(super) fn owed_first(parts: Vec<KeptPart>) -> (Vec<KeptPart>, Vec<KeptPart>) {
    parts.into_iter().partition(|part| part.owed.is_some())
}

/// Whether the sender of a part has its RP-ACK, and has not heard since that the message failed.
pub(super) fn is_acknowledged(part: &KeptPart) -> bool {
    part.state == KeptPartState::Waiting
}

/// How many parts the message of this TPDU has.
fn total(sender: Party, tpdu: &[u8]) -> Option<usize> {
    let direction = match sender {
        Party::Phone => Direction::MsToNetwork,
        Party::ServiceCentre => Direction::NetworkToMs,
    };
    let place = match Tpdu::decode(direction, Carrier::RpData, tpdu).ok()? {
        Tpdu::Submit(submit) => submit.user_data.concatenation(),
        Tpdu::Deliver(deliver) => deliver.user_data.concatenation(),
        _ => None,
    };
    place.map(|place| usize::from(place.total))
}
