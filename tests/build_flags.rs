//! The rules by which the build fits the module to a Kamailio, with the answers of several versions.

#[path = "../include/kamailio.rs"]
#[allow(dead_code, reason = "build.rs uses the rest")]
mod kamailio;

use kamailio::{Kamailio, module_tm};

/// Flags that all of these versions have in common, from the first on.
const FIRST: &str = "USE_TCP, USE_TLS, USE_SCTP, TLS_HOOKS, USE_RAW_SOCKS, DISABLE_NAGLE, USE_MCAST, DNS_IP_HACK, SHM_MMAP, PKG_MALLOC, ";
/// And up to the last one.
const LAST: &str = "USE_DNS_CACHE, USE_DNS_FAILOVER, USE_NAPTR, USE_DST_BLOCKLIST, HAVE_RESOLV_RES, TLS_PTHREAD_MUTEX_SHARED";

const LOOPS: &str = "ADAPTIVE_WAIT_LOOPS 1024, MAX_RECV_BUFFER_SIZE 262144, ";
const NO_LOOPS: &str = "MAX_RECV_BUFFER_SIZE 262144, MAX_SEND_BUFFER_SIZE 262144, ";

/// The output of `kamailio -v`.
fn answer(version: &str, flags: &str, third_line: &str) -> String {
    format!(
        "version: kamailio {version} (x86_64/linux) \nflags: {flags}\n{third_line}MAX_URI_SIZE 1024, BUF_SIZE 65535, DEFAULT PKG_SIZE 8MB\n\
         poll method support: poll, epoll_lt, epoll_et, sigio_rt, select.\nid: unknown \ncompiled with gcc 12.2.0\n"
    )
}

fn flags(middle: &str) -> String {
    [FIRST, middle, LAST].concat()
}

/// A module, as far as its strings matter.
fn module(version: &str, flags: &str) -> Vec<u8> {
    format!("\x7fELF\0\u{1}t_relay\0{flags}\0kamailio {version} (x86_64/linux)\0tm\0").into_bytes()
}

fn has(kamailio: &Kamailio, define: &str) -> bool {
    let wanted = format!("-D{define}");
    kamailio.defines().unwrap().contains(&wanted)
}

#[test]
fn debian_12_has_5_6() {
    let printed = flags(
        "Q_MALLOC, F_MALLOC, TLSF_MALLOC, DBG_SR_MEMORY, USE_FUTEX, FAST_LOCK-ADAPTIVE_WAIT, ",
    );
    let mut kamailio = Kamailio::parse(&answer("5.6.3", &printed, LOOPS)).unwrap();
    kamailio.take_flags_of(None);
    assert_eq!(kamailio.flags, printed);
    assert_eq!(kamailio.full_version(), "kamailio 5.6.3 (x86_64/linux)");
    for define in [
        "VERSIONVAL=5006003",
        "ADAPTIVE_WAIT_LOOPS=1024",
        "FAST_LOCK",
        "ADAPTIVE_WAIT",
        "KSR_PTHREAD_MUTEX_SHARED",
        "__CPU_x86_64",
        "OS_QUOTED=\"linux\"",
    ] {
        assert!(has(&kamailio, define), "{define}");
    }
}

#[test]
fn from_6_1_on_modules_have_fewer_flags_than_the_core() {
    let printed = flags(
        "MEM_JOIN_FREE, Q_MALLOC, F_MALLOC, TLSF_MALLOC, DBG_SR_MEMORY, DBG_QM_MALLOC, DBG_F_MALLOC, DBG_TLSF_MALLOC, USE_FUTEX, FAST_LOCK-ADAPTIVE_WAIT, ",
    );
    let of_modules = flags(
        "MEM_JOIN_FREE, Q_MALLOC, F_MALLOC, TLSF_MALLOC, DBG_SR_MEMORY, USE_FUTEX, FAST_LOCK-ADAPTIVE_WAIT, ",
    );
    let said = answer("6.1.4", &printed, LOOPS);

    let mut by_module = Kamailio::parse(&said).unwrap();
    by_module.take_flags_of(Some(&module("6.1.4", &of_modules)));
    assert_eq!(by_module.flags, of_modules);

    let mut by_rule = Kamailio::parse(&said).unwrap();
    by_rule.take_flags_of(None);
    assert_eq!(by_rule, by_module);
    assert!(!has(&by_rule, "DBG_QM_MALLOC"));
}

