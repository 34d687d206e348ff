//! Third-party REGISTER (TS 24.229 §5.4.1.7): the person, and the identities and contacts that the S-CSCF names.

use crate::base::{HeaderNames, Text};
use crate::exchange::Identity;
use crate::interwork::{AtScscf, digest, digest_of_set, key_of_number};
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

/// The lifetime of a registration in seconds, if the REGISTER names none.
const DEFAULT_EXPIRES: u32 = 3600;

/// `ipsmgw_save()` on a third-party REGISTER. False if it is about nobody here.
pub(crate) fn save(register: Request<'_>) -> i32 {
    let state = state();
    let body = register_request::body(register);
    let registered_as = registered_as(register);
    let associated = associated(register, &body);
    let found =
        registered_as.and_then(|uri| Some((uri, whose(register, &body, uri, &associated)?)));
    person::set(register.message(), found.map(|(_, person)| person));
    let Some((registered_as, person)) = found else {
        return FALSE;
    };
    let person_uri = state.gateway.person_uri(&person);
    let (hop, seconds) = contact(register);
    let (now, scscf) = (unix_time(), digest(&[&hop]));
    let says = now + i64::from(seconds);
    let before = state.people.at_scscf(&person);
    // If two S-CSCFs register the person, the later one counts.
    let is_same = before.is_none_or(|before| before.scscf == scscf);
    let known = scscf_contacts::capabilities(&person_uri, state.flags);
    let mut contacts = match before {
        Some(before) if is_same => before.contacts,
        Some(_) => Default::default(),
        None => {
            // usrloc has stored the capabilities before a restart.
            let mut contacts = crate::interwork::ContactsThere::default();
            if known != Capabilities::default() {
                contacts.put(0, known, says, now);
            }
            contacts
        }
    };
    let told = body.contacts();
    contacts.told(&told, state.plain_im, now, says);
    // Kamailio's S-CSCF copies the lifetime that one device asks for. It is 0 if that device unregisters: the others stay registered.
    let until = if seconds > 0 || told.only_ends() {
        contacts.until(now).max(says)
    } else {
        says
    };
    let goes_on = seconds > 0 || (until > now && register.set_expires(whole(until - now)));
    if !goes_on {
        if is_same {
            state.people.unregister(&person);
        }
        register_request::set_flags(Capabilities::default(), true);
        return TRUE;
    }
    register_request::set_flags(contacts.can(now), true);

    let names = names(registered_as, &associated);
    let (round, set) = round(before, &names, !associated.is_empty());
    let mut registered = AtScscf {
        identity: Text::new(registered_as).unwrap_or_default(),
        scscf,
        round,
        set,
        until,
        contacts,
        subscription: before.map_or(Text::EMPTY, |before| before.subscription),
        tag: before.map_or(0, |before| before.tag),
    };
    if (told == ContactsTold::Nothing || body.response_is_silent())
        && let Some((call_id, tag)) =
            reg_event::subscribe_after_script(register, &person, registered_as, &hop, seconds)
    {
        registered.subscription = Text::new(&call_id).unwrap_or_default();
        registered.tag = tag;
    }
    state.people.register(&person, registered);
    person::add_identities(&names, &person, round);
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

/// The person that is registered: found by the registered identity, by the number in the service information, or by the
/// associated identities.
fn whose(
    register: Request<'_>,
    body: &RegisterBody<'_>,
    registered_as: &str,
    associated: &[String],
) -> Option<Identity> {
    let (gateway, people) = (&state().gateway, &state().people);
    if !people.are_known() {
        // Without people_table the `identity` parameter names the person.
        return gateway.identity_key(&state().identity_of(register.message())?, &is_local_uri);
    }
    let by_number = || {
        let info = ServiceInfo::decode(body.service_info.as_deref()?).ok()?;
        people.person(&key_of_number(&["+", &info.msisdn?].concat())?)
    };
    let keys = || names(registered_as, associated).into_iter();
    let uris =
        || std::iter::once(registered_as).chain(associated.iter().flat_map(|list| asserted(list)));
    // An IMS core may write numbers without the "+".
    let with_plus = || {
        uris()
            .take(MOST_NAMES)
            .filter_map(|uri| gateway.key_with_plus(uri))
    };
    people
        .person(&gateway.identity_key(registered_as, &is_local_uri)?)
        .or_else(by_number)
        .or_else(|| keys().find_map(|key| people.person(&key)))
        .or_else(|| with_plus().find_map(|key| people.person(&key)))
}

/// The most identities that are read from one registration.
const MOST_NAMES: usize = 32;

/// The keys of all identities in the registration.
fn names(registered_as: &str, associated: &[String]) -> Vec<Identity> {
    let gateway = &state().gateway;
    let mut names: Vec<Identity> = Vec::new();
    let lists = associated
        .iter()
        .flat_map(|list| gateway.identity_keys(list, &is_local_uri));
    for name in gateway
        .identity_key(registered_as, &is_local_uri)
        .into_iter()
        .chain(lists)
    {
        if names.len() < MOST_NAMES && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The round of a registration, and the digest of its identities. A new set of identities begins a new round; identities of
/// earlier rounds no longer belong to the person.
fn round(before: Option<AtScscf>, names: &[Identity], is_whole: bool) -> (u32, u64) {
    let set = digest_of_set(names);
    match before {
        Some(before) if !is_whole || before.set == set => (before.round, before.set),
        _ => ((random() >> 32) as u32 | 1, set),
    }
}

/// Seconds as a header field can hold them.
fn whole(seconds: i64) -> u32 {
    u32::try_from(seconds).unwrap_or(DEFAULT_EXPIRES)
}

/// After `save()`: the registration lasts as long as the S-CSCF says, even if the registrar has a lower limit.
pub(crate) fn prolong(register: Request<'_>, person_uri: &str) {
    let is_it = |registered: &AtScscf| registered.scscf == digest(&[&contact(register).0]);
    if let Some(registered) = contacts::registered_at_scscf(person_uri).filter(is_it) {
        scscf_contacts::prolong(person_uri, state().flags, registered.until);
    }
}

/// The contact of the S-CSCF, and its lifetime in seconds.
fn contact(register: Request<'_>) -> (String, u32) {
    let contact = register.contacts().next();
    let own = contact
        .and_then(|contact| contact.parameter("expires"))
        .and_then(expires);
    let seconds = own.or_else(|| register.header("Expires").and_then(expires));
    let uri = contact.and_then(Contact::uri).unwrap_or_default();
    (uri.to_owned(), seconds.unwrap_or(DEFAULT_EXPIRES))
}
