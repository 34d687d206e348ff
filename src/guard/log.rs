//! What strangers send is not written into the log, and they cannot fill it.
//!
//! Kamailio's parsers quote what they cannot read, some of it several times for one message.

/// Lines that one process writes in a second, apart from what is always written.
const PER_SECOND: u32 = 10;

/// Kamailio's level of what ends it or shows a bug (core/dprint.h).
const CRITICAL: i32 = -2;

/// Files whose lines are about this machine and its peers, not about what is in a message.
const ABOUT_THE_MACHINE: &[&str] = &[
    "core/tcp_main.c",
    "core/udp_server.c",
    "core/pass_fd.c",
    "core/io_wait.h",
    "core/mem/",
    "db_sqlite",
    "dbase.c",
    "tls_",
];

/// Modules that write what the operator's script says, and ipsmgw itself.
const OURS: &[&str] = &["ipsmgw", "xlog", "app_lua"];

/// The file whose lines are those of a script in Lua and the like.
const OF_KEMI_SCRIPTS: &str = "core/kemi.c";

/// Where a line comes from.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// Kamailio's number for how bad it is: smaller is worse.
    pub level: i32,
    /// The module, `core` for Kamailio itself.
    pub module: &'a str,
    /// The source file.
    pub file: &'a str,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As it is.
    Whole,
    /// Without what was put into its text.
    WithoutContent,
    /// Not at all.
    Nothing,
}

/// What one process has written in this second.
#[derive(Default)]
pub struct LogGuard {
    second: u64,
    written: u32,
    left_out: u32,
}

impl LogGuard {
    /// How this line is written, and how many lines before it were not: to be said now.
    pub fn line(&mut self, line: Line<'_>, now_ms: u64) -> (Shown, u32) {
        let mut before = 0;
        let second = now_ms / 1000;
        if self.second != second {
            before = core::mem::take(&mut self.left_out);
            self.second = second;
            self.written = 0;
        }
        let is_ours = OURS.contains(&line.module) || line.file == OF_KEMI_SCRIPTS;
        if line.level <= CRITICAL || is_ours {
            return (Shown::Whole, before);
        }
        if self.written >= PER_SECOND {
            self.left_out += 1;
            return (Shown::Nothing, before);
        }
        self.written += 1;
        let whole = ABOUT_THE_MACHINE
            .iter()
            .any(|file| line.file.contains(file));
        (
            if whole {
                Shown::Whole
            } else {
                Shown::WithoutContent
            },
            before,
        )
    }
}

/// The text of a format (printf) without what it puts in: `bad header [%.*s]` -> `bad header [...]`.
pub fn without_content(format: &str) -> String {
    let mut text = String::with_capacity(format.len());
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let is_end = |c: char| {
            c.is_ascii_alphabetic() && !matches!(c, 'h' | 'l' | 'L' | 'q' | 'j' | 'z' | 't')
        };
        text.push_str("...");
        rest = rest
            .find(is_end)
            .and_then(|at| rest.get(at + 1..))
            .unwrap_or_default();
    }
    text.push_str(rest);
    text.truncate(text.trim_end().len());
    text.replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: i32, module: &'static str, file: &'static str) -> Line<'static> {
        Line {
            level,
            module,
            file,
        }
    }

    #[test]
    fn a_format_says_nothing_of_a_message() {
        for (format, text) in [
            ("bad header field [%.*s]\n", "bad header field [...]"),
            (
                "%s: %-5d of 100%% <%c> %#lx %zu",
                "...: ... of 100% <...> ... ...",
            ),
            ("nothing", "nothing"),
            ("two\nlines\n", "two lines"),
            ("cut %", "cut ..."),
            ("cut %.*", "cut ..."),
        ] {
            assert_eq!(without_content(format), text, "{format:?}");
        }
    }

    #[test]
    fn lines_in_a_second_are_few() {
        let mut guard = LogGuard::default();
        let parser = line(-1, "core", "core/parser/msg_parser.c");
        let count = |guard: &mut LogGuard, now| {
            let shown = (0..1000).map(|_| guard.line(parser, now).0);
            shown
                .filter(|shown| *shown == Shown::WithoutContent)
                .count()
        };
        assert_eq!(count(&mut guard, 5_000), 10);
        assert_eq!(count(&mut guard, 5_999), 0);
        assert_eq!(guard.line(parser, 6_000), (Shown::WithoutContent, 1990));
        assert_eq!(count(&mut guard, 6_500), 9);
        let ours = guard.line(line(1, "xlog", "xlog.c"), 6_500);
        assert_eq!(ours, (Shown::Whole, 0), "the operator's own lines");
        let ours = guard.line(line(1, "core", "core/kemi.c"), 6_500);
        assert_eq!(ours, (Shown::Whole, 0), "those of a script in Lua");
        let critical = guard.line(line(-2, "core", "core/mem/q_malloc.c"), 6_500);
        assert_eq!(critical, (Shown::Whole, 0));
        let connect = guard.line(line(-1, "core", "core/tcp_main.c"), 9_000);
        assert_eq!(connect, (Shown::Whole, 991));
    }
}
