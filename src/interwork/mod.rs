//! Decisions: what happens to a message, who is told what. No clock, no I/O, no globals.
//!
//! A message comes in as a [`MessageIn`]. [`Gateway::prepare_sm`], [`Gateway::prepare_im`] and
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
mod input;
mod policy;

pub use action::{Action, Actions, Counter, Outcome, Reason, Refusal, Verdict};
pub use input::{Input, PreparedIm, PreparedSm, ReportIn, RpReport};
pub use policy::{Policy, SenderWithoutNumber, Settings};

use crate::host::{Exchanges, Now};
use crate::sip::MessageIn;

/// What a MESSAGE is, by its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Class {
    /// RP-DATA.
    RpData = 1,
    /// RP-ACK or RP-ERROR.
    RpReport = 2,
    /// RP-SMMA.
    RpSmma = 3,
    /// An instant message.
    InstantMessage = 4,
    /// An Instant Message Disposition Notification (RFC 5438).
    Imdn = 5,
    /// An is-composing indication (RFC 3994).
    IsComposing = 6,
    /// Nothing that we convert.
    NotOurs = -1,
}

/// The gateway: what it was told at start, and nothing that changes.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The module's parameters.
    pub policy: Policy,
    /// Drawn at random at start: our Call-IDs of an earlier start are not ours any more.
    pub boot: u64,
}

impl Gateway {
    /// What the message is. An error is a body that claims to be an RP message and is none: answer it
    /// as the refusal says.
    pub fn classify(&self, message: &MessageIn<'_>) -> Result<Class, Box<Refusal>> {
        let _ = message;
        todo!()
    }

    /// Reads RP-DATA and translates the short message in it for the IM side.
    pub fn prepare_sm<'m>(
        &self,
        message: &MessageIn<'m>,
        now: Now,
    ) -> Result<PreparedSm<'m>, Box<Refusal>> {
        let _ = (message, now);
        todo!()
    }

    /// Translates an instant message for the SMS side, as the RP-DATA of one SMS-DELIVER.
    pub fn prepare_im(
        &self,
        message: &MessageIn<'_>,
        now: Now,
    ) -> Result<PreparedIm, Box<Refusal>> {
        let _ = (message, now);
        todo!()
    }

    /// Reads RP-ACK, RP-ERROR or RP-SMMA.
    pub fn prepare_report<'m>(
        &self,
        message: &MessageIn<'m>,
    ) -> Result<ReportIn<'m>, Box<Refusal>> {
        let _ = message;
        todo!()
    }

    /// What to do about `input`, in this order.
    pub fn handle(&self, input: Input<'_>, now: Now, store: &mut dyn Exchanges) -> Actions {
        let _ = (input, now, store);
        todo!()
    }
}
