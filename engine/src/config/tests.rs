use std::fs;
use std::io::Write;

use proptest::prelude::*;

use super::file::TEXT_BYTES_MAX;
use super::*;

/// Every key, with the values that are the defaults where a key has one.
const FULL: &str = r#"
pinning = "strict"
turn_budget = 256
lane_budget = 256
timer_resolution_us = 1000
max_actors = 1048576
max_timers = 1048576
max_asks = 65536
max_ports = 64
event_capacity = 8192
ask_timeout_ms = 5000
stall_threshold_ms = 1000
wait_cycle_threshold_ms = 1000
histograms = false
lock_memory = false
huge_pages = false
real_time_priority = 10
name = "hippodrome"
seed = 0
stats_socket = "/run/hippodrome.socket"

[defaults]
wait = "spin-then-park"
spins = 2000
local_ring_kib = 256
local_ring_limit_kib = 65536
lane_kib = 64
outbox_limit_kib = 16384
ingress_kib = 256

[[workers]]
core = 0
wait = "busy-spin"
spins = 1
local_ring_kib = 32
local_ring_limit_kib = 64
lane_kib = 8
outbox_limit_kib = 16
ingress_kib = 4

[[workers]]
core = 0
"#;

fn with_one_worker() -> Config {
    Config { workers: vec![WorkerConfig::pinned_to(0)], ..Config::default() }
}

fn refusal(text: &str) -> String {
    Config::from_toml_str(text).unwrap_err().to_string()
}

#[test]
fn a_file_with_every_key_is_the_default_where_it_repeats_it() {
    let config = Config::from_toml_str(FULL).unwrap();
    let overridden = WorkerConfig {
        core: Some(0),
        wait: Some(WaitStrategy::BusySpin),
        spins: Some(1),
        local_ring_kib: Some(32),
        local_ring_limit_kib: Some(64),
        lane_kib: Some(8),
        outbox_limit_kib: Some(16),
        ingress_kib: Some(4),
    };
    let expected = Config {
        real_time_priority: Some(10),
        stats_socket: Some("/run/hippodrome.socket".to_owned()),
        workers: vec![overridden, WorkerConfig::pinned_to(0)],
        ..Config::default()
    };
    assert_eq!(config, expected);
    assert_eq!(Config::from_toml_str(&config.to_toml_string()).unwrap(), config);
}

#[test]
fn only_the_workers_must_be_named() {
    let config = Config::from_toml_str("[[workers]]\n").unwrap();
    assert_eq!(config, Config { workers: vec![WorkerConfig::default()], ..Config::default() });
    assert_eq!(config.worker(0).unwrap().core, None);
    assert_eq!(config.worker(1), None);
}

#[test]
fn a_worker_overrides_what_it_names_and_takes_the_rest_from_the_defaults() {
    let mut config = Config::from_toml_str(FULL).unwrap();
    config.defaults.spins = 77;
    config.defaults.wait = WaitStrategy::SpinThenYield;
    let first = WorkerSettings {
        core: Some(0),
        wait: WaitStrategy::BusySpin,
        spins: 1,
        local_ring_kib: 32,
        local_ring_limit_kib: 64,
        lane_kib: 8,
        outbox_limit_kib: 16,
        ingress_kib: 4,
    };
    let second = WorkerSettings {
        core: Some(0),
        wait: WaitStrategy::SpinThenYield,
        spins: 77,
        local_ring_kib: 256,
        local_ring_limit_kib: 65_536,
        lane_kib: 64,
        outbox_limit_kib: 16_384,
        ingress_kib: 256,
    };
    assert_eq!(config.worker(0), Some(first.clone()));
    assert_eq!(config.resolve(), [first, second]);
}

