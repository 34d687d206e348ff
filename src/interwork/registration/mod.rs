//! Registrations that an S-CSCF reports: third-party REGISTER and `reg` event package.

pub(super) mod at_scscf;
pub(super) mod reg_event;
pub(super) mod third_party;
