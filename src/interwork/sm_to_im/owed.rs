//! SM -> IM: an RP-ACK that waits until the database has the exchange. The RP-ACK on the last part of a long text
//! confirms all parts: after a crash they must not be delivered again. After the RP-ACK on a message whose sender wants
//! a status report, that report must still come. After the RP-ACK on a service centre's status report, the notification must still come.

use crate::exchange::{Group, KeptPart, KeptPartState, SmToIm, SmToImState, SmToImTexts, Stored};
use crate::interwork::handle::Turn;
use crate::interwork::make::joined::tpdu;
use crate::interwork::step::Effect;
use crate::wire::Tpdu;

/// After this many milliseconds the RP-ACK is sent without waiting for the database: phones wait 35 s and more for the
/// RP-ACK (TR1M, TS 24.011 §10).
const DATABASE_LATE_MS: u64 = 5_000;

impl Turn<'_> {
    /// Whether the RP-ACK waits for the database. If so, the host is asked to write the exchange.
    pub(crate) fn owes_more(&mut self, sm: &mut SmToIm) -> bool {
        // The exchange of a stored message sends the status report on it.
        let owes = sm.completes.is_some() || !sm.stored && self.wants_status(sm);
        if !self.gateway.keeps || !owes {
            return false;
        }
        self.acknowledged_when_written(sm);
        true
    }

    /// The RP-ACK of this exchange waits until the database has the exchange.
    pub(crate) fn acknowledged_when_written(&mut self, sm: &mut SmToIm) {
        sm.header.stored = Stored::Asked;
        sm.header.due_ms = self.now.unix_ms + DATABASE_LATE_MS;
        self.view.update(*sm);
        self.effects.push(Effect::Store {
            exchange: sm.header.key,
            waits: None,
        });
    }

    /// Whether the sender is a phone that wants a status report.
    fn wants_status(&self, sm: &SmToIm) -> bool {
        let texts = self.view.texts(sm.header.key);
        texts.is_some_and(
            |texts| match tpdu(sm.sender, SmToImTexts::of(&texts).tpdu) {
                Some(Tpdu::Submit(submit)) => submit.status_report_request,
                _ => false,
            },
        )
    }

    /// The database has the exchange, or cannot take it. In both cases the message is delivered, and its sender gets the report.
    pub(crate) fn sm_written(&mut self, sm: SmToIm) {
        self.view.update(sm);
        if let SmToImState::Reporting { outcome, sent: 0 } = sm.state {
            self.send_report(sm);
            self.report_to_repetitions(&sm, outcome.status);
        }
    }

    /// A short message of an earlier start. Perhaps the report was not sent, so it is sent; the sender takes a second
    /// report for a repetition.
    pub(crate) fn sm_taken_up(&mut self, mut sm: SmToIm) -> Option<SmToIm> {
        match &mut sm.state {
            SmToImState::Reporting { sent, .. } => {
                *sent = 0;
                sm.header.due_ms = self.now.unix_ms;
            }
            SmToImState::Unconfirmed { .. } => {}
            _ => return None,
        }
        if let Some(concatenation) = sm.completes {
            let group = Group {
                identity: sm.header.identity,
                concatenation: concatenation.get(),
            };
            // The parts were taken up before this exchange, as parts of a message without an outcome.
            let parts: Vec<KeptPart> = self.view.parts_of(group).collect();
            for mut part in parts {
                part.state = KeptPartState::Relayed {
                    with: sm.header.key,
                };
                part.header.due_ms = self.now.unix_ms + self.gateway.policy.concat_timeout_ms;
                self.view.update(part);
            }
        }
        if let SmToImState::Reporting { outcome, .. } = sm.state {
            self.remember_outcome(&sm, outcome);
            self.last_part_delivered(&sm);
        }
        Some(sm)
    }

    /// A report of an earlier start, or a report that waits for a slow database.
    pub(crate) fn report_is_due(&mut self, sm: SmToIm) {
        match sm.header.stored {
            Stored::Asked => self.not_stored(sm.header.key),
            Stored::No | Stored::Yes => self.send_report(sm),
        }
    }
}