#[test]
fn every_limit_of_the_engine_is_kept_and_named() {
    const DAY: &str = "1 to 86400000";
    // The key, values that are refused, values at the limits, and what the error says is allowed.
    let cases: &[(&str, &[u64], &[u64], &str)] = &[
        ("turn_budget", &[0, 1_000_001], &[1, 1_000_000], "1 to 1000000"),
        ("lane_budget", &[0, 1_000_001], &[1, 1_000_000], "1 to 1000000"),
        ("timer_resolution_us", &[0, 9, 1_000_001], &[10, 1_000_000], "10 to 1000000"),
        ("max_actors", &[0, 16_777_217], &[1, 16_777_216], "1 to 16777216"),
        ("max_timers", &[0, 16_777_217], &[1, 16_777_216], "1 to 16777216"),
        ("max_asks", &[0, 16_777_217], &[1, 16_777_216], "1 to 16777216"),
        (
            "max_ports",
            &[512, 4_294_967_295],
            &[0, 511],
            "0 to 511, because workers (1) and ports together are at most 512",
        ),
        (
            "event_capacity",
            &[0, 32, 100, 2_097_152, 4_294_967_295],
            &[64, 1_048_576],
            "a power of two from 64 to 1048576",
        ),
        ("ask_timeout_ms", &[0, 86_400_001], &[1, 86_400_000], DAY),
        ("stall_threshold_ms", &[0, 86_400_001], &[1, 86_400_000], DAY),
        ("wait_cycle_threshold_ms", &[86_400_001, 4_294_967_295], &[0, 1, 86_400_000], "0 to 86400000"),
        ("real_time_priority", &[0, 100, 300], &[1, 99], "1 to 99"),
        ("seed", &[], &[0, u64::MAX], ""),
    ];
    for (key, bad, good, allowed) in cases {
        for value in *bad {
            assert_eq!(
                refusal(&format!("{key} = {value}\n[[workers]]\n")),
                format!("{key} = {value}: allowed is {allowed}")
            );
        }
        for value in *good {
            let text = format!("{key} = {value}\n[[workers]]\n");
            let config = Config::from_toml_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(config.to_toml_string().contains(&format!("{key} = {value}\n")));
        }
    }
}

#[test]
fn every_limit_of_a_worker_is_kept_under_defaults_and_overrides_alike() {
    const RING: &str = "a power of two from 4 to 65536";
    let cases: &[(&str, &[u32], &[u32], &str)] = &[
        ("spins", &[1_000_001], &[0, 1_000_000], "0 to 1000000"),
        ("local_ring_kib", &[0, 15, 65_537], &[16, 65_536], "16 to 65536, its local_ring_limit_kib"),
        ("local_ring_limit_kib", &[0, 15, 1_048_577], &[256, 1_048_576], "16 to 1048576"),
        ("lane_kib", &[0, 2, 48, 131_072], &[4, 65_536], RING),
        ("outbox_limit_kib", &[0, 15, 1_048_577], &[16, 1_048_576], "16 to 1048576"),
        ("ingress_kib", &[0, 2, 48, 131_072], &[4, 65_536], RING),
    ];
    for (key, bad, good, allowed) in cases {
        for value in *bad {
            assert_eq!(
                refusal(&format!("[defaults]\n{key} = {value}\n[[workers]]\n")),
                format!("defaults.{key} = {value}: allowed is {allowed}")
            );
            assert_eq!(
                refusal(&format!("[[workers]]\n[[workers]]\n{key} = {value}\n")),
                format!("workers[1].{key} = {value}: allowed is {allowed}")
            );
        }
        for value in *good {
            Config::from_toml_str(&format!("[defaults]\n{key} = {value}\n[[workers]]\n")).unwrap();
            Config::from_toml_str(&format!("[[workers]]\n{key} = {value}\n")).unwrap();
        }
    }
    assert_eq!(refusal("[[workers]]\ncore = 4096\n"), "workers[0].core = 4096: allowed is 0 to 4095");
    Config::from_toml_str("[[workers]]\ncore = 4095\n").unwrap();
    assert_eq!(
        refusal("[[workers]]\nlocal_ring_limit_kib = 128\n"),
        "workers[0].local_ring_kib = 256: allowed is 16 to 128, its local_ring_limit_kib",
        "an override may clash with a default"
    );
}

