//! An instant message that becomes a short message.

pub(super) mod charging;
pub(super) mod exchange;
pub(super) mod hold_timeout;
pub(super) mod queue;
pub(super) mod report;
pub(super) mod sm_retry;
pub(super) mod submission;
pub(super) mod translate;
