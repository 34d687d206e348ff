//! The book of a short message: its sender has a phone. Its recipient has clients; or a phone, and then `phones.rs` has that side.

use std::collections::{BTreeMap, BTreeSet};

use ipsmgw::exchange::{ExchangeKey, Stored};

use super::phones::{Leg, submit_in};
use super::{Books, Subject, request_named};
use crate::texts::{PartToSend, number_in};
use crate::world::Address;

/// A short message of one part or several.
pub(crate) struct Sm {
    pub(crate) device: Address,
    /// The recipient's place among the people.
    pub(crate) recipient: usize,
    /// The gateways that it has been at.
    pub(super) nodes: BTreeSet<Address>,
    /// The one that it was at last.
    last_node: Option<Address>,
    /// A gateway has it now that knows nothing of what became of it at the other one.
    pub(super) is_moved: bool,
    pub(super) text: String,
    pub(crate) parts: Vec<SmPart>,
    /// Whether the phone wants status reports.
    pub(super) asks: bool,
    /// Whether the phone sends all parts at once.
    pub(crate) in_any_order: bool,
    /// Whether the owner of the phone tries no more.
    pub(crate) is_given_up: bool,
    /// How often each device shows the whole text.
    pub(super) shown: BTreeMap<Address, u32>,
    /// Parts that stand in a text with gaps, by device.
    pub(super) in_pieces: BTreeSet<usize>,
    /// Devices whose 2xx was at the gateway before it decided.
    pub(super) confirmed: BTreeMap<Address, u64>,
    /// The gateway has decided on RP-ERROR since it was relayed last: a later answer of a client does not count.
    pub(super) is_decided: bool,
    /// RP-ERROR was its last word.
    pub(super) is_failed: bool,
    /// The part and the request with which it was relayed last.
    relayed_with: (usize, usize),
    /// How often it was stored.
    pub(super) stored: u32,
    /// The stored messages that have all parts. Behind a crash, the phone may send the last part once more, and that part is kept by
    /// itself: the end of the stored message is the end of all parts nevertheless.
    pub(super) stored_whole: Vec<ExchangeKey>,
    /// How often the gateway has forgotten the message, and has taken it for a new one.
    pub(super) forgotten: usize,
    /// How often the message was relayed, and sent once more to one client.
    relayed: u32,
    again: BTreeMap<Address, u32>,
    /// The service centre sends it, and asks again before the database has a part: then the later request gets the report.
    pub(crate) is_of_centre: bool,
    /// How many outcomes the gateway had remembered with the one of this message.
    pub(super) remembered_at: Option<u64>,
    /// Where it goes to a phone: its parts on their way there.
    pub(super) legs: Vec<Leg>,
}

/// How many outcomes a bucket of the gateway's table remembers.
pub(super) const REMEMBERED: u64 = 16;

/// A part.
pub(crate) struct SmPart {
    pub(super) text: String,
    pub(crate) tpdu: Vec<u8>,
    pub(crate) rp_mr: Option<u8>,
    /// When it was sent first, in seconds since 1970 UTC.
    pub(crate) unix: i64,
    pub(crate) requests: Vec<Request>,
    /// The report that the phone has.
    pub(crate) heard: Option<bool>,
    /// Whether the message was relayed, or stored, with this part.
    pub(super) completes: bool,
    /// The database has the whole message with this part, or had it.
    pub(super) has_all: bool,
    /// The gateway has said RP-ACK for it.
    pub(super) is_acked: bool,
    /// The same, behind the whole message that was relayed, or stored, with this part. One gateway may have kept the part and said
    /// RP-ACK, and another one has the whole message afterwards, which fails: then the phone sends all parts again.
    pub(super) is_acked_as_whole: bool,
    /// The same, while other parts were missing.
    pub(super) is_promised: bool,
    /// The gateway has said RP-ERROR for it.
    pub(super) is_refused: bool,
    /// The database has it, or had it.
    pub(crate) is_durable: bool,
    /// The part that it was stored with, because others did not come.
    pub(super) stored_with: Option<usize>,
    /// It was stored, and the gateway has said how that ended.
    pub(super) has_ended: bool,
    /// RP-ACK was said before the database had it: then it has to be on its way.
    pub(super) is_said_early: bool,
    /// The exchange that the database was asked to write, because its status report is owed.
    asked: Option<ExchangeKey>,
    /// The same, and the database was too slow, or refused: the gateway said RP-ACK, and owes the status report in memory alone. A slow
    /// transaction may have written a row, which goes at once.
    is_in_memory: bool,
    /// Its status report was owed in memory alone, and is lost with a crash.
    pub(super) is_excused: bool,
    /// Its validity was over when the gateway ended it: nobody has to get it any more.
    pub(super) has_expired: bool,
    /// Its digest, when it was kept.
    pub(super) digest: Option<u64>,
    /// The exchange that has kept it.
    kept_as: Option<ExchangeKey>,
    /// The gateway has dropped it with its message, and its sender has not asked again since.
    pub(super) is_dropped: bool,
    /// How often: each time it has its status report.
    pub(super) dropped: usize,
    /// The exchanges of the status reports on it.
    pub(super) status_reports: BTreeSet<u64>,
}

