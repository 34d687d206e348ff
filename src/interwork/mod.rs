//! Decisions: the way of a message, and the answers and reports to its sender. No clock, no I/O, no globals.
//!
//! A message comes in as a [`MessageIn`](crate::sip::MessageIn). [`Gateway::translate_sm`], [`Gateway::translate_im`] and
//! [`Gateway::read_report`] read and translate it without looking at any exchange. Then the host
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

mod admission;
mod charging;
mod charging_octets;
mod counter;
mod cut_off;
mod ended;
mod gateway;
mod handle;
mod im_to_sm;
mod imdn;
mod input;
mod list;
mod make;
mod missing_report;
pub mod msrp;
mod nodes;
mod read;
mod reason;
mod refusal;
mod refused_record;
mod registration;
mod rules;
mod sm_to_im;
mod sm_to_sm;
mod step;
mod stop;
mod storage;
mod store;
mod unsent;

pub use admission::Asked;
pub use charging::{
    Charged, ChargingField, ChargingRecord, ChargingValue, Interface, Interworking,
};
pub use counter::Counter;
pub use ended::{Ended, Ending};
pub use gateway::Gateway;
pub use im_to_sm::report::expects;
pub use im_to_sm::submission::is_reported;
pub use input::{
    Attempt, DeliveredAs, DeliveryOut, ImToStore, Input, Named, NotifyIn, PartIn, RecipientIn,
    ReportIn, RpReport, SmIn, SmToStore, StatusReportIn, StatusReportOut, TranslatedDelivery,
    TranslatedIm, TranslatedSm,
};
pub use missing_report::{MissingReport, ReportedExchange, UnprovedReport, missing_report};
pub use nodes::{FoundPart, Look, PartMove, SignsOfLife, joined_elsewhere};
pub use read::classify::Class;
pub use read::field::{FieldValue, MessageField};
pub use reason::Reason;
pub use refusal::REGISTRATION_MS;
pub use refusal::Refusal;
pub use refused_record::RefusedMessage;
pub use registration::at_scscf::{
    AtScscf, ContactsThere, NOT_TO_PHONES, There, contact_key, digest,
};
pub use registration::reg_event::{AorOwner, RegEvent, subscription_ends};
pub use registration::third_party::{Lasts, RegisteredIdentities, ThirdPartyRegister};
pub use rules::answer::answer;
pub use rules::authorization::{Authorization, identity};
pub use rules::overload::{
    EarlierCopy, Load, Over, Overload, OverloadLimits, Queue, fill_of_queue,
};
pub use rules::policy::{Policy, RegEventIdentity, SenderWithoutNumber};
pub use rules::retry::Retry;
pub use rules::settings::Settings;
pub use rules::table_limits::TableLimits;
pub use rules::transactions::COPIES_MS;
pub use step::{Effect, ImOutcome, Step, ToContact, Verdict};
pub use store::behind::{holds_up, is_taken_up, others_wait_until, tried_again_ms};
pub use store::not_taken::{goes_with_stored, may_be_replaced, replaced_by_stored, stands_for};
pub use store::room::{
    MOST_LOOKS, READ_AT_ONCE, StoreLimits, StoredCounts, may_count_again, takes_room,
};
pub use store::translate::MessageToStore;
pub use unsent::Unsent;
