//! What the operator may set, and the tables and limits behind it.

pub(super) mod authorization;
pub(super) mod causes;
pub(super) mod coding;
pub(super) mod lifetime;
pub(super) mod numbers;
pub(super) mod overload;
pub(super) mod policy;
pub(super) mod settings;
pub(super) mod shares;
