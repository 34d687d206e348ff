//! Faults that are put into the gateway on purpose. The simulation has to find each of them.

use ipsmgw::exchange::{Change, Exchange, NEVER, Party};
use ipsmgw::interwork::{Effect, Named, ReportIn, RpReport, Step, TranslatedIm, TranslatedSm};
use ipsmgw::sip::MessageOut;
use ipsmgw::wire::RpMessage;

use crate::random::Random;
use crate::world::{CENTRES, LISTS, PHONES, TWO_NODES, WITH_DATABASE};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A sender gets its final response twice.
    AnswerTwice,
    /// A deadline is not set.
    ForgetTimer,
    /// A report to a phone is not sent.
    DropReport,
    /// A report without In-Reply-To counts for another message than its RP-MR says.
    WrongRpMr,
    /// RP-DATA goes out twice.
    PartTwice,
    /// The last part of a long instant message is not sent.
    LoseLastPart,
    /// A message does not wait for the SIP transaction before it.
    Overtake,
    /// An exchange is not ended.
    Leak,
    /// A failed instant message is answered with 200.
    FalseSuccess,
    /// RP-ACK instead of RP-ERROR.
    FalseAck,
    /// What became of a short message is not remembered.
    ForgetPast,
    /// The end of the hold time is not noticed.
    NoHoldTimeout,
    /// A notification is sent twice, each time as a new one.
    NotifyTwice,
    /// An acknowledged part is forgotten.
    LosePart,
    /// A promise is said before the database has it.
    AnswerBeforeCommit,
    /// The database does not follow a change.
    LoseWrite,
    /// Stored messages are read before the rows of those that have ended are gone.
    ReadBeforeWrite,
    /// Nobody looks at the schedule of stored messages.
    NoSchedule,
    /// What the database has is not taken up after a restart.
    NotTakenUp,
    /// The sender's side of a short message does not hear that it is stored.
    LoseOutcome,
    /// A stored message leaves memory as if it had been delivered.
    DropStored,
    /// What a dead node leaves is not taken over.
    NoTakeOver,
    /// What a node leaves is taken over though it has given a sign of life in between.
    TakeOverLate,
    /// A node that comes back goes on with what the other one has taken over.
    KeepTakenOver,
    /// A node that was cut off goes on when it hears the other one again.
    HearAgain,
    /// A claim does not look whether the other node has the message.
    ClaimTwice,
    /// A report is not passed on to the node that it is for.
    KeepReport,
    /// The message to one recipient of a list is not sent.
    LoseCopy,
    /// A list is refused, and some of its recipients get the message.
    SendRefused,
    /// The sender of a list is answered before the database has all its messages.
    AnswerListEarly,
    /// A short message to a phone goes past stored ones that are being delivered.
    GoPastStored,
    /// The status report on a short message to a phone is not sent.
    DropStatusReport,
    /// RP-ACK for a short message to a phone before the database has it.
    AckEarly,
    /// The sender of a short message that a phone has refused gets RP-ACK.
    FalseOutcome,
    /// A status report of the service centre is acknowledged and forgotten.
    LoseStatusReport,
    /// The status report on a message is not awaited.
    ForgetSubmission,
    /// RP-ERROR of the service centre counts as RP-ACK.
    TakeRefusal,
}

impl Fault {
    pub(crate) const ALL: [Self; 37] = [
        Self::AnswerTwice,
        Self::ForgetTimer,
        Self::DropReport,
        Self::WrongRpMr,
        Self::PartTwice,
        Self::LoseLastPart,
        Self::Overtake,
        Self::Leak,
        Self::FalseSuccess,
        Self::FalseAck,
        Self::ForgetPast,
        Self::NoHoldTimeout,
        Self::NotifyTwice,
        Self::LosePart,
        Self::AnswerBeforeCommit,
        Self::LoseWrite,
        Self::ReadBeforeWrite,
        Self::NoSchedule,
        Self::NotTakenUp,
        Self::LoseOutcome,
        Self::DropStored,
        Self::NoTakeOver,
        Self::TakeOverLate,
        Self::KeepTakenOver,
        Self::HearAgain,
        Self::ClaimTwice,
        Self::KeepReport,
        Self::LoseCopy,
        Self::SendRefused,
        Self::AnswerListEarly,
        Self::GoPastStored,
        Self::DropStatusReport,
        Self::AckEarly,
        Self::FalseOutcome,
        Self::LoseStatusReport,
        Self::ForgetSubmission,
        Self::TakeRefusal,
    ];

    /// The first seed of the world in which it shows.
    pub(crate) const fn world(self) -> u64 {
        match self {
            Self::LoseCopy | Self::SendRefused | Self::AnswerListEarly => LISTS,
            Self::GoPastStored | Self::DropStatusReport | Self::AckEarly | Self::FalseOutcome => {
                PHONES
            }
            Self::LoseStatusReport | Self::ForgetSubmission | Self::TakeRefusal => CENTRES,
            _ if self.with_two_nodes().is_some() => TWO_NODES,
            _ if self.needs_database() => WITH_DATABASE,
            _ => 1,
        }
    }

    /// Where it shows only with two nodes: the first seed of that world that finds it.
    pub(crate) const fn with_two_nodes(self) -> Option<u64> {
        match self {
            Self::NoTakeOver => Some(4_000_001),
            Self::TakeOverLate => Some(4_000_012),
            Self::KeepTakenOver | Self::HearAgain => Some(4_000_024),
            Self::ClaimTwice => Some(4_000_001),
            Self::KeepReport => Some(4_001_738),
            _ => None,
        }
    }

