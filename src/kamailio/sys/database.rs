//! A database through srdb1: SQLite, MySQL, PostgreSQL and others by URL, one code path.
//!
//! [`Database`] is bound in mod_init. Each process opens its own connection when it first needs one. A [`Row`]
//! gives its columns as texts and numbers.

use std::cell::RefCell;
use std::ffi::CString;

mod connection;
mod row;
mod value;

use super::calls;
use super::ffi::db_func_t;
use super::passed::Name;
use crate::kamailio::sys::setting_error::SettingError;
use connection::{Columns, Connection, Engine};

pub(crate) use connection::DatabaseError;
pub(crate) use row::Row;
pub(crate) use value::{Field, Value};

/// A bound database. Connections belong to processes.
#[derive(Clone, Copy)]
pub(crate) struct Database {
    url: &'static str,
    engine: Engine,
}

thread_local! {
    /// The connections of this process, one for each URL; no connection outlives a fork. They stay borrowed while a call works
    /// on one, so nothing closes it meanwhile.
    static CONNECTIONS: RefCell<Vec<Connection>> = const { RefCell::new(Vec::new()) };
}

impl Database {
    /// In mod_init: finds the engine that the URL names.
    pub(crate) fn bind(url: &'static str) -> Result<Self, SettingError> {
        let Some((engine, _)) = url.split_once(':') else {
            return Err(SettingError(format!(
                "db_url is '{url}': write ENGINE://..., such as \"sqlite:////var/lib/ipsmgw/ipsmgw.sqlite\", or nothing"
            )));
        };
        let module = format!("db_{engine}");
        let found = functions_of(&module).ok_or_else(|| {
            SettingError(format!(
                "db_url needs the module {module}: put loadmodule \"{module}.so\" before loadmodule \"ipsmgw.so\", or write another URL, such as \"sqlite:////var/lib/ipsmgw/ipsmgw.sqlite\""
            ))
        })?;
        let engine = Engine::of(&found).ok_or_else(|| {
            SettingError(format!(
                "{module} cannot read, insert, update and delete rows in transactions: write the URL of SQLite, PostgreSQL, MariaDB or MySQL into db_url, such as \"sqlite:////var/lib/ipsmgw/ipsmgw.sqlite\""
            ))
        })?;
        Ok(Self { url, engine })
    }

