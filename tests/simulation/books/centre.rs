//! The book of an instant message that goes to a number elsewhere by the service centre, and the status reports on it.

use std::collections::{BTreeMap, BTreeSet};

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::Ending;
use ipsmgw::sip::MessageOut;
use ipsmgw::wire::{Direction, RpMessage, Tpdu};

use super::{Book, Books, Says, Subject};
use crate::centre::CENTRE;
use crate::host::header;
use crate::world::{Address, World};

/// How much later than its hold time a sender may be answered: tm's timer, and slow processes.
const LATE_MS: u64 = 1_000;

/// How long a slow process may need to say what it has decided.
const SLOW_MS: u64 = 1_000;

/// How long the gateway waits for a status report behind the lifetime of a message, which is 24 h if nobody says it.
const STATUS_MS: u64 = 600_000;
const LIFETIME_S: u32 = 24 * 3600;

/// How long the database may need for what follows a step.
const WRITTEN_MS: u64 = 20_000;

/// Causes behind which the gateway asks again, TP-FCSs behind which it sends another form.
const PASSING: [u8; 2] = [41, 47];

/// An instant message to a number elsewhere.
#[derive(Default)]
pub(crate) struct ToCentre {
    pub(crate) device: Address,
    /// The number of its recipient.
    pub(crate) to: String,
    pub(crate) text: String,
    wants: (bool, bool, bool),
    pub(crate) expires: Option<u32>,
    /// How many short messages it takes.
    parts: usize,
    arrived_ms: Option<u64>,
    has_arrived: bool,
    /// The final response of the gateway, and those before a crash.
    told: Option<(u16, u64)>,
    told_before: Vec<u16>,
    came_again: usize,
    is_durable: bool,
    /// The gateway has decided on its outcome, and is about to answer.
    is_settled: bool,
    /// The gateway's outcomes.
    endings: Vec<Ending>,
    /// So many of them were forgotten in a crash: the database had the message still. Also forgotten is what its sender was told.
    forgotten: usize,
    is_told_forgotten: bool,
    /// Message-IDs of the gateway's notifications: delivered, failed, processed.
    notified: [BTreeSet<String>; 3],
    places: BTreeMap<usize, Part>,
    /// When the gateway heard or said something about it last.
    last_ms: u64,
    /// When it took the last RP-ACK, or answered the sender.
    taken_ms: u64,
    /// RP-ACK was said on a status report before the database had the notification: the database was too slow, or refused.
    is_said_early: bool,
    /// How often a notification may come again, because a crash has cut off the news about the first one.
    may_repeat: usize,
    /// The table had no place for the wait for a status report, a crash has cut off what was in memory alone, or a status report is on a
    /// second copy of what the service centre has refused.
    is_excused: bool,
    /// A status report, or a report, on another message fits this one.
    is_confused: bool,
}

/// A part of it.
#[derive(Default)]
struct Part {
    /// The Call-IDs with which it went out, and came to the service centre.
    sent: BTreeSet<String>,
    got: BTreeSet<String>,
    text: String,
    /// TP-MR with which it went out last, whether or not the service centre got it.
    tp_mr: Option<u8>,
    /// The service centre has taken it.
    is_taken: bool,
    /// When the gateway has taken the RP-ACK, or a status report before it.
    acked_ms: Option<u64>,
    /// When it went out last.
    sent_ms: u64,
    /// When the gateway has taken an RP-ERROR since then.
    error_ms: Option<u64>,
    /// How often it may go out once more: behind an RP-ERROR, or a crash.
    may_go_again: usize,
    /// When the gateway has taken an RP-ERROR that is final.
    refused_ms: Option<u64>,
    /// The final words of status reports that the gateway has taken: the number of the status report, TP-Status.
    words: Vec<(usize, u8)>,
}

impl Part {
    fn says(&self, word: impl Fn(u8) -> bool) -> bool {
        self.words.iter().any(|(_, said)| word(*said))
    }

