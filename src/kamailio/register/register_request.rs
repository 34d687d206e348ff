//! REGISTER requests: first or third party, the body, and the branch flags that `save()` stores with the contacts.

use crate::mime::{Entity, ServiceInfo};
use crate::sip::{Capabilities, RegisterBody, is_third_party};

use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::branch_flags::{branch_flags, set_branch_flags};
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::{Method, Request};

/// Whether this is a third-party REGISTER: From and To differ (RFC 3261 §10.2).
pub(crate) fn is_third_party_register(register: Request<'_>) -> bool {
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

/// The service information of a third-party REGISTER, which comes from the HSS (row REG-2).
pub(crate) fn service_info(msg: SipMsg<'_>) -> Option<ServiceInfo> {
    let register = msg.request().filter(|msg| msg.is(Method::Register))?;
    let is_one = register.parse_headers() && is_third_party_register(register);
    let document = is_one.then(|| body(register))?.service_info?;
    ServiceInfo::decode(&document).ok()
}

/// Sets the branch flags of this module. Other branch flags stay as they are.
pub(crate) fn set_flags(can: Capabilities, third_party: bool) {
    let flags = state().flags;
    set_branch_flags(flags.set(branch_flags(), can, third_party));
}
