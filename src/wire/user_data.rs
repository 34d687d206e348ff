//! TP-User-Data-Length and TP-User-Data (TS 23.040 clauses 9.2.3.16 and 9.2.3.24).

use super::alphabet::{Alphabet, NationalLanguage, ShiftTables, TpDcs, gsm7, ucs2};
use super::parse::{self, Parsed, malformed};
use super::udh::{Concatenation, UserDataHeader, user_data_header};
use crate::base::{EncodeError, Fault};

/// Most octets of TP-User-Data (TS 23.040 clause 9.2.3.24).
pub(crate) const MAX_OCTETS: usize = 140;

/// TP-UDL and TP-UD whose lengths have been found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserData<'a> {
    dcs: TpDcs,
    length: u8,
    octets: &'a [u8],
    header: Option<UserDataHeader<'a>>,
}

/// Why user data has no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotText {
    /// It is 8-bit data.
    EightBit,
    /// It is compressed, and nobody implements TS 23.042.
    Compressed,
}

impl<'a> UserData<'a> {
    /// User data of length 0.
    pub const EMPTY: Self = Self {
        dcs: TpDcs(0),
        length: 0,
        octets: &[],
        header: None,
    };

    /// TP-UDL and the octets that it announces. `indicator` is TP-UDHI, the bit that says whether they
    /// begin with a header.
    pub(crate) fn decode(i: &'a [u8], dcs: TpDcs, indicator: bool) -> Parsed<'a, Self> {
        let (rest, length) = parse::octet(i, "TP-UDL")?;
        let mut count = octet_count(dcs, length);
        // TP-UD is the last element. Where TP-UDL counts its octets, or where nobody knows what TP-UDL counts,
        // all of them are kept: it is not the alphabet that a receiver is to assume.
        // (Zeros behind septets are padding.)
        let behind = rest.get(count..).unwrap_or_default();
        let counts_octets =
            rest.len() == usize::from(length) && behind.iter().any(|octet| *octet != 0);
        if dcs.counts_septets() && rest.len() > count && (counts_octets || dcs.is_reserved()) {
            count = rest.len();
        }
        if count > MAX_OCTETS {
            return malformed(i, "TP-UDL", Fault::TooLong);
        }
        let (rest, octets) = parse::octets(rest, count, "TP-UD")?;
        // An indicator without a single octet is seen; there is no header then.
        let header = if indicator && !octets.is_empty() {
            Some(user_data_header(octets)?.1)
        } else {
            None
        };
        Ok((
            rest,
            Self {
                dcs,
                length,
                octets,
                header,
            },
        ))
    }

    /// User data from octets that are there already: `length` is TP-UDL, in septets or octets as `dcs`
    /// says, and `indicator` tells whether the octets begin with a header.
    pub fn from_octets(
        dcs: TpDcs,
        indicator: bool,
        length: usize,
        octets: &'a [u8],
    ) -> Result<Self, EncodeError> {
        let limit = if dcs.counts_septets() {
            gsm7::MAX_SEPTETS
        } else {
            MAX_OCTETS
        };
        let too_long = EncodeError::TooLong {
            element: "TP-UD",
            limit,
        };
        let length = u8::try_from(length).map_err(|_| too_long)?;
        if octet_count(dcs, length) > MAX_OCTETS {
            return Err(too_long);
        }
        if octet_count(dcs, length) != octets.len() {
            return Err(EncodeError::Inconsistent { element: "TP-UDL" });
        }
        let header = if indicator {
            let header = parse::whole(octets, user_data_header);
            Some(header.map_err(|_| EncodeError::Inconsistent { element: "UDHL" })?)
        } else {
            None
        };
        Ok(Self {
            dcs,
            length,
            octets,
            header,
        })
    }

    /// User data that we made ourselves: `length` and `octets` agree, and `header` is at their start.
    pub(super) const fn made(
        dcs: TpDcs,
        length: u8,
        octets: &'a [u8],
        header: Option<UserDataHeader<'a>>,
    ) -> Self {
        Self {
            dcs,
            length,
            octets,
            header,
        }
    }

    /// The coding that the length counts by and the text is written in.
    pub const fn dcs(&self) -> TpDcs {
        self.dcs
    }

    /// TP-UDL: septets in the GSM 7-bit alphabet, octets otherwise; a header is counted with it.
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// All octets, with the header.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The header, when TP-UDHI announces one.
    pub const fn header(&self) -> Option<UserDataHeader<'a>> {
        self.header
    }