    fn says_first(&self, word: impl Fn(u8) -> bool) -> bool {
        self.words.first().is_some_and(|(_, said)| word(*said))
    }
}

/// A report of the service centre: RP-ACK or RP-ERROR.
struct Report {
    about: (usize, usize),
    says: Says,
    /// Without In-Reply-To: the client, and the RP-Message Reference.
    by_reference: Option<(String, u8)>,
}

/// A status report of the service centre.
pub(crate) struct Status {
    /// The message and its part, unless the service centre mixes it up.
    about: Option<(usize, usize)>,
    /// The number of the recipient, and TP-MR.
    fits: (String, u8),
    status: u8,
    pub(crate) client: String,
    pub(crate) tpdu: Vec<u8>,
    pub(crate) rp_mr: Option<u8>,
    pub(crate) requests: usize,
    /// The service centre has its RP-ACK.
    pub(crate) is_over: bool,
    /// The gateway has said RP-ACK.
    is_acked: bool,
    /// The final responses to each request, and the reports on it.
    told: BTreeMap<usize, usize>,
    reported: BTreeMap<usize, usize>,
    /// How often each exchange has sent its report.
    reporters: BTreeMap<u64, usize>,
    /// Requests that had a response before a crash: a report may still come.
    told_before: BTreeSet<usize>,
    /// Requests that came twice.
    copied: BTreeSet<usize>,
}

/// What the service centre has written.
#[derive(Default)]
pub(super) struct OfCentre {
    reports: Vec<Report>,
    statuses: Vec<Status>,
    /// The part that went out last for a client with this RP-Message Reference.
    by_reference: BTreeMap<(String, u8), (usize, usize)>,
    /// When the gateway has crashed last.
    crashed_ms: Option<u64>,
}

/// The status report that a Call-ID of the service centre names.
pub(crate) fn status_named(call_id: &str) -> Option<usize> {
    Some(status_request_named(call_id)?.0)
}

fn status_request_named(call_id: &str) -> Option<(usize, usize)> {
    let (numbers, _) = call_id.strip_prefix('t')?.split_once('@')?;
    let (number, request) = numbers.split_once('-')?;
    Some((number.parse().ok()?, request.parse().ok()?))
}

impl ToCentre {
    pub(crate) fn new(
        device: Address,
        to: String,
        text: String,
        wants: (bool, bool, bool),
        expires: Option<u32>,
    ) -> Self {
        Self {
            device,
            to,
            text,
            wants,
            expires,
            parts: 1,
            ..Self::default()
        }
    }

    pub(crate) fn wanted(&self) -> String {
        super::im::disposition_notification(self.wants)
    }

    fn part(&mut self, part: usize) -> &mut Part {
        self.places.entry(part).or_default()
    }

    fn all_parts(&self, is_so: impl Fn(&Part) -> bool) -> bool {
        (0..self.parts).all(|part| self.places.get(&part).is_some_and(&is_so))
    }

    /// Whether the gateway had the RP-ACK on each part before this time.
    fn was_acked(&self, at_ms: u64) -> bool {
        self.all_parts(|part| part.acked_ms.is_some_and(|acked_ms| acked_ms < at_ms))
    }

    fn is_acked(&self) -> bool {
        self.was_acked(u64::MAX)
    }

    /// Whether the gateway had a final RP-ERROR before this time.
    fn was_refused(&self, at_ms: u64) -> bool {
        let mut places = self.places.values();
        places.any(|part| part.refused_ms.is_some_and(|refused_ms| refused_ms < at_ms))
    }

    /// Whether the gateway has the final RP-ERROR since this moment.
    fn is_refused_at(&self, at_ms: u64) -> bool {
        let mut places = self.places.values();
        places.any(|part| part.refused_ms == Some(at_ms))
    }

    /// Whether the gateway knows that it has failed.
    fn is_known_as_failed(&self) -> bool {
        let is_told = self.told.is_some_and(|(status, _)| status >= 300);
        let has_failed = self.has_ended(Ending::Failed);
        is_told && !self.is_told_forgotten || has_failed
    }

