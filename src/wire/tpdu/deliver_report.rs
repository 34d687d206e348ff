//! SMS-DELIVER-REPORT (TS 23.040 clause 9.2.2.1a): a phone's report on an SMS-DELIVER or an
//! SMS-STATUS-REPORT.

use super::parameters::{Indicator, Parameters};
use super::{FirstOctet, TpFcs};
use crate::base::EncodeError;
use crate::wire::direction::Carrier;
use crate::wire::parse::{self, Parsed};

/// SMS-DELIVER-REPORT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SmsDeliverReport<'a> {
    /// TP-Failure-Cause (clause 9.2.3.22): always in an RP-ERROR, never in an RP-ACK.
    pub fcs: Option<TpFcs>,
    /// The elements that TP-PI announces.
    pub parameters: Parameters<'a>,
}

impl<'a> SmsDeliverReport<'a> {
    /// After the first octet.
    pub(super) fn decode(i: &'a [u8], first: FirstOctet, carrier: Carrier) -> Parsed<'a, Self> {
        let (i, fcs) = failure_cause(i, carrier)?;
        let (i, indicator) = Indicator::decode(i)?;
        let (i, parameters) = indicator.parameters(i, first.user_data_header())?;
        Ok((i, Self { fcs, parameters }))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let first = FirstOctet::of(0b00).with_header_of(self.parameters.user_data.as_ref());
        out.push(first.0);
        out.extend(self.fcs.map(u8::from));
        self.parameters.encode_indicator(out);
        self.parameters.encode(out)
    }
}

/// TP-FCS is present in an RP-ERROR only, whatever its value.
pub(super) fn failure_cause(i: &[u8], carrier: Carrier) -> Parsed<'_, Option<TpFcs>> {
    if carrier != Carrier::RpError {
        return Ok((i, None));
    }
    let (i, fcs) = parse::octet(i, "TP-FCS")?;
    Ok((i, Some(TpFcs::from(fcs))))
}

#[cfg(test)]
mod tests {
    use crate::wire::{Carrier, Direction, TpDcs, TpFcs, TpPid, Tpdu};

    const OCTETS: &[u8] = &[
        0x00, // SMS-DELIVER-REPORT
        0xd3, // TP-FCS: memory capacity exceeded
        0x03, // TP-PI: TP-PID and TP-DCS
        0x41, 0x08, // TP-PID: replace type 1; TP-DCS: UCS2
    ];

    #[test]
    fn decodes_and_encodes() {
        let tpdu = Tpdu::decode(Direction::MsToNetwork, Carrier::RpError, OCTETS).unwrap();
        let Tpdu::DeliverReport(report) = tpdu else {
            panic!("{tpdu:?}")
        };
        assert_eq!(report.fcs, Some(TpFcs::MemoryCapacityExceeded));
        assert_eq!(report.parameters.pid, Some(TpPid(0x41)));
        assert_eq!(report.parameters.dcs, Some(TpDcs(0x08)));
        assert_eq!(report.parameters.user_data, None);
        let mut out = Vec::new();
        tpdu.encode(&mut out).unwrap();
        assert_eq!(out, OCTETS);
    }

    #[test]
    fn an_rp_ack_has_no_failure_cause() {
        let tpdu = Tpdu::decode(Direction::MsToNetwork, Carrier::RpAck, &[0x00, 0x00]);
        let Ok(Tpdu::DeliverReport(report)) = tpdu else {
            panic!("{tpdu:?}")
        };
        assert_eq!(report.fcs, None);
        assert!(Tpdu::decode(Direction::MsToNetwork, Carrier::RpError, &[0x00, 0x00]).is_err());
    }
}
