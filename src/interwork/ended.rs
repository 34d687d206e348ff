//! What became of a message: for operators and scripts.

use super::action::Action;
use super::handle::Turn;
use crate::host::{ExchangeId, Kind};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The recipient's device has it.
    Delivered,
    /// It was taken, and the outcome is not known yet.
    Accepted,
    /// It was not delivered.
    Failed,
}

impl Fate {
    /// Its name for operators and scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
        }
    }
}

/// One outcome. A message that was accepted may have another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exchange, which may be gone.
    pub exchange: ExchangeId,
    /// Which way it crossed.
    pub kind: Kind,
    /// What became of it.
    pub fate: Fate,
    /// SM -> IM: what the IM side answered. IM -> SM: what the sender is told. 0: nobody has answered.
    pub status: u16,
    /// IM -> SM: the failure that the SMS side has answered in SIP; 0: none.
    pub leg: u16,
    /// RP-Cause of the RP-ERROR that came from the SMS side, or goes to it.
    pub rp_cause: Option<u8>,
    /// TP-Failure-Cause beside it.
    pub tp_fcs: Option<u8>,
}

impl Turn<'_> {
    /// Tells what became of an exchange, as it stands now.
    pub(crate) fn ended(&mut self, id: ExchangeId, fate: Fate) {
        let Some(exchange) = self.store.get_mut(id) else {
            return;
        };
        // A status report is a report itself.
        if exchange.status_report {
            return;
        }
        let ended = Ended {
            exchange: id,
            kind: exchange.kind,
            fate,
            status: exchange.status,
            leg: 0,
            rp_cause: exchange.rp_cause,
            tp_fcs: exchange.tp_fcs,
        };
        self.actions.push(Action::Ended(ended));
    }

    /// The same of a message to the SMS side, which has answered `leg` in SIP.
    pub(crate) fn ended_behind(&mut self, id: ExchangeId, leg: u16) {
        let status = self.store.get_mut(id).map_or(0, |exchange| exchange.status);
        self.ended_with(id, status);
        if let Some(Action::Ended(ended)) = self.actions.last_mut()
            && ended.exchange == id
            && leg >= 300
        {
            ended.leg = leg;
        }
    }

    /// The same, by the status code that says it.
    pub(crate) fn ended_with(&mut self, id: ExchangeId, status: u16) {
        let fate = match status {
            202 => Fate::Accepted,
            200..300 => Fate::Delivered,
            _ => Fate::Failed,
        };
        self.ended(id, fate);
    }
}
