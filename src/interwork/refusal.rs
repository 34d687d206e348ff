//! Refused messages and requests, and the answers to their senders.

use super::Gateway;
use super::counter::Counter;
use super::input::StatusReportIn;
use super::reason::Reason;
use super::step::{Effect, Step, Verdict};
use crate::exchange::{ExchangeKey, ReplyTo};
use crate::interwork::rules::answer::answer;
use crate::sip::{Answer, MessageOut};

/// A refused message, and the answer and report for its sender.
pub struct Refusal {
    /// The final response.
    pub answer: Answer,
    /// The report to a sender on the SMS side, sent after a `202`.
    pub report: Option<Box<MessageOut>>,
    /// The status report in the message, if it had one.
    pub status_report: Option<Box<StatusReportIn>>,
    /// The reason, for log and counters.
    pub reason: Reason,
}

impl Refusal {
    /// A refusal with a SIP answer only.
    pub(crate) fn sip(status: u16, reason: Reason) -> Box<Self> {
        Box::new(Self {
            answer: answer(status, false),
            report: None,
            status_report: None,
            reason,
        })
    }

    /// The same for a reason that passes: with Retry-After.
    pub(crate) fn later(status: u16, reason: Reason) -> Box<Self> {
        Box::new(Self {
            answer: answer(status, true),
            ..*Self::sip(status, reason)
        })
    }
}

/// Retry-After in seconds while the gateway is stopping.
const STOPPING_RETRY_AFTER: u32 = 10;

/// Milliseconds that a REGISTER waits for the database. After them the host answers with an error.
pub const REGISTRATION_MS: u64 = 10_000;

/// Retry-After in seconds for a registration that could not be stored.
const REGISTRATION_RETRY_AFTER: u32 = 5;

impl Gateway {
    /// Refuses a message: answers it, and sends the report to a sender on the SMS side.
    pub fn refuse(&self, refusal: Refusal, request: ReplyTo) -> Step {
        let Refusal {
            answer,
            report,
            status_report,
            reason,
        } = refusal;
        let mut effects = Vec::with_capacity(4);
        // The script writes its own lines.
        if reason != Reason::Script {
            effects.push(Effect::Refused {
                status: answer.status,
                reason,
            });
        }
        effects.extend([
            Effect::Count(Counter::Refused),
            Effect::Answer(request, answer),
        ]);
        effects.extend(report.map(|message| Effect::Send {
            exchange: None,
            attempt: 0,
            message,
        }));
        effects.extend(status_report.map(Effect::StatusReport));
        Step {
            changes: Vec::new(),
            effects,
            verdict: Verdict::Refused,
        }
    }

    /// Refuses a message while the gateway is stopping.
    pub fn refuse_while_stopping(&self, request: ReplyTo) -> Step {
        let answer = come_again(STOPPING_RETRY_AFTER);
        let mut step = answered(request, answer, Verdict::Refused);
        step.effects.insert(0, Effect::Count(Counter::Refused));
        step
    }

    /// Refuses a request under overload. `random` is any number that differs between requests.
    pub fn refuse_overload(&self, request: ReplyTo, random: u64) -> Step {
        let answer = come_again(self.retry_after(random));
        let mut step = answered(request, answer, Verdict::Refused);
        step.effects.insert(0, Effect::Count(Counter::Overload));
        step
    }

    /// Refuses a request for which the host lacks resources, such as memory.
    pub fn refuse_without_means(&self, request: ReplyTo) -> Step {
        answered(request, answer(500, false), Verdict::Refused)
    }

    /// Answers a message with a list after all recipients were accepted, or has these exchanges written before.
    pub fn list_taken(&self, request: ReplyTo, to_be_written: Vec<ExchangeKey>) -> Step {
        match request {
            _ if to_be_written.is_empty() => answered(request, answer(202, false), Verdict::Taken),
            ReplyTo::Transaction(waits) => Step {
                changes: Vec::new(),
                effects: vec![Effect::StoreList {
                    exchanges: to_be_written,
                    waits,
                }],
                verdict: Verdict::Taken,
            },
            // Without a transaction the message cannot be answered later.
            ReplyTo::AtHand => self.refuse_without_means(request),
        }
    }

    /// The answer to a registration, after it was stored in the database or could not be stored.
    pub fn registration_answer(&self, written: bool) -> Answer {
        match written {
            true => answer(200, false),
            false => come_again(REGISTRATION_RETRY_AFTER),
        }
    }
}

/// A step with an answer only.
fn answered(request: ReplyTo, answer: Answer, verdict: Verdict) -> Step {
    Step {
        changes: Vec::new(),
        effects: vec![Effect::Answer(request, answer)],
        verdict,
    }
}

/// 503 with Retry-After.
fn come_again(seconds: u32) -> Answer {
    Answer {
        retry_after: Some(seconds),
        ..answer(503, false)
    }
}

impl From<Reason> for Box<Refusal> {
    /// Refuses a message with the status code of the reason.
    fn from(reason: Reason) -> Self {
        Refusal::sip(reason.status(), reason)
    }
}
