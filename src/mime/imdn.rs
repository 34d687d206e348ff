//! A disposition notification: its XML document (RFC 5438 §11), and the `message/cpim` that carries it.

use std::borrow::Cow;

use super::disposition::Disposition;
use crate::base::{DecodeError, EncodeError, Fault};
use crate::mime::cpim::{Cpim, CpimAddress, CpimContent, ImdnHeaders};
use crate::mime::xml::{Reader, push_text};

/// Media type of a notification (RFC 5438 §11.1.8).
pub const IMDN_TYPE: &str = "message/imdn+xml";

/// Namespace of a notification's elements (RFC 5438 §11.1).
const IMDN: &str = "urn:ietf:params:xml:ns:imdn";

/// The XML document of a notification, `message/imdn+xml` (RFC 5438 §11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imdn<'a> {
    /// Message-ID of the original message.
    pub message_id: Cow<'a, str>,
    /// DateTime of the original message. RFC 5438 requires it, but many clients omit it.
    pub date_time: Option<Cow<'a, str>>,
    /// The recipient that the status is about.
    pub recipient_uri: Option<Cow<'a, str>>,
    /// The recipient that the sender wrote to, if an intermediary changed it.
    pub original_recipient_uri: Option<Cow<'a, str>>,
    /// Subject of the original message.
    pub subject: Option<Cow<'a, str>>,
    /// The disposition type and status.
    pub disposition: Disposition,
}

/// A notification as it is sent: an [`Imdn`] in a `message/cpim` (RFC 5438 §7.2.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImdnMessage<'a> {
    /// The recipient of the original message.
    pub from: CpimAddress<'a>,
    /// The sender of the original message.
    pub to: CpimAddress<'a>,
    /// Message-ID of the notification itself, with at least 64 random bits (RFC 5438 §6.3).
    pub message_id: Cow<'a, str>,
    /// IMDN-Record-Route of the original message. If it is not empty, the notification is sent to its first host and
    /// not to `to`.
    pub route: Vec<CpimAddress<'a>>,
    /// The document.
    pub imdn: Imdn<'a>,
}

