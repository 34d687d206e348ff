//! The books that the peers keep: what each sender was told, what each recipient has, and which words the gateway has heard.
//! Every promise of the gateway is checked against them, not against its own counters.

mod centre;
mod durable;
mod im;
mod lists;
mod phones;
mod settle;
mod sm;
mod told;

use std::collections::{BTreeMap, HashMap};

use ipsmgw::interwork::Counter;

use crate::random::Random;
use crate::world::Address;

pub(crate) use centre::{ToCentre, status_named};
pub(crate) use durable::{Holder, Kept};
pub(crate) use im::Im;
pub(crate) use lists::{Copy, List};
pub(crate) use sm::{Sm, SmPart};

/// What an exchange, or a MESSAGE, is about: a message, and one of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    InstantMessage(usize, usize),
    ShortMessage(usize, usize),
    /// An instant message for the service centre.
    ToCentre(usize, usize),
    /// A status report to a phone.
    Status,
    Unknown,
}

/// What a phone's report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Ack,
    /// RP-Cause, TP-FCS.
    Error(u8, Option<u8>),
}

/// A report that a phone has written.
struct Report {
    about: Subject,
    /// The message that the report names instead of the one that it is about.
    fits: Subject,
    says: Says,
    /// Without In-Reply-To: the phone and the RP-Message Reference.
    by_reference: Option<(String, u8)>,
    has_arrived: bool,
}

enum Book {
    InstantMessage(Im),
    ShortMessage(Sm),
    List(List),
    ToCentre(ToCentre),
}

/// All books.
#[derive(Default)]
pub(crate) struct Books {
    books: Vec<Book>,
    reports: Vec<Report>,
    /// What the service centre has written.
    of_centre: centre::OfCentre,
    /// The Call-IDs of RP-DATA that went out, for phones that mix them up.
    rp_data: Vec<String>,
    /// The message that a gateway has used an RP-Message Reference to a phone for last.
    by_reference: HashMap<(Address, String, u8), Subject>,
    /// From a gateway to each phone: the serial number of the exchange whose RP-DATA went out first the last time.
    pub(crate) order: HashMap<(Address, String), u64>,
    /// Stored messages from phones to phones.
    stored: phones::StoredMessages,
    /// How many outcomes the gateway has remembered.
    outcomes: u64,
    counters: BTreeMap<&'static str, u64>,
    /// Words that do not fit what happened, because a report was cut off or a peer contradicted itself: by kind.
    pub(crate) explained: BTreeMap<&'static str, u64>,
}

