//! IM -> SM: what the SMS side reports, and on which short message (rows IM-4, IM-6, IM-13 to IM-15, MEM-2).

use crate::host::{Exchange, ExchangeId, Exchanges, Kind, Party, State};
use crate::interwork::action::{Action, Counter, Verdict};
use crate::interwork::handle::Turn;
use crate::interwork::im_to_sm::exchange::{ACCEPTED, DELIVERED};
use crate::interwork::im_to_sm::queue::awaits_report;
use crate::interwork::input::{Named, ReportIn, RpReport};
use crate::interwork::make::outgoing::ReportOut;
use crate::interwork::rules::causes::defaults::{Final, Told};

/// Whether a report that names nothing of ours fits an exchange of the reporter's that waits for one. Nothing is changed.
pub fn expects(report: &ReportIn<'_>, store: &mut dyn Exchanges) -> bool {
    if !matches!(report.report, RpReport::Ack | RpReport::Error { .. }) {
        return false;
    }
    let waits = |exchange: &Exchange| {
        awaits_report(exchange)
            && exchange.party == report.party
            && exchange.identity == report.identity
            && exchange.rp_mr == report.rp_mr
    };
    store.find(Kind::ImToSm, &mut { waits }).is_some()
}

impl Turn<'_> {
    pub(crate) fn report(&mut self, report: &ReportIn<'_>) {
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
        if self.store.get_mut(id).map(|open| open.state) == Some(State::Failed) {
            return self.failure_is_belied(id, told);
        }
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

    /// What is reported on (row IM-4): what In-Reply-To names, whatever the reference. Without one, the reporter's
    /// open exchange with this reference (row IM-14). Each MESSAGE of ours is reported on once.
    fn reported_exchange(&mut self, report: &ReportIn<'_>) -> Option<ExchangeId> {
        let is_theirs = |exchange: &Exchange| {
            exchange.kind == Kind::ImToSm
                && exchange.identity == report.identity
                && exchange.party == report.party
                && awaits_report(exchange)
        };
        match report.named {
            Named::Nothing => self.store.find(Kind::ImToSm, &mut |exchange| {
                is_theirs(exchange) && exchange.rp_mr == report.rp_mr
            }),
            Named::Past => None,
            Named::Exchange(id, attempt) => {
                let exchange = self.store.get_mut(id)?;
                if !is_theirs(exchange) || attempt <= exchange.refused_at {
                    return None;
                }
                if exchange.rp_mr != report.rp_mr {
                    self.count(Counter::ReportOdd);
                }
                Some(id)
            }
        }
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
