//! Literal arguments of script functions are checked when Kamailio reads the configuration. Kamailio does not read KEMI scripts:
//! there each function checks its arguments when it is called.

use crate::interwork;
use crate::kamailio::engine::answer;
use crate::kamailio::register::save::CAPABILITIES;

/// Of `ipsmgw_capable(uri, what)`.
pub(crate) fn capable(place: usize, text: &str) -> Result<(), String> {
    match place {
        1 => is_somebody(text, "ipsmgw_capable(uri, what)"),
        _ => is_word(text, "ipsmgw_capable(uri, what)", "what", &CAPABILITIES),
    }
}

/// The directions that `ipsmgw_authorize()` accepts.
const DIRECTIONS: [&str; 2] = ["sm2im", "im2sm"];

/// Of `ipsmgw_authorize(uri, direction)`.
pub(crate) fn authorize(place: usize, text: &str) -> Result<(), String> {
    match place {
        1 => is_somebody(text, "ipsmgw_authorize(uri, direction)"),
        _ => is_word(
            text,
            "ipsmgw_authorize(uri, direction)",
            "direction",
            &DIRECTIONS,
        ),
    }
}

/// Of `ipsmgw_im_to_sm(route)`.
pub(crate) fn route(_: usize, text: &str) -> Result<(), String> {
    if text.is_empty() || answer::has_native_route(text) {
        return Ok(());
    }
    Err(format!(
        "ipsmgw_im_to_sm(\"{text}\"): the script has no such route: write route[{text}] {{ ... }} of up to {} characters, or ipsmgw_im_to_sm() for event_route[ipsmgw:result]",
        answer::LONGEST_ROUTE_NAME
    ))
}

fn is_somebody(uri: &str, function: &str) -> Result<(), String> {
    let sentence = || {
        format!(
            "{function}: \"{uri}\" is nobody: write a SIP or tel URI, or a pseudo-variable such as \"$ru\""
        )
    };
    interwork::identity(uri).map(drop).ok_or_else(sentence)
}

fn is_word(word: &str, function: &str, parameter: &str, words: &[&str]) -> Result<(), String> {
    let sentence = || {
        let words = words.join(", ");
        format!("{function}: {parameter} is \"{word}\": write one of {words}")
    };
    words.contains(&word).then_some(()).ok_or_else(sentence)
}
