//! The `reg` event package (RFC 3680): SUBSCRIBE to the S-CSCF for the contacts of a person, and NOTIFY from it.
//!
//! A subscription lasts as long as the registration; the next third-party REGISTER causes the next SUBSCRIBE. A NOTIFY is matched
//! by Call-ID and tags (RFC 3261 §12.2.1.1), not by the URIs in From and To. If a NOTIFY holds only changes, a new SUBSCRIBE asks
//! for the full state.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use crate::exchange::Identity;
use crate::interwork::{AorOwner, RegEvent, digest, subscription_ends};
use crate::mime::Entity;
use crate::sip::{ContactsTold, is_failure, tag};

use super::contacts::{self, NotSent, Route};
use super::person;
use super::scscf_contacts;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::local_uri::is_local_uri;
use crate::kamailio::state::people::Subscription;
use crate::kamailio::sys::clock::unix_time;
use crate::kamailio::sys::own_request::OwnRequest;
use crate::kamailio::sys::random::random;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::script_callback::{ScriptCallback, When};
use crate::kamailio::sys::tm_callback::{Tie, TmEvent, Told, Watcher};
use crate::kamailio::sys::transaction::own_tag;

/// A SUBSCRIBE that is sent after the script.
struct PendingSubscribe {
    /// The identity that the S-CSCF has registered.
    uri: String,
    /// The S-CSCF.
    hop: String,
    /// The socket that received the REGISTER, such as `udp:192.0.2.1:5060`.
    socket: String,
    /// The lifetime of the subscription in seconds; 0: one NOTIFY.
    expires: u32,
    call_id: String,
}

/// Work that must be done after the script, and so after `save()`.
#[derive(Default)]
struct AfterScript {
    /// The NOTIFY must find the contact.
    pending: Option<PendingSubscribe>,
    /// The person, and the contact of the only S-CSCF that serves the person from now on.
    moved: Option<(String, String)>,
}

thread_local! {
    /// No destructor runs when the process ends: nothing has to be released.
    static AFTER_SCRIPT: ManuallyDrop<RefCell<AfterScript>> =
        const { ManuallyDrop::new(RefCell::new(AfterScript { pending: None, moved: None })) };
}

/// A third-party REGISTER did not name all contacts of the person: a SUBSCRIBE is sent after the script. Returns Call-ID and the
/// digest of our tag.
pub(crate) fn subscribe_after_script(
    register: Request<'_>,
    person: &Identity,
    registered_as: &str,
    hop: &str,
    expires: u32,
) -> Option<(String, u64)> {
    prepare_subscribe(person, registered_as, Some(hop), register.socket(), expires)
}

fn prepare_subscribe(
    person: &Identity,
    uri: &str,
    hop: Option<&str>,
    socket: Option<&str>,
    expires: u32,
) -> Option<(String, u64)> {
    // Both URIs must be safe in a header field.
    let whole = |uri: &str| !uri.contains(|c: char| c.is_whitespace() || c.is_control());
    let (hop, socket) = hop
        .filter(|hop| !hop.is_empty() && whole(hop))
        .zip(socket)?;
    if uri.is_empty() || !whole(uri) {
        return None;
    }
    let call_id = format!("reg-{:016x}{:016x}", random(), random());
    let local_tag = digest(&[&own_tag(&call_id, uri)?]);
    let subscription = Subscription {
        person: *person,
        local_tag,
        remote_tag: 0,
        until: subscription_ends(unix_time(), expires),
    };
    // The NOTIFY may come before the answer to the SUBSCRIBE.
    let key = Identity::new(&call_id)?;
    state().people.subscribe(&key, subscription);
    let pending = PendingSubscribe {
        uri: uri.to_owned(),
        hop: hop.to_owned(),
        socket: socket.to_owned(),
        expires,
        call_id: call_id.clone(),
    };
    AFTER_SCRIPT.with(|left| left.borrow_mut().pending = Some(pending));
    Some((call_id, local_tag))
}

