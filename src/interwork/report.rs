//! IM -> SM: what the SMS side reports, and on which short message (rows IM-4, IM-6, F18 to F20, MEM-2).

use super::action::{Action, Counter, Verdict};
use super::cause::{Final, Told};
use super::handle::Turn;
use super::im_exchange::{ACCEPTED, DELIVERED};
use super::input::{Named, ReportIn, RpReport};
use super::outgoing::ReportOut;
use crate::host::{ExchangeId, Party, State};

impl Turn<'_> {
    pub(super) fn report(&mut self, report: &ReportIn<'_>) {
        let told = match report.report {
            RpReport::Ack => Told::Ack,
            RpReport::Error { cause, fcs } => Told::Error { cause, fcs },
            RpReport::MemoryAvailable => return self.memory_available(report),
            RpReport::Notification(disposition) => return self.notified(report, disposition),
        };
        let Some(id) = self.reported_exchange(report) else {
            self.reply(202, false, Verdict::Refused);
            return self.count(Counter::ReportUnknown);
        };
        self.reply(202, false, Verdict::Taken);
        let last = match told {
            Told::Ack => self.acknowledged(id),
            Told::Error { cause, fcs } if self.goes_again(id, cause, fcs) => return,
            Told::Error { cause, fcs } => {
                if let Some(exchange) = self.store.get_mut(id) {
                    (exchange.rp_cause, exchange.tp_fcs) = (Some(cause), fcs);
                }
                let causes = &self.gateway.policy.causes;
                let (status, retry_after, _) = causes.rp_to_sip(cause, fcs);
                Final {
                    status,
                    retry_after,
                }
            }
        };
        self.outcome(id, last);
    }

    /// RP-ACK: the phone has it, or the service centre has taken it (row IM-6).
    fn acknowledged(&mut self, id: ExchangeId) -> Final {
        let Some(exchange) = self.store.get_mut(id) else {
            return ACCEPTED;
        };
        exchange.state = State::Acknowledged;
        match exchange.party {
            Party::Phone => DELIVERED,
            Party::ServiceCentre => {
                self.keep_submission(id);
                ACCEPTED
            }
        }
    }

    /// What is reported on: the reporter's open exchange with this reference (row F19), but not where
    /// In-Reply-To names another message of ours (row IM-4): RP-MRs come again, and nothing is
    /// delivered because an earlier message was.
    fn reported_exchange(&mut self, report: &ReportIn<'_>) -> Option<ExchangeId> {
        let id = match report.named {
            Named::Nothing => self.first_in_queue(&report.identity, report.party)?,
            Named::Past => return None,
            Named::Exchange(id) => id,
        };
        let exchange = self.store.get_mut(id)?;
        let is_open = matches!(exchange.state, State::Sent | State::Taken);
        let fits = exchange.identity == report.identity
            && exchange.party == report.party
            && exchange.rp_mr == report.rp_mr;
        (is_open && fits).then_some(id)
    }

    /// RP-SMMA: acknowledged. We keep nothing back that could be sent now.
    fn memory_available(&mut self, report: &ReportIn<'_>) {
        self.reply(202, false, Verdict::Taken);
        self.count(Counter::MemoryAvailable);
        let ack = ReportOut {
            party: Party::Phone,
            recipient: "",
            address: report.address,
            hop: report.hop,
            in_reply_to: report.call_id,
            rp_mr: report.rp_mr,
            told: Told::Ack,
            scts: None,
        };
        let message = self.gateway.report(&ack, None);
        self.actions.push(Action::Send {
            exchange: None,
            message,
        });
    }
}
