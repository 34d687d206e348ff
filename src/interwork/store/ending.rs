//! The end of a stored message: its sender hears the outcome.

use crate::base::{Octets, Text};
use crate::exchange::{
    Identity, IdentityKey, Kind, Party, StoredContent, StoredMessage, StoredMessageState,
    StoredMessageTexts, StoredPart, Texts,
};
use crate::interwork::charging::Charged;
use crate::interwork::ended::Ended;
use crate::interwork::handle::Turn;
use crate::interwork::im_to_sm::exchange::ACCEPTED;
use crate::interwork::input::StatusReportOut;
use crate::interwork::sm_to_im::status_report::Reported;
use crate::interwork::step::Effect;
use crate::interwork::store::short_message::submit;
use crate::wire::TpSt;

/// No contact has a service for the message.
pub(super) const NOBODY: u16 = 480;

impl Turn<'_> {
    /// The message has its outcome: its sender hears of it, if it wants to.
    pub(super) fn stored_ends(&mut self, message: &StoredMessage, outcome: Outcome) {
        let key = message.header.key;
        let outcome = match outcome {
            Outcome::Expired | Outcome::Failed(_) if message.may_be_there => {
                Outcome::Taken(ACCEPTED.status)
            }
            outcome => outcome,
        };
        let status = outcome.status();
        self.charge_stored(message, Charged::Delivery, status);
        self.ended(Ended::with(key, Kind::StoredMessage, status));
        let texts = self.view.texts(key);
        match message.content {
            StoredContent::Im { wants } => {
                self.notify_outcome(key, wants, status, false, None);
            }
            StoredContent::Sm => {
                let tp_st = match outcome {
                    Outcome::Expired => TpSt::ValidityPeriodExpired,
                    Outcome::Taken(status) | Outcome::Failed(status) => {
                        self.gateway.policy.causes.sip_to_status(status)
                    }
                };
                if let Some(texts) = &texts {
                    let texts = StoredMessageTexts::of(texts);
                    let reports = StoredPart::all(texts.content)
                        .filter_map(|part| status_report(message, &texts, &part, tp_st));
                    self.effects
                        .extend(reports.map(|report| Effect::ReportStatus(Box::new(report))));
                }
            }
        }
        self.view.end(key);
        if let Some(texts) = texts {
            self.read_those_behind(message.header.identity, &texts);
        }
    }

    /// The database may have more messages for the recipient of a message with these texts. They are read when memory has no other
    /// one to deliver.
    pub(super) fn read_those_behind(&mut self, identity: IdentityKey, texts: &Texts) {
        let is_last = !self
            .view
            .stored_for(identity)
            .any(|other| other.state == StoredMessageState::Waiting || other.state.is_under_way());
        if is_last {
            let texts = StoredMessageTexts::of(texts);
            if let Some(identity) = Identity::new(texts.identity) {
                // To a recipient who has left, this would be a failed attempt, and the next one is much later.
                self.effects.push(Effect::ReadStored {
                    identity: Box::new(identity),
                    if_here: Some(texts.recipient.to_owned()),
                });
            }
        }
    }

    /// The status report on a stored message, on the side of the phone that asked for it.
    pub(crate) fn report_stored_status(&mut self, report: &StatusReportOut) {
        let about = Reported::stored(report);
        self.report_status(&about, TpSt::from(report.status));
        self.start_next(IdentityKey::of(&report.identity), Party::Phone);
    }
}

/// The outcome of a stored message.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    /// A device has it (200), or may have it.
    Taken(u16),
    /// It failed for good.
    Failed(u16),
    /// Its validity is over.
    Expired,
}

impl Outcome {
    const fn status(self) -> u16 {
        match self {
            Self::Taken(status) | Self::Failed(status) => status,
            Self::Expired => NOBODY,
        }
    }
}

/// The status report on a part, if the phone asked for one.
fn status_report(
    message: &StoredMessage,
    texts: &StoredMessageTexts<'_>,
    part: &StoredPart<'_>,
    status: TpSt,
) -> Option<StatusReportOut> {
    submit(part.tpdu).filter(|submit| submit.status_report_request)?;
    Some(StatusReportOut {
        identity: Text::new(texts.sender_identity)?,
        address: Text::new(texts.sender)?,
        hop: Text::new(texts.hop)?,
        share: message.header.share,
        unix: part.unix,
        zone: message.zone,
        tpdu: Octets::new(part.tpdu)?,
        status: u8::from(status),
    })
}
