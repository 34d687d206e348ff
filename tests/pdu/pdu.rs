//! Reads and writes RP messages and TPDUs as JSON lines, for people and for other people's test data.
//!
//! ```text
//! pdu            {"id","layer":"rp"|"tpdu","dir":"mo"|"mt","ctx":"data"|"ack"|"error","hex"}
//!             -> {"id", fields ...} or {"id","error":{"element","offset","fault"}}
//! pdu --encode   the way back: {"id", fields ...} -> {"id","hex"} or {"id","error"}
//! pdu --segment  {"id","text" or "repeat":[text, times],"ref_bits","national":{"locking","single"}}
//!             -> {"id","alphabet","units","parts","part_chars"}
//! ```
//!
//! The fields are described in `tests/vectors/README.md`. `--encode` and `--segment` also take lines whose fields
//! lie in an `expect` object.

mod decode;
mod encode;
mod json;
mod segment;

use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let convert = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => decode::line,
        ["--encode"] => encode::line,
        ["--segment"] => segment::line,
        _ => {
            eprintln!("usage: pdu [--encode | --segment] < lines of JSON");
            return ExitCode::from(2);
        }
    };
    match convert_lines(convert) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pdu: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One line out for each line in that is not empty.
fn convert_lines(convert: fn(&Value) -> String) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(&line) {
            Ok(line) => writeln!(out, "{}", convert(&line))?,
            Err(error) => writeln!(out, "{}", not_json(&error))?,
        }
    }
    out.flush()
}

/// The output for a line that is no JSON; later lines are read.
fn not_json(error: &serde_json::Error) -> Value {
    let fault = error.to_string();
    json!({"id": null, "error": {"element": "line", "offset": error.column(), "fault": fault}})
}