    /// Whether this is an outcome of the gateway, which no crash has made it forget.
    fn has_ended(&self, ending: Ending) -> bool {
        self.endings
            .iter()
            .skip(self.forgotten)
            .any(|known| *known == ending)
    }

    /// The gateway has crashed, and takes it up from its row: it knows of no outcome.
    pub(super) fn is_taken_up(&mut self) {
        self.forgotten = self.endings.len();
        self.is_told_forgotten = self.told.is_some();
    }

    /// Whether a status report says that a part is lost.
    fn has_failed_status(&self) -> bool {
        let mut places = self.places.values();
        places.any(|part| part.says(|word| word >= 0x40))
    }

    /// It is at the gateway, for the first time or again behind a crash.
    pub(super) fn arrives(&mut self, at_ms: u64) {
        if std::mem::replace(&mut self.has_arrived, true) {
            // Its transaction is gone with a crash.
            self.came_again += 1;
            self.told_before
                .extend(self.told.take().map(|(status, _)| status));
            for part in self.places.values_mut() {
                part.may_go_again += 1;
                (part.acked_ms, part.refused_ms) = (None, None);
            }
        }
        self.arrived_ms = Some(at_ms);
    }

    /// What its sender is owed and did not get.
    pub(super) fn owes(&self) -> Option<String> {
        self.arrived_ms?;
        let Some((status, _)) = self.told else {
            return Some("its sender has no final response".to_owned());
        };
        if status != 202 || self.is_excused || self.is_confused || self.came_again > 0 {
            return None;
        }
        let [delivered, failed, _] = &self.notified;
        let (positive, negative, _) = self.wants;
        let is_there = |part: &Part| part.says_first(|word| word == 0x00);
        let has_failed = |part: &Part| part.says_first(|word| word >= 0x40);
        if positive && delivered.is_empty() && self.all_parts(is_there) {
            return Some(
                "status reports say that it is delivered, and its sender is not notified"
                    .to_owned(),
            );
        }
        let is_lost = self.places.values().any(has_failed) || self.has_ended(Ending::Failed);
        if !is_lost && !self.all_parts(|part| !part.sent.is_empty()) {
            return Some("202, and not all of its parts went out".to_owned());
        }
        if negative && failed.is_empty() && is_lost {
            return Some("it has failed behind a 202, and its sender is not notified".to_owned());
        }
        None
    }

    /// The gateway has crashed. What it has just heard or said may not be in the database: `202` is said behind the RP-ACK of the
    /// service centre before the wait for the status report is written.
    pub(super) fn is_news(&mut self, at_ms: u64) -> bool {
        if self.told.is_none() {
            // Its sender asks again, or gives up.
            self.arrived_ms = None;
        }
        for part in self.places.values_mut() {
            part.may_go_again += 1;
        }
        let is_owed = (self.wants.0 || self.wants.1) && self.told.is_some();
        let [delivered, failed, _] = &self.notified;
        let is_new = at_ms < self.last_ms + WRITTEN_MS;
        self.may_repeat += usize::from(is_new);
        // Nobody can prove any more that all parts are delivered.
        let is_long = self.parts > 1 && self.wants.0;
        let is_in_memory = at_ms < self.taken_ms + WRITTEN_MS || self.is_said_early;
        let is_lost =
            is_owed && (is_in_memory || is_long) && delivered.is_empty() && failed.is_empty();
        self.is_excused |= is_lost;
        is_lost
    }
}

/// As the gateway has it.
impl Books {
    pub(crate) fn message_to_centre_is_planned(&mut self, im: ToCentre) {
        self.books.push(Book::ToCentre(im));
    }

    pub(crate) fn to_centre(&self, number: usize) -> Option<&ToCentre> {
        match self.books.get(number) {
            Some(Book::ToCentre(im)) => Some(im),
            _ => None,
        }
    }

