//! The octets of incomplete messages, in pages.

use crate::interwork::msrp::{MAX_MESSAGES, Rooms};
use crate::kamailio::sys::sharing::{Memory, plain};

/// Octets of a page of a message: with its link it is a little less than 4 KiB.
const PAGE: usize = 4_064;

/// The octets of the messages of one session that are not finished.
pub(crate) struct Pages<M: Memory> {
    first: [Option<M::Box<Page<M>>>; MAX_MESSAGES],
}

struct Page<M: Memory> {
    next: Option<M::Box<Page<M>>>,
    octets: [u8; PAGE],
}

plain!([M: Memory] struct Pages<M> as Pages { first });
plain!([M: Memory] struct Page<M> as Page { next, octets });

impl<M: Memory> Pages<M> {
    /// No octets.
    pub(super) const EMPTY: Self = Self {
        first: [const { None }; MAX_MESSAGES],
    };

    /// This many octets of a message, from this offset on.
    pub(crate) fn read_at(&self, message: usize, at: u32, len: u32) -> Vec<u8> {
        let (at, len) = (at as usize, len as usize);
        let mut octets = self.read(message, at + len);
        octets.drain(..at.min(octets.len()));
        octets
    }

    /// The first octets of a message.
    pub(crate) fn read(&self, message: usize, len: usize) -> Vec<u8> {
        let mut octets = Vec::with_capacity(len);
        let mut next = self.first.get(message).and_then(Option::as_deref);
        while let Some(page) = next {
            let rest = len - octets.len();
            octets.extend_from_slice(page.octets.get(..rest.min(PAGE)).unwrap_or_default());
            next = page.next.as_deref();
        }
        octets
    }
}

impl<M: Memory> Rooms for Pages<M> {
    fn write(&mut self, message: usize, at: u32, octets: &[u8]) -> bool {
        let Ok(mut at) = usize::try_from(at) else {
            return false;
        };
        let Some(mut link) = self.first.get_mut(message) else {
            return false;
        };
        let mut rest = octets;
        while !rest.is_empty() {
            if link.is_none() {
                *link = M::boxed(Page {
                    next: None,
                    octets: [0; PAGE],
                });
            }
            let Some(page) = link.as_deref_mut() else {
                return false;
            };
            if let Some(room) = page.octets.get_mut(at..) {
                let count = room.len().min(rest.len());
                let (now, later) = rest.split_at(count);
                room[..count].copy_from_slice(now);
                rest = later;
                at = 0;
            } else {
                at -= PAGE;
            }
            link = &mut page.next;
        }
        true
    }

    fn clear(&mut self, message: usize) {
        if let Some(first) = self.first.get_mut(message) {
            *first = None;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::kamailio::sys::sharing::Heap;

    #[test]
    fn octets_in_any_order() {
        let octets: Vec<u8> = (0..3 * PAGE + 7).map(|at| (at % 251) as u8).collect();
        let mut pages = Pages::<Heap>::EMPTY;
        for (start, end) in [
            (PAGE - 3, 3 * PAGE + 7),
            (0, 5),
            (5, PAGE - 1),
            (PAGE, PAGE),
        ] {
            let at = u32::try_from(start).unwrap();
            assert!(pages.write(1, at, &octets[start..end]));
        }
        assert_eq!(pages.read(1, octets.len()), octets);
        assert_eq!(pages.read(0, 3), [0; 0]);
        assert!(!pages.write(MAX_MESSAGES, 0, b"x"));
        pages.clear(1);
        assert_eq!(pages.read(1, 3), [0; 0]);
    }
}
