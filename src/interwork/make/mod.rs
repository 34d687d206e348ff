//! Building of MESSAGEs: header fields, bodies, Call-IDs.

pub(super) mod call_id;
pub(super) mod instant_message;
pub(super) mod joined;
pub(super) mod outgoing;
pub(super) mod pieces;
pub(super) mod short_message;
