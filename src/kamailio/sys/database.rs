//! A database through srdb1: SQLite, MySQL, PostgreSQL and others by URL, one code path.

use std::cell::Cell;
use std::ffi::CString;
use std::os::raw::c_int;
use std::ptr::null;

use super::ffi::{self, db_func_t, db_key_t, db_val_t, db1_con_t, str_};
use super::text::{self, lend};
use crate::kamailio::sys::setting_error::SettingError;

/// The database refused, or is not there. What it says is in Kamailio's log.
pub(crate) struct DatabaseError;

/// A bound database. Connections belong to processes.
pub(crate) struct Database {
    url: &'static str,
    functions: db_func_t,
}

// SAFETY: function pointers of a loaded module.
unsafe impl Send for Database {}
// SAFETY: as above.
unsafe impl Sync for Database {}

thread_local! {
    /// This process's connection, opened when it is first needed: none outlives a fork.
    static CONNECTION: Cell<*mut db1_con_t> = const { Cell::new(std::ptr::null_mut()) };
}

/// One value of a row.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(c_int),
    Real(f64),
    /// Seconds since 1970.
    Time(i64),
}

/// A column and its value.
pub(crate) type Field<'a> = (&'static str, Value<'a>);

impl Database {
    /// In mod_init: finds the engine that the URL names.
    pub(crate) fn bind(url: &'static str) -> Result<Self, SettingError> {
        let Some((engine, _)) = url.split_once(':') else {
            return Err(SettingError(format!(
                "db_url is '{url}': write ENGINE://..., such as \"sqlite:////var/lib/ipsmgw/ipsmgw.sqlite\", or nothing"
            )));
        };
        let module = format!("db_{engine}");
        let missing = || {
            SettingError(format!(
                "db_url needs the module {module}: put loadmodule \"{module}.so\" before loadmodule \"ipsmgw.so\", or write another URL, such as \"sqlite:////var/lib/ipsmgw/ipsmgw.sqlite\""
            ))
        };
        let name = CString::new(module.as_str()).map_err(|_| missing())?;
        let export = c"db_bind_api".as_ptr().cast_mut();
        // SAFETY: both names are live; Kamailio searches the modules that are loaded.
        let found = unsafe { ffi::find_mod_export(name.as_ptr().cast_mut(), export, 0, 0) };
        let found = found.ok_or_else(missing)?;
        // SAFETY: Kamailio exports every function as `cmd_function`; by its name this one is a
        // `db_bind_api_f`.
        let bind =
            unsafe { std::mem::transmute::<ffi::cmd_function, ffi::db_bind_api_f>(Some(found)) };
        let mut functions = db_func_t::default();
        // SAFETY: the struct is ours to fill.
        if bind.is_none_or(|bind| unsafe { bind(&mut functions) } < 0) {
            return Err(missing());
        }
        let can = functions.query.is_some() && functions.insert.is_some();
        if !can || functions.update.is_none() || functions.delete.is_none() {
            return Err(SettingError(format!(
                "{module} cannot read, insert, update and delete rows: write the URL of another engine into db_url"
            )));
        }
        Ok(Self { url, functions })
    }

    /// This process's connection.
    fn connection(&self) -> Result<*mut db1_con_t, DatabaseError> {
        let open = CONNECTION.get();
        if !open.is_null() {
            return Ok(open);
        }
        let init = self.functions.init.ok_or(DatabaseError)?;
        // SAFETY: the URL is live; the connection is this process's own.
        let open = unsafe { init(&lend(self.url.as_bytes())) };
        if open.is_null() {
            return Err(DatabaseError);
        }
        CONNECTION.set(open);
        if self.url.starts_with("sqlite:") {
            // Another process may be writing: wait for it rather than fail (5.6 sets no timeout).
            // A connection without it works, too.
            let _ = self.run(open, "PRAGMA busy_timeout=1000");
        }
        Ok(open)
    }

    /// Opens this process's connection, if it is not open. The modules of a process share one connection to a
    /// database: so usrloc waits for a lock from here on, too.
    pub(crate) fn open(&self) -> Result<(), DatabaseError> {
        self.connection().map(drop)
    }

    /// Runs a statement that changes no rows. Of those that do, an engine may hide the failure.
    fn run(&self, connection: *mut db1_con_t, statement: &str) -> Result<(), DatabaseError> {
        let (Some(run), Some(free)) = (self.functions.raw_query, self.functions.free_result) else {
            return Err(DatabaseError);
        };
        let mut result = std::ptr::null_mut();
        // SAFETY: our connection; without a place for the result nothing would be executed.
        let done = unsafe { run(connection, &lend(statement.as_bytes()), &mut result) };
        if !result.is_null() {
            // SAFETY: the result of this connection.
            unsafe { free(connection, result) };
        }
        if done < 0 { Err(DatabaseError) } else { Ok(()) }
    }

