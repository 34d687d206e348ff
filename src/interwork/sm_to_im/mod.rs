//! A short message that becomes an instant message.

pub(super) mod charging;
pub(super) mod exchange;
pub(super) mod im_retry;
pub(super) mod incomplete;
pub(super) mod outcome;
pub(super) mod owed;
pub(super) mod parts;
pub(super) mod repetition;
pub(super) mod session;
pub(super) mod status_report;
pub(super) mod translate;
