//! `application/reginfo+xml` (RFC 3680 §5): registered users and their contacts.

use std::borrow::Cow;

use super::xml::{Element, Reader};
use crate::base::{DecodeError, Fault};

/// Media type of the body.
pub const REGINFO_TYPE: &str = "application/reginfo+xml";

const REGINFO: &str = "urn:ietf:params:xml:ns:reginfo";

/// The document of a NOTIFY for the `reg` event package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegInfo<'a> {
    /// Whether it lists everything (`full`), or only changes since the previous document (`partial`).
    pub is_full: bool,
    /// One for each address of record.
    pub registrations: Vec<Registration<'a>>,
}

/// An address of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration<'a> {
    /// Its URI, unchanged.
    pub aor: Cow<'a, str>,
    /// Whether it has contacts (`active`). It has none before the first one (`init`) and after the last one
    /// (`terminated`).
    pub is_active: bool,
    /// Its contacts, with those that have just ended.
    pub contacts: Vec<RegInfoContact<'a>>,
}

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegInfoContact<'a> {
    /// Its URI, as it stands there.
    pub uri: Cow<'a, str>,
    /// Whether it is registered; otherwise it has just ended.
    pub is_active: bool,
    /// Parameters of its Contact for which RFC 3680 has no element, such as feature tags: names, and values without
    /// quotes.
    pub parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> RegInfo<'a> {
    /// Reads a document. Unknown elements are ignored (RFC 3680 §5.1).
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(REGINFO_TYPE, octets)?;
        let root = reader.child()?.filter(|root| root.is(REGINFO, "reginfo"));
        let state = root.as_ref().and_then(|root| attribute(root, "state"));
        let is_full = match state.as_deref() {
            Some("full") => true,
            Some("partial") => false,
            _ => return Err(reader.error("reginfo", Fault::Reserved)),
        };
        let mut registrations = Vec::new();
        while let Some(element) = reader.child()? {
            if element.is(REGINFO, "registration") {
                registrations.push(registration(&mut reader, &element)?);
            } else {
                reader.skip()?;
            }
        }
        Ok(Self {
            is_full,
            registrations,
        })
    }
}

fn registration<'a>(
    reader: &mut Reader<'a>,
    element: &Element<'a>,
) -> Result<Registration<'a>, DecodeError> {
    const ELEMENT: &str = "reginfo/registration";
    let aor = attribute(element, "aor").ok_or_else(|| reader.error(ELEMENT, Fault::TooShort))?;
    let is_active = match attribute(element, "state").as_deref() {
        Some("active") => true,
        Some("init" | "terminated") => false,
        _ => return Err(reader.error(ELEMENT, Fault::Reserved)),
    };
    let mut contacts = Vec::new();
    while let Some(element) = reader.child()? {
        if element.is(REGINFO, "contact") {
            contacts.push(contact(reader, &element)?);
        } else {
            reader.skip()?;
        }
    }
    Ok(Registration {
        aor,
        is_active,
        contacts,
    })
}

fn contact<'a>(
    reader: &mut Reader<'a>,
    element: &Element<'a>,
) -> Result<RegInfoContact<'a>, DecodeError> {
    const ELEMENT: &str = "reginfo/registration/contact";
    const PARAMETER: &str = "reginfo/registration/contact/unknown-param";
    let start = reader.error(ELEMENT, Fault::TooShort);
    let is_active = match attribute(element, "state").as_deref() {
        Some("active") => true,
        Some("terminated") => false,
        _ => return Err(reader.error(ELEMENT, Fault::Reserved)),
    };
    let mut uri = Cow::Borrowed("");
    let mut parameters = Vec::new();
    while let Some(element) = reader.child()? {
        if element.is(REGINFO, "uri") {
            uri = reader.text()?;
        } else if element.is(REGINFO, "unknown-param") {
            let name = attribute(&element, "name")
                .ok_or_else(|| reader.error(PARAMETER, Fault::TooShort))?;
            parameters.push((name, unquoted(reader.text()?)));
        } else {
            reader.skip()?;
        }
    }
    if uri.is_empty() {
        return Err(start);
    }
    Ok(RegInfoContact {
        uri,
        is_active,
        parameters,
    })
}