    /// All that `change` writes, or nothing of it.
    pub(crate) fn together(
        &self,
        change: impl FnOnce() -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let connection = self.connection()?;
        // Takes the lock now: a reader that becomes a writer would fail at once where another writes.
        let begin = if self.url.starts_with("sqlite:") {
            "BEGIN IMMEDIATE"
        } else {
            "BEGIN"
        };
        self.run(connection, begin)?;
        let done = change().and_then(|()| self.run(connection, "COMMIT"));
        if done.is_err() {
            // The engine may have rolled back already, and say that there is nothing to do.
            let _ = self.run(connection, "ROLLBACK");
        }
        done
    }

    /// Deletes the rows that have these values.
    pub(crate) fn delete(
        &self,
        table: &'static str,
        which: &[Field<'_>],
    ) -> Result<(), DatabaseError> {
        let connection = self.table(table)?;
        let delete = self.functions.delete.ok_or(DatabaseError)?;
        let mut names: Vec<str_> = which
            .iter()
            .map(|(name, _)| lend(name.as_bytes()))
            .collect();
        let keys: Vec<db_key_t> = names.iter_mut().map(std::ptr::from_mut).collect();
        let values: Vec<db_val_t> = which.iter().map(|(_, value)| written(*value)).collect();
        let count = c_int::try_from(values.len()).unwrap_or(0);
        // SAFETY: our connection; names and values are live during the call.
        let done = unsafe { delete(connection, keys.as_ptr(), null(), values.as_ptr(), count) };
        if done < 0 { Err(DatabaseError) } else { Ok(()) }
    }

    /// Adds a row.
    pub(crate) fn insert(
        &self,
        table: &'static str,
        row: &[Field<'_>],
    ) -> Result<(), DatabaseError> {
        let connection = self.table(table)?;
        let insert = self.functions.insert.ok_or(DatabaseError)?;
        let mut names: Vec<str_> = row.iter().map(|(name, _)| lend(name.as_bytes())).collect();
        let keys: Vec<db_key_t> = names.iter_mut().map(std::ptr::from_mut).collect();
        let values: Vec<db_val_t> = row.iter().map(|(_, value)| written(*value)).collect();
        let count = c_int::try_from(values.len()).unwrap_or(0);
        // SAFETY: our connection; names and values are live during the call.
        let done = unsafe { insert(connection, keys.as_ptr(), values.as_ptr(), count) };
        if done < 0 { Err(DatabaseError) } else { Ok(()) }
    }

    /// Closes this process's connection: after mod_init, none may cross the fork.
    pub(crate) fn close(&self) {
        let open = CONNECTION.replace(std::ptr::null_mut());
        if let Some(close) = self.functions.close
            && !open.is_null()
        {
            // SAFETY: our connection, which nobody uses any more.
            unsafe { close(open) };
        }
    }

    fn table(&self, table: &str) -> Result<*mut db1_con_t, DatabaseError> {
        let connection = self.connection()?;
        let choose = self.functions.use_table.ok_or(DatabaseError)?;
        // The connection keeps the pointer to the name until the next call: so it has to stay.
        thread_local! { static NAME: Cell<str_> = const { Cell::new(str_ { s: std::ptr::null_mut(), len: 0 }) }; }
        let name = lend(table.as_bytes());
        NAME.set(name);
        // SAFETY: our connection; callers pass table names that live as long as the module.
        let chosen = NAME.with(|name| unsafe { choose(connection, name.as_ptr()) });
        if chosen < 0 {
            Err(DatabaseError)
        } else {
            Ok(connection)
        }
    }

    /// Shows each row of a table. Columns are texts or numbers as the table has them.
    pub(crate) fn each_row(
        &self,
        table: &'static str,
        columns: &[&str],
        mut see: impl FnMut(&[Option<Value<'_>>]),
    ) -> Result<(), DatabaseError> {
        let connection = self.table(table)?;
        let mut names: Vec<str_> = columns.iter().map(|name| lend(name.as_bytes())).collect();
        let keys: Vec<db_key_t> = names.iter_mut().map(std::ptr::from_mut).collect();
        let count = c_int::try_from(keys.len()).unwrap_or(0);
        let (query, free) = self
            .functions
            .query
            .zip(self.functions.free_result)
            .ok_or(DatabaseError)?;
        let mut result = std::ptr::null_mut();
        // SAFETY: our connection; no condition, all rows; names are live during the call.
        let done = unsafe {
            query(
                connection,
                null(),
                null(),
                null(),
                keys.as_ptr(),
                0,
                count,
                std::ptr::null_mut(),
                &mut result,
            )
        };
        if done < 0 || result.is_null() {
            return Err(DatabaseError);
        }
        // SAFETY: the result that the query gave.
        let (rows, count) =
            unsafe { result.as_ref() }.map_or((null(), 0), |r| (r.rows.cast_const(), r.n));
        // SAFETY: so many rows are in it.
        let rows = unsafe { slice(rows, count) };
        for row in rows {
            // SAFETY: a row of that result.
            let values = unsafe { slice(row.values, row.n) };
            let values: Vec<Option<Value<'_>>> = values.iter().map(read).collect();
            see(&values);
        }
        // SAFETY: the result of this connection; nothing of it is kept.
        unsafe { free(connection, result) };
        Ok(())
    }

    /// Writes the row of this key: in place of the one that is there, or as a new one.
    pub(crate) fn put(
        &self,
        table: &'static str,
        key: (&str, Value<'_>),
        rest: &[(&str, Value<'_>)],
    ) -> Result<(), DatabaseError> {
        let connection = self.table(table)?;
        let (mut key_name, key_value) = (lend(key.0.as_bytes()), written(key.1));
        let mut key_name: db_key_t = &mut key_name;
        let is_there = self.has(connection, &mut key_name, &key_value)?;
        let insert_key = (!is_there).then_some(key);
        let row = insert_key.iter().chain(rest);
        let mut names: Vec<str_> = row.clone().map(|(name, _)| lend(name.as_bytes())).collect();
        let keys: Vec<db_key_t> = names.iter_mut().map(std::ptr::from_mut).collect();
        let values: Vec<db_val_t> = row.map(|(_, value)| written(*value)).collect();
        let count = c_int::try_from(values.len()).unwrap_or(0);
        let done = if is_there {
            let update = self.functions.update.ok_or(DatabaseError)?;
            // SAFETY: our connection; key, names and values are live during the call.
            unsafe {
                update(
                    connection,
                    &key_name,
                    null(),
                    &key_value,
                    keys.as_ptr(),
                    values.as_ptr(),
                    1,
                    count,
                )
            }
        } else {
            let insert = self.functions.insert.ok_or(DatabaseError)?;
            // SAFETY: as above.
            unsafe { insert(connection, keys.as_ptr(), values.as_ptr(), count) }
        };
        if done < 0 { Err(DatabaseError) } else { Ok(()) }
    }

    /// Whether the connection's table has a row of this key. (Not every engine can replace rows.)
    fn has(
        &self,
        connection: *mut db1_con_t,
        key: &mut db_key_t,
        value: &db_val_t,
    ) -> Result<bool, DatabaseError> {
        let (query, free) = self
            .functions
            .query
            .zip(self.functions.free_result)
            .ok_or(DatabaseError)?;
        let mut result = std::ptr::null_mut();
        // SAFETY: our connection; key and value are live during the call.
        let done = unsafe {
            query(
                connection,
                key,
                null(),
                value,
                key,
                1,
                1,
                std::ptr::null_mut(),
                &mut result,
            )
        };
        // SAFETY: NULL, or the result that the query gave.
        let found = unsafe { result.as_ref() }.map(|result| result.n > 0);
        if !result.is_null() {
            // SAFETY: the result of this connection; nothing of it is kept.
            unsafe { free(connection, result) };
        }
        found.filter(|_| done >= 0).ok_or(DatabaseError)
    }
}

/// # Safety
/// `first` must be NULL or the first of `count` values that stay for `'a`.
unsafe fn slice<'a, T>(first: *const T, count: c_int) -> &'a [T] {
    match usize::try_from(count) {
        // SAFETY: by the caller's promise.
        Ok(count) if !first.is_null() => unsafe { std::slice::from_raw_parts(first, count) },
        _ => &[],
    }
}

fn read(value: &db_val_t) -> Option<Value<'_>> {
    if value.nul != 0 {
        return None;
    }
    match value.type_ {
        ffi::DB1_INT => {
            // SAFETY: the type says which member is set.
            Some(Value::Number(unsafe { value.val.int_val }))
        }
        ffi::DB1_STRING => {
            // SAFETY: as above.
            let text = unsafe { value.val.string_val };
            // SAFETY: NUL-terminated, and kept with the result.
            let text = unsafe { std::ffi::CStr::from_ptr(text) };
            text.to_str().ok().map(Value::Text)
        }
        ffi::DB1_STR | ffi::DB1_BLOB => {
            // SAFETY: as above; blobs have the same shape.
            let text = unsafe { &value.val.str_val };
            // SAFETY: kept with the result.
            unsafe { text::text(text) }.map(Value::Text)
        }
        _ => None,
    }
}

fn written(value: Value<'_>) -> db_val_t {
    let mut written = db_val_t::default();
    match value {
        Value::Text(text) => {
            written.type_ = ffi::DB1_STR;
            written.val.str_val = lend(text.as_bytes());
        }
        Value::Number(number) => {
            written.type_ = ffi::DB1_INT;
            written.val.int_val = number;
        }
        Value::Real(number) => {
            written.type_ = ffi::DB1_DOUBLE;
            written.val.double_val = number;
        }
        Value::Time(seconds) => {
            written.type_ = ffi::DB1_DATETIME;
            written.val.time_val = seconds;
        }
    }
    written
}
