//! The rows of the nodes, and the exchanges that a node takes over from another one.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::{AT_REST, OF_NODE, PAGE, RELEASED, StoredRows, id, id_of_node, key_in, node_in};
use crate::exchange::{ExchangeKey, Kind};
use crate::kamailio::sys::database::{DatabaseError, Field, Row, Value};
use crate::kamailio::sys::setting_error::SettingError;

/// Within this time, a running node has written its row.
const ONE_BEAT: Duration = Duration::from_millis(1_300);

/// No sign of life has this number.
const MARK: i64 = -1;

/// A node, from its row.
pub(crate) struct NodeRow {
    pub(crate) number: u16,
    /// It grows at least each second while the node runs.
    pub(crate) beat: i64,
    pub(crate) uri: String,
}

impl StoredRows {
    /// In mod_init: the random number in the Call-IDs of all nodes. The first start of the first node writes `fresh`.
    /// Messages that the last start was delivering wait again.
    pub(crate) fn boot(&self, fresh: u64, uri: &str) -> Result<u64, SettingError> {
        let own = self.own_row(fresh, uri)?;
        if self.is_shared {
            self.is_alone()?;
        }
        let mut first = None;
        let select = format!(
            "SELECT record FROM {} WHERE kind = '{OF_NODE}' ORDER BY id LIMIT 1",
            self.table
        );
        let read = self.database.select(&select, |row| first = boot_in(row, 0));
        Ok(first.filter(|_| read.is_ok()).unwrap_or(own))
    }

