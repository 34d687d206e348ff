//! `$ipsmgw(name)`. Each access reads the current message, so no value of another message is returned.

use std::ffi::CStr;

use crate::base::HeaderNames;
use crate::interwork::{FieldValue, MessageField};
use crate::sip::{FINAL, MessageIn};

use super::{assigned, node};
use crate::kamailio::engine::answer;
use crate::kamailio::engine::cdr_route;
use crate::kamailio::engine::message_view::{MessageView, read_content};
use crate::kamailio::engine::sm_result_route;
use crate::kamailio::register::destinations;
use crate::kamailio::register::person;
use crate::kamailio::register::register_request;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::pv::{PseudoVariable, PvValue};

/// Numbers from here on are fields of a charging record.
const CDR_FIELDS: u16 = 1000;

/// `$ipsmgw(name)`.
pub(crate) struct Variable;

impl PseudoVariable for Variable {
    const NAME: &'static CStr = c"ipsmgw";

    fn inner(name: &str) -> Option<u16> {
        if let Some(field) = cdr_route::field(name) {
            return u16::try_from(field).ok()?.checked_add(CDR_FIELDS);
        }
        let place = MessageField::NAMES
            .iter()
            .position(|(known, _)| *known == name);
        if place.is_none() {
            let known = MessageField::NAMES.map(|(known, _)| known.to_owned());
            let known = known.into_iter().chain(cdr_route::names());
            let known = known.collect::<Vec<_>>().join(" ");
            tracing::error!("there is no $ipsmgw({name}); write one of: {known}");
        }
        u16::try_from(place?).ok()
    }

    fn get(message: SipMsg<'_>, inner: u16) -> Option<PvValue<'_>> {
        if let Some(field) = inner.checked_sub(CDR_FIELDS) {
            return cdr_route::value(field.into());
        }
        Some(match value(message, field(inner)?)? {
            FieldValue::Number(number) => PvValue::Number(number),
            FieldValue::Text(text) => PvValue::Text(text.into()),
        })
    }

    /// Only three fields can be set: `$ipsmgw(status) = 480;` before `ipsmgw_reply()`, `$ipsmgw(hold_timeout) = 4;` before
    /// `ipsmgw_im_to_sm()`, and `$ipsmgw(pager_limit) = 0;` before `ipsmgw_sm_to_im()`.
    fn set(message: SipMsg<'_>, inner: u16, number: Option<i64>) -> bool {
        let number = number.and_then(|number| u16::try_from(number).ok());
        match (field(inner), number) {
            (Some(MessageField::Status), Some(status)) if FINAL.contains(&status) => {
                assigned::set_status(message, status);
                return true;
            }
            (Some(MessageField::HoldTimeout), Some(seconds @ 1..=30)) => {
                assigned::set_hold_timeout(message, seconds);
                return true;
            }
            (Some(MessageField::HoldTimeout), _) => {
                tracing::error!("$ipsmgw(hold_timeout) = ...: write a number of seconds, 1 to 30");
            }
            (Some(MessageField::PagerLimit), Some(octets)) => {
                assigned::set_pager_limit(message, octets);
                return true;
            }
            (Some(MessageField::PagerLimit), None) => {
                tracing::error!("$ipsmgw(pager_limit) = ...: write a number of octets, 0 to 65535");
            }
            (Some(MessageField::Status), _) => {
                tracing::error!("$ipsmgw(status) = ...: write a final SIP status code, 200 to 699");
            }
            _ => {
                tracing::error!(
                    "only $ipsmgw(status), $ipsmgw(hold_timeout) and $ipsmgw(pager_limit) can be assigned to"
                );
            }
        }
        false
    }
}

fn field(inner: u16) -> Option<MessageField> {
    let known = MessageField::NAMES.get(usize::from(inner));
    known.map(|(_, field)| *field)
}

fn value(msg: SipMsg<'_>, field: MessageField) -> Option<FieldValue> {
    if let Some((ended, call_id)) = sm_result_route::current() {
        return match field {
            MessageField::Status => {
                Some(FieldValue::Number(ended.status.into())).filter(|_| ended.status != 0)
            }
            MessageField::Result => Some(FieldValue::Text(ended.ending.name().into())),
            MessageField::RpCause => ended.rp_cause.map(|cause| FieldValue::Number(cause.into())),
            MessageField::CallId => Some(FieldValue::Text(call_id.as_str().into())),
            // There is no current message.
            _ => None,
        };
    }
    if field == MessageField::CallId {
        let call_id = msg.parse_headers().then(|| msg.call_id()).flatten();
        return call_id.map(|call_id| FieldValue::Text(call_id.into()));
    }
    if let Some(outcome) = answer::outcome_at_hand() {
        match field {
            MessageField::Status => return Some(FieldValue::Number(outcome.answer.status.into())),
            MessageField::Result => return Some(FieldValue::Text(outcome.result().into())),
            MessageField::RpCause => {
                return outcome
                    .rp_cause
                    .map(|cause| FieldValue::Number(cause.into()));
            }
            _ => {}
        }
    }
    if field == MessageField::Status {
        return assigned::status_set(msg).map(|status| FieldValue::Number(status.into()));
    }
    match field {
        MessageField::Person => return person::uri(msg).map(FieldValue::Text),
        MessageField::ScscfIdentity => return person::scscf_identity(msg).map(FieldValue::Text),
        MessageField::Node => return node::of(msg).map(FieldValue::Text),
        MessageField::Contacts => return destinations::of_contacts(msg).map(FieldValue::Text),
        MessageField::Anonymous | MessageField::Private => {
            if !msg.parse_headers() {
                return None;
            }
            let privacy = msg.list(&HeaderNames::new(&["Privacy"]));
            let message = MessageIn {
                privacy: privacy.as_deref(),
                from: msg.from(),
                ..MessageIn::default()
            };
            return state().gateway.field(&message, field, || 0);
        }
        MessageField::HoldTimeout => {
            let seconds = assigned::hold_ms(msg) / 1000;
            return i64::try_from(seconds).ok().map(FieldValue::Number);
        }
        MessageField::PagerLimit => {
            let octets = assigned::pager_limit(msg);
            return i64::try_from(octets).ok().map(FieldValue::Number);
        }
        _ => {}
    }
    if matches!(field, MessageField::Msisdn | MessageField::Imsi) {
        let info = register_request::service_info(msg)?;
        return match field {
            MessageField::Msisdn => info
                .msisdn
                .map(|digits| FieldValue::Text(["+", &digits].concat())),
            _ => info.imsi.map(FieldValue::Text),
        };
    }
    let read = |message: &MessageIn<'_>| state().gateway.field(message, field, || now().unix);
    match field {
        MessageField::Recipients => read(&MessageView::of(msg)?.message()),
        _ => read_content(msg, read)?,
    }
}
