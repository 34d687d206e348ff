//! The core and the real table of open exchanges in a simulated world, where a seed decides everything: README.md.

mod at_once;
mod books;
mod centre;
#[path = "../decisions/books.rs"]
mod charging;
mod claims;
mod client;
mod crash;
mod database;
mod effects;
mod faults;
mod found;
mod host;
mod kamailio;
mod lists;
mod nodes;
mod parts_at_nodes;
mod passing_on;
mod peers;
mod phone;
mod phones;
mod plan;
mod random;
mod requests;
mod scscf;
mod servers;
mod texts;
mod transactions;
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

// The table of open exchanges names these.
use ipsmgw::{base, exchange, interwork};

use at_once::{Run, in_order};
use faults::Fault;
use found::FOUND;
use world::{CENTRES, DATABASE_AWAY, FULL_PHONES, LISTS, PHONES, TWO_NODES, WITH_DATABASE, World};

/// Messages of one seed.
const PER_SEED: usize = 200;

/// Messages of the normal run without a database, in which each fault has to show, too.
const NORMAL: usize = 100_000;

/// Messages of the normal run with a database and crashes.
const NORMAL_WITH_DATABASE: usize = 800;

/// Worlds with a database: the first seed of each one.
const DATABASE_WORLDS: [u64; 7] = [
    WITH_DATABASE,
    DATABASE_AWAY,
    FULL_PHONES,
    TWO_NODES,
    LISTS,
    PHONES,
    CENTRES,
];

/// A long run tells how far it is behind so many seeds.
const TELLS_EVERY: u64 = 500;

/// What the command line asks for.
struct Asked {
    seed: Option<u64>,
    first: u64,
    messages: usize,
    traces: bool,
    /// How many seeds run at the same time.
    threads: usize,
    fault: Option<Fault>,
    all_faults: bool,
    /// Of the seeds, those alone that once failed.
    found: bool,
    all: bool,
}

fn main() -> ExitCode {
    let asked = match Asked::of(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(what) => {
            eprintln!("simulation: {what}; see tests/simulation/README.md");
            return ExitCode::from(2);
        }
    };
    let failed = if let Some(seed) = asked.seed {
        usize::from(!one(seed, &asked))
    } else {
        let (mut passed, mut failed) = (0, 0);
        let mut count = |(good, bad)| {
            passed += good;
            failed += bad;
        };
        if asked.all || !(asked.all_faults || asked.found) {
            count(many(&asked));
        }
        if asked.all {
            for first in DATABASE_WORLDS {
                count(many(&Asked {
                    first,
                    messages: NORMAL_WITH_DATABASE,
                    ..asked
                }));
            }
        }
        if asked.all || asked.found {
            count(found_again(&asked));
        }
        if asked.all || asked.all_faults {
            count(faults_are_found(&asked));
        }
        println!("{passed} passed, {failed} failed");
        failed
    };
    ExitCode::from(u8::from(failed > 0))
}

/// Runs one seed twice: both runs must be the same.
fn one(seed: u64, asked: &Asked) -> bool {
    let mut world = World::new(seed, PER_SEED, asked.fault, asked.traces);
    let result = world.run();
    let mut again = World::new(seed, PER_SEED, asked.fault, false);
    let same = again.run() == result && (again.steps, again.digest) == (world.steps, world.digest);
    println!(
        "seed {seed}: {} steps, digest {:016x}{}",
        world.steps,
        world.digest,
        if same {
            ""
        } else {
            ", AND ANOTHER RUN OF IT DIFFERS"
        }
    );
    if let Err(broken) = &result {
        println!("seed {seed}, step {}: {broken}", world.steps);
    }
    result.is_ok() && same
}