    /// Where the search for it begins: the seeds before that take long, and do not find it.
    pub(crate) const fn begins(self) -> u64 {
        match (self, self.with_two_nodes()) {
            (Self::TakeRefusal, _) => 7_000_181,
            (_, Some(seed)) => seed,
            (_, None) => self.world(),
        }
    }

    /// Whether it shows only where there is a database.
    const fn needs_database(self) -> bool {
        matches!(
            self,
            Self::AnswerBeforeCommit
                | Self::LoseWrite
                | Self::ReadBeforeWrite
                | Self::NoSchedule
                | Self::NotTakenUp
                | Self::LoseOutcome
                | Self::DropStored
        )
    }

    /// The fault with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|fault| format!("{fault:?}") == name)
    }
}

/// How often a fault shows, of 1,000 times.
const OFTEN: u64 = 20;

/// Puts the fault into a decision, before it is committed.
pub(crate) fn meddle(fault: Option<Fault>, random: &mut Random, step: &mut Step) {
    let Some(fault) = fault else { return };
    match fault {
        Fault::ForgetTimer => {
            for change in &mut step.changes {
                if let Change::Opened(exchange, _) | Change::Updated(exchange) = change
                    && random.per_mille(OFTEN)
                {
                    exchange.header_mut().due_ms = NEVER;
                }
            }
        }
        Fault::Overtake => {
            for change in &mut step.changes {
                if let Change::Updated(Exchange::ImToSm(im)) = change
                    && random.per_mille(OFTEN)
                {
                    im.in_transaction = false;
                }
            }
        }
        Fault::Leak => step
            .changes
            .retain(|change| !matches!(change, Change::Ended(_)) || !random.per_mille(OFTEN)),
        Fault::ForgetPast => step.changes.retain(|change| {
            !matches!(
                change,
                Change::Remembered(_) | Change::PartRemembered { .. }
            )
        }),
        Fault::LosePart => step.changes.retain(|change| {
            !matches!(change, Change::Opened(Exchange::KeptPart(_), _)) || !random.per_mille(OFTEN)
        }),
        Fault::ForgetSubmission => step.changes.retain(|change| {
            !matches!(change, Change::Opened(Exchange::Submitted(_), _)) || !random.per_mille(OFTEN)
        }),
        Fault::DropStored => {
            for change in &mut step.changes {
                if let Change::Parked(key) = change
                    && random.per_mille(OFTEN)
                {
                    *change = Change::Ended(*key);
                }
            }
        }
        Fault::FalseSuccess => {
            for effect in &mut step.effects {
                if let Effect::AnswerHeld { outcome, .. } = effect
                    && outcome.answer.status >= 300
                    && random.per_mille(OFTEN)
                {
                    outcome.answer.status = 200;
                }
            }
        }
        Fault::FalseAck => {
            for effect in &mut step.effects {
                if let Effect::Send { message, .. } = effect
                    && let Ok((_, RpMessage::Error(error))) = RpMessage::decode(&message.body)
                    && random.per_mille(OFTEN)
                {
                    message.body = vec![0x03, error.mr.0];
                }
            }
        }
        _ => {}
    }
}

pub(crate) fn meddle_with_parts(fault: Option<Fault>, random: &mut Random, im: &mut TranslatedIm) {
    if fault == Some(Fault::LoseLastPart) && im.parts.len() > 1 && random.per_mille(OFTEN) {
        im.parts.pop();
    }
}

/// A short message that goes to a phone.
pub(crate) fn meddle_with_sm(fault: Option<Fault>, random: &mut Random, sm: &mut TranslatedSm) {
    /// TP-Status-Report-Request of an SMS-SUBMIT (TS 23.040 §9.2.3.5): bit 5 of the first octet.
    const TP_SRR: u8 = 0b0010_0000;
    if fault == Some(Fault::DropStatusReport) && random.per_mille(OFTEN) {
        sm.asks = false;
        if let [first, ..] = sm.tpdu.as_mut_slice() {
            *first &= !TP_SRR;
        }
    }
}

pub(crate) fn meddle_with_report(
    fault: Option<Fault>,
    random: &mut Random,
    report: &mut ReportIn<'_>,
) {
    let is_plain = matches!(report.report, RpReport::Ack | RpReport::Error { .. });
    let is_refusal = matches!(report.report, RpReport::Error { .. });
    if fault == Some(Fault::TakeRefusal)
        && is_refusal
        && report.party == Party::ServiceCentre
        && random.per_mille(OFTEN)
    {
        report.report = RpReport::Ack;
    }
    if fault == Some(Fault::WrongRpMr) && is_plain && report.named == Named::Nothing {
        report.rp_mr = report
            .rp_mr
            .wrapping_add(1 + u8::from(random.per_mille(500)));
    }
}

/// Whether a MESSAGE of ours is dropped, and another one that goes out beside it.
pub(crate) fn with_a_message(
    fault: Option<Fault>,
    random: &mut Random,
    message: &MessageOut,
) -> (bool, Option<MessageOut>) {
    let is_report = matches!(message.body.first(), Some(0x03 | 0x05));
    let drops = fault == Some(Fault::DropReport) && is_report && random.per_mille(OFTEN);
    let other = (fault == Some(Fault::NotifyTwice) && random.per_mille(OFTEN))
        .then(|| with_another_message_id(message))
        .flatten();
    (drops, other)
}

/// The same notification under another Message-ID.
fn with_another_message_id(message: &MessageOut) -> Option<MessageOut> {
    const NAME: &[u8] = b"Message-ID: ";
    let mut other = message.clone();
    let at = other
        .body
        .windows(NAME.len())
        .position(|octets| octets == NAME)?
        + NAME.len();
    let octet = other.body.get_mut(at)?;
    *octet = if *octet == b'0' { b'1' } else { b'0' };
    Some(other)
}
