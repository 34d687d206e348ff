//! Instant Message Disposition Notification (RFC 5438): how one is asked for, and what it says.

use std::borrow::Cow;

use super::cpim::{Cpim, CpimAddress, CpimContent, push_line};
use super::error::{DecodeError, EncodeError, Fault};
use super::xml::{Reader, push_text};

/// Namespace of the header fields of RFC 5438 clause 10 in a `message/cpim`.
pub const IMDN_HEADERS: &str = "urn:ietf:params:imdn";

/// Media type of a notification (RFC 5438 §11.1.8).
pub const IMDN_TYPE: &str = "message/imdn+xml";

/// Namespace of a notification's elements (RFC 5438 §11.1).
const IMDN: &str = "urn:ietf:params:xml:ns:imdn";

/// Most hosts on the way of a notification.
const MAX_ROUTE: usize = 16;

/// The header fields of RFC 5438 in a `message/cpim`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImdnHeaders<'a> {
    /// Message-ID (RFC 5438 §6.3): what a notification names the message by.
    pub message_id: Option<Cow<'a, str>>,
    /// Disposition-Notification (RFC 5438 §6.2): what the sender wants to hear of.
    pub wanted: Wanted,
    /// Original-To (RFC 5438 §6.4): whom the message was for before somebody changed it.
    pub original_to: Option<CpimAddress<'a>>,
    /// IMDN-Record-Route (RFC 5438 §6.5): the way that a notification is to take, the first host first.
    pub record_route: Vec<CpimAddress<'a>>,
    /// IMDN-Route (RFC 5438 §6.6): the way that this notification is still to take.
    pub route: Vec<CpimAddress<'a>>,
}

/// The notifications that a sender asks for (RFC 5438 §7.1.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `positive-delivery`
    pub positive_delivery: bool,
    /// `negative-delivery`
    pub negative_delivery: bool,
    /// `processing`
    pub processing: bool,
    /// `display`
    pub display: bool,
}

/// What became of a message: a disposition type and a status that it can have (RFC 5438 §11.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// `<delivery-notification>`
    Delivery(DeliveryStatus),
    /// `<processing-notification>`: only from those in between, never from a recipient.
    Processing(ProcessingStatus),
    /// `<display-notification>`
    Display(DisplayStatus),
}

/// Status of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// The recipient's device has it.
    Delivered,
    /// It has not, and will not.
    Failed,
    /// It was refused.
    Forbidden,
    /// Something went wrong where it was reported.
    Error,
}

/// Status on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessingStatus {
    /// It was passed on.
    Processed,
    /// It was kept for later.
    Stored,
    /// It was refused.
    Forbidden,
    /// Something went wrong, or nobody knows.
    Error,
}

/// Status of the display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisplayStatus {
    /// It was shown.
    Displayed,
    /// The recipient does not tell.
    Forbidden,
    /// Nobody knows.
    Error,
}

/// A notification: the body `message/imdn+xml` (RFC 5438 §11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imdn<'a> {
    /// Message-ID of the message that it is about.
    pub message_id: Cow<'a, str>,
    /// DateTime of that message. Mandatory, and left out by many.
    pub date_time: Option<Cow<'a, str>>,
    /// Who got that message, or did not.
    pub recipient_uri: Option<Cow<'a, str>>,
    /// Whom the sender wrote to, where somebody in between changed that.
    pub original_recipient_uri: Option<Cow<'a, str>>,
    /// Subject of that message.
    pub subject: Option<Cow<'a, str>>,
    /// What became of it.
    pub disposition: Disposition,
}

/// A notification on its way: an [`Imdn`] in a `message/cpim` (RFC 5438 §7.2.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImdnMessage<'a> {
    /// The recipient of the message that it is about.
    pub from: CpimAddress<'a>,
    /// The sender of that message.
    pub to: CpimAddress<'a>,
    /// A Message-ID of its own, with 64 random bits or more (RFC 5438 §6.3).
    pub message_id: Cow<'a, str>,
    /// IMDN-Record-Route of that message. Where there is any, the notification goes to the first host
    /// and not to `to`.
    pub route: Vec<CpimAddress<'a>>,
    /// What it says.
    pub imdn: Imdn<'a>,
}

impl<'a> ImdnHeaders<'a> {
    /// The fields' names.
    pub(super) const NAMES: [&'static str; 5] = [
        "Message-ID",
        "Disposition-Notification",
        "Original-To",
        "IMDN-Record-Route",
        "IMDN-Route",
    ];

