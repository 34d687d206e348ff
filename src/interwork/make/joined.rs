//! The text of a short message, joined from its parts (row MT-6).

use core::fmt::Write as _;

use crate::base::Octets;
use crate::exchange::Party;
use crate::interwork::rules::coding::DcsCharsets;
use crate::wire::{Carrier, Direction, Parts, Tpdu, UserData};

/// The TPDU from this sender.
pub(crate) fn tpdu(party: Party, octets: &[u8]) -> Option<Tpdu<'_>> {
    let direction = match party {
        Party::Phone => Direction::MsToNetwork,
        Party::ServiceCentre => Direction::NetworkToMs,
    };
    Tpdu::decode(direction, Carrier::RpData, octets).ok()
}

/// The text of a short message, which may have several parts.
pub(crate) fn joined(
    charsets: &DcsCharsets,
    party: Party,
    tpdus: &[Octets<254>],
) -> Option<String> {
    let user_data: Vec<UserData<'_>> = tpdus
        .iter()
        .filter_map(|octets| match tpdu(party, octets.as_slice())? {
            Tpdu::Submit(submit) => Some(submit.user_data),
            Tpdu::Deliver(deliver) => Some(deliver.user_data),
            _ => None,
        })
        .collect();
    let first = user_data.first()?;
    let Some(place) = first.concatenation().filter(|place| place.total > 1) else {
        return charsets.text(first).ok();
    };
    let mut parts = Parts::of(&place);
    for part in user_data {
        parts.insert(part);
    }
    let mut text = String::with_capacity(160 * usize::from(place.total));
    let gap = |number: usize, out: &mut String| {
        // Writing to a String does not fail.
        let _ = write!(out, "[… {number}/{} missing]", place.total);
    };
    let read = |part: &UserData<'_>, out: &mut String| charsets.text_into(part, out);
    parts.text_with_gaps(gap, read, &mut text).ok()?;
    Some(text)
}
