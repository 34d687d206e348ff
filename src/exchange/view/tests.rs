use super::*;
use crate::base::Text;
use crate::exchange::{
    Header, ImToSmState, ImToSmTexts, NEVER, Role, Sender, Stored, SubmittedTexts, Wants,
};

/// A bucket with these exchanges.
#[derive(Default)]
struct Kept {
    open: Vec<(Exchange, Texts)>,
    serial: u64,
}

impl Kept {
    fn place(&self, key: ExchangeKey) -> Option<usize> {
        self.open.iter().position(|(open, _)| open.key() == key)
    }

    fn first(&self, kind: Kind, from: usize) -> Option<Exchange> {
        let mut open = self.open.iter().skip(from).map(|(open, _)| *open);
        open.find(|open| open.kind() == kind)
    }
}

impl Store for Kept {
    fn by_key(&self, key: ExchangeKey) -> Option<Exchange> {
        Some(self.open[self.place(key)?].0)
    }

    fn texts(&self, key: ExchangeKey) -> Option<Texts> {
        Some(self.open[self.place(key)?].1.clone())
    }

    fn room(&self, _: ExchangeKey) -> usize {
        60
    }

    fn oldest(&self, kind: Kind) -> Option<Exchange> {
        self.first(kind, 0)
    }

    fn next_oldest(&self, key: ExchangeKey) -> Option<Exchange> {
        let place = self.place(key)?;
        self.first(self.open[place].0.kind(), place + 1)
    }

    fn take_place(&mut self, _: Kind, _: u64, _: usize) -> Result<ExchangeKey, Full> {
        self.serial += 1;
        ExchangeKey::new(1, 100 + self.serial).ok_or(Full::Table)
    }

    fn is_crowded(&self, _: u64) -> bool {
        false
    }

    fn next_number(&mut self, _: Sequence) -> u8 {
        0
    }

    fn outcome_of(&self, _: u64) -> Option<PastSm> {
        None
    }

    fn has_part(&self, _: u64, _: u64) -> bool {
        false
    }
}

fn identity() -> IdentityKey {
    IdentityKey::of(&Text::new("+15550001").unwrap())
}

fn im(serial: u64) -> ImToSm {
    let header = Header {
        key: ExchangeKey::new(1, serial).unwrap(),
        identity: identity(),
        share: 0,
        due_ms: NEVER,
        stored: Stored::No,
    };
    ImToSm::new(
        header,
        ImToSmState::Queued,
        Role::Message(Sender::NOBODY),
        Party::Phone,
    )
}

fn texts(address: &str) -> Texts {
    let texts = ImToSmTexts {
        address,
        ..ImToSmTexts::default()
    };
    texts.pack()
}

fn with(serials: &[u64]) -> Kept {
    Kept {
        open: serials
            .iter()
            .map(|serial| (im(*serial).into(), texts("a")))
            .collect(),
        serial: 0,
    }
}

fn serials(view: &View<'_>) -> Vec<u64> {
    view.queue_of(identity(), Party::Phone)
        .map(|im| im.header.key.serial())
        .collect()
}

#[test]
fn queries_see_the_changes_of_the_step() {
    let mut kept = with(&[1, 2, 3]);
    let mut view = View::of(&mut kept);
    let key = view.take_place(Kind::ImToSm, 0, 10).unwrap();
    view.open(im(key.serial()), texts("b"));
    view.end(im(2).header.key);
    view.update(ImToSm {
        rp_mr: 7,
        state: ImToSmState::Sent,
        ..im(3)
    });
    assert_eq!(serials(&view), [1, 3, 101]);
    let sent = view.by_rp_mr(identity(), Party::Phone, 7);
    assert_eq!(sent.unwrap().header.key, im(3).header.key);
    assert_eq!(view.by_key(im(2).header.key), None);
    assert!(view.texts(im(2).header.key).is_none());
    let of_new = view.texts(key).unwrap();
    assert_eq!(ImToSmTexts::of(&of_new).address, "b");
    // Nothing has changed in the store.
    drop(view);
    assert_eq!(kept.open.len(), 3);
}

#[test]
fn each_exchange_changes_once() {
    let mut kept = with(&[1, 2]);
    let mut view = View::of(&mut kept);
    for attempts in 1..4 {
        view.update(ImToSm { attempts, ..im(1) });
    }
    view.wake_at(im(1).header.key, 5);
    view.update(im(2));
    view.end(im(2).header.key);
    let changes = view.into_changes();
    let [
        Change::Updated(Exchange::ImToSm(first)),
        Change::Ended(second),
    ] = &changes[..]
    else {
        panic!("{changes:?}")
    };
    assert_eq!((first.attempts, first.header.due_ms), (3, 5));
    assert_eq!(*second, im(2).header.key);
}

#[test]
fn an_exchange_opened_and_ended_in_one_step_leaves_no_change() {
    let mut kept = with(&[]);
    let mut view = View::of(&mut kept);
    let key = view.take_place(Kind::Submitted, 0, 10).unwrap();
    let kept = Submitted {
        header: Header {
            key,
            ..im(1).header
        },
        tp_mr: 5,
        wants: Wants::NOTHING,
        unix: 0,
        message: im(1).header.key,
    };
    view.open(kept, SubmittedTexts::default().pack());
    assert_eq!(view.by_tp_mr(identity(), 5).count(), 1);
    view.end(key);
    assert_eq!(view.submitted_of(im(1).header.key).count(), 0);
    assert!(view.into_changes().is_empty());
}

#[test]
fn texts_that_have_no_room_stay_as_they_were() {
    let mut kept = with(&[1]);
    let mut view = View::of(&mut kept);
    assert!(!view.rewrite(im(1), texts(&"x".repeat(61))));
    assert!(view.rewrite(im(1), texts("new")));
    view.update(ImToSm { taken: 1, ..im(1) });
    let now = view.texts(im(1).header.key).unwrap();
    assert_eq!(ImToSmTexts::of(&now).address, "new");
    let changes = view.into_changes();
    assert!(matches!(&changes[..], [Change::Rewritten(Exchange::ImToSm(im), _)] if im.taken == 1));
}
