//! Several nodes with one table: a node claims the messages that it delivers.
//!
//! The oldest messages of a recipient are claimed in one transaction, each only if no node has it. Then the rows are read
//! again: the node that has the oldest one delivers, the other one gives back what it got. So one node at a time delivers to a
//! recipient, in order.

use super::{INDEX, StoredRow, begin, read_of};
use crate::exchange::{ExchangeKey, Identity};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::storage::Storage;
use crate::kamailio::state::stored_rows::RowChange;

/// The column `node` of a message that no node has.
const NOBODY: u16 = 0;

/// Claims the oldest messages of these recipients, and begins to deliver them.
pub(super) fn read(storage: &Storage, mut recipients: Vec<Identity>) {
    // In one order on all nodes: two of them do not wait for each other.
    recipients.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    let mine = state().nodes.node();
    let mut claimed = Vec::new();
    let mut claims = Vec::new();
    for identity in recipients {
        let rows = read_of(storage, &identity);
        if rows.iter().any(|row| ![NOBODY, mine].contains(&row.node)) {
            INDEX.with_borrow_mut(|index| index.is_elsewhere(identity));
            continue;
        }
        INDEX.with_borrow_mut(|index| index.is_here(&identity));
        if rows.is_empty() {
            continue;
        }
        claims.extend(
            rows.iter()
                .map(|row| RowChange::Claim(row.exchange.key(), NOBODY)),
        );
        claimed.push(identity);
    }
    if claims.is_empty() {
        return;
    }
    if storage.rows.change(&claims).is_err() {
        // The schedule, or a later registration, finds them.
        return;
    }
    let mut given_back: Vec<ExchangeKey> = Vec::new();
    for identity in claimed {
        let rows = read_of(storage, &identity);
        let is_first = rows.first().is_some_and(|row| row.node == mine);
        let rows: Vec<StoredRow> = rows.into_iter().filter(|row| row.node == mine).collect();
        if is_first {
            given_back.extend(begin(storage, &identity, rows));
        } else {
            given_back.extend(rows.iter().map(|row| row.exchange.key()));
            INDEX.with_borrow_mut(|index| index.is_elsewhere(identity));
        }
    }
    if !given_back.is_empty() {
        INDEX.with_borrow_mut(|index| {
            index.unwritten.extend(given_back);
            index.release_unwritten(storage);
        });
    }
}
