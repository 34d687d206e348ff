use super::*;
use crate::base::Text;
use crate::exchange::{Header, IdentityKey, KeptPart, KeptPartState, KeptPartTexts, NEVER, Party};
use crate::kamailio::sys::sharing::Heap;

const NODE: Node = Node {
    number: 1,
    is_one_of_several: false,
};

fn open_exchanges() -> OpenExchanges<Heap> {
    let bounds = Bounds {
        places: 4,
        per_chain: 4,
        per_sender: 4,
    };
    OpenExchanges::new(bounds, 1_767_319_445_000, NODE).unwrap()
}

fn part(key: ExchangeKey, sequence: u8) -> Exchange {
    Exchange::from(KeptPart {
        header: Header {
            key,
            identity: IdentityKey::of(&Text::new("+1").unwrap()),
            share: 5,
            due_ms: NEVER,
            stored: Stored::No,
        },
        state: KeptPartState::Waiting,
        sender: Party::Phone,
        private: false,
        zone: 0,
        sequence,
        unix: 0,
        digest: 0,
        concatenation: 0,
        owed: None,
    })
}

fn texts(octets: usize) -> Texts {
    let tpdu: Vec<u8> = (0..=253).cycle().take(octets.min(254)).collect();
    let long = "x".repeat(octets.saturating_sub(254).min(254));
    KeptPartTexts {
        sender: &long,
        recipient: &long,
        tpdu: &tpdu,
        ..KeptPartTexts::default()
    }
    .pack()
}

fn open(
    locked: &mut LockedExchanges<'_, Heap>,
    sequence: u8,
    texts: Texts,
) -> Result<ExchangeKey, Full> {
    let octets = texts.as_octets().len();
    let key = locked.take_place(Kind::KeptPart, 5, octets)?;
    locked.commit(&[Change::Opened(part(key, sequence), texts)]);
    Ok(key)
}

#[test]
fn exchanges_are_found_oldest_first() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    let keys = [1, 2, 3].map(|sequence| open(&mut locked, sequence, texts(9)).unwrap());
    locked.commit(&[Change::Ended(keys[1])]);
    let first = locked.oldest(Kind::KeptPart).unwrap();
    let next = locked.next_oldest(first.key()).unwrap();
    assert_eq!((first, next), (part(keys[0], 1), part(keys[2], 3)));
    assert_eq!(locked.next_oldest(next.key()), None);
    assert_eq!(locked.oldest(Kind::SmToIm), None);
    assert_eq!(locked.by_key(keys[1]), None);
}

#[test]
fn the_row_of_a_part_that_is_not_stored_with_others_is_written_again() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    let key = open(&mut locked, 1, texts(9)).unwrap();
    let waiting = stored(part(key, 1), Stored::Yes);
    let mut commit = |to| locked.commit(&[Change::Updated(to)]);
    assert_eq!(commit(waiting), [Behind::Opened(key)]);
    let with = key;
    for state in [
        KeptPartState::Storing { with },
        KeptPartState::Relayed { with },
    ] {
        let mut claimed = waiting;
        if let Exchange::KeptPart(part) = &mut claimed {
            part.state = state;
        }
        assert_eq!(commit(claimed), [Behind::Changed(key)]);
        // Its row may be gone.
        assert_eq!(commit(waiting), [Behind::Opened(key)]);
        assert_eq!(commit(waiting), [Behind::Changed(key)]);
    }
}

fn stored(exchange: Exchange, stored: Stored) -> Exchange {
    let mut exchange = exchange;
    exchange.header_mut().stored = stored;
    exchange
}

