//! A REGISTER: by whom it is, its body, and the branch flags that `save()` keeps with its contacts.

use crate::mime::{Entity, ServiceInfo};
use crate::sip::{Capabilities, RegisterBody, is_third_party};

use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::branch_flags::{branch_flags, set_branch_flags};
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::{Method, Request};

/// Whether this is a REGISTER by one for another (RFC 3261 §10.2).
pub(crate) fn is_by_another(register: Request<'_>) -> bool {
    is_third_party(
        register.from().unwrap_or_default(),
        register.to().unwrap_or_default(),
    )
}

/// The body of a third-party REGISTER.
pub(crate) fn body(register: Request<'_>) -> RegisterBody<'_> {
    RegisterBody::decode(Entity {
        content_type: register.content_type().unwrap_or_default().into(),
        transfer_encoding: register.header("Content-Transfer-Encoding").map(Into::into),
        content_encoding: register.content_encoding(),
        body: register.octets_behind_header().into(),
        ..Entity::default()
    })
}

/// What the operator's subscriber database says in a third-party REGISTER (row REG-2).
pub(crate) fn service_info(msg: SipMsg<'_>) -> Option<ServiceInfo> {
    let register = msg.request().filter(|msg| msg.is(Method::Register))?;
    let is_one = register.parse_headers() && is_by_another(register);
    let document = is_one.then(|| body(register))?.service_info?;
    ServiceInfo::decode(&document).ok()
}

/// Sets our branch flags and leaves the script's own.
pub(crate) fn set_flags(can: Capabilities, third_party: bool) {
    let flags = state().flags;
    set_branch_flags(flags.set(branch_flags(), can, third_party));
}