/// A request of the phone.
#[derive(Default)]
pub(crate) struct Request {
    pub(crate) rp_mr: u8,
    /// The final response of the gateway.
    pub(super) told: Option<u16>,
    /// When that was.
    pub(super) told_ms: u64,
    /// The phone had sent the part in a further request by then: it had given this one up.
    pub(super) told_too_late: bool,
    /// The same as `told`, before a crash.
    pub(super) told_before: Option<u16>,
    /// The reports on it, as far as the gateway that has it knows.
    pub(super) reports: Vec<Vec<u8>>,
    /// There were reports that another gateway, or a later start, does not know.
    pub(super) was_reported: bool,
    /// It came again behind a crash: each copy has its report.
    pub(super) has_copies: bool,
    /// The S-CSCF has sent it on twice.
    pub(super) is_copied: bool,
}

impl Sm {
    pub(crate) fn new(
        device: Address,
        recipient: usize,
        text: String,
        parts: Vec<SmPart>,
        asks: bool,
        in_any_order: bool,
    ) -> Self {
        Self {
            device,
            recipient,
            nodes: BTreeSet::new(),
            last_node: None,
            is_moved: false,
            text,
            parts,
            asks,
            in_any_order,
            is_given_up: false,
            shown: BTreeMap::new(),
            in_pieces: BTreeSet::new(),
            confirmed: BTreeMap::new(),
            is_decided: false,
            is_failed: false,
            relayed_with: (0, 0),
            stored: 0,
            stored_whole: Vec::new(),
            forgotten: 0,
            relayed: 0,
            again: BTreeMap::new(),
            is_of_centre: false,
            remembered_at: None,
            legs: Vec::new(),
        }
    }

    /// It is at this gateway.
    pub(super) fn is_at(&mut self, node: Address) {
        self.nodes.insert(node);
        if self
            .last_node
            .replace(node)
            .is_some_and(|last| last != node)
        {
            self.is_moved = true;
            self.is_news();
        }
    }

    /// The gateway has forgotten it in a crash, or it is another gateway.
    pub(super) fn is_news(&mut self) {
        self.confirmed.clear();
        self.remembered_at = None;
        self.legs.iter_mut().for_each(Leg::is_news);
        let was_asked = self.parts.iter().any(|part| !part.requests.is_empty());
        self.forgotten += usize::from(was_asked);
        for part in &mut self.parts {
            part.completes = false;
            let is_in_memory = !part.is_durable || part.is_in_memory;
            if part.is_acked && is_in_memory && part.status_reports.is_empty() {
                part.is_excused = true;
            }
            for request in &mut part.requests {
                request.told_before = request.told.take().or(request.told_before);
                request.reports_are_forgotten();
            }
        }
    }

    /// All of it goes to the recipient, without an exchange.
    pub(super) const fn goes_as_a_whole(&mut self) {
        self.relayed += 1;
    }

    /// Whether a client had taken it before this time.
    pub(super) fn was_confirmed(&self, at_ms: u64) -> bool {
        self.confirmed
            .values()
            .any(|confirmed_ms| *confirmed_ms < at_ms)
    }

