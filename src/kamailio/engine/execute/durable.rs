//! Exchanges that are written to the database before their sender is answered.

use super::Execution;
use crate::exchange::{ExchangeKey, TransactionId};
use crate::interwork::Input;

use crate::kamailio::engine::watch;
use crate::kamailio::state::counters;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::transaction;

impl Execution<'_> {
    #[cold]
    pub(super) fn store(&mut self, exchange: ExchangeKey, waits: Option<TransactionId>) {
        let may_wait = waits.is_none() || self.hold_for_database(exchange);
        let storage = state().storage.as_ref();
        if !may_wait || !storage.is_some_and(|storage| storage.ask(exchange)) {
            counters::NOT_STORED.count();
            self.tell(exchange, Input::NotStored { exchange });
        }
    }

    #[cold]
    pub(super) fn store_parts(&mut self, exchanges: &[ExchangeKey]) {
        let storage = state().storage.as_ref();
        if !storage.is_some_and(|storage| storage.ask_together(exchanges, None)) {
            for &exchange in exchanges {
                counters::NOT_STORED.count();
                self.tell(exchange, Input::NotStored { exchange });
            }
        }
    }

    #[cold]
    pub(super) fn store_list(&mut self, exchanges: &[ExchangeKey], waits: TransactionId) {
        let Some((&last, others)) = exchanges.split_last() else {
            return;
        };
        let may_wait = self.hold_for_database(last);
        let storage = state().storage.as_ref();
        if !may_wait || !storage.is_some_and(|storage| storage.ask_together(exchanges, Some(waits)))
        {
            let input = Input::ListStored {
                exchange: last,
                transaction: waits,
                written: false,
            };
            self.tell(last, input);
            for &exchange in others {
                self.tell(exchange, Input::NotStored { exchange });
            }
            (0..exchanges.len()).for_each(|_| counters::NOT_STORED.count());
        }
    }

    fn hold_for_database(&self, exchange: ExchangeKey) -> bool {
        let request = self.request();
        request.is_some_and(|request| hold_for_database(request, exchange))
    }
}

/// Holds a request until its exchange is written. tm's timer ends it if that takes too long.
fn hold_for_database(request: Request<'_>, exchange: ExchangeKey) -> bool {
    transaction::set_timeout(request, state().gateway.policy.accept_timeout_ms);
    let is_held = transaction::suspend(request).is_some() && watch::watch_held(request, exchange);
    if !is_held {
        tracing::error!("no memory to hold a request until it is written to the database");
    }
    is_held
}
