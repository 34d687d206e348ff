//! The identities of people, and which people an S-CSCF has registered.
//!
//! All of this is in shared memory; a look-up takes one or two short locks. The operator's table is read at start and
//! by `ipsmgw.reload`. Data from an S-CSCF is written to the database before its REGISTER is answered, so it survives a
//! restart.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use crate::base::Text;
use crate::exchange::Identity;
use crate::interwork::{AtScscf, ContactsThere, Gateway, identity};

use super::local_uri::is_local_uri;
use super::registration_queue::NewIdentity;
use super::shared_map::SharedMap;
use crate::kamailio::sys::clock::unix_time;
use crate::kamailio::sys::database::{Database, DatabaseError, Row, Value};
use crate::kamailio::sys::setting_error::SettingError;
use crate::kamailio::sys::sharing::{AtomicU32, Memory, Shm, ShmBox, plain};

/// The name of its table; empty: it is not kept.
#[derive(Clone, Copy)]
pub(crate) struct Tables {
    /// The operator's: `identity`, `person`.
    pub(crate) people: &'static str,
    /// What S-CSCFs have said of identities: `identity`, `person`, `round`.
    pub(crate) identities: &'static str,
    /// Whom S-CSCFs have registered.
    pub(crate) scscf: &'static str,
}

pub(crate) struct People {
    owners: SharedMap<Shm, Owner>,
    registered: SharedMap<Shm, AtScscf>,
    subscriptions: SharedMap<Shm, Subscription>,
    /// The URI with which a person's client has registered here, if it differs from the person's identity.
    names: SharedMap<Shm, Text<126>>,
    database: Option<Database>,
    tables: Tables,
    /// How many reloads have begun.
    reloads: ShmBox<AtomicU32>,
}

/// Whose an identity is.
#[derive(Clone, Copy)]
struct Owner {
    person: Identity,
    /// 0: from the operator's table. Else the round of the person's registration in which an S-CSCF has sent it.
    round: u32,
    /// For entries of the operator: the newest reload that has read it.
    seen: u32,
    /// False: the database could not be written.
    is_written: bool,
}

/// The data of an S-CSCF about an identity.
enum Told {
    News,
    Known,
    /// It is another person's.
    Another,
}

/// A subscription of ours to a person's registrations. Its key is the Call-ID (RFC 3261 §12).
#[derive(Clone, Copy)]
pub(crate) struct Subscription {
    pub(crate) person: Identity,
    /// Digests of the tags: ours, and the S-CSCF's; 0: not known yet.
    pub(crate) local_tag: u64,
    pub(crate) remote_tag: u64,
    /// In seconds since 1970 UTC.
    pub(crate) until: i64,
}

plain!(struct Owner { person, round, seen, is_written });
plain!(struct Subscription { person, local_tag, remote_tag, until });

/// In how many seconds each table is searched for expired entries.
const PARTS: usize = 64;

const IDENTITY: &str = "identity";
const PERSON: &str = "person";
const ROUND: &str = "round";
const COLUMNS: [&str; 8] = [
    PERSON,
    IDENTITY,
    "scscf",
    ROUND,
    "identities",
    "contacts",
    "subscription",
    "expires",
];

impl People {
    /// In mod_init.
    pub(crate) fn new(
        gateway: &Gateway,
        url: &'static str,
        tables: Tables,
    ) -> Result<Self, SettingError> {
        let no_memory =
            || SettingError("shared memory is too small: start Kamailio with a larger -m".into());
        let all = [tables.people, tables.identities, tables.scscf];
        let has_table = all.iter().any(|table| !table.is_empty());
        if has_table && url.is_empty() {
            return Err(SettingError(
                "people_table, identity_table and scscf_table are tables in db_url: write its URL, or leave all of them empty".into(),
            ));
        }
        let this = Self {
            owners: SharedMap::new().ok_or_else(no_memory)?,
            registered: SharedMap::new().ok_or_else(no_memory)?,
            subscriptions: SharedMap::new().ok_or_else(no_memory)?,
            names: SharedMap::new().ok_or_else(no_memory)?,
            database: has_table.then(|| Database::bind(url)).transpose()?,
            tables,
            reloads: Shm::boxed(AtomicU32::new(0)).ok_or_else(no_memory)?,
        };
        let read = this.reload(gateway).and_then(|_| this.read_registrations());
        if read.is_err() {
            return Err(SettingError(format!(
                "cannot read people_table '{}', identity_table '{}' and scscf_table '{}' from db_url: create them (kamailio-cfg/db), or leave them empty",
                tables.people, tables.identities, tables.scscf
            )));
        }
        if let Some(database) = &this.database {
            database.close();
        }
        Ok(this)
    }

