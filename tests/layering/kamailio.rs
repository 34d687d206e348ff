//! The rooms of the binding: `sys` imports nothing of ours but `base`; each room imports only from rooms before it; no circles.

use std::collections::BTreeSet;

use super::graph::{self, Edges, Module, Sources};
use super::{code, sources};

/// Each room imports only from itself and from rooms before it.
const ROOMS: [&str; 5] = ["sys", "state", "register", "engine", "script"];

/// The imports of the files of the binding.
fn edges() -> Edges<Module> {
    let mut edges = Sources::without("").edges();
    edges.retain(|module, _| is_in(module, &["kamailio"]));
    edges
}

fn is_in(module: &Module, folder: &[&str]) -> bool {
    module.len() >= folder.len() && module.iter().zip(folder).all(|(a, b)| a == b)
}

#[test]
fn a_room_imports_only_from_rooms_before_it() {
    let rooms = graph::rooms_of(&edges(), &["kamailio"]);
    let place = |room: &str| {
        let place = ROOMS.iter().position(|known| *known == room);
        place.unwrap_or_else(|| panic!("kamailio::{room} is not in the list of rooms"))
    };
    for (room, targets) in rooms {
        for target in targets {
            assert!(place(&target) < place(&room), "{room} imports {target}");
        }
    }
}

#[test]
fn sys_imports_nothing_of_ours_but_base() {
    for (file, targets) in edges() {
        let others: BTreeSet<_> = targets
            .iter()
            .filter(|target| !is_in(target, &["kamailio", "sys"]) && !is_in(target, &["base"]))
            .collect();
        let is_sys = is_in(&file, &["kamailio", "sys"]);
        assert!(!is_sys || others.is_empty(), "{file:?} imports {others:?}");
    }
}

#[test]
fn there_is_no_circle_in_the_binding() {
    let edges = edges();
    assert!(edges.len() > 40, "the imports are not found");
    assert_eq!(graph::circle(&edges), None);
}

#[test]
fn only_sys_has_unsafe_code() {
    for source in crate::sources("kamailio") {
        if !source.to_string_lossy().contains("/kamailio/sys/") {
            let code = crate::code(&source);
            let is_unsafe = crate::words(&code).any(|word| word == "unsafe");
            assert!(!is_unsafe, "{}: unsafe", source.display());
        }
    }
}

/// Most `unsafe` blocks in `kamailio::sys`; five of them are the allocator, and three the file that processes share. A commit that adds
/// one says why.
const MOST_UNSAFE_BLOCKS: usize = 143;

#[test]
fn the_number_of_unsafe_blocks_does_not_grow() {
    let blocks = |code: &str| code.match_indices("unsafe {").count();
    let count: usize = sources("kamailio/sys")
        .iter()
        .map(|source| blocks(&code(source)))
        .sum();
    assert!(count > 50, "the blocks are not found");
    assert!(count <= MOST_UNSAFE_BLOCKS, "{count} unsafe blocks in sys");
}
