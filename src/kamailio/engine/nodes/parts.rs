//! Parts of long messages at the wrong node. The parts of one sender come to one node, which joins them. When a node dies or comes back,
//! some come to another one.

use std::collections::HashSet;

use super::{Claimed, take_up_claimed};
use crate::exchange::{
    Exchange, ExchangeKey, Identity, KeptPart, Kind, Store as _, Texts, decode, identity_in,
};
use crate::interwork::{FoundPart, Input, PartMove};
use crate::kamailio::engine::decide::decide_in;
use crate::kamailio::engine::execute::{Context, execute};
use crate::kamailio::state::exchanges::Locked;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::nodes::Nodes;
use crate::kamailio::state::now::now;
use crate::kamailio::state::storage::Storage;
use crate::kamailio::state::stored_rows::{AT_REST, RowChange};
use crate::kamailio::sys::database::DatabaseError;

/// Takes up what other nodes have left to this one. `may_move`: a node has died or come back lately.
pub(super) fn look(
    storage: &Storage,
    nodes: &Nodes,
    claimed: &mut Vec<Claimed>,
    may_move: bool,
) -> Result<(), DatabaseError> {
    if may_move {
        hand_over(nodes);
        remove_delivered(storage, nodes)?;
        forget_removed(storage, nodes)?;
    }
    take_left(storage, nodes, claimed)
}

/// Gives the parts in memory to `see`, each under the lock of its bucket.
fn each(mut see: impl FnMut(Locked<'_>, &KeptPart)) {
    let (table, now) = (&state().table, now());
    for place in table.open() {
        if let Some((locked, key)) = table.lock_open(place, now.unix_ms)
            && let Some(Exchange::KeptPart(part)) = locked.by_key(key)
        {
            see(locked, &part);
        }
    }
}

fn identity_of(texts: &Texts) -> Option<Identity> {
    identity_in(Kind::KeptPart, texts)
}

/// Whether this node joins the parts of the sender of this one; none: the record is damaged.
fn is_joined_here(nodes: &Nodes, part: &Texts) -> Option<bool> {
    let identity = identity_of(part)?;
    Some(nodes.that_joins(identity.as_str()).is_none())
}

/// Leaves the parts that another node joins to that node.
fn hand_over(nodes: &Nodes) {
    each(|locked, part| {
        let exchange = part.header.key;
        let texts = locked.texts(exchange);
        let is_joined_here = texts.and_then(|texts| is_joined_here(nodes, &texts));
        let part = is_joined_here.map(|is_joined_here| FoundPart::InMemory { is_joined_here });
        if part.is_some_and(|part| part.moves() == PartMove::HandedOver) {
            let step = decide_in(locked, Input::HandOver { exchange }, now());
            execute(step, Context::Nothing);
        }
    });
}

/// Removes the rows of parts at other nodes whose messages this node has delivered.
fn remove_delivered(storage: &Storage, nodes: &Nodes) -> Result<(), DatabaseError> {
    let now_ms = now().unix_ms;
    let mut delivered = Vec::new();
    for other in nodes.others().iter().filter(|other| other.is_alive) {
        storage.rows.parts_at(other.number, |key, record| {
            if let Ok((Exchange::KeptPart(part), texts)) = decode(key, record)
                && let Some(identity) = identity_of(&texts)
            {
                let sender = state().table.lock(identity.as_str(), now_ms);
                let is_delivered_here = sender.has_part(part.digest, now_ms);
                let part = FoundPart::AtLivingNode { is_delivered_here };
                if part.moves() == PartMove::Removed {
                    delivered.push(RowChange::Remove(key, other.number));
                }
            }
        })?;
    }
    match delivered.is_empty() {
        true => Ok(()),
        false => storage.rows.change(&delivered),
    }
}

/// Whether this part leaves memory if it has no row.
fn is_forgotten(part: &KeptPart) -> bool {
    let without_row = FoundPart::WithoutRow {
        stored: part.header.stored,
        is_claimed: part.is_claimed(),
    };
    without_row.moves() == PartMove::Forgotten
}

/// Parts whose rows another node has removed leave memory.
fn forget_removed(storage: &Storage, nodes: &Nodes) -> Result<(), DatabaseError> {
    // A part in memory that is stored had its row before the rows are read.
    let mut stored = Vec::new();
    each(|_, part| {
        if is_forgotten(part) {
            stored.push(part.header.key);
        }
    });
    if stored.is_empty() {
        return Ok(());
    }
    let mut rows = HashSet::new();
    storage.rows.parts_at(nodes.node(), |key, _| {
        rows.insert(key);
    })?;
    let now = now();
    // The row of a part that was not stored with the others may still be to be written.
    let is_removed =
        |key: &ExchangeKey| !rows.contains(key) && !storage.is_to_be_written(*key, &[]);
    for exchange in stored.into_iter().filter(is_removed) {
        // The message may have become whole meanwhile.
        if let Some(locked) = state().table.lock_of(exchange, now.unix_ms)
            && let Some(Exchange::KeptPart(part)) = locked.by_key(exchange)
            && is_forgotten(&part)
        {
            let step = decide_in(locked, Input::TakenOver { exchange }, now);
            execute(step, Context::Nothing);
        }
    }
    Ok(())
}

/// Takes up the parts that another node has left, if this one joins them.
fn take_left(
    storage: &Storage,
    nodes: &Nodes,
    claimed: &mut Vec<Claimed>,
) -> Result<(), DatabaseError> {
    let mut left: Vec<Claimed> = Vec::new();
    storage.rows.parts_at(AT_REST, |key, record| {
        left.push((key, decode(key, record).ok()));
    })?;
    left.retain(|(_, part)| {
        let texts = part.as_ref().map(|(_, texts)| texts);
        let is_joined_here = texts.and_then(|texts| is_joined_here(nodes, texts));
        let part = is_joined_here.map(|is_joined_here| FoundPart::Left { is_joined_here });
        part.is_some_and(|part| part.moves() == PartMove::TakenUp)
    });
    if left.is_empty() {
        return Ok(());
    }
    let claim = |(key, _): &Claimed| RowChange::Claim(*key, AT_REST);
    let claims: Vec<_> = left.iter().map(claim).collect();
    claimed.extend(left);
    storage.rows.change(&claims)?;
    take_up_claimed(storage, claimed);
    Ok(())
}
