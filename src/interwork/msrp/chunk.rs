//! Which octets of a message have come (RFC 4975 §7.3.1).

/// The largest number of runs of octets with gaps between them. Chunks come in order over one connection, so one run is usual. A relay may change
/// their order: chunks of 2,048 octets, the smallest that a sender should make, may come in any order up to 256 KB.
pub const MAX_RUNS: usize = 64;

/// Octets from `start` up to `end`, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The first octet.
    pub start: u32,
    /// The first octet after the last one.
    pub end: u32,
}

/// The octets that have come: runs in ascending order, with gaps between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRuns {
    pub(crate) len: u8,
    pub(crate) runs: [Run; MAX_RUNS],
}

impl Default for ByteRuns {
    fn default() -> Self {
        Self {
            len: 0,
            runs: [Run::default(); MAX_RUNS],
        }
    }
}

impl ByteRuns {
    fn as_slice(&self) -> &[Run] {
        self.runs.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Adds octets, which may have come before. False: there are too many gaps.
    pub(crate) fn add(&mut self, mut new: Run) -> bool {
        if new.start >= new.end {
            return true;
        }
        let mut merged = Self::default();
        let mut is_placed = false;
        for run in self.as_slice().iter().copied() {
            if run.end < new.start {
                if !merged.push(run) {
                    return false;
                }
            } else if new.end < run.start {
                is_placed = is_placed || merged.push(new);
                if !is_placed || !merged.push(run) {
                    return false;
                }
            } else {
                new = Run {
                    start: new.start.min(run.start),
                    end: new.end.max(run.end),
                };
            }
        }
        let fits = is_placed || merged.push(new);
        if fits {
            *self = merged;
        }
        fits
    }

    fn push(&mut self, run: Run) -> bool {
        match self.runs.get_mut(usize::from(self.len)) {
            Some(place) => {
                *place = run;
                self.len += 1;
                true
            }
            None => false,
        }
    }

    /// The first octet after those that have come.
    pub(crate) fn end(&self) -> u32 {
        self.as_slice().last().map_or(0, |run| run.end)
    }

    /// Whether all octets of a message of this length have come.
    pub(crate) fn covers(&self, total: u32) -> bool {
        match self.as_slice() {
            [] => total == 0,
            [run] => run.start == 0 && run.end == total,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(list: &[(u32, u32)]) -> ByteRuns {
        let mut runs = ByteRuns::default();
        for &(start, end) in list {
            assert!(runs.add(Run { start, end }));
        }
        runs
    }

    #[test]
    fn any_order_and_repeats() {
        for (list, total) in [
            (&[(0, 4), (4, 8)][..], 8),
            (&[(4, 8), (0, 4)], 8),
            (&[(6, 8), (0, 2), (2, 6)], 8),
            (&[(0, 5), (3, 8), (0, 8)], 8),
            (&[(1, 2), (5, 6), (0, 9)], 9),
            (&[(0, 0)], 0),
            (&[], 0),
        ] {
            let runs = runs(list);
            assert!(runs.covers(total), "{runs:?}");
            assert_eq!(runs.end(), total);
            assert!(!runs.covers(total + 1));
        }
        let gap = runs(&[(0, 4), (6, 8)]);
        assert!(!gap.covers(8));
        assert_eq!((gap.len, gap.end()), (2, 8));
        assert!(!runs(&[(1, 8)]).covers(8));
    }

    #[test]
    fn each_second_chunk_comes_first() {
        let mut runs = ByteRuns::default();
        let chunks = 2 * u32::try_from(MAX_RUNS).unwrap();
        for number in (0..chunks).step_by(2).chain((1..chunks).step_by(2)) {
            assert!(runs.add(Run {
                start: number * 2_048,
                end: number * 2_048 + 2_048
            }));
        }
        assert!(runs.covers(256 * 1_024));
    }

    #[test]
    fn too_many_gaps() {
        let mut runs = ByteRuns::default();
        for start in (0..u32::try_from(MAX_RUNS).unwrap()).rev() {
            assert!(runs.add(Run {
                start: start * 2,
                end: start * 2 + 1
            }));
        }
        let before = runs;
        assert!(!runs.add(Run {
            start: 1_000,
            end: 1_001
        }));
        assert_eq!(runs, before);
        assert!(runs.add(Run {
            start: 0,
            end: 1_000
        }));
        assert!(runs.covers(1_000));
    }
}