    pub(super) fn to_centre_mut(&mut self, number: usize) -> Option<&mut ToCentre> {
        match self.books.get_mut(number) {
            Some(Book::ToCentre(im)) => Some(im),
            _ => None,
        }
    }

    /// The gateway has cut a message into so many parts.
    pub(crate) fn is_cut_for_centre(&mut self, number: usize, parts: usize) {
        if let Some(im) = self.to_centre_mut(number) {
            im.parts = parts;
        }
    }

    /// The outcome of one of its parts is decided; the database has it; the gateway ends it.
    pub(super) fn centre_message_is_settled(&mut self, number: usize) {
        if let Some(im) = self.to_centre_mut(number) {
            im.is_settled = true;
        }
    }

    pub(super) fn centre_message_is_durable(&mut self, number: usize) {
        if let Some(im) = self.to_centre_mut(number) {
            im.is_durable = true;
        }
    }

    pub(super) fn centre_message_has_ended(&mut self, number: usize, ending: Ending) {
        if let Some(im) = self.to_centre_mut(number) {
            im.endings.push(ending);
        }
    }

    /// There was no place to wait for a status report.
    pub(crate) fn has_no_place(&mut self, subject: Subject) {
        if let Subject::ToCentre(number, _) = subject
            && let Some(im) = self.to_centre_mut(number)
        {
            im.is_excused = true;
        }
    }

    /// The gateway has taken a report of the service centre.
    pub(crate) fn centre_report_taken(&mut self, call_id: &str, at_ms: u64) {
        let Some(report) =
            centre_report_named(call_id).and_then(|place| self.of_centre.reports.get(place))
        else {
            return;
        };
        let (about, says) = (report.about, report.says);
        let by_reference = report.by_reference.as_ref();
        let fits = by_reference.and_then(|named| self.of_centre.by_reference.get(named));
        // The gateway knows no more which references it has used before a crash.
        let is_of_before = self.to_centre(about.0).is_some_and(|im| {
            let sent_ms = im.places.get(&about.1).map(|part| part.sent_ms);
            sent_ms <= self.of_centre.crashed_ms
        });
        let fits = fits.copied().filter(|_| is_of_before);
        let (number, part) = fits.unwrap_or(about);
        let is_another = (number, part) != about;
        if is_another {
            self.explain("a report of the service centre without In-Reply-To, on a message of before a crash, fits another message");
        }
        let Some(im) = self.to_centre_mut(number) else {
            return;
        };
        im.is_confused |= is_another;
        (im.last_ms, im.taken_ms) = (at_ms, at_ms);
        let part = im.part(part);
        match says {
            Says::Ack => {
                part.acked_ms.get_or_insert(at_ms);
            }
            Says::Error(cause, fcs) => {
                part.error_ms = Some(at_ms);
                let passes = PASSING.contains(&cause) || fcs.is_some();
                match passes && part.may_go_again == 0 {
                    true => part.may_go_again += 1,
                    false => {
                        part.refused_ms.get_or_insert(at_ms);
                    }
                }
            }
        }
    }

