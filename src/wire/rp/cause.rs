//! RP-Cause (TS 24.011 clause 8.2.5.4).

use crate::base::{DecodeError, Fault};
use crate::wire::values::octet_values;

octet_values! {
    /// RP-Cause values (TS 24.011 table 8.4), 7 bits.
    pub enum RpCause {
        /// 1: unassigned (unallocated) number.
        UnassignedNumber = 1,
        /// 8: operator determined barring.
        OperatorDeterminedBarring = 8,
        /// 10: call barred.
        CallBarred = 10,
        /// 11: reserved.
        Reserved = 11,
        /// 21: short message transfer rejected.
        ShortMessageTransferRejected = 21,
        /// 22: memory capacity exceeded, from the phone only.
        MemoryCapacityExceeded = 22,
        /// 27: destination out of order.
        DestinationOutOfOrder = 27,
        /// 28: unidentified subscriber.
        UnidentifiedSubscriber = 28,
        /// 29: facility rejected.
        FacilityRejected = 29,
        /// 30: unknown subscriber.
        UnknownSubscriber = 30,
        /// 38: network out of order.
        NetworkOutOfOrder = 38,
        /// 41: temporary failure.
        TemporaryFailure = 41,
        /// 42: congestion.
        Congestion = 42,
        /// 47: resources unavailable, unspecified.
        ResourcesUnavailable = 47,
        /// 50: requested facility not subscribed.
        FacilityNotSubscribed = 50,
        /// 69: requested facility not implemented.
        FacilityNotImplemented = 69,
        /// 81: invalid short message transfer reference value.
        InvalidTransferReference = 81,
        /// 95: semantically incorrect message.
        SemanticallyIncorrectMessage = 95,
        /// 96: invalid mandatory information.
        InvalidMandatoryInformation = 96,
        /// 97: message type non-existent or not implemented.
        MessageTypeNonExistent = 97,
        /// 98: message not compatible with the short message protocol state.
        MessageNotCompatibleWithState = 98,
        /// 99: information element non-existent or not implemented.
        InformationElementNonExistent = 99,
        /// 111: protocol error, unspecified.
        ProtocolError = 111,
        /// 127: interworking, unspecified.
        Interworking = 127,
    }
}

impl DecodeError {
    /// The RP-Cause for this error (TS 24.011 clauses 8.2.5.4 and 9.3). This is the only mapping of errors to
    /// RP-Causes.
    pub const fn rp_cause(self) -> RpCause {
        match self.fault {
            Fault::Reserved => RpCause::MessageTypeNonExistent,
            Fault::Truncated | Fault::TooLong | Fault::TooShort | Fault::Malformed => {
                RpCause::InvalidMandatoryInformation
            }
            Fault::Inconsistent => RpCause::SemanticallyIncorrectMessage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives() {
        for octet in 0..=127 {
            assert_eq!(u8::from(RpCause::from(octet)), octet);
        }
        assert_eq!(RpCause::from(22), RpCause::MemoryCapacityExceeded);
        assert_eq!(RpCause::from(23), RpCause::Other(23));
    }
}