    /// Which part of a concatenated short message this is.
    pub fn concatenation(&self) -> Option<Concatenation> {
        self.header?.concatenation()
    }

    /// The octets behind the header.
    pub fn body(&self) -> &'a [u8] {
        self.octets.get(self.header_octets()..).unwrap_or_default()
    }

    /// Whether the octets cannot be what TP-DCS says: more octets than the septets of TP-UDL take, bits behind the
    /// last septet of an alphabet that is only assumed, half a character of UCS2.
    pub fn is_contradicted(&self) -> bool {
        if self.dcs.is_compressed() {
            return false;
        }
        match self.dcs.alphabet() {
            Alphabet::EightBit => false,
            Alphabet::Ucs2 => !self.body().len().is_multiple_of(2),
            Alphabet::Gsm7 => {
                let septets = usize::from(self.length);
                self.octets.len() > gsm7::octet_count(septets)
                    || self.dcs.is_reserved() && gsm7::has_fill(self.octets, septets)
            }
        }
    }

    /// Appends the text. Where a surrogate pair was cut between two parts its half shows as U+FFFD.
    pub fn text_into(&self, out: &mut String) -> Result<(), NotText> {
        if self.dcs.is_compressed() {
            return Err(NotText::Compressed);
        }
        match self.dcs.alphabet() {
            Alphabet::EightBit => return Err(NotText::EightBit),
            Alphabet::Ucs2 => ucs2::decode([self.body()], out),
            Alphabet::Gsm7 => {
                let first = gsm7::septet_count(self.header_octets());
                let end = usize::from(self.length);
                gsm7::decode(self.octets, first, end, shift_tables(self.header), out);
            }
        }
        Ok(())
    }

    /// The text in a `String` of its own.
    pub fn text(&self) -> Result<String, NotText> {
        let mut text = String::new();
        self.text_into(&mut text)?;
        Ok(text)
    }

    /// Whether the octets may be text in a character set that two networks agreed on. Septets that fill fewer octets
    /// than there are septets are what TS 23.038 says.
    pub fn may_be_in_charset(&self) -> bool {
        let is_octets = || usize::from(self.length) <= self.octets.len() || self.is_contradicted();
        self.dcs.may_have_charset() && (!self.dcs.counts_septets() || is_octets())
    }

    /// Whether it is UCS2 with a half of a surrogate pair that lacks the other.
    pub fn has_lone_surrogate(&self) -> bool {
        self.dcs.alphabet() == Alphabet::Ucs2
            && !self.dcs.is_compressed()
            && ucs2::has_lone_surrogate(self.body())
    }

    /// Whether a TPDU's TP-DCS says of this user data what it was made for.
    pub(crate) fn agrees_with(&self, dcs: TpDcs) -> Result<(), EncodeError> {
        let same = self.length == 0
            || self.dcs.alphabet() == dcs.alphabet()
                && self.dcs.is_compressed() == dcs.is_compressed();
        if same {
            Ok(())
        } else {
            Err(EncodeError::Inconsistent { element: "TP-DCS" })
        }
    }

    /// Appends TP-UDL and TP-UD.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.length);
        out.extend_from_slice(self.octets);
    }

    /// UDHL and what it counts.
    fn header_octets(&self) -> usize {
        self.header.map_or(0, |header| 1 + header.octets().len())
    }
}

/// The tables that a header puts in force (TS 23.038 clause 6.2.1.2).
pub(super) fn shift_tables(header: Option<UserDataHeader<'_>>) -> ShiftTables {
    let Some(header) = header else {
        return ShiftTables::DEFAULT;
    };
    let [locking, single] = [header.locking_shift(), header.single_shift()]
        .map(|language| language.unwrap_or(NationalLanguage::Default));
    ShiftTables::of(locking, single)
}

/// Octets that TP-UDL announces.
fn octet_count(dcs: TpDcs, length: u8) -> usize {
    let length = usize::from(length);
    if dcs.counts_septets() {
        gsm7::octet_count(length)
    } else {
        length
    }
}
