//! Worlds that run at the same time, one in each thread. Each one is the same as if it ran alone.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::PER_SEED;
use crate::faults::Fault;
use crate::world::World;

/// What became of a run.
pub(crate) struct Run {
    pub(crate) steps: u64,
    /// The error is the promise that was broken.
    pub(crate) result: Result<(), String>,
    /// Words that do not fit what happened, with the reason, and how often.
    pub(crate) explained: BTreeMap<&'static str, u64>,
}

impl Run {
    /// Runs a seed. A panic is a fault of this seed, and the other ones go on.
    pub(crate) fn of(seed: u64, fault: Option<Fault>) -> Self {
        let run = || {
            let mut world = World::new(seed, PER_SEED, fault, false);
            let result = world.run();
            Self {
                steps: world.steps,
                result,
                explained: world.books.explained,
            }
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Self {
            steps: 0,
            result: Err("it has panicked, see above".to_owned()),
            explained: BTreeMap::new(),
        })
    }
}

/// As many threads as the machine runs at the same time.
pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Does pieces of work in so many threads, and takes the results in the order of the pieces.
pub(crate) fn in_order<R: Send>(
    threads: usize,
    pieces: u64,
    work: impl Fn(u64) -> R + Sync,
    mut take: impl FnMut(u64, R),
) {
    let next = AtomicU64::new(0);
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (next, work, sender) = (&next, &work, sender.clone());
            scope.spawn(move || {
                loop {
                    let piece = next.fetch_add(1, Ordering::Relaxed);
                    if piece >= pieces || sender.send((piece, work(piece))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut wanted = 0;
        for (piece, result) in results {
            early.insert(piece, result);
            while let Some(result) = early.remove(&wanted) {
                take(wanted, result);
                wanted += 1;
            }
        }
    });
}
