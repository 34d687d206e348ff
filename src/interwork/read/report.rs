//! RP-ACK, RP-ERROR and RP-SMMA from the SMS side, notifications from the IM side (rows IM-4, IM-6, IM-7,
//! MEM-2, CON-2).

use crate::exchange::{Identity, Party};
use crate::interwork::Gateway;
use crate::interwork::input::{Named, ReportIn, RpReport};
use crate::interwork::read::body::{self, Body, Wrapped};
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
            body @ (Body::Cpim(_, Wrapped::Imdn) | Body::Imdn(_)) => {
                let imdn = ReadNotification::in_body(&body);
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

    /// The notification in this body, and the exchange that it refers to.
    fn notification_in<'m>(
        &self,
        message: &MessageIn<'m>,
        sender: &Sender<'m>,
        imdn: &ReadNotification,
    ) -> Option<ReportIn<'m>> {
        let named = self.named_in_notification(message, imdn);
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

    /// The exchange that a notification refers to.
    pub(crate) fn named_in_notification(
        &self,
        message: &MessageIn<'_>,
        imdn: &ReadNotification,
    ) -> Named {
        match self.named_by(&imdn.message_id) {
            // A plain text message of our own can be identified by its Call-ID only.
            Named::Nothing => self.named_in(message.in_reply_to),
            named => named,
        }
    }
}

/// The relevant fields of a notification.
pub(crate) struct ReadNotification {
    message_id: String,
    disposition: Disposition,
}

impl ReadNotification {
    /// The notification in this body. None: there is none, or it cannot be read.
    pub(crate) fn in_body(body: &Body<'_>) -> Option<Self> {
        match body {
            Body::Cpim(entity, Wrapped::Imdn) => {
                let octets = entity.octets().ok()?;
                let cpim = Cpim::decode(&octets).ok()?;
                Self::of(&body::of_cpim(&cpim).octets().ok()?)
            }
            Body::Imdn(entity) => Self::of(&entity.octets().ok()?),
            _ => None,
        }
    }

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
