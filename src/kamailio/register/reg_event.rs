//! The `reg` event package (RFC 3680): asking an S-CSCF for somebody's contacts, and hearing of them.
//!
//! A subscription lasts as long as the registration that it is about, and the next third-party REGISTER brings
//! the next one. A NOTIFY is known by Call-ID and tags (RFC 3261 §12.2.1.1), whatever URIs stand in its From and To. Where it
//! tells only what has changed, all is asked for once more.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use crate::host::Identity;
use crate::interwork::{RegEvent, Whose, digest};
use crate::mime::Entity;
use crate::sip::{ContactsTold, tag};

use super::at_scscf;
use super::contacts;
use super::person;
use super::route::{NotSent, Route};
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

/// For how many seconds the NOTIFY is awaited that answers a question (RFC 6665 §4.1.2.4: Timer N).
const ONE_ANSWER: u32 = 32;

/// A SUBSCRIBE that is to be sent.
struct Question {
    /// The identity whose contacts are asked for, as the S-CSCF knows it.
    uri: String,
    /// The S-CSCF.
    hop: String,
    /// The socket that it knows us by, as `udp:192.0.2.1:5060`.
    socket: String,
    /// For how many seconds; 0: once.
    expires: u32,
    call_id: String,
}

/// What is done when the script has done its work, and `save()` with it.
#[derive(Default)]
struct Owed {
    /// The answer must find the contact.
    question: Option<Question>,
    /// Whose contact is the only S-CSCF of that person from now on.
    moved: Option<(String, String)>,
}

thread_local! {
    /// (Nothing has to be given back when the process ends, so the memory of a destructor is saved.)
    static OWED: ManuallyDrop<RefCell<Owed>> =
        const { ManuallyDrop::new(RefCell::new(Owed { question: None, moved: None })) };
}

/// After a third-party REGISTER that does not say all of this person's contacts: they are asked for. Call-ID and the digest of
/// our tag.
pub(crate) fn ask(
    register: Request<'_>,
    person: &Identity,
    registered_as: &str,
    hop: &str,
    expires: u32,
) -> Option<(String, u64)> {
    owe(person, registered_as, Some(hop), register.socket(), expires)
}

fn owe(
    person: &Identity,
    uri: &str,
    hop: Option<&str>,
    socket: Option<&str>,
    expires: u32,
) -> Option<(String, u64)> {
    // Nothing that could end the header field it stands in.
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
        until: unix_time() + i64::from(expires.max(ONE_ANSWER)),
    };
    // Before it is sent: the NOTIFY may be here before the answer.
    let key = Identity::new(&call_id)?;
    state().people.subscribe(&key, subscription);
    let question = Question {
        uri: uri.to_owned(),
        hop: hop.to_owned(),
        socket: socket.to_owned(),
        expires,
        call_id: call_id.clone(),
    };
    OWED.with(|owed| owed.borrow_mut().question = Some(question));
    Some((call_id, local_tag))
}

/// When `save()` has kept the contact of this S-CSCF: of others that have registered the person nothing is kept.
pub(crate) fn keep_only(person_uri: &str, hop: &str) {
    let moved = (person_uri.to_owned(), hop.to_owned());
    OWED.with(|owed| owed.borrow_mut().moved = Some(moved));
}

