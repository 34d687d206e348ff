//! RP-ACK, RP-ERROR and RP-SMMA from the SMS side (rows IM-4, MEM-2).

use super::Gateway;
use super::action::{Reason, Refusal};
use super::body::Body;
use super::input::{ReportIn, RpReport};
use super::sender::sender;
use crate::sip::MessageIn;
use crate::wire::{Direction, RpMessage, Tpdu};

impl Gateway {
    /// Reads RP-ACK, RP-ERROR or RP-SMMA.
    pub fn prepare_report<'m>(
        &self,
        message: &MessageIn<'m>,
    ) -> Result<ReportIn<'m>, Box<Refusal>> {
        let malformed = |reason| Refusal::sip(400, reason);
        let sender = sender(message)?;
        let Body::Sms(octets) = Body::of(message)? else {
            return Err(malformed(Reason::NotAReport));
        };
        let (direction, rp) =
            RpMessage::decode(&octets).map_err(|error| malformed(Reason::Undecodable(error)))?;
        if direction != Direction::MsToNetwork {
            return Err(malformed(Reason::Direction));
        }
        let report = match rp {
            RpMessage::Ack(_) => RpReport::Ack,
            RpMessage::Error(error) => {
                // A TPDU that cannot be read takes nothing from the RP-Cause in front of it.
                let fcs = match rp.tpdu(direction) {
                    Some(Ok(Tpdu::DeliverReport(report))) => report.fcs.map(u8::from),
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
            identity: sender.identity,
            report,
            rp_mr: rp.mr().0,
            named: self.named_in(message.in_reply_to),
            call_id: message.call_id_to_repeat(),
            address: sender.address,
            hop: message.source,
        })
    }
}
