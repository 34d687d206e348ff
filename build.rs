//! Binds the module to one Kamailio: the one whose `kamailio -v` answers.
//!
//! The loader refuses a module whose version or compile flags differ by one character, and those
//! flags change structures and call signatures. So nothing is guessed here: the defines come from
//! the running binary, the headers from the source tree of the same version, and both must agree.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `KAMAILIO` | the kamailio program | `kamailio` in the PATH or in /usr/sbin |
//! | `KAMAILIO_SRC_DIR` | its source tree | `target/kamailio-VERSION`, put there by `include/get-headers` |

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

fn main() {
    for variable in ["KAMAILIO", "KAMAILIO_SRC_DIR", "LIBCLANG_PATH", "PATH"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    for file in ["include", "src/kamailio/shim.c"] {
        println!("cargo:rerun-if-changed={file}");
    }
    if let Err(sentence) = build() {
        eprintln!("\nipsmgw: {sentence}\n");
        exit(1);
    }
}

fn build() -> Result<(), String> {
    let kamailio = Kamailio::running()?;
    let tree = source_tree(&kamailio)?;
    let out = PathBuf::from(env::var("OUT_DIR").map_err(|e| e.to_string())?);

    let mut args = kamailio.defines()?;
    args.push("-isystem".into());
    args.push(tree.join("src").display().to_string());
    args.push("-Iinclude".into());

    let bindings = bindgen::Builder::default()
        .header("include/wrapper.h")
        .clang_args(&args)
        .allowlist_file(".*include/shim\\.h")
        .allowlist_file(format!("{}/src/.*", tree.display()))
        .allowlist_var("IPSMGW_.*")
        .prepend_enum_name(false)
        .derive_default(true)
        .layout_tests(false)
        .merge_extern_blocks(true)
        .formatter(bindgen::Formatter::None)
        .generate()
        .map_err(|e| {
            format!(
                "the Kamailio headers in {} do not compile: {e}. If libclang is missing, install it (apt-get install libclang-dev)",
                tree.display()
            )
        })?
        .to_string();
    std::fs::write(out.join("kamailio.rs"), &bindings).map_err(|e| e.to_string())?;
    kamailio.must_match(&bindings, &tree)?;

    let mut cc = cc::Build::new();
    for arg in &args {
        cc.flag(arg);
    }
    cc.file("src/kamailio/shim.c")
        .std("gnu11")
        .warnings(true)
        // A module finds another's API as a command of the script's function type.
        .flag("-Wno-cast-function-type")
        .try_compile("ipsmgw_shim")
        .map_err(|e| format!("src/kamailio/shim.c does not compile: {e}"))?;

    // Kamailio wants a file of the module's name: a link beside cargo's libipsmgw.so.
    if let Some(profile) = out.ancestors().nth(3) {
        let link = profile.join("ipsmgw.so");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink("libipsmgw.so", &link)
            .map_err(|e| format!("cannot make the link {}: {e}", link.display()))?;
    }
    Ok(())
}

/// What `kamailio -v` says of itself.
struct Kamailio {
    version: String,
    arch: String,
    os: String,
    flags: String,
    adaptive_wait_loops: String,
}

impl Kamailio {
    fn running() -> Result<Self, String> {
        let program = env::var("KAMAILIO").unwrap_or_else(|_| {
            let packaged = "/usr/sbin/kamailio";
            if Path::new(packaged).exists() {
                packaged
            } else {
                "kamailio"
            }
            .into()
        });
        let output = Command::new(&program).arg("-v").output().map_err(|e| {
            format!("cannot run '{program} -v': {e}. Install Kamailio (apt-get install kamailio), or set KAMAILIO to its program")
        })?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Self::parse(&text).ok_or_else(|| {
            format!("'{program} -v' does not answer as Kamailio 5.6 or later does; set KAMAILIO to the kamailio program. It said:\n{text}")
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let line = |start: &str| text.lines().find_map(|l| l.strip_prefix(start));
        // "version: kamailio 5.6.3 (x86_64/linux) "
        let mut words = line("version: kamailio ")?.split_whitespace();
        let version = words.next()?.to_owned();
        let (arch, os) = words.next()?.trim_matches(['(', ')']).split_once('/')?;
        let flags = line("flags: ")?.trim_end().to_owned();
        let loops = line("ADAPTIVE_WAIT_LOOPS ")?
            .split(',')
            .next()?
            .trim()
            .to_owned();
        Some(Self {
            version,
            arch: arch.into(),
            os: os.into(),
            flags,
            adaptive_wait_loops: loops,
        })
    }

    /// The compiler's defines that Kamailio was built with, as far as its headers ask for them.
    fn defines(&self) -> Result<Vec<String>, String> {
        let mut defines = vec![
            "-DNAME=\"kamailio\"".into(),
            format!("-DVERSION=\"{}\"", self.version),
            format!("-DVERSIONVAL={}", version_value(&self.version)?),
            format!("-DARCH=\"{}\"", self.arch),
            format!("-DOS={}_", self.os),
            format!("-DOS_QUOTED=\"{}\"", self.os),
            format!("-D__CPU_{}", self.arch),
            format!("-D__OS_{}", self.os),
            format!("-DADAPTIVE_WAIT_LOOPS={}", self.adaptive_wait_loops),
            "-DMOD_NAME=\"ipsmgw\"".into(),
        ];
        for plain in [
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
        ] {
            defines.push(format!("-D{plain}"));
        }
        for flag in self.flags.split(", ") {
            // Two flags are printed under another name than the define has (core/ver_defs.h).
            let names: &[&str] = match flag {
                "TLS_PTHREAD_MUTEX_SHARED" => &["KSR_PTHREAD_MUTEX_SHARED"],
                "FAST_LOCK-ADAPTIVE_WAIT" => &["FAST_LOCK", "ADAPTIVE_WAIT"],
                "FAST_LOCK-BUSY_WAIT" => &["FAST_LOCK", "BUSY_WAIT"],
                other => &[other],
            };
            defines.extend(names.iter().map(|name| format!("-D{name}")));
        }
        Ok(defines)
    }

    /// Both strings that the loader compares, as the headers make them with our defines.
    fn must_match(&self, bindings: &str, tree: &Path) -> Result<(), String> {
        let expected_version = format!("kamailio {} ({}/{})", self.version, self.arch, self.os);
        for (name, expected) in [
            ("IPSMGW_MODULE_VERSION", &expected_version),
            ("IPSMGW_MODULE_FLAGS", &self.flags),
        ] {
            let found = string_constant(bindings, name).ok_or_else(|| {
                format!("the headers in {} define no {name}; they are not Kamailio's. Run include/get-headers, or set KAMAILIO_SRC_DIR", tree.display())
            })?;
            if found != *expected {
                let mut sentence = format!(
                    "the headers in {} and the running Kamailio differ in {name}, so the loader would refuse the module.\n",
                    tree.display()
                );
                let _ = write!(
                    sentence,
                    "  running: {expected}\n  headers: {found}\nRun include/get-headers for the installed version, or set KAMAILIO_SRC_DIR to the tree that your Kamailio was built from"
                );
                return Err(sentence);
            }
        }
        Ok(())
    }
}

/// `pub const NAME: &[u8; 5] = b"text\0";` -> `text`
fn string_constant(bindings: &str, name: &str) -> Option<String> {
    let at = bindings
        .find(&format!("const {name} "))
        .or_else(|| bindings.find(&format!("const {name}:")))?;
    let rest = bindings.get(at..)?;
    let from = rest.find("b\"")? + 2;
    let to = from + rest.get(from..)?.find("\\0\"")?;
    rest.get(from..to).map(str::to_owned)
}

/// 5.6.3 -> 5006003, as Kamailio's own Makefile.defs computes it.
fn version_value(version: &str) -> Result<u32, String> {
    let mut numbers = version.split(['.', '-']).map(|n| {
        n.trim_start_matches(|c: char| !c.is_ascii_digit())
            .parse::<u32>()
    });
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => {
            Ok(major * 1_000_000 + minor * 1_000 + patch)
        }
        _ => Err(format!("cannot read the Kamailio version '{version}'")),
    }
}

fn source_tree(kamailio: &Kamailio) -> Result<PathBuf, String> {
    let (tree, origin) = match env::var_os("KAMAILIO_SRC_DIR") {
        Some(set) => (PathBuf::from(set), "KAMAILIO_SRC_DIR names it, but"),
        None => {
            let root = env::var("CARGO_MANIFEST_DIR").map_err(|e| e.to_string())?;
            let tree = Path::new(&root).join(format!("target/kamailio-{}", kamailio.version));
            (
                tree,
                "run include/get-headers first, or set KAMAILIO_SRC_DIR:",
            )
        }
    };
    println!("cargo:rerun-if-changed={}", tree.display());
    if tree.join("src/core/sr_module.h").is_file() {
        Ok(tree)
    } else {
        Err(format!(
            "{origin} there is no Kamailio {} source tree (src/core/sr_module.h) in {}",
            kamailio.version,
            tree.display()
        ))
    }
}
