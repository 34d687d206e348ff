//! SM -> IM, long messages: parts of a message whose other parts do not come (row MT-7).

use crate::exchange::{Group, KeptPart, KeptPartState, KeptPartTexts, Party};
use crate::interwork::counter::Counter;
use crate::interwork::ended::Ending;
use crate::interwork::handle::Turn;
use crate::interwork::make::instant_message::{BodyFormat, ShortMessage};
use crate::interwork::sm_to_im::parts::{is_acknowledged, owed_first};
use crate::interwork::step::Effect;
use crate::wire::TpSt;

impl Turn<'_> {
    /// The time within which all parts must come is over.
    pub(crate) fn part_due(&mut self, mut first: KeptPart) {
        if let KeptPartState::Relayed { .. } = first.state {
            // An exchange has claimed this part, and that exchange has its own deadline.
            first.header.due_ms = self.now.unix_ms + self.gateway.policy.concat_timeout_ms;
            return self.view.update(first);
        }
        if let KeptPartState::Storing { with } = first.state {
            // The recipient's side has not said whether it is stored.
            return self.incomplete_stored(with, 503);
        }
        if self.waits_cut_off(first) {
            return;
        }
        self.incomplete(Group {
            identity: first.header.identity,
            concatenation: first.concatenation,
        });
    }

    /// No further part will come. The existing parts are stored, or delivered with a mark for each gap, unless the sender
    /// has a report of failure. A part that is not in the database yet comes too late.
    pub(super) fn incomplete(&mut self, group: Group) {
        let (owed, parts) = owed_first(self.view.parts_of(group).collect());
        for mut part in owed {
            self.refuse_part(&mut part);
        }
        let Some(first) = parts.first() else {
            return;
        };
        let is_told = matches!(first.state, KeptPartState::WaitingAgain { .. })
            && !parts.iter().any(is_acknowledged);
        if !is_told && self.stores_incomplete(first, &parts) {
            return;
        }
        self.end_incomplete(*first, parts);
    }

    /// These parts are not stored: they are delivered now, unless their validity is over, or the sender has a report of failure.
    pub(crate) fn end_incomplete(&mut self, first: KeptPart, parts: Vec<KeptPart>) {
        self.count(Counter::SmIncomplete);
        let status = match first.state {
            KeptPartState::WaitingAgain { status } if !parts.iter().any(is_acknowledged) => {
                let status = self.gateway.policy.causes.sip_to_status(status);
                self.drop_parts(parts, Some(status));
                return self.start_next(first.header.identity, Party::Phone);
            }
            _ if self.gateway.policy.deliver_incomplete && !self.part_has_expired(&first) => {
                self.charge_incomplete_sm(&first, Ending::Accepted);
                self.deliver_incomplete(&first, &parts);
                TpSt::Forwarded
            }
            _ => {
                self.charge_incomplete_sm(&first, Ending::Failed);
                TpSt::ValidityPeriodExpired
            }
        };
        self.end_parts(parts, Some(status));
        self.start_next(first.header.identity, Party::Phone);
    }

    fn deliver_incomplete(&mut self, first: &KeptPart, parts: &[KeptPart]) {
        let Some(texts) = self.view.texts(first.header.key) else {
            return;
        };
        let tpdus = self.tpdus(parts);
        let sm = ShortMessage::part(first, KeptPartTexts::of(&texts));
        let message = self
            .gateway
            .instant_message(first.header.key, &sm, &tpdus, BodyFormat::Text);
        self.effects.extend(message.map(|message| Effect::Send {
            exchange: None,
            attempt: 0,
            message,
        }));
    }
}
