//! The book of a short message from a phone to another phone, on its recipient's side. The sender's side is in `sm.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ipsmgw::exchange::{
    Exchange, ExchangeKey, ImToSmTexts, Kind, SmToIm, SmToImState, Stored, StoredMessageTexts,
    StoredPart, Texts,
};
use ipsmgw::sip::MessageOut;
use ipsmgw::wire::{
    Carrier, Direction, RpMessage, SmsDeliver, SmsStatusReport, SmsSubmit, TpSt, Tpdu,
};

use super::im::is_as_written;
use super::sm::{REMEMBERED, Request, SmPart};
use super::{Book, Books, Says, Sm, Subject};
use crate::texts::number_in;
use crate::world::{Address, World};

/// A part of a short message, on its way to the recipient's phone.
#[derive(Default)]
pub(super) struct Leg {
    /// How often RP-DATA with it went out.
    sent: u32,
    /// How often each device shows it.
    shown: BTreeMap<Address, u32>,
    /// When the gateway has taken the recipient's RP-ACK. A crash may cut that off.
    acked_ms: Option<u64>,
    /// RP-DATA without a final response, by exchange and attempt.
    on_their_way: BTreeSet<(u64, u8)>,
    /// A phone has taken it in SIP. It may have it.
    has_2xx: bool,
    /// The gateway has decided on RP-ERROR, and the sender's phone has not asked again since.
    failed_ms: Option<u64>,
    /// The database has it as a part that waits for others, or had it.
    is_kept_part: bool,
    /// The stored messages with it.
    stored: Vec<ExchangeKey>,
    /// A report on another message fits this one.
    is_confused: bool,
    /// A crash has cut off what the gateway knew of it.
    is_cut: bool,
    /// The database has kept it over a crash that its sender's report did not reach, or it waits for its recipient's report when its outcome is
    /// forgotten, or RP-ERROR was said on one copy of a request alone: the sender's phone asks again, and the gateway takes that for another message.
    has_copies: bool,
    /// How many outcomes the gateway had remembered with the one of this part.
    remembered_at: Option<u64>,
    /// How often the gateway has forgotten its outcome, and has taken it for a new one: each one has its status report.
    pub(super) forgotten: usize,
}

/// A stored message.
#[derive(Default)]
pub(super) struct StoredLegs {
    number: usize,
    is_written: bool,
    /// It has its outcome; a crash may cut off the word about it.
    has_left: bool,
    has_ended: bool,
}

impl Leg {
    /// Whether a device of the recipient shows it.
    fn is_shown(&self) -> bool {
        !self.shown.is_empty()
    }

    /// Whether the gateway had the recipient's RP-ACK before this time.
    fn was_acked(&self, at_ms: u64) -> bool {
        self.acked_ms.is_some_and(|acked_ms| acked_ms < at_ms)
    }

    /// The recipient's phone has it, or may have it.
    const fn may_be_there(&self) -> bool {
        self.acked_ms.is_some() || self.has_2xx
    }

    /// Whether the gateway cannot know its outcome any more.
    fn is_forgotten(&self, outcomes: u64, otherwise: bool) -> bool {
        let remembered_at = self.remembered_at;
        remembered_at.map_or(otherwise, |at| outcomes - at >= REMEMBERED)
    }

    /// The gateway has lost its memory.
    pub(super) fn is_news(&mut self) {
        self.is_cut |= self.sent > 0;
        self.on_their_way.clear();
        self.acked_ms = None;
        self.remembered_at = None;
        self.failed_ms = None;
    }
}

/// The message and the part that an RP-DATA to a phone carries.
fn carried(rp_data: &[u8]) -> Option<(usize, usize)> {
    let (direction, rp) = RpMessage::decode(rp_data).ok()?;
    let Some(Ok(Tpdu::Deliver(deliver))) = rp.tpdu(direction) else {
        return None;
    };
    let place = deliver.user_data.concatenation();
    let part = place.map_or(0, |place| usize::from(place.sequence) - 1);
    Some((number_in(&deliver.user_data.text().ok()?)?, part))
}

