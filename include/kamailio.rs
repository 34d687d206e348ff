//! What one Kamailio was built with: the version and the compile flags that its loader compares.
//!
//! Used by `build.rs`, and by a test with the answers of several versions.

use std::fs;
use std::path::{Path, PathBuf};

/// What `kamailio -v` says of itself, and the flags that its modules carry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kamailio {
    /// `5.6.3`
    pub(crate) version: String,
    arch: String,
    os: String,
    /// `module_flags`: the string that the loader compares.
    pub(crate) flags: String,
    /// Not printed where locks are futexes only: then no header asks for it.
    adaptive_wait_loops: Option<String>,
}

/// Flags that `kamailio -v` lists for itself since 6.1 where `DBG_SR_MEMORY` is on: the core's memory managers
/// define them in a header that modules do not include.
const FLAGS_OF_THE_CORE: [&str; 3] = ["DBG_QM_MALLOC", "DBG_F_MALLOC", "DBG_TLSF_MALLOC"];

/// The series that the end-to-end cases or the compiler have tried with this module, and the flags that `kamailio -v` prints for the core
/// only. A later series is taken as the last one.
const SERIES: [(&str, &[&str]); 5] = [
    ("5.6", &[]),
    ("5.7", &[]),
    ("5.8", &[]),
    ("6.0", &[]),
    ("6.1", &FLAGS_OF_THE_CORE),
];

/// Defines that Kamailio's makefiles set on Linux and that its headers ask for, whatever its version.
const PLATFORM: [&str; 16] = [
    "CC_GCC_LIKE_ASM",
    "HAVE_GETHOSTBYNAME2",
    "HAVE_UNION_SEMUN",
    "HAVE_SCHED_YIELD",
    "HAVE_MSG_NOSIGNAL",
    "HAVE_MSGHDR_MSG_CONTROL",
    "HAVE_ALLOCA_H",
    "HAVE_TIMEGM",
    "HAVE_SCHED_SETSCHEDULER",
    "HAVE_IP_MREQN",
    "HAVE_EPOLL",
    "HAVE_SIGIO_RT",
    "HAVE_SELECT",
    "MEM_JOIN_FREE",
    "WITH_XAVP",
    "WITH_EVENT_LOCAL_REQUEST",
];

impl Kamailio {
    /// Reads the answer of `kamailio -v`. None where it is not that of Kamailio 5.6 or later.
    pub(crate) fn parse(answer: &str) -> Option<Self> {
        let line = |start: &str| answer.lines().find_map(|line| line.strip_prefix(start));
        // "version: kamailio 5.6.3 (x86_64/linux) "
        let mut words = line("version: kamailio ")?.split_whitespace();
        let version = words.next()?.to_owned();
        let (arch, os) = words.next()?.trim_matches(['(', ')']).split_once('/')?;
        let loops = line("ADAPTIVE_WAIT_LOOPS ")
            .and_then(|rest| rest.split(',').next())
            .map(|number| number.trim().to_owned());
        let kamailio = Self {
            arch: arch.into(),
            os: os.into(),
            flags: line("flags: ")?.trim_end().to_owned(),
            adaptive_wait_loops: loops,
            version,
        };
        (kamailio.version_value().ok()? >= 5_006_000).then_some(kamailio)
    }

    /// Takes the flags from a module of the same version, such as tm.so: they are the ones that the loader
    /// compares. Without such a module those of `kamailio -v` count, less what only the core has.
    pub(crate) fn take_flags_of(&mut self, module: Option<&[u8]>) {
        let of_this_version = module.filter(|octets| holds(octets, self.full_version().as_bytes()));
        self.flags = match of_this_version.and_then(flags_in) {
            Some(flags) => flags,
            None => self
                .flags
                .split(", ")
                .filter(|flag| !self.flags_of_the_core().contains(flag))
                .collect::<Vec<_>>()
                .join(", "),
        };
    }

    /// `6.1` of `6.1.4`.
    fn series(&self) -> &str {
        let mut dots = self.version.match_indices('.').skip(1);
        let end = dots.next().map_or(self.version.len(), |(at, _)| at);
        self.version.get(..end).unwrap_or_default()
    }