#[test]
fn a_module_of_another_version_says_nothing() {
    let printed = flags("Q_MALLOC, DBG_SR_MEMORY, FAST_LOCK-ADAPTIVE_WAIT, ");
    let other = flags("F_MALLOC, FAST_LOCK-ADAPTIVE_WAIT, ");
    let mut kamailio = Kamailio::parse(&answer("6.0.1", &printed, LOOPS)).unwrap();
    kamailio.take_flags_of(Some(&module("5.6.3", &other)));
    assert_eq!(kamailio.flags, printed);
}

#[test]
fn a_kamailio_built_with_more_debugging_keeps_its_flags() {
    // Built with -DDBG_QM_MALLOC: its modules have the flag, too.
    let printed = flags("Q_MALLOC, DBG_SR_MEMORY, DBG_QM_MALLOC, FAST_LOCK-ADAPTIVE_WAIT, ");
    for version in ["5.6.3", "5.8.4", "6.1.4"] {
        let mut kamailio = Kamailio::parse(&answer(version, &printed, LOOPS)).unwrap();
        kamailio.take_flags_of(Some(&module(version, &printed)));
        assert_eq!(kamailio.flags, printed, "{version}");
        assert!(has(&kamailio, "DBG_QM_MALLOC"), "{version}");
    }
}

#[test]
fn locks_that_are_futexes_print_no_adaptive_wait() {
    let printed =
        flags("MEM_JOIN_FREE, Q_MALLOC, F_MALLOC, TLSF_MALLOC, DBG_SR_MEMORY, USE_FUTEX, ");
    let mut kamailio = Kamailio::parse(&answer("6.2.0-dev1", &printed, NO_LOOPS)).unwrap();
    kamailio.take_flags_of(None);
    assert!(has(&kamailio, "USE_FUTEX"));
    assert!(has(&kamailio, "VERSIONVAL=6002000"));
    let defines = kamailio.defines().unwrap();
    assert!(!defines.iter().any(|define| define.contains("ADAPTIVE")));
    assert_eq!(
        defines
            .iter()
            .filter(|define| *define == "-DMEM_JOIN_FREE")
            .count(),
        1
    );
}

#[test]
fn an_unknown_version_is_an_error() {
    let printed = flags("Q_MALLOC, DBG_SR_MEMORY, DBG_QM_MALLOC, FAST_LOCK-ADAPTIVE_WAIT, ");
    for version in ["5.6.3", "5.7.7", "5.8.8", "6.0.1", "6.1.4", "6.1.0-rc1"] {
        let kamailio = Kamailio::parse(&answer(version, &printed, LOOPS)).unwrap();
        assert_eq!(kamailio.warning(), None, "{version}");
    }
    for version in ["5.9.0", "6.2.0-dev1", "6.10.1", "7.0.0"] {
        let mut kamailio = Kamailio::parse(&answer(version, &printed, LOOPS)).unwrap();
        let warning = kamailio.warning().unwrap();
        assert!(warning.contains(version) && warning.contains("5.6, 5.7, 5.8, 6.0 and 6.1"));
        // As in 6.1.
        kamailio.take_flags_of(None);
        assert!(!has(&kamailio, "DBG_QM_MALLOC"), "{version}");
    }
}

#[test]
fn other_programs_are_not_kamailio() {
    assert_eq!(Kamailio::parse("GNU bash, version 5.2.15"), None);
    assert_eq!(Kamailio::parse(""), None);
    let old = answer("5.4.4", &flags("Q_MALLOC, "), LOOPS);
    assert_eq!(Kamailio::parse(&old), None);
}

#[test]
fn the_search_path_of_modules_is_read() {
    let folder = std::env::temp_dir().join(format!("ipsmgw-modules-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("tm")).unwrap();
    let nested = folder.join("tm/tm.so");
    std::fs::write(&nested, b"\0").unwrap();
    let path = format!("/nowhere:{}", folder.display());
    let help = format!("    -L path      Modules search path (default: {path})\n");
    assert_eq!(module_tm(None, &help).as_deref(), Some(nested.as_path()));
    // A path that is given wins.
    assert_eq!(module_tm(Some("/nowhere"), &help), None);
    assert_eq!(module_tm(Some(&path), ""), Some(nested));
    assert_eq!(module_tm(None, "usage"), None);
    std::fs::remove_dir_all(folder).unwrap();
}
