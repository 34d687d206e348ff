//! SMS-DELIVER (TS 23.040 clause 9.2.2.1): from the service centre to a phone.

use super::{FirstOctet, TpAddress, TpPid, TpScts};
use crate::base::EncodeError;
use crate::wire::alphabet::TpDcs;
use crate::wire::parse::{self, Parsed};
use crate::wire::user_data::UserData;

/// SMS-DELIVER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmsDeliver<'a> {
    /// TP-More-Messages-to-Send (clause 9.2.3.2); true is sent as 0.
    pub more_messages: bool,
    /// TP-Loop-Prevention (clause 9.2.3.28).
    pub loop_prevention: bool,
    /// TP-Status-Report-Indication (clause 9.2.3.4): the SME asked for a report.
    pub status_report_indication: bool,
    /// TP-Reply-Path (clause 9.2.3.17).
    pub reply_path: bool,
    /// TP-Originating-Address (clause 9.2.3.7).
    pub originating_address: TpAddress,
    /// TP-Protocol-Identifier (clause 9.2.3.9).
    pub pid: TpPid,
    /// TP-Data-Coding-Scheme (clause 9.2.3.10).
    pub dcs: TpDcs,
    /// TP-Service-Centre-Time-Stamp (clause 9.2.3.11).
    pub scts: TpScts,
    /// TP-User-Data with its length and header (clauses 9.2.3.16, 9.2.3.23 and 9.2.3.24).
    pub user_data: UserData<'a>,
}

impl<'a> SmsDeliver<'a> {
    /// After the first octet.
    pub(super) fn decode(i: &'a [u8], first: FirstOctet) -> Parsed<'a, Self> {
        let (i, originating_address) = TpAddress::decode(i, "TP-OA")?;
        let (i, pid) = parse::octet(i, "TP-PID")?;
        let (i, dcs) = parse::octet(i, "TP-DCS")?;
        let (i, scts) = TpScts::decode(i, "TP-SCTS")?;
        let dcs = TpDcs(dcs);
        let (i, user_data) = UserData::decode(i, dcs, first.user_data_header())?;
        let deliver = Self {
            more_messages: !first.bit(2),
            loop_prevention: first.bit(3),
            status_report_indication: first.bit(5),
            reply_path: first.bit(7),
            originating_address,
            pid: TpPid(pid),
            dcs,
            scts,
            user_data,
        };
        Ok((i, deliver))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.user_data.agrees_with(self.dcs)?;
        let first = FirstOctet::of(0b00)
            .with(2, !self.more_messages)
            .with(3, self.loop_prevention)
            .with(5, self.status_report_indication)
            .with_header_of(Some(&self.user_data))
            .with(7, self.reply_path);
        out.push(first.0);
        self.originating_address.encode(out);
        out.extend([self.pid.0, self.dcs.0]);
        out.extend(self.scts.octets());
        self.user_data.encode(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::{Carrier, Direction, Tpdu};

    const OCTETS: &[u8] = &[
        0x44, // SMS-DELIVER, no more messages, a header
        0x0b, 0x91, 0x51, 0x55, 0x00, 0x00, 0x10, 0xf6, // TP-OA: +15550000016
        0x00, // TP-PID
        0x00, // TP-DCS: GSM 7-bit
        0x52, 0x30, 0x03, 0x10, 0x95, 0x85, 0x40, // TP-SCTS: 2025-03-30 01:59:58, +1 h
        0x09, // TP-UDL: 9 septets
        0x05, 0x00, 0x03, 0x2a, 0x02, 0x01, // part 1 of 2, reference 42
        0x90, 0x65, // a fill bit, then He
    ];

    #[test]
    fn decodes_and_encodes() {
        let tpdu = Tpdu::decode(Direction::NetworkToMs, Carrier::RpData, OCTETS).unwrap();
        let Tpdu::Deliver(deliver) = tpdu else {
            panic!("{tpdu:?}")
        };
        assert!(!deliver.more_messages && !deliver.loop_prevention);
        assert!(!deliver.status_report_indication && !deliver.reply_path);
        assert_eq!(deliver.originating_address.to_string(), "+15550000016");
        assert_eq!(deliver.scts.unix_seconds(), Some(1_743_296_398));
        assert_eq!(deliver.user_data.concatenation().unwrap().total, 2);
        assert_eq!(deliver.user_data.text().as_deref(), Ok("He"));
        let mut out = Vec::new();
        tpdu.encode(&mut out).unwrap();
        assert_eq!(out, OCTETS);
    }
}
