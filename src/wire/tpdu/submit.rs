//! SMS-SUBMIT (TS 23.040 clause 9.2.2.2): from a phone to the service centre.

use super::{FirstOctet, TpAddress, TpMr, TpPid, TpVp};
use crate::base::EncodeError;
use crate::wire::alphabet::TpDcs;
use crate::wire::parse::{self, Parsed};
use crate::wire::user_data::UserData;

/// SMS-SUBMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmsSubmit<'a> {
    /// TP-Reject-Duplicates (clause 9.2.3.25).
    pub reject_duplicates: bool,
    /// TP-Status-Report-Request (clause 9.2.3.5).
    pub status_report_request: bool,
    /// TP-Reply-Path (clause 9.2.3.17).
    pub reply_path: bool,
    /// TP-Message-Reference (clause 9.2.3.6).
    pub mr: TpMr,
    /// TP-Destination-Address (clause 9.2.3.8).
    pub destination_address: TpAddress,
    /// TP-Protocol-Identifier (clause 9.2.3.9).
    pub pid: TpPid,
    /// TP-Data-Coding-Scheme (clause 9.2.3.10).
    pub dcs: TpDcs,
    /// TP-Validity-Period with its format (clauses 9.2.3.3 and 9.2.3.12).
    pub vp: TpVp,
    /// TP-User-Data with its length and header (clauses 9.2.3.16, 9.2.3.23 and 9.2.3.24).
    pub user_data: UserData<'a>,
}

impl<'a> SmsSubmit<'a> {
    /// TP-Status-Report-Request of this TPDU, if it is an SMS-SUBMIT. Nothing else of it is read.
    pub fn requests_status_report(tpdu: &[u8]) -> bool {
        let first = tpdu.first().copied().map(FirstOctet);
        first.is_some_and(|first| first.message_type() == 0b01 && first.bit(5))
    }

    /// After the first octet.
    pub(super) fn decode(i: &'a [u8], first: FirstOctet) -> Parsed<'a, Self> {
        let (i, mr) = parse::octet(i, "TP-MR")?;
        let (i, destination_address) = TpAddress::decode(i, "TP-DA")?;
        let (i, pid) = parse::octet(i, "TP-PID")?;
        let (i, dcs) = parse::octet(i, "TP-DCS")?;
        let (i, vp) = TpVp::decode(i, first.validity_period_format())?;
        let dcs = TpDcs(dcs);
        let (i, user_data) = UserData::decode(i, dcs, first.user_data_header())?;
        let submit = Self {
            reject_duplicates: first.bit(2),
            status_report_request: first.bit(5),
            reply_path: first.bit(7),
            mr: TpMr(mr),
            destination_address,
            pid: TpPid(pid),
            dcs,
            vp,
            user_data,
        };
        Ok((i, submit))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.user_data.agrees_with(self.dcs)?;
        let first = FirstOctet::of(0b01)
            .with(2, self.reject_duplicates)
            .with_validity_period_format(self.vp.format())
            .with(5, self.status_report_request)
            .with_header_of(Some(&self.user_data))
            .with(7, self.reply_path);
        out.extend([first.0, self.mr.0]);
        self.destination_address.encode(out);
        out.extend([self.pid.0, self.dcs.0]);
        self.vp.encode(out);
        self.user_data.encode(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::{Carrier, Direction, RelativeVp, TpVp, Tpdu};

    const OCTETS: &[u8] = &[
        0xb5, // SMS-SUBMIT, reject duplicates, relative TP-VP, status report, reply path
        0x07, // TP-MR 7
        0x03, 0x81, 0x21, 0xf3, // TP-DA: 123
        0x7f, // TP-PID: (U)SIM data download
        0xf6, // TP-DCS: 8-bit, class 2
        0xa7, // TP-VP: 24 hours
        0x02, 0xd0, 0x0b, // TP-UDL and TP-UD: 2 octets
    ];

    #[test]
    fn decodes_and_encodes() {
        let tpdu = Tpdu::decode(Direction::MsToNetwork, Carrier::RpData, OCTETS).unwrap();
        let Tpdu::Submit(submit) = tpdu else {
            panic!("{tpdu:?}")
        };
        assert!(submit.reject_duplicates && submit.status_report_request && submit.reply_path);
        assert_eq!((submit.mr.0, submit.pid.0), (7, 0x7f));
        assert_eq!(submit.destination_address.to_string(), "123");
        assert_eq!(submit.vp, TpVp::Relative(RelativeVp(167)));
        assert_eq!(submit.user_data.body(), [0xd0, 0x0b]);
        let mut out = Vec::new();
        tpdu.encode(&mut out).unwrap();
        assert_eq!(out, OCTETS);
    }
}