    /// Takes in the field `name` of this namespace; one that is not known says nothing.
    pub(super) fn field(
        &mut self,
        name: &str,
        value: &'a str,
    ) -> Result<(), (&'static str, Fault)> {
        let address = |element| CpimAddress::parse(value).ok_or((element, Fault::Malformed));
        let once = |element, repeated| match repeated {
            true => Err((element, Fault::Inconsistent)),
            false => Ok(()),
        };
        match name {
            "Message-ID" if value.is_empty() => Err(("Message-ID", Fault::Malformed)),
            "Message-ID" => {
                let before = self.message_id.replace(Cow::Borrowed(value));
                once("Message-ID", before.is_some())
            }
            "Disposition-Notification" => {
                self.wanted = self.wanted.and(Wanted::parse(value));
                Ok(())
            }
            "Original-To" => {
                let before = self.original_to.replace(address("Original-To")?);
                once("Original-To", before.is_some())
            }
            "IMDN-Record-Route" => {
                let host = address("IMDN-Record-Route")?;
                append(&mut self.record_route, host).ok_or(("IMDN-Record-Route", Fault::TooLong))
            }
            "IMDN-Route" => {
                let host = address("IMDN-Route")?;
                append(&mut self.route, host).ok_or(("IMDN-Route", Fault::TooLong))
            }
            _ => Ok(()),
        }
    }

    /// Appends the fields with the prefix `imdn`.
    pub(super) fn push(&self, out: &mut String) -> Result<(), EncodeError> {
        if let Some(message_id) = &self.message_id {
            push_line(out, "imdn.Message-ID", message_id)?;
        }
        if self.wanted != Wanted::default() {
            let wanted: Vec<&str> = self.wanted.values().collect();
            push_line(out, "imdn.Disposition-Notification", &wanted.join(", "))?;
        }
        if let Some(original_to) = &self.original_to {
            original_to.push_line(out, "imdn.Original-To")?;
        }
        for host in &self.record_route {
            host.push_line(out, "imdn.IMDN-Record-Route")?;
        }
        for host in &self.route {
            host.push_line(out, "imdn.IMDN-Route")?;
        }
        Ok(())
    }
}

/// Appends `host` if the way is not too long with it.
fn append<'a>(route: &mut Vec<CpimAddress<'a>>, host: CpimAddress<'a>) -> Option<()> {
    (route.len() < MAX_ROUTE).then(|| route.push(host))
}

impl Wanted {
    /// Reads the values of Disposition-Notification. Parameters and values that nobody knows are
    /// ignored (RFC 5438 §7.2.1).
    pub fn parse(value: &str) -> Self {
        let mut wanted = Self::default();
        for value in value.split(',') {
            match value.split(';').next().unwrap_or_default().trim() {
                "positive-delivery" => wanted.positive_delivery = true,
                "negative-delivery" => wanted.negative_delivery = true,
                "processing" => wanted.processing = true,
                "display" => wanted.display = true,
                _ => {}
            }
        }
        wanted
    }

    /// Whether the sender wants to hear of this.
    pub const fn wants(self, disposition: Disposition) -> bool {
        match disposition {
            Disposition::Delivery(DeliveryStatus::Delivered) => self.positive_delivery,
            Disposition::Delivery(_) => self.negative_delivery,
            Disposition::Processing(_) => self.processing,
            Disposition::Display(_) => self.display,
        }
    }

    /// What either asks for.
    const fn and(self, other: Self) -> Self {
        Self {
            positive_delivery: self.positive_delivery || other.positive_delivery,
            negative_delivery: self.negative_delivery || other.negative_delivery,
            processing: self.processing || other.processing,
            display: self.display || other.display,
        }
    }

    fn values(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.positive_delivery, "positive-delivery"),
            (self.negative_delivery, "negative-delivery"),
            (self.processing, "processing"),
            (self.display, "display"),
        ];
        all.into_iter()
            .filter_map(|(wanted, value)| wanted.then_some(value))
    }
}

impl Disposition {
    /// Every one there is: the schema's own rules of which status goes with which type.
    const ALL: [Self; 11] = [
        Self::Delivery(DeliveryStatus::Delivered),
        Self::Delivery(DeliveryStatus::Failed),
        Self::Delivery(DeliveryStatus::Forbidden),
        Self::Delivery(DeliveryStatus::Error),
        Self::Processing(ProcessingStatus::Processed),
        Self::Processing(ProcessingStatus::Stored),
        Self::Processing(ProcessingStatus::Forbidden),
        Self::Processing(ProcessingStatus::Error),
        Self::Display(DisplayStatus::Displayed),
        Self::Display(DisplayStatus::Forbidden),
        Self::Display(DisplayStatus::Error),
    ];

    /// The names of the element of the type and of the one in its `<status>`.
    const fn elements(self) -> (&'static str, &'static str) {
        match self {
            Self::Delivery(status) => (
                "delivery-notification",
                match status {
                    DeliveryStatus::Delivered => "delivered",
                    DeliveryStatus::Failed => "failed",
                    DeliveryStatus::Forbidden => "forbidden",
                    DeliveryStatus::Error => "error",
                },
            ),
            Self::Processing(status) => (
                "processing-notification",
                match status {
                    ProcessingStatus::Processed => "processed",
                    ProcessingStatus::Stored => "stored",
                    ProcessingStatus::Forbidden => "forbidden",
                    ProcessingStatus::Error => "error",
                },
            ),
            Self::Display(status) => (
                "display-notification",
                match status {
                    DisplayStatus::Displayed => "displayed",
                    DisplayStatus::Forbidden => "forbidden",
                    DisplayStatus::Error => "error",
                },
            ),
        }
    }

