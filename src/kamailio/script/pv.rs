//! `$ipsmgw(name)`: read from the message each time, so it never speaks of another one.

use std::os::raw::c_int;
use std::ptr::null_mut;

use crate::interwork::{Field, Value};
use crate::sip::MessageIn;

use super::functions;
use crate::kamailio::engine::reading::Reading;
use crate::kamailio::engine::result;
use crate::kamailio::register::destinations;
use crate::kamailio::register::person;
use crate::kamailio::register::save;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::ffi::{
    self, pv_export_t, pv_param_t, pv_spec_t, pv_value_t, sip_msg, str_,
};
use crate::kamailio::sys::guard::guard;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::text;

/// The table that Kamailio reads; it ends with an empty row.
pub(crate) static EXPORTED: Exported = Exported([
    pv_export_t {
        name: str_ {
            s: c"ipsmgw".as_ptr().cast_mut(),
            len: 6,
        },
        type_: ffi::PVT_OTHER,
        getf: Some(get),
        setf: Some(set),
        parse_name: Some(parse_name),
        parse_index: None,
        init_param: None,
        iparam: 0,
    },
    pv_export_t {
        name: str_ {
            s: null_mut(),
            len: 0,
        },
        type_: 0,
        getf: None,
        setf: None,
        parse_name: None,
        parse_index: None,
        init_param: None,
        iparam: 0,
    },
]);

pub(crate) struct Exported([pv_export_t; 2]);

// SAFETY: constant pointers, read by Kamailio before the fork.
unsafe impl Sync for Exported {}

impl Exported {
    pub(crate) const fn pointer(&self) -> *mut pv_export_t {
        self.0.as_ptr().cast_mut()
    }
}

/// While the configuration is read: the name in the parentheses becomes a number.
unsafe extern "C" fn parse_name(spec: *mut pv_spec_t, name: *mut str_) -> c_int {
    guard("$ipsmgw", -1, || {
        // SAFETY: the parser's spec, ours for the call.
        let Some(spec) = (unsafe { spec.as_mut() }) else {
            return -1;
        };
        // SAFETY: the parser's text, live during the call.
        let name = unsafe { text::passed(name) }.unwrap_or_default();
        let Some(place) = Field::NAMES.iter().position(|(known, _)| *known == name) else {
            let known = Field::NAMES.map(|(known, _)| known).join(" ");
            tracing::error!("there is no $ipsmgw({name}); write one of: {known}");
            return -1;
        };
        spec.pvp.pvn.type_ = ffi::PV_NAME_INTSTR as c_int;
        spec.pvp.pvn.u.isname.type_ = 0;
        spec.pvp.pvn.u.isname.name.n = c_int::try_from(place).unwrap_or(0) as _;
        0
    })
}

fn field_of(parameter: *const pv_param_t) -> Option<Field> {
    // SAFETY: the parameter that `parse_name` prepared.
    let name = unsafe { &parameter.as_ref()?.pvn.u };
    // SAFETY: it wrote the integer member.
    let place = unsafe { name.isname.name.n };
    Field::NAMES
        .get(usize::try_from(place).ok()?)
        .map(|(_, field)| *field)
}

unsafe extern "C" fn get(
    msg: *mut sip_msg,
    parameter: *mut pv_param_t,
    into: *mut pv_value_t,
) -> c_int {
    guard("$ipsmgw", -1, || {
        // SAFETY: Kamailio's message, live during the call.
        let msg = unsafe { SipMsg::new(msg) };
        let value = msg
            .zip(field_of(parameter))
            .and_then(|(msg, field)| value(msg, field));
        match value {
            // SAFETY: Kamailio's value to fill, of this call.
            None => unsafe { ffi::pv_get_null(null_mut(), parameter, into) },
            Some(Value::Number(number)) => {
                let number = c_int::try_from(number).unwrap_or(c_int::MAX);
                // SAFETY: as above.
                unsafe { ffi::pv_get_sintval(null_mut(), parameter, into, number as _) }
            }
            Some(Value::Text(text)) => give_text(&text, parameter, into),
        }
    })
}

/// Texts live in one of Kamailio's rotating buffers until they were used.
pub(crate) fn give_text(text: &str, parameter: *mut pv_param_t, into: *mut pv_value_t) -> c_int {
    // SAFETY: no arguments; one of Kamailio's buffers.
    let buffer = unsafe { ffi::pv_get_buffer() };
    // SAFETY: no arguments; the size of each of them.
    let size = unsafe { ffi::pv_get_buffer_size() };
    if buffer.is_null() || usize::try_from(size).is_ok_and(|size| text.len() >= size) {
        return -1;
    }
    // SAFETY: it fits, and the buffer is none of ours.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast::<u8>(), text.len()) };
    let mut value = str_ {
        s: buffer,
        len: c_int::try_from(text.len()).unwrap_or(0),
    };
    // SAFETY: Kamailio's value to fill, of this call.
    unsafe { ffi::pv_get_strval(null_mut(), parameter, into, &mut value) }
}

fn value(msg: SipMsg<'_>, field: Field) -> Option<Value> {
    if let Some((ended, call_id)) = result::current_sm() {
        return match field {
            Field::Status => Some(Value::Number(ended.status.into())).filter(|_| ended.status != 0),
            Field::Result => Some(Value::Text(ended.fate.name().into())),
            Field::RpCause => ended.rp_cause.map(|cause| Value::Number(cause.into())),
            Field::CallId => Some(Value::Text(call_id.as_str().into())),
            // There is no message.
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
        let info = save::service_info(msg)?;
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

/// `$ipsmgw(status) = 480;` before `ipsmgw_reply()`, `$ipsmgw(hold_timeout) = 4;` before `ipsmgw_im_to_sm()`; nothing
/// else can be assigned.
unsafe extern "C" fn set(
    msg: *mut sip_msg,
    parameter: *mut pv_param_t,
    _: c_int,
    value: *mut pv_value_t,
) -> c_int {
    guard("$ipsmgw", -1, || {
        // SAFETY: Kamailio's message, live during the call.
        let msg = unsafe { SipMsg::new(msg) };
        // SAFETY: NULL or the assigned value.
        let number = unsafe { value.as_ref() }
            .filter(|value| value.flags & ffi::PV_VAL_INT as c_int != 0)
            .and_then(|value| u16::try_from(value.ri).ok());
        match (msg, field_of(parameter), number) {
            (Some(msg), Some(Field::Status), Some(status @ 200..700)) => {
                functions::set_status(msg, status);
                0
            }
            (Some(msg), Some(Field::HoldTimeout), Some(seconds @ 1..=30)) => {
                functions::set_hold_timeout(msg, seconds);
                0
            }
            (_, Some(Field::HoldTimeout), _) => {
                tracing::error!("$ipsmgw(hold_timeout) = ...: write a number of seconds, 1 to 30");
                -1
            }
            (_, Some(Field::Status), _) => {
                tracing::error!("$ipsmgw(status) = ...: write a final SIP status code, 200 to 699");
                -1
            }
            _ => {
                tracing::error!(
                    "only $ipsmgw(status) and $ipsmgw(hold_timeout) can be assigned to"
                );
                -1
            }
        }
    })
}
