//! Why mod_init fails.

/// An error in the configuration: a sentence that names the value, and what to write instead.
#[derive(Debug)]
pub(crate) struct SettingError(pub(crate) String);
