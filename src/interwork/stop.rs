//! The gateway stops, and forgets what is open: whoever waits is told so now.

use super::handle::Turn;
use crate::host::{ExchangeId, Kind, State};
use crate::interwork::rules::causes::defaults::Final;

/// What the sender of an instant message is told: nobody will be there to take the report, so no promise is made. The sender
/// may try again.
const STOPPED: Final = Final {
    status: 503,
    retry_after: true,
};

impl Turn<'_> {
    /// The time that the gateway has to stop in is over.
    pub(crate) fn stopped(&mut self, id: ExchangeId) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        match exchange.kind {
            // Of a long message the exchange of the last part holds the sender; who has a `202` has it.
            Kind::ImToSm if exchange.held => self.conclude(id, STOPPED),
            // Nothing was promised.
            Kind::SmToIm if exchange.state == State::Relayed => self.not_taken(id),
            // As if the IM side's time were over: who has a `202` gets the report.
            Kind::SmToIm => self.sm_due(id),
            _ => {}
        }
    }
}
