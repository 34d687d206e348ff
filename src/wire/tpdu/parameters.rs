//! TP-Parameter-Indicator (TS 23.040 clause 9.2.3.27) and the elements that it announces, at the end of
//! every report.

use super::TpPid;
use crate::base::EncodeError;
use crate::wire::alphabet::TpDcs;
use crate::wire::parse::{self, Parsed};
use crate::wire::user_data::UserData;

const PID: u8 = 0b0000_0001;
const DCS: u8 = 0b0000_0010;
const USER_DATA: u8 = 0b0000_0100;
const RESERVED: u8 = 0b0111_1000;
const EXTENSION: u8 = 0b1000_0000;

/// The elements that TP-PI announces. By default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters<'a> {
    /// Bits 6 to 3 of TP-PI, in their place; a receiver ignores them.
    pub reserved: u8,
    /// Octets that extend TP-PI; all but the last have bit 7 set.
    pub extension: &'a [u8],
    /// TP-Protocol-Identifier (clause 9.2.3.9).
    pub pid: Option<TpPid>,
    /// TP-Data-Coding-Scheme (clause 9.2.3.10).
    pub dcs: Option<TpDcs>,
    /// TP-User-Data with its length and header (clauses 9.2.3.16, 9.2.3.23 and 9.2.3.24).
    pub user_data: Option<UserData<'a>>,
}

/// The offset and the value of TP-PI: other elements may lie between TP-PI and the elements that it announces.
#[derive(Clone, Copy)]
pub(super) struct Indicator<'a> {
    first: u8,
    extension: &'a [u8],
}

impl<'a> Indicator<'a> {
    pub(super) fn decode(i: &'a [u8]) -> Parsed<'a, Self> {
        let (behind, first) = parse::octet(i, "TP-PI")?;
        let mut count = 0;
        let mut last = first;
        let mut rest = behind;
        while last & EXTENSION != 0 {
            (rest, last) = parse::octet(rest, "TP-PI")?;
            count += 1;
        }
        let extension = behind.get(..count).unwrap_or_default();
        Ok((rest, Self { first, extension }))
    }

    /// The elements announced. `header` is TP-UDHI.
    pub(super) fn parameters(self, i: &'a [u8], header: bool) -> Parsed<'a, Parameters<'a>> {
        let (i, pid) = self.announced(PID, i, |i| parse::octet(i, "TP-PID"))?;
        let (i, dcs) = self.announced(DCS, i, |i| parse::octet(i, "TP-DCS"))?;
        let dcs = dcs.map(TpDcs);
        let (i, user_data) = self.announced(USER_DATA, i, |i| {
            UserData::decode(i, dcs.unwrap_or_default(), header)
        })?;
        let (reserved, extension) = (self.first & RESERVED, self.extension);
        Ok((
            i,
            Parameters {
                reserved,
                extension,
                pid: pid.map(TpPid),
                dcs,
                user_data,
            },
        ))
    }

    fn announced<T>(
        self,
        bit: u8,
        i: &'a [u8],
        element: impl FnOnce(&'a [u8]) -> Parsed<'a, T>,
    ) -> Parsed<'a, Option<T>> {
        if self.first & bit == 0 {
            return Ok((i, None));
        }
        let (i, value) = element(i)?;
        Ok((i, Some(value)))
    }
}

impl Parameters<'_> {
    /// TP-PI's first octet.
    pub fn indicator(&self) -> u8 {
        let announce = |bit, present| if present { bit } else { 0 };
        self.reserved & RESERVED
            | announce(EXTENSION, !self.extension.is_empty())
            | announce(PID, self.pid.is_some())
            | announce(DCS, self.dcs.is_some())
            | announce(USER_DATA, self.user_data.is_some())
    }

    pub(super) fn encode_indicator(&self, out: &mut Vec<u8>) {
        out.push(self.indicator());
        out.extend_from_slice(self.extension);
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend(self.pid.map(|pid| pid.0));
        out.extend(self.dcs.map(|dcs| dcs.0));
        if let Some(user_data) = &self.user_data {
            user_data.agrees_with(self.dcs.unwrap_or_default())?;
            user_data.encode(out);
        }
        Ok(())
    }
}
