//! Store and forward: a message whose recipient is away is stored, and delivered when the recipient is back.

pub(super) mod behind;
pub(super) mod charging;
pub(super) mod delivery;
pub(super) mod ending;
pub(super) mod not_taken;
pub(super) mod room;
pub(super) mod sending;
pub(super) mod session;
pub(super) mod short_message;
pub(super) mod storing;
pub(super) mod translate;
