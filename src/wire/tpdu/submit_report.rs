//! SMS-SUBMIT-REPORT (TS 23.040 clause 9.2.2.2a): the service centre's report on an SMS-SUBMIT or an
//! SMS-COMMAND.

use super::deliver_report::failure_cause;
use super::parameters::{Indicator, Parameters};
use super::{FirstOctet, TpFcs, TpScts};
use crate::base::EncodeError;
use crate::wire::direction::Carrier;
use crate::wire::parse::Parsed;

/// SMS-SUBMIT-REPORT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmsSubmitReport<'a> {
    /// TP-Failure-Cause (clause 9.2.3.22): always in an RP-ERROR, never in an RP-ACK.
    pub fcs: Option<TpFcs>,
    /// TP-Service-Centre-Time-Stamp (clause 9.2.3.11).
    pub scts: TpScts,
    /// The elements that TP-PI announces.
    pub parameters: Parameters<'a>,
}

impl<'a> SmsSubmitReport<'a> {
    /// After the first octet.
    pub(super) fn decode(i: &'a [u8], first: FirstOctet, carrier: Carrier) -> Parsed<'a, Self> {
        let (i, fcs) = failure_cause(i, carrier)?;
        let (i, indicator) = Indicator::decode(i)?;
        let (i, scts) = TpScts::decode(i, "TP-SCTS")?;
        let (i, parameters) = indicator.parameters(i, first.user_data_header())?;
        Ok((
            i,
            Self {
                fcs,
                scts,
                parameters,
            },
        ))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let first = FirstOctet::of(0b01).with_header_of(self.parameters.user_data.as_ref());
        out.push(first.0);
        out.extend(self.fcs.map(u8::from));
        self.parameters.encode_indicator(out);
        out.extend(self.scts.octets());
        self.parameters.encode(out)
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::{Carrier, Direction, Tpdu};

    const OCTETS: &[u8] = &[
        0x01, // SMS-SUBMIT-REPORT
        0x84, // TP-PI: another octet of it, and TP-UD
        0x00, // the other octet
        0x52, 0x30, 0x03, 0x10, 0x95, 0x85, 0x8a, // TP-SCTS, -7 h
        0x02, 0x6f, 0x65, // TP-UDL: 2 septets; TP-UD
    ];

    #[test]
    fn decodes_and_encodes() {
        let tpdu = Tpdu::decode(Direction::NetworkToMs, Carrier::RpAck, OCTETS).unwrap();
        let Tpdu::SubmitReport(report) = tpdu else {
            panic!("{tpdu:?}")
        };
        assert_eq!((report.fcs, report.scts.quarter_hours()), (None, -28));
        assert_eq!(report.parameters.extension, [0x00]);
        assert_eq!(
            report.parameters.user_data.unwrap().text().as_deref(),
            Ok("oJ")
        );
        let mut out = Vec::new();
        tpdu.encode(&mut out).unwrap();
        assert_eq!(out, OCTETS);
    }
}