    /// Calls `work` with this process's connection, which is opened if it is not open.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        CONNECTIONS.with(|open| {
            // Busy: this call comes from inside another one.
            let mut open = open.try_borrow_mut().map_err(|_| DatabaseError)?;
            if !open.iter().any(|connection| connection.url() == self.url) {
                open.push(self.connect()?);
            }
            let mut open = open.iter_mut();
            let connection = open.find(|connection| connection.url() == self.url);
            work(connection.ok_or(DatabaseError)?)
        })
    }

    fn connect(&self) -> Result<Connection, DatabaseError> {
        let mut connection = Connection::open(self.engine, self.url)?;
        if self.is_sqlite() {
            // Another process may be writing: wait instead of failing (5.6 sets no timeout). A connection without this
            // setting works, too.
            let _ = connection.run("PRAGMA busy_timeout=1000");
        } else if let Some(limit) = self.transaction_limit() {
            let _ = connection.run(limit);
        }
        Ok(connection)
    }

    /// The statement by which the server ends the transaction of a process that stands still or is cut off for 5 s: its locks
    /// would hold up other nodes. MySQL has no such limit, and does not read the comment.
    fn transaction_limit(&self) -> Option<&'static str> {
        match self.engine_name() {
            "postgres" => Some("SET idle_in_transaction_session_timeout = 5000"),
            "mysql" => Some("SET @a = 0 /*M!100300 , SESSION idle_transaction_timeout = 5 */"),
            _ => None,
        }
    }

    /// The engine's name, as the URL has it.
    pub(crate) fn engine_name(&self) -> &'static str {
        self.url.split(':').next().unwrap_or_default()
    }

    fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    /// Opens this process's connection, if it is not open. The modules of a process share one connection to a
    /// database: so usrloc waits for a lock from here on, too.
    pub(crate) fn open(&self) -> Result<(), DatabaseError> {
        self.with(|_| Ok(()))
    }

    /// Closes this process's connection: after mod_init, none may cross the fork.
    pub(crate) fn close(&self) {
        let open = CONNECTIONS.with(|open| {
            let mut open = open.try_borrow_mut().ok()?;
            let place = open.iter().position(|open| open.url() == self.url)?;
            Some(open.swap_remove(place))
        });
        if let Some(connection) = open {
            connection.close();
        }
    }

    /// All that `change` writes, or nothing of it.
    pub(crate) fn together(
        &self,
        change: impl FnOnce() -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        // Takes the lock now: a reader that becomes a writer would fail at once where another writes.
        let begin = if self.is_sqlite() {
            "BEGIN IMMEDIATE"
        } else {
            "BEGIN"
        };
        self.with(|connection| connection.run(begin))?;
        let done = change().and_then(|()| self.with(|connection| connection.run("COMMIT")));
        if done.is_err() {
            // The engine may have rolled back already, and say that there is nothing to do.
            let _ = self.with(|connection| connection.run("ROLLBACK"));
        }
        done
    }

    /// Deletes the rows that have these values.
    pub(crate) fn delete(
        &self,
        table: &'static str,
        which: &[Field<'_>],
    ) -> Result<(), DatabaseError> {
        self.with(|connection| connection.delete(table, &Columns::of(which)))
    }

    /// Changes the rows that have these values.
    pub(crate) fn update(
        &self,
        table: &'static str,
        which: &[Field<'_>],
        to: &[Field<'_>],
    ) -> Result<(), DatabaseError> {
        self.with(|connection| connection.update(table, &Columns::of(which), &Columns::of(to)))
    }

    /// Runs a statement without a result: an UPDATE of rows that srdb1 cannot name. An engine may hide its failure.
    pub(crate) fn run(&self, statement: &str) -> Result<(), DatabaseError> {
        self.with(|connection| connection.run(statement))
    }

    /// Adds a row.
    pub(crate) fn insert(
        &self,
        table: &'static str,
        row: &[Field<'_>],
    ) -> Result<(), DatabaseError> {
        self.with(|connection| connection.insert(table, &Columns::of(row)))
    }

    /// Writes the row of this key: in place of the one that exists, or as a new one. (Not every engine can replace rows.)
    pub(crate) fn put(
        &self,
        table: &'static str,
        key: Field<'_>,
        rest: &[Field<'_>],
    ) -> Result<(), DatabaseError> {
        let which = Columns::of(&[key]);
        self.with(|connection| {
            let exists = !connection.query(table, &which, &which)?.is_empty();
            if exists {
                connection.update(table, &which, &Columns::of(rest))
            } else {
                let mut row = vec![key];
                row.extend_from_slice(rest);
                connection.insert(table, &Columns::of(&row))
            }
        })
    }

    /// Shows each row that this SELECT finds to `see`.
    pub(crate) fn select(
        &self,
        select: &str,
        see: impl FnMut(Row<'_>),
    ) -> Result<(), DatabaseError> {
        self.with(|connection| {
            connection.select(select)?.iter().for_each(see);
            Ok(())
        })
    }

    /// Whether the table has a row of this key.
    pub(crate) fn has_row(
        &self,
        table: &'static str,
        key: Field<'_>,
    ) -> Result<bool, DatabaseError> {
        let which = Columns::of(&[key]);
        self.with(|connection| Ok(!connection.query(table, &which, &which)?.is_empty()))
    }

    /// An error where the table or one of these columns is missing. The first column is the key, and a text.
    pub(crate) fn has_columns(
        &self,
        table: &'static str,
        columns: &[&'static str],
    ) -> Result<(), DatabaseError> {
        let key: Vec<_> = columns
            .iter()
            .take(1)
            .map(|name| (*name, Value::Text("")))
            .collect();
        let columns = columns.iter().map(|name| (*name, Value::Number(0)));
        let columns: Vec<_> = columns.collect();
        self.with(|connection| {
            let rows = connection.query(table, &Columns::of(&key), &Columns::of(&columns))?;
            drop(rows);
            Ok(())
        })
    }

    /// Shows each row of a table to `see`.
    pub(crate) fn each_row(
        &self,
        table: &'static str,
        columns: &[&'static str],
        see: impl FnMut(Row<'_>),
    ) -> Result<(), DatabaseError> {
        let columns: Vec<_> = columns
            .iter()
            .map(|name| (*name, Value::Number(0)))
            .collect();
        self.with(|connection| {
            let rows = connection.query(table, &Columns::of(&[]), &Columns::of(&columns))?;
            rows.iter().for_each(see);
            Ok(())
        })
    }
}

/// The functions that the module of this name exports for srdb1; `None` if it is not loaded.
fn functions_of(module: &str) -> Option<db_func_t> {
    let name = CString::new(module).ok()?;
    let mut functions = db_func_t::default();
    let bound = calls::ipsmgw_c_bind_database(Name::new(&name), &mut functions);
    (bound >= 0).then_some(functions)
}
