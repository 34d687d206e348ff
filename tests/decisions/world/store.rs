//! The store of the tests: open exchanges in memory, and their rows in a database.

use std::collections::{BTreeMap, HashMap};

use ipsmgw::exchange::{
    Change, Exchange, ExchangeKey, Full, ImToSm, Kind, NEVER, PastSm, Sequence, Store as _, Stored,
    Texts,
};
use ipsmgw::interwork::{replaced_by_stored, stands_for};

/// One bucket for all identities: only the core distinguishes them.
#[derive(Default)]
pub(crate) struct Store {
    /// The open exchanges, oldest first.
    pub(super) open: Vec<(Exchange, Texts)>,
    /// The places that were taken since the last commit, and whose share each takes.
    pub(super) taken: Vec<(ExchangeKey, u64)>,
    pub(super) serial: u64,
    past: Vec<PastSm>,
    parts: Vec<(u64, u64)>,
    sequences: [u8; Sequence::COUNT],
    pub(crate) max: usize,
    /// The share of one sender; 0: no limit.
    pub(crate) max_of_sender: u32,
    /// How many each sender has open.
    shares: HashMap<u64, u32>,
    /// The exchanges as the database has them; a change of one that is stored is written at once.
    pub(crate) rows: BTreeMap<u64, (Exchange, Texts)>,
}

impl ipsmgw::exchange::Store for Store {
    fn by_key(&self, key: ExchangeKey) -> Option<Exchange> {
        Some(self.open.get(self.place(key)?)?.0)
    }

    fn texts(&self, key: ExchangeKey) -> Option<Texts> {
        Some(self.open.get(self.place(key)?)?.1.clone())
    }

    fn room(&self, _: ExchangeKey) -> usize {
        ipsmgw::exchange::MOST_TEXT
    }

    fn oldest(&self, kind: Kind) -> Option<Exchange> {
        self.first_of(kind, 0)
    }

    fn next_oldest(&self, key: ExchangeKey) -> Option<Exchange> {
        let place = self.place(key)?;
        self.first_of(self.open[place].0.kind(), place + 1)
    }

    fn take_place(&mut self, kind: Kind, share: u64, octets: usize) -> Result<ExchangeKey, Full> {
        let most = match kind {
            Kind::StoredMessage | Kind::ListDelivery => ipsmgw::exchange::MOST_STORED_TEXT,
            _ => ipsmgw::exchange::MOST_TEXT,
        };
        assert!(octets <= most);
        if self.open.len() + self.taken.len() >= self.max {
            return Err(Full::Table);
        }
        self.take_share(share)?;
        self.serial += 1;
        let key = ExchangeKey::new(1, self.serial).unwrap();
        self.taken.push((key, share));
        Ok(key)
    }

    fn is_crowded(&self, share: u64) -> bool {
        let theirs = |open: &&(Exchange, Texts)| open.0.header().share == share;
        let theirs = self.open.iter().filter(theirs).count();
        let limit = usize::try_from(self.max_of_sender).unwrap();
        let open = self.open.len() + self.taken.len();
        2 * open > self.max || limit > 0 && share != 0 && 2 * theirs > limit
    }

    fn next_number(&mut self, sequence: Sequence) -> u8 {
        let next = &mut self.sequences[sequence as usize];
        *next = next.wrapping_add(1);
        *next
    }

    fn outcome_of(&self, digest: u64) -> Option<PastSm> {
        let mut past = self.past.iter().rev();
        past.find(|past| past.digest == digest).copied()
    }

    fn has_part(&self, digest: u64, now_ms: u64) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|(known, until)| *known == digest && *until > now_ms)
    }
}

impl Store {
    /// A store with so many places.
    pub(super) fn of(max: usize) -> Self {
        Self {
            max,
            ..Self::default()
        }
    }

    /// Memory is lost. The rows stay, and no key is given twice.
    pub(super) fn crash(&mut self) {
        *self = Self {
            max_of_sender: self.max_of_sender,
            serial: self.serial,
            rows: std::mem::take(&mut self.rows),
            ..Self::of(self.max)
        };
    }

    pub(super) fn place(&self, key: ExchangeKey) -> Option<usize> {
        // Keys come in the order in which exchanges are opened.
        let found = self
            .open
            .binary_search_by_key(&key.serial(), |(open, _)| open.key().serial());
        found.ok().filter(|place| self.open[*place].0.key() == key)
    }

    fn first_of(&self, kind: Kind, from: usize) -> Option<Exchange> {
        let mut open = self.open[from..].iter().map(|(open, _)| *open);
        open.find(|open| open.kind() == kind)
    }