    /// Whether a client of the recipient shows the whole text.
    pub(super) fn is_shown(&self) -> bool {
        !self.shown.is_empty()
    }
}

impl Request {
    /// The gateway that has it now does not know which reports were sent.
    pub(super) fn reports_are_forgotten(&mut self) {
        self.was_reported |= !self.reports.is_empty();
        self.reports.clear();
    }
}

impl SmPart {
    pub(crate) fn of(part: PartToSend) -> Self {
        Self {
            text: part.text,
            tpdu: part.tpdu,
            rp_mr: None,
            unix: 0,
            requests: Vec::new(),
            heard: None,
            completes: false,
            stored_with: None,
            has_all: false,
            is_acked: false,
            is_acked_as_whole: false,
            is_promised: false,
            is_refused: false,
            is_durable: false,
            asked: None,
            is_in_memory: false,
            is_excused: false,
            is_said_early: false,
            has_ended: false,
            has_expired: false,
            digest: None,
            kept_as: None,
            is_dropped: false,
            dropped: 0,
            status_reports: BTreeSet::new(),
        }
    }

    /// Another request for this part: its number.
    pub(crate) fn ask(&mut self, rp_mr: u8) -> usize {
        self.requests.push(Request {
            rp_mr,
            ..Request::default()
        });
        self.requests.len() - 1
    }
}

impl Books {
    /// A request of a phone is at the gateway.
    pub(crate) fn submission_arrives(&mut self, call_id: &str, node: Address) -> Subject {
        let named = request_named(call_id);
        let Some((number, part, request)) = named else {
            return Subject::Unknown;
        };
        if let Some(sm) = self.sm_mut(number) {
            sm.is_at(node);
            let request = &mut sm.parts[part].requests[request];
            // Its transaction is gone with a crash. A report that it has may be about an earlier copy.
            request.has_copies |= request.told.is_none() && request.told_before.is_some();
            // It came to both gateways.
            request.has_copies |= sm.is_moved;
        }
        Subject::ShortMessage(number, part)
    }

    /// The gateway stores the whole message with this part.
    pub(crate) fn is_stored_whole(&mut self, subject: Subject) {
        if let Subject::ShortMessage(number, part) = subject
            && let Some(sm) = self.sm_mut(number)
        {
            sm.parts[part].completes = true;
        }
    }

    /// An exchange reports on this part: whether the database is asked to write it, or has it.
    pub(crate) fn is_reported(&mut self, subject: Subject, exchange: ExchangeKey, stored: Stored) {
        if let Subject::ShortMessage(number, part) = subject
            && let Some(part) = self.sm_mut(number).map(|sm| &mut sm.parts[part])
        {
            match stored {
                Stored::Asked => part.asked = Some(exchange),
                Stored::No => part.is_in_memory |= part.asked == Some(exchange),
                Stored::Yes => {}
            }
        }
    }

    /// The gateway ends an exchange about this part. `validity_s`: the validity of messages without TP-VP.
    pub(crate) fn part_ends(&mut self, subject: Subject, unix: i64, validity_s: i64) {
        let Subject::ShortMessage(number, part) = subject else {
            return;
        };
        let Some(sm) = self.sm_mut(number) else {
            return;
        };
        // The validity of a long message begins with the part that came first.
        let sent = sm.parts.iter().filter(|part| !part.requests.is_empty());
        let Some(since) = sent.map(|part| part.unix).min() else {
            return;
        };
        let part = &mut sm.parts[part];
        if let Some(submit) = submit_in(&part.tpdu) {
            let own_s = submit.vp.seconds(since).filter(|seconds| *seconds > 0);
            let until = since + own_s.map_or(validity_s, i64::from);
            part.has_expired |= unix >= until;
        }
    }

    /// The gateway stores this part with another one, because the rest does not come.
    pub(crate) fn is_stored_with(&mut self, subject: Subject, with: Subject) {
        if let (Subject::ShortMessage(number, part), Subject::ShortMessage(of, first)) =
            (subject, with)
            && number == of
            && let Some(sm) = self.sm_mut(number)
        {
            sm.parts[part].stored_with = Some(first);
        }
    }

