//! The texts of the open exchanges: most of them stand in the place of their exchange. What is longer goes on in a block of
//! a common stock.

use std::sync::atomic::Ordering::{AcqRel, Relaxed};

use crate::exchange::{MOST_TEXT, Texts};
use crate::kamailio::sys::sharing::{AtomicU64, Guarded, Memory, plain};

/// Octets of texts that each place has room for: those of an exchange with two public identities, a next hop, a
/// Message-ID and a whole short message.
pub(super) const IN_PLACE: usize = 496;

/// Octets of a block.
const IN_BLOCK: usize = MOST_TEXT - IN_PLACE;

/// For so many places there is one block.
const PLACES_PER_BLOCK: u32 = 4;

/// The texts of one exchange, as far as its place has room for them.
pub(super) struct PlacedTexts {
    /// Octets in all.
    len: u16,
    /// Whether the place has a part of the stock of blocks.
    has_block: bool,
    /// The block.
    block: Option<u32>,
    octets: [u8; IN_PLACE],
}

plain!(struct PlacedTexts { len, has_block, block, octets });

impl PlacedTexts {
    pub(super) const EMPTY: Self = Self {
        len: 0,
        has_block: false,
        block: None,
        octets: [0; IN_PLACE],
    };

    /// Takes a part of the stock where so many octets need a block; false: there is none left.
    pub(super) fn reserve(&mut self, octets: usize, stock: &mut u32) -> bool {
        let needs_block = octets > IN_PLACE;
        if needs_block && *stock == 0 {
            return false;
        }
        *stock -= u32::from(needs_block);
        self.has_block = needs_block;
        true
    }

    /// Gives back what [`reserve`](Self::reserve) took.
    pub(super) fn clear(&mut self, stock: &mut u32) {
        *stock += u32::from(std::mem::take(&mut self.has_block));
        self.len = 0;
    }

    /// How many octets it has room for.
    pub(super) const fn room(&self) -> usize {
        match self.has_block {
            true => MOST_TEXT,
            false => IN_PLACE,
        }
    }
}

/// The blocks.
pub(super) struct Blocks<M: Memory> {
    blocks: M::Array<Guarded<M::Lock, [u8; IN_BLOCK]>>,
    /// Which are taken: one bit each.
    taken: M::Array<AtomicU64>,
}

impl<M: Memory> Blocks<M> {
    /// For so many places; `None` when the memory is full.
    pub(super) fn new(places: u32) -> Option<Self> {
        let count = usize::try_from(Self::count(places)).ok()?;
        Some(Self {
            blocks: M::array(count, |_| Guarded::new([0; IN_BLOCK]))?,
            taken: M::array(count.div_ceil(64), |_| AtomicU64::new(0))?,
        })
    }

    /// How many blocks there are for so many places.
    pub(super) fn count(places: u32) -> u32 {
        places.div_ceil(PLACES_PER_BLOCK)
    }

    /// Takes a block. Whoever has a part of the stock finds one.
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

    /// Writes the texts of an exchange; as far as there is room.
    pub(super) fn write(&self, place: &mut PlacedTexts, texts: &Texts) {
        let octets = texts.as_octets();
        let (first, rest) = octets.split_at(octets.len().min(IN_PLACE));
        if let Some(to) = place.octets.get_mut(..first.len()) {
            to.copy_from_slice(first);
        }
        place.len = u16::try_from(octets.len()).unwrap_or(0);
        if rest.is_empty() {
            return;
        }
        if place.block.is_none() && place.has_block {
            place.block = self.take();
        }
        let block = place
            .block
            .and_then(|block| self.blocks.get(block as usize));
        if let Some(block) = block
            && let Some(to) = block.lock().get_mut(..rest.len())
        {
            to.copy_from_slice(rest);
        }
    }

    /// The texts of an exchange.
    pub(super) fn read(&self, place: &PlacedTexts) -> Texts {
        let len = usize::from(place.len);
        let first = place.octets.get(..len.min(IN_PLACE)).unwrap_or_default();
        let rest = len.saturating_sub(IN_PLACE);
        match place
            .block
            .and_then(|block| self.blocks.get(block as usize))
        {
            Some(block) if rest > 0 => {
                let block = block.lock();
                Texts::from_octets(first, block.get(..rest).unwrap_or_default())
            }
            _ => Texts::from_octets(first, &[]),
        }
    }

    /// The exchange has ended: its block is free for others.
    pub(super) fn end(&self, place: &mut PlacedTexts) {
        if let Some(block) = place.block.take() {
            self.give_back(block);
        }
    }
}
