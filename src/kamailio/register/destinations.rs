//! The destinations that the contacts of a REGISTER name.

use crate::sip::one_spelling;

use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::parsed_uri::ParsedUri;
use crate::kamailio::sys::request::Method;

/// `$ipsmgw(contacts)`: `sip:HOST:PORT` of each contact of a REGISTER, and of its `maddr`, separated by commas. None without a
/// contact. Kamailio's own parsers read them, so the result is where Kamailio would send. The registrar would use the parameter
/// `received` of a contact as its address: such a contact is shown as `sip:0.0.0.0:0`, which reaches nobody.
pub(crate) fn of_contacts(msg: SipMsg<'_>) -> Option<String> {
    let register = msg.request().filter(|msg| msg.is(Method::Register))?;
    if !register.parse_headers() {
        return None;
    }
    let mut all = String::new();
    let mut add = |host: &str, port: u16| {
        let separator = if all.is_empty() { "" } else { "," };
        let host = one_spelling(host);
        // An invalid host reaches nobody.
        let host = if host == "?" { "0.0.0.0" } else { &host };
        all.extend([separator, "sip:", host, ":", &port.to_string()]);
    };
    for contact in register.contacts() {
        let says_where = contact.parameter("received").is_some();
        // `save()` refuses a contact that cannot be parsed, too.
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