    /// The gateway relays a request. The error is a broken promise.
    pub(crate) fn relayed(&mut self, call_id: &str) -> Result<(), String> {
        let Some((number, part, request)) = request_named(call_id) else {
            return Ok(());
        };
        let now = self.outcomes;
        let Some(sm) = self.sm_mut(number) else {
            return Ok(());
        };
        sm.parts[part].completes = true;
        sm.parts[part].is_acked_as_whole = false;
        sm.relayed += 1;
        let before = sm.remembered_at;
        // Behind a crash, two copies of a message may have two outcomes: the phone has heard RP-ERROR if it takes another reference.
        let requests = &sm.parts[part].requests;
        let was_asked = |other: &Request| other.told.is_some() || other.told_before.is_some();
        let is_of_new_reference = !requests
            .iter()
            .take(request)
            .any(|other| other.rp_mr == requests[request].rp_mr && was_asked(other));
        // A copy of an earlier request, which the gateway has refused before a crash, comes when a later one is delivered; or that copy is
        // delivered, and its sender asks again with the reference of the later one.
        let (last_part, last_request) = sm.relayed_with;
        let is_of_another_reference = last_part == part
            && sm.parts[part].requests[last_request].rp_mr != requests[request].rp_mr;
        // Of two copies of a request, the gateway had no place for one and has delivered the other one. Its sender has heard RP-ERROR.
        let is_behind_refused_copy =
            sm.parts[part].is_refused && requests.iter().take(request).any(|other| other.is_copied);
        let is_another_attempt = std::mem::take(&mut sm.is_failed)
            || sm.forgotten > 0 && (request > 0 && is_of_new_reference || is_of_another_reference)
            || is_of_new_reference && is_behind_refused_copy;
        sm.is_decided = false;
        sm.relayed_with = (part, request);
        if sm.forgotten > 0 && before.is_none() || is_another_attempt {
            // The gateway knows nothing of a time before a crash. Behind an RP-ERROR, only late answers have come.
            sm.confirmed.clear();
        }
        let is_single = sm.parts.len() == 1 && before.is_some() && !is_another_attempt;
        let was_stored = sm.stored > 0 && is_single;
        // A notification has said so, perhaps.
        let was_taken = is_single && sm.parts[0].is_acked;
        if sm.confirmed.is_empty() && !was_stored && !was_taken {
            return Ok(());
        }
        if before.is_none_or(|before| now - before < REMEMBERED) {
            return Err(format!(
                "{number} is relayed again although a client has taken it"
            ));
        }
        // All that follows is another message for the gateway.
        sm.confirmed.clear();
        sm.remembered_at = None;
        sm.forgotten += 1;
        self.explain(
            "relayed again: the phone asked again when more than 16 others had their outcome",
        );
        Ok(())
    }

    /// The gateway takes it for a new message: it may have forgotten it.
    pub(crate) fn is_taken_as_new(&mut self, subject: Subject) {
        if let Subject::ShortMessage(number, _) = subject
            && self.is_forgotten(number)
            && let Some(sm) = self.sm_mut(number)
            && (!sm.confirmed.is_empty() || sm.stored > 0)
        {
            sm.confirmed.clear();
            sm.remembered_at = None;
            sm.forgotten += 1;
            self.explain(
                "taken for a new message: the phone asked again when more than 16 others had their outcome",
            );
        }
    }

    /// The gateway has decided that it has failed: a later answer does not count.
    pub(crate) fn has_failed(&mut self, subject: Subject) {
        if let Subject::ShortMessage(number, _) = subject
            && let Some(sm) = self.sm_mut(number)
        {
            sm.is_decided = true;
        }
    }

    /// Its recipient did not take it in time, and it is being stored: a later answer does not count.
    pub(crate) fn is_being_stored(&mut self, subject: Subject, stored: ExchangeKey) {
        if let Subject::ShortMessage(number, part) = subject
            && let Some(sm) = self.sm_mut(number)
        {
            if sm.parts[part].completes {
                sm.stored_whole.push(stored);
            }
            sm.is_decided = true;
            sm.is_failed = false;
            // Behind a crash the phone may have asked again for what was stored before.
            sm.stored += 1;
        }
    }

