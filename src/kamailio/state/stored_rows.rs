//! The rows of stored exchanges in the database.
//!
//! One row more, of the kind `node`, belongs to the node: `record` has the random number of its Call-IDs, so that reports on
//! messages of an earlier start are recognised; `due` counts the groups that were written.

use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

use super::exchanges::NODE;
use crate::exchange::{Exchange, ExchangeKey, Kind, Texts, encode, identity_in};
use crate::interwork::ChargingRecord;
use crate::kamailio::sys::database::{Database, DatabaseError, Field, Value};
use crate::kamailio::sys::setting_error::SettingError;

/// The version of the table, in Kamailio's table `version`.
const VERSION: i64 = 1;

/// The kind of the node's own row.
const OF_NODE: &str = "node";

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
}

/// The row of an exchange.
pub(crate) struct Row {
    key: ExchangeKey,
    kind: &'static str,
    identity: String,
    due_ms: i64,
    record: Vec<u8>,
}

impl Row {
    /// The row of this exchange.
    pub(crate) fn of(exchange: &Exchange, texts: &Texts) -> Self {
        let identity = identity_in(exchange.kind(), texts);
        Self {
            key: exchange.key(),
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
    /// The number of the last group that this process has written.
    group: AtomicI64,
}

impl StoredRows {
    /// In mod_init: finds the engine, and checks the table.
    pub(crate) fn new(url: &'static str, table: &'static str) -> Result<Self, SettingError> {
        let rows = Self {
            database: Database::bind(url)?,
            table,
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

    /// In mod_init: the random number in the Call-IDs of this node. The first start writes `fresh`.
    pub(crate) fn boot(&self, fresh: u64) -> Result<u64, SettingError> {
        let mut known = None;
        let select = format!(
            "SELECT due, record FROM {} WHERE id = '{}'",
            self.table,
            id_of_node()
        );
        let read = self.database.select(&select, |row| {
            let boot = row.octets(1).and_then(|octets| octets.try_into().ok());
            known = row.long(0).zip(boot.map(u64::from_be_bytes));
        });
        let boot = read.and_then(|()| match known {
            Some((group, boot)) => {
                self.group.store(group, Relaxed);
                Ok(boot)
            }
            None => {
                let octets = fresh.to_be_bytes();
                let row = [
                    ("id", Value::Text(&id_of_node())),
                    ("node", Value::Number(NODE.into())),
                    ("kind", Value::Text(OF_NODE)),
                    ("identity", Value::Text("")),
                    ("due", Value::Long(0)),
                    ("record", Value::Octets(&octets)),
                ];
                self.database.insert(self.table, &row).map(|()| fresh)
            }
        });
        boot.map_err(|DatabaseError| {
            SettingError(format!(
                "store_table is '{}', and its rows cannot be read and written (the log lines before this say why): let the user that Kamailio runs as read and write the database",
                self.table
            ))
        })
    }

    /// Shows the rows of all exchanges of this node to `see`, oldest first: the key, and the record. A row without a key has
    /// nothing but its name.
    pub(crate) fn each(
        &self,
        mut see: impl FnMut(&str, Option<ExchangeKey>, &[u8]),
    ) -> Result<(), DatabaseError> {
        let mut last = id_of_node();
        loop {
            let select = format!(
                "SELECT id, record FROM {} WHERE node = {NODE} AND kind <> '{OF_NODE}' AND id > '{last}' ORDER BY id LIMIT {PAGE}",
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
                see(id, key_in(id), row.octets(1).unwrap_or_default());
            })?;
            if rows < PAGE {
                return Ok(());
            }
        }
    }

    /// Shows the oldest exchanges of this kind and identity to `see`, at most so many.
    pub(crate) fn of(
        &self,
        kind: Kind,
        identity: &str,
        most: usize,
        mut see: impl FnMut(ExchangeKey, &[u8]),
    ) -> Result<(), DatabaseError> {
        let Some(identity) = quoted(identity) else {
            return Ok(());
        };
        let select = format!(
            "SELECT id, record FROM {} WHERE kind = '{}' AND identity = {identity} AND node = {NODE} ORDER BY id LIMIT {most}",
            self.table,
            kind.name()
        );
        self.database.select(&select, |row| {
            if let Some(key) = row.text(0).and_then(key_in) {
                see(key, row.octets(1).unwrap_or_default());
            }
        })
    }

    /// Shows identities with an exchange of this kind whose time has come, at most so many.
    pub(crate) fn due(
        &self,
        kind: Kind,
        now_ms: u64,
        most: usize,
        mut see: impl FnMut(&str),
    ) -> Result<(), DatabaseError> {
        let select = format!(
            "SELECT identity FROM {} WHERE kind = '{}' AND due <= {now_ms} AND node = {NODE} ORDER BY due LIMIT {most}",
            self.table,
            kind.name()
        );
        self.database
            .select(&select, |row| see(row.text(0).unwrap_or_default()))
    }

    /// Writes a group: all of it, or nothing.
    pub(crate) fn write(
        &self,
        changes: &[RowChange<'_>],
        charge: impl Fn(&ChargingRecord) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let group = self.group.fetch_add(1, Relaxed) + 1;
        self.database.together(|| {
            let (id, due) = (id_of_node(), [("due", Value::Long(group))]);
            self.database
                .put(self.table, ("id", Value::Text(&id)), &due)?;
            changes.iter().try_for_each(|change| match change {
                RowChange::Put(row) => self.put(row),
                RowChange::Delete(key) => self.delete(*key),
                RowChange::Charge(record) => charge(record),
            })
        })?;
        // Some engines connect again by themselves in the middle of a group. What came before is lost then, and COMMIT says
        // nothing about it: only the number of the group shows that the whole of it is there.
        match self.last_group()? == Some(group) {
            true => Ok(()),
            false => Err(DatabaseError),
        }
    }

    fn last_group(&self) -> Result<Option<i64>, DatabaseError> {
        let mut last = None;
        let select = format!(
            "SELECT due FROM {} WHERE id = '{}'",
            self.table,
            id_of_node()
        );
        self.database.select(&select, |row| last = row.long(0))?;
        Ok(last)
    }

    fn put(&self, row: &Row) -> Result<(), DatabaseError> {
        let id = id(row.key);
        let key: Field<'_> = ("id", Value::Text(&id));
        let rest = [
            ("node", Value::Number(row.key.node().into())),
            ("kind", Value::Text(row.kind)),
            ("identity", Value::Text(&row.identity)),
            ("due", Value::Long(row.due_ms)),
            ("record", Value::Octets(&row.record)),
        ];
        self.database.put(self.table, key, &rest)
    }

    fn delete(&self, key: ExchangeKey) -> Result<(), DatabaseError> {
        let id = id(key);
        let which = [("id", Value::Text(&id))];
        self.database.delete(self.table, &which)
    }
}

/// The name of a row: rows in the order of their names are in the order in which their exchanges were opened.
fn id(key: ExchangeKey) -> String {
    format!("{:04x}-{:014x}", key.node(), key.serial())
}

/// A text in a statement. Nothing for characters that some engine reads in another way; no identity has them.
fn quoted(text: &str) -> Option<String> {
    let is_plain = !text.contains(|c: char| c == '\\' || c.is_control());
    is_plain.then(|| format!("'{}'", text.replace('\'', "''")))
}

fn id_of_node() -> String {
    format!("{NODE:04x}")
}

fn key_in(id: &str) -> Option<ExchangeKey> {
    let (node, serial) = id.split_once('-')?;
    let node = u16::from_str_radix(node, 16).ok()?;
    ExchangeKey::new(node, u64::from_str_radix(serial, 16).ok()?)
}
