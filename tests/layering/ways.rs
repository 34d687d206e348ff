//! The ways of a short message and of an instant message, as doc/architecture.md lists their files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::graph::{Module, Sources};

/// A way has at most so many files in the binding.
const MOST_IN_BINDING: usize = 12;

/// And at most so many in the core.
const MOST_IN_CORE: usize = 8;

const WAYS: [&str; 2] = [
    "## The way of a short message (SM to IM)",
    "## The way of an instant message (IM to SM)",
];

fn architecture() -> String {
    fs::read_to_string(root().join("doc/architecture.md")).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files in the tables of a section: paths below `src`.
fn files<'t>(text: &'t str, section: &str) -> BTreeSet<&'t str> {
    let (_, section) = text
        .split_once(&format!("\n{section}\n"))
        .unwrap_or_else(|| panic!("doc/architecture.md has no section {section:?}"));
    let lines = section.lines().take_while(|line| !line.starts_with('#'));
    lines
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|name| name.ends_with(".rs"))
        .collect()
}

fn in_binding<'t>(files: &BTreeSet<&'t str>) -> BTreeSet<&'t str> {
    let is_in = |file: &&&str| file.starts_with("kamailio/");
    files.iter().filter(is_in).copied().collect()
}

/// `kamailio/state/exchanges/mod.rs` is the module `kamailio::state::exchanges`.
fn module(file: &str) -> Module {
    let file = file.trim_end_matches(".rs").trim_end_matches("/mod");
    file.split('/').map(str::to_owned).collect()
}

#[test]
fn a_way_has_few_files() {
    let text = architecture();
    for way in WAYS {
        let files = files(&text, way);
        for file in &files {
            assert!(root().join("src").join(file).exists(), "{way}: {file}");
        }
        let binding = in_binding(&files).len();
        let core = files.len() - binding;
        assert!(binding > 5 && core > 5, "{way}: {files:?}");
        assert!(
            binding <= MOST_IN_BINDING,
            "{way}: {binding} in the binding"
        );
        assert!(core <= MOST_IN_CORE, "{way}: {core} in the core");
    }
}

#[test]
fn the_tables_name_all_files_that_the_binding_s_part_of_a_way_imports() {
    let text = architecture();
    let edges = Sources::without("").edges();
    let ways: BTreeSet<_> = WAYS
        .iter()
        .flat_map(|way| in_binding(&files(&text, way)))
        .collect();
    let beside = files(&text, "### Beside the two ways");
    let named: BTreeSet<_> = ways.union(&beside).map(|file| module(file)).collect();
    let is_listed = |target: &Module| {
        let is_binding = target.first().is_some_and(|room| room == "kamailio");
        let is_sys = target.get(1).is_some_and(|room| room == "sys");
        !is_binding || is_sys || named.contains(target)
    };
    let mut imported = BTreeSet::new();
    for file in &ways {
        let targets = edges.get(&module(file)).into_iter().flatten();
        for target in targets {
            imported.insert(target.clone());
            assert!(
                is_listed(target),
                "src/{file} imports {}: put it into a table of doc/architecture.md, \"The way of ...\" or \"Beside the two ways\"",
                target.join("::")
            );
        }
    }
    let unused = beside.iter().find(|file| !imported.contains(&module(file)));
    assert_eq!(unused, None, "no file of the ways imports it");
}