    /// A stored message goes to a client.
    pub(crate) fn stored_goes(&mut self, subject: Subject, device: Address) -> Result<(), String> {
        if let Subject::ShortMessage(number, _) = subject
            && let Some(sm) = self.sm_mut(number)
        {
            if sm.is_failed && sm.parts.len() == 1 && sm.forgotten == 0 {
                return Err(format!("{number} is delivered behind its RP-ERROR"));
            }
            // Where the gateway has forgotten it, another copy may have failed.
            sm.is_decided = sm.is_failed;
            if sm.forgotten > 0 {
                sm.confirmed.clear();
            }
        }
        self.sent_again(subject, device, None)
    }

    /// The message goes to one client once more: a stored one, or one whose form the client has refused at this gateway.
    pub(crate) fn sent_again(
        &mut self,
        subject: Subject,
        device: Address,
        refused_at: Option<Address>,
    ) -> Result<(), String> {
        let Subject::ShortMessage(number, _) = subject else {
            return Ok(());
        };
        let Some(sm) = self.sm_mut(number) else {
            return Ok(());
        };
        *sm.again.entry(device).or_default() += 1;
        // The parts of a stored message go one by one.
        if sm.parts.len() == 1 && sm.confirmed.contains_key(&device) {
            // Its sender has asked again at another gateway, which has the answer.
            let nodes = sm.last_node.zip(refused_at);
            if nodes.is_some_and(|(last, refused_at)| last != refused_at) {
                self.explain("sent once more to a client: another gateway knows that it has taken the message");
                return Ok(());
            }
            return Err(format!(
                "{number} goes once more to a client that has taken it"
            ));
        }
        Ok(())
    }

    /// The gateway keeps a part until the others are there. `is_remembered`: it knows that the part was delivered.
    pub(crate) fn is_kept(
        &mut self,
        subject: Subject,
        (key, digest): (ExchangeKey, u64),
        was_remembered: bool,
        is_remembered: bool,
    ) -> Result<(), String> {
        let Subject::ShortMessage(number, part) = subject else {
            return Ok(());
        };
        let is_forgotten = self.is_forgotten(number);
        let Some(sm) = self.sm_mut(number) else {
            return Ok(());
        };
        // The part was stored by itself.
        let was_stored = sm.stored > 0 && sm.parts[part].is_durable;
        sm.forgotten += usize::from(was_stored && is_forgotten);
        // With a message, or with a text that has gaps.
        let was_delivered = sm
            .parts
            .iter()
            .any(|part| part.completes && part.is_acked_as_whole);
        (sm.parts[part].completes, sm.parts[part].has_all) = (false, false);
        sm.parts[part].digest = Some(digest);
        sm.parts[part].kept_as = Some(key);
        if !was_delivered && !was_remembered {
            return Ok(());
        }
        if is_remembered || !was_remembered {
            return Err(format!(
                "{number}: part {part} is kept although the message was delivered"
            ));
        }
        sm.forgotten += 1;
        self.explain("a part is kept again: the memory for parts is small, and has forgotten it");
        Ok(())
    }

    /// A kept part ends. `remembers`: the gateway will know its repetitions by this digest.
    pub(crate) fn kept_part_ends(
        &mut self,
        subject: Subject,
        key: ExchangeKey,
        remembers: impl Fn(u64) -> bool,
    ) {
        if let Subject::ShortMessage(number, part) = subject
            && let Some(sm) = self.sm_mut(number)
        {
            let part = &mut sm.parts[part];
            let is_lost = part.digest.is_some_and(|digest| !remembers(digest));
            if part.kept_as == Some(key) && part.is_acked && is_lost {
                part.is_dropped = true;
                part.dropped += 1;
            }
        }
    }

