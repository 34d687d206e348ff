//! A database through srdb1: SQLite, MySQL, PostgreSQL and others by URL, one code path.
//!
//! [`Database`] is bound in mod_init. Each process opens its own connection when it first needs one. [`Rows`] is a result
//! that frees itself; a [`Row`] gives its columns as texts and numbers.

use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::os::raw::c_int;
use std::ptr::{NonNull, null, null_mut};

mod row;
mod value;

use super::calls;
use super::ffi::{self, db_func_t, db_key_t, db_val_t, db1_con_t, db1_res_t, str_};
use super::passed::Name;
use super::text::lend;
use crate::kamailio::sys::setting_error::SettingError;

pub(crate) use row::Row;
use value::written;
pub(crate) use value::{Field, Value};

/// The database refused, or cannot be reached. Kamailio's log has the reason.
pub(crate) struct DatabaseError;

/// A bound database. Connections belong to processes.
#[derive(Clone, Copy)]
pub(crate) struct Database {
    url: &'static str,
    engine: Engine,
}

/// The functions of an engine (db_sqlite, db_mysql, ...). They are checked once, when the engine is bound.
#[derive(Clone, Copy)]
struct Engine {
    init: unsafe extern "C" fn(*const str_) -> *mut db1_con_t,
    close: unsafe extern "C" fn(*mut db1_con_t),
    use_table: unsafe extern "C" fn(*mut db1_con_t, *const str_) -> c_int,
    query: unsafe extern "C" fn(
        *const db1_con_t,
        *const db_key_t,
        *const ffi::db_op_t,
        *const db_val_t,
        *const db_key_t,
        c_int,
        c_int,
        db_key_t,
        *mut *mut db1_res_t,
    ) -> c_int,
    free_result: unsafe extern "C" fn(*mut db1_con_t, *mut db1_res_t) -> c_int,
    insert:
        unsafe extern "C" fn(*const db1_con_t, *const db_key_t, *const db_val_t, c_int) -> c_int,
    delete: unsafe extern "C" fn(
        *const db1_con_t,
        *const db_key_t,
        *const ffi::db_op_t,
        *const db_val_t,
        c_int,
    ) -> c_int,
    update: unsafe extern "C" fn(
        *const db1_con_t,
        *const db_key_t,
        *const ffi::db_op_t,
        *const db_val_t,
        *const db_key_t,
        *const db_val_t,
        c_int,
        c_int,
    ) -> c_int,
    /// Not every engine has it.
    raw_query:
        Option<unsafe extern "C" fn(*const db1_con_t, *const str_, *mut *mut db1_res_t) -> c_int>,
}

impl Engine {
    /// `None` where one of the functions is missing.
    fn of(found: &db_func_t) -> Option<Self> {
        Some(Self {
            init: found.init?,
            close: found.close?,
            use_table: found.use_table?,
            query: found.query?,
            free_result: found.free_result?,
            insert: found.insert?,
            delete: found.delete?,
            update: found.update?,
            raw_query: found.raw_query,
        })
    }
}

/// The open connection of this process.
struct Connection {
    raw: NonNull<db1_con_t>,
    /// The engine that opened it.
    engine: Engine,
    url: &'static str,
}

thread_local! {
    /// The connections of this process, one for each URL; no connection outlives a fork. They stay borrowed while a call works
    /// on one, so nothing closes it meanwhile.
    static CONNECTIONS: RefCell<Vec<Connection>> = const { RefCell::new(Vec::new()) };

    /// The name of the table that a connection was last told. srdb1 keeps a pointer to it until the next name.
    static TABLE: Cell<str_> = const { Cell::new(str_ { s: null_mut(), len: 0 }) };
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
                "{module} cannot read, insert, update and delete rows: write the URL of another engine into db_url"
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
            if !open.iter().any(|connection| connection.url == self.url) {
                open.push(self.connect()?);
            }
            let mut open = open.iter_mut();
            let connection = open.find(|connection| connection.url == self.url);
            work(connection.ok_or(DatabaseError)?)
        })
    }

    fn connect(&self) -> Result<Connection, DatabaseError> {
        // SAFETY: the URL is live during the call; the engine copies it.
        let raw = unsafe { (self.engine.init)(&lend(self.url.as_bytes())) };
        let mut connection = Connection {
            raw: NonNull::new(raw).ok_or(DatabaseError)?,
            engine: self.engine,
            url: self.url,
        };
        if self.is_sqlite() {
            // Another process may be writing: wait for it rather than fail (5.6 sets no timeout).
            // A connection without it works, too.
            let _ = connection.run("PRAGMA busy_timeout=1000");
        }
        Ok(connection)
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
            let place = open.iter().position(|open| open.url == self.url)?;
            Some(open.swap_remove(place))
        });
        if let Some(connection) = open {
            // SAFETY: a connection of this engine; it was taken out of its place, so nothing uses it any more.
            unsafe { (connection.engine.close)(connection.raw.as_ptr()) };
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
            let run = connection.engine.raw_query.ok_or(DatabaseError)?;
            let mut result = null_mut();
            // SAFETY: an open connection; the statement is live during the call.
            let code = unsafe {
                run(
                    connection.raw.as_ptr(),
                    &lend(select.as_bytes()),
                    &mut result,
                )
            };
            let rows = connection.rows(result);
            done(code)?;
            rows.iter().flat_map(Rows::iter).for_each(see);
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

/// The functions that the module of this name exports for srdb1; `None` where it is not loaded.
fn functions_of(module: &str) -> Option<db_func_t> {
    let name = CString::new(module).ok()?;
    let mut functions = db_func_t::default();
    let bound = calls::ipsmgw_c_bind_database(Name::new(&name), &mut functions);
    (bound >= 0).then_some(functions)
}

/// Names and values of columns, as srdb1 takes them.
struct Columns<'a> {
    /// `keys` point into this.
    _names: Vec<str_>,
    keys: Vec<db_key_t>,
    values: Vec<db_val_t>,
    _texts: std::marker::PhantomData<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(fields: &[(&'a str, Value<'a>)]) -> Self {
        let names = fields.iter().map(|(name, _)| lend(name.as_bytes()));
        let mut names: Vec<str_> = names.collect();
        Self {
            keys: names.iter_mut().map(std::ptr::from_mut).collect(),
            _names: names,
            values: fields.iter().map(|(_, value)| written(*value)).collect(),
            _texts: std::marker::PhantomData,
        }
    }

    fn count(&self) -> c_int {
        // No table has so many columns that this would fail.
        c_int::try_from(self.keys.len()).unwrap_or(0)
    }
}