#[test]
fn the_number_of_workers_is_limited_and_shared_with_the_ports() {
    const MISSING: &str = "workers: there are none; write a `[[workers]]` table for each worker, with `core = 0` in it \
         to pin it to core 0, or name the workers to the builder";
    assert_eq!(refusal(""), MISSING);
    assert_eq!(refusal("workers = []\n"), MISSING);
    assert_eq!(Config::default().validate().unwrap_err().to_string(), MISSING);

    let tables = |count: usize, ports: u32| format!("max_ports = {ports}\n{}", "[[workers]]\ncore = 1\n".repeat(count));
    assert_eq!(refusal(&tables(257, 0)), "workers = 257: allowed is 1 to 256");
    assert_eq!(
        refusal(&tables(256, 257)),
        "max_ports = 257: allowed is 0 to 256, because workers (256) and ports together are at most 512"
    );
    assert_eq!(Config::from_toml_str(&tables(256, 256)).unwrap().resolve().len(), 256, "all on one core");
}

#[test]
fn a_name_must_fit_a_thread() {
    for good in ["h", "hippodrome1", "A-b_9"] {
        let config = Config { name: good.to_owned(), ..with_one_worker() };
        config.validate().unwrap();
    }
    let long = "x".repeat(100);
    let shortened = format!("{:?}", format!("{}…", "x".repeat(40)));
    let cases = [
        ("", r#""""#),
        ("twelve-bytes", r#""twelve-bytes""#),
        ("a\0b", r#""a\0b""#),
        ("é", r#""é""#),
        (&long, &shortened),
    ];
    for (bad, shown) in cases {
        let config = Config { name: bad.to_owned(), ..with_one_worker() };
        assert_eq!(
            config.validate().unwrap_err().to_string(),
            format!("name = {shown}: allowed is 1 to 11 ASCII letters, digits, `-` or `_`")
        );
    }
}

#[test]
fn the_path_of_a_socket_must_fit_its_address() {
    let with = |path: &str| Config { stats_socket: Some(path.to_owned()), ..with_one_worker() };
    for good in ["s".to_owned(), "/run/é.socket".to_owned(), "x".repeat(103)] {
        let config = with(&good);
        config.validate().unwrap();
        assert_eq!(Config::from_toml_str(&config.to_toml_string()).unwrap().stats_socket, Some(good));
    }
    let shortened = format!("{}…", "x".repeat(40));
    for (bad, shown) in [("", ""), ("a\0b", "a\0b"), (&*"x".repeat(104), &*shortened)] {
        assert_eq!(
            with(bad).validate().unwrap_err().to_string(),
            format!("stats_socket = {shown:?}: allowed is a path of 1 to 103 bytes, none of them NUL")
        );
    }
    assert_eq!(Config::default().stats_socket, None, "nothing listens by default");
}

#[test]
fn what_is_not_toml_or_of_the_wrong_type_is_told_with_its_place() {
    let cases = [
        ("seed = 1\nturn_budget = \"many\"\n", "line 2, column 15: invalid type: string \"many\", expected u32"),
        ("turn_budget = -1\n", "line 1, column 15: invalid value: integer `-1`, expected u32"),
        ("max_actors = 4294967296\n", "line 1, column 14: invalid value: integer `4294967296`, expected u32"),
        ("turn_budget = 1.5\n", "line 1, column 15: invalid type: floating point `1.5`, expected u32"),
        ("histograms = 1\n", "line 1, column 14: invalid type: integer `1`, expected a boolean"),
        ("name = 'é' x\n", "line 1, column 12: unexpected key or value, expected newline, `#`"),
        ("seed = 1\nseed = 2\n", "line 2, column 1: duplicate key"),
        ("seed =\n", "line 1, column 7: string values must be quoted, expected literal string"),
        (
            "pinning = \"loose\"\n",
            "line 1, column 11: unknown variant `loose`, expected one of `strict`, `best-effort`, `off`",
        ),
        (
            "[[workers]]\n[[workers]]\nwait = \"sleep\"\n",
            "line 3, column 8: unknown variant `sleep`, expected one of `busy-spin`, `spin-then-yield`, \
             `spin-then-park`",
        ),
        (
            "[[workers]]\ncores = 1\n",
            "line 2, column 1: unknown field `cores`, expected one of `core`, `wait`, `spins`, `local_ring_kib`, \
             `local_ring_limit_kib`, `lane_kib`, `outbox_limit_kib`, `ingress_kib`",
        ),
        (
            "[defaults]\ncore = 1\n",
            "line 2, column 1: unknown field `core`, expected one of `wait`, `spins`, `local_ring_kib`, \
             `local_ring_limit_kib`, `lane_kib`, `outbox_limit_kib`, `ingress_kib`",
        ),
        ("workers = 2\n", "line 1, column 11: invalid type: integer `2`, expected a sequence"),
    ];
    for (text, message) in cases {
        assert_eq!(refusal(text), message, "{text}");
    }
    let message = refusal("turn_bugdet = 1\n");
    assert!(
        message.starts_with("line 1, column 1: unknown field `turn_bugdet`, expected one of `name`, "),
        "{message}"
    );
}

#[test]
fn an_error_in_a_file_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("engine.toml");
    let shown = path.display();
    let message = || Config::from_file(&path).unwrap_err().to_string();

    assert!(message().starts_with(&format!("{shown}: cannot be read: ")), "{}", message());
    fs::write(&path, FULL).unwrap();
    assert_eq!(Config::from_file(&path).unwrap(), Config::from_toml_str(FULL).unwrap());
    fs::write(&path, "seed = 1\nname = 2\n").unwrap();
    assert_eq!(message(), format!("{shown}: line 2, column 8: invalid type: integer `2`, expected a string"));
    fs::write(&path, "turn_budget = 0\n").unwrap();
    assert_eq!(message(), format!("{shown}: turn_budget = 0: allowed is 1 to 1000000"));
    fs::write(&path, b"seed = 1\n# \xC3\xA9 \xFF\n").unwrap();
    assert_eq!(message(), format!("{shown}: line 2, column 5: the text is not UTF-8"));
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(&vec![b'#'; TEXT_BYTES_MAX + 1]).unwrap();
    assert_eq!(message(), format!("{shown}: the text is longer than 262144 bytes, which is the most allowed"));
    assert!(matches!(
        Config::from_file(directory.path()),
        Err(ConfigError::File { cause, .. }) if matches!(*cause, ConfigError::Unreadable(_))
    ));
}

#[test]
fn the_longest_configuration_fits_its_own_limit() {
    let mut config = Config::from_toml_str(FULL).unwrap();
    config.workers = vec![
        WorkerConfig {
            core: Some(4095),
            wait: Some(WaitStrategy::SpinThenYield),
            spins: Some(1_000_000),
            local_ring_kib: Some(1_048_576),
            local_ring_limit_kib: Some(1_048_576),
            lane_kib: Some(65_536),
            outbox_limit_kib: Some(1_048_576),
            ingress_kib: Some(65_536),
        };
        256
    ];
    let text = config.to_toml_string();
    assert!(text.len() <= TEXT_BYTES_MAX / 2, "{}", text.len());
    assert_eq!(Config::from_toml_str(&text).unwrap(), config);
}

#[test]
fn a_text_built_to_hurt_the_parser_is_refused() {
    let long = |unit: &str| unit.repeat(TEXT_BYTES_MAX / unit.len());
    let hurtful = [
        long("["),
        long("[["),
        long("a."),
        format!("{} = 1", "a.".repeat(100_000) + "a"),
        format!("[{}]", "a.".repeat(100_000) + "a"),
        format!("a = {}", "[".repeat(200_000)),
        format!("a = {}", "{a=".repeat(80_000)),
        format!("workers = [{}]", "{},".repeat(80_000)),
        long("[[workers]]\n"),
        format!("name = \"{}\"\n[[workers]]\n", "\\u0000".repeat(40_000)),
        format!("seed = {}\n", "9".repeat(200_000)),
        long("\"\"\""),
        (0..20_000).map(|n| format!("k{n} = 1\n")).collect(),
    ];
    for text in hurtful {
        assert!(text.len() <= TEXT_BYTES_MAX);
        assert!(Config::from_toml_str(&text).is_err());
    }
    assert!(matches!(Config::from_toml_str(&long("# \n").repeat(2)), Err(ConfigError::TooLong { .. })));
}

#[test]
fn the_names_of_the_wait_strategies_are_those_of_the_file() {
    for wait in [WaitStrategy::BusySpin, WaitStrategy::SpinThenYield, WaitStrategy::SpinThenPark] {
        let config = Config::from_toml_str(&format!("[[workers]]\nwait = \"{wait}\"\n")).unwrap();
        assert_eq!(config.worker(0).unwrap().wait, wait);
        assert_eq!(wait.to_string().parse(), Ok(wait));
    }
    assert_eq!(
        "sleep".parse::<WaitStrategy>().unwrap_err().to_string(),
        "wait strategy \"sleep\": allowed is busy-spin, spin-then-yield or spin-then-park"
    );
}

/// A line that is often almost right.
fn line() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        "(turn_budget|lane_kib|core|wait|name|seed|max_ports|workers|defaults|real_time_priority|stats_socket)",
        "[a-z_.\"]{0,12}",
    ];
    let value = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        (0_u32..2000).prop_map(|n| n.to_string()),
        "\"[ -~é\\\\]{0,12}\"",
        "[-+0-9a-fx_.:TZ'\"{}\\[\\], ]{0,16}",
    ];
    prop_oneof![
        4 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => Just("[[workers]]".to_owned()),
        1 => Just("[defaults]".to_owned()),
        1 => any::<String>(),
    ]
}