    fn own_row(&self, fresh: u64, uri: &str) -> Result<u64, SettingError> {
        let mut known = None;
        let select = format!(
            "SELECT due, record FROM {} WHERE id = '{}'",
            self.table,
            self.id_of_node()
        );
        let read = self.database.select(&select, |row| {
            known = row.long(0).zip(boot_in(row, 1));
        });
        let id = self.id_of_node();
        let key: Field<'_> = ("id", Value::Text(&id));
        let boot = read.and_then(|()| match known {
            Some((group, boot)) => {
                self.group.store(group, Relaxed);
                let uri = [("identity", Value::Text(uri))];
                self.database.put(self.table, key, &uri)?;
                self.release_all(self.node)?;
                Ok(boot)
            }
            None => {
                let octets = fresh.to_be_bytes();
                let row = [
                    key,
                    ("node", Value::Number(self.node.into())),
                    ("kind", Value::Text(OF_NODE)),
                    ("identity", Value::Text(uri)),
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

    /// Another gateway that runs under the same number would take the messages of this one.
    fn is_alone(&self) -> Result<(), SettingError> {
        let before = self.last_group();
        std::thread::sleep(ONE_BEAT);
        match (before, self.last_group()) {
            (Ok(before), Ok(after)) if before != after => Err(SettingError(format!(
                "node is {}, and another gateway with this number uses store_table: give each gateway a number of its own",
                self.node
            ))),
            _ => Ok(()),
        }
    }

    /// Locks the row of a node until the group is written: its next sign of life waits. An error if it has given one behind this one.
    pub(super) fn stays_silent(&self, node: u16, beat: i64) -> Result<(), DatabaseError> {
        let id = id_of_node(node);
        let change = |from, to| {
            let which = [("id", Value::Text(&id)), ("due", Value::Long(from))];
            self.database
                .update(self.table, &which, &[("due", Value::Long(to))])
        };
        // The number of changed rows is not told. A SELECT may show the row as it was when the transaction began, but what the
        // transaction itself has changed it shows.
        change(beat, MARK)?;
        let mut is_marked = false;
        let select = format!("SELECT due FROM {} WHERE id = '{id}'", self.table);
        self.database
            .select(&select, |row| is_marked = row.long(0) == Some(MARK))?;
        match is_marked {
            true => change(MARK, beat),
            false => Err(DatabaseError),
        }
    }

    /// The stored messages that this node was delivering wait again and are due.
    pub(super) fn release_all(&self, node: u16) -> Result<(), DatabaseError> {
        let which = [
            ("node", Value::Number(node.into())),
            ("kind", Value::Text(Kind::StoredMessage.name())),
        ];
        self.database.update(self.table, &which, &RELEASED)
    }

    /// Shows exchanges that another node has in its memory to `see`, at most this many: the name, the key, the record.
    /// Stored messages are not among them.
    pub(crate) fn held_by(
        &self,
        node: u16,
        most: usize,
        mut see: impl FnMut(ExchangeKey, &[u8]),
    ) -> Result<(), DatabaseError> {
        let select = format!(
            "SELECT id, record FROM {} WHERE node = {node} AND kind <> '{OF_NODE}' AND kind <> '{}' ORDER BY id LIMIT {most}",
            self.table,
            Kind::StoredMessage.name()
        );
        self.database.select(&select, |row| {
            if let Some(key) = row.text(0).and_then(key_in) {
                see(key, row.octets(1).unwrap_or_default());
            }
        })
    }

    /// Shows the parts of long messages that a node has in memory to `see`: the key, the record. At rest: those that wait for the node
    /// which joins them.
    pub(crate) fn parts_at(
        &self,
        node: u16,
        mut see: impl FnMut(ExchangeKey, &[u8]),
    ) -> Result<(), DatabaseError> {
        let is_due = if node == AT_REST { "AND due = 0" } else { "" };
        let select = format!(
            "SELECT id, record FROM {} WHERE kind = '{}' {is_due} AND node = {node} ORDER BY id",
            self.table,
            Kind::KeptPart.name()
        );
        self.database.select(&select, |row| {
            if let Some(key) = row.text(0).and_then(key_in) {
                see(key, row.octets(1).unwrap_or_default());
            }
        })
    }

    /// Shows the stored messages of another node to `see`: those whose names come behind this one. Returns the last name.
    pub(crate) fn messages_of(
        &self,
        node: u16,
        behind: &str,
        mut see: impl FnMut(ExchangeKey, &[u8]),
    ) -> Result<String, DatabaseError> {
        let (message, mut last) = (Kind::StoredMessage.name(), behind.to_owned());
        loop {
            // In the order of the primary key, as all names of the node.
            let select = format!(
                "SELECT id, kind, record FROM {} WHERE id > '{last}' AND id > '{node:04x}-' AND id < '{node:04x}.' ORDER BY id LIMIT {PAGE}",
                self.table
            );
            let mut rows = 0;
            self.database.select(&select, |row| {
                rows += 1;
                let Some(key) = row.text(0).and_then(key_in) else {
                    return;
                };
                last = id(key);
                if row.text(1) == Some(message) {
                    see(key, row.octets(2).unwrap_or_default());
                }
            })?;
            if rows < PAGE {
                return Ok(last);
            }
        }
    }

    /// Which of these exchanges have a row.
    pub(crate) fn with_row(
        &self,
        keys: &[ExchangeKey],
    ) -> Result<HashSet<ExchangeKey>, DatabaseError> {
        let mut found = HashSet::new();
        if keys.is_empty() {
            return Ok(found);
        }
        let names: Vec<String> = keys.iter().map(|key| format!("'{}'", id(*key))).collect();
        let select = format!(
            "SELECT id FROM {} WHERE id IN ({})",
            self.table,
            names.join(", ")
        );
        self.database
            .select(&select, |row| found.extend(row.text(0).and_then(key_in)))?;
        Ok(found)
    }

    /// All exchanges that this node has.
    pub(crate) fn mine(&self, mine: &mut HashSet<ExchangeKey>) -> Result<(), DatabaseError> {
        let select = format!(
            "SELECT id FROM {} WHERE node = {} AND kind <> '{OF_NODE}'",
            self.table, self.node
        );
        self.database
            .select(&select, |row| mine.extend(row.text(0).and_then(key_in)))
    }

    /// Whether this node has the exchange.
    pub(crate) fn is_mine(&self, key: ExchangeKey) -> Result<bool, DatabaseError> {
        let mut node = None;
        let select = format!("SELECT node FROM {} WHERE id = '{}'", self.table, id(key));
        self.database
            .select(&select, |row| node = Some(node_in(row, 0)))?;
        Ok(node.is_some_and(|node| self.is_own(node)))
    }

    /// The nodes that have used the table.
    pub(crate) fn nodes(&self) -> Result<Vec<NodeRow>, DatabaseError> {
        let mut nodes = Vec::new();
        let select = format!(
            "SELECT node, due, identity FROM {} WHERE kind = '{OF_NODE}' ORDER BY id",
            self.table
        );
        self.database.select(&select, |row| {
            nodes.push(NodeRow {
                number: node_in(row, 0),
                beat: row.long(1).unwrap_or_default(),
                uri: row.text(2).unwrap_or_default().to_owned(),
            });
        })?;
        Ok(nodes)
    }
}

fn boot_in(row: Row<'_>, column: usize) -> Option<u64> {
    let octets = row.octets(column)?;
    Some(u64::from_be_bytes(octets.try_into().ok()?))
}
