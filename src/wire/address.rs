//! Type of number and numbering plan of RP and TP addresses (TS 23.040 clause 9.1.2.5).

use crate::wire::values::octet_values;

octet_values! {
    /// Type of number, bits 7 to 5 of the type of address.
    pub enum TypeOfNumber {
        /// 0: unknown.
        Unknown = 0,
        /// 1: international number.
        International = 1,
        /// 2: national number.
        National = 2,
        /// 3: network specific number.
        NetworkSpecific = 3,
        /// 4: subscriber number.
        Subscriber = 4,
        /// 5: alphanumeric, GSM 7-bit default alphabet.
        Alphanumeric = 5,
        /// 6: abbreviated number.
        Abbreviated = 6,
    }
}

octet_values! {
    /// Numbering plan identification, bits 4 to 1 of the type of address.
    pub enum NumberingPlan {
        /// 0: unknown.
        Unknown = 0,
        /// 1: ISDN/telephone numbering plan (E.164).
        E164 = 1,
        /// 3: data numbering plan (X.121).
        X121 = 3,
        /// 4: telex numbering plan.
        Telex = 4,
        /// 5: service centre specific plan.
        ServiceCentreSpecific5 = 5,
        /// 6: service centre specific plan.
        ServiceCentreSpecific6 = 6,
        /// 8: national numbering plan.
        National = 8,
        /// 9: private numbering plan.
        Private = 9,
        /// 10: ERMES numbering plan.
        Ermes = 10,
    }
}

/// The octet of type of number and numbering plan; bit 8 is always 1.
pub(crate) fn type_of_address(ton: TypeOfNumber, npi: NumberingPlan) -> u8 {
    0b1000_0000 | (u8::from(ton) & 0b111) << 4 | u8::from(npi) & 0b1111
}
