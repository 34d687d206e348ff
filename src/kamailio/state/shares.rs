//! How many exchanges each sender has open, so that one sender cannot take the places of all others. One look-up
//! for each exchange, however many senders there are.

use crate::exchange::Full;
use crate::kamailio::sys::sharing::{Memory, plain};

/// One sender's share. Links are places counted from 1; 0 is the end.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    sender: u64,
    open: u32,
    next: u32,
}

/// The shares of all senders.
pub(super) struct Shares<M: Memory> {
    /// The largest number of exchanges that one sender may have open.
    most: u32,
    /// Ends of the chains; their number is a power of two.
    heads: M::Array<u32>,
    /// One place for each exchange that can be open: there cannot be more senders.
    places: M::Array<Share>,
    /// First of the places that were used and are free again.
    free: u32,
    /// How many places were ever used.
    touched: u32,
    /// How many senders have something open.
    senders: u32,
}

plain!(struct Share { sender, open, next });
plain!([M: Memory] struct Shares<M> as Shares { most, heads, places, free, touched, senders });

impl<M: Memory> Shares<M> {
    /// For this many exchanges, of which one sender may have `most`; `None` when shared memory is too small.
    pub(super) fn new(places: u32, most: u32) -> Option<Self> {
        let places = usize::try_from(places).ok()?;
        Some(Self {
            most,
            heads: M::array(places.next_power_of_two(), |_| 0)?,
            places: M::array(places, |_| Share::default())?,
            free: 0,
            touched: 0,
            senders: 0,
        })
    }

    /// Counts one more exchange of this sender. The returned number must be given back with the exchange; 0 for no sender.
    pub(super) fn take(&mut self, sender: u64) -> Result<u32, Full> {
        if sender == 0 {
            return Ok(0);
        }
        if let Some(number) = self.find(sender) {
            let most = self.most;
            let share = self.share(number).ok_or(Full::Table)?;
            if share.open >= most {
                return Err(Full::Sender);
            }
            share.open += 1;
            return Ok(number);
        }
        if self.most == 0 {
            return Err(Full::Sender);
        }
        let number = self.free_place().ok_or(Full::Table)?;
        let head = self.head(sender).ok_or(Full::Table)?;
        let next = std::mem::replace(head, number);
        *self.share(number).ok_or(Full::Table)? = Share {
            sender,
            open: 1,
            next,
        };
        self.senders += 1;
        Ok(number)
    }

    /// An exchange has ended that was opened with this number.
    pub(super) fn give_back(&mut self, number: u32) {
        let Some(share) = self.share(number) else {
            return;
        };
        share.open = share.open.saturating_sub(1);
        let Share { sender, open, next } = *share;
        if open > 0 {
            return;
        }
        self.unlink(sender, number, next);
        let free = std::mem::replace(&mut self.free, number);
        if let Some(share) = self.share(number) {
            *share = Share {
                next: free,
                ..Share::default()
            };
        }
        self.senders = self.senders.saturating_sub(1);
    }

    /// How many exchanges this sender has open.
    pub(super) fn open(&self, sender: u64) -> u32 {
        let number = self.find(sender).unwrap_or(0);
        self.at(number).map_or(0, |share| share.open)
    }

    /// How many senders have something open.
    pub(super) fn senders(&self) -> u32 {
        self.senders
    }

    fn at(&self, number: u32) -> Option<&Share> {
        self.places.get(number.checked_sub(1)? as usize)
    }

    fn share(&mut self, number: u32) -> Option<&mut Share> {
        self.places.get_mut(number.checked_sub(1)? as usize)
    }

    /// The chain in which a sender's share hangs.
    fn chain(&self, sender: u64) -> usize {
        let mask = self.heads.len().saturating_sub(1);
        usize::try_from(sender & mask as u64).unwrap_or(0)
    }

