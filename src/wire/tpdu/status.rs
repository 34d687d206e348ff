//! TP-Status (TS 23.040 clause 9.2.3.15).

use crate::wire::values::octet_values;

octet_values! {
    /// What became of a short message. 10 to 1F, 30 to 3F, 50 to 5F and 70 to 7F are SC specific.
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

/// The four kinds of outcome, bits 7 and 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TpStKind {
    /// 00-1F: the transaction is complete.
    Completed,
    /// 20-3F: a temporary error, the SC still tries.
    Trying,
    /// 40-5F: a permanent error, the SC has stopped.
    Permanent,
    /// 60-7F: a temporary error, the SC has stopped.
    Stopped,
}

impl TpSt {
    /// The kind of outcome. A value with bit 8 is reserved and read as 63, service rejected.
    pub fn kind(self) -> TpStKind {
        match u8::from(self) >> 5 {
            0b000 => TpStKind::Completed,
            0b001 => TpStKind::Trying,
            0b010 => TpStKind::Permanent,
            _ => TpStKind::Stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_and_has_a_kind() {
        for octet in 0..=u8::MAX {
            assert_eq!(u8::from(TpSt::from(octet)), octet);
        }
        for (octet, kind) in [
            (0x00, TpStKind::Completed),
            (0x3f, TpStKind::Trying),
            (0x45, TpStKind::Permanent),
            (0x63, TpStKind::Stopped),
            (0x80, TpStKind::Stopped),
        ] {
            assert_eq!(TpSt::from(octet).kind(), kind, "{octet:02x}");
        }
    }
}