/// The message, part and request that a Call-ID of a phone names.
pub(crate) fn request_named(call_id: &str) -> Option<(usize, usize, usize)> {
    let (numbers, _) = call_id.strip_prefix('s')?.split_once('@')?;
    let mut numbers = numbers.split('-').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

/// The instant message that a Call-ID of a client names.
fn instant_message_named(call_id: &str) -> Option<usize> {
    let (number, _) = call_id.strip_prefix('i')?.split_once('@')?;
    number.parse().ok()
}

impl Books {
    pub(crate) fn count(&self) -> usize {
        self.books.len()
    }

    pub(crate) fn next_number(&self) -> usize {
        self.books.len()
    }

    pub(crate) fn instant_message_is_planned(&mut self, im: Im) {
        self.books.push(Book::InstantMessage(im));
    }

    pub(crate) fn short_message_is_planned(&mut self, sm: Sm) {
        self.books.push(Book::ShortMessage(sm));
    }

    pub(crate) fn im(&self, number: usize) -> Option<&Im> {
        match self.books.get(number) {
            Some(Book::InstantMessage(im)) => Some(im),
            _ => None,
        }
    }

    fn im_mut(&mut self, number: usize) -> Option<&mut Im> {
        match self.books.get_mut(number) {
            Some(Book::InstantMessage(im)) => Some(im),
            _ => None,
        }
    }

    pub(crate) fn sm(&self, number: usize) -> Option<&Sm> {
        match self.books.get(number) {
            Some(Book::ShortMessage(sm)) => Some(sm),
            _ => None,
        }
    }

    pub(crate) fn sm_mut(&mut self, number: usize) -> Option<&mut Sm> {
        match self.books.get_mut(number) {
            Some(Book::ShortMessage(sm)) => Some(sm),
            _ => None,
        }
    }

    pub(crate) fn counted(&mut self, counter: Counter) {
        *self.counters.entry(counter.name()).or_default() += 1;
    }

    fn count_of(&self, counter: Counter) -> u64 {
        self.counters.get(counter.name()).copied().unwrap_or(0)
    }

    /// A word that does not fit what happened has an explanation.
    pub(crate) fn explain(&mut self, why: &'static str) {
        *self.explained.entry(why).or_default() += 1;
    }
}

/// Reports of phones.
impl Books {
    /// A phone writes a report: its Call-ID.
    pub(crate) fn report_is_written(
        &mut self,
        about: Subject,
        fits: Subject,
        says: Says,
        is_unnamed: bool,
        (phone, rp_mr): (&str, u8),
    ) -> String {
        self.reports.push(Report {
            about,
            fits,
            says,
            by_reference: is_unnamed.then(|| (phone.to_owned(), rp_mr)),
            has_arrived: false,
        });
        format!("r{}@phone", self.reports.len() - 1)
    }

    fn report_named(&mut self, call_id: &str) -> Option<&mut Report> {
        let (number, _) = call_id.strip_prefix('r')?.split_once('@')?;
        self.reports.get_mut(number.parse::<usize>().ok()?)
    }

    /// A report is at the gateway. What it seems to be about may be another message than the one that the phone means.
    pub(crate) fn report_arrives(&mut self, call_id: &str, node: Address) {
        let Some(report) = self.report_named(call_id) else {
            return;
        };
        report.has_arrived = true;
        let (about, fits, by_reference) = (report.about, report.fits, report.by_reference.clone());
        let by_reference = by_reference
            .and_then(|(phone, rp_mr)| self.by_reference.get(&(node, phone, rp_mr)).copied());
        let is_wrong = fits != Subject::Unknown;
        for other in [Some(fits), by_reference].into_iter().flatten() {
            if let Subject::InstantMessage(number, _) = other
                && (is_wrong || other != about)
                && let Some(im) = self.im_mut(number)
            {
                im.is_confused = true;
            }
            if is_wrong || other != about {
                self.leg_is_confused(other);
            }
        }
    }

    /// The gateway has taken the report: of several gateways this one, which knows its own RP-Message References alone.
    pub(crate) fn report_taken(&mut self, call_id: &str, node: Option<Address>, at_ms: u64) {
        let Some(report) = self.report_named(call_id) else {
            return;
        };
        if let (Some(node), Some((phone, rp_mr))) = (node, report.by_reference.clone()) {
            let about = report.about;
            if self.by_reference.get(&(node, phone, rp_mr)) != Some(&about) {
                return;
            }
        }
        let Some(report) = self.report_named(call_id) else {
            return;
        };
        let (about, fits, says) = (report.about, report.fits, report.says);
        let is_unnamed = report.by_reference.is_some();
        if fits != Subject::Unknown {
            return;
        }
        self.leg_hears(about, says, at_ms);
        if let Subject::InstantMessage(number, part) = about
            && let Some(im) = self.im_mut(number)
        {
            // A gateway that the database was away from has the message still, and the report without In-Reply-To fits. The one that has
            // taken the message over hears nothing of it, and sends it again.
            let has_it = im.taken_up_by.zip(node);
            if is_unnamed && has_it.is_some_and(|(has_it, node)| has_it != node) {
                return self.explain(
                    "a report without In-Reply-To at the gateway that the message was taken over from",
                );
            }
            im.hears(part, says, at_ms);
        }
    }

    pub(crate) fn rp_data_is_sent(
        &mut self,
        call_id: &str,
        phone: &str,
        rp_mr: u8,
        subject: Subject,
        node: Address,
    ) {
        self.rp_data.push(call_id.to_owned());
        self.reference_is_known(phone, rp_mr, subject, node);
    }

    /// The gateway takes a report without In-Reply-To, and with this RP-MR, for one on this message.
    pub(crate) fn reference_is_known(
        &mut self,
        phone: &str,
        rp_mr: u8,
        subject: Subject,
        node: Address,
    ) {
        self.by_reference
            .insert((node, phone.to_owned(), rp_mr), subject);
    }

    /// Another RP-DATA than this one.
    pub(crate) fn another_rp_data(&self, call_id: &str, random: &mut Random) -> String {
        let other = random.place(self.rp_data.len());
        let other = self.rp_data.get(other).filter(|other| *other != call_id);
        other.map_or_else(|| "nobody@knows".to_owned(), String::clone)
    }
}
