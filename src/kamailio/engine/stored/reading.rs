//! Reads the stored messages of a recipient.

use crate::exchange::{Exchange, ExchangeKey, Identity, Kind, Texts, decode, identity_in};
use crate::interwork::{READ_AT_ONCE, holds_up, is_taken_up};
use crate::kamailio::state::now::now;
use crate::kamailio::state::storage::Storage;
use crate::kamailio::state::stored_rows::AT_REST;
use crate::kamailio::sys::database::DatabaseError;

/// A row of a stored message.
pub(super) struct StoredRow {
    /// The node that has it in memory; 0: none.
    pub(super) node: u16,
    pub(super) exchange: Exchange,
    pub(super) texts: Texts,
}

/// The oldest messages for this recipient, without those that are left alone until their time has come. If all messages were read,
/// also those that hold up new ones.
pub(super) fn oldest(
    storage: &Storage,
    identity: &Identity,
    is_here: bool,
) -> Result<(Vec<StoredRow>, Option<Vec<ExchangeKey>>), DatabaseError> {
    let (kind, now) = (Kind::StoredMessage, now());
    let mut most = READ_AT_ONCE;
    loop {
        let (mut rows, mut holding, mut count) = (Vec::new(), Vec::new(), 0);
        let see = |key, node: u16, record: &[u8]| {
            count += 1;
            let Ok((exchange, texts)) = decode(key, record) else {
                return;
            };
            let is_theirs = identity_in(kind, &texts).as_ref() == Some(identity);
            let Exchange::StoredMessage(message) = &exchange else {
                return;
            };
            if holds_up(message) {
                holding.push(key);
            }
            let is_next = node != AT_REST || is_taken_up(message, is_here, now);
            if is_theirs && is_next && rows.len() < READ_AT_ONCE {
                rows.push(StoredRow {
                    node,
                    exchange,
                    texts,
                });
            }
        };
        storage.rows.of(kind, identity.as_str(), most, see)?;
        let are_all = count < most;
        if are_all || rows.len() >= READ_AT_ONCE {
            return Ok((rows, are_all.then_some(holding)));
        }
        // Those that are left alone may stand before others.
        most = most.saturating_mul(4);
    }
}
