//! Why mod_init fails.

/// What is wrong with the configuration, as a sentence that says what to write instead.
#[derive(Debug)]
pub(crate) struct SettingError(pub(crate) String);
