//! The effects of one input, sorted by kind.

use ipsmgw::exchange::{ExchangeKey, Identity, ReplyTo, SentContent, SessionToken, TransactionId};
use ipsmgw::interwork::{Counter, Effect, Ended, ImOutcome, Reason, Step, ToContact, Verdict};
use ipsmgw::sip::{Answer, MessageOut, Translation};

/// The actions for one input.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) verdict: Option<Verdict>,
    pub(crate) replies: Vec<(Answer, Verdict)>,
    pub(crate) replied_to: Vec<ReplyTo>,
    pub(crate) relayed: Vec<ExchangeKey>,
    pub(crate) joined: Vec<Translation>,
    pub(crate) held: Vec<ExchangeKey>,
    pub(crate) asked: Vec<(ExchangeKey, Option<TransactionId>)>,
    /// Those of `asked` that are written in one transaction.
    pub(crate) asked_together: Vec<Vec<ExchangeKey>>,
    pub(crate) enlisted: Vec<ExchangeKey>,
    pub(crate) answered: Vec<(ExchangeKey, TransactionId, ImOutcome)>,
    pub(crate) sent: Vec<(Option<ExchangeKey>, MessageOut)>,
    pub(crate) again: Vec<(ExchangeKey, u16, MessageOut)>,
    pub(crate) legs: Vec<ToContact>,
    pub(crate) ended: Vec<Ended>,
    pub(crate) accepted: Vec<TransactionId>,
    pub(crate) counted: Vec<Counter>,
    pub(crate) forwarded: Vec<u16>,
    pub(crate) status_reports: usize,
    /// Stored messages whose recipients are looked up, and whether they are short messages.
    pub(crate) looked_up: Vec<(ExchangeKey, bool)>,
    /// Whose stored messages are read next, and whether only if they have a contact.
    pub(crate) reads: Vec<(Identity, bool)>,
    pub(crate) reasons: Vec<Reason>,
    /// Sessions that are offered.
    pub(crate) offered: Vec<(ExchangeKey, MessageOut)>,
    /// Notifications for MSRP sessions: the exchange, the attempt, the session, the body.
    pub(crate) in_session: Vec<(ExchangeKey, u8, String, Vec<u8>)>,
    /// Sessions in which a message is sent: its type, and whether a report is wanted.
    pub(crate) begun: Vec<(SessionToken, Vec<u8>, SentContent, bool)>,
    /// Sessions that end; `None`: all of an exchange.
    pub(crate) ended_sessions: Vec<Option<SessionToken>>,
}

impl Done {
    pub(crate) fn of(step: Step) -> Self {
        let mut done = Self {
            verdict: Some(step.verdict),
            ..Self::default()
        };
        if let Verdict::Listed(exchange) | Verdict::Queued(exchange) = step.verdict {
            done.enlisted.push(exchange);
        }
        for effect in step.effects {
            match effect {
                Effect::Answer(to, answer) => {
                    done.replies.push((answer, step.verdict));
                    done.replied_to.push(to);
                }
                Effect::Relay {
                    exchange,
                    translation,
                } => {
                    assert_eq!(step.verdict, Verdict::Relay);
                    done.relayed.push(exchange);
                    done.joined.extend(translation.map(|whole| *whole));
                }
                Effect::AcceptEarly { transaction, .. } => done.accepted.push(transaction),
                Effect::Hold { exchange, .. } => {
                    assert!(done.sent.is_empty(), "held before anything is sent");
                    done.held.push(exchange);
                }
                Effect::AnswerHeld {
                    exchange,
                    transaction,
                    outcome,
                    ..
                } => {
                    done.answered.push((exchange, transaction, *outcome));
                }
                Effect::LookUp {
                    exchange, is_sm, ..
                } => done.looked_up.push((exchange, is_sm)),
                Effect::ReadStored { identity, if_here } => {
                    done.reads.push((*identity, if_here.is_some()));
                }
                Effect::Store { exchange, waits } => done.asked.push((exchange, waits)),
                Effect::StoreParts { exchanges } => {
                    done.asked.extend(exchanges.iter().map(|key| (*key, None)));
                    done.asked_together.push(exchanges);
                }
                Effect::StoreList { exchanges, waits } => {
                    done.asked
                        .extend(exchanges.into_iter().map(|key| (key, Some(waits))));
                }
                Effect::Send {
                    exchange, message, ..
                } => done.sent.push((exchange, *message)),
                Effect::SendRpData {
                    exchange,
                    message,
                    to,
                    ..
                } => {
                    done.sent.push((Some(exchange), *message));
                    done.legs.push(to);
                }
                Effect::Fork {
                    exchange, message, ..
                } => done.sent.push((Some(exchange), *message)),
                Effect::SendAgain {
                    exchange,
                    refused,
                    message,
                    ..
                } => done.again.push((exchange, refused, *message)),
                Effect::ForwardAs(answer) => done.forwarded.push(answer.status),
                Effect::StatusReport(_) => done.status_reports += 1,
                Effect::Refused { reason, .. } => done.reasons.push(reason),
                Effect::Ended(ended) => done.ended.push(ended),
                Effect::Count(counter) => done.counted.push(counter),
                Effect::OfferSession { exchange, offer } => done.offered.push((exchange, *offer)),
                Effect::SendInSession {
                    exchange,
                    attempt,
                    session,
                    body,
                } => {
                    let session = session.as_str().to_owned();
                    done.in_session.push((exchange, attempt, session, body));
                }
                Effect::BeginSession {
                    session,
                    body,
                    content,
                    wants_report,
                    ..
                } => done.begun.push((session, body, content, wants_report)),
                Effect::EndSession { session, .. } => done.ended_sessions.push(session),
                Effect::DeliverSm { .. }
                | Effect::SmOverdue { .. }
                | Effect::SmOutcome { .. }
                | Effect::StoreSm(_)
                | Effect::ReportStatus(_) => {
                    panic!("it is an input again")
                }
                // The books have it.
                Effect::Charge(_) => {}
            }
        }
        done
    }

    pub(super) fn merge(&mut self, later: Self) {
        self.answered.extend(later.answered);
        self.asked.extend(later.asked);
        self.sent.extend(later.sent);
        self.ended.extend(later.ended);
        self.counted.extend(later.counted);
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.replies.is_empty()
            && self.relayed.is_empty()
            && self.held.is_empty()
            && self.asked.is_empty()
            && self.enlisted.is_empty()
            && self.answered.is_empty()
            && self.sent.is_empty()
            && self.again.is_empty()
            && self.counted.is_empty()
    }

    /// The one reply's status.
    pub(crate) fn reply(&self) -> u16 {
        assert_eq!(self.replies.len(), 1);
        self.replies[0].0.status
    }

    /// The one held sender's final status.
    pub(crate) fn answer(&self) -> u16 {
        assert_eq!(self.answered.len(), 1);
        self.answered[0].2.answer.status
    }

    /// The one MESSAGE.
    pub(crate) fn message(&self) -> &MessageOut {
        assert_eq!(self.sent.len(), 1);
        &self.sent[0].1
    }
}
