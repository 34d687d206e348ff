//! Transactions, as the core and as tm name them.

use crate::exchange::{ReplyTo, TransactionId};

use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::transaction::{Transaction, TransactionPlace};

/// tm's name of a transaction.
pub(crate) fn tm_place(transaction: TransactionId) -> TransactionPlace {
    let TransactionId { entry, label } = transaction;
    TransactionPlace { entry, label }
}

/// The core's name of a transaction.
pub(crate) fn transaction_id(place: TransactionPlace) -> TransactionId {
    let TransactionPlace { entry, label } = place;
    TransactionId { entry, label }
}

/// How an answer to the current request names it.
pub(crate) fn reply_to(request: Request<'_>) -> ReplyTo {
    match Transaction::of(request.message()) {
        Some(transaction) => ReplyTo::Transaction(transaction_id(transaction.place())),
        None => ReplyTo::AtHand,
    }
}
