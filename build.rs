//! Binds the module to one Kamailio: the one whose `kamailio -v` answers.
//!
//! The loader refuses a module whose version or compile flags differ by one character, and those
//! flags change structures and call signatures. So nothing is guessed here: the defines come from
//! the running binary, the headers from the source tree of the same version, and both must agree.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `KAMAILIO` | the kamailio program | `/usr/sbin/kamailio`, or else `kamailio` in the PATH |
//! | `KAMAILIO_SRC_DIR` | its source tree | `target/kamailio-VERSION`, put there by `include/get-headers` |
//! | `KAMAILIO_MODULES` | folders with its modules, separated by colons | the ones that it was built with |

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

#[path = "include/kamailio.rs"]
mod kamailio;
use kamailio::Kamailio;
#[path = "include/quick_path.rs"]
mod quick_path;

fn main() {
    for variable in [
        "KAMAILIO",
        "KAMAILIO_MODULES",
        "KAMAILIO_SRC_DIR",
        "LIBCLANG_PATH",
    ] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    for file in ["include", "src/kamailio/sys/shim.c", "src/quick_path.txt"] {
        println!("cargo:rerun-if-changed={file}");
    }
    if let Err(sentence) = build() {
        eprintln!("\nipsmgw: {sentence}\n");
        exit(1);
    }
}

fn build() -> Result<(), String> {
    let kamailio = running()?;
    if let Some(warning) = kamailio.warning() {
        println!("cargo:warning={warning}");
    }
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
    must_match(&kamailio, &bindings, &tree)?;

    let mut cc = cc::Build::new();
    for arg in &args {
        cc.flag(arg);
    }
    cc.file("src/kamailio/sys/shim.c")
        .std("gnu11")
        .warnings(true)
        // A module finds another's API as a command of the script's function type.
        .flag("-Wno-cast-function-type")
        .try_compile("ipsmgw_shim")
        .map_err(|e| format!("src/kamailio/sys/shim.c does not compile: {e}"))?;

    keep_together(&out)?;

    // Kamailio wants a file of the module's name: a link beside cargo's libipsmgw.so.
    if let Some(profile) = out.ancestors().nth(3) {
        let link = profile.join("ipsmgw.so");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink("libipsmgw.so", &link)
            .map_err(|e| format!("cannot make the link {}: {e}", link.display()))?;
    }
    Ok(())
}

/// Has the linker place the functions of the quick path together.
fn keep_together(out: &Path) -> Result<(), String> {
    let list = "src/quick_path.txt";
    let list = std::fs::read_to_string(list).map_err(|e| format!("{list}: {e}"))?;
    let script = out.join("quick_path.ld");
    std::fs::write(&script, quick_path::linker_script(&list)).map_err(|e| e.to_string())?;
    println!("cargo:rustc-link-arg-cdylib=-Wl,-T,{}", script.display());
    Ok(())
}

/// The Kamailio that this build is for.
fn running() -> Result<Kamailio, String> {
    let program = env::var("KAMAILIO").unwrap_or_else(|_| {
        let packaged = "/usr/sbin/kamailio";
        if Path::new(packaged).exists() {
            packaged
        } else {
            println!("cargo:rerun-if-env-changed=PATH");
            "kamailio"
        }
        .into()
    });
    let answer = |option| {
        let output = Command::new(&program).arg(option).output().map_err(|e| {
            format!("cannot run '{program} {option}': {e}. Install Kamailio (apt-get install kamailio), or set KAMAILIO to its program")
        })?;
        Ok::<_, String>(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let text = answer("-v")?;
    let mut kamailio = Kamailio::parse(&text).ok_or_else(|| {
        format!("'{program} -v' does not answer as Kamailio 5.6 or later does; set KAMAILIO to the kamailio program. It said:\n{text}")
    })?;
    let search_path = env::var("KAMAILIO_MODULES").ok();
    if let Some(module) = kamailio::module_tm(search_path.as_deref(), &answer("-h")?) {
        println!("cargo:rerun-if-changed={}", module.display());
        kamailio.take_flags_of(std::fs::read(module).ok().as_deref());
    } else {
        kamailio.take_flags_of(None);
    }
    Ok(kamailio)
}

/// Whether both strings that the loader compares are what the headers make of our defines.
fn must_match(kamailio: &Kamailio, bindings: &str, tree: &Path) -> Result<(), String> {
    for (name, expected) in [
        ("IPSMGW_MODULE_VERSION", &kamailio.full_version()),
        ("IPSMGW_MODULE_FLAGS", &kamailio.flags),
    ] {
        let found = string_constant(bindings, name).ok_or_else(|| {
            format!("the headers in {} define no {name}; they are not Kamailio's. Run include/get-headers, or set KAMAILIO_SRC_DIR", tree.display())
        })?;
        if found != *expected {
            return Err(format!(
                "the headers in {} and the running Kamailio differ in {name}, so the loader would refuse the module.\n  \
                 running: {expected}\n  headers: {found}\n\
                 Run include/get-headers for the installed version, or set KAMAILIO_SRC_DIR to the tree that your Kamailio was built from",
                tree.display()
            ));
        }
    }
    Ok(())
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