    /// The gateway decides about a status report, whose RP-ACK is on its way.
    pub(crate) fn status_is_taken(&mut self, call_id: &str, at_ms: u64) {
        let named = status_named(call_id);
        let known = named.and_then(|named| Some((named, self.of_centre.statuses.get(named)?)));
        let Some((named, status)) = known else {
            return;
        };
        let (about, word) = (status.about, status.status);
        let fits = status.fits.clone();
        self.others_are_confused(about, &fits);
        let Some((number, place)) = about else {
            return;
        };
        let is_final = !(0x20..0x40).contains(&word);
        let crashed_ms = self.of_centre.crashed_ms;
        if let Some(im) = self.to_centre_mut(number) {
            if im.is_known_as_failed() {
                return self
                    .explain("a status report on a message whose sender knows that it has failed");
            }
            let lifetime_s = im.expires.unwrap_or(LIFETIME_S);
            let until_ms =
                im.arrived_ms.unwrap_or(at_ms) + u64::from(lifetime_s) * 1000 + STATUS_MS;
            im.last_ms = at_ms;
            let part = im.part(place);
            if part.error_ms.is_some() && part.acked_ms.is_none() {
                // Behind a crash, the gateway knows nothing of it, unless it was written.
                if part.error_ms <= crashed_ms {
                    part.words.extend(is_final.then_some((named, word)));
                    im.is_excused |= is_final;
                    return self.explain(
                        "a status report behind an RP-ERROR that the gateway has forgotten in a crash",
                    );
                }
                return self.explain(
                    "a status report behind an RP-ERROR, before the gateway sends the part again",
                );
            }
            if !part.sent.is_empty() && part.acked_ms.is_none() {
                part.acked_ms = Some(at_ms);
                im.taken_ms = at_ms;
            }
            let part = im.part(place);
            // The S-CSCF has sent the request on twice, and the service centre has refused one copy and taken the other one. The gateway
            // goes by the RP-ERROR, and asks again.
            let is_on_copy = part.error_ms.is_some() && part.acked_ms.is_none();
            if is_final {
                part.words.push((named, word));
            }
            im.is_excused |= is_final && is_on_copy;
            // The gateway waits longer where it has sent the message without TP-VP: then nothing is owed, and nothing is wrong.
            im.is_excused |= at_ms >= until_ms;
            if is_final && is_on_copy {
                self.explain(
                    "a status report behind an RP-ERROR: the service centre has had two copies",
                );
            }
        }
    }

    /// The gateway has crashed, and the database has the wait for a status report on this part still. A status report that was taken without
    /// RP-ACK is forgotten: the service centre sends it again. So are the later ones, which found nothing that waited for them.
    pub(super) fn words_are_forgotten(&mut self, subject: Subject) {
        let Subject::ToCentre(number, place) = subject else {
            return;
        };
        let Some(Book::ToCentre(im)) = self.books.get_mut(number) else {
            return;
        };
        let words = &mut im.part(place).words;
        let first = words.first().map(|(named, _)| *named);
        let first = first.and_then(|named| self.of_centre.statuses.get(named));
        if first.is_some_and(|status| !status.is_acked) {
            words.clear();
            self.explain("a crash cuts off a status report before its RP-ACK: it comes again");
        }
    }

    /// RP-ACK goes out on this status report, and the database does not have the notification.
    pub(crate) fn status_is_said_early(&mut self, call_id: &str) {
        let status = status_named(call_id).and_then(|place| self.of_centre.statuses.get(place));
        let about = status.and_then(|status| status.about);
        if let Some(im) = about.and_then(|(number, _)| self.to_centre_mut(number)) {
            im.is_said_early = true;
        }
    }

    /// Recipient and reference of a status report are those of other messages, too.
    fn others_are_confused(&mut self, about: Option<(usize, usize)>, (to, tp_mr): &(String, u8)) {
        for (number, book) in self.books.iter_mut().enumerate() {
            if let Book::ToCentre(im) = book
                && im.to == *to
                && about.is_none_or(|(of, _)| of != number)
                && im.places.values().any(|part| part.tp_mr == Some(*tp_mr))
            {
                im.is_confused = true;
            }
        }
    }
}

/// As the service centre has it.
impl Books {
    /// The service centre has a part. The error is a broken promise.
    pub(crate) fn centre_gets(
        &mut self,
        (number, place): (usize, usize),
        call_id: &str,
        text: &str,
        to: &str,
    ) -> Result<(), String> {
        let Some(im) = self.to_centre_mut(number) else {
            return Err("the service centre got a message that nobody wrote".to_owned());
        };
        if im.to.trim_start_matches('+') != to {
            return Err(format!("{number}: it goes to {to} instead of {}", im.to));
        }
        let part = im.part(place);
        part.got.insert(call_id.to_owned());
        text.clone_into(&mut part.text);
        let is_again = part.is_taken && part.got.len() > 1;
        if im.all_parts(|part| !part.got.is_empty()) {
            let whole: String = im.places.values().map(|part| part.text.as_str()).collect();
            if whole != im.text {
                return Err(format!(
                    "{number}: the service centre has another text than was written"
                ));
            }
        }
        if is_again {
            self.explain(
                "twice at the service centre: its first report was cut off, or contradicted itself",
            );
        }
        Ok(())
    }

