//! Call-IDs of our own: they name the exchange, so that In-Reply-To leads back to it.

use core::fmt::Write as _;

use super::Gateway;
use super::input::Named;
use crate::host::ExchangeId;

impl Gateway {
    /// The Call-ID of one attempt for an exchange.
    pub(super) fn call_id(&self, id: ExchangeId, attempt: u8) -> String {
        let ExchangeId { index, generation } = id;
        let mut out = String::with_capacity(40 + self.policy.domain.len());
        // Writing to a String does not fail.
        let _ = write!(out, "{index:x}-{generation:x}-{attempt:x}-{:x}@", self.boot);
        out.push_str(&self.policy.domain);
        out
    }

    /// What the Call-IDs in an In-Reply-To name.
    pub(super) fn named_in(&self, in_reply_to: Option<&str>) -> Named {
        let call_ids = in_reply_to.unwrap_or_default().split(',');
        call_ids
            .filter_map(|call_id| self.named(call_id.trim()))
            .next()
            .unwrap_or(Named::Nothing)
    }

    fn named(&self, call_id: &str) -> Option<Named> {
        let (local, domain) = call_id.split_once('@')?;
        let mut numbers = local
            .split('-')
            .map(|number| u64::from_str_radix(number, 16).ok());
        let mut number = || numbers.next().flatten();
        let (index, generation) = (number()?, number()?);
        let (_attempt, boot) = (number()?, number()?);
        if numbers.next().is_some() {
            return None;
        }
        // Hops have been seen to change what stands behind the "@".
        if boot == self.boot {
            return Some(Named::Exchange(ExchangeId {
                index: u32::try_from(index).ok()?,
                generation: u32::try_from(generation).ok()?,
            }));
        }
        (domain == self.policy.domain).then_some(Named::Past)
    }
}
