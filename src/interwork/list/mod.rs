//! An instant message with a list of recipients (RFC 5365).

pub(super) mod charging;
pub(super) mod exchange;
pub(super) mod promise;
pub(super) mod translate;
