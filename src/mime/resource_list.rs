//! `application/resource-lists+xml` (RFC 4826 §3): the recipients of a MESSAGE to several (RFC 5365), and which
//! recipients the others may see (RFC 5364).

use std::borrow::Cow;

use super::xml::Reader;
use crate::base::{DecodeError, Fault};

/// Media type of a list.
pub const RESOURCE_LISTS_TYPE: &str = "application/resource-lists+xml";

const RESOURCE_LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";
const COPY_CONTROL: &str = "urn:ietf:params:xml:ns:copycontrol";

/// Path of a recipient's element, for errors.
const ENTRY: &str = "resource-lists/list/entry";

/// One recipient of a MESSAGE to several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient<'a> {
    /// Its URI, unchanged.
    pub uri: Cow<'a, str>,
    /// Which others may see this recipient.
    pub copy_control: CopyControl,
    /// Whether the others see that there is a recipient, but not which one.
    pub anonymize: bool,
}

/// The attribute `copyControl` (RFC 5364 §4). If a recipient has several, the first one in this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CopyControl {
    /// A primary recipient.
    To,
    /// Gets a copy, visible to the others.
    Cc,
    /// Gets a copy, invisible to the others. This is also the value if the attribute is absent.
    Bcc,
}

/// Reads at most `limit` recipients. Entries that are the `same` recipient become one, with the copy control that
/// comes first in [`CopyControl`] (RFC 5364 §4). Nested lists are read. A list that would have to be fetched is an
/// error, because its recipients would get nothing.
pub fn recipients(
    octets: &[u8],
    limit: usize,
    same: impl Fn(&str, &str) -> bool,
) -> Result<Vec<Recipient<'_>>, DecodeError> {
    let mut reader = Reader::new(RESOURCE_LISTS_TYPE, octets)?;
    let root = reader.child()?;
    if !root.is_some_and(|root| root.is(RESOURCE_LISTS, "resource-lists")) {
        return Err(reader.error("resource-lists", Fault::Reserved));
    }
    let mut found: Vec<Recipient<'_>> = Vec::new();
    let mut entries = 0;
    // Number of open lists, the root included.
    let mut depth = 1;
    while depth > 0 {
        let Some(element) = reader.child()? else {
            depth -= 1;
            continue;
        };
        let is = |name: &str| element.is(RESOURCE_LISTS, name);
        if is("list") {
            depth += 1;
            continue;
        }
        if is("entry-ref") || is("external") {
            return Err(reader.error("resource-lists/list", Fault::Reserved));
        }
        if is("entry") {
            entries += 1;
            if entries > limit {
                return Err(reader.error(ENTRY, Fault::TooLong));
            }
            let uri = element
                .attribute(RESOURCE_LISTS, "uri")
                .filter(|uri| !uri.is_empty())
                .ok_or_else(|| reader.error(ENTRY, Fault::TooShort))?;
            let new = Recipient {
                uri,
                copy_control: match element.attribute(COPY_CONTROL, "copyControl").as_deref() {
                    Some("to") => CopyControl::To,
                    Some("cc") => CopyControl::Cc,
                    _ => CopyControl::Bcc,
                },
                anonymize: matches!(
                    element.attribute(COPY_CONTROL, "anonymize").as_deref(),
                    Some("true" | "1")
                ),
            };
            match found.iter_mut().find(|known| same(&known.uri, &new.uri)) {
                Some(known) => {
                    known.copy_control = known.copy_control.min(new.copy_control);
                    known.anonymize |= new.anonymize;
                }
                None => found.push(new),
            }
        }
        reader.skip()?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As RFC 5364 figure 3, with a list in the list.
    const LIST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"
          xmlns:cp="urn:ietf:params:xml:ns:copycontrol">
  <list>
    <display-name>Friends</display-name>
    <entry uri="sip:bill@example.com" cp:copyControl="to"><display-name>Bill</display-name></entry>
    <entry uri="sip:randy@example.net" cp:copyControl="to" cp:anonymize="true"/>
    <list name="more"><entry uri="sip:joe@example.org?x=1&amp;y" cp:copyControl="cc"/></list>
    <entry uri="sip:ted@example.net" cp:copyControl="bcc"/>
    <entry uri="sip:andy@example.com"/>
    <entry uri="sip:TED@example.net" cp:copyControl="cc" cp:anonymize="1"/>
  </list>
</resource-lists>"#;

    fn shown(octets: &[u8], limit: usize) -> Result<Vec<(String, CopyControl, bool)>, Fault> {
        recipients(octets, limit, str::eq_ignore_ascii_case)
            .map_err(|error| error.fault)
            .map(|all| {
                let show = |r: Recipient<'_>| (r.uri.into_owned(), r.copy_control, r.anonymize);
                all.into_iter().map(show).collect()
            })
    }

    #[test]
    fn each_recipient_once() {
        use CopyControl::{Bcc, Cc, To};
        let expected = [
            ("sip:bill@example.com", To, false),
            ("sip:randy@example.net", To, true),
            ("sip:joe@example.org?x=1&y", Cc, false),
            ("sip:ted@example.net", Cc, true),
            ("sip:andy@example.com", Bcc, false),
        ];
        let expected = expected.map(|(uri, copy, anonymize)| (uri.to_owned(), copy, anonymize));
        assert_eq!(shown(LIST.as_bytes(), 6), Ok(expected.to_vec()));
    }

    #[test]
    fn references_to_other_lists_are_refused() {
        assert_eq!(shown(LIST.as_bytes(), 5), Err(Fault::TooLong));
        let of = |inner: &str| {
            let list = format!("<resource-lists><list>{inner}</list></resource-lists>");
            shown(list.as_bytes(), 9).map(|all| all.len())
        };
        assert_eq!(of("<entry uri='a:b'/><x:entry xmlns:x='u:x'/>"), Ok(1));
        assert_eq!(of(""), Ok(0));
        assert_eq!(of("<entry/>"), Err(Fault::TooShort));
        assert_eq!(of("<entry uri=''/>"), Err(Fault::TooShort));
        assert_eq!(of("<entry-ref ref='x'/>"), Err(Fault::Reserved));
        assert_eq!(of("<external anchor='http://x'/>"), Err(Fault::Reserved));
        assert_eq!(shown(b"<list/>", 9), Err(Fault::Reserved));
        for end in 0..LIST.len() {
            assert!(shown(&LIST.as_bytes()[..end], 9).is_err(), "{end}");
        }
    }
}
