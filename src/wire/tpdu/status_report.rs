//! SMS-STATUS-REPORT (TS 23.040 clause 9.2.2.3): the outcome of an SMS-SUBMIT or SMS-COMMAND.

use super::parameters::{Indicator, Parameters};
use super::{FirstOctet, TpAddress, TpMr, TpScts, TpSt};
use crate::base::EncodeError;
use crate::wire::parse::{self, Parsed};

/// SMS-STATUS-REPORT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmsStatusReport<'a> {
    /// TP-More-Messages-to-Send (clause 9.2.3.2); true is sent as 0.
    pub more_messages: bool,
    /// TP-Loop-Prevention (clause 9.2.3.28).
    pub loop_prevention: bool,
    /// TP-Status-Report-Qualifier (clause 9.2.3.26): the report is on an SMS-COMMAND.
    pub on_command: bool,
    /// TP-Message-Reference (clause 9.2.3.6) of that SMS-SUBMIT or SMS-COMMAND.
    pub mr: TpMr,
    /// TP-Recipient-Address (clause 9.2.3.14).
    pub recipient_address: TpAddress,
    /// TP-Service-Centre-Time-Stamp (clause 9.2.3.11) of that SMS-SUBMIT or SMS-COMMAND.
    pub scts: TpScts,
    /// TP-Discharge-Time (clause 9.2.3.13).
    pub discharge_time: TpScts,
    /// TP-Status (clause 9.2.3.15).
    pub status: TpSt,
    /// The elements that TP-PI announces; TP-PI itself may be absent.
    pub parameters: Option<Parameters<'a>>,
}

impl<'a> SmsStatusReport<'a> {
    /// After the first octet.
    pub(super) fn decode(i: &'a [u8], first: FirstOctet) -> Parsed<'a, Self> {
        let (i, mr) = parse::octet(i, "TP-MR")?;
        let (i, recipient_address) = TpAddress::decode(i, "TP-RA")?;
        let (i, scts) = TpScts::decode(i, "TP-SCTS")?;
        let (i, discharge_time) = TpScts::decode(i, "TP-DT")?;
        let (i, status) = parse::octet(i, "TP-ST")?;
        let (i, parameters) = if i.is_empty() {
            (i, None)
        } else {
            let (i, indicator) = Indicator::decode(i)?;
            let (i, parameters) = indicator.parameters(i, first.user_data_header())?;
            (i, Some(parameters))
        };
        let report = Self {
            more_messages: !first.bit(2),
            loop_prevention: first.bit(3),
            on_command: first.bit(5),
            mr: TpMr(mr),
            recipient_address,
            scts,
            discharge_time,
            status: TpSt::from(status),
            parameters,
        };
        Ok((i, report))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let user_data = self
            .parameters
            .as_ref()
            .and_then(|parameters| parameters.user_data);
        let first = FirstOctet::of(0b10)
            .with(2, !self.more_messages)
            .with(3, self.loop_prevention)
            .with(5, self.on_command)
            .with_header_of(user_data.as_ref());
        out.extend([first.0, self.mr.0]);
        self.recipient_address.encode(out);
        out.extend(self.scts.octets());
        out.extend(self.discharge_time.octets());
        out.push(u8::from(self.status));
        if let Some(parameters) = &self.parameters {
            parameters.encode_indicator(out);
            parameters.encode(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::{Carrier, Direction, TpSt, Tpdu};

    const OCTETS: &[u8] = &[
        0x22, // SMS-STATUS-REPORT, more messages, on an SMS-COMMAND
        0x2a, // TP-MR 42
        0x04, 0x80, 0xa1, 0xcb, // TP-RA: 1*#a
        0x52, 0x30, 0x03, 0x10, 0x95, 0x85, 0x40, // TP-SCTS
        0x52, 0x30, 0x03, 0x20, 0x00, 0x00, 0x40, // TP-DT
        0x46, // TP-ST: validity period expired
    ];

    #[test]
    fn decodes_and_encodes() {
        let tpdu = Tpdu::decode(Direction::NetworkToMs, Carrier::RpData, OCTETS).unwrap();
        let Tpdu::StatusReport(report) = tpdu else {
            panic!("{tpdu:?}")
        };
        assert!(report.more_messages && report.on_command && !report.loop_prevention);
        assert_eq!(report.recipient_address.value(), "1*#a");
        assert_eq!(report.discharge_time.local(), [25, 3, 30, 2, 0, 0]);
        assert_eq!(report.status, TpSt::ValidityPeriodExpired);
        assert_eq!(report.parameters, None);
        let mut out = Vec::new();
        tpdu.encode(&mut out).unwrap();
        assert_eq!(out, OCTETS);
    }
}
