//! RP-ACK, RP-ERROR and RP-SMMA from the SMS side, notifications from the IM side (rows IM-4, IM-6, IM-7,
//! MEM-2, CON-2).

use crate::exchange::{ExchangeKey, Identity, Party};
use crate::interwork::Gateway;
use crate::interwork::input::{Named, ReportIn, RpReport};
use crate::interwork::read::body::{self, Body, Wrapped};
use crate::interwork::read::classify::Class;
use crate::interwork::read::sender::{Sender, sender};
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
use crate::interwork::rules::identity::identity_of;
use crate::mime::{Cpim, Disposition, Imdn};
use crate::sip::{MessageIn, Uri};
use crate::wire::{Direction, RpMessage, Tpdu};

impl Gateway {
    /// Reads RP-ACK, RP-ERROR or RP-SMMA, or a notification about a message of ours. Any other notification is left
    /// to the script.
    pub fn read_report<'m>(
        &self,
        message: &MessageIn<'m>,
    ) -> Result<Option<ReportIn<'m>>, Box<Refusal>> {
        let malformed = |reason| Refusal::sip(400, reason);
        let sender = sender(message)?;
        let octets = match Body::of(message)? {
            Body::Sms(octets) => octets,
            Body::Cpim(entity, Wrapped::Imdn) => {
                let imdn = entity.octets().ok().and_then(|octets| {
                    let cpim = Cpim::decode(&octets).ok()?;
                    ReadNotification::of(&body::of_cpim(&cpim).octets().ok()?)
                });
                return Ok(imdn.and_then(|imdn| self.notification_in(message, &sender, &imdn)));
            }
            Body::Imdn(entity) => {
                let octets = entity.octets().ok();
                let imdn = octets.and_then(|octets| ReadNotification::of(&octets));
                return Ok(imdn.and_then(|imdn| self.notification_in(message, &sender, &imdn)));
            }
            _ => return Err(malformed(Reason::NotAReport)),
        };
        let (direction, rp) =
            RpMessage::decode(&octets).map_err(|error| malformed(Reason::Undecodable(error)))?;
        // Only a service centre may send what a network sends (row AUT-6).
        let (party, expected) = if self.policy.is_service_centre(&sender.identity) {
            (Party::ServiceCentre, Direction::NetworkToMs)
        } else {
            (Party::Phone, Direction::MsToNetwork)
        };
        if direction != expected {
            return Err(malformed(Reason::Direction));
        }
        let identity = match party {
            Party::Phone => sender.identity,
            Party::ServiceCentre => requested(message)?,
        };
        let report = match rp {
            RpMessage::Ack(_) => RpReport::Ack,
            RpMessage::Error(error) => {
                // If the TPDU cannot be read, the RP-Cause before it still counts.
                let fcs = match rp.tpdu(direction) {
                    Some(Ok(Tpdu::DeliverReport(report))) => report.fcs.map(u8::from),
                    Some(Ok(Tpdu::SubmitReport(report))) => report.fcs.map(u8::from),
                    _ => None,
                };
                RpReport::Error {
                    cause: u8::from(error.cause),
                    fcs,
                }
            }
            RpMessage::Smma(_) => RpReport::MemoryAvailable,
            RpMessage::Data(_) => return Err(malformed(Reason::NotAReport)),
        };
        Ok(Some(ReportIn {
            identity,
            reporter: sender.identity,
            party,
            report,
            rp_mr: rp.mr().0,
            named: self.named_in(message.in_reply_to),
            call_id: message.call_id_to_repeat(),
            address: sender.address,
            hop: message.source,
        }))
    }

    /// The exchange that this RP-ACK or RP-ERROR names. Its sender is not read.
    pub fn reported(&self, message: &MessageIn<'_>) -> Option<ExchangeKey> {
        match self.named_in(message.in_reply_to) {
            Named::Exchange(key, _) => Some(key),
            Named::Nothing | Named::Past => None,
        }
        .filter(|_| self.classify(message).ok() == Some(Class::RpReport))
    }

    /// The notification in this body, and the exchange that it refers to.
    fn notification_in<'m>(
        &self,
        message: &MessageIn<'m>,
        sender: &Sender<'m>,
        imdn: &ReadNotification,
    ) -> Option<ReportIn<'m>> {
        let named = match self.named_by(&imdn.message_id) {
            // A plain text message of our own can be identified by its Call-ID only.
            Named::Nothing => self.named_in(message.in_reply_to),
            named => named,
        };
        (named != Named::Nothing).then(|| ReportIn {
            identity: sender.identity,
            reporter: sender.identity,
            party: Party::Phone,
            report: RpReport::Notification(imdn.disposition),
            rp_mr: 0,
            named,
            call_id: message.call_id_to_repeat(),
            address: sender.address,
            hop: message.source,
        })
    }
}

/// The relevant fields of a notification.
struct ReadNotification {
    message_id: String,
    disposition: Disposition,
}

impl ReadNotification {
    fn of(octets: &[u8]) -> Option<Self> {
        let imdn = Imdn::decode(octets).ok()?;
        Some(Self {
            message_id: imdn.message_id.into_owned(),
            disposition: imdn.disposition,
        })
    }
}

/// Key of the identity in the Request-URI.
fn requested(message: &MessageIn<'_>) -> Result<Identity, Box<Refusal>> {
    Uri::parse(message.request_uri)
        .and_then(|uri| identity_of(&uri))
        .ok_or_else(|| Refusal::sip(416, Reason::Recipient))
}