    fn head(&mut self, sender: u64) -> Option<&mut u32> {
        let chain = self.chain(sender);
        self.heads.get_mut(chain)
    }

    fn find(&self, sender: u64) -> Option<u32> {
        let mut number = *self.heads.get(self.chain(sender))?;
        loop {
            let share = self.at(number)?;
            if share.sender == sender {
                return Some(number);
            }
            number = share.next;
        }
    }

    fn free_place(&mut self) -> Option<u32> {
        let free = self.free;
        if let Some(share) = self.share(free) {
            self.free = share.next;
            return Some(free);
        }
        let number = self.touched + 1;
        self.share(number)?;
        self.touched = number;
        Some(number)
    }

    fn unlink(&mut self, sender: u64, number: u32, next: u32) {
        let Some(head) = self.head(sender) else {
            return;
        };
        if *head == number {
            *head = next;
            return;
        }
        let mut before = *head;
        while let Some(share) = self.share(before) {
            if share.next == number {
                share.next = next;
                return;
            }
            before = share.next;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::kamailio::sys::sharing::Heap;

    fn shares(places: u32, most: u32) -> Shares<Heap> {
        Shares::new(places, most).unwrap()
    }

    #[test]
    fn the_limit_is_exact_and_everybody_has_one_of_their_own() {
        let mut shares = shares(4, 2);
        let first = shares.take(5).unwrap();
        assert_eq!(shares.take(5), Ok(first));
        assert_eq!(shares.take(5), Err(Full::Sender));
        // In the same chain.
        assert!(shares.take(9).is_ok());
        assert_eq!((shares.open(5), shares.open(9), shares.open(1)), (2, 1, 0));
        shares.give_back(first);
        assert_eq!(shares.take(5), Ok(first));
        assert_eq!(shares.take(5), Err(Full::Sender));
    }

    #[test]
    fn exchanges_without_a_sender_have_no_limit() {
        let mut shares = shares(1, 1);
        for _ in 0..10 {
            assert_eq!(shares.take(0), Ok(0));
        }
        shares.give_back(0);
        assert_eq!(shares.senders(), 0);
    }

    #[test]
    fn nothing_leaks_in_any_order() {
        let (seeds, rounds) = if cfg!(miri) { (2, 200) } else { (50, 3_000) };
        for seed in 1..=seeds {
            let seed: u64 = seed;
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut next = move || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random
            };
            let mut shares = shares(64, 5);
            let (mut open, mut model) = (Vec::new(), HashMap::<u64, u32>::new());
            for _ in 0..rounds {
                if open.is_empty() || next() % 5 < 3 {
                    // Several in each chain.
                    let sender = next() % 40 * 16;
                    let has = model.get(&sender).copied().unwrap_or(0);
                    if open.len() == 64 {
                        continue;
                    }
                    match shares.take(sender) {
                        Ok(number) => {
                            assert!(sender == 0 || has < 5, "seed {seed}");
                            *model.entry(sender).or_default() += 1;
                            open.push((sender, number));
                        }
                        Err(full) => {
                            assert_eq!((full, has), (Full::Sender, 5), "seed {seed}");
                        }
                    }
                } else {
                    let place = usize::try_from(next()).unwrap() % open.len();
                    let (sender, number) = open.swap_remove(place);
                    shares.give_back(number);
                    *model.get_mut(&sender).unwrap() -= 1;
                }
                for (sender, count) in model.iter().filter(|(sender, _)| **sender != 0) {
                    assert_eq!(shares.open(*sender), *count, "seed {seed}");
                }
            }
            for (_, number) in open.drain(..) {
                shares.give_back(number);
            }
            assert_eq!(shares.senders(), 0, "seed {seed}");
            // All places are free: as many senders fit as there are places.
            for sender in 1..=64 {
                assert!(shares.take(sender).is_ok(), "seed {seed}");
            }
            assert_eq!(shares.take(65), Err(Full::Table), "seed {seed}");
        }
    }
}