    /// Whether the module has a table of people; else only the script knows people.
    pub(crate) const fn are_known(&self) -> bool {
        !self.tables.people.is_empty()
    }

    /// Whose this identity is.
    pub(crate) fn person(&self, identity: &Identity) -> Option<Identity> {
        let owner = self.owners.get(identity)?;
        self.counts(&owner).then_some(owner.person)
    }

    /// The registration by an S-CSCF, as long as it lasts.
    pub(crate) fn at_scscf(&self, person: &Identity) -> Option<AtScscf> {
        let registered = self.registered.get(person)?;
        (registered.until > unix_time()).then_some(registered)
    }

    fn counts(&self, owner: &Owner) -> bool {
        owner.round == 0
            || self
                .at_scscf(&owner.person)
                .is_some_and(|registered| registered.round == owner.round)
    }

    /// An S-CSCF has registered these identities for the person. Returns the new identities, and how many belong to
    /// another person and are not changed.
    pub(crate) fn learn(
        &self,
        identities: &[Identity],
        person: &Identity,
        round: u32,
    ) -> (Vec<Identity>, usize) {
        let (mut new, mut refused) = (Vec::new(), 0);
        for identity in identities {
            match self.take_in(identity, person, round) {
                Told::News => new.push(*identity),
                Told::Known => {}
                Told::Another => refused += 1,
            }
        }
        (new, refused)
    }

    /// Whether identities that S-CSCFs name are kept in the database.
    pub(crate) const fn identities_are_kept(&self) -> bool {
        !self.tables.identities.is_empty()
    }

    fn take_in(&self, identity: &Identity, person: &Identity, round: u32) -> Told {
        if let Some(owner) = self.owners.get(identity) {
            let same = owner.person == *person;
            if owner.round == 0 || !same && self.counts(&owner) {
                return if same { Told::Known } else { Told::Another };
            }
            if same && owner.round == round && owner.is_written {
                return Told::Known;
            }
        }
        let new = Owner {
            person: *person,
            round,
            seen: 0,
            is_written: true,
        };
        let put = |owner: &mut Option<Owner>| {
            // The operator's table may have been read meanwhile.
            if owner.is_none_or(|owner| owner.round != 0) {
                *owner = Some(new);
            }
        };
        if self.owners.change(identity, put).is_err() {
            tracing::error!("no shared memory for an identity");
            return Told::Known;
        }
        Told::News
    }

    /// Writes identities that S-CSCFs have named; the writer calls it. Only new ones are written, so this is rare. All of them
    /// together: a database that is locked or slow is waited for once, not once for each identity.
    pub(crate) fn write_identities(&self, database: &Database, identities: &[NewIdentity]) {
        if identities.is_empty() {
            return;
        }
        let written = database.together(|| {
            identities.iter().try_for_each(|new| {
                let round = new.round.to_string();
                let row = [
                    (PERSON, Value::Text(new.person.as_str())),
                    (ROUND, Value::Text(&round)),
                ];
                let key = (IDENTITY, Value::Text(new.identity.as_str()));
                database.put(self.tables.identities, key, &row)
            })
        });
        if written.is_err() {
            self.not_written(identities);
        }
    }

    /// These identities are not in the database: they are new again the next time that the S-CSCF names them.
    pub(crate) fn not_written(&self, identities: &[NewIdentity]) {
        for new in identities {
            let forget = |owner: &mut Option<Owner>| {
                let is_it = |owner: &Owner| owner.person == new.person && owner.round == new.round;
                *owner = owner.map(|owner| match is_it(&owner) {
                    true => Owner {
                        is_written: false,
                        ..owner
                    },
                    false => owner,
                });
            };
            // No entry is added, so this takes no memory.
            let _ = self.owners.change(&new.identity, forget);
        }
        tracing::warn!(
            "the database does not keep the identities that an S-CSCF has named: they are written when the S-CSCF names them again"
        );
    }

