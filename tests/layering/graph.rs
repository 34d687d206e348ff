//! Which file of `src` imports which, read from its `use` lines and from the paths in its code. Test modules do not count.
//!
//! A name that a `mod.rs` only passes on (`pub use`) counts as imported from the file that defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The path of a module below `src`: `["wire", "rp", "address"]`.
pub(crate) type Module = Vec<String>;

/// Who imports whom.
pub(crate) type Edges<T> = BTreeMap<T, BTreeSet<T>>;

/// The files of `src`, by module.
pub(crate) struct Sources {
    code: BTreeMap<Module, String>,
    /// What each module passes on: the name, or `*`, and its absolute path.
    passed_on: BTreeMap<Module, Vec<(String, Module)>>,
}

/// One `use` declaration, or one path in the code.
struct Import {
    /// What the importing file calls it; `*` for everything.
    name: String,
    path: Vec<String>,
    is_passed_on: bool,
}

impl Sources {
    /// Reads `src`, apart from the folder `except`.
    pub(crate) fn without(except: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut code = BTreeMap::new();
        read(&root, &[], except, &mut code);
        Self::of(code)
    }

    pub(crate) fn of(code: BTreeMap<Module, String>) -> Self {
        let mut sources = Self {
            code,
            passed_on: BTreeMap::new(),
        };
        let mut passed_on = BTreeMap::new();
        for (module, code) in &sources.code {
            let names = imports(code)
                .into_iter()
                .filter(|import| import.is_passed_on)
                .filter_map(|import| Some((import.name, sources.absolute(module, &import.path)?)));
            passed_on.insert(module.clone(), names.collect());
        }
        sources.passed_on = passed_on;
        sources
    }

    /// Which file imports which.
    pub(crate) fn edges(&self) -> Edges<Module> {
        let mut edges = Edges::new();
        for (module, code) in &self.code {
            for import in imports(code) {
                let target = self
                    .absolute(module, &import.path)
                    .and_then(|path| self.defining(&path, 0));
                if let Some(target) = target
                    && target != *module
                    && !import.is_passed_on
                {
                    edges
                        .entry(module.clone())
                        .or_insert_with(BTreeSet::new)
                        .insert(target);
                }
            }
        }
        edges
    }

    /// The path from the root of the crate; none for a path into another crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let mut path = path.to_vec();
        let mut absolute = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            child => {
                let mut inner = module.clone();
                inner.push(child.to_owned());
                return self.code.contains_key(&inner).then(|| {
                    inner.extend(path.drain(1..));
                    inner
                });
            }
        };
        for segment in path.drain(1..) {
            match segment.as_str() {
                "super" => drop(absolute.pop()),
                _ => absolute.push(segment),
            }
        }
        Some(absolute)
    }

    /// The file that defines what the absolute `path` names.
    fn defining(&self, path: &[String], depth: usize) -> Option<Module> {
        let end = (0..=path.len())
            .rev()
            .find(|end| self.code.contains_key(&path[..*end]))?;
        let (module, rest) = path.split_at(end);
        let Some(name) = rest.first().filter(|_| depth < 8) else {
            return Some(module.to_vec());
        };
        let passed_on = &self.passed_on[module];
        let direct = passed_on.iter().find(|(passed, _)| passed == name);
        if let Some((_, target)) = direct {
            return self.defining(target, depth + 1);
        }
        let behind_a_star = passed_on.iter().filter(|(passed, _)| passed == "*");
        let mut found = behind_a_star.filter_map(|(_, target)| {
            let of_target = self.passed_on.get(target)?;
            let (_, path) = of_target.iter().find(|(passed, _)| passed == name)?;
            self.defining(path, depth + 1)
        });
        found.next().or_else(|| Some(module.to_vec()))
    }
}

