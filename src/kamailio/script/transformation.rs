//! `$(ru{ipsmgw.number})`: the number in a URI or in a user part; `$null` if there is no number.

use std::ffi::CStr;

use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::pv;

/// `{ipsmgw.NAME}`.
pub(crate) struct Transformation;

/// The only transformation.
const NUMBER: &str = "number";

impl pv::Transformation for Transformation {
    const CLASS: &'static CStr = c"ipsmgw";

    fn is_known(name: &str) -> bool {
        if name != NUMBER {
            tracing::error!("there is no {{ipsmgw.{name}}}; write {{ipsmgw.number}}");
        }
        name == NUMBER
    }

    fn apply(text: &str) -> Option<String> {
        state().gateway.policy.number(text)
    }
}
