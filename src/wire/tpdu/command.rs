//! SMS-COMMAND (TS 23.040 clause 9.2.2.4): a phone asks the service centre about an earlier SMS-SUBMIT.

use super::{FirstOctet, TpAddress, TpMr, TpPid};
use crate::base::{EncodeError, Fault};
use crate::wire::parse::{self, Parsed, malformed};
use crate::wire::values::octet_values;

/// The largest number of octets of TP-Command-Data (TS 23.040 clause 9.2.3.21).
const MAX_COMMAND_DATA: usize = 157;

octet_values! {
    /// TP-Command-Type (TS 23.040 clause 9.2.3.19). E0 to FF are service centre specific.
    pub enum TpCt {
        /// 00: enquiry about a short message.
        Enquiry = 0x00,
        /// 01: cancel a status report request.
        CancelStatusReportRequest = 0x01,
        /// 02: delete a short message.
        Delete = 0x02,
        /// 03: enable a status report request.
        EnableStatusReportRequest = 0x03,
    }
}

/// SMS-COMMAND.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmsCommand<'a> {
    /// TP-User-Data-Header-Indication (clause 9.2.3.23): the command data begins with a header.
    pub user_data_header: bool,
    /// TP-Status-Report-Request (clause 9.2.3.5).
    pub status_report_request: bool,
    /// TP-Message-Reference (clause 9.2.3.6).
    pub mr: TpMr,
    /// TP-Protocol-Identifier (clause 9.2.3.9).
    pub pid: TpPid,
    /// TP-Command-Type (clause 9.2.3.19).
    pub command_type: TpCt,
    /// TP-Message-Number (clause 9.2.3.18): TP-MR of the SMS-SUBMIT in question.
    pub message_number: TpMr,
    /// TP-Destination-Address (clause 9.2.3.8).
    pub destination_address: TpAddress,
    /// TP-Command-Data (clause 9.2.3.21).
    pub command_data: &'a [u8],
}

impl<'a> SmsCommand<'a> {
    /// After the first octet.
    pub(super) fn decode(i: &'a [u8], first: FirstOctet) -> Parsed<'a, Self> {
        let (i, mr) = parse::octet(i, "TP-MR")?;
        let (i, pid) = parse::octet(i, "TP-PID")?;
        let (i, command_type) = parse::octet(i, "TP-CT")?;
        let (i, message_number) = parse::octet(i, "TP-MN")?;
        let (i, destination_address) = TpAddress::decode(i, "TP-DA")?;
        let (rest, command_data) = parse::length_value(i, "TP-CD")?;
        if command_data.len() > MAX_COMMAND_DATA {
            return malformed(i, "TP-CDL", Fault::TooLong);
        }
        let command = Self {
            user_data_header: first.user_data_header(),
            status_report_request: first.bit(5),
            mr: TpMr(mr),
            pid: TpPid(pid),
            command_type: TpCt::from(command_type),
            message_number: TpMr(message_number),
            destination_address,
            command_data,
        };
        Ok((rest, command))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let too_long = EncodeError::TooLong {
            element: "TP-CD",
            limit: MAX_COMMAND_DATA,
        };
        let length = u8::try_from(self.command_data.len()).map_err(|_| too_long)?;
        if self.command_data.len() > MAX_COMMAND_DATA {
            return Err(too_long);
        }
        let first = FirstOctet::of(0b10)
            .with(5, self.status_report_request)
            .with(6, self.user_data_header);
        let command_type = u8::from(self.command_type);
        out.extend([
            first.0,
            self.mr.0,
            self.pid.0,
            command_type,
            self.message_number.0,
        ]);
        self.destination_address.encode(out);
        out.push(length);
        out.extend_from_slice(self.command_data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::{Carrier, Direction, TpCt, TpMr, Tpdu};

    const OCTETS: &[u8] = &[
        0x22, // SMS-COMMAND, status report
        0x09, // TP-MR 9
        0x00, // TP-PID
        0x02, // TP-CT: delete
        0x07, // TP-MN 7
        0x03, 0x81, 0x21, 0xf3, // TP-DA: 123
        0x02, 0xca, 0xfe, // TP-CDL and TP-CD
    ];

    #[test]
    fn decodes_and_encodes() {
        let tpdu = Tpdu::decode(Direction::MsToNetwork, Carrier::RpData, OCTETS).unwrap();
        let Tpdu::Command(command) = tpdu else {
            panic!("{tpdu:?}")
        };
        assert!(command.status_report_request && !command.user_data_header);
        assert_eq!((command.mr, command.message_number), (TpMr(9), TpMr(7)));
        assert_eq!(command.command_type, TpCt::Delete);
        assert_eq!(command.command_data, [0xca, 0xfe]);
        let mut out = Vec::new();
        tpdu.encode(&mut out).unwrap();
        assert_eq!(out, OCTETS);
    }
}