    /// Reads the open element `<...-notification>` to its end: the first status that its type can have.
    fn decode(reader: &mut Reader<'_>, notification: &str) -> Result<Option<Self>, DecodeError> {
        let mut found = None;
        while let Some(element) = reader.child()? {
            if !element.is(IMDN, "status") {
                reader.skip()?;
                continue;
            }
            while let Some(status) = reader.child()? {
                found = found.or_else(|| {
                    Self::ALL.into_iter().find(|disposition| {
                        let (expected, name) = disposition.elements();
                        expected == notification && status.is(IMDN, name)
                    })
                });
                reader.skip()?;
            }
        }
        Ok(found)
    }
}

impl<'a> Imdn<'a> {
    /// Reads the document `<imdn>`. Elements of other namespaces are passed over (RFC 5438 §11.1).
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(IMDN_TYPE, octets)?;
        if !reader.child()?.is_some_and(|root| root.is(IMDN, "imdn")) {
            return Err(reader.error(Fault::Reserved));
        }
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
                    let error = reader.error(Fault::Reserved);
                    let found = Disposition::decode(&mut reader, name)?.ok_or(error)?;
                    if disposition.replace(found).is_some() {
                        return Err(reader.error(Fault::Inconsistent));
                    }
                    continue;
                }
                _ => None,
            };
            let Some(place) = place else {
                reader.skip()?;
                continue;
            };
            if place.replace(reader.text()?).is_some() {
                return Err(reader.error(Fault::Inconsistent));
            }
        }
        let missing = reader.error(Fault::TooShort);
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

impl ImdnMessage<'_> {
    /// Appends the `message/cpim` to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut octets = Vec::with_capacity(512);
        self.imdn.encode(&mut octets)?;
        let message = Cpim {
            from: Some(self.from.clone()),
            to: vec![self.to.clone()],
            // Nothing is wanted: there is no notification of a notification (RFC 5438 §7.2.1).
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
    fn what_is_missing_or_there_twice_is_told() {
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

    #[test]
    fn what_a_sender_asks_for() {
        let text = "From: Alice <im:alice@example.com>\r\n\
            NS: x <urn:ietf:params:imdn>\r\n\
            x.Message-ID: 34jk324j\r\n\
            imdn.Message-ID: of nobody\r\n\
            x.Disposition-Notification: positive-delivery ; a=b,negative-delivery, interworking\r\n\
            x.Original-To: Bob <im:bob@example.com>\r\n\
            x.IMDN-Record-Route: <sip:gw.example.com>\r\n\
            \r\n\
            Content-type: text/plain\r\n\
            \r\n\
            Hello World";
        let imdn = Cpim::decode(text.as_bytes()).unwrap().imdn;
        assert_eq!(imdn.message_id.as_deref(), Some("34jk324j"));
        assert_eq!(imdn.original_to.unwrap().name, "Bob");
        assert_eq!(imdn.record_route.len(), 1);
        let delivery = Disposition::Delivery;
        assert!(imdn.wanted.wants(delivery(DeliveryStatus::Delivered)));
        assert!(imdn.wanted.wants(delivery(DeliveryStatus::Forbidden)));
        assert!(
            !imdn
                .wanted
                .wants(Disposition::Display(DisplayStatus::Displayed))
        );
        assert!(
            !imdn
                .wanted
                .wants(Disposition::Processing(ProcessingStatus::Stored))
        );
        assert_eq!(Wanted::parse(""), Wanted::default());
    }

    #[test]
    fn fields_that_contradict_each_other_are_refused() {
        let fault = |fields: &str| {
            let text = format!("NS: imdn <urn:ietf:params:imdn>\n{fields}\n\n\nHi");
            let error = Cpim::decode(text.as_bytes()).unwrap_err();
            (error.element, error.fault)
        };
        for (fields, element, expected) in [
            (
                "imdn.Message-ID: 1\nimdn.Message-ID: 2",
                "Message-ID",
                Fault::Inconsistent,
            ),
            ("imdn.Message-ID:", "Message-ID", Fault::Malformed),
            (
                "imdn.IMDN-Record-Route: here",
                "IMDN-Record-Route",
                Fault::Malformed,
            ),
            (
                "imdn.Original-To: <a:b>\nimdn.Original-To: <a:b>",
                "Original-To",
                Fault::Inconsistent,
            ),
        ] {
            assert_eq!(fault(fields), (element, expected), "{fields}");
        }
        let long = "imdn.IMDN-Route: <a:b>\n".repeat(MAX_ROUTE + 1);
        assert_eq!(fault(&long), ("IMDN-Route", Fault::TooLong));
    }
}
