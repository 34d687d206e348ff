//! Reports that the gateway waits for. They pass the limit of requests from one address, before their sender is authenticated.

use crate::exchange::{
    Exchange, ExchangeKey, Identity, IdentityKey, ImToSmTexts, Party, SmToImTexts, Store, View,
};
use crate::interwork::Gateway;
use crate::interwork::input::Named;
use crate::interwork::read::body::Body;
use crate::interwork::read::report::ReadNotification;
use crate::sip::{Hop, MessageIn, Service, uri_of};
use crate::wire::{RpMessage, RpMessageType};

/// How many MESSAGEs on one exchange pass the limit of requests from one address, because a report is missing. A phone or client sends one,
/// once more behind a challenge, and copies of both for 32 s. With more, a member could send any number of reports without credentials.
const MOST_REPORTS: u16 = 24;

/// RP-ACK, RP-ERROR or a notification, before its sender is authenticated.
pub struct UnprovedReport {
    /// What it is about.
    pub about: ReportedExchange,
    /// The kind of contact that sends such a report.
    service: Service,
}

/// The exchange that a report is about.
pub enum ReportedExchange {
    /// The one that In-Reply-To, or the message-id of a notification, names.
    Named(ExchangeKey),
    /// The one with this RP-Message Reference among those of the identity in From: the report names no exchange.
    Referred(Identity, u8),
}

/// A report that is missing.
pub struct MissingReport {
    /// The exchange that waits for it.
    pub exchange: ExchangeKey,
    /// The URI of the identity that owes it.
    pub owed_by: String,
    /// The contacts of that identity to which the message went.
    pub service: Service,
}

impl Gateway {
    /// Reads RP-ACK, RP-ERROR or a notification, without its sender. None: it is none of these, or about a message of an earlier start.
    /// `person` finds the identity of the URI in From.
    pub fn unproved_report(
        &self,
        message: &MessageIn<'_>,
        person: impl FnOnce(&str) -> Option<Identity>,
    ) -> Option<UnprovedReport> {
        let body = Body::of(message).ok()?;
        let (named, rp_mr, service) = match &body {
            Body::Sms(octets) => {
                let (_, rp) = RpMessage::decode(octets).ok()?;
                let is_report =
                    matches!(rp.message_type(), RpMessageType::Ack | RpMessageType::Error);
                let rp_mr = is_report.then(|| rp.mr().0)?;
                (self.named_in(message.in_reply_to), Some(rp_mr), Service::Sm)
            }
            body => {
                let imdn = ReadNotification::in_body(body)?;
                (
                    self.named_in_notification(message, &imdn),
                    None,
                    Service::Im,
                )
            }
        };
        let about = match named {
            Named::Exchange(exchange, _) => ReportedExchange::Named(exchange),
            Named::Nothing => {
                let rp_mr = rp_mr?;
                ReportedExchange::Referred(person(uri_of(message.from?)?)?, rp_mr)
            }
            Named::Past => return None,
        };
        Some(UnprovedReport { about, service })
    }
}

/// The report that is missing, if this one may be it. Nothing is changed. `exchanges` are those with the reported exchange.
pub fn missing_report(report: &UnprovedReport, exchanges: &mut dyn Store) -> Option<MissingReport> {
    let view = View::of(exchanges);
    let exchange = match &report.about {
        ReportedExchange::Named(exchange) => *exchange,
        ReportedExchange::Referred(phone, rp_mr) => {
            let phone = IdentityKey::of(phone);
            view.by_rp_mr(phone, Party::Phone, *rp_mr)?.header.key
        }
    };
    let texts = view.texts(exchange)?;
    let owed_by = match (view.by_key(exchange)?, report.service) {
        (Exchange::ImToSm(im), Service::Sm) if im.to == Party::Phone && im.awaits_report() => {
            ImToSmTexts::of(&texts).address
        }
        (Exchange::SmToIm(sm), Service::Im) if sm.awaits_notification() => {
            SmToImTexts::of(&texts).recipient
        }
        _ => return None,
    };
    Some(MissingReport {
        exchange,
        owed_by: owed_by.to_owned(),
        service: report.service,
    })
}

impl MissingReport {
    /// Whether it may come from this source: from the host of one of the contacts to which the message went. The port may have changed since.
    pub fn may_come_from<'h>(
        &self,
        source: &str,
        contacts: impl IntoIterator<Item = Hop<'h>>,
    ) -> bool {
        let mut contacts = contacts.into_iter();
        Hop::of(source).is_some_and(|hop| contacts.any(|contact| contact.host() == hop.host()))
    }

    /// How many have passed for one exchange, with one more. None: it is refused, because there were enough.
    pub const fn passed(before: u16) -> Option<u16> {
        if before < MOST_REPORTS {
            Some(before + 1)
        } else {
            None
        }
    }
}