    /// Stores the data of an S-CSCF about a person; `write` writes it to the database.
    pub(crate) fn register(&self, person: &Identity, registered: AtScscf) {
        let put = |place: &mut Option<AtScscf>| *place = Some(registered);
        if self.registered.change(person, put).is_err() {
            tracing::error!("no shared memory for a registration");
        }
    }

    /// The registration has ended, and so have its identities.
    pub(crate) fn unregister(&self, person: &Identity) {
        // Removing takes no memory.
        let _ = self.registered.change(person, |place| *place = None);
    }

    /// Writes what is known of a person's registration by an S-CSCF; the writer calls it with the contacts.
    pub(crate) fn write(
        &self,
        database: &Database,
        person: &Identity,
    ) -> Result<(), DatabaseError> {
        let key = (PERSON, Value::Text(person.as_str()));
        let Some(registered) = self.at_scscf(person) else {
            for table in [self.tables.scscf, self.tables.identities] {
                if !table.is_empty() {
                    database.delete(table, &[key])?;
                }
            }
            return Ok(());
        };
        if self.tables.scscf.is_empty() {
            return Ok(());
        }
        let hexadecimal = |number: u64| format!("{number:x}");
        let (scscf, set) = (hexadecimal(registered.scscf), hexadecimal(registered.set));
        let (round, until) = (registered.round.to_string(), registered.until.to_string());
        let contacts = registered.contacts.to_text();
        let subscription = match registered.subscription.as_str() {
            "" => String::new(),
            call_id => format!("{call_id} {:x}", registered.tag),
        };
        let row = [
            registered.identity.as_str(),
            &scscf,
            &round,
            &set,
            &contacts,
            &subscription,
            &until,
        ];
        let columns = COLUMNS.into_iter().skip(1);
        let row: Vec<_> = columns.zip(row.map(Value::Text)).collect();
        database.put(self.tables.scscf, key, &row)
    }

    /// Notes with which URI, To of its REGISTER, the newest client of a person has registered. A restart forgets it,
    /// until the client registers again.
    pub(crate) fn register_as(&self, person: &Identity, uri: &str) {
        let name = Text::new(uri).filter(|_| identity(uri) != Some(*person));
        // Without memory for the entry, the client gets the identity.
        let _ = self.names.change(person, |place| *place = name);
    }

    /// That URI.
    pub(crate) fn registered_as(&self, uri: &str) -> Option<Text<126>> {
        if self.names.is_empty() {
            return None;
        }
        self.names.get(&identity(uri)?)
    }

    /// Keeps a subscription under its Call-ID.
    pub(crate) fn subscribe(&self, call_id: &Identity, subscription: Subscription) {
        let put = |place: &mut Option<Subscription>| *place = Some(subscription);
        if self.subscriptions.change(call_id, put).is_err() {
            tracing::error!("no shared memory for a subscription");
        }
    }

    /// The subscription with this Call-ID.
    pub(crate) fn subscription(&self, call_id: &Identity) -> Option<Subscription> {
        let subscription = self.subscriptions.get(call_id)?;
        (subscription.until > unix_time()).then_some(subscription)
    }

    /// The S-CSCF has answered: now its tag is known. `None`: it has refused.
    pub(crate) fn subscribed(&self, call_id: &Identity, remote_tag: Option<u64>) {
        // Nothing new is made.
        let _ = self.subscriptions.change(call_id, |place| {
            *place = place
                .zip(remote_tag)
                .map(|(known, remote_tag)| Subscription {
                    remote_tag,
                    ..known
                });
        });
    }

    /// Each second: frees expired entries in one part of the tables.
    pub(crate) fn tick(&self) {
        let now = unix_time();
        let part = usize::try_from(now).unwrap_or(0) % PARTS;
        self.subscriptions
            .retain_part(part, PARTS, |_, it| it.until > now);
        self.registered
            .retain_part(part, PARTS, |_, it| it.until > now);
        // This reads `registered` under the lock of a bucket of `owners`. No code takes the two locks in the other order.
        self.owners
            .retain_part(part, PARTS, |_, owner| self.counts(owner));
    }

