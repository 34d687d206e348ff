//! Parameters that the operator sets, their checks, and the tables and limits that follow from them.

pub(super) mod addresses;
pub(super) mod answer;
pub(super) mod authorization;
pub(super) mod causes;
pub(super) mod check;
pub(super) mod coding;
pub(super) mod identity;
pub(super) mod lifetime;
pub(super) mod numbers;
pub(super) mod overload;
pub(super) mod policy;
pub(super) mod retry;
pub(super) mod settings;
pub(super) mod table_limits;
pub(super) mod transactions;
pub(super) mod values;
