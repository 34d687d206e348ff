//! The header fields of RFC 5438 clause 10 in a `message/cpim`: requests for notifications, and the route of
//! notifications.

use std::borrow::Cow;

use super::address::CpimAddress;
use super::header::push_line;
use crate::base::EncodeError;
use crate::mime::disposition::{DeliveryStatus, Disposition};

/// The largest number of hosts on the route of a notification.
const MAX_ROUTE: usize = 16;

/// The header fields of RFC 5438 in a `message/cpim`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImdnHeaders<'a> {
    /// Message-ID (RFC 5438 §6.3): notifications refer to the message by it.
    pub message_id: Option<Cow<'a, str>>,
    /// Disposition-Notification (RFC 5438 §6.2): the notifications that the sender asks for.
    pub wanted: Wanted,
    /// Original-To (RFC 5438 §6.4): the recipient before an intermediary changed it.
    pub original_to: Option<CpimAddress<'a>>,
    /// IMDN-Record-Route (RFC 5438 §6.5): the route of notifications, the first host first.
    pub record_route: Vec<CpimAddress<'a>>,
    /// IMDN-Route (RFC 5438 §6.6): the remaining route of this notification.
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
    /// Names of the header fields.
    pub(crate) const NAMES: [&'static str; 5] = [
        "Message-ID",
        "Disposition-Notification",
        "Original-To",
        "IMDN-Record-Route",
        "IMDN-Route",
    ];

    /// Reads a field of this namespace that may occur several times; an unknown field is ignored. False if a host of
    /// the route cannot be read, or the route is too long.
    pub(crate) fn field(&mut self, name: &str, value: &'a str) -> bool {
        let host = || CpimAddress::parse(value);
        match name {
            "Disposition-Notification" => {
                self.wanted = self.wanted.and(Wanted::parse(value));
                true
            }
            "IMDN-Record-Route" => append(&mut self.record_route, host()),
            "IMDN-Route" => append(&mut self.route, host()),
            _ => true,
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

/// Appends `host`; false if there is none or the route is too long.
fn append<'a>(route: &mut Vec<CpimAddress<'a>>, host: Option<CpimAddress<'a>>) -> bool {
    let host = host.filter(|_| route.len() < MAX_ROUTE);
    let taken = host.is_some();
    route.extend(host);
    taken
}

impl Wanted {
    /// Reads the values of Disposition-Notification. Unknown parameters and values are ignored (RFC 5438 §7.2.1).
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

    /// Whether the sender asks for a notification with this disposition.
    pub const fn wants(self, disposition: Disposition) -> bool {
        match disposition {
            Disposition::Delivery(DeliveryStatus::Delivered) => self.positive_delivery,
            Disposition::Delivery(_) => self.negative_delivery,
            Disposition::Processing(_) => self.processing,
            Disposition::Display(_) => self.display,
        }
    }

    /// Notifications that at least one of them asks for.
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
    use super::*;
    use crate::mime::Cpim;
    use crate::mime::disposition::{DisplayStatus, ProcessingStatus};

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
    fn without_a_readable_route_there_is_no_notification() {
        let imdn = |fields: &str| {
            let text = format!(
                "NS: imdn <urn:ietf:params:imdn>\nimdn.Message-ID: 1\n\
                 imdn.Disposition-Notification: positive-delivery\n{fields}\n\nHi"
            );
            Cpim::decode(text.as_bytes()).unwrap().imdn.wanted
        };
        let host = "imdn.IMDN-Record-Route: <sip:h@x>\n";
        assert!(imdn(host).positive_delivery);
        assert!(imdn(&host.repeat(16)).positive_delivery);
        assert_eq!(imdn(&host.repeat(17)), Wanted::default());
        let lost = [host, "imdn.IMDN-Record-Route: here\n", host].concat();
        assert_eq!(imdn(&lost), Wanted::default());
    }
}
