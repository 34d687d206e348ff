//! Words that RPC commands have in common.

/// Yes and no in a reply.
pub(super) const fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// The refusal of something that is no identity.
pub(super) const NO_IDENTITY: &str =
    "write an identity: sip:NAME@DOMAIN, or a number with its plus (kamcmd: s:+15550001)";
