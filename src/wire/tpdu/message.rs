//! TPDUs by direction and TP-MTI (TS 23.040 clause 9.2.3.1).

use super::{
    FirstOctet, SmsCommand, SmsDeliver, SmsDeliverReport, SmsStatusReport, SmsSubmit,
    SmsSubmitReport,
};
use crate::base::{DecodeError, EncodeError, Fault};
use crate::wire::direction::{Carrier, Direction};
use crate::wire::parse::{self, Parsed, malformed};

/// A transfer protocol data unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tpdu<'a> {
    /// SMS-DELIVER, to a phone.
    Deliver(SmsDeliver<'a>),
    /// SMS-DELIVER-REPORT, from a phone.
    DeliverReport(SmsDeliverReport<'a>),
    /// SMS-SUBMIT, from a phone.
    Submit(SmsSubmit<'a>),
    /// SMS-SUBMIT-REPORT, to a phone.
    SubmitReport(SmsSubmitReport<'a>),
    /// SMS-STATUS-REPORT, to a phone.
    StatusReport(SmsStatusReport<'a>),
    /// SMS-COMMAND, from a phone.
    Command(SmsCommand<'a>),
}

impl<'a> Tpdu<'a> {
    /// Reads a TPDU with this direction and carrier.
    pub fn decode(
        direction: Direction,
        carrier: Carrier,
        octets: &'a [u8],
    ) -> Result<Self, DecodeError> {
        parse::whole(octets, |i| tpdu(i, direction, carrier))
    }

    /// Appends the TPDU.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Deliver(deliver) => deliver.encode(out),
            Self::DeliverReport(report) => report.encode(out),
            Self::Submit(submit) => submit.encode(out),
            Self::SubmitReport(report) => report.encode(out),
            Self::StatusReport(report) => report.encode(out),
            Self::Command(command) => command.encode(out),
        }
    }

    /// The name in the specification.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Deliver(_) => "SMS-DELIVER",
            Self::DeliverReport(_) => "SMS-DELIVER-REPORT",
            Self::Submit(_) => "SMS-SUBMIT",
            Self::SubmitReport(_) => "SMS-SUBMIT-REPORT",
            Self::StatusReport(_) => "SMS-STATUS-REPORT",
            Self::Command(_) => "SMS-COMMAND",
        }
    }

    /// Its direction.
    pub const fn direction(&self) -> Direction {
        match self {
            Self::Deliver(_) | Self::SubmitReport(_) | Self::StatusReport(_) => {
                Direction::NetworkToMs
            }
            Self::DeliverReport(_) | Self::Submit(_) | Self::Command(_) => Direction::MsToNetwork,
        }
    }
}

fn tpdu(i: &[u8], direction: Direction, carrier: Carrier) -> Parsed<'_, Tpdu<'_>> {
    use Direction::{MsToNetwork, NetworkToMs};
    let (rest, first) = parse::octet(i, "TP-MTI")?;
    let first = FirstOctet(first);
    match (direction, first.message_type()) {
        (MsToNetwork, 0b00) => SmsDeliverReport::decode(rest, first, carrier)
            .map(|(i, report)| (i, Tpdu::DeliverReport(report))),
        (NetworkToMs, 0b01) => SmsSubmitReport::decode(rest, first, carrier)
            .map(|(i, report)| (i, Tpdu::SubmitReport(report))),
        (MsToNetwork, 0b01) => {
            SmsSubmit::decode(rest, first).map(|(i, submit)| (i, Tpdu::Submit(submit)))
        }
        (NetworkToMs, 0b10) => {
            SmsStatusReport::decode(rest, first).map(|(i, report)| (i, Tpdu::StatusReport(report)))
        }
        (MsToNetwork, 0b10) => {
            SmsCommand::decode(rest, first).map(|(i, command)| (i, Tpdu::Command(command)))
        }
        // 00; a phone must read the reserved value 11 in the same way (TS 23.040 clause 9.2.3.1).
        (NetworkToMs, _) => {
            SmsDeliver::decode(rest, first).map(|(i, deliver)| (i, Tpdu::Deliver(deliver)))
        }
        (MsToNetwork, _) => malformed(i, "TP-MTI", Fault::Reserved),
    }
}