/// Runs seeds until so many messages were sent.
fn many(asked: &Asked) -> (usize, usize) {
    let (mut passed, mut failed, mut steps) = (0, 0, 0);
    let mut explained: BTreeMap<&'static str, u64> = BTreeMap::new();
    let seeds = asked.messages.div_ceil(PER_SEED) as u64;
    let began = Instant::now();
    in_order(
        asked.threads,
        seeds,
        |place| Run::of(asked.first + place, asked.fault),
        |place, run| {
            if place > 0 && place.is_multiple_of(TELLS_EVERY) {
                let seconds = began.elapsed().as_secs();
                println!("{place} of {seeds} seeds, {failed} failed, {seconds} s");
            }
            match run.result {
                Ok(()) => passed += 1,
                Err(broken) => {
                    failed += 1;
                    let seed = asked.first + place;
                    println!("FAILED: seed {seed}, step {}: {broken}", run.steps);
                }
            }
            steps += run.steps;
            for (why, count) in run.explained {
                *explained.entry(why).or_default() += count;
            }
        },
    );
    println!("{} messages, {steps} events", seeds as usize * PER_SEED);
    for (why, count) in explained {
        println!("{count:>8}  {why}");
    }
    (passed, failed)
}

/// The seeds that found a fault once.
fn found_again(asked: &Asked) -> (usize, usize) {
    let (mut passed, mut failed) = (0, 0);
    in_order(
        asked.threads,
        FOUND.len() as u64,
        |place| {
            let (seed, what) = FOUND[place as usize];
            (seed, what, Run::of(seed, None).result)
        },
        |_, (seed, what, result)| match result {
            Ok(()) => passed += 1,
            Err(broken) => {
                failed += 1;
                println!("FAILED: seed {seed} ({what}): {broken}");
            }
        },
    );
    (passed, failed)
}

/// Each fault that is put in is found.
fn faults_are_found(asked: &Asked) -> (usize, usize) {
    let (mut passed, mut failed) = (0, 0);
    in_order(
        asked.threads,
        Fault::ALL.len() as u64,
        |place| found_line(Fault::ALL[place as usize]),
        |place, found| match found {
            Some(line) => {
                passed += 1;
                println!("{line}");
            }
            None => {
                failed += 1;
                println!("FAILED: {:?} is not found", Fault::ALL[place as usize]);
            }
        },
    );
    (passed, failed)
}

/// How many messages it takes to find this fault, by which seed, and what the books say.
fn found_line(fault: Fault) -> Option<String> {
    let first = fault.world();
    let seeds = NORMAL.div_ceil(PER_SEED) as u64;
    // One fault is found later than the others.
    let end = (first + seeds).max(fault.begins() + 1);
    (fault.begins()..end).find_map(|seed| {
        let run = Run::of(seed, Some(fault));
        let (step, broken) = (run.steps, run.result.err()?);
        // Without the fault nothing is broken.
        Run::of(seed, None).result.ok()?;
        let messages = (seed - first + 1) * PER_SEED as u64;
        Some(format!(
            "{:<20} {messages:>6} messages  seed {seed}, step {step}: {broken}",
            format!("{fault:?}")
        ))
    })
}

impl Asked {
    fn of(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self {
            seed: None,
            first: 1,
            messages: 2_000,
            traces: false,
            threads: at_once::threads(),
            fault: None,
            all_faults: false,
            found: false,
            all: false,
        };
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let value = arguments.next().and_then(|value| value.parse().ok());
                value.ok_or_else(|| format!("{argument} needs a number"))
            };
            match argument.as_str() {
                "--seed" => asked.seed = Some(number()?),
                "--from" => asked.first = number()?,
                "--messages" => asked.messages = usize::try_from(number()?).unwrap_or(0),
                "--trace" => asked.traces = true,
                "--threads" => asked.threads = usize::try_from(number()?).unwrap_or(1).max(1),
                "--all" => (asked.all, asked.messages) = (true, NORMAL),
                "--faults" => asked.all_faults = true,
                "--found" => asked.found = true,
                "--fault" => {
                    let name = arguments.next().unwrap_or_default();
                    let fault = Fault::named(&name);
                    asked.fault = Some(fault.ok_or_else(|| format!("no fault is called {name}"))?);
                }
                // `cargo test` gives these to all test programs.
                "--quiet" | "--nocapture" => {}
                other => return Err(format!("what is {other}?")),
            }
        }
        Ok(asked)
    }
}
