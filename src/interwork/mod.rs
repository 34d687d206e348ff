//! Decisions: what happens to a message, who is told what. No clock, no I/O, no globals.
//!
//! A message comes in as a [`MessageIn`](crate::sip::MessageIn). [`Gateway::prepare_sm`], [`Gateway::prepare_im`] and
//! [`Gateway::prepare_report`] read and translate it without looking at any exchange. Then the host
//! locks the exchanges of the identity that the prepared message names, and [`Gateway::handle`] says
//! what to do. What happens to an exchange later (an answer, a report, a timer) is another [`Input`],
//! for which the host locks the bucket that the exchange lives in.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::cast_possible_truncation
    )
)]

mod action;
mod another_form;
mod at_scscf;
mod authorization;
mod body;
mod call_id;
mod cause;
mod cause_row;
mod causes;
mod classify;
mod coding;
mod copy_exchange;
mod ended;
mod field;
mod handle;
mod im_exchange;
mod im_text;
mod input;
mod instant_message;
mod lifetime;
mod notification;
mod numbers;
mod outgoing;
mod overload;
mod part_exchange;
mod person;
mod policy;
mod prepare_im;
mod prepare_report;
mod prepare_sm;
mod queue;
mod recipients;
mod reg_event;
mod repetition;
mod report;
mod second_attempt;
mod sender;
mod settings;
mod shares;
mod short_message;
mod sm_exchange;
mod status_report;
mod stop;
mod submission;
mod way;

pub use action::{Action, Actions, Counter, Leg, Outcome, Reason, Refusal, Verdict};
pub use at_scscf::{AtScscf, ContactsThere, contact_key, digest, digest_of_set};
pub use authorization::{Authorization, identity};
pub use cause::answer;
pub use classify::Class;
pub use ended::{Ended, Fate};
pub use field::{Field, Value};
pub use input::{
    Becomes, CopyOut, Input, Named, NotifyIn, PartIn, PreparedCopy, PreparedIm, PreparedSm,
    RecipientIn, ReportIn, RpReport, StatusReportIn,
};
pub use overload::{
    Asked, EarlierCopy, Limits, Load, Over, Overload, Queue, REFUSED_FOR_MS, Remembered,
};
pub use person::key_of_number;
pub use policy::{Policy, SenderWithoutNumber};
pub use reg_event::{RegEvent, RegEventIdentity, Whose};
pub use report::expects;
pub use settings::Settings;
pub use shares::{InUse, Share, Shares};

/// The gateway: what it was told at start, and nothing that changes.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The module's parameters.
    pub policy: Policy,
    /// Drawn at random at start: our Call-IDs of an earlier start are not ours any more.
    pub boot: u64,
}
