//! The manual (doc/ipsmgw_admin.md) and the code name the same parameters, functions, pseudo-variables, RPC commands, event
//! routes, counters, settings and log lines. `UPDATE_README=1 cargo test --test manual` writes the sections of parameters. The
//! end-to-end case `manual` runs the examples.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ipsmgw::base::Parameter;
use ipsmgw::interwork::{ChargingRecord, Counter, MessageField, Settings};
use ipsmgw::kamailio;

const MANUAL: &str = "doc/ipsmgw_admin.md";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn manual() -> String {
    read(MANUAL)
}

/// Where the text of a section begins and ends. `heading` has its signs, `## Functions`; the section ends with the next heading
/// of its level or of a higher one.
fn section_range(text: &str, heading: &str) -> std::ops::Range<usize> {
    let line = format!("\n{heading}\n");
    let start = text
        .find(&line)
        .unwrap_or_else(|| panic!("{MANUAL} has no heading {heading:?}"))
        + line.len();
    let level = heading.bytes().take_while(|byte| *byte == b'#').count();
    let ends = (2..=level).filter_map(|level| {
        let sign = format!("\n{} ", "#".repeat(level));
        text[start..].find(&sign).map(|at| start + at + 1)
    });
    start..ends.min().unwrap_or(text.len())
}

fn section(text: &str, heading: &str) -> String {
    text[section_range(text, heading)].to_owned()
}

/// The sections of a level inside a text, by their headings.
fn subsections<'a>(text: &'a str, signs: &str) -> Vec<(&'a str, &'a str)> {
    let sign = format!("\n{signs} ");
    let parts = text.split(&sign[..]).skip(1);
    parts.filter_map(|part| part.split_once('\n')).collect()
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

/// The manual with the sections of some parameters written anew. The examples stay.
fn with_parameters(text: &str, heading: &str, parameters: &[Parameter]) -> String {
    let range = section_range(text, heading);
    let old = &text[range.clone()];
    let head = old.find("#### ").unwrap_or(old.len());
    let examples: BTreeMap<&str, &str> = subsections(old, "####")
        .into_iter()
        .filter_map(|(title, body)| {
            let name = title.split(' ').next()?;
            Some((name, body[body.find("```")?..].trim_end()))
        })
        .collect();
    let sections = parameters.iter().map(|parameter| {
        let new = parameter.example();
        let example = examples.get(parameter.name()).copied();
        let example = example.unwrap_or(new.trim_end());
        format!("{}\n{example}\n\n", parameter.section())
    });
    [
        &text[..range.start],
        &old[..head],
        &sections.collect::<String>(),
        &text[range.end..],
    ]
    .concat()
}

#[test]
fn parameters() {
    let text = manual();
    let expected = with_parameters(
        &text,
        "### Parameters about messages",
        &Settings::PARAMETERS,
    );
    let heading = "### Parameters about Kamailio";
    let expected = with_parameters(&expected, heading, kamailio::PARAMETERS);
    if text == expected {
        return;
    }
    if std::env::var_os("UPDATE_README").is_some() {
        return fs::write(root().join(MANUAL), expected).unwrap();
    }
    const WRITE_IT: &str =
        "the manual is not what the code says: UPDATE_README=1 cargo test --test manual";
    for (now, wanted) in text.lines().zip(expected.lines()) {
        assert_eq!(now, wanted, "{WRITE_IT}");
    }
    panic!("{WRITE_IT}");
}

#[test]
fn each_parameter_has_an_example() {
    for heading in [
        "### Parameters about messages",
        "### Parameters about Kamailio",
    ] {
        for (title, body) in subsections(&section(&manual(), heading), "####") {
            let name = title.split(' ').next().unwrap();
            let example = format!("\nmodparam(\"ipsmgw\", \"{name}\", ");
            assert!(body.contains(&example), "{name} has no modparam example");
        }
    }
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
    let text = section(&manual(), "## Functions");
    let documented = subsections(&text, "###");
    let names = documented
        .iter()
        .map(|(call, _)| call.split('(').next().unwrap());
    assert_eq!(
        set(names),
        set(kamailio::FUNCTIONS
            .iter()
            .copied()
            .filter(|name| *name != "ipsmgw_panic"))
    );
    for (call, body) in documented {
        assert!(body.contains("\n```kamailio\n"), "{call} has no example");
        assert!(
            body.contains("\nKEMI: `KSR.ipsmgw."),
            "{call} has no KEMI name"
        );
    }
}

#[test]
fn pseudo_variables() {
    assert_eq!(
        first_column(&section(&manual(), "## Pseudo-variables")),
        set(MessageField::NAMES.map(|(name, _)| name))
    );
}

#[test]
fn charging_records() {
    let text = section(&manual(), "## Charging records");
    let documented = first_column(&text);
    let fields = ChargingRecord::FIELDS.map(|field| kamailio::CDR_PREFIX.to_owned() + field.name);
    assert_eq!(documented, fields.into());
    for engine in ["sqlite", "postgresql", "mariadb"] {
        let schema = read(format!("kamailio-cfg/schema/cdr-{engine}.sql"));
        let lines = schema.lines().filter(|line| line.starts_with("    "));
        let columns: Vec<&str> = lines
            .filter_map(|line| line.split_whitespace().next())
            .filter(|word| *word != "INDEX")
            .collect();
        let fields = ChargingRecord::FIELDS.map(|field| field.name);
        assert_eq!(columns, fields, "{engine}");
    }
}

#[test]
fn rpc_commands() {
    let text = section(&manual(), "## RPC commands");
    let documented = subsections(&text, "###");
    let names = documented.iter().map(|(call, body)| {
        let name = call.split(' ').next().unwrap();
        let example = format!("\n```console\n$ kamcmd {name}");
        assert!(body.contains(&example), "{name} has no example");
        name
    });
    assert_eq!(set(names), set(kamailio::COMMANDS.iter().copied()));
}

#[test]
fn event_routes() {
    let names = kamailio::EVENT_ROUTES.map(|name| format!("event_route[{name}]"));
    assert_eq!(
        first_column(&section(&manual(), "## Event routes")),
        BTreeSet::from(names)
    );
}

#[test]
fn counters() {
    let of_messages = Counter::ALL.iter().map(|counter| counter.name());
    let of_the_server = kamailio::COUNTERS.iter().chain(&kamailio::GAUGES);
    let of_the_server = of_the_server.chain(kamailio::DELIVERY_TIMES).copied();
    assert_eq!(
        first_column(&section(&manual(), "## Counters")),
        set(of_messages.chain(of_the_server))
    );
}

/// The environment variables that kamailio.cfg reads.
#[test]
fn settings() {
    let documented = first_column(&section(&manual(), "## The shipped configuration"));
    let documented: BTreeSet<_> = documented
        .into_iter()
        .filter(|name| name.starts_with("IPSMGW_"))
        .collect();
    let cfg = read("kamailio-cfg/kamailio.cfg");
    let variables = cfg
        .lines()
        .filter(|line| line.starts_with("#!trydefenv"))
        .filter_map(|line| line.split(' ').nth(1));
    assert_eq!(documented, set(variables));
    // `kamailio-cfg/run --help` shows them all. The secret it does not show.
    let run = read("kamailio-cfg/run");
    let list = run.split("for name in ").nth(1).unwrap_or_default();
    let shown: BTreeSet<_> = list
        .split(';')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|name| format!("IPSMGW_{name}"))
        .chain(["IPSMGW_NONCE_SECRET".to_string()])
        .collect();
    assert_eq!(documented, shown);
}

