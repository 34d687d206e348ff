//! Keeps content of messages out of the log, and limits how many lines senders can cause.
//!
//! Kamailio's parsers quote what they cannot read, sometimes several times for one message.

/// The largest number of lines per second and process. Lines that are always written do not count.
const PER_SECOND: u32 = 10;

/// Kamailio's level for fatal errors and bugs (core/dprint.h).
const CRITICAL: i32 = -2;

/// Source files whose lines are about the machine and its peers, not about the content of a message.
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

/// Modules that write lines of the operator's script, and ipsmgw itself.
const OURS: &[&str] = &["ipsmgw", "xlog", "app_lua"];

/// The source file of lines that a KEMI script (Lua and others) writes.
const OF_KEMI_SCRIPTS: &str = "core/kemi.c";

/// Origin of a log line.
#[derive(Clone, Copy)]
pub struct LineOrigin<'a> {
    /// Kamailio's log level: a smaller number is more severe.
    pub level: i32,
    /// Name of the module; `core` for Kamailio itself.
    pub module: &'a str,
    /// The source file.
    pub file: &'a str,
}

/// How much of a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineContent {
    /// The whole line.
    Whole,
    /// The text of its format only, without the values.
    FormatOnly,
    /// Nothing.
    Nothing,
}

/// Lines that one process has written in the current second.
#[derive(Default)]
pub struct LogGuard {
    second: u64,
    written: u32,
    left_out: u32,
}

impl LogGuard {
    /// How much of this line is written, and how many earlier lines were left out and are to be reported now.
    pub fn line(&mut self, line: LineOrigin<'_>, now_ms: u64) -> (LineContent, u32) {
        let mut before = 0;
        let second = now_ms / 1000;
        if self.second != second {
            before = core::mem::take(&mut self.left_out);
            self.second = second;
            self.written = 0;
        }
        let is_ours = OURS.contains(&line.module) || line.file == OF_KEMI_SCRIPTS;
        if line.level <= CRITICAL || is_ours {
            return (LineContent::Whole, before);
        }
        if self.written >= PER_SECOND {
            self.left_out += 1;
            return (LineContent::Nothing, before);
        }
        self.written += 1;
        let whole = ABOUT_THE_MACHINE
            .iter()
            .any(|file| line.file.contains(file));
        (
            if whole {
                LineContent::Whole
            } else {
                LineContent::FormatOnly
            },
            before,
        )
    }
}

/// The text of a printf format without its values: `bad header [%.*s]` -> `bad header [...]`.
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

    fn line(level: i32, module: &'static str, file: &'static str) -> LineOrigin<'static> {
        LineOrigin {
            level,
            module,
            file,
        }
    }

    #[test]
    fn a_format_holds_nothing_of_a_message() {
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
    fn lines_per_second_are_limited() {
        let mut guard = LogGuard::default();
        let parser = line(-1, "core", "core/parser/msg_parser.c");
        let count = |guard: &mut LogGuard, now| {
            let shown = (0..1000).map(|_| guard.line(parser, now).0);
            shown
                .filter(|shown| *shown == LineContent::FormatOnly)
                .count()
        };
        assert_eq!(count(&mut guard, 5_000), 10);
        assert_eq!(count(&mut guard, 5_999), 0);
        assert_eq!(guard.line(parser, 6_000), (LineContent::FormatOnly, 1990));
        assert_eq!(count(&mut guard, 6_500), 9);
        let ours = guard.line(line(1, "xlog", "xlog.c"), 6_500);
        assert_eq!(ours, (LineContent::Whole, 0), "the operator's own lines");
        let ours = guard.line(line(1, "core", "core/kemi.c"), 6_500);
        assert_eq!(ours, (LineContent::Whole, 0), "those of a script in Lua");
        let critical = guard.line(line(-2, "core", "core/mem/q_malloc.c"), 6_500);
        assert_eq!(critical, (LineContent::Whole, 0));
        let connect = guard.line(line(-1, "core", "core/tcp_main.c"), 9_000);
        assert_eq!(connect, (LineContent::Whole, 991));
    }
}