    /// All changes, in their order; then places without an exchange are free again.
    pub(super) fn commit(&mut self, changes: Vec<Change>) {
        let changed = changes
            .iter()
            .filter(|change| !matches!(change, Change::Parked(_) | Change::Released(_)));
        let stored: Vec<ExchangeKey> = changed.filter_map(Change::key).collect();
        self.commit_in_memory(changes);
        for key in stored {
            match self.place(key).map(|place| &self.open[place]) {
                Some((open, _)) if open.header().stored == Stored::Yes => self.write(key),
                Some((open, _)) if open.header().stored == Stored::Asked => {}
                _ => drop(self.rows.remove(&key.serial())),
            }
        }
    }

    /// Writes a row.
    pub(crate) fn write(&mut self, key: ExchangeKey) {
        let place = self.place(key).expect("written after its end");
        let row = self.open[place].clone();
        if let Some(message) = stands_for(&row.0) {
            for replaced in replaced_by_stored(message, self) {
                self.rows.remove(&replaced.serial());
            }
        }
        self.rows.insert(key.serial(), row);
    }

    /// How many rows the database has.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    fn commit_in_memory(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Opened(exchange, texts) => {
                    let key = exchange.key();
                    let taken = self.taken.iter().position(|(taken, _)| *taken == key);
                    self.taken.remove(taken.expect("a place was taken"));
                    // One that was taken over may be older than others.
                    let is_older =
                        |(open, _): &(Exchange, Texts)| open.key().serial() < key.serial();
                    let place = self.open.partition_point(is_older);
                    self.open.insert(place, (exchange, texts));
                }
                Change::Updated(exchange) => {
                    let place = self.place(exchange.key()).expect("changed after its end");
                    self.open[place].0 = exchange;
                }
                Change::Rewritten(exchange, texts) => {
                    let place = self.place(exchange.key()).expect("changed after its end");
                    (self.open[place].0, self.open[place].1) = (exchange, texts);
                }
                Change::Ended(key) | Change::Parked(key) | Change::Released(key) => {
                    let place = self.place(key).expect("ended twice");
                    let (exchange, _) = self.open.remove(place);
                    self.give_share_back(exchange.header().share);
                }
                Change::Remembered(past) => self.past.push(past),
                Change::PartRemembered { digest, until_ms } => self.parts.push((digest, until_ms)),
            }
        }
        for (_, share) in std::mem::take(&mut self.taken) {
            self.give_share_back(share);
        }
    }

    pub(super) fn take_share(&mut self, share: u64) -> Result<(), Full> {
        let open = self.shares.entry(share).or_default();
        if self.max_of_sender > 0 && share != 0 && *open >= self.max_of_sender {
            return Err(Full::Sender);
        }
        *open += 1;
        Ok(())
    }

    fn give_share_back(&mut self, share: u64) {
        *self.shares.entry(share).or_default() -= 1;
    }

    /// How many senders have something open.
    pub(crate) fn senders(&self) -> usize {
        let open = |(sender, open): &(&u64, &u32)| **sender != 0 && **open > 0;
        self.shares.iter().filter(open).count()
    }

    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn ids(&self) -> Vec<ExchangeKey> {
        self.open.iter().map(|(open, _)| open.key()).collect()
    }

    /// As the host does before it reports that the time is over.
    pub(crate) fn clear_alarm(&mut self, id: ExchangeKey) {
        if let Some(place) = self.place(id) {
            self.open[place].0.header_mut().due_ms = NEVER;
        }
    }

    /// The exchange that wakes next, and the time.
    pub(crate) fn next_wake(&self) -> Option<(u64, ExchangeKey)> {
        let wakes = self.open.iter();
        let wakes = wakes.map(|(open, _)| (open.wakes_ms(), open.key()));
        wakes
            .filter(|(wakes_ms, _)| *wakes_ms != NEVER)
            .min_by_key(|(wakes_ms, _)| *wakes_ms)
    }

    /// The RP-DATA to the SMS side.
    pub(crate) fn im_to_sm(&self, id: ExchangeKey) -> Option<ImToSm> {
        ImToSm::try_from(self.by_key(id)?).ok()
    }

    /// All RP-DATA to the SMS side.
    pub(crate) fn all_im_to_sm(&self) -> Vec<ImToSm> {
        let open = self.open.iter();
        open.filter_map(|(open, _)| ImToSm::try_from(*open).ok())
            .collect()
    }
}
