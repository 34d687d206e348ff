//! SMS-SUBMIT-REPORT (TS 23.040 clause 9.2.2.2a): the service centre's report on an SMS-SUBMIT or an
//! SMS-COMMAND.

use super::deliver_report::failure_cause;
use super::parameters::{Indicator, Parameters};
use super::{FirstOctet, TpFcs, TpScts};
use crate::wire::direction::Carrier;
use crate::wire::error::EncodeError;
use crate::wire::parse::Parsed;

/// SMS-SUBMIT-REPORT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmsSubmitReport<'a> {
    /// TP-Failure-Cause (clause 9.2.3.22): on an RP-ERROR always, on an RP-ACK never.
    pub fcs: Option<TpFcs>,
    /// TP-Service-Centre-Time-Stamp (clause 9.2.3.11).
    pub scts: TpScts,
    /// What TP-PI announces.
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
