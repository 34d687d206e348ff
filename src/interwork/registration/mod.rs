//! What an S-CSCF says of a person who is registered there.

pub(super) mod at_scscf;
pub(super) mod reg_event;