/// The SMS-SUBMIT in these octets.
pub(super) fn submit_in(tpdu: &[u8]) -> Option<SmsSubmit<'_>> {
    match Tpdu::decode(Direction::MsToNetwork, Carrier::RpData, tpdu) {
        Ok(Tpdu::Submit(submit)) => Some(submit),
        _ => None,
    }
}

impl Sm {
    fn leg(&self, part: usize) -> Option<&Leg> {
        self.legs.get(part)
    }
}

impl Books {
    /// This message goes to a phone.
    pub(crate) fn goes_to_phone(&mut self, number: usize) {
        if let Some(sm) = self.sm_mut(number) {
            sm.legs.resize_with(sm.parts.len(), Leg::default);
        }
    }

    /// Whether this is a part of a message to a phone.
    pub(crate) fn is_for_phone(&self, subject: Subject) -> bool {
        match subject {
            Subject::ShortMessage(number, part) => {
                self.sm(number).is_some_and(|sm| sm.leg(part).is_some())
            }
            _ => false,
        }
    }

    fn leg_mut(&mut self, subject: Subject) -> Option<&mut Leg> {
        match subject {
            Subject::ShortMessage(number, part) => self.sm_mut(number)?.legs.get_mut(part),
            _ => None,
        }
    }

    /// What an exchange is about that carries an RP-DATA; the same as before, if that is no short message to a phone.
    pub(crate) fn carried(&self, about: Subject, texts: &Texts) -> Subject {
        let Some((number, part)) = carried(ImToSmTexts::of(texts).rp_data) else {
            return about;
        };
        let leg = self.sm(number).and_then(|sm| sm.leg(part));
        leg.map_or(about, |_| Subject::ShortMessage(number, part))
    }