    /// Reads the operator's table again; returns its number of identities.
    pub(crate) fn reload(&self, gateway: &Gateway) -> Result<usize, DatabaseError> {
        let Some(database) = self.database.as_ref().filter(|_| self.are_known()) else {
            return Ok(0);
        };
        let this_reload = self.reloads.fetch_add(1, Relaxed) + 1;
        let mut people = HashSet::new();
        let (mut count, mut failed) = (0, false);
        database.each_row(self.tables.people, &[IDENTITY, PERSON], |row| {
            let key = |column| {
                let keys = gateway.identity_keys(row.text(column)?, &is_local_uri);
                keys.first().copied()
            };
            let (Some(name), Some(person)) = (key(0), key(1)) else {
                tracing::warn!(
                    "people_table holds a row in which identity or person is no URI or number"
                );
                return;
            };
            let new = Owner {
                person,
                round: 0,
                seen: this_reload,
                is_written: true,
            };
            // An identity that an S-CSCF has given to another person belongs to this person from now on.
            let put = |owner: &mut Option<Owner>| *owner = Some(new);
            failed |= self.owners.change(&name, put).is_err();
            people.insert(person.as_str().to_owned());
            count += 1;
        })?;
        if failed {
            tracing::error!("no shared memory for an identity");
            return Err(DatabaseError);
        }
        let exists = |person: &Identity| people.contains(person.as_str());
        self.owners.retain(|_, owner| match owner.round {
            0 => owner.seen >= this_reload,
            _ => exists(&owner.person),
        });
        self.registered.retain(|person, _| exists(person));
        Ok(count)
    }

    /// At start: what S-CSCFs had said before.
    fn read_registrations(&self) -> Result<(), DatabaseError> {
        let Some(database) = &self.database else {
            return Ok(());
        };
        if !self.tables.scscf.is_empty() {
            database.each_row(self.tables.scscf, &COLUMNS, |row| {
                // A row that is over, or cannot be read, is none.
                let _ = self.take_registration(row);
            })?;
        }
        if self.tables.identities.is_empty() {
            return Ok(());
        }
        database.each_row(self.tables.identities, &[IDENTITY, PERSON, ROUND], |row| {
            let read = || {
                let name = Identity::new(row.text(0)?)?;
                let person = Identity::new(row.text(1)?)?;
                let round: u32 = row.text(2)?.parse().ok()?;
                Some((
                    name,
                    Owner {
                        person,
                        round,
                        seen: 0,
                        is_written: true,
                    },
                ))
            };
            let Some((name, owner)) = read().filter(|(_, owner)| owner.round != 0) else {
                return;
            };
            let is_known = self.owners.get(&name).is_some();
            if !is_known && self.counts(&owner) {
                // If memory is too small, an error is logged when the table of people is read.
                let _ = self.owners.change(&name, |place| *place = Some(owner));
            }
        })
    }

    /// One row of `scscf_table`.
    fn take_registration(&self, row: Row<'_>) -> Option<()> {
        let person = Identity::new(row.text(0)?)?;
        let subscription = row.text(6).and_then(|text| text.split_once(' '));
        let (call_id, tag) = subscription.unwrap_or_default();
        let registered = AtScscf {
            identity: Text::new(row.text(1)?)?,
            scscf: u64::from_str_radix(row.text(2)?, 16).ok()?,
            round: row.text(3)?.parse().ok()?,
            set: u64::from_str_radix(row.text(4)?, 16).ok()?,
            contacts: ContactsThere::from_text(row.text(5).unwrap_or_default()),
            subscription: Text::new(call_id)?,
            tag: u64::from_str_radix(tag, 16).unwrap_or(0),
            until: row.text(7)?.parse().ok()?,
        };
        let is_one = self.person(&person).is_some() || !self.are_known();
        if registered.until <= unix_time() || !is_one {
            return None;
        }
        let put = |place: &mut Option<AtScscf>| *place = Some(registered);
        self.registered.change(&person, put).ok()?;
        if !call_id.is_empty() {
            let subscription = Subscription {
                person,
                local_tag: registered.tag,
                remote_tag: 0,
                until: registered.until,
            };
            self.subscribe(&Identity::new(call_id)?, subscription);
        }
        Some(())
    }
}