/// The literal texts of warnings and errors in a source file.
fn log_lines(source: &str) -> impl Iterator<Item = &str> {
    let calls = ["tracing::warn!(", "tracing::error!("];
    let after = calls
        .into_iter()
        .flat_map(|call| source.split(call).skip(1));
    after.filter_map(|call| {
        let statement = &call[..call.find(");")?];
        // The last text of the call is the message.
        let end = statement.rfind('"')?;
        let start = statement[..end].rfind('"')? + 1;
        Some(&statement[start..end])
    })
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Each warning and each error of the module has a row. A row may leave out the end of a line, and what is put in at run time.
#[test]
fn log_messages() {
    let text = section(&manual(), "## Log messages");
    let rows = first_column(&text);
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut missing = BTreeSet::new();
    for file in files {
        for line in log_lines(&fs::read_to_string(&file).unwrap()) {
            let line = line.replace("{{", "{").replace("}}", "}");
            let fixed = line.split_once("{}").map_or(&line[..], |(_, rest)| rest);
            let is_known = rows
                .iter()
                .any(|row| fixed.contains(row.trim()) || line.starts_with(&row[..]));
            // A line that is made at run time: the sentences about parameters.
            if !is_known && line.contains(' ') {
                missing.insert(line);
            }
        }
    }
    assert_eq!(
        missing,
        BTreeSet::new(),
        "add these lines to {MANUAL}, \"Log messages\""
    );
}

/// The anchor of a heading, as web pages of repositories make it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Links between the documents lead to files and headings that are there.
#[test]
fn links() {
    let documents = fs::read_dir(root().join("doc")).unwrap();
    let mut documents: Vec<_> = documents.map(|entry| entry.unwrap().path()).collect();
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents.extend(["README.md", "SECURITY.md"].map(|name| root().join(name)));
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let file = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            assert!(file.exists(), "{}: {link}", document.display());
            if heading.is_empty() {
                continue;
            }
            let target = fs::read_to_string(&file).unwrap();
            let mut headings = target.lines().filter(|line| line.starts_with('#'));
            assert!(
                headings.any(|line| anchor(line) == heading),
                "{}: {link} names no heading",
                document.display()
            );
        }
    }
}