    /// The service centre has taken a part, whatever it says.
    pub(crate) fn centre_takes(&mut self, number: usize, part: usize) {
        if let Some(im) = self.to_centre_mut(number) {
            im.part(part).is_taken = true;
        }
    }

    /// The service centre writes RP-ACK or RP-ERROR: its Call-ID.
    pub(crate) fn centre_report_is_written(
        &mut self,
        about: (usize, usize),
        says: Says,
        by_reference: Option<(String, u8)>,
    ) -> String {
        let reports = &mut self.of_centre.reports;
        reports.push(Report {
            about,
            says,
            by_reference,
        });
        format!("c{}@centre", reports.len() - 1)
    }

    /// The service centre writes a status report: its number.
    pub(crate) fn status_is_planned(
        &mut self,
        about: Option<(usize, usize)>,
        fits: (String, u8),
        status: u8,
        client: String,
        tpdu: Vec<u8>,
    ) -> usize {
        let statuses = &mut self.of_centre.statuses;
        statuses.push(Status {
            about,
            fits,
            status,
            client,
            tpdu,
            rp_mr: None,
            requests: 0,
            is_over: false,
            is_acked: false,
            told: BTreeMap::new(),
            reported: BTreeMap::new(),
            reporters: BTreeMap::new(),
            told_before: BTreeSet::new(),
            copied: BTreeSet::new(),
        });
        statuses.len() - 1
    }

    pub(crate) fn status_mut(&mut self, number: usize) -> Option<&mut Status> {
        self.of_centre.statuses.get_mut(number)
    }

    /// The S-CSCF sends a request on twice: each copy is answered.
    pub(crate) fn is_copied(&mut self, call_id: &str) {
        if let Some((number, part, request)) = super::request_named(call_id)
            && let Some(sm) = self.sm_mut(number)
        {
            let request = &mut sm.parts[part].requests[request];
            (request.is_copied, request.has_copies) = (true, true);
        }
        if let Some((number, request)) = status_request_named(call_id)
            && let Some(status) = self.status_mut(number)
        {
            status.copied.insert(request);
        }
    }

    /// What the service centre is owed and did not get.
    pub(super) fn centre_is_owed(&self) -> Option<String> {
        for (number, status) in self.of_centre.statuses.iter().enumerate() {
            for (request, told) in &status.told {
                let reported = status.reported.get(request).copied().unwrap_or(0);
                if *told > 0 && reported == 0 {
                    return Some(format!(
                        "status report {number} was answered, and has no RP-ACK"
                    ));
                }
            }
        }
        None
    }

    /// Behind a crash each word may be missing.
    pub(super) fn centre_is_owed_no_more(&mut self, at_ms: u64) {
        self.of_centre.crashed_ms = Some(at_ms);
        for status in &mut self.of_centre.statuses {
            status.told_before.extend(status.told.keys());
            status.told.clear();
            status.reported.clear();
            status.reporters.clear();
        }
    }
}

/// TP-MR of the SMS-SUBMIT in this RP-DATA.
fn tp_mr_of(rp_data: &[u8]) -> Option<u8> {
    let (direction, rp) = RpMessage::decode(rp_data).ok()?;
    match rp.tpdu(direction)? {
        Ok(Tpdu::Submit(submit)) => Some(submit.mr.0),
        _ => None,
    }
}

/// The report of the service centre that a Call-ID names.
fn centre_report_named(call_id: &str) -> Option<usize> {
    let (number, _) = call_id.strip_prefix('c')?.split_once('@')?;
    number.parse().ok()
}