#[test]
fn the_database_gets_the_changes_of_stored_exchanges() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    let keys = [1, 2].map(|sequence| open(&mut locked, sequence, texts(9)).unwrap());
    let [first, second] = keys.map(|key| part(key, 1));
    // Nothing of what is only in memory, and of what is asked for.
    let asked = Change::Updated(stored(first, Stored::Asked));
    assert_eq!(locked.commit(&[asked, Change::Updated(second)]), []);
    // What is opened and changed comes before what has ended.
    let third = locked.take_place(Kind::KeptPart, 5, 9).unwrap();
    let changes = [
        Change::Ended(keys[0]),
        Change::Ended(keys[1]),
        Change::Opened(stored(part(third, 3), Stored::Yes), texts(9)),
    ];
    let behind = [Behind::Opened(third), Behind::EndedUnwritten(keys[0])];
    assert_eq!(locked.commit(&changes), behind);
    // It is not kept any more: its row goes behind what is opened with that.
    let fourth = locked.take_place(Kind::KeptPart, 5, 9).unwrap();
    let changes = [
        Change::Updated(part(third, 3)),
        Change::Opened(stored(part(fourth, 4), Stored::Yes), texts(9)),
    ];
    let behind = [Behind::Opened(fourth), Behind::Ended(third)];
    assert_eq!(locked.commit(&changes), behind);
    let changed = Change::Updated(stored(part(fourth, 4), Stored::Yes));
    assert_eq!(locked.commit(&[changed]), [Behind::Changed(fourth)]);
    assert_eq!(locked.commit(&[Change::Ended(third)]), []);
}

#[test]
fn a_crash_leaves_the_row_of_an_exchange_that_was_written_alone() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    let keys = [1, 2].map(|sequence| open(&mut locked, sequence, texts(9)).unwrap());
    let [first, second] = keys.map(|key| part(key, 1));
    let mut commit = |change| {
        let behind = locked.commit(&[change]);
        keys.map(|key| behind.iter().any(|change| change.has_row_of(key)))
    };
    // Asked for: the next step may come before the row is written.
    assert_eq!(
        commit(Change::Updated(stored(first, Stored::Asked))),
        [false, false]
    );
    // Opened: the row is written later.
    assert_eq!(
        commit(Change::Updated(stored(second, Stored::Yes))),
        [false, false]
    );
    assert_eq!(
        commit(Change::Updated(stored(second, Stored::Yes))),
        [false, true]
    );
    assert_eq!(commit(Change::Ended(keys[0])), [false, false]);
    assert_eq!(commit(Change::Ended(keys[1])), [false, true]);
}

#[test]
fn the_row_of_an_exchange_that_leaves_memory_says_so() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    let keys = [1, 2].map(|sequence| open(&mut locked, sequence, texts(9)).unwrap());
    // The row of the first was written a moment ago.
    assert_eq!(locked.commit(&[Change::Parked(keys[0])]), []);
    let released = [Behind::Released(keys[1])];
    assert_eq!(locked.commit(&[Change::Released(keys[1])]), released);
    assert_eq!(locked.by_key(keys[1]), None);
}

#[test]
fn an_exchange_of_an_earlier_start_keeps_its_key() {
    let table = open_exchanges();
    let key = ExchangeKey::new(1, 1_000).unwrap();
    let mut locked = table.lock("+1", 1);
    assert!(locked.take_place_again(&part(key, 1), 9));
    let opened = Change::Opened(part(key, 1), texts(9));
    assert_eq!(locked.commit(&[opened]), []);
    assert_eq!(locked.by_key(key), Some(part(key, 1)));
    // Not twice.
    assert!(!locked.take_place_again(&part(key, 1), 9));
    // One whose entry another one has, and one of another node.
    for other in [(1, 1_008), (2, 1_016)].map(|(node, serial)| ExchangeKey::new(node, serial)) {
        let other = other.unwrap();
        assert!(locked.take_place_again(&part(other, 1), 9));
        locked.commit(&[Change::Opened(part(other, 1), texts(9))]);
        assert_eq!(locked.by_key(other), Some(part(other, 1)));
        assert_eq!(locked.by_key(key), Some(part(key, 1)));
        locked.commit(&[Change::Ended(other)]);
        assert_eq!(locked.by_key(other), None);
        assert_eq!(locked.by_key(key), Some(part(key, 1)));
    }
    // New exchanges come behind it, however far it is.
    let far = ExchangeKey::new(1, (1 << 55) + 1).unwrap();
    assert!(locked.take_place_again(&part(far, 2), 9));
    let next = locked.take_place(Kind::KeptPart, 5, 9).unwrap();
    assert!(next.serial() > far.serial());
}

