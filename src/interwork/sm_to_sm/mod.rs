//! A short message from a phone to another phone: the gateway is the service centre of both.

pub(super) mod exchange;
pub(super) mod translate;
