//! The rows of stored exchanges in the database.
//!
//! One row more, of the kind `node`, belongs to the node: `record` has the random number of its Call-IDs, so that reports on
//! messages of an earlier start are recognised; `due` counts the groups that were written; `identity` is its URI for other nodes.
//!
//! The column `node` names the node whose memory has the exchange. A stored message that waits for its recipient has 0 there: of
//! several nodes with one table, the one that delivers it writes its own number first, so no other one does. So has a part of a long
//! message that a node leaves to the one which joins the parts of its sender.

mod nodes;

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

use crate::exchange::{
    Exchange, ExchangeKey, Kind, StoredMessageState, Texts, encode, identity_in,
};
use crate::interwork::{ChargingRecord, goes_with_stored, others_wait_until, tried_again_ms};
use crate::kamailio::state::nodes::Nodes;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::database::{self, Database, DatabaseError, Field, Value};
use crate::kamailio::sys::setting_error::SettingError;

/// The version of the table, in Kamailio's table `version`.
const VERSION: i64 = 2;

/// The kind of the node's own row.
const OF_NODE: &str = "node";

/// The column `node` of a message that no node has in memory.
pub(crate) const AT_REST: u16 = 0;

/// How many rows are read at once.
const PAGE: usize = 256;

/// One change of the table.
pub(crate) enum RowChange<'w> {
    /// The row of an exchange as it is now.
    Put(Row),
    /// A charging record, which is in another table: in the same transaction where that table is in the same database.
    Charge(&'w ChargingRecord),
    /// The exchange has ended.
    Delete(ExchangeKey),
    /// This node takes the exchange from another one, or from where it waits (0), if it is still there.
    Claim(ExchangeKey, u16),
    /// Another node has this exchange, which has ended here.
    Remove(ExchangeKey, u16),
    /// A message that this node has claimed, and does not have in memory: it waits again, and is due.
    Release(ExchangeKey),
    /// The stored messages that a node was delivering wait again, and are due.
    ReleaseAll(u16),
    /// The group is written only if this node has given no sign of life behind this one. While the group is written, it gives none.
    IfSilent(u16, i64),
    /// The group is written only if no other node may have taken over what this node has.
    IfNotLost(&'w Nodes),
}

/// The row of an exchange.
pub(crate) struct Row {
    key: ExchangeKey,
    /// Whether the table may have no row of it yet. Else a missing row means that another node has ended the exchange.
    may_be_new: bool,
    /// Whether a missing row means that it went with the transaction that has stored its message, also where there is one node.
    may_have_gone: bool,
    /// Whether no node has it in memory from now on.
    is_at_rest: bool,
    /// When a stored message that has failed is tried again, in milliseconds since 1970 UTC.
    again_ms: Option<u64>,
    kind: &'static str,
    identity: String,
    due_ms: i64,
    record: Vec<u8>,
}

impl Row {
    /// The row of this exchange. `may_be_new`: the table may have none of it yet.
    pub(crate) fn of(exchange: &Exchange, texts: &Texts, may_be_new: bool) -> Self {
        let identity = identity_in(exchange.kind(), texts);
        let (may_be_new, is_at_rest) = match exchange {
            Exchange::StoredMessage(message) => match message.state {
                StoredMessageState::Storing(_) => (may_be_new, true),
                StoredMessageState::Parking => (false, true),
                _ => (false, false),
            },
            _ => (may_be_new, false),
        };
        Self {
            key: exchange.key(),
            may_be_new,
            may_have_gone: !may_be_new && goes_with_stored(exchange),
            is_at_rest,
            again_ms: tried_again_ms(exchange),
            kind: exchange.kind().name(),
            identity: identity.map_or_else(String::new, |identity| identity.as_str().to_owned()),
            due_ms: i64::try_from(exchange.header().due_ms).unwrap_or(i64::MAX),
            record: encode(exchange, texts),
        }
    }
}

/// The table.
pub(crate) struct StoredRows {
    database: Database,
    table: &'static str,
    /// This node.
    node: u16,
    /// Whether other nodes use the table, too.
    is_shared: bool,
    /// The number of the last group that this process has written.
    group: AtomicI64,
}

/// The rows that [`StoredRows::each`] shows.
#[derive(Clone, Copy)]
pub(crate) enum Which {
    /// Exchanges that this node has in memory, except stored messages.
    InMemory,
    /// Stored messages: of several nodes, those that this one has stored.
    Messages,
    /// Stored messages that no node has in memory.
    AtRest,
}

impl StoredRows {
    /// In mod_init: finds the engine, and checks the table.
    pub(crate) fn new(
        url: &'static str,
        table: &'static str,
        node: u16,
        is_shared: bool,
    ) -> Result<Self, SettingError> {
        let rows = Self {
            database: Database::bind(url)?,
            table,
            node,
            is_shared,
            group: AtomicI64::new(0),
        };
        rows.check()?;
        Ok(rows)
    }

    fn check(&self) -> Result<(), SettingError> {
        let table = self.table;
        let engine = self.database.engine_name();
        let how = match engine {
            "sqlite" => {
                "run 'sqlite3 FILE < kamailio-cfg/schema/sqlite.sql' (kamailio-cfg/run does so)"
            }
            "postgres" => "run 'psql URL -f kamailio-cfg/schema/postgresql.sql'",
            _ => {
                "run 'mariadb DATABASE < kamailio-cfg/schema/mariadb.sql', or write the same tables for your engine"
            }
        };
        let mut version = None;
        let select = format!("SELECT table_version FROM version WHERE table_name = '{table}'");
        let found = self.database.select(&select, |row| version = row.long(0));
        let what = match (found, version) {
            (Ok(()), Some(VERSION)) => return Ok(()),
            (Ok(()), Some(other)) if other > VERSION => {
                return Err(SettingError(format!(
                    "store_table is '{table}', which has version {other} in the table version, and this ipsmgw.so knows versions up to {VERSION}: install the newer ipsmgw.so, or write the name of another table"
                )));
            }
            (Ok(()), Some(old)) => format!("has version {old}, and {VERSION} is needed"),
            (Ok(()), None) => "is not in the table version".to_owned(),
            (Err(DatabaseError), _) => {
                "cannot be looked up: the database cannot be reached, or has no table version (the log lines before this say which)".to_owned()
            }
        };
        Err(SettingError(format!(
            "store_table is '{table}', which {what}: {how}, or leave store_table empty"
        )))
    }

    /// Closes this process's connection: after mod_init, none may cross the fork.
    pub(crate) fn close(&self) {
        self.database.close();
    }

    /// Shows these rows to `see`, oldest first: the key, and the record. A row without a key has nothing but its name.
    pub(crate) fn each(
        &self,
        which: Which,
        mut see: impl FnMut(&str, Option<ExchangeKey>, &[u8]),
    ) -> Result<(), DatabaseError> {
        // In the order of the primary key, and without a condition on another index: else the engine would sort the
        // whole table for each page.
        let own = format!("{}-", self.id_of_node());
        let (mut last, end) = match which {
            Which::Messages if self.is_shared => {
                (own, format!("AND id < '{}.'", self.id_of_node()))
            }
            Which::Messages | Which::AtRest => (String::new(), String::new()),
            Which::InMemory => {
                let messages = Kind::StoredMessage.name();
                let nodes = match self.is_shared {
                    true => format!("{}", self.node),
                    // What several nodes have left to each other.
                    false => format!("{AT_REST}, {}", self.node),
                };
                let rest = format!("AND node IN ({nodes}) AND kind <> '{messages}'");
                (String::new(), rest)
            }
        };
        loop {
            let select = format!(
                "SELECT id, record, node, kind FROM {} WHERE id > '{last}' {end} ORDER BY id LIMIT {PAGE}",
                self.table
            );
            let mut rows = 0;
            self.database.select(&select, |row| {
                rows += 1;
                let id = row.text(0).unwrap_or_default();
                last = id
                    .chars()
                    .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-')
                    .collect();
                if self.is_one_of(which, node_in(row, 2), row.text(3).unwrap_or_default()) {
                    see(id, key_in(id), row.octets(1).unwrap_or_default());
                }
            })?;
            if rows < PAGE {
                return Ok(());
            }
        }
    }

    /// Whether a row with this value in the column `node` is for this node alone.
    fn is_own(&self, node: u16) -> bool {
        node == self.node || !self.is_shared && node == AT_REST
    }

    fn is_one_of(&self, which: Which, node: u16, kind: &str) -> bool {
        let is_message = kind == Kind::StoredMessage.name();
        match which {
            Which::InMemory => self.is_own(node) && !is_message && kind != OF_NODE,
            Which::Messages if self.is_shared => is_message,
            Which::Messages => is_message && self.is_own(node),
            Which::AtRest => is_message && node == AT_REST,
        }
    }

    /// Shows the oldest exchanges of this kind and identity to `see`, at most this many: the key, the node that has it,
    /// the record.
    pub(crate) fn of(
        &self,
        kind: Kind,
        identity: &str,
        most: usize,
        mut see: impl FnMut(ExchangeKey, u16, &[u8]),
    ) -> Result<(), DatabaseError> {
        let Some(identity) = quoted(identity) else {
            return Ok(());
        };
        let (nodes, order) = if self.is_shared {
            // By serial number: these follow the time.
            (String::new(), "SUBSTR(id, 6)")
        } else {
            (format!("AND node IN ({AT_REST}, {})", self.node), "id")
        };
        let select = format!(
            "SELECT id, node, record FROM {} WHERE kind = '{}' AND identity = {identity} {nodes} ORDER BY {order} LIMIT {most}",
            self.table,
            kind.name()
        );
        self.database.select(&select, |row| {
            if let Some(key) = row.text(0).and_then(key_in) {
                see(key, node_in(row, 1), row.octets(2).unwrap_or_default());
            }
        })
    }

    /// Shows the row of this exchange to `see`, if there is one.
    pub(crate) fn one(
        &self,
        key: ExchangeKey,
        mut see: impl FnMut(&[u8]),
    ) -> Result<(), DatabaseError> {
        let select = format!("SELECT record FROM {} WHERE id = '{}'", self.table, id(key));
        self.database
            .select(&select, |row| see(row.octets(0).unwrap_or_default()))
    }

    /// Shows identities with exchanges of this kind and their numbers to `see`, at most this many identities: those
    /// with the most first.
    pub(crate) fn counts(
        &self,
        kind: Kind,
        most: usize,
        mut see: impl FnMut(&str, i64),
    ) -> Result<(), DatabaseError> {
        let select = format!(
            "SELECT identity, COUNT(*) FROM {} WHERE kind = '{}' GROUP BY identity ORDER BY COUNT(*) DESC, identity LIMIT {most}",
            self.table,
            kind.name()
        );
        self.database.select(&select, |row| {
            see(
                row.text(0).unwrap_or_default(),
                row.long(1).unwrap_or_default(),
            );
        })
    }

    /// Shows identities with an exchange of this kind that waits and is due, at most this many.
    pub(crate) fn due(
        &self,
        kind: Kind,
        now_ms: u64,
        most: usize,
        mut see: impl FnMut(&str),
    ) -> Result<(), DatabaseError> {
        let select = format!(
            "SELECT identity FROM {} WHERE kind = '{}' AND due <= {now_ms} AND node = {AT_REST} ORDER BY due LIMIT {most}",
            self.table,
            kind.name()
        );
        self.database
            .select(&select, |row| see(row.text(0).unwrap_or_default()))
    }

    /// Writes a group without charging records.
    pub(crate) fn change(&self, changes: &[RowChange<'_>]) -> Result<(), DatabaseError> {
        self.write(changes, |_| Ok(()))
    }

    /// Writes a group: all of it, or nothing.
    pub(crate) fn write(
        &self,
        changes: &[RowChange<'_>],
        charge: impl Fn(&ChargingRecord) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let group = self.group.fetch_add(1, Relaxed) + 1;
        self.database.together(|| {
            let (id, due) = (self.id_of_node(), [("due", Value::Long(group))]);
            self.database
                .put(self.table, ("id", Value::Text(&id)), &due)?;
            changes.iter().try_for_each(|change| match change {
                RowChange::Put(row) => self.put(row),
                RowChange::Delete(key) => self.delete(*key),
                RowChange::Charge(record) => charge(record),
                RowChange::Claim(key, from) => {
                    let mine = [("node", Value::Number(self.node.into()))];
                    self.update(*key, *from, &mine)
                }
                RowChange::Remove(key, node) => self.delete_at(*key, *node),
                RowChange::Release(key) => self.update(*key, self.node, &RELEASED),
                RowChange::ReleaseAll(node) => self.release_all(*node),
                RowChange::IfSilent(node, beat) => self.stays_silent(*node, *beat),
                // The own row is locked by now: a node that wants to take over waits for it, or has finished already.
                RowChange::IfNotLost(nodes) => match nodes.is_lost() {
                    true => Err(DatabaseError),
                    false => Ok(()),
                },
            })?;
            self.put_off_the_rest(changes)
        })?;
        // Some engines connect again by themselves in the middle of a group. Then the changes before that are lost, and
        // COMMIT reports no error: only the number of the group shows that the whole group was written.
        match self.last_group()? == Some(group) {
            true => Ok(()),
            false => Err(DatabaseError),
        }
    }

    /// If messages of a recipient wait for another attempt, its other messages wait, too.
    fn put_off_the_rest(&self, changes: &[RowChange<'_>]) -> Result<(), DatabaseError> {
        let mut again: HashMap<&str, Vec<u64>> = HashMap::new();
        for change in changes {
            if let RowChange::Put(row) = change
                && let Some(again_ms) = row.again_ms
            {
                again.entry(&row.identity).or_default().push(again_ms);
            }
        }
        let (table, kind) = (self.table, Kind::StoredMessage.name());
        again.into_iter().try_for_each(|(identity, again_ms)| {
            let until_ms = others_wait_until(again_ms, now());
            let (Some(identity), Some(until_ms)) = (quoted(identity), until_ms) else {
                return Ok(());
            };
            self.database.run(&format!(
                "UPDATE {table} SET due = {until_ms} WHERE kind = '{kind}' AND identity = {identity} AND node = {AT_REST} AND due < {until_ms}"
            ))
        })
    }

    fn last_group(&self) -> Result<Option<i64>, DatabaseError> {
        let mut last = None;
        let select = format!(
            "SELECT due FROM {} WHERE id = '{}'",
            self.table,
            self.id_of_node()
        );
        self.database.select(&select, |row| last = row.long(0))?;
        Ok(last)
    }

    fn delete(&self, key: ExchangeKey) -> Result<(), DatabaseError> {
        let id = id(key);
        let id: Field<'_> = ("id", Value::Text(&id));
        if !self.is_shared {
            return self.database.delete(self.table, &[id]);
        }
        // An exchange that another node has taken over is left to that node.
        [self.node, AT_REST]
            .into_iter()
            .try_for_each(|node| self.delete_at(key, node))
    }

    /// Deletes a row, if this node has it.
    fn delete_at(&self, key: ExchangeKey, node: u16) -> Result<(), DatabaseError> {
        let id = id(key);
        let which = [
            ("id", Value::Text(&id)),
            ("node", Value::Number(node.into())),
        ];
        self.database.delete(self.table, &which)
    }

    fn put(&self, row: &Row) -> Result<(), DatabaseError> {
        let id = id(row.key);
        let id: Field<'_> = ("id", Value::Text(&id));
        let node = if row.is_at_rest { AT_REST } else { self.node };
        let rest = [
            ("node", Value::Number(node.into())),
            ("kind", Value::Text(row.kind)),
            ("identity", Value::Text(&row.identity)),
            ("due", Value::Long(row.due_ms)),
            ("record", Value::Octets(&row.record)),
        ];
        let is_put = match self.is_shared {
            true => row.may_be_new && !self.database.has_row(self.table, id)?,
            false => !row.may_have_gone,
        };
        match is_put {
            true => self.database.put(self.table, id, &rest),
            false if !self.is_shared => self.database.update(self.table, &[id], &rest),
            // Another node may have taken it over.
            false => self.update(row.key, self.node, &rest),
        }
    }

    /// Changes a row, if this node has it.
    fn update(&self, key: ExchangeKey, node: u16, to: &[Field<'_>]) -> Result<(), DatabaseError> {
        let id = id(key);
        let which = [
            ("id", Value::Text(&id)),
            ("node", Value::Number(node.into())),
        ];
        self.database.update(self.table, &which, to)
    }

    fn id_of_node(&self) -> String {
        id_of_node(self.node)
    }
}

/// The name of a node's own row.
fn id_of_node(node: u16) -> String {
    format!("{node:04x}")
}

/// A message that waits again and is due.
const RELEASED: [Field<'static>; 2] = [
    ("node", Value::Number(AT_REST as std::os::raw::c_int)),
    ("due", Value::Long(0)),
];

fn node_in(row: database::Row<'_>, column: usize) -> u16 {
    let node = row.long(column).and_then(|node| u16::try_from(node).ok());
    node.unwrap_or(AT_REST)
}

/// The name of a row: rows in the order of their names are in the order in which their exchanges were opened.
fn id(key: ExchangeKey) -> String {
    format!("{:04x}-{:014x}", key.node(), key.serial())
}

/// A text in a statement. None if it has characters that some engine reads in another way; no identity has them.
fn quoted(text: &str) -> Option<String> {
    let is_plain = !text.contains(|c: char| c == '\\' || c.is_control());
    is_plain.then(|| format!("'{}'", text.replace('\'', "''")))
}

fn key_in(id: &str) -> Option<ExchangeKey> {
    let (node, serial) = id.split_once('-')?;
    let node = u16::from_str_radix(node, 16).ok()?;
    ExchangeKey::new(node, u64::from_str_radix(serial, 16).ok()?)
}