    /// The flags that `kamailio -v` prints and that no module of this version has.
    fn flags_of_the_core(&self) -> &'static [&'static str] {
        let known = SERIES.iter().find(|(series, _)| *series == self.series());
        let (_, flags) = known.unwrap_or(&SERIES[SERIES.len() - 1]);
        flags
    }

    /// A warning for a version that nobody has tried.
    pub(crate) fn warning(&self) -> Option<String> {
        let series = SERIES.map(|(series, _)| series);
        if series.contains(&self.series()) {
            return None;
        }
        let (last, known) = series.split_last()?;
        Some(format!(
            "Kamailio {} is unknown to this ipsmgw, which was tried with {} and {last}. The build takes it as {last}. Run the end-to-end cases with it (tests/e2e/README.md) before you use it",
            self.version,
            known.join(", ")
        ))
    }

    /// `kamailio 5.6.3 (x86_64/linux)`, which the loader compares with `module_version`.
    pub(crate) fn full_version(&self) -> String {
        format!("kamailio {} ({}/{})", self.version, self.arch, self.os)
    }

    /// The compiler's defines that Kamailio was built with, as far as its headers ask for them.
    pub(crate) fn defines(&self) -> Result<Vec<String>, String> {
        let mut defines = vec![
            "-DNAME=\"kamailio\"".into(),
            format!("-DVERSION=\"{}\"", self.version),
            format!("-DVERSIONVAL={}", self.version_value()?),
            format!("-DARCH=\"{}\"", self.arch),
            format!("-DOS={}_", self.os),
            format!("-DOS_QUOTED=\"{}\"", self.os),
            format!("-D__CPU_{}", self.arch),
            format!("-D__OS_{}", self.os),
            "-DMOD_NAME=\"ipsmgw\"".into(),
        ];
        if let Some(loops) = &self.adaptive_wait_loops {
            defines.push(format!("-DADAPTIVE_WAIT_LOOPS={loops}"));
        }
        defines.extend(PLATFORM.iter().map(|name| format!("-D{name}")));
        for flag in self.flags.split(", ") {
            // Some flags are printed under another name than the define has (core/ver_defs.h).
            let names: &[&str] = match flag {
                "TLS_PTHREAD_MUTEX_SHARED" => &["KSR_PTHREAD_MUTEX_SHARED"],
                "FAST_LOCK-ADAPTIVE_WAIT" => &["FAST_LOCK", "ADAPTIVE_WAIT"],
                "FAST_LOCK-BUSY_WAIT" => &["FAST_LOCK", "BUSY_WAIT"],
                known if PLATFORM.contains(&known) => &[],
                other => &[other],
            };
            defines.extend(names.iter().map(|name| format!("-D{name}")));
        }
        Ok(defines)
    }

    /// 5.6.3 -> 5006003, as Kamailio's own Makefile.defs computes it.
    pub(crate) fn version_value(&self) -> Result<u32, String> {
        let mut numbers = self.version.split(['.', '-']).map(|number| {
            number
                .trim_start_matches(|c: char| !c.is_ascii_digit())
                .parse::<u32>()
        });
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => {
                Ok(major * 1_000_000 + minor * 1_000 + patch)
            }
            _ => Err(format!(
                "cannot read the Kamailio version '{}'",
                self.version
            )),
        }
    }
}

/// The module whose flags count, in the first folder of Kamailio's search path that has it. `help` is the answer
/// of `kamailio -h`, which names the path that Kamailio was built with.
pub(crate) fn module_tm(search_path: Option<&str>, help: &str) -> Option<PathBuf> {
    let built_in = help
        .lines()
        .find_map(|line| line.split_once("Modules search path (default: "))
        .map(|(_, rest)| rest.trim_end().trim_end_matches(')'));
    search_path
        .or(built_in)?
        .split(':')
        .flat_map(|folder| {
            let folder = Path::new(folder);
            [folder.join("tm.so"), folder.join("tm/tm.so")]
        })
        .find(|file| fs::metadata(file).is_ok_and(|found| found.is_file()))
}

/// The C string in a module that lists compile flags: every Kamailio can do TCP, and lists it first.
fn flags_in(module: &[u8]) -> Option<String> {
    module
        .split(|octet| *octet == 0)
        .filter_map(|string| str::from_utf8(string).ok())
        .find(|string| string.starts_with("USE_TCP, "))
        .map(str::to_owned)
}

/// Whether a module has this C string.
fn holds(module: &[u8], wanted: &[u8]) -> bool {
    module
        .split(|octet| *octet == 0)
        .any(|string| string == wanted)
}
