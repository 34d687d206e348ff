//! No status code is chosen in the binding: it tells the core what has happened, and carries out what the core says. A number
//! between 100 and 699 in its code is either a status code, or it stands in the list here.

use std::collections::BTreeSet;

use super::sources;

/// Numbers of the binding that are no status codes, and why. Constants of other types than `u16` need no place here.
const OTHERS: &[(&str, &str, &str)] = &[
    (
        "sys/transaction.rs",
        "200",
        "what tm counts as final, from its memory",
    ),
    ("sys/rpc.rs", "400", "a fault of Kamailio's RPC interface"),
    ("sys/memory.rs", "100", "percent"),
    ("state/table/mod.rs", "100", "percent"),
    ("state/trace.rs", "126", "octets of a Call-ID"),
    ("script/host_settings.rs", "200", "messages"),
    ("script/host_settings.rs", "600", "seconds"),
];

/// The code without strings, comments and tests, and without the lengths of `Text<N>` and constants that are no status codes.
fn numbers(text: &str) -> Vec<String> {
    let is_comment = |line: &&str| line.trim_start().starts_with("//");
    let lines: Vec<&str> = text.lines().filter(|line| !is_comment(line)).collect();
    let code = without_strings(&lines.join("\n"));
    let mut found = Vec::new();
    let is_code = |line: &&str| *line != "mod tests {";
    for line in code.lines().take_while(is_code) {
        let line = line.split("//").next().unwrap_or_default();
        let is_constant = line.contains("const ") && !line.contains(": u16");
        if is_constant {
            continue;
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut before = None;
        for word in line.split_inclusive(|c: char| !is_word(c)) {
            let number: String = word.chars().filter(|c| is_word(*c)).collect();
            let is_length = before == Some('<');
            before = word.chars().last();
            let digits = number.trim_end_matches("_u16");
            let is_status = digits
                .parse::<u16>()
                .is_ok_and(|it| (100..700).contains(&it));
            if is_status && !is_length {
                found.push(digits.to_owned());
            }
        }
    }
    found
}

fn without_strings(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let (mut is_inside, mut is_escaped) = (false, false);
    for c in code.replace("'\"'", "' '").chars() {
        if c == '"' && !is_escaped {
            is_inside = !is_inside;
        }
        is_escaped = is_inside && c == '\\' && !is_escaped;
        if !is_inside || c == '\n' {
            out.push(c);
        }
    }
    out
}

#[test]
fn no_status_code_is_chosen_in_the_binding() {
    let (mut used, mut files, mut chosen) = (BTreeSet::new(), 0, Vec::new());
    for source in sources("kamailio") {
        let path = source.to_string_lossy().into_owned();
        let (_, file) = path.rsplit_once("/kamailio/").unwrap();
        if file.ends_with("/tests.rs") || file.ends_with("/loom.rs") {
            continue;
        }
        files += 1;
        for number in numbers(&std::fs::read_to_string(&source).unwrap()) {
            let known = OTHERS
                .iter()
                .position(|(of, other, _)| *of == file && *other == number);
            match known {
                Some(known) => drop(used.insert(known)),
                None => chosen.push(format!("{file}: {number}")),
            }
        }
    }
    assert!(chosen.is_empty(), "status codes in the binding: {chosen:?}");
    assert!(files > 100, "the files are not found");
    let unused = OTHERS
        .iter()
        .enumerate()
        .find(|(line, _)| !used.contains(line));
    assert_eq!(unused, None, "a line of the list is not needed");
}

#[test]
fn a_status_code_is_found() {
    for (code, found) in [
        ("answer(480, true)", &["480"][..]),
        ("ok_or(403_u16)", &["403"]),
        ("(200..300, Some(reply)) => {}", &["200", "300"]),
        ("const REFUSED: u16 = 488;", &["488"]),
        ("const GROUP: usize = 256;", &[]),
        ("let name: Text<126> = f(7);", &[]),
        ("error!(\"gets 480\");", &[]),
        ("// 480\nx(1_000, 99, a200);", &[]),
    ] {
        assert_eq!(numbers(code), found, "{code}");
    }
}
