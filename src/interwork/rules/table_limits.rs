//! How many exchanges may be open: in all, for one party on the SMS side, and of one sender.

use crate::base::wanted;

/// By default one sender may have this part of all exchanges.
const SENDERS: i64 = 16;

/// The default for one sender is at least this: a long message to several recipients fits.
const LEAST_OF_SENDER: i64 = 50;

/// The limits of the table of open exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableLimits {
    /// In all (`max_pending`).
    pub all: i64,
    /// For one party (`max_per_party`).
    pub party: i64,
    /// Of one sender (`max_per_sender`).
    pub sender: i64,
}

impl TableLimits {
    /// Checks the parameters, and sets the defaults of those that are 0. An error lists the accepted values.
    pub fn check(all: i64, party: i64, sender: i64) -> Result<Self, String> {
        let party = match party {
            0 => (all / 2).max(1),
            party => party,
        };
        let sender = match sender {
            0 => (all / SENDERS).max(LEAST_OF_SENDER).min(all),
            sender => sender,
        };
        for (name, value) in [("max_per_party", party), ("max_per_sender", sender)] {
            if value > all {
                let what = format!("a number from 0 to max_pending ({all})");
                return Err(wanted(name, &value.to_string(), &what));
            }
        }
        Ok(Self { all, party, sender })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_follow_from_max_pending() {
        for (all, party, sender) in [
            (20_000, 10_000, 1_250),
            (100, 50, 50),
            (10, 5, 10),
            (1, 1, 1),
        ] {
            let limits = TableLimits { all, party, sender };
            assert_eq!(TableLimits::check(all, 0, 0), Ok(limits));
        }
    }

    #[test]
    fn no_limit_is_above_max_pending() {
        assert!(TableLimits::check(10, 10, 10).is_ok());
        for (party, sender) in [(11, 0), (0, 11)] {
            let error = TableLimits::check(10, party, sender).unwrap_err();
            assert!(error.contains("from 0 to max_pending (10)"), "{error}");
        }
    }
}