    /// The gateway opens an exchange for a message to a phone. `part_is_forgotten`: its memory for delivered
    /// parts had the part with this digest, and was too small.
    pub(crate) fn opens_for_phone(
        &mut self,
        exchange: &Exchange,
        texts: &Texts,
        about: Subject,
        part_is_forgotten: impl Fn(u64) -> bool,
    ) -> Result<(), String> {
        if self.leg_mut(about).is_none() {
            return Ok(());
        }
        let (digest, rp_mr) = match exchange {
            Exchange::SmToIm(SmToIm {
                state: SmToImState::Repetition { .. },
                ..
            }) => return Ok(()),
            Exchange::SmToIm(sm) => (sm.digest, Some(sm.rp_mr)),
            Exchange::KeptPart(part) => (part.digest, part.owed.map(|owed| owed.rp_mr)),
            Exchange::StoredMessage(message) => {
                self.is_to_be_stored(message.header.key, texts);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let outcomes = self.outcomes;
        let Subject::ShortMessage(number, part) = about else {
            return Ok(());
        };
        let Some(sm) = self.sm_mut(number) else {
            return Ok(());
        };
        let has_crashed = sm.forgotten > 0;
        let (Some(own), Some(leg)) = (sm.parts.get_mut(part), sm.legs.get_mut(part)) else {
            return Ok(());
        };
        if let Exchange::KeptPart(part) = exchange {
            // Without a database it is in memory alone.
            leg.is_kept_part |= part.header.stored == Stored::No;
        }
        leg.failed_ms = None;
        let was_dropped = std::mem::take(&mut own.is_dropped);
        let is_taken = leg.acked_ms.is_some() || own.is_acked && !own.is_refused && !was_dropped;
        let is_forgotten = leg.is_forgotten(outcomes, has_crashed || part_is_forgotten(digest));
        leg.forgotten += usize::from(is_taken && is_forgotten);
        // A request came before a crash and behind it: the phone has heard RP-ERROR on one copy and has taken another reference, and the
        // gateway may have the other copy.
        let came_twice = own.requests.iter().any(|request| request.has_copies);
        let is_another = |other: &Request| rp_mr.is_some_and(|rp_mr| rp_mr != other.rp_mr);
        leg.has_copies |= came_twice && own.requests.iter().any(is_another);
        if !is_taken || leg.is_confused || leg.has_copies {
            return Ok(());
        }
        if !is_forgotten {
            return Err(format!(
                "{number}: part {part} is taken for a new message, and it is delivered or stored"
            ));
        }
        // RP-ACK was said before the recipient's own: the gateway sends the first copy once more if that does not come. A crash ends this.
        let (acked_ms, remembered_at) = (leg.acked_ms.take(), leg.remembered_at.take());
        let waits = acked_ms.is_none() && remembered_at.is_some();
        leg.has_copies = waits || !leg.stored.is_empty() || !leg.on_their_way.is_empty();
        self.explain(
            "taken for a new message: the phone asked again behind a crash, or when more than 16 others had their outcome",
        );
        Ok(())
    }

    /// A stored message of several parts begins: behind a failure of one part, all of them go again.
    pub(crate) fn goes_again_to_phone(&mut self, number: usize) {
        if let Some(sm) = self.sm_mut(number) {
            for leg in &mut sm.legs {
                leg.acked_ms = None;
            }
        }
    }

    fn is_to_be_stored(&mut self, key: ExchangeKey, texts: &Texts) {
        for part in StoredPart::all(StoredMessageTexts::of(texts).content) {
            let Some(submit) = submit_in(part.tpdu) else {
                continue;
            };
            let place = submit.user_data.concatenation();
            let place = place.map_or(0, |place| usize::from(place.sequence) - 1);
            let text = submit.user_data.text().ok();
            let number = text.and_then(|text| number_in(&text));
            if let Some(number) = number
                && let Some(leg) = self.leg_mut(Subject::ShortMessage(number, place))
            {
                leg.stored.push(key);
                self.stored.entry(key).or_default().number = number;
            }
        }
    }

    /// The database has a row of this exchange.
    pub(crate) fn leg_is_written(&mut self, key: ExchangeKey, kind: Kind, subject: Subject) {
        if let Some(stored) = self.stored.get_mut(&key) {
            // It may have been refused while the transaction was under way: then its row goes again.
            stored.is_written |= !stored.has_left;
        }
        if kind == Kind::KeptPart
            && let Some(leg) = self.leg_mut(subject)
        {
            leg.is_kept_part = true;
        }
    }

    /// A stored message has its outcome, or was refused, and its row goes.
    pub(crate) fn stored_leg_leaves(&mut self, key: ExchangeKey) {
        if let Some(stored) = self.stored.get_mut(&key) {
            stored.has_left = true;
        }
    }

    /// The outcome of a stored message in the gateway's own words.
    pub(crate) fn stored_leg_ended(&mut self, key: ExchangeKey) {
        if let Some(stored) = self.stored.get_mut(&key) {
            stored.has_ended = true;
        }
    }

    /// The gateway has crashed. `is_kept`: the database has this exchange.
    pub(super) fn legs_crash(&mut self, is_kept: impl Fn(ExchangeKey) -> bool) {
        for (key, stored) in &mut self.stored {
            match is_kept(*key) {
                true => {
                    (stored.is_written, stored.has_left, stored.has_ended) = (true, false, false)
                }
                false => stored.has_ended |= stored.has_left,
            }
            if !is_kept(*key) {
                continue;
            }
            if let Some(Book::ShortMessage(sm)) = self.books.get_mut(stored.number) {
                let parts = sm.parts.iter().zip(&mut sm.legs);
                let is_in_it = |leg: &Leg| leg.stored.contains(key);
                for (_, leg) in
                    parts.filter(|(part, leg)| part.heard != Some(true) && is_in_it(leg))
                {
                    leg.has_copies = true;
                }
            }
        }
    }

    /// RP-DATA has its final response, or could not be sent.
    pub(crate) fn leg_answered(
        &mut self,
        subject: Subject,
        (key, attempt): (ExchangeKey, u8),
        status: u16,
    ) {
        if let Some(leg) = self.leg_mut(subject)
            && leg.on_their_way.remove(&(key.serial(), attempt))
        {
            leg.has_2xx |= (200..300).contains(&status);
        }
    }

    /// The gateway has taken a report of the recipient's phone.
    pub(super) fn leg_hears(&mut self, subject: Subject, says: Says, at_ms: u64) {
        if let Some(leg) = self.leg_mut(subject)
            && says == Says::Ack
        {
            leg.acked_ms.get_or_insert(at_ms);
        }
    }

    /// A report on another message fits this one.
    pub(super) fn leg_is_confused(&mut self, subject: Subject) {
        if let Some(leg) = self.leg_mut(subject) {
            leg.is_confused = true;
        }
    }

    /// The gateway remembers the outcome of this part.
    pub(super) fn leg_is_remembered(&mut self, subject: Subject) {
        let now = self.outcomes;
        if let Some(leg) = self.leg_mut(subject) {
            // A later outcome, or the news that the report on it is lost, takes the place of the first one, and is the newest.
            leg.remembered_at = Some(now);
        }
    }

    /// A phone shows a part; with the last one, the whole text.
    pub(super) fn leg_is_shown(
        &mut self,
        device: Address,
        number: usize,
        part: usize,
        whole: Option<&str>,
    ) -> Result<(), String> {
        let Some(sm) = self.sm_mut(number) else {
            return Ok(());
        };
        if let Some(whole) = whole {
            is_as_written(number, whole, &sm.text)?;
        }
        let Some(leg) = sm.legs.get_mut(part) else {
            return Err(format!("a phone shows {number}, which is not for phones"));
        };
        *leg.shown.entry(device).or_default() += 1;
        let (shown, sent) = (leg.shown.values().sum(), leg.sent);
        self.shown_by_now((number, part), shown, sent)
    }

    /// Whether the database has this part, or had it: by itself, or in a stored message.
    fn is_leg_kept(&self, leg: &Leg) -> bool {
        leg.is_kept_part || self.is_leg_stored(leg)
    }

    fn is_leg_stored(&self, leg: &Leg) -> bool {
        let is_written = |key: &ExchangeKey| {
            let stored = self.stored.get(key);
            stored.is_some_and(|stored| stored.is_written)
        };
        leg.stored.iter().any(is_written)
    }

    /// What the sender of this part is owed and did not get.
    pub(super) fn leg_owes(&self, sm: &Sm, place: usize, drops: bool) -> Option<String> {
        let (part, leg) = (sm.parts.get(place)?, sm.leg(place)?);
        if !part.is_acked || part.is_refused || leg.is_shown() {
            return None;
        }
        let written: Vec<&StoredLegs> = leg
            .stored
            .iter()
            .filter_map(|key| self.stored.get(key))
            .filter(|stored| stored.is_written)
            .collect();
        if !written.is_empty() {
            let has_ended = written.iter().any(|stored| stored.has_ended);
            return (!has_ended)
                .then(|| format!("part {place} was acknowledged and stored, and is lost"));
        }
        // It was kept for a message whose sender knows that it has failed.
        let is_known = sm.parts.iter().any(|part| part.is_refused);
        // Behind a crash the phone may miss the report on another part: then it knows that the message has failed.
        let is_cut = sm.forgotten > 0 && sm.parts.iter().any(|part| part.heard.is_none());
        // Others did not come, and the store had no place until its validity was over.
        if leg.is_kept_part && (drops || is_known || is_cut || part.has_expired) {
            return None;
        }
        (leg.sent == 0).then(|| format!("part {place} was acknowledged and is lost"))
    }
}

/// What the gateway says, checked when it says so.
impl World {
    /// RP-DATA with a part goes to the recipient's phone.
    pub(super) fn sends_leg(
        &mut self,
        exchange: ExchangeKey,
        attempt: u8,
        (number, part): (usize, usize),
        message: &MessageOut,
    ) {
        let decided_ms = self.decided_ms;
        let Some(sm) = self.books.sm(number) else {
            return;
        };
        let from = self.people[self.devices[sm.device].person].number.clone();
        let is_kept = sm
            .parts
            .get(part)
            .is_some_and(|part| are_fields_kept(part, &message.body, &from));
        let is_to = self.people[sm.recipient].uri == message.identity;
        let Some(leg) = self.books.leg_mut(Subject::ShortMessage(number, part)) else {
            return;
        };
        leg.sent += 1;
        leg.on_their_way.insert((exchange.serial(), attempt));
        let is_clear = !leg.is_confused && !leg.has_copies;
        let was_acked = leg.was_acked(decided_ms) && is_clear;
        let failed_ms = leg.failed_ms.filter(|_| is_clear);
        let has_failed = failed_ms.is_some_and(|failed_ms| failed_ms < decided_ms);
        if !is_kept {
            self.break_promise(format!(
                "{number}: part {part} has other fields than was written"
            ));
        } else if !is_to {
            self.break_promise(format!("{number}: part {part} goes to somebody else"));
        } else if was_acked {
            self.break_promise(format!(
                "{number}: part {part} is sent again although its recipient has acknowledged it"
            ));
        } else if has_failed {
            self.break_promise(format!(
                "{number}: part {part} goes to a phone behind its RP-ERROR"
            ));
        }
    }

    /// RP-ACK or RP-ERROR goes to the sender's phone.
    pub(super) fn reports_on_leg(
        &mut self,
        number: usize,
        (part, request): (usize, usize),
        is_ack: bool,
    ) {
        let (decided_ms, subject) = (self.decided_ms, Subject::ShortMessage(number, part));
        let outcomes = self.books.outcomes;
        let Some(sm) = self.books.sm_mut(number) else {
            return;
        };
        let Some(own) = sm.parts.get_mut(part) else {
            return;
        };
        let (was_acked, was_refused) = (own.is_acked, own.is_refused);
        (own.is_acked, own.is_refused) = (is_ack || was_acked, !is_ack);
        // It had its report before a crash. Its sender has asked with another reference since, and hears no report on this one.
        let is_given_up = own.requests.get(request).is_some_and(|copy| {
            let mut later = own.requests.iter().skip(request + 1);
            copy.was_reported && later.any(|other| other.rp_mr != copy.rp_mr)
        });
        // Behind a crash the gateway may have taken one copy of a request whose other copy has RP-ERROR: then the phone takes another reference.
        let is_another = |copy: &Request| own.requests.iter().any(|of| of.rp_mr != copy.rp_mr);
        let mut copies = own.requests.iter().filter(|request| request.has_copies);
        let came_twice = copies.any(is_another);
        let part_is_forgotten = own
            .digest
            .is_some_and(|digest| self.host.has_forgotten_part(digest, self.now_ms));
        let has_crashed = sm.forgotten > 0;
        let Some(leg) = self.books.sm(number).and_then(|sm| sm.leg(part)) else {
            return;
        };
        let is_kept = self.books.is_leg_kept(leg);
        let is_there = leg.may_be_there() || leg.is_cut || leg.is_confused;
        let is_forgotten = leg.is_forgotten(outcomes, has_crashed || part_is_forgotten);
        let is_confused = leg.is_confused || leg.has_copies || is_forgotten;
        let is_shown = leg.is_shown();
        let was_taken = leg.was_acked(decided_ms);
        match is_ack {
            true if is_there || is_kept || was_acked => {}
            true => self.break_promise(format!(
                "{number}: RP-ACK for part {part}, and neither its recipient nor the database has it"
            )),
            false if was_taken && !is_confused && is_given_up => {
                if let Some(own) = self.books.sm_mut(number).and_then(|sm| sm.parts.get_mut(part)) {
                    own.is_refused = was_refused;
                }
                self.books.explain("RP-ERROR on a copy of a request of before a crash, whose sender has asked with another reference since");
            }
            false if was_taken && !is_confused => self.break_promise(format!(
                "{number}: RP-ERROR for part {part}, and its recipient has acknowledged it"
            )),
            false => {
                if let Some(leg) = self.books.leg_mut(subject) {
                    leg.failed_ms = Some(decided_ms);
                    // The table was full, perhaps: the copy that the gateway has forgotten may be delivered.
                    leg.has_copies |= is_forgotten || came_twice;
                }
                if is_shown {
                    self.books.explain(match was_taken && is_forgotten {
                        true => "RP-ERROR, and a phone has it: the gateway has forgotten its outcome, and has refused it",
                        false => "RP-ERROR, and a phone has it: its report was cut off, late, or said so",
                    });
                }
            }
        }
    }

    /// A status report on a part goes to the sender's phone.
    pub(super) fn status_of_leg(
        &mut self,
        number: usize,
        part: usize,
        report: &SmsStatusReport<'_>,
    ) {
        let decided_ms = self.decided_ms;
        let Some(leg) = self.books.sm(number).and_then(|sm| sm.leg(part)) else {
            return;
        };
        let is_confused = leg.is_confused || leg.has_copies;
        let is_shown = leg.is_shown();
        let was_acked = leg.was_acked(decided_ms);
        let was_sent = leg.sent > 0 || self.books.is_leg_stored(leg);
        let is_in_parts = !leg.stored.is_empty()
            && self
                .books
                .sm(number)
                .is_some_and(|sm| sm.legs.iter().any(|other| !other.was_acked(decided_ms)));
        match u8::from(report.status) {
            0x00 if !is_shown && !is_confused => self.break_promise(format!(
                "{number}: status 00 for part {part}, and its recipient does not have it"
            )),
            0x01..0x20 if !was_sent && !is_confused => self.break_promise(format!(
                "{number}: status forwarded for part {part}, which was never sent or stored"
            )),
            // The outcome of a stored message is that of all its parts.
            0x20.. if was_acked && is_in_parts => self.books.explain(
                "status failed for a part that a phone has: another part of the stored message has failed",
            ),
            status @ 0x20.. if was_acked && !is_confused => {
                let status = TpSt::from(status);
                self.break_promise(format!(
                    "{number}: status {status:?} for part {part}, and its recipient has acknowledged it"
                ));
            }
            0x20.. if is_shown => self.books.explain(
                "status failed, and a phone has it: its report was cut off, late, or said so",
            ),
            _ => {}
        }
    }
}

/// Whether an RP-DATA to a phone has the fields of the short message that another phone has sent (TS 23.040 §9.2.2.1, §9.2.2.2).
fn are_fields_kept(part: &SmPart, rp_data: &[u8], from: &str) -> bool {
    let Ok((direction, rp)) = RpMessage::decode(rp_data) else {
        return false;
    };
    let (Some(Ok(Tpdu::Deliver(deliver))), Some(submit)) =
        (rp.tpdu(direction), submit_in(&part.tpdu))
    else {
        return false;
    };
    let SmsDeliver {
        status_report_indication,
        originating_address,
        pid,
        dcs,
        user_data,
        ..
    } = deliver;
    status_report_indication == submit.status_report_request
        && originating_address.to_string() == from
        && (pid, dcs) == (submit.pid, submit.dcs)
        && user_data == submit.user_data
}

/// Stored messages by their exchanges.
pub(super) type StoredMessages = HashMap<ExchangeKey, StoredLegs>;
