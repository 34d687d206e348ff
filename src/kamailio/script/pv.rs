//! `$ipsmgw(name)`. Each access reads the current message, so no value of another message is returned.

use std::ffi::CStr;

use crate::interwork::{Field, Value};
use crate::sip::MessageIn;

use super::functions;
use crate::kamailio::engine::reading::Reading;
use crate::kamailio::engine::result;
use crate::kamailio::register::destinations;
use crate::kamailio::register::person;
use crate::kamailio::register::register_request;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::pv::{PseudoVariable, PvValue};

/// `$ipsmgw(name)`.
pub(crate) struct Variable;

impl PseudoVariable for Variable {
    const NAME: &'static CStr = c"ipsmgw";

    fn inner(name: &str) -> Option<u16> {
        let place = Field::NAMES.iter().position(|(known, _)| *known == name);
        if place.is_none() {
            let known = Field::NAMES.map(|(known, _)| known).join(" ");
            tracing::error!("there is no $ipsmgw({name}); write one of: {known}");
        }
        u16::try_from(place?).ok()
    }

    fn get(message: SipMsg<'_>, inner: u16) -> Option<PvValue<'_>> {
        Some(match value(message, field(inner)?)? {
            Value::Number(number) => PvValue::Number(number),
            Value::Text(text) => PvValue::Text(text.into()),
        })
    }

    /// Only two fields can be set: `$ipsmgw(status) = 480;` before `ipsmgw_reply()`, and `$ipsmgw(hold_timeout) = 4;` before
    /// `ipsmgw_im_to_sm()`.
    fn set(message: SipMsg<'_>, inner: u16, number: Option<i64>) -> bool {
        let number = number.and_then(|number| u16::try_from(number).ok());
        match (field(inner), number) {
            (Some(Field::Status), Some(status @ 200..700)) => {
                functions::set_status(message, status);
                return true;
            }
            (Some(Field::HoldTimeout), Some(seconds @ 1..=30)) => {
                functions::set_hold_timeout(message, seconds);
                return true;
            }
            (Some(Field::HoldTimeout), _) => {
                tracing::error!("$ipsmgw(hold_timeout) = ...: write a number of seconds, 1 to 30");
            }
            (Some(Field::Status), _) => {
                tracing::error!("$ipsmgw(status) = ...: write a final SIP status code, 200 to 699");
            }
            _ => {
                tracing::error!(
                    "only $ipsmgw(status) and $ipsmgw(hold_timeout) can be assigned to"
                );
            }
        }
        false
    }
}

fn field(inner: u16) -> Option<Field> {
    let known = Field::NAMES.get(usize::from(inner));
    known.map(|(_, field)| *field)
}

fn value(msg: SipMsg<'_>, field: Field) -> Option<Value> {
    if let Some((ended, call_id)) = result::current_sm() {
        return match field {
            Field::Status => Some(Value::Number(ended.status.into())).filter(|_| ended.status != 0),
            Field::Result => Some(Value::Text(ended.ending.name().into())),
            Field::RpCause => ended.rp_cause.map(|cause| Value::Number(cause.into())),
            Field::CallId => Some(Value::Text(call_id.as_str().into())),
            // There is no current message.
            _ => None,
        };
    }
    if field == Field::CallId {
        let call_id = msg.parse_headers().then(|| msg.call_id()).flatten();
        return call_id.map(|call_id| Value::Text(call_id.into()));
    }
    if let Some(outcome) = result::current() {
        match field {
            Field::Status => return Some(Value::Number(outcome.answer.status.into())),
            Field::Result => return Some(Value::Text(outcome.result().into())),
            Field::RpCause => return outcome.rp_cause.map(|cause| Value::Number(cause.into())),
            _ => {}
        }
    }
    if field == Field::Status {
        return functions::status_set(msg).map(|status| Value::Number(status.into()));
    }
    match field {
        Field::Person => return person::uri(msg).map(Value::Text),
        Field::ScscfIdentity => return person::scscf_identity(msg).map(Value::Text),
        Field::Contacts => return destinations::of_contacts(msg).map(Value::Text),
        Field::Anonymous | Field::Private => {
            if !msg.parse_headers() {
                return None;
            }
            let privacy = msg.list(&["Privacy"]);
            let message = MessageIn {
                privacy: privacy.as_deref(),
                from: msg.from(),
                ..MessageIn::default()
            };
            return state().gateway.field(&message, field, 0);
        }
        Field::HoldTimeout => {
            let seconds = functions::hold_ms(msg) / 1000;
            return i64::try_from(seconds).ok().map(Value::Number);
        }
        _ => {}
    }
    if matches!(field, Field::Msisdn | Field::Imsi) {
        let info = register_request::service_info(msg)?;
        return match field {
            Field::Msisdn => info
                .msisdn
                .map(|digits| Value::Text(["+", &digits].concat())),
            _ => info.imsi.map(Value::Text),
        };
    }
    let reading = Reading::of(msg)?;
    state().gateway.field(&reading.message(), field, now().unix)
}
