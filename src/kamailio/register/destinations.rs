//! Where requests would go that follow what somebody wrote into a Contact.

use crate::sip::one_spelling;

use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::parsed_uri::ParsedUri;
use crate::kamailio::sys::request::Method;

/// Where the contacts of a REGISTER would be reached by what they say themselves: `sip:HOST:PORT` for each of them, and
/// for its `maddr`, separated by commas; `None` where there is none. Read by Kamailio's own parsers, so that nothing is
/// understood in two ways. The registrar believes a contact that says by a parameter `received` where it was seen: such a
/// contact is at `sip:0.0.0.0:0`, where nobody is.
pub(crate) fn of_contacts(msg: SipMsg<'_>) -> Option<String> {
    let register = msg.request().filter(|msg| msg.is(Method::Register))?;
    if !register.parse_headers() {
        return None;
    }
    let mut all = String::new();
    let mut add = |host: &str, port: u16| {
        let separator = if all.is_empty() { "" } else { "," };
        let host = one_spelling(host);
        // What is no host is nobody's address.
        let host = if host == "?" { "0.0.0.0" } else { &host };
        all.extend([separator, "sip:", host, ":", &port.to_string()]);
    };
    for contact in register.contacts() {
        let says_where = contact.parameter("received").is_some();
        // What cannot be read `save()` refuses, too.
        let Some(uri) = contact
            .uri()
            .and_then(ParsedUri::of)
            .filter(|_| !says_where)
        else {
            add("", 0);
            continue;
        };
        add(uri.host(), uri.port());
        if let Some(host) = uri.maddr() {
            add(host, uri.port());
        }
    }
    (!all.is_empty()).then_some(all)
}