/// What the gateway says.
impl World {
    /// The final response to the sender of a message for the service centre.
    pub(super) fn sender_to_centre_is_told(&mut self, number: usize, status: u16) {
        let (now_ms, decided_ms) = (self.now_ms, self.decided_ms);
        let (policy, keeps) = (&self.host.gateway.policy, self.host.gateway.keeps);
        let hold_ms = policy.hold_timeout_ms.max(policy.accept_timeout_ms);
        let Some(im) = self.books.to_centre_mut(number) else {
            return;
        };
        (im.last_ms, im.taken_ms) = (now_ms, now_ms);
        im.is_told_forgotten = false;
        if im.told.replace((status, now_ms)).is_some() {
            return self.break_promise(format!("{number}: its sender gets two final responses"));
        }
        let latest = im
            .arrived_ms
            .map(|arrived_ms| arrived_ms + hold_ms + LATE_MS);
        if latest.is_none_or(|latest_ms| now_ms > latest_ms) {
            return self.break_promise(format!("{number}: its sender is answered too late"));
        }
        let is_known = im.is_acked() || im.is_settled || !im.endings.is_empty();
        let is_taken = im.all_parts(|part| part.is_taken);
        match status {
            200 => self.break_promise(format!(
                "{number}: 200, and nobody knows that it is delivered"
            )),
            408 => self.break_promise(format!("{number}: 408 to a MESSAGE")),
            202 if keeps && !im.is_durable && !is_known => self.break_promise(format!(
                "{number}: 202, and the database does not have the message"
            )),
            // Behind a crash, the service centre or the database may have an earlier copy, and the report is on that one.
            202 if (im.was_refused(decided_ms.saturating_sub(SLOW_MS))
                || im.is_refused_at(decided_ms))
                && !im.is_acked()
                && im.came_again == 0 =>
            {
                self.break_promise(format!(
                    "{number}: 202, and the service centre has refused it"
                ));
            }
            300.. if im.was_acked(decided_ms) && im.came_again == 0 => self.break_promise(format!(
                "{number}: {status}, and the service centre has acknowledged it"
            )),
            300.. if is_taken => self.books.explain(
                "failed, and the service centre has it: its report was cut off, late, or said so",
            ),
            _ => {}
        }
    }

    /// The gateway sends RP-DATA to the service centre.
    pub(super) fn sends_to_centre(
        &mut self,
        (number, place): (usize, usize),
        exchange: ExchangeKey,
        message: &MessageOut,
    ) {
        let (now_ms, decided_ms) = (self.now_ms, self.decided_ms);
        let report_ms = self.host.gateway.policy.report_timeout_ms;
        let Some(im) = self.books.to_centre_mut(number) else {
            return;
        };
        let sender = &self.people[self.devices[im.device].person].uri;
        let asserted = header(&message.headers, "P-Asserted-Identity");
        if asserted.map(|asserted| asserted.trim_matches(['<', '>'])) != Some(sender) {
            return self.break_promise(format!("{number}: it goes out as of {asserted:?}"));
        }
        if let Ok((_, rp)) = RpMessage::decode(&message.body) {
            let known = &mut self.books.of_centre.by_reference;
            known.insert((sender.clone(), rp.mr().0), (number, place));
        }
        let Some(im) = self.books.to_centre_mut(number) else {
            return;
        };
        let earlier = (0..place).all(|before| {
            let part = im.places.get(&before);
            part.is_some_and(|part| part.acked_ms.is_some() || part.sent_ms + report_ms <= now_ms)
        });
        let came_again = im.came_again > 0;
        let part = im.part(place);
        part.sent
            .insert(message.call_id.clone().unwrap_or_default());
        part.tp_mr = tp_mr_of(&message.body);
        part.sent_ms = now_ms;
        part.error_ms = None;
        let (times, may) = (part.sent.len(), 1 + part.may_go_again);
        let is_acked = part.acked_ms.is_some_and(|acked_ms| acked_ms < decided_ms);
        let is_taken_up = exchange.serial() < self.host.first_serial;
        let broken = if !earlier && !came_again && !is_taken_up {
            "is sent before the RP-ACK on an earlier one".to_owned()
        } else if is_acked && !came_again && !is_taken_up {
            "is sent again although it is acknowledged".to_owned()
        } else if times > may && !came_again {
            format!("is sent {times} times")
        } else if self.transactions.own_for(self.node, sender) > 0 {
            "is sent while another RP-DATA of its sender is on its way".to_owned()
        } else {
            return;
        };
        self.break_promise(format!("{number}: part {place} {broken}"));
    }

