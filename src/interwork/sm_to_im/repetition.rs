//! SM -> IM: the same short message again, from a phone that heard nothing, or from another one of the same
//! person (row MO-7). It is not delivered twice, and each request gets a report of its own.

use crate::host::{Exchange, ExchangeId, Kind, Octets, Settled, State};
use crate::interwork::action::{Counter, Verdict};
use crate::interwork::handle::Turn;
use crate::interwork::input::PreparedSm;
use crate::interwork::sm_to_im::exchange::{FORGOTTEN_MS, is_undecided, to_be_reported, told};
use crate::wire::TpScts;

/// How many requests wait for the outcome of one short message, beside the one that is relayed.
const MAX_WAITING: usize = 4;

impl Turn<'_> {
    /// Whether the short message is known. Then its request is answered, and so is the report.
    pub(crate) fn repeats(&mut self, sm: &PreparedSm) -> bool {
        let (rp_cause, tp_fcs, unix, zone) = if let Some((id, open)) = self.open_one(sm) {
            self.reply(202, false, Verdict::Answered);
            self.count(Counter::SmRepeated);
            if is_undecided(open.state) {
                self.wait_for_outcome(sm, id, &open);
                return true;
            }
            if open.call_id == sm.call_id {
                // Its report is on its way.
                return true;
            }
            (open.rp_cause, open.tp_fcs, open.unix, open.zone)
        } else if let Some(settled) = self.settled_one(sm) {
            self.reply(202, false, Verdict::Answered);
            self.count(Counter::SmRepeated);
            let Settled {
                rp_cause,
                tp_fcs,
                unix,
                zone,
                ..
            } = settled;
            (rp_cause, tp_fcs, unix, zone)
        } else {
            return false;
        };
        let scts = TpScts::from_unix(unix, zone);
        self.report_at_once(sm, told(rp_cause, tp_fcs), scts);
        true
    }

    /// The open exchange that carries the same short message.
    fn open_one(&mut self, sm: &PreparedSm) -> Option<(ExchangeId, Exchange)> {
        let id = self.store.find(Kind::SmToIm, &mut |open| {
            // A sender that tries again may take a new reference, and then says so.
            let known = open.rp_mr == sm.rp_mr || sm.reject_duplicates && is_undecided(open.state);
            let same = open.digest == sm.digest && open.identity == sm.identity;
            let over = matches!(open.state, State::Unconfirmed | State::Repetition);
            same && known && !over
        })?;
        self.store.get_mut(id).map(|open| (id, *open))
    }

    fn settled_one(&mut self, sm: &PreparedSm) -> Option<Settled> {
        self.store.recall(sm.digest).filter(|settled| {
            // With a new reference it is a repetition of what was delivered, where the sender says so or
            // cannot know, but a new attempt after what was not.
            let may_repeat = sm.reject_duplicates || settled.report_lost;
            let delivered_before = may_repeat && settled.rp_cause.is_none();
            settled.until_ms > self.now.monotonic_ms
                && (settled.rp_mr == sm.rp_mr || delivered_before)
        })
    }

    /// The request gets its report with the first one.
    fn wait_for_outcome(&mut self, sm: &PreparedSm, first: ExchangeId, open: &Exchange) {
        let mut waiting = 0;
        let again = self.store.find(Kind::SmToIm, &mut |other| {
            let waits = other.state == State::Repetition && other.whole == Some(first);
            waiting += usize::from(waits);
            waits && other.call_id == sm.call_id
        });
        // The same request again, from elsewhere perhaps.
        let same = again.or((open.call_id == sm.call_id).then_some(first));
        let inserted = match same {
            None if waiting < MAX_WAITING => self
                .store
                .insert(Exchange {
                    whole: Some(first),
                    unix: open.unix,
                    zone: open.zone,
                    // The first one asks for the status report, once.
                    pdu: Octets::EMPTY,
                    ..sm.exchange(Kind::SmToIm, State::Repetition, self.now)
                })
                .ok(),
            _ => None,
        };
        if let Some(id) = inserted {
            // The first one ends before.
            let deadline = self.now.monotonic_ms + 3 * FORGOTTEN_MS;
            return self.store.wake_at(id, deadline);
        }
        if let Some(exchange) = self.store.get_mut(same.unwrap_or(first)) {
            exchange.rp_mr = sm.rp_mr;
            exchange.call_id = sm.call_id;
            exchange.hop = sm.hop;
        }
    }

    /// The outcome of a short message is known: so it is to the requests that repeated it. They have their
    /// `202`, whatever the first one was answered.
    pub(crate) fn report_to_repetitions(&mut self, first: ExchangeId) {
        let Some(exchange) = self.store.get_mut(first) else {
            return;
        };
        let status = match exchange.status {
            0 => 500,
            status => status,
        };
        let told = self.gateway.policy.causes.sip_to_rp(status, exchange.party);
        let mut waits =
            |other: &Exchange| other.state == State::Repetition && other.whole == Some(first);
        while let Some(id) = self.store.find(Kind::SmToIm, &mut waits) {
            if let Some(repetition) = self.store.get_mut(id) {
                repetition.status = status;
                to_be_reported(repetition, told);
            }
            self.send_report(id);
        }
    }
}
