//! RP-ACK, RP-ERROR and RP-SMMA from the SMS side, notifications from the IM side (rows IM-4, IM-6, IM-7,
//! MEM-2, CON-2).

use super::Gateway;
use super::action::{Reason, Refusal};
use super::body::{Body, Wrapped};
use super::input::{ReportIn, RpReport};
use super::sender::{Sender, identity_of, sender};
use crate::host::{Identity, Party};
use crate::sip::{Entity, MessageIn, Uri};
use crate::wire::{Cpim, Direction, Imdn, RpMessage, Tpdu};

impl Gateway {
    /// Reads RP-ACK, RP-ERROR or RP-SMMA, or a notification.
    pub fn prepare_report<'m>(
        &self,
        message: &MessageIn<'m>,
    ) -> Result<ReportIn<'m>, Box<Refusal>> {
        let malformed = |reason| Refusal::sip(400, reason);
        let sender = sender(message)?;
        let octets = match Body::of(message)? {
            Body::Sms(octets) => octets,
            Body::Cpim(entity, Wrapped::Imdn) => {
                return self.notification_in(message, &sender, &entity);
            }
            _ => return Err(malformed(Reason::NotAReport)),
        };
        let (direction, rp) =
            RpMessage::decode(&octets).map_err(|error| malformed(Reason::Undecodable(error)))?;
        // Only a service centre may say what only a network says (row AUT-6).
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
                // A TPDU that cannot be read takes nothing from the RP-Cause in front of it.
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
        Ok(ReportIn {
            identity,
            reporter: sender.identity,
            party,
            report,
            rp_mr: rp.mr().0,
            named: self.named_in(message.in_reply_to),
            call_id: message.call_id_to_repeat(),
            address: sender.address,
            hop: message.source,
        })
    }

    /// A notification: it is for whom the Request-URI names.
    fn notification_in<'m>(
        &self,
        message: &MessageIn<'m>,
        sender: &Sender<'m>,
        entity: &Entity<'_>,
    ) -> Result<ReportIn<'m>, Box<Refusal>> {
        let octets = entity.octets().map_err(Reason::from)?;
        let cpim = Cpim::decode(&octets).map_err(Reason::Undecodable)?;
        let imdn = Imdn::decode(&cpim.content.octets).map_err(Reason::Undecodable)?;
        Ok(ReportIn {
            identity: requested(message)?,
            reporter: sender.identity,
            party: Party::Phone,
            report: RpReport::Notification(imdn.disposition),
            rp_mr: 0,
            named: self.named_by(&imdn.message_id),
            call_id: message.call_id_to_repeat(),
            address: sender.address,
            hop: message.source,
        })
    }
}

/// Key of whom the Request-URI names.
fn requested(message: &MessageIn<'_>) -> Result<Identity, Box<Refusal>> {
    Uri::parse(message.request_uri)
        .and_then(|uri| identity_of(&uri))
        .ok_or_else(|| Refusal::sip(416, Reason::Recipient))
}