fn read(folder: &Path, module: &[String], except: &str, code: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut inner = module.to_vec();
        if path.is_dir() {
            if name != except {
                inner.push(name);
                read(&path, &inner, except, code);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            if name != "mod" && name != "lib" {
                inner.push(name);
            }
            code.insert(inner, without_tests(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The code of a file without comments, and without its test module, which stands at the end.
pub(crate) fn without_tests(text: &str) -> String {
    let lines = text
        .lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn imports(code: &str) -> Vec<Import> {
    let mut found = Vec::new();
    let mut rest_of_code = String::new();
    let mut declaration = String::new();
    for line in code.lines() {
        let start = line.trim_start();
        let is_use =
            start.starts_with("use ") || start.starts_with("pub") && start.contains(" use ");
        if !declaration.is_empty() || is_use {
            declaration.push_str(start);
            if start.ends_with(';') {
                let (visibility, tree) = declaration.split_once("use ").unwrap();
                let is_passed_on = !visibility.is_empty();
                expand(&[], tree.trim_end_matches(';'), is_passed_on, &mut found);
                declaration.clear();
            }
        } else {
            rest_of_code.push_str(line);
            rest_of_code.push('\n');
        }
    }
    for start in ["crate::", "super::"] {
        for (at, _) in rest_of_code.match_indices(start) {
            if rest_of_code[..at].ends_with("pub(in ") {
                continue;
            }
            let path = rest_of_code[at..]
                .split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
                .next()
                .unwrap();
            let path: Vec<String> = path.split("::").map(str::to_owned).collect();
            found.push(Import {
                name: path.last().unwrap().clone(),
                path,
                is_passed_on: false,
            });
        }
    }
    found
}

/// The paths of a tree such as `a::{b, c::{self, d as e}}`.
fn expand(prefix: &[String], tree: &str, is_passed_on: bool, found: &mut Vec<Import>) {
    let tree = tree.trim().trim_end_matches(',').trim_end();
    let (before, inner) = match tree.split_once('{') {
        Some((before, inner)) => (before, Some(inner.strip_suffix('}').unwrap())),
        None => (tree, None),
    };
    let (path, alias) = match before.split_once(" as ") {
        Some((path, alias)) => (path, Some(alias.trim().to_owned())),
        None => (before, None),
    };
    let mut full = prefix.to_vec();
    full.extend(
        path.split("::")
            .map(str::trim)
            .filter(|segment| !segment.is_empty())
            .map(str::to_owned),
    );
    let Some(inner) = inner else {
        if !prefix.is_empty() && full.last().is_some_and(|last| last == "self") {
            full.pop();
        }
        let mut name = full.last().cloned().unwrap_or_default();
        if name == "*" {
            full.pop();
        }
        if let Some(alias) = alias {
            name = alias;
        }
        found.push(Import {
            name,
            path: full,
            is_passed_on,
        });
        return;
    };
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&full, &inner[start..at], is_passed_on, found);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !inner[start..].trim().is_empty() {
        expand(&full, &inner[start..], is_passed_on, found);
    }
}

/// The same between the rooms, and files beside them, of one folder: who imports whom.
pub(crate) fn rooms_of(edges: &Edges<Module>, folder: &[&str]) -> Edges<String> {
    let mut rooms = Edges::new();
    let room = |module: &Module| {
        let is_inside =
            module.iter().zip(folder).all(|(a, b)| a == b) && module.len() >= folder.len();
        is_inside.then(|| module.get(folder.len()).cloned().unwrap_or_default())
    };
    for (from, targets) in edges {
        for to in targets {
            if let (Some(from), Some(to)) = (room(from), room(to))
                && from != to
            {
                rooms.entry(from).or_insert_with(BTreeSet::new).insert(to);
            }
        }
    }
    rooms
}

/// The folders that hold these files, from the root on.
pub(crate) fn folders(edges: &Edges<Module>) -> BTreeSet<Module> {
    edges
        .keys()
        .flat_map(|module| (0..module.len()).map(|end| module[..end].to_vec()))
        .collect()
}

/// One circle, if there is any.
pub(crate) fn circle<T: Ord + Clone>(edges: &Edges<T>) -> Option<Vec<T>> {
    fn visit<T: Ord + Clone>(
        node: &T,
        edges: &Edges<T>,
        path: &mut Vec<T>,
        done: &mut BTreeSet<T>,
    ) -> Option<Vec<T>> {
        if let Some(at) = path.iter().position(|known| known == node) {
            return Some(path[at..].to_vec());
        }
        if done.contains(node) {
            return None;
        }
        path.push(node.clone());
        for next in edges.get(node).into_iter().flatten() {
            if let Some(circle) = visit(next, edges, path, done) {
                return Some(circle);
            }
        }
        path.pop();
        done.insert(node.clone());
        None
    }
    let mut done = BTreeSet::new();
    edges
        .keys()
        .find_map(|node| visit(node, edges, &mut Vec::new(), &mut done))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str) -> Module {
        path.split('/').map(str::to_owned).collect()
    }

    fn sources(files: &[(&str, &str)]) -> Sources {
        let code = files.iter().map(|(path, code)| {
            let path = match *path {
                "" => Vec::new(),
                path => module(path),
            };
            (path, without_tests(code))
        });
        Sources::of(code.collect())
    }

    #[test]
    fn a_name_passed_on_is_imported_from_where_it_is_defined() {
        let edges = sources(&[
            ("", "pub mod a;\npub mod b;"),
            ("a", "mod inner;\npub use inner::{\n    X,\n    Y as Z,\n};"),
            ("a/inner", "pub struct X;\n#[cfg(test)]\nuse crate::b::T;"),
            (
                "b",
                "use crate::a::{self, Z};\nuse std::fmt;\nfn f() { crate::a::X }",
            ),
        ])
        .edges();
        let targets: Vec<_> = edges[&module("b")].iter().cloned().collect();
        assert_eq!(targets, [module("a"), module("a/inner")]);
        assert_eq!(edges.len(), 1);
    }

    #[test]
    fn circles_of_files_and_of_rooms_are_found() {
        let edges = sources(&[
            ("", ""),
            ("a", ""),
            ("a/one", "use super::two::T;"),
            ("a/two", "use crate::b::three::T;"),
            ("b", ""),
            ("b/three", "use crate::b::four::T;"),
            ("b/four", "use crate::a::three::T;"),
        ])
        .edges();
        assert_eq!(circle(&edges), None);
        let rooms = rooms_of(&edges, &[]);
        assert_eq!(circle(&rooms), Some(vec!["a".to_owned(), "b".to_owned()]));
        let rooms = rooms_of(&edges, &["a"]);
        assert_eq!(circle(&rooms), None);
        let edges = Edges::from([(1, BTreeSet::from([2])), (2, BTreeSet::from([3, 1]))]);
        assert_eq!(circle(&edges), Some(vec![1, 2]));
    }
}
