//! The functions that nearly each text runs through stand together in the module: a linker script for that.
//!
//! A text goes through five processes. Each of them runs its part of the code once, so most of the time goes into loading code from memory.
//! Used by `build.rs`, and by a test.

/// The linker script for these functions, one path such as `ipsmgw::sip::uri::Uri::parse` in a line. The linker's own script stays in
/// force for all others (`INSERT`). Understood by GNU ld and by LLVM's lld.
pub(crate) fn linker_script(list: &str) -> String {
    let paths = list.lines().filter(|line| !line.starts_with('#'));
    let sections = paths.map(|path| format!("    *({})\n", section_of(path)));
    let sections = sections.collect::<String>();
    format!("SECTIONS\n{{\n  .text :\n  {{\n{sections}  }}\n}}\nINSERT AFTER .init;\n")
}

/// The section of a function, whichever way the compiler mangles names: both have the words of the path in this order, and the length
/// before the name of a function.
fn section_of(path: &str) -> String {
    let words = path.split("::").map(|word| {
        let is_function = word.starts_with(|first: char| first.is_lowercase() || first == '_');
        (word, is_function)
    });
    let mut section = String::from(".text.");
    let mut words = words.peekable();
    while let Some((word, is_function)) = words.next() {
        section.push('*');
        if is_function && words.peek().is_none() {
            section.push_str(&word.len().to_string());
        }
        section.push_str(word);
    }
    section.push('*');
    section
}
