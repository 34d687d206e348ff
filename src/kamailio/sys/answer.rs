//! Answers to the current request: through tm, or without a transaction through sl.

use std::ffi::CStr;

use super::ffi;
use super::modules::modules;
use super::request::Request;
use super::text::{Lent, lend};
use super::transaction::Transaction;

/// A response: its status code, its reason phrase and whole header lines.
#[derive(Clone, Copy)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    pub(crate) reason: &'a str,
    pub(crate) headers: &'a str,
}

/// Longest reason phrase that tm is given.
const LONGEST_REASON: usize = 63;

impl Request<'_> {
    /// Answers the request: through its transaction if it has one. (sl would do the same, unless its `bind_tm` is off;
    /// then tm would not report that the answer was sent.)
    pub(crate) fn answer(&self, response: Response<'_>) -> bool {
        match Transaction::of(self.message()) {
            Some(_) => self.answer_in_transaction(response),
            None => self.answer_without_transaction(response),
        }
    }

    /// Answers the request without a transaction.
    pub(crate) fn answer_without_transaction(&self, response: Response<'_>) -> bool {
        self.add_to_answer(response.headers);
        let reason = Lent::new(response.reason.as_bytes());
        modules().sl.freply(*self, response.status.into(), &reason) >= 0
    }

    /// Answers a copy of a request whose transaction tm has forgotten, with the To tag of its first answer.
    pub(crate) fn answer_as_before(&self, response: Response<'_>) -> bool {
        self.add_to_answer(response.headers);
        let mut reason = lend(response.reason.as_bytes());
        let mut tag = ffi::str_::default();
        if modules().tm.t_get_reply_totag(self.kept(), &mut tag) <= 0 {
            return false;
        }
        let (msg, status) = (self.raw(), response.status.into());
        // SAFETY: a live request of this process, the tag in tm's buffer, and a reason that is copied.
        unsafe { (modules().sl.dreply)(msg, status, &mut reason, &mut tag) >= 0 }
    }

    /// Answers it as the request of tm's current transaction. False if there is none, or it has its final response.
    pub(crate) fn answer_in_transaction(&self, response: Response<'_>) -> bool {
        self.add_to_answer(response.headers);
        let mut octets = [0; LONGEST_REASON + 1];
        let Some(place) = octets[..LONGEST_REASON].get_mut(..response.reason.len()) else {
            return false;
        };
        place.copy_from_slice(response.reason.as_bytes());
        let Ok(reason) = CStr::from_bytes_until_nul(&octets) else {
            return false;
        };
        modules().tm.t_reply(*self, response.status.into(), reason) > 0
    }

    /// Header fields that Kamailio puts into its answer to this request.
    fn add_to_answer(&self, lines: &str) {
        if lines.is_empty() {
            return;
        }
        let lump = lend(lines.as_bytes());
        let kind = ffi::LUMP_RPL_HDR as _;
        // SAFETY: a live request of this process; the lines are copied.
        if unsafe { ffi::add_lump_rpl2(self.raw(), lump.s, lump.len, kind) }.is_null() {
            tracing::error!("no private memory for a header field of an answer");
        }
    }
}