impl<'a> Imdn<'a> {
    /// Reads the document `<imdn>`. Elements of other namespaces are ignored (RFC 5438 §11.1).
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(IMDN_TYPE, octets)?;
        if !reader.child()?.is_some_and(|root| root.is(IMDN, "imdn")) {
            return Err(reader.error("imdn", Fault::Reserved));
        }
        let missing = reader.error("imdn", Fault::TooShort);
        let (mut message_id, mut disposition) = (None, None);
        let (mut date_time, mut subject) = (None, None);
        let (mut recipient_uri, mut original_recipient_uri) = (None, None);
        while let Some(element) = reader.child()? {
            let place = match element.name {
                name if !element.is(IMDN, name) => None,
                "message-id" => Some(&mut message_id),
                "datetime" => Some(&mut date_time),
                "recipient-uri" => Some(&mut recipient_uri),
                "original-recipient-uri" => Some(&mut original_recipient_uri),
                "subject" => Some(&mut subject),
                name if name.ends_with("-notification") => {
                    let [reserved, twice] = [Fault::Reserved, Fault::Inconsistent]
                        .map(|fault| reader.error("imdn/*-notification", fault));
                    let found = decode_disposition(&mut reader, name)?.ok_or(reserved)?;
                    if disposition.replace(found).is_some() {
                        return Err(twice);
                    }
                    continue;
                }
                _ => None,
            };
            let Some(place) = place else {
                reader.skip()?;
                continue;
            };
            let twice = reader.error("imdn", Fault::Inconsistent);
            if place.replace(reader.text()?).is_some() {
                return Err(twice);
            }
        }
        Ok(Self {
            message_id: message_id.filter(|id| !id.is_empty()).ok_or(missing)?,
            date_time,
            recipient_uri,
            original_recipient_uri,
            subject,
            disposition: disposition.ok_or(missing)?,
        })
    }

    /// Appends the document to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut text = String::with_capacity(512);
        text.push_str(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
        text.push_str("\r\n<imdn xmlns=\"");
        text.push_str(IMDN);
        text.push_str("\">");
        for (name, value) in [
            ("message-id", Some(&self.message_id)),
            ("datetime", self.date_time.as_ref()),
            ("recipient-uri", self.recipient_uri.as_ref()),
            (
                "original-recipient-uri",
                self.original_recipient_uri.as_ref(),
            ),
            ("subject", self.subject.as_ref()),
        ] {
            if let Some(value) = value {
                text.extend(["<", name, ">"]);
                push_text(&mut text, name, value)?;
                text.extend(["</", name, ">"]);
            }
        }
        let (notification, status) = self.disposition.elements();
        text.extend([
            "<",
            notification,
            "><status><",
            status,
            "/></status></",
            notification,
        ]);
        text.push_str("></imdn>\r\n");
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Reads the open element `<...-notification>` to its end; returns the first status that is valid for its type.
fn decode_disposition(
    reader: &mut Reader<'_>,
    notification: &str,
) -> Result<Option<Disposition>, DecodeError> {
    let mut found = None;
    while let Some(element) = reader.child()? {
        if !element.is(IMDN, "status") {
            reader.skip()?;
            continue;
        }
        while let Some(status) = reader.child()? {
            found = found.or_else(|| {
                Disposition::ALL.into_iter().find(|disposition| {
                    let (expected, name) = disposition.elements();
                    expected == notification && status.is(IMDN, name)
                })
            });
            reader.skip()?;
        }
    }
    Ok(found)
}

impl ImdnMessage<'_> {
    /// Appends the `message/cpim` to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut octets = Vec::with_capacity(512);
        self.imdn.encode(&mut octets)?;
        let message = Cpim {
            from: Some(self.from.clone()),
            to: vec![self.to.clone()],
            // It asks for no notifications: a notification must not cause another one (RFC 5438 §7.2.1).
            imdn: ImdnHeaders {
                message_id: Some(self.message_id.clone()),
                route: self.route.clone(),
                ..ImdnHeaders::default()
            },
            content: CpimContent {
                content_type: Some(IMDN_TYPE.into()),
                disposition: Some("notification".into()),
                octets: octets.into(),
                ..CpimContent::default()
            },
            ..Cpim::default()
        };
        message.encode(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::{DeliveryStatus, DisplayStatus, Wanted};

    /// RFC 5438 §7.2.1.1, with a subject and an extension.
    const DELIVERED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<imdn xmlns="urn:ietf:params:xml:ns:imdn" xmlns:x="urn:example:x">
      <message-id>34jk324j</message-id>
      <datetime>2008-04-04T12:16:49-05:00</datetime>
      <recipient-uri>im:bob@example.com</recipient-uri>
      <original-recipient-uri
        >im:bob@example.com</original-recipient-uri>
      <subject>a &lt; b</subject>
      <x:message-id>another</x:message-id>
      <delivery-notification>
         <status>
            <x:failed/>
            <delivered/>
         </status>
      </delivery-notification>
</imdn>"#;

    fn delivered() -> Imdn<'static> {
        Imdn {
            message_id: "34jk324j".into(),
            date_time: Some("2008-04-04T12:16:49-05:00".into()),
            recipient_uri: Some("im:bob@example.com".into()),
            original_recipient_uri: Some("im:bob@example.com".into()),
            subject: Some("a < b".into()),
            disposition: Disposition::Delivery(DeliveryStatus::Delivered),
        }
    }

    #[test]
    fn a_notification_is_read() {
        assert_eq!(Imdn::decode(DELIVERED.as_bytes()), Ok(delivered()));
        let bare = "<i:imdn xmlns:i='urn:ietf:params:xml:ns:imdn'><i:message-id>1</i:message-id>\
                    <i:display-notification><i:status><i:error/></i:status>\
                    </i:display-notification></i:imdn>";
        let found = Imdn::decode(bare.as_bytes()).unwrap();
        assert_eq!(found.message_id, "1");
        assert_eq!(
            found.disposition,
            Disposition::Display(DisplayStatus::Error)
        );
        assert_eq!(found.date_time, None);
    }

    #[test]
    fn a_notification_is_written() {
        let address = |uri: &'static str| CpimAddress {
            name: "".into(),
            uri: uri.into(),
        };
        let message = ImdnMessage {
            from: address("im:bob@example.com"),
            to: address("im:alice@example.com"),
            message_id: "d834jied93rf".into(),
            route: vec![
                address("sip:first.example.com"),
                address("sip:second.example.com"),
            ],
            imdn: delivered(),
        };
        let mut out = Vec::new();
        message.encode(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out.clone()).unwrap(),
            "From: <im:bob@example.com>\r\n\
             To: <im:alice@example.com>\r\n\
             NS: imdn <urn:ietf:params:imdn>\r\n\
             imdn.Message-ID: d834jied93rf\r\n\
             imdn.IMDN-Route: <sip:first.example.com>\r\n\
             imdn.IMDN-Route: <sip:second.example.com>\r\n\
             \r\n\
             Content-Type: message/imdn+xml\r\n\
             Content-Disposition: notification\r\n\
             \r\n\
             <?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
             <imdn xmlns=\"urn:ietf:params:xml:ns:imdn\">\
             <message-id>34jk324j</message-id>\
             <datetime>2008-04-04T12:16:49-05:00</datetime>\
             <recipient-uri>im:bob@example.com</recipient-uri>\
             <original-recipient-uri>im:bob@example.com</original-recipient-uri>\
             <subject>a &lt; b</subject>\
             <delivery-notification><status><delivered/></status></delivery-notification>\
             </imdn>\r\n"
        );
        let back = Cpim::decode(&out).unwrap();
        assert!(back.content.is(IMDN_TYPE));
        assert_eq!(back.content.disposition.as_deref(), Some("notification"));
        assert_eq!(back.imdn.route, message.route);
        assert_eq!(back.imdn.wanted, Wanted::default());
        assert_eq!(Imdn::decode(&back.content.octets), Ok(delivered()));
    }

    #[test]
    fn each_status_belongs_to_its_type() {
        for (at, disposition) in Disposition::ALL.into_iter().enumerate() {
            assert!(!Disposition::ALL[..at].contains(&disposition));
            let imdn = Imdn {
                disposition,
                ..delivered()
            };
            let mut out = Vec::new();
            imdn.encode(&mut out).unwrap();
            assert_eq!(Imdn::decode(&out), Ok(imdn));
        }
        for (notification, status) in [
            ("delivery", "displayed"),
            ("delivery", "stored"),
            ("processing", "delivered"),
            ("processing", "failed"),
            ("display", "delivered"),
            ("display", "read"),
            ("reading", "delivered"),
        ] {
            let text = format!(
                "<imdn><message-id>1</message-id><{notification}-notification><status><{status}/>\
                 </status></{notification}-notification></imdn>"
            );
            let fault = Imdn::decode(text.as_bytes()).map_err(|error| error.fault);
            assert_eq!(fault, Err(Fault::Reserved), "{text}");
        }
    }

    #[test]
    fn missing_and_repeated_elements_are_errors() {
        let of = |inner: &str| {
            let text = format!("<imdn>{inner}</imdn>");
            Imdn::decode(text.as_bytes())
                .map(|_| ())
                .map_err(|error| error.fault)
        };
        let (id, done) = (
            "<message-id>1</message-id>",
            "<delivery-notification><status><failed/></status></delivery-notification>",
        );
        assert_eq!(of(&[id, done].concat()), Ok(()));
        assert_eq!(of(id), Err(Fault::TooShort));
        assert_eq!(of(done), Err(Fault::TooShort));
        assert_eq!(
            of(&["<message-id> </message-id>", done].concat()),
            Err(Fault::TooShort)
        );
        assert_eq!(of(&[id, id, done].concat()), Err(Fault::Inconsistent));
        assert_eq!(of(&[id, done, done].concat()), Err(Fault::Inconsistent));
        let other = Imdn::decode(b"<isComposing/>").map_err(|error| error.fault);
        assert_eq!(other, Err(Fault::Reserved));
        for end in 0..DELIVERED.len() {
            assert!(Imdn::decode(&DELIVERED.as_bytes()[..end]).is_err(), "{end}");
        }
    }
}