/// After `save()` has stored the contact of this S-CSCF: contacts of other S-CSCFs of the person are removed.
pub(crate) fn keep_only_after_script(person_uri: &str, hop: &str) {
    let moved = (person_uri.to_owned(), hop.to_owned());
    AFTER_SCRIPT.with(|left| left.borrow_mut().moved = Some(moved));
}

/// `ipsmgw_save()` on a NOTIFY: sets the capabilities of the contacts.
pub(crate) fn notified(msg: Request<'_>) -> NotifyResult {
    let state = state();
    let flags = state.flags;
    let Some(subscription) = subscription_of(msg) else {
        return NotifyResult::NotOurs;
    };
    let person = subscription.person;
    let person_uri = state.gateway.person_uri(&person);
    let route = contacts::route_to(&person_uri, flags.third_party, "");
    let Some((route, registered)) = route.zip(state.people.at_scscf(&person)) else {
        return NotifyResult::NotOurs;
    };
    person::set(msg.message(), Some(person));
    let body = Entity {
        content_type: msg.content_type().unwrap_or_default().into(),
        transfer_encoding: msg.header("Content-Transfer-Encoding").map(Into::into),
        content_encoding: msg.content_encoding(),
        body: msg.octets_behind_header().into(),
        ..Entity::default()
    };
    if body.body.is_empty() {
        // A NOTIFY without a body only has the state of the subscription (RFC 6665 §4.1.3).
        return NotifyResult::Taken;
    }
    if !body.can_be_unpacked() {
        return NotifyResult::Unsupported;
    }
    let event = match body.octets() {
        Ok(octets) if body.is(crate::mime::REGINFO_TYPE) => {
            RegEvent::decode(&octets, &|aor| owner_of(aor, &person))
        }
        _ => return NotifyResult::Unreadable,
    };
    match event {
        Ok(RegEvent::Contacts(contacts, names)) => {
            let now = unix_time();
            let mut changed = registered;
            let all = ContactsTold::All(contacts);
            changed
                .contacts
                .told(&all, state.plain_im, now, registered.until);
            if changed != registered {
                state.people.register(&person, changed);
            }
            scscf_contacts::set(&person_uri, flags, changed.contacts.can(now));
            let keys = names
                .iter()
                .filter_map(|uri| state.gateway.identity_key(uri, &is_local_uri));
            person::add_identities(&keys.collect::<Vec<_>>(), &person, registered.round);
        }
        Ok(RegEvent::NoContact) => {
            scscf_contacts::remove(&person_uri, flags);
            state.people.unregister(&person);
        }
        Ok(RegEvent::SomebodyElse) => {
            tracing::warn!("a NOTIFY is about the contacts of another person: it is ignored");
        }
        // The NOTIFY that ends a subscription causes no new SUBSCRIBE.
        Ok(RegEvent::Changed) if is_last(msg) => {}
        Ok(RegEvent::Changed) => {
            let hop = route.next_hop.as_deref();
            prepare_subscribe(&person, registered.identity.as_str(), hop, msg.socket(), 0);
        }
        Err(error) => {
            tracing::info!(%error, "a NOTIFY cannot be decoded");
            return NotifyResult::Unreadable;
        }
    }
    NotifyResult::Taken
}

/// The subscription that a NOTIFY belongs to.
fn subscription_of(notify: Request<'_>) -> Option<Subscription> {
    let call_id = Identity::new(notify.call_id()?)?;
    let subscription = state().people.subscription(&call_id)?;
    let of = |value: Option<&str>| Some(digest(&[&tag(value?)?]));
    let fits = of(notify.to())? == subscription.local_tag
        && (subscription.remote_tag == 0 || of(notify.from())? == subscription.remote_tag);
    fits.then_some(subscription)
}

