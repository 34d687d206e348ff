//! `src/kamailio/state`, as far as it needs no Kamailio.

#[path = "../../../src/kamailio/state/exchanges/mod.rs"]
pub(super) mod exchanges;
#[path = "../../../src/kamailio/state/other_nodes.rs"]
pub(super) mod other_nodes;
#[path = "../../../src/kamailio/state/shares.rs"]
mod shares;
#[path = "../../../src/kamailio/state/table/mod.rs"]
pub(super) mod table;
#[path = "../../../src/kamailio/state/texts.rs"]
mod texts;
