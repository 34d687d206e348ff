//! Addresses of a notification: the recipient that it is about, the sender that it is for, and the hosts on its route
//! (RFC 5438 §7.2.1, §12.1.3.1, §14). They come from the body of the message, which anybody can write. So a URI counts
//! only if it belongs to a party that is known from the request, and a host only if it is in our list and the message
//! came from a trusted peer.

use crate::base::Text;
use crate::interwork::read::sender::{Sender, identity_of};
use crate::interwork::rules::policy::Policy;
use crate::mime::{Cpim, CpimAddress};
use crate::sip::{MessageIn, Uri, asserted, place};

/// The addresses and the route of a notification.
pub(crate) struct Way<'a> {
    /// From of the `message/cpim`: the recipient of the message, with the URI in its body.
    pub(crate) about: &'a str,
    /// To of the `message/cpim`: the sender of the message, with the URI in its body.
    pub(crate) is_for: &'a str,
    /// From and To of the request, with the URIs in the request of the message: a client finds the conversation by
    /// them. Empty if it is the public identity.
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    /// The MSRP session that the message came in, if its sender takes notifications there.
    pub(crate) session: Option<&'a str>,
    /// IMDN-Route.
    pub(crate) hosts: Vec<&'a str>,
}

impl<'a> Way<'a> {
    /// Reads the result of [`way`].
    pub(crate) fn parse(lines: &'a str) -> Option<Self> {
        let mut lines = lines.lines();
        let (about, is_for) = (lines.next()?, lines.next()?);
        let (from, to) = (
            lines.next().unwrap_or_default(),
            lines.next().unwrap_or_default(),
        );
        let mut others = lines.peekable();
        let session = others.peek().and_then(|line| line.strip_prefix(SESSION));
        if session.is_some() {
            others.next();
        }
        Some(Self {
            about,
            is_for,
            from,
            to,
            session,
            hosts: others.collect(),
        })
    }
}

/// The beginning of the line of a session. No URI has a space.
const SESSION: &str = "session ";

/// URIs, one per line, for [`Way::parse`].
pub(crate) fn way(
    cpim: &Cpim<'_>,
    message: &MessageIn<'_>,
    sender: &Sender<'_>,
    policy: &Policy,
) -> Option<Text<254>> {
    // The Request-URI before and after the script has resolved the recipient.
    let recipients = [message.request_uri, message.original_uri];
    // The script has accepted the sender with this From.
    let from = message
        .from
        .and_then(|from| asserted(from).next())
        .unwrap_or_default();
    let about = name_of(cpim.to.first(), &recipients).unwrap_or(message.request_uri);
    let senders = [sender.address, from];
    let is_for = cpim
        .from
        .as_ref()
        .filter(|named| is_sender(named, sender))
        .map(|named| &*named.uri)
        .or_else(|| name_of(cpim.from.as_ref(), &senders))
        .unwrap_or(sender.address);
    let of_request = |name, identity| match name {
        name if name == identity || !is_name(name) => "",
        name => name,
    };
    let request = [
        of_request(message.original_uri, message.request_uri),
        of_request(from, sender.address),
    ];
    let mut hosts = Vec::new();
    let route = &cpim.imdn.record_route;
    // All hosts are checked: the first one forwards the notification to the others.
    if message.from_trusted && route.iter().all(|host| policy.is_route_host(&host.uri)) {
        hosts.extend(route.iter().map(|host| &*host.uri));
    }
    let session = message.session.map(|session| [SESSION, session].concat());
    // No URI has a line break. If there is no room for all URIs, those of the body are stored.
    let lines = |request: [&str; 2], session: Option<&str>| {
        let mut lines = vec![about, is_for];
        lines.extend(
            request
                .into_iter()
                .chain(session)
                .chain(hosts.iter().copied()),
        );
        Text::new(&lines.join("\n"))
    };
    let without_session = || lines(request, None).or_else(|| lines([""; 2], None));
    lines(request, session.as_deref()).or_else(without_session)
}

/// Whether this URI can be used in From and To: it names a person.
fn is_name(uri: &str) -> bool {
    Uri::parse(uri).is_some_and(|parsed| identity_of(&parsed).is_some() && !parsed.is_anonymous())
}

/// The URI in the body, if it is one of the known URIs, or anonymous.
fn name_of<'a>(named: Option<&'a CpimAddress<'_>>, known: &[&str]) -> Option<&'a str> {
    let uri = &*named?.uri;
    let parsed = sip_form(uri);
    let name = Uri::parse(&parsed)?;
    let identity = identity_of(&name)?;
    let is_one = |known: &&str| {
        let known = Uri::parse(known).and_then(|uri| identity_of(&uri));
        known == Some(identity)
    };
    (name.is_anonymous() || known.iter().any(is_one)).then_some(uri)
}

fn is_sender(named: &CpimAddress<'_>, sender: &Sender<'_>) -> bool {
    let uri = sip_form(&named.uri);
    Uri::parse(&uri).and_then(|uri| identity_of(&uri)) == Some(sender.identity)
}

/// An `im:` URI names the same person as the `sip:` URI (RFC 3428 §5).
fn sip_form(uri: &str) -> String {
    match uri.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("im") => ["sip:", rest].concat(),
        _ => uri.to_owned(),
    }
}

impl Policy {
    /// Whether this host may be on the route of notifications.
    fn is_route_host(&self, uri: &str) -> bool {
        let hosts = &self.imdn_route_hosts;
        place(uri).is_some_and(|place| {
            let is_same = |host: &String| host.eq_ignore_ascii_case(place.host);
            hosts.iter().any(is_same)
        })
    }
}
