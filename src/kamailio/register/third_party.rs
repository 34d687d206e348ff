//! Third-party REGISTER (TS 24.229 §5.4.1.7): the person, and the identities and contacts that the S-CSCF names.

use crate::base::{HeaderNames, Text};
use crate::exchange::Identity;
use crate::interwork::{AtScscf, Lasts, RegisteredIdentities, ThirdPartyRegister, digest};
use crate::mime::ServiceInfo;
use crate::sip::{Capabilities, ContactsTold, RegisterBody, Uri, asserted, expires};

use super::contacts;
use super::person;
use super::reg_event;
use super::register_request;
use super::scscf_contacts;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::local_uri::is_local_uri;
use crate::kamailio::sys::clock::unix_time;
use crate::kamailio::sys::contact_field::Contact;
use crate::kamailio::sys::random::random;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::return_code::{FALSE, TRUE};

/// `ipsmgw_save()` on a third-party REGISTER. False if no person of this gateway is registered.
pub(crate) fn save(register: Request<'_>) -> i32 {
    let state = state();
    let body = register_request::body(register);
    let registered_as = registered_as(register);
    let associated = associated(register, &body);
    let identities = registered_as.map(|registered_as| RegisteredIdentities {
        registered_as,
        associated: &associated,
    });
    let found = identities.and_then(|found| {
        let person = person_of(register, &body, &found)?;
        Some((found, person))
    });
    let known = found.as_ref().map(|(_, person)| *person);
    person::set(register.message(), known);
    let Some((identities, person)) = found else {
        return FALSE;
    };
    let registered_as = identities.registered_as;
    let person_uri = state.gateway.person_uri(&person);
    let keys = identities.keys(&state.gateway, &is_local_uri);
    let hop = hop(register);
    let before = state.people.at_scscf(&person);
    let contacts = body.contacts();
    let new = ThirdPartyRegister {
        registered_as,
        keys: &keys,
        has_all_identities: !associated.is_empty(),
        scscf: &hop,
        expires: lifetime(register),
        contacts: &contacts,
        plain_im: state.plain_im,
        stored: scscf_contacts::capabilities(&person_uri, state.flags),
        now: unix_time(),
        random: random(),
    };
    let now = new.now;
    let new = new.registration(before);
    let lasts = match new.lasts {
        Lasts::Ended => false,
        Lasts::AsRegistered => true,
        Lasts::For(seconds) => register.set_expires(seconds),
    };
    if !lasts {
        if new.is_serving {
            state.people.unregister(&person);
        }
        register_request::set_flags(Capabilities::default(), true);
        return TRUE;
    }
    let mut registered = new.registered;
    register_request::set_flags(registered.contacts.can(now), true);
    if (contacts == ContactsTold::Nothing || body.response_is_silent())
        && let Some((call_id, tag)) =
            reg_event::subscribe_after_script(register, &person, registered_as, &hop, new.seconds)
    {
        registered.subscription = Text::new(&call_id).unwrap_or_default();
        registered.tag = tag;
    }
    state.people.register(&person, registered);
    person::add_identities(&keys, &person, registered.round);
    reg_event::keep_only_after_script(&person_uri, &hop);
    TRUE
}

/// The URI in To: the identity that the S-CSCF has registered. None if the URI is not safe in a header field.
fn registered_as(register: Request<'_>) -> Option<&str> {
    let uri = asserted(register.to()?).next()?;
    let is_uri = Uri::parse(uri).is_some() && Text::<254>::new(uri).is_some();
    is_uri.then_some(uri)
}

/// P-Associated-URI (RFC 7315 §4.1) of the REGISTER itself, and of the response in its body.
fn associated(register: Request<'_>, body: &RegisterBody<'_>) -> Vec<String> {
    static NAME: HeaderNames = HeaderNames::new(&["P-Associated-URI"]);
    let own = register
        .header_fields_named(&NAME)
        .filter_map(|field| std::str::from_utf8(field.body).ok().map(str::to_owned));
    let mut lists: Vec<String> = own.collect();
    lists.extend(body.associated());
    lists
}

/// The person who is registered. Without people_table the `identity` parameter names the person.
fn person_of(
    register: Request<'_>,
    body: &RegisterBody<'_>,
    identities: &RegisteredIdentities<'_>,
) -> Option<Identity> {
    let (gateway, people) = (&state().gateway, &state().people);
    if !people.are_known() {
        return gateway.identity_key(&state().identity_of(register.message())?, &is_local_uri);
    }
    let number = || {
        let info = ServiceInfo::decode(body.service_info.as_deref()?).ok()?;
        info.msisdn
    };
    identities.person(gateway, &is_local_uri, number, |key| people.person(key))
}

/// After `save()`: the registration lasts as long as the S-CSCF says, even if the registrar has a lower limit.
pub(crate) fn prolong(register: Request<'_>, person_uri: &str) {
    let is_it = |registered: &AtScscf| registered.scscf == digest(&[&hop(register)]);
    if let Some(registered) = contacts::registered_at_scscf(person_uri).filter(is_it) {
        scscf_contacts::prolong(person_uri, state().flags, registered.until);
    }
}

/// The contact of the S-CSCF.
fn hop(register: Request<'_>) -> String {
    let contact = register.contacts().next();
    contact
        .and_then(Contact::uri)
        .unwrap_or_default()
        .to_owned()
}

/// The lifetime in Contact, or in Expires.
fn lifetime(register: Request<'_>) -> Option<u32> {
    let contact = register.contacts().next();
    let own = contact
        .and_then(|contact| contact.parameter("expires"))
        .and_then(expires);
    own.or_else(|| register.header("Expires").and_then(expires))
}
