//! Who may use whom: `base` and `guard` nothing of ours, `wire`, `mime` and `exchange` only `base`, `sip` also `mime`,
//! `interwork` all of these but `guard`, `kamailio` everything. Only `kamailio` touches memory and the system by hand.

mod graph;
mod kamailio;
mod status_codes;
mod ways;

use std::fs;
use std::path::{Path, PathBuf};

/// A layer, and which of our modules it may name.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &["base"]),
    ("guard", &["guard"]),
    ("wire", &["wire", "base"]),
    ("mime", &["mime", "base"]),
    ("sip", &["sip", "mime", "base"]),
    ("exchange", &["exchange", "base"]),
    (
        "interwork",
        &["interwork", "exchange", "sip", "mime", "wire", "base"],
    ),
];

/// The rooms of `interwork`, and the files beside them. A room imports only from those above it, and not from another one
/// of its line.
const INTERWORK: &[&[&str]] = &[
    &["counter", "ended", "nodes", "reason", "unsent"],
    &["charging"],
    &["charging_octets", "rules"],
    &["gateway", "input"],
    &["step"],
    &["refusal", "handle"],
    &["read"],
    &["make"],
    &["admission", "imdn", "missing_report", "registration"],
    &["sm_to_im", "im_to_sm", "list"],
    &["sm_to_sm"],
    &["store"],
    &["msrp", "stop", "storage", "cut_off", "refused_record"],
];

fn edges() -> graph::Edges<graph::Module> {
    graph::Sources::without("kamailio").edges()
}

/// Words for the binding only: no decision depends on a clock, a file or a global.
const FOR_THE_BINDING: &[&str] = &[
    "unsafe",
    "libc",
    "extern",
    "Instant",
    "SystemTime",
    "std::env",
    "std::fs",
    "std::net",
    "std::io",
    "std::thread",
    "std::process",
    "static mut",
    "Mutex",
    "OnceCell",
    "OnceLock",
    "thread_local",
    "println",
    "eprintln",
    "dbg",
];

fn sources(layer: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut left = vec![root.join(layer), root.join(layer).with_extension("rs")];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.exists() {
            found.push(path);
        }
    }
    found
}

/// The code of a file without its comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// The modules that a file names behind `crate::`.
fn named(code: &str) -> Vec<&str> {
    code.match_indices("crate::")
        .filter_map(|(at, path)| words(&code[at + path.len()..]).next())
        .collect()
}

#[test]
fn a_layer_names_only_those_below_it() {
    for (layer, allowed) in LAYERS {
        let sources = sources(layer);
        assert!(!sources.is_empty(), "{layer} is gone");
        for source in sources {
            let code = code(&source);
            for module in named(&code) {
                assert!(
                    allowed.contains(&module),
                    "{} names {module}",
                    source.display()
                );
            }
            assert!(
                !code.contains("crate::{"),
                "{}: one module a line",
                source.display()
            );
        }
    }
}

#[test]
fn rooms_of_interwork_import_only_those_above_them() {
    let edges = edges();
    let line = |room: &str| {
        let line = INTERWORK.iter().position(|line| line.contains(&room));
        line.unwrap_or_else(|| panic!("interwork::{room} has no place among the rooms"))
    };
    for (room, targets) in graph::rooms_of(&edges, &["interwork"]) {
        for target in targets {
            assert!(line(&target) < line(&room), "{room} imports {target}");
        }
    }
}

#[test]
fn there_is_no_circle_of_files_or_rooms() {
    let edges = edges();
    assert!(edges.len() > 100, "the imports are not found");
    assert_eq!(graph::circle(&edges), None);
    for folder in graph::folders(&edges) {
        let folder: Vec<&str> = folder.iter().map(String::as_str).collect();
        let rooms = graph::rooms_of(&edges, &folder);
        assert_eq!(graph::circle(&rooms), None, "rooms of {folder:?}");
    }
}

#[test]
fn only_the_binding_touches_the_system() {
    for (layer, _) in LAYERS {
        for source in sources(layer) {
            let code = code(&source);
            for forbidden in FOR_THE_BINDING {
                let found = match forbidden.contains("::") || forbidden.contains(' ') {
                    true => code.contains(forbidden),
                    false => words(&code).any(|word| word == *forbidden),
                };
                assert!(!found, "{}: {forbidden}", source.display());
            }
        }
    }
}

#[test]
fn imports_and_words_are_found() {
    let code = "use crate::wire::{A};\nlet x = crate::kamailio::f();";
    assert_eq!(named(code), ["wire", "kamailio"]);
    assert!(words("a unsafe{b}").any(|word| word == "unsafe"));
}
