//! The gateway stops, and forgets what is open: whoever waits is told so now.

use super::handle::Turn;
use crate::exchange::{Exchange, ExchangeKey};
use crate::interwork::rules::causes::defaults::SipOutcome;

/// What the sender of an instant message is told: nobody will be there to take the report, so no promise is made. The sender
/// may try again.
const STOPPED: SipOutcome = SipOutcome {
    status: 503,
    retry_after: true,
};

impl Turn<'_> {
    /// The time that the gateway has to stop in is over.
    pub(crate) fn stopped(&mut self, key: ExchangeKey) {
        match self.view.by_key(key) {
            // Of a long message the exchange of the last part holds the sender; who has a `202` has it.
            Some(Exchange::ImToSm(im)) if im.is_held() => self.conclude(key, STOPPED, false),
            // Nothing was promised.
            Some(Exchange::SmToIm(sm)) if sm.state.is_relayed() => self.not_taken(&sm),
            // As if the IM side's time were over: who has a `202` gets the report.
            Some(Exchange::SmToIm(sm)) => self.sm_due(sm),
            _ => {}
        }
    }
}
