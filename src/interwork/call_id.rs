//! Call-IDs of our own: they name the exchange, so that In-Reply-To leads back to it.

use core::fmt::Write as _;

use super::Gateway;
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

    /// The exchange that one of the Call-IDs in an In-Reply-To names. What stands behind the `@` does
    /// not matter: hops have been seen to change it.
    pub(super) fn exchange_of(&self, in_reply_to: &str) -> Option<ExchangeId> {
        in_reply_to.split(',').find_map(|call_id| {
            let mut numbers = call_id.trim().split('@').next()?.split('-');
            let mut number = || u64::from_str_radix(numbers.next()?, 16).ok();
            let (index, generation) = (number()?, number()?);
            let (_attempt, boot) = (number()?, number()?);
            let id = ExchangeId {
                index: u32::try_from(index).ok()?,
                generation: u32::try_from(generation).ok()?,
            };
            (boot == self.boot).then_some(id)
        })
    }
}
