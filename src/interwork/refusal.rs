//! Messages and requests that go no further, and how their senders are told.

use super::Gateway;
use super::counter::Counter;
use super::input::StatusReportIn;
use super::reason::Reason;
use super::step::{Effect, Step, Verdict};
use crate::exchange::ReplyTo;
use crate::interwork::rules::answer::answer;
use crate::sip::{Answer, MessageOut};

/// A message that goes no further, and how its sender is told.
pub struct Refusal {
    /// The final response.
    pub answer: Answer,
    /// The report to a sender on the SMS side, behind a `202`.
    pub report: Option<MessageOut>,
    /// What else the message brought.
    pub status_report: Option<StatusReportIn>,
    /// Why, for log and counters.
    pub reason: Reason,
}

impl Refusal {
    /// RpOutcome in SIP alone.
    pub(crate) fn sip(status: u16, reason: Reason) -> Box<Self> {
        Box::new(Self {
            answer: answer(status, false),
            report: None,
            status_report: None,
            reason,
        })
    }
}

/// Seconds after which a sender may come again that a gateway refuses which is about to stop.
const STOPPING_RETRY_AFTER: u32 = 10;

/// Seconds after which a client may register again whose registration could not be written down.
const REGISTRATION_RETRY_AFTER: u32 = 5;

impl Gateway {
    /// A message goes no further: its sender is told so, and on the SMS side gets the report that it is owed.
    pub fn refuse(&self, refusal: Refusal, request: ReplyTo) -> Step {
        let Refusal {
            answer,
            report,
            status_report,
            reason,
        } = refusal;
        let mut effects = vec![
            Effect::Refused {
                status: answer.status,
                reason,
            },
            Effect::Count(Counter::Refused),
            Effect::Answer(request, answer),
        ];
        effects.extend(report.map(|message| Effect::Send {
            exchange: None,
            message,
        }));
        effects.extend(status_report.map(Effect::StatusReport));
        Step {
            changes: Vec::new(),
            effects,
            verdict: Verdict::Refused,
        }
    }

    /// A message that comes while the gateway is about to stop.
    pub fn refuse_while_stopping(&self, request: ReplyTo) -> Step {
        let answer = come_again(STOPPING_RETRY_AFTER);
        let mut step = answered(request, answer, Verdict::Refused);
        step.effects.insert(0, Effect::Count(Counter::Refused));
        step
    }

    /// A request that comes while there is too much to do. `random` is any number that differs from one request to the
    /// other.
    pub fn refuse_overload(&self, request: ReplyTo, random: u64) -> Step {
        let answer = come_again(self.retry_after(random));
        let mut step = answered(request, answer, Verdict::Refused);
        step.effects.insert(0, Effect::Count(Counter::Overload));
        step
    }

    /// A request for which the host refused what is needed, such as memory.
    pub fn refuse_without_means(&self, request: ReplyTo) -> Step {
        answered(request, answer(500, false), Verdict::Refused)
    }

    /// All recipients of a message to several are taken.
    pub fn list_taken(&self, request: ReplyTo) -> Step {
        answered(request, answer(202, false), Verdict::Taken)
    }

    /// The answer to a registration that was written to the database, or could not be written.
    pub fn registration_answer(&self, written: bool) -> Answer {
        match written {
            true => answer(200, false),
            false => come_again(REGISTRATION_RETRY_AFTER),
        }
    }
}

/// An answer, and nothing else.
fn answered(request: ReplyTo, answer: Answer, verdict: Verdict) -> Step {
    Step {
        changes: Vec::new(),
        effects: vec![Effect::Answer(request, answer)],
        verdict,
    }
}

/// 503, and when to come again.
fn come_again(seconds: u32) -> Answer {
    Answer {
        retry_after: Some(seconds),
        ..answer(503, false)
    }
}

impl From<Reason> for Box<Refusal> {
    /// A message that cannot be read, or is of no use any more.
    fn from(reason: Reason) -> Self {
        Refusal::sip(reason.status(), reason)
    }
}