/// The owner of an address of record in a NOTIFY about this person.
fn owner_of(aor: &str, person: &Identity) -> AorOwner {
    let (gateway, people) = (&state().gateway, &state().people);
    let known = |key: Option<Identity>| people.person(&key?);
    let owner = known(gateway.identity_key(aor, &is_local_uri))
        .or_else(|| known(gateway.key_with_plus(aor)).filter(|owner| owner == person));
    match owner {
        Some(owner) if owner == *person => AorOwner::Subscribed,
        Some(_) => AorOwner::Another,
        None => AorOwner::Unknown,
    }
}

/// The result of a NOTIFY.
pub(crate) enum NotifyResult {
    /// Its contacts are stored.
    Taken,
    /// The notification belongs to no subscription, or no S-CSCF has the person registered.
    NotOurs,
    /// The notification cannot be decoded.
    Unreadable,
    /// Its Content-Encoding is not supported.
    Unsupported,
}

/// Whether a NOTIFY ends its subscription.
fn is_last(notify: Request<'_>) -> bool {
    let state = notify.header("Subscription-State").unwrap_or_default();
    let state = state.split(';').next().unwrap_or_default().trim();
    state.eq_ignore_ascii_case("terminated")
}

/// In mod_init: registers the function that runs after the script.
pub(crate) fn watch_requests() -> bool {
    static AFTER_REQUEST: ScriptCallback = ScriptCallback {
        name: "after a request",
        when: When::AfterRequestOrFailure,
        run: |_| {
            after_script();
            true
        },
    };
    AFTER_REQUEST.register()
}

/// Does the work that a REGISTER or NOTIFY has left for the end of the script.
fn after_script() {
    let left = AFTER_SCRIPT.with(|left| left.take());
    if let Some((person, hop)) = left.moved {
        scscf_contacts::keep_only(&person, state().flags, &hop);
    }
    if let Some(pending) = left.pending {
        subscribe(pending);
    }
}

fn subscribe(pending: PendingSubscribe) {
    let PendingSubscribe {
        uri,
        hop,
        socket,
        expires,
        call_id,
    } = pending;
    let gateway = &state().gateway;
    // udp:192.0.2.1:5060
    let Some((transport, address)) = socket.split_once(':') else {
        return;
    };
    let contact = format!("sip:{address};transport={transport}");
    let request = OwnRequest {
        method: "SUBSCRIBE",
        to: &uri,
        from: &gateway.policy.gateway_uri,
        headers: &gateway.reg_subscription(&uri, &contact, expires),
        call_id: Some(&call_id),
        tie: Some(Tie::to::<Subscribe>(0)),
        ..OwnRequest::default()
    };
    let way = Route {
        uri: uri.clone(),
        next_hop: Some(hop),
        route: None,
        socket: Some(socket),
        at_scscf: true,
    };
    if let Err(NotSent(status)) = way.send(request) {
        tracing::warn!(status, "a SUBSCRIBE could not be sent");
    }
}

/// A SUBSCRIBE of ours.
struct Subscribe;

impl Watcher for Subscribe {
    const NAME: &'static str = "answer to a SUBSCRIBE";
    const EVENTS: &'static [TmEvent] = &[TmEvent::LocalCompleted];

    fn told(about: &Told<'_>) {
        let status = about.status();
        if is_failure(status) {
            tracing::warn!(
                status,
                "the S-CSCF refuses SUBSCRIBE to the reg event package, so the contacts of a person are unknown: make it include the phone's REGISTER and its response in the third-party REGISTER (iFC: IncludeRegisterRequest, IncludeRegisterResponse), or set reg_event_identity to the URI that the S-CSCF accepts from this gateway, or to \"user\""
            );
        }
        let answer = about.reply().filter(|answer| answer.parse_headers());
        let call_id = answer.and_then(|answer| Identity::new(answer.call_id()?));
        let (Some(answer), Some(call_id)) = (answer, call_id) else {
            return;
        };
        let remote_tag = answer.to().and_then(|to| Some(digest(&[&tag(to)?])));
        let remote_tag = remote_tag.filter(|_| !is_failure(status));
        state().people.subscribed(&call_id, remote_tag);
    }
}
