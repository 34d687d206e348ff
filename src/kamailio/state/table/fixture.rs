//! A small table on the heap. Its records have a letter, and some of them a stamp from a stock of few.

use std::hash::{BuildHasher, Hasher};

use super::{Bounds, Record, Serial, Table};
use crate::exchange::Full;
use crate::kamailio::sys::sharing::{Heap, plain};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) text: u32,
    has_stamp: bool,
}

plain!(struct Letter { text, has_stamp });

impl Record for Letter {
    type Stock = u32;

    fn vacant() -> Self {
        letter(0)
    }

    fn clear(&mut self, stamps: &mut u32) {
        *stamps += u32::from(std::mem::take(&mut self.has_stamp));
    }
}

pub(super) const fn letter(text: u32) -> Letter {
    Letter {
        text,
        has_stamp: false,
    }
}

/// The first octet of a key is its bucket.
#[derive(Clone, Copy, Default)]
pub(super) struct FirstOctet(Option<u8>);

impl BuildHasher for FirstOctet {
    type Hasher = Self;
    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for FirstOctet {
    fn write(&mut self, octets: &[u8]) {
        self.0 = self.0.or(octets.first().copied());
    }

    fn finish(&self) -> u64 {
        self.0.unwrap_or(0).into()
    }
}

pub(super) type Letters = Table<Heap, Letter, u32, 2, FirstOctet>;

/// Keys of different buckets, where there are at least four.
pub(super) const KEYS: [&str; 4] = ["\0", "\u{1}", "\u{2}", "\u{3}"];

/// A table, if there is memory for it, with two stamps.
pub(super) fn try_letters(places: u32, per_chain: u32, per_sender: u32) -> Option<Letters> {
    let bounds = Bounds {
        places,
        per_chain,
        per_sender,
    };
    Table::new(bounds, Serial::MIN, 2, FirstOctet::default(), |bucket| {
        bucket
    })
}

pub(super) fn letters(places: u32, per_chain: u32, per_sender: u32) -> Letters {
    try_letters(places, per_chain, per_sender).unwrap()
}

impl Letters {
    /// Opens a letter of nobody.
    pub(super) fn put(&self, key: &str, kind: usize, text: u32) -> Result<Serial, Full> {
        self.put_of(key, kind, 0, text)
    }

    /// Opens a letter of this sender.
    pub(super) fn put_of(
        &self,
        key: &str,
        kind: usize,
        sender: u64,
        text: u32,
    ) -> Result<Serial, Full> {
        let mut locked = self.lock(key, 1);
        let serial = locked.insert(kind, sender, |_, _| true)?;
        locked.get_mut(serial).unwrap().text = text;
        Ok(serial)
    }

    /// Opens a letter with a stamp.
    pub(super) fn put_stamped(&self, key: &str, sender: u64) -> Result<Serial, Full> {
        self.lock(key, 1).insert(0, sender, |letter, stamps| {
            letter.has_stamp = *stamps > 0;
            *stamps -= u32::from(letter.has_stamp);
            letter.has_stamp
        })
    }

    pub(super) fn end(&self, key: &str, serial: Serial) {
        self.lock(key, 1).remove(serial);
    }

    /// What the letters of a kind say, the oldest first.
    pub(super) fn texts(&self, key: &str, kind: usize) -> Vec<u32> {
        let locked = self.lock(key, 1);
        locked
            .of_kind(kind)
            .map(|(_, letter)| letter.text)
            .collect()
    }

    pub(super) fn places_due(&self, now_ms: u64) -> Vec<u32> {
        self.due(now_ms).collect()
    }
}
