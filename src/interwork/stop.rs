//! The gateway stops: waiting senders get their answer now, because open exchanges are lost, except those that the host keeps.

use super::handle::Turn;
use crate::exchange::{Exchange, ExchangeKey, NEVER, Stored};
use crate::interwork::rules::causes::defaults::SipOutcome;

/// Answer to the sender of an instant message: the report cannot be received any more, so the gateway does not accept
/// the message. The sender may try again.
const STOPPED: SipOutcome = SipOutcome {
    status: 503,
    retry_after: true,
};

impl Turn<'_> {
    /// The time for stopping is over.
    pub(crate) fn stopped(&mut self, key: ExchangeKey) {
        match self.view.by_key(key) {
            // For a long message, the exchange of the last part holds the sender. A sender that already has a `202`
            // is not answered again.
            Some(Exchange::ImToSm(im)) if im.is_held() => self.im_not_kept(key),
            // The next start takes it up.
            Some(open) if open.header().stored == Stored::Yes => {}
            // The sender gets the outcome from its session.
            Some(Exchange::ImToSm(im)) if im.is_in_session() && !im.state.is_told() => {
                self.im_not_kept(key);
            }
            Some(Exchange::ImToSm(im)) => self.im_stopped(&im),
            // Nothing was promised.
            Some(Exchange::SmToIm(sm)) if sm.state.is_relayed() => self.not_taken(&sm),
            // As at the end of the IM side's time: a sender that has a `202` gets the report.
            Some(Exchange::SmToIm(sm)) => {
                self.sm_due(sm, NEVER);
                self.sm_stopped(key);
            }
            Some(Exchange::ListDelivery(it)) => self.list_delivery_stopped(&it),
            Some(Exchange::Notification(it)) => self.notification_stopped(&it),
            _ => {}
        }
    }

    /// The next start does not know the message, nor parts of it that the database has already.
    fn im_not_kept(&mut self, key: ExchangeKey) {
        self.remove_parts(key);
        self.conclude(key, STOPPED, false);
    }
}