    /// A status report fits several parts, oldest first: it counts for the newest that has none yet.
    pub(super) fn fits_several(&mut self, parts: &[(usize, usize)], exchange: u64) {
        let has_it = |(number, part): &(usize, usize)| {
            let part = self.sm(*number).and_then(|sm| sm.parts.get(*part));
            part.is_some_and(|part| part.status_reports.contains(&exchange))
        };
        // It is sent once more.
        if parts.iter().any(has_it) {
            return;
        }
        for (number, part) in parts.iter().rev() {
            if let Some(sm) = self.sm_mut(*number)
                && sm.parts[*part].status_reports.is_empty()
            {
                sm.parts[*part].status_reports.insert(exchange);
                return;
            }
        }
    }

    /// The gateway remembers an outcome.
    pub(crate) fn is_remembered(&mut self, subject: Subject) {
        self.outcomes += 1;
        let now = self.outcomes;
        self.leg_is_remembered(subject);
        if let Subject::ShortMessage(number, _) = subject
            && let Some(sm) = self.sm_mut(number)
        {
            // Each part of a long message has an outcome of its own: the first one is forgotten first.
            match sm.parts.len() {
                1 => sm.remembered_at = Some(now),
                _ => _ = sm.remembered_at.get_or_insert(now),
            }
        }
    }

    /// Whether the gateway cannot know this message any more.
    pub(super) fn is_forgotten(&self, number: usize) -> bool {
        let sm = self.sm(number);
        let before = sm.and_then(|sm| sm.remembered_at);
        before.is_some_and(|before| self.outcomes - before >= REMEMBERED)
    }

    /// The answer of a client is at the gateway.
    pub(crate) fn client_answered(
        &mut self,
        call_id: &str,
        device: Address,
        status: u16,
        at_ms: u64,
    ) {
        if let Some((number, part, request)) = request_named(call_id)
            && let Some(sm) = self.sm_mut(number)
            && (200..300).contains(&status)
            && sm.relayed_with == (part, request)
            // Behind the decision to store it.
            && sm.stored == 0
            && !sm.is_decided
        {
            sm.confirmed.entry(device).or_insert(at_ms);
        }
    }

    /// The same, for a message that went once more.
    pub(crate) fn retry_answered(
        &mut self,
        subject: Subject,
        device: Address,
        status: u16,
        at_ms: u64,
    ) {
        if let Subject::ShortMessage(number, _) = subject
            && let Some(sm) = self.sm_mut(number)
            && (200..300).contains(&status)
            && !sm.is_decided
            // It may be a copy that was stored before the gateway has forgotten the message.
            && !(sm.forgotten > 0 && sm.stored > 0)
            // The parts of a stored message go one by one.
            && (sm.parts.len() == 1 || sm.stored == 0)
        {
            sm.confirmed.entry(device).or_insert(at_ms);
        }
    }

    /// A client shows a text.
    pub(crate) fn client_shows(
        &mut self,
        (device, person): (Address, usize),
        text: &str,
    ) -> Result<(), String> {
        if let Some(number) = number_in(text).filter(|number| self.list(*number).is_some()) {
            return self.copy_shows(number, device, person, text);
        }
        let Some((number, sm)) =
            number_in(text).and_then(|number| Some((number, self.sm_mut(number)?)))
        else {
            return Err("a client shows a text that nobody wrote".to_owned());
        };
        if text != sm.text {
            if let Some(place) = sm
                .parts
                .iter()
                .position(|part| part.text == text && part.is_durable)
            {
                // It was stored by itself.
                sm.in_pieces.insert(place);
                return Ok(());
            }
            if !text.contains("missing]") {
                return Err(format!(
                    "{number}: a client shows another text than was written"
                ));
            }
            for (place, part) in sm.parts.iter().enumerate() {
                if text.contains(&part.text) {
                    sm.in_pieces.insert(place);
                }
            }
            return Ok(());
        }
        let shown = sm.shown.entry(device).or_default();
        *shown += 1;
        let again = sm.again.get(&device).copied().unwrap_or(0);
        if *shown > sm.relayed + again {
            return Err(format!("{number}: a client shows it {shown} times"));
        }
        if *shown > 1 {
            self.explain("shown twice by a client: its first answer was cut off, or late");
        }
        Ok(())
    }
}
