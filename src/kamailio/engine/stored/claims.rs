//! Several nodes with one table: a node claims the messages that it delivers.
//!
//! The oldest messages of a recipient are claimed in one transaction, each only if no node has it. Then the rows are read
//! again: the node that has the oldest one delivers, the other one gives back what it got. So one node at a time delivers to a
//! recipient, in order.

use super::reading::StoredRow;
use super::{INDEX, begin, read_of};
use crate::exchange::{Exchange, ExchangeKey, Identity, Texts, decode};
use crate::kamailio::state::exchanges::Behind;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::storage::Storage;
use crate::kamailio::state::stored_rows::RowChange;

/// The column `node` of a message that no node has.
const NOBODY: u16 = 0;

/// Claims one stored message; none if it has ended, or another node has it.
pub(super) fn one(storage: &Storage, key: ExchangeKey) -> Option<(Exchange, Texts)> {
    let rows = &storage.rows;
    rows.change(&[RowChange::Claim(key, NOBODY)]).ok()?;
    let (mut row, is_mine) = (None, rows.is_mine(key).ok()?);
    rows.one(key, |record| row = decode(key, record).ok())
        .ok()?;
    row.filter(|(exchange, _)| is_mine && matches!(exchange, Exchange::StoredMessage(_)))
}

/// Claims the oldest messages of these recipients, and begins to deliver them.
pub(super) fn read(storage: &Storage, mut recipients: Vec<Identity>) {
    // In one order on all nodes: two of them do not wait for each other.
    recipients.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    let mine = state().nodes.node();
    let mut claimed = Vec::new();
    for identity in recipients {
        let Ok(rows) = read_of(storage, &identity) else {
            INDEX.with_borrow_mut(|index| index.read_again(identity));
            continue;
        };
        if rows.iter().any(|row| ![NOBODY, mine].contains(&row.node)) {
            INDEX.with_borrow_mut(|index| index.is_elsewhere(identity));
            continue;
        }
        INDEX.with_borrow_mut(|index| index.is_here(&identity));
        if !rows.is_empty() {
            let keys: Vec<_> = rows.iter().map(|row| row.exchange.key()).collect();
            claimed.push((identity, keys));
        }
    }
    let keys = claimed.iter().flat_map(|(_, keys)| keys);
    let claims: Vec<_> = keys.map(|key| RowChange::Claim(*key, NOBODY)).collect();
    if claims.is_empty() {
        return;
    }
    // The answer to a COMMIT may be lost: the rows may name this node nevertheless.
    let is_written = storage.rows.change(&claims).is_ok();
    for (identity, keys) in claimed {
        let taken = match is_written {
            true => begin_claimed(storage, identity, mine),
            false => {
                INDEX.with_borrow_mut(|index| index.read_again(identity));
                Vec::new()
            }
        };
        let left = keys.into_iter().filter(|key| !taken.contains(key));
        let released: Vec<_> = left.map(Behind::Released).collect();
        storage.follow(&released);
    }
}

/// Takes up what this node has got for a recipient, if that is the oldest message. Returns what it has taken up.
fn begin_claimed(storage: &Storage, identity: Identity, mine: u16) -> Vec<ExchangeKey> {
    let Ok(rows) = read_of(storage, &identity) else {
        return Vec::new();
    };
    if rows.first().is_some_and(|row| row.node != mine) {
        INDEX.with_borrow_mut(|index| index.is_elsewhere(identity));
        return Vec::new();
    }
    let rows: Vec<StoredRow> = rows.into_iter().filter(|row| row.node == mine).collect();
    begin(storage, &identity, rows)
}
