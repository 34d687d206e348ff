//! How long the gateway needs a transaction, and copies of its request may come.

use crate::interwork::rules::policy::Policy;

/// Milliseconds for which a sender repeats a request that gets no answer: 64*T1 (RFC 3261 §17.1.2.2). A copy gets the same answer.
pub const COPIES_MS: u64 = 32_000;

/// The times of the host must be longer than ours by this margin.
const MARGIN_MS: u64 = 1_000;

impl Policy {
    /// Checks the times of the host's transactions, in milliseconds: `lifetime_ms` without a final response,
    /// `wait_ms` after one. The error says what to write instead.
    pub fn check_transactions(&self, lifetime_ms: u64, wait_ms: u64) -> Result<(), String> {
        let longest = self.hold_timeout_ms.max(self.im_timeout_ms) + MARGIN_MS;
        if lifetime_ms < longest {
            return Err(format!(
                "tm ends a transaction after {lifetime_ms} ms (max_noninv_lifetime), before hold_timeout ({} s) or im_timeout ({} s) is over: write modparam(\"tm\", \"max_noninv_lifetime\", {longest}) or more, or smaller numbers for these",
                self.hold_timeout_ms / 1000,
                self.im_timeout_ms / 1000
            ));
        }
        if self.accept_timeout_ms >= self.im_timeout_ms {
            return Ok(());
        }
        let behind = self.im_timeout_ms - self.accept_timeout_ms + MARGIN_MS;
        if wait_ms < behind {
            return Err(format!(
                "tm forgets a transaction {wait_ms} ms behind its answer (wt_timer), but an instant messaging client may answer {} s behind the 202 to a short message (im_timeout {} s, accept_timeout {} s): write modparam(\"tm\", \"wt_timer\", {behind}) or more, or an im_timeout that is nearer to accept_timeout",
                (self.im_timeout_ms - self.accept_timeout_ms) / 1000,
                self.im_timeout_ms / 1000,
                self.accept_timeout_ms / 1000
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interwork::rules::settings::Settings;

    fn good() -> Settings<'static> {
        Settings {
            domain: "IMS.example",
            sc_address: "+15559999",
            ..Settings::default()
        }
    }

    #[test]
    fn transactions_must_live_as_long_as_they_are_needed() {
        let with = |hold_timeout, im_timeout, accept_timeout| {
            let settings = Settings {
                hold_timeout,
                im_timeout,
                accept_timeout,
                ..good()
            };
            Policy::check(&settings).unwrap()
        };
        for (policy, lifetime, wait, named) in [
            (with(20, 20, 4), 32_000, 17_000, ""),
            (with(20, 20, 4), 32_000, 16_999, "\"wt_timer\", 17000"),
            (with(20, 20, 20), 32_000, 5_000, ""),
            (with(20, 10, 30), 32_000, 5_000, ""),
            (
                with(30, 30, 29),
                30_000,
                5_000,
                "\"max_noninv_lifetime\", 31000",
            ),
            (
                with(4, 20, 4),
                20_000,
                32_000,
                "\"max_noninv_lifetime\", 21000",
            ),
        ] {
            match policy.check_transactions(lifetime, wait) {
                Ok(()) => assert_eq!(named, ""),
                Err(sentence) => {
                    assert!(!named.is_empty() && sentence.contains(named), "{sentence}")
                }
            }
        }
    }
}
