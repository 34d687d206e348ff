//! Stored messages that were not read when those before them failed: until when they wait.

use ipsmgw::exchange::Now;
use ipsmgw::interwork::{Input, Settings, others_wait_until, tried_again_ms};
use ipsmgw::sip::Capabilities;

use crate::world::{BOB, World, held_as, instant, settings};

const HOUR_MS: u64 = 3_600_000;

/// A message whose first attempt has failed; the next one is this many seconds later.
fn failed_once(retry: &'static str) -> World {
    let mut world = World::with_database(&Settings {
        retry,
        ..settings()
    });
    let message = world
        .gateway
        .translate_to_store(&instant(BOB, "hello"), world.now);
    let message = message.ok().expect("not refused");
    let done = world.handle(message.input(held_as(1)));
    let (_, written) = (
        world.stored(done.asked[0].0),
        world.store.rows.values().next(),
    );
    assert_eq!(tried_again_ms(&written.unwrap().0), None, "not tried yet");
    let looked_up = world.read_stored();
    let nobody = Input::LookedUp {
        exchange: looked_up.looked_up[0].0,
        can: Capabilities::default(),
        may_convert: true,
    };
    let done = world.handle(nobody);
    world.stored(done.asked[0].0);
    world
}

fn again_ms(world: &World) -> u64 {
    let row = world.store.rows.values().next().unwrap();
    tried_again_ms(&row.0).expect("it is tried again")
}

#[test]
fn other_messages_wait_as_long_as_the_first_failed_one() {
    let world = failed_once("30,300");
    let again = again_ms(&world);
    assert!(again > world.now.unix_ms && again <= world.now.unix_ms + 300_000);
    assert_eq!(others_wait_until([again], world.now), Some(again));
    let several = [again + 1_000, again, again + 2_000];
    assert_eq!(others_wait_until(several, world.now), Some(again));
    assert_eq!(others_wait_until([], world.now), None);
}

#[test]
fn other_messages_wait_an_hour_at_most() {
    let world = failed_once("7200,7200");
    let (again, now) = (again_ms(&world), world.now);
    assert_eq!(again, now.unix_ms + 2 * HOUR_MS);
    assert_eq!(others_wait_until([again], now), Some(now.unix_ms + HOUR_MS));
    // Time passes until it is written.
    let later = Now {
        unix_ms: again - 1_000,
        ..now
    };
    assert_eq!(others_wait_until([again], later), Some(again));
}
