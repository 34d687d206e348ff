//! Registered contacts and what they can do.

pub(super) mod at_scscf;
pub(super) mod contacts;
pub(super) mod destinations;
pub(super) mod person;
pub(super) mod reg_event;
pub(super) mod register_request;
pub(super) mod registration;
pub(super) mod route;
pub(super) mod save;
pub(super) mod third_party;
pub(super) mod writer;
