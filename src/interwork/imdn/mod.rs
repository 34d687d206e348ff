//! Disposition notifications to senders of instant messages (RFC 5438).

pub(super) mod charging;
pub(super) mod notification;
pub(super) mod way;