/// Whatever the text, it is refused in words or accepted as a configuration that is valid and can be written again.
fn refused_or_valid(text: &str) -> Result<(), TestCaseError> {
    match Config::from_toml_str(text) {
        Ok(config) => {
            prop_assert!(config.validate().is_ok());
            prop_assert_eq!(Config::from_toml_str(&config.to_toml_string()).unwrap(), config);
        }
        Err(ConfigError::Malformed { line, column, message }) => {
            prop_assert!((1..=text.matches('\n').count() + 1).contains(&line));
            prop_assert!(column >= 1 && !message.is_empty());
        }
        Err(error) => prop_assert!(!error.to_string().is_empty()),
    }
    Ok(())
}

#[test]
fn an_error_repeats_little_of_a_long_text_and_no_escapes() {
    let long = "x".repeat(100_000);
    for text in [format!("{long} = 1\n"), format!("pinning = \"{long}\"\n"), format!("defaults.{long} = 1\n")] {
        let error = refusal(&text);
        assert!(error.len() < 1000 && error.contains("xxxx…"), "{error}");
        assert!(error.contains("expected one of `"), "what is allowed is not cut: {error}");
    }
    let error = refusal("\"\\u001B[2J\\n\" = 1\n");
    assert!(error.starts_with("line 1, column 1: unknown field `\\u{1b}[2J\\n`, expected one of `name`"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_refused_or_valid(text in any::<String>()) {
        refused_or_valid(&text)?;
    }

    #[test]
    fn any_lines_are_refused_or_valid(lines in prop::collection::vec(line(), 0..12)) {
        refused_or_valid(&lines.join("\n"))?;
    }

    /// A file with a few of its bytes changed.
    #[test]
    fn a_damaged_file_is_refused_or_valid(damage in prop::collection::vec((0..FULL.len(), any::<u8>()), 1..6)) {
        let mut bytes = FULL.as_bytes().to_vec();
        for (at, byte) in damage {
            bytes[at] = byte;
        }
        refused_or_valid(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn what_is_valid_survives_the_file(
        (budget, actors, ports) in (1_u32..=1_000_000, 1_u32..=1 << 24, 0_u32..=500),
        (seed, priority, flags) in (any::<u64>(), prop::option::of(1_u32..=99), any::<[bool; 3]>()),
        name in "[A-Za-z0-9_-]{1,11}",
        workers in prop::collection::vec((prop::option::of(0_u32..4096), prop::option::of(2_u32..=16)), 1..12),
    ) {
        let mut config = Config {
            name,
            pinning: Pinning::BestEffort,
            turn_budget: budget,
            max_actors: actors,
            max_ports: ports,
            seed,
            real_time_priority: priority,
            histograms: flags[0],
            lock_memory: flags[1],
            huge_pages: flags[2],
            ..Config::default()
        };
        config.workers.extend(workers.into_iter().map(|(core, lane_log2)| WorkerConfig {
            core,
            lane_kib: lane_log2.map(|log2| 1 << log2),
            ..WorkerConfig::default()
        }));
        prop_assert_eq!(Config::from_toml_str(&config.to_toml_string()).unwrap(), config);
    }
}