#[test]
fn an_exchange_that_is_taken_up_has_a_row() {
    let table = open_exchanges();
    let key = ExchangeKey::new(2, 1_000).unwrap();
    let exchange = stored(part(key, 1), Stored::Yes);
    let mut locked = table.lock_to_take_up("+1", &exchange, 9, 1).unwrap();
    // The decision may open others with it.
    let new = locked.take_place(Kind::KeptPart, 5, 9).unwrap();
    let changes = [
        Change::Opened(exchange, texts(9)),
        Change::Opened(stored(part(new, 2), Stored::Yes), texts(9)),
        Change::Updated(exchange),
    ];
    let behind = [
        Behind::Changed(key),
        Behind::Opened(new),
        Behind::Changed(key),
    ];
    assert_eq!(locked.commit(&changes), behind);
}

#[test]
fn an_exchange_waits_while_one_of_another_bucket_has_its_serial_number() {
    let table = open_exchanges();
    let key = open(&mut table.lock("+1", 1), 1, texts(9)).unwrap();
    let other = part(ExchangeKey::new(2, key.serial()).unwrap(), 1);
    // Some identity of another bucket than "+1".
    for identity in ["+2", "+3", "+4", "+5"] {
        assert!(table.lock_to_take_up(identity, &other, 9, 1).is_none());
        assert!(table.lock_of(key, 1).is_some());
    }
    table.lock("+1", 1).commit(&[Change::Ended(key)]);
    let mut locked = table.lock_to_take_up("+2", &other, 9, 1).unwrap();
    locked.commit(&[Change::Opened(other, texts(9))]);
    drop(locked);
    assert!(table.lock_of(other.key(), 1).is_some());
}

#[test]
fn a_place_that_nothing_is_opened_at_is_given_back() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    for _ in 0..4 {
        locked.take_place(Kind::KeptPart, 5, 9).unwrap();
    }
    assert_eq!(locked.oldest(Kind::KeptPart), None);
    assert!(locked.take_place(Kind::KeptPart, 5, 9).is_err());
    locked.commit(&[]);
    for _ in 0..4 {
        locked.take_place(Kind::KeptPart, 5, 9).unwrap();
    }
    // Also without a commit.
    drop(locked);
    assert_eq!((table.percent_open(), table.senders()), (0, 0));
}

#[test]
fn long_texts_take_a_block_and_release_it() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    for _ in 0..3 {
        let long = texts(508);
        let key = open(&mut locked, 1, long.clone()).unwrap();
        let short = open(&mut locked, 2, texts(9)).unwrap();
        // Four places have one block.
        assert_eq!(open(&mut locked, 3, texts(508)), Err(Full::Table));
        let kept = locked.texts(key).unwrap();
        assert_eq!(kept.as_octets(), long.as_octets());
        assert!(locked.room(key) > locked.room(short));
        // What goes on in a block may get shorter, and longer again.
        for texts in [texts(9), texts(508)] {
            let change = Change::Rewritten(part(key, 1), texts.clone());
            locked.commit(&[change]);
            assert_eq!(locked.texts(key).unwrap().as_octets(), texts.as_octets());
        }
        locked.commit(&[Change::Ended(key), Change::Ended(short)]);
    }
}

#[test]
fn the_longest_texts_take_several_blocks_and_give_them_back() {
    let bounds = Bounds {
        places: 40,
        per_chain: 40,
        per_sender: 40,
    };
    let table = OpenExchanges::<Heap>::new(bounds, 1, NODE).unwrap();
    let mut locked = table.lock("+1", 1);
    let long = |octets: usize| {
        let octets: Vec<u8> = (0..=250).cycle().take(octets).collect();
        Texts::from_octets(&octets, &[])
    };
    for _ in 0..3 {
        // All ten blocks.
        let key = open(&mut locked, 1, long(496 + 9 * 992 + 1)).unwrap();
        assert_eq!(open(&mut locked, 3, texts(508)), Err(Full::Table));
        for octets in [496 + 9 * 992 + 1, 497, 9, 496 + 10 * 992, 496 + 992] {
            let texts = long(octets);
            locked.commit(&[Change::Rewritten(part(key, 1), texts.clone())]);
            assert_eq!(locked.texts(key).unwrap().as_octets(), texts.as_octets());
        }
        locked.commit(&[Change::Ended(key)]);
        // They are free again, one by one.
        let keys: Vec<_> = (0..10)
            .map(|n| open(&mut locked, n, texts(508)).unwrap())
            .collect();
        for key in keys {
            assert_eq!(
                locked.texts(key).unwrap().as_octets(),
                texts(508).as_octets()
            );
            locked.commit(&[Change::Ended(key)]);
        }
    }
}