fn attribute<'a>(element: &Element<'a>, name: &str) -> Option<Cow<'a, str>> {
    element.attribute(REGINFO, name)
}

/// Some registrars copy the quotes of the Contact, others do not.
fn unquoted(value: Cow<'_, str>) -> Cow<'_, str> {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) => Cow::Owned(inner.to_owned()),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A phone, and a client that has just gone, in the form of RFC 3680 §5.5.
    const DOCUMENT: &str = r#"<?xml version="1.0"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo"
     xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" version="1" state="partial">
  <registration aor="sip:+15550001@ims.example" id="a7" state="active">
    <contact id="76" state="active" event="registered" duration-registered="7322" q="0.8">
      <uri>sip:phone@10.1.2.3:5060;transport=tcp</uri>
      <display-name>Phone</display-name>
      <unknown-param name="+g.3gpp.smsip"/>
      <unknown-param name="+g.3gpp.icsi-ref">"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"</unknown-param>
      <gr:pub-gruu uri="sip:+15550001@ims.example;gr=x"/>
    </contact>
    <contact id="77" state="terminated" event="expired">
      <uri>sip:client@10.1.2.4</uri>
      <unknown-param name="+g.oma.sip-im"></unknown-param>
    </contact>
  </registration>
  <registration aor="tel:+15550001" id="a8" state="init"/>
</reginfo>"#;

    #[test]
    fn registrations_and_their_contacts() {
        let read = RegInfo::decode(DOCUMENT.as_bytes()).unwrap();
        let parameters = |of: &[(&'static str, &'static str)]| -> Vec<_> {
            of.iter()
                .map(|&(name, value)| (name.into(), value.into()))
                .collect()
        };
        let phone = RegInfoContact {
            uri: "sip:phone@10.1.2.3:5060;transport=tcp".into(),
            is_active: true,
            parameters: parameters(&[
                ("+g.3gpp.smsip", ""),
                (
                    "+g.3gpp.icsi-ref",
                    "urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel",
                ),
            ]),
        };
        let client = RegInfoContact {
            uri: "sip:client@10.1.2.4".into(),
            is_active: false,
            parameters: parameters(&[("+g.oma.sip-im", "")]),
        };
        let expected = RegInfo {
            is_full: false,
            registrations: vec![
                Registration {
                    aor: "sip:+15550001@ims.example".into(),
                    is_active: true,
                    contacts: vec![phone, client],
                },
                Registration {
                    aor: "tel:+15550001".into(),
                    is_active: false,
                    contacts: vec![],
                },
            ],
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn incomplete_documents_are_refused() {
        let fault = |document: &str| {
            let read = RegInfo::decode(document.as_bytes());
            read.map(|read| read.registrations.len())
                .map_err(|error| error.fault)
        };
        let with = |inner: &str| {
            let registration = format!("<registration aor='a:b' state='active'>{inner}");
            fault(&format!(
                "<reginfo state='full'>{registration}</registration></reginfo>"
            ))
        };
        assert_eq!(fault("<reginfo state='full'><other/></reginfo>"), Ok(0));
        assert_eq!(fault("<reginfo/>"), Err(Fault::Reserved));
        assert_eq!(fault("<reginfo state='x'/>"), Err(Fault::Reserved));
        assert_eq!(fault("<other state='full'/>"), Err(Fault::Reserved));
        assert_eq!(with("<other><contact/></other>"), Ok(1));
        assert_eq!(with("<contact/>"), Err(Fault::Reserved));
        assert_eq!(with("<contact state='active'/>"), Err(Fault::TooShort));
        let nameless = "<contact state='active'><unknown-param/></contact>";
        assert_eq!(with(nameless), Err(Fault::TooShort));
        for registration in ["state='active'", "aor='a:b'", "aor='a:b' state='gone'"] {
            let document =
                format!("<reginfo state='full'><registration {registration}/></reginfo>");
            assert!(fault(&document).is_err(), "{registration}");
        }
        for end in 0..DOCUMENT.len() {
            assert!(fault(&DOCUMENT[..end]).is_err(), "{end}");
        }
    }
}
