//! The texts of the open exchanges. Most texts fit in the place of their exchange. Longer texts continue in a block of
//! a common stock; a long stored message has several blocks.

use std::sync::atomic::Ordering::{AcqRel, Relaxed};

use crate::exchange::{MOST_TEXT, Texts};
use crate::kamailio::sys::sharing::{AtomicU64, Guarded, Memory, plain};

/// Octets of texts that each place has room for: those of an exchange with two public identities, a next hop, a
/// Message-ID and a whole short message.
pub(super) const IN_PLACE: usize = 496;

/// Octets of a block.
const IN_BLOCK: usize = MOST_TEXT - IN_PLACE;

/// One block for this many places.
const PLACES_PER_BLOCK: u32 = 4;

/// The texts of one exchange, up to the size of its place.
pub(super) struct PlacedTexts {
    /// Octets in all.
    len: u32,
    /// How many blocks of the stock the place has a claim to.
    claim: u16,
    /// The first block.
    block: Option<u32>,
    octets: [u8; IN_PLACE],
}

plain!(struct PlacedTexts { len, claim, block, octets });

impl PlacedTexts {
    pub(super) const EMPTY: Self = Self {
        len: 0,
        claim: 0,
        block: None,
        octets: [0; IN_PLACE],
    };

    /// Takes blocks from the stock if this many octets need them; false: too few are left.
    pub(super) fn reserve(&mut self, octets: usize, stock: &mut u32) -> bool {
        let blocks = octets.saturating_sub(IN_PLACE).div_ceil(IN_BLOCK);
        let Ok(claim) = u16::try_from(blocks) else {
            return false;
        };
        let Some(rest) = stock.checked_sub(claim.into()) else {
            return false;
        };
        *stock = rest;
        self.claim = claim;
        true
    }

    /// Gives back what [`reserve`](Self::reserve) took.
    pub(super) fn clear(&mut self, stock: &mut u32) {
        *stock += u32::from(std::mem::take(&mut self.claim));
        self.len = 0;
    }

    /// How many octets it has room for.
    pub(super) fn room(&self) -> usize {
        IN_PLACE + usize::from(self.claim) * IN_BLOCK
    }
}

/// A part of the texts that do not fit into their place.
struct Block {
    next: Option<u32>,
    octets: [u8; IN_BLOCK],
}

plain!(struct Block { next, octets });

/// The blocks.
pub(super) struct Blocks<M: Memory> {
    blocks: M::Array<Guarded<M::Lock, Block>>,
    /// Which are taken: one bit each.
    taken: M::Array<AtomicU64>,
}

impl<M: Memory> Blocks<M> {
    /// For this many places; `None` when the memory is full.
    pub(super) fn new(places: u32) -> Option<Self> {
        let count = usize::try_from(Self::count(places)).ok()?;
        let empty = |_| {
            Guarded::new(Block {
                next: None,
                octets: [0; IN_BLOCK],
            })
        };
        Some(Self {
            blocks: M::array(count, empty)?,
            taken: M::array(count.div_ceil(64), |_| AtomicU64::new(0))?,
        })
    }

    /// The number of blocks for this many places.
    pub(super) fn count(places: u32) -> u32 {
        places.div_ceil(PLACES_PER_BLOCK)
    }

    /// Takes a block. A caller that has reserved a block finds one.
    fn take(&self) -> Option<u32> {
        let words = (0_u32..).zip(self.taken.iter());
        words
            .flat_map(|(word, taken)| (0..u64::BITS).map(move |bit| (word, bit, taken)))
            .map(|(word, bit, taken)| (word * u64::BITS + bit, bit, taken))
            .take(self.blocks.len())
            .find(|(_, bit, taken)| {
                let mask = 1 << bit;
                taken.load(Relaxed) & mask == 0 && taken.fetch_or(mask, AcqRel) & mask == 0
            })
            .map(|(block, ..)| block)
    }

    fn give_back(&self, block: u32) {
        if let Some(taken) = self.taken.get((block / u64::BITS) as usize) {
            taken.fetch_and(!(1 << (block % u64::BITS)), AcqRel);
        }
    }

    fn get(&self, block: u32) -> Option<&Guarded<M::Lock, Block>> {
        self.blocks.get(block as usize)
    }

    /// Writes the texts of an exchange, up to the room for them.
    pub(super) fn write(&self, place: &mut PlacedTexts, texts: &Texts) {
        let octets = texts.as_octets();
        let octets = octets.get(..place.room()).unwrap_or(octets);
        let (first, rest) = octets.split_at(octets.len().min(IN_PLACE));
        if let Some(to) = place.octets.get_mut(..first.len()) {
            to.copy_from_slice(first);
        }
        place.len = u32::try_from(octets.len()).unwrap_or(0);
        let mut before = None;
        for part in rest.chunks(IN_BLOCK) {
            // Blocks of an earlier text are used again.
            let known = match before {
                None => place.block,
                Some(before) => self.get(before).and_then(|block| block.lock().next),
            };
            let Some(number) = known.or_else(|| self.take()) else {
                return;
            };
            if known.is_none() {
                match before.and_then(|before| self.get(before)) {
                    Some(before) => before.lock().next = Some(number),
                    None => place.block = Some(number),
                }
            }
            if let Some(block) = self.get(number)
                && let Some(to) = block.lock().octets.get_mut(..part.len())
            {
                to.copy_from_slice(part);
            }
            before = Some(number);
        }
    }

    /// The texts of an exchange.
    pub(super) fn read(&self, place: &PlacedTexts) -> Texts {
        let len = place.len as usize;
        let first = place.octets.get(..len.min(IN_PLACE)).unwrap_or_default();
        if len <= IN_PLACE {
            return Texts::from_octets(first, &[]);
        }
        let mut rest = Vec::with_capacity(len - IN_PLACE);
        let mut next = place.block;
        while let Some(block) = next.and_then(|block| self.get(block)) {
            let block = block.lock();
            let left = (len - IN_PLACE - rest.len()).min(IN_BLOCK);
            rest.extend_from_slice(block.octets.get(..left).unwrap_or_default());
            // After the end there may be blocks of an earlier, longer text.
            next = block.next.filter(|_| rest.len() < len - IN_PLACE);
        }
        Texts::from_octets(first, &rest)
    }

    /// The exchange has ended: its blocks are free for others.
    pub(super) fn end(&self, place: &mut PlacedTexts) {
        let mut next = place.block.take();
        while let Some(number) = next {
            next = self.get(number).and_then(|block| block.lock().next.take());
            self.give_back(number);
        }
    }
}
