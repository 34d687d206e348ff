//! The linker script that places the functions of the quick path together.

#[path = "../include/quick_path.rs"]
mod quick_path;

#[test]
fn sections_fit_both_ways_to_mangle_names() {
    let list =
        "# a comment\nipsmgw::sip::uri::Uri::parse\ncore::ptr::drop_in_place::ipsmgw::sip::Body\n";
    let script = quick_path::linker_script(list);
    let sections: Vec<_> = script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("*(")?.strip_suffix(')'))
        .collect();
    // `_ZN6ipsmgw3sip3uri3Uri5parse17h0123456789abcdefE`, `_RNvMNtNtCs1_6ipsmgw3sip3uriNtB2_3Uri5parse`
    assert_eq!(
        sections,
        [
            ".text.*ipsmgw*sip*uri*Uri*5parse*",
            ".text.*core*ptr*drop_in_place*ipsmgw*sip*Body*"
        ]
    );
}

#[test]
fn the_list_has_paths_alone() {
    let list = include_str!("../src/quick_path.txt");
    let paths: Vec<_> = list.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(paths.len() > 100);
    for path in paths {
        let is_name =
            |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
        assert!(
            path.split("::").count() > 1 && path.split("::").all(is_name),
            "{path}"
        );
    }
}
