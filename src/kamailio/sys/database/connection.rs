//! An open connection: its statements and their results.

use std::cell::Cell;
use std::os::raw::c_int;
use std::ptr::{NonNull, null, null_mut};

use super::row::Row;
use super::value::{Field, written};
use crate::kamailio::sys::ffi::{self, db_func_t, db_key_t, db_val_t, db1_con_t, db1_res_t, str_};
use crate::kamailio::sys::text::lend;

/// The database refused, or cannot be reached. Kamailio's log has the reason.
pub(crate) struct DatabaseError;

/// The functions of an engine (db_sqlite, db_mysql, ...). They are checked once, when the engine is bound.
#[derive(Clone, Copy)]
pub(super) struct Engine {
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
    /// Transactions need it: srdb1 has another form of them for each engine.
    raw_query: unsafe extern "C" fn(*const db1_con_t, *const str_, *mut *mut db1_res_t) -> c_int,
}

impl Engine {
    /// `None` if one of the functions is missing.
    pub(super) fn of(found: &db_func_t) -> Option<Self> {
        Some(Self {
            init: found.init?,
            close: found.close?,
            use_table: found.use_table?,
            query: found.query?,
            free_result: found.free_result?,
            insert: found.insert?,
            delete: found.delete?,
            update: found.update?,
            raw_query: found.raw_query?,
        })
    }
}

/// The open connection of this process.
pub(super) struct Connection {
    raw: NonNull<db1_con_t>,
    /// The engine that opened it.
    engine: Engine,
    url: &'static str,
}

thread_local! {
    /// The name of the table that was last set for a connection. srdb1 keeps a pointer to it until the next name.
    static TABLE: Cell<str_> = const { Cell::new(str_ { s: null_mut(), len: 0 }) };
}

/// Names and values of columns, as srdb1 takes them.
pub(super) struct Columns<'a> {
    /// `keys` point into this.
    _names: Vec<str_>,
    keys: Vec<db_key_t>,
    values: Vec<db_val_t>,
    _texts: std::marker::PhantomData<&'a str>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(fields: &[Field<'a>]) -> Self {
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
    pub(super) fn open(engine: Engine, url: &'static str) -> Result<Self, DatabaseError> {
        // SAFETY: the URL is live during the call; the engine copies it.
        let raw = unsafe { (engine.init)(&lend(url.as_bytes())) };
        let raw = NonNull::new(raw).ok_or(DatabaseError)?;
        Ok(Self { raw, engine, url })
    }

    pub(super) fn close(self) {
        // SAFETY: a connection of this engine; nothing uses it any more, because it was moved here.
        unsafe { (self.engine.close)(self.raw.as_ptr()) };
    }

    pub(super) const fn url(&self) -> &'static str {
        self.url
    }

    /// The next calls work on this table.
    fn choose(&mut self, table: &'static str) -> Result<(), DatabaseError> {
        TABLE.set(lend(table.as_bytes()));
        // SAFETY: an open connection. The name it keeps a pointer to stands in this thread's own storage, which lives as
        // long as the thread, and its octets are static.
        let chosen =
            TABLE.with(|name| unsafe { (self.engine.use_table)(self.raw.as_ptr(), name.as_ptr()) });
        done(chosen)
    }

    /// The rows that this SELECT finds.
    pub(super) fn select(&mut self, select: &str) -> Result<Rows<'_>, DatabaseError> {
        let run = self.engine.raw_query;
        let mut result = null_mut();
        // SAFETY: an open connection; the statement is live during the call.
        let code = unsafe { run(self.raw.as_ptr(), &lend(select.as_bytes()), &mut result) };
        let rows = self.rows(result);
        done(code)?;
        rows.ok_or(DatabaseError)
    }

    /// Runs a statement without a result. Of statements that change rows, an engine may hide the failure.
    pub(super) fn run(&mut self, statement: &str) -> Result<(), DatabaseError> {
        let run = self.engine.raw_query;
        let mut result = null_mut();
        // SAFETY: an open connection; the statement is live during the call. Without a place for the result the engine
        // would execute nothing.
        let code = unsafe { run(self.raw.as_ptr(), &lend(statement.as_bytes()), &mut result) };
        drop(self.rows(result));
        done(code)
    }

    /// These columns of the rows that have these values.
    pub(super) fn query(
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

    pub(super) fn insert(
        &mut self,
        table: &'static str,
        row: &Columns<'_>,
    ) -> Result<(), DatabaseError> {
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

    pub(super) fn delete(
        &mut self,
        table: &'static str,
        which: &Columns<'_>,
    ) -> Result<(), DatabaseError> {
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

    pub(super) fn update(
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
pub(super) struct Rows<'c> {
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

    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
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