impl Connection {
    /// The next calls work on this table.
    fn choose(&mut self, table: &'static str) -> Result<(), DatabaseError> {
        TABLE.set(lend(table.as_bytes()));
        // SAFETY: an open connection. The name it keeps a pointer to stands in this thread's own storage, which lives as
        // long as the thread, and its octets are static.
        let chosen =
            TABLE.with(|name| unsafe { (self.engine.use_table)(self.raw.as_ptr(), name.as_ptr()) });
        done(chosen)
    }

    /// Runs a statement that changes no rows. Of statements that change rows, an engine may hide the failure.
    fn run(&mut self, statement: &str) -> Result<(), DatabaseError> {
        let run = self.engine.raw_query.ok_or(DatabaseError)?;
        let mut result = null_mut();
        // SAFETY: an open connection; the statement is live during the call. Without a place for the result the engine
        // would execute nothing.
        let code = unsafe { run(self.raw.as_ptr(), &lend(statement.as_bytes()), &mut result) };
        drop(self.rows(result));
        done(code)
    }

    /// These columns of the rows that have these values.
    fn query(
        &mut self,
        table: &'static str,
        which: &Columns<'_>,
        columns: &Columns<'_>,
    ) -> Result<Rows<'_>, DatabaseError> {
        self.choose(table)?;
        let mut result = null_mut();
        // SAFETY: an open connection; names and values are live during the call, as many as their counts say.
        let code = unsafe {
            (self.engine.query)(
                self.raw.as_ptr(),
                which.keys.as_ptr(),
                null(),
                which.values.as_ptr(),
                columns.keys.as_ptr(),
                which.count(),
                columns.count(),
                null_mut(),
                &mut result,
            )
        };
        let rows = self.rows(result);
        done(code)?;
        rows.ok_or(DatabaseError)
    }

    fn rows(&mut self, result: *mut db1_res_t) -> Option<Rows<'_>> {
        let result = NonNull::new(result)?;
        Some(Rows {
            result,
            connection: self,
        })
    }

    fn insert(&mut self, table: &'static str, row: &Columns<'_>) -> Result<(), DatabaseError> {
        self.choose(table)?;
        // SAFETY: an open connection; names and values are live during the call, as many as the count says.
        done(unsafe {
            (self.engine.insert)(
                self.raw.as_ptr(),
                row.keys.as_ptr(),
                row.values.as_ptr(),
                row.count(),
            )
        })
    }

    fn delete(&mut self, table: &'static str, which: &Columns<'_>) -> Result<(), DatabaseError> {
        self.choose(table)?;
        // SAFETY: as for `insert`.
        done(unsafe {
            (self.engine.delete)(
                self.raw.as_ptr(),
                which.keys.as_ptr(),
                null(),
                which.values.as_ptr(),
                which.count(),
            )
        })
    }

    fn update(
        &mut self,
        table: &'static str,
        which: &Columns<'_>,
        to: &Columns<'_>,
    ) -> Result<(), DatabaseError> {
        self.choose(table)?;
        // SAFETY: as for `insert`, of both lists.
        done(unsafe {
            (self.engine.update)(
                self.raw.as_ptr(),
                which.keys.as_ptr(),
                null(),
                which.values.as_ptr(),
                to.keys.as_ptr(),
                to.values.as_ptr(),
                which.count(),
                to.count(),
            )
        })
    }
}

fn done(code: c_int) -> Result<(), DatabaseError> {
    if code < 0 { Err(DatabaseError) } else { Ok(()) }
}

/// The rows of a result. The engine gets the memory back when this is dropped.
struct Rows<'c> {
    result: NonNull<db1_res_t>,
    connection: &'c mut Connection,
}

impl Rows<'_> {
    fn all(&self) -> &[ffi::db_row] {
        // SAFETY: a result of the engine that is not freed before `drop`.
        let result = unsafe { self.result.as_ref() };
        match usize::try_from(result.n) {
            // SAFETY: the engine has put `n` rows there; they stay as long as the result.
            Ok(count) if !result.rows.is_null() => unsafe {
                std::slice::from_raw_parts(result.rows, count)
            },
            _ => &[],
        }
    }

    fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.all().iter().map(Row::of)
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        let Connection { raw, engine, .. } = &*self.connection;
        // SAFETY: a result of this connection; every `Row` borrows from `self`, so none is left.
        unsafe { (engine.free_result)(raw.as_ptr(), self.result.as_ptr()) };
    }
}
