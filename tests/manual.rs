//! README.md and the code name the same parameters, functions, pseudo-variables, RPC commands, event routes and
//! counters. `UPDATE_README=1 cargo test --test manual` writes the tables of parameters into README.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use ipsmgw::base::Parameter;
use ipsmgw::interwork::{Counter, MessageField, Settings};
use ipsmgw::kamailio;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn readme() -> String {
    fs::read_to_string(path()).unwrap()
}

/// The text between a heading and the next one of its level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let heading = format!("\n## {heading}\n");
    let start = text.find(&heading).expect("the heading is there") + heading.len();
    let rest = &text[start..];
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

/// What stands in backticks in the first column of a section's tables.
fn first_column(section: &str) -> BTreeSet<String> {
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split(" | ").next())
        .flat_map(|cell| {
            let in_backticks = cell.split('`').step_by(2);
            in_backticks.map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// The table of some parameters as README.md has it.
fn table(parameters: &[Parameter]) -> String {
    let rows = parameters.iter().map(Parameter::row);
    let header = [
        "| name | value | default | meaning |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    header
        .into_iter()
        .chain(rows)
        .map(|row| row + "\n")
        .collect()
}

/// `text` with the table that begins with this parameter's row replaced.
fn with_table(text: &str, parameters: &[Parameter]) -> String {
    let first = format!("\n| `{}` |", parameters[0].name());
    let row = text.find(&first).expect("the table is there") + 1;
    let start = text[..row].rfind("\n\n").unwrap() + 2;
    let end = row + text[row..].find("\n\n").unwrap() + 1;
    [&text[..start], &table(parameters), &text[end..]].concat()
}

#[test]
fn parameters() {
    let text = readme();
    let tables: [&[Parameter]; 2] = [&Settings::PARAMETERS, kamailio::PARAMETERS];
    let expected = tables.iter().fold(text.clone(), |text, parameters| {
        with_table(&text, parameters)
    });
    if text == expected {
        return;
    }
    if std::env::var_os("UPDATE_README").is_some() {
        return fs::write(path(), expected).unwrap();
    }
    for (now, wanted) in text.lines().zip(expected.lines()) {
        assert_eq!(
            now, wanted,
            "README.md is not what the code says: UPDATE_README=1 cargo test --test manual"
        );
    }
    panic!("README.md is not what the code says: UPDATE_README=1 cargo test --test manual");
}

#[test]
fn each_parameter_once() {
    let names = Settings::PARAMETERS.iter().chain(kamailio::PARAMETERS);
    let names: Vec<&str> = names.map(Parameter::name).collect();
    assert_eq!(set(names.iter().copied()).len(), names.len());
    let mut of_settings = Settings::default().values().map(|(one, _)| one.name());
    assert!(of_settings.all(|name| names.contains(&name)));
}

#[test]
fn functions() {
    let documented = first_column(section(&readme(), "Functions"));
    let documented = documented
        .iter()
        .map(|call| call.split('(').next().unwrap());
    assert_eq!(
        documented.map(str::to_owned).collect::<BTreeSet<_>>(),
        set(kamailio::FUNCTIONS
            .iter()
            .copied()
            .filter(|name| *name != "ipsmgw_panic"))
    );
}

#[test]
fn pseudo_variables() {
    assert_eq!(
        first_column(section(&readme(), "Pseudo-variables")),
        set(MessageField::NAMES.map(|(name, _)| name))
    );
}

#[test]
fn rpc_commands() {
    let documented = first_column(section(&readme(), "RPC commands"));
    let documented = documented.iter().filter_map(|call| call.split(' ').nth(1));
    assert_eq!(
        documented.map(str::to_owned).collect::<BTreeSet<_>>(),
        set(kamailio::COMMANDS.iter().copied())
    );
}

#[test]
fn event_routes() {
    let names = kamailio::EVENT_ROUTES.map(|name| format!("event_route[{name}]"));
    assert_eq!(
        first_column(section(&readme(), "Event routes")),
        BTreeSet::from(names)
    );
}

#[test]
fn counters() {
    let of_messages = Counter::ALL.iter().map(|counter| counter.name());
    let of_the_server = kamailio::COUNTERS.iter().copied();
    assert_eq!(
        first_column(section(&readme(), "Counters")),
        set(of_messages.chain(of_the_server))
    );
}