    /// The final response to a status report.
    pub(super) fn status_is_answered(&mut self, call_id: &str, status: u16) {
        let Some((number, request)) = status_request_named(call_id) else {
            return;
        };
        let Some(book) = self.books.status_mut(number) else {
            return;
        };
        let told = book.told.entry(request).or_default();
        *told += 1;
        let most = 1 + usize::from(book.copied.contains(&request));
        if status != 202 || *told > most {
            let times = *told;
            self.break_promise(format!(
                "status report {number} is answered {status}, {times} times"
            ));
        }
    }

    /// The gateway reports on a status report.
    pub(super) fn reports_on_status(
        &mut self,
        call_id: &str,
        message: &MessageOut,
        exchange: Option<ExchangeKey>,
    ) {
        let is_ack = matches!(
            RpMessage::decode(&message.body),
            Ok((Direction::MsToNetwork, RpMessage::Ack(_)))
        );
        let Some((number, request)) = status_request_named(call_id) else {
            return;
        };
        let Some(book) = self.books.status_mut(number) else {
            return;
        };
        book.is_acked |= is_ack;
        // A report that is not answered goes once more.
        let is_repeated = exchange.is_some_and(|exchange| {
            let sent = book.reporters.entry(exchange.serial()).or_default();
            *sent += 1;
            *sent == 2
        });
        let told = book.told.get(&request).copied().unwrap_or(0);
        let reported = book.reported.entry(request).or_default();
        *reported += usize::from(!is_repeated);
        let times = *reported;
        let may_repeat = book.told_before.contains(&request);
        if !is_ack || times > told && !may_repeat || message.identity != CENTRE {
            self.break_promise(format!(
                "status report {number} has {times} reports, RP-ACK: {is_ack}, behind {told} responses"
            ));
        }
    }

    /// A notification about a message for the service centre.
    pub(super) fn notifies_of_centre(&mut self, number: usize, disposition: usize, own: String) {
        let crashes = self.crashes;
        let Some(im) = self.books.to_centre_mut(number) else {
            return self.break_promise("a notification about nothing");
        };
        let (positive, negative, processing) = im.wants;
        let is_wanted = [positive, negative, processing][disposition];
        if !im.notified[disposition].insert(own) {
            // The same one once more.
            return;
        }
        im.last_ms = self.now_ms;
        let most = 1 + im.came_again + im.may_repeat;
        let is_second = im.notified[disposition].len() > most;
        let both = !im.notified[0].is_empty() && !im.notified[1].is_empty();
        let is_clear = !im.is_confused && im.came_again == 0;
        let is_delivered = im.all_parts(|part| part.says(|word| word == 0x00));
        let has_failed = im.has_failed_status() || im.endings.contains(&Ending::Failed);
        let told = im.told.map(|(status, _)| status);
        let what = ["delivered", "failed", "processed"][disposition];
        let broken = match disposition {
            _ if !is_wanted => "which nobody wants",
            _ if is_second => "twice",
            0 if !is_delivered && is_clear => "and no status report says so",
            1 if !has_failed && is_clear => "and nobody says so",
            1 if told.is_some_and(|status| status >= 300) && crashes == 0 => {
                "which its sender knows by the response"
            }
            0 | 1 if both && is_clear && crashes == 0 => "and it says the opposite, too",
            _ => return,
        };
        self.break_promise(format!("{number}: the notification {what}, {broken}"));
    }
}
