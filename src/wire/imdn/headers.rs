//! The header fields of RFC 5438 clause 10 in a `message/cpim`: how a notification is asked for, and which way it
//! takes.

use std::borrow::Cow;

use super::disposition::{DeliveryStatus, Disposition};
use crate::wire::cpim::{CpimAddress, push_line};
use crate::wire::error::{EncodeError, Fault};

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

impl<'a> ImdnHeaders<'a> {
    /// The fields' names.
    pub(crate) const NAMES: [&'static str; 5] = [
        "Message-ID",
        "Disposition-Notification",
        "Original-To",
        "IMDN-Record-Route",
        "IMDN-Route",
    ];

    /// Takes in the field `name` of this namespace; one that is not known says nothing.
    pub(crate) fn field(
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
    pub(crate) fn push(&self, out: &mut String) -> Result<(), EncodeError> {
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

#[cfg(test)]
mod tests {
    use super::super::{DisplayStatus, ProcessingStatus};
    use super::*;
    use crate::wire::cpim::Cpim;

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
