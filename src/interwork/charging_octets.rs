//! A charging record as octets, for a file with which a later start goes on. Each field is named below, so a new field does not
//! compile before it has its place; the version changes with it.

use arrayvec::ArrayVec;

use super::charging::{Charged, ChargingRecord, Interface, Interworking};
use super::ended::Ending;
use crate::exchange::{Damaged, Encoded, Layout, Out, Reader, enumeration, structure};

enumeration!(Charged { 0 => Submission, 1 => Delivery, 2 => Report });
enumeration!(Interworking { 0 => SmToIm, 1 => ImToSm, 2 => SmToSm, 3 => ImToIm });
enumeration!(Ending { 0 => Delivered, 1 => Accepted, 2 => Failed });
enumeration!(Interface {
    0 => Unknown,
    1 => MobileOriginating,
    2 => MobileTerminating,
    3 => ApplicationOriginating,
    4 => ApplicationTerminating,
});
structure!(ChargingRecord {
    exchange,
    number,
    node,
    about,
    way,
    result,
    event_unix,
    submitted_unix,
    originator,
    originator_interface,
    recipient,
    recipient_interface,
    session_id,
    message_id,
    node_address,
    tp_mr,
    tp_pid,
    tp_dcs,
    reply_path,
    has_header,
    size,
    parts,
    part,
    report_requested,
    tp_status,
    discharged_unix,
    sip_status,
    rp_cause,
    tp_fcs
});

impl ChargingRecord {
    /// The version of the form of its octets.
    pub const FORM: u64 = 1;

    /// More octets than a record can have.
    pub const MOST_OCTETS: usize = 1_256;

    /// Its octets.
    pub fn encode(&self) -> ArrayVec<u8, { Self::MOST_OCTETS }> {
        let mut out = ArrayVec::new();
        self.put(&mut out);
        out
    }

    /// The record of these octets, which [`encode`](Self::encode) made.
    pub fn decode(octets: &[u8]) -> Result<Self, Damaged> {
        let mut from = Reader::of(octets, Layout::Third);
        let record = from.take("record")?;
        from.end()?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::base::Text;
    use crate::exchange::ExchangeKey;
    use crate::interwork::charging::Outcome;

    fn short() -> ChargingRecord {
        let outcome = Outcome::new(Charged::Report, Ending::Accepted, 0);
        ChargingRecord::new(Interworking::SmToSm, &outcome, -1)
    }

    /// Each field has its longest value.
    fn long() -> ChargingRecord {
        let text = Text::new(&"x".repeat(254)).unwrap();
        ChargingRecord {
            exchange: ExchangeKey::new(u16::MAX, (1 << 56) - 1),
            number: u64::MAX,
            node: u16::MAX,
            about: Charged::Submission,
            way: Interworking::ImToIm,
            result: Ending::Failed,
            event_unix: i64::MAX,
            submitted_unix: Some(i64::MIN),
            originator: text,
            originator_interface: Interface::ApplicationTerminating,
            recipient: text,
            recipient_interface: Interface::Unknown,
            session_id: text,
            message_id: text,
            node_address: Text::new(&"1".repeat(30)).unwrap(),
            tp_mr: Some(255),
            tp_pid: Some(255),
            tp_dcs: Some(255),
            reply_path: Some(true),
            has_header: Some(false),
            size: Some(255),
            parts: 255,
            part: Some(255),
            report_requested: true,
            tp_status: Some(255),
            discharged_unix: Some(i64::MAX),
            sip_status: Some(699),
            rp_cause: Some(127),
            tp_fcs: Some(255),
        }
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        for record in [short(), long()] {
            let octets = record.encode();
            assert!(ChargingRecord::decode(&octets) == Ok(record));
            assert!(!octets.is_full());
            for end in 0..octets.len() {
                assert!(ChargingRecord::decode(&octets[..end]).is_err());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn changed_octets_give_a_valid_record_or_none(at in 0..1_256_usize, to in any::<u8>()) {
            let mut octets = long().encode();
            if let Some(octet) = octets.get_mut(at) {
                *octet = to;
            }
            if let Ok(record) = ChargingRecord::decode(&octets) {
                prop_assert_eq!(record.encode(), octets);
                for field in &ChargingRecord::FIELDS {
                    let _ = field.of(&record);
                }
            }
        }

        #[test]
        fn any_octets_give_a_valid_record_or_none(octets in vec(any::<u8>(), 0..200)) {
            if let Ok(record) = ChargingRecord::decode(&octets) {
                prop_assert_eq!(&record.encode()[..], &octets[..]);
            }
        }
    }
}
