//! TP-Status (TS 23.040 clause 9.2.3.15).

use crate::wire::values::octet_values;

octet_values! {
    /// Outcome of a short message. 10 to 1F, 30 to 3F, 50 to 5F and 70 to 7F are SC specific.
    pub enum TpSt {
        /// 00: received by the SME.
        Received = 0x00,
        /// 01: forwarded to the SME, but the SC is unable to confirm delivery.
        Forwarded = 0x01,
        /// 02: replaced by the SC.
        Replaced = 0x02,
        /// 20: congestion, SC still trying.
        TryingCongestion = 0x20,
        /// 21: SME busy, SC still trying.
        TryingSmeBusy = 0x21,
        /// 22: no response from SME, SC still trying.
        TryingNoResponse = 0x22,
        /// 23: service rejected, SC still trying.
        TryingServiceRejected = 0x23,
        /// 24: quality of service not available, SC still trying.
        TryingQosNotAvailable = 0x24,
        /// 25: error in SME, SC still trying.
        TryingErrorInSme = 0x25,
        /// 40: remote procedure error.
        RemoteProcedureError = 0x40,
        /// 41: incompatible destination.
        IncompatibleDestination = 0x41,
        /// 42: connection rejected by SME.
        ConnectionRejected = 0x42,
        /// 43: not obtainable.
        NotObtainable = 0x43,
        /// 44: quality of service not available.
        QosNotAvailable = 0x44,
        /// 45: no interworking available.
        NoInterworking = 0x45,
        /// 46: validity period expired.
        ValidityPeriodExpired = 0x46,
        /// 47: deleted by originating SME.
        DeletedByOriginator = 0x47,
        /// 48: deleted by SC administration.
        DeletedByAdministration = 0x48,
        /// 49: short message does not exist.
        DoesNotExist = 0x49,
        /// 60: congestion, no more attempts.
        StoppedCongestion = 0x60,
        /// 61: SME busy, no more attempts.
        StoppedSmeBusy = 0x61,
        /// 62: no response from SME, no more attempts.
        StoppedNoResponse = 0x62,
        /// 63: service rejected, no more attempts.
        StoppedServiceRejected = 0x63,
        /// 64: quality of service not available, no more attempts.
        StoppedQosNotAvailable = 0x64,
        /// 65: error in SME, no more attempts.
        StoppedErrorInSme = 0x65,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives() {
        for octet in 0..=u8::MAX {
            assert_eq!(u8::from(TpSt::from(octet)), octet);
        }
    }
}
