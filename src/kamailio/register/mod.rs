//! Registered contacts and their capabilities; S-CSCFs; the writer process.

pub(super) mod contacts;
pub(super) mod destinations;
pub(super) mod person;
pub(super) mod reg_event;
pub(super) mod register_request;
pub(super) mod registration;
pub(super) mod save;
pub(super) mod scscf_contacts;
pub(super) mod third_party;
pub(super) mod writer;
