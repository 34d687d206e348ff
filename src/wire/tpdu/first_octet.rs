//! The first octet of every TPDU: TP-MTI in bits 1 and 0, and flags that depend on the message
//! (TS 23.040 clause 9.2.2).

use crate::wire::user_data::UserData;

/// The first octet; its bits are counted from 0 as the specification does in clause 9.2.3.
#[derive(Clone, Copy)]
pub(super) struct FirstOctet(pub(super) u8);

/// TP-User-Data-Header-Indicator (clause 9.2.3.23).
const USER_DATA_HEADER: u8 = 6;

impl FirstOctet {
    /// With a TP-MTI and no flag.
    pub(super) const fn of(message_type: u8) -> Self {
        Self(message_type)
    }

    /// TP-Message-Type-Indicator (clause 9.2.3.1).
    pub(super) const fn message_type(self) -> u8 {
        self.0 & 0b11
    }

    /// A flag.
    pub(super) const fn bit(self, number: u8) -> bool {
        self.0 >> number & 1 != 0
    }

    /// With a flag set or not.
    pub(super) const fn with(self, number: u8, set: bool) -> Self {
        Self(self.0 | (set as u8) << number)
    }

    /// TP-UDHI.
    pub(super) const fn user_data_header(self) -> bool {
        self.bit(USER_DATA_HEADER)
    }

    /// With TP-UDHI as the user data has it.
    pub(super) fn with_header_of(self, user_data: Option<&UserData<'_>>) -> Self {
        let header = user_data.is_some_and(|user_data| user_data.header().is_some());
        self.with(USER_DATA_HEADER, header)
    }

    /// TP-Validity-Period-Format (clause 9.2.3.3): bits 4 and 3.
    pub(super) const fn validity_period_format(self) -> u8 {
        self.0 >> 3 & 0b11
    }

    /// With a TP-Validity-Period-Format.
    pub(super) const fn with_validity_period_format(self, format: u8) -> Self {
        Self(self.0 | (format & 0b11) << 3)
    }
}
