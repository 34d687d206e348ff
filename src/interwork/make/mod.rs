//! What is sent: MESSAGEs, their header fields and bodies, their Call-IDs.

pub(super) mod call_id;
pub(super) mod instant_message;
pub(super) mod joined;
pub(super) mod outgoing;
pub(super) mod short_message;
