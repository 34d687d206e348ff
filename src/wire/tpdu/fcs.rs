//! TP-Failure-Cause (TS 23.040 clause 9.2.3.22).

use crate::wire::values::octet_values;

octet_values! {
    /// Reason why a short message was refused. E0 to FE are application specific.
    pub enum TpFcs {
        /// 80: telematic interworking not supported.
        TelematicInterworkingNotSupported = 0x80,
        /// 81: short message type 0 not supported.
        Type0NotSupported = 0x81,
        /// 82: cannot replace short message.
        CannotReplace = 0x82,
        /// 8F: unspecified TP-PID error.
        UnspecifiedPidError = 0x8f,
        /// 90: data coding scheme (alphabet) not supported.
        AlphabetNotSupported = 0x90,
        /// 91: message class not supported.
        MessageClassNotSupported = 0x91,
        /// 9F: unspecified TP-DCS error.
        UnspecifiedDcsError = 0x9f,
        /// A0: command cannot be actioned.
        CommandCannotBeActioned = 0xa0,
        /// A1: command unsupported.
        CommandUnsupported = 0xa1,
        /// AF: unspecified TP-Command error.
        UnspecifiedCommandError = 0xaf,
        /// B0: TPDU not supported.
        TpduNotSupported = 0xb0,
        /// C0: SC busy.
        ScBusy = 0xc0,
        /// C1: no SC subscription.
        NoScSubscription = 0xc1,
        /// C2: SC system failure.
        ScSystemFailure = 0xc2,
        /// C3: invalid SME address.
        InvalidSmeAddress = 0xc3,
        /// C4: destination SME barred.
        DestinationSmeBarred = 0xc4,
        /// C5: short message rejected, duplicate.
        RejectedDuplicate = 0xc5,
        /// C6: TP-VPF not supported.
        VpfNotSupported = 0xc6,
        /// C7: TP-VP not supported.
        VpNotSupported = 0xc7,
        /// D0: (U)SIM SMS storage full.
        SimStorageFull = 0xd0,
        /// D1: no SMS storage capability in (U)SIM.
        NoSimStorage = 0xd1,
        /// D2: error in MS.
        ErrorInMs = 0xd2,
        /// D3: memory capacity exceeded.
        MemoryCapacityExceeded = 0xd3,
        /// D4: (U)SIM application toolkit busy.
        SimToolkitBusy = 0xd4,
        /// D5: (U)SIM data download error.
        SimDataDownloadError = 0xd5,
        /// FF: unspecified error cause.
        Unspecified = 0xff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives() {
        for octet in 0..=u8::MAX {
            assert_eq!(u8::from(TpFcs::from(octet)), octet);
        }
        assert_eq!(TpFcs::from(0xd3), TpFcs::MemoryCapacityExceeded);
        assert_eq!(TpFcs::from(0x12), TpFcs::Other(0x12));
    }
}