#[test]
fn a_key_of_another_node_is_nothing_here() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    let key = open(&mut locked, 1, texts(9)).unwrap();
    let other = ExchangeKey::new(2, key.serial()).unwrap();
    assert_eq!(locked.by_key(other), None);
    drop(locked);
    assert!(table.lock_of(other, 1).is_none());
    assert!(table.lock_of(key, 1).is_some());
}

const fn past(digest: u64, rp_mr: u8) -> PastSm {
    PastSm {
        digest,
        until_ms: 9,
        unix: 0,
        zone: 0,
        rp_mr,
        rp_cause: None,
        tp_fcs: None,
        report_lost: false,
    }
}

#[test]
fn a_bucket_remembers_its_newest_outcomes() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    for digest in 1..=16 {
        locked.commit(&[Change::Remembered(past(digest, 1))]);
    }
    // The same one again takes no other's place.
    locked.commit(&[Change::Remembered(past(16, 2))]);
    assert_eq!(locked.outcome_of(16), Some(past(16, 2)));
    assert_eq!(locked.outcome_of(1), Some(past(1, 1)));
    locked.commit(&[Change::Remembered(past(17, 1))]);
    assert_eq!(locked.outcome_of(1), None);
    assert_eq!(locked.outcome_of(2), Some(past(2, 1)));
    // Two digests with the same lower half.
    let other = 2 | 1 << 32;
    assert_eq!(locked.outcome_of(other), None);
    locked.commit(&[Change::Remembered(past(other, 3))]);
    assert_eq!(locked.outcome_of(other), Some(past(other, 3)));
    assert_eq!(locked.outcome_of(3), Some(past(3, 1)));
}

#[test]
fn the_outcome_of_a_later_attempt_is_not_forgotten_with_the_first_one() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    for digest in 1..=20 {
        locked.commit(&[Change::Remembered(past(digest, 1))]);
    }
    locked.commit(&[Change::Remembered(past(6, 2))]);
    for digest in 21..=35 {
        locked.commit(&[Change::Remembered(past(digest, 1))]);
    }
    // The others are forgotten in their order.
    let known = (1..=35).filter(|digest| locked.outcome_of(*digest).is_some());
    let known: Vec<u64> = known.collect();
    assert_eq!(known, [&[6], &(21..=35).collect::<Vec<_>>()[..]].concat());
    assert_eq!(locked.outcome_of(6), Some(past(6, 2)));
    locked.commit(&[Change::Remembered(past(36, 1))]);
    assert_eq!(locked.outcome_of(6), None);
}

const fn part_until(digest: u64, until_ms: u64) -> Change {
    Change::PartRemembered { digest, until_ms }
}

#[test]
fn a_part_is_remembered_for_a_while() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    assert!(!locked.has_part(7, 0) && !locked.has_part(0, 0));
    locked.commit(&[part_until(7, 100)]);
    assert!(locked.has_part(7, 99));
    assert!(!locked.has_part(7, 100));
    // Another one at its place.
    locked.commit(&[part_until(7 + 64, 100)]);
    assert!(locked.has_part(7 + 64, 99) && !locked.has_part(7, 99));
}

#[test]
fn a_part_that_is_half_written_is_forgotten() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    locked.commit(&[part_until(7, 100)]);
    // Another process has written one of its two words.
    locked.part(7).unwrap().until.store(101, Relaxed);
    assert!(!locked.has_part(7, 50));
}

#[test]
fn each_sequence_counts_by_itself_and_round() {
    let table = open_exchanges();
    let mut locked = table.lock("+1", 1);
    let first = locked.next_number(Sequence::RpMr);
    assert_eq!(locked.next_number(Sequence::RpMr), first.wrapping_add(1));
    let other = locked.next_number(Sequence::TpMr);
    for _ in 0..255 {
        locked.next_number(Sequence::TpMr);
    }
    assert_eq!(locked.next_number(Sequence::TpMr), other);
}