/// `ipsmgw_save()` on a NOTIFY: notes what the contacts can do now.
pub(crate) fn notified(msg: Request<'_>) -> Heard {
    let state = state();
    let flags = state.flags;
    let Some(subscription) = subscription_of(msg) else {
        return Heard::NotOurs;
    };
    let person = subscription.person;
    let person_uri = state.gateway.person_uri(&person);
    let route = contacts::route_to(&person_uri, flags.third_party, "");
    let Some((route, registered)) = route.zip(state.people.at_scscf(&person)) else {
        return Heard::NotOurs;
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
        // The subscription's own state, and nothing of what it is about (RFC 6665 §4.1.3).
        return Heard::Taken;
    }
    if !body.can_be_unpacked() {
        return Heard::Unsupported;
    }
    let event = match body.octets() {
        Ok(octets) if body.is(crate::mime::REGINFO_TYPE) => {
            RegEvent::decode(&octets, &|aor| whose(aor, &person))
        }
        _ => return Heard::Unreadable,
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
            at_scscf::set(&person_uri, flags, changed.contacts.can(now));
            let keys = names
                .iter()
                .filter_map(|uri| state.gateway.identity_key(uri, &is_local_uri));
            person::learn(&keys.collect::<Vec<_>>(), &person, registered.round);
        }
        Ok(RegEvent::NoContact) => {
            at_scscf::remove(&person_uri, flags);
            state.people.unregister(&person);
        }
        Ok(RegEvent::SomebodyElse) => {
            tracing::warn!(
                "a NOTIFY tells of the contacts of somebody else: nothing of it is kept"
            );
        }
        // The last word of a subscription is no reason to ask again.
        Ok(RegEvent::Changed) if is_last(msg) => {}
        Ok(RegEvent::Changed) => {
            let hop = route.next_hop.as_deref();
            owe(&person, registered.identity.as_str(), hop, msg.socket(), 0);
        }
        Err(error) => {
            tracing::info!(%error, "a NOTIFY that cannot be read");
            return Heard::Unreadable;
        }
    }
    Heard::Taken
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

/// Whose an address of record is, in a document about this person.
fn whose(aor: &str, person: &Identity) -> Whose {
    let (gateway, people) = (&state().gateway, &state().people);
    let known = |key: Option<Identity>| people.person(&key?);
    let owner = known(gateway.identity_key(aor, &is_local_uri))
        .or_else(|| known(gateway.key_with_plus(aor)).filter(|owner| owner == person));
    match owner {
        Some(owner) if owner == *person => Whose::Theirs,
        Some(_) => Whose::Another,
        None => Whose::Unknown,
    }
}

/// What became of a NOTIFY.
pub(crate) enum Heard {
    /// What it says is kept.
    Taken,
    /// The identity is not registered through an S-CSCF, or not any more.
    NotOurs,
    /// It cannot be read.
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

/// In mod_init: has Kamailio call us when the script is through with a request.
pub(crate) fn watch_requests() -> bool {
    static AFTER_REQUEST: ScriptCallback = ScriptCallback {
        name: "after a request",
        when: When::AfterRequestOrFailure,
        run: |_| {
            pay();
            true
        },
    };
    AFTER_REQUEST.register()
}

/// Does what is owed.
fn pay() {
    let owed = OWED.with(|owed| owed.take());
    if let Some((person, hop)) = owed.moved {
        at_scscf::keep_only(&person, state().flags, &hop);
    }
    if let Some(question) = owed.question {
        subscribe(question);
    }
}

fn subscribe(question: Question) {
    let Question {
        uri,
        hop,
        socket,
        expires,
        call_id,
    } = question;
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
        if status >= 300 {
            tracing::warn!(
                status,
                "the S-CSCF does not tell of its contacts (SUBSCRIBE to the reg event package): let it put the phone's REGISTER and its answer into the third-party REGISTER (iFC: IncludeRegisterRequest, IncludeRegisterResponse), or set reg_event_identity to the URI that it knows this gateway by, or to \"user\""
            );
        }
        let answer = about.reply().filter(|answer| answer.parse_headers());
        let call_id = answer.and_then(|answer| Identity::new(answer.call_id()?));
        let (Some(answer), Some(call_id)) = (answer, call_id) else {
            return;
        };
        let remote_tag = answer.to().and_then(|to| Some(digest(&[&tag(to)?])));
        let remote_tag = remote_tag.filter(|_| status < 300);
        state().people.subscribed(&call_id, remote_tag);
    }
}
