//! Trees that say nonsense: each is a clear error, and none a panic or an endless read.

use crate::machine::Machine;
use hippodrome_affinity::{Topology, TopologyError};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const CPU: &str = "sys/devices/system/cpu";

#[test]
fn errors_name_the_file_the_value_and_what_is_expected() {
    let cases = [
        (format!("{CPU}/online"), "0-x\n", r#"core list "0-x": "0-x" is neither a core nor a range"#),
        (format!("{CPU}/online"), "0-4096\n", r#""0-4096" is out of range: core numbers are 0 to 4095"#),
        (format!("{CPU}/possible"), "3-1\n", "runs backwards"),
        (format!("{CPU}/isolated"), "0-1:2\n", "is not supported"),
        (format!("{CPU}/cpu1/topology/physical_package_id"), "two\n", r#""two" is not what it should be: a number"#),
        (format!("{CPU}/cpu1/topology/core_id"), "4294967296\n", r#""4294967296" is not what it should be: a number"#),
        (format!("{CPU}/cpu1/topology/die_id"), "-2\n", r#""-2" is not what it should be: a number"#),
        (format!("{CPU}/cpu1/topology/core_cpus_list"), "0\n", "a list that names the core itself"),
        (format!("{CPU}/cpu1/cache/index3/shared_cpu_list"), "\n", "a list that names the core itself"),
        (format!("{CPU}/cpu0/cache/index3/size"), "1G\n", r#""1G" is not what it should be: a size in KiB"#),
        (format!("{CPU}/cpu0/cache/index3/size"), "18446744073709551615K\n", "a size in KiB"),
        (format!("{CPU}/cpu0/cpu_capacity"), "\n", r#""" is not what it should be: a number"#),
        ("sys/devices/system/node/node1/cpulist".to_owned(), "1\n", "cores that no other node has"),
        ("sys/devices/cpu_core/cpus".to_owned(), "0-\n", r#""0-" is neither"#),
        ("proc/self/status".to_owned(), "Name:\tx\nCpus_allowed_list:\tall\n", r#"core list "all""#),
        ("proc/self/cgroup".to_owned(), "3:cpuset\n", r#""3:cpuset" is not what it should be: lines of "id:contr"#),
        ("proc/self/mountinfo".to_owned(), "31 23 0:28 /\n", r#""31 23 0:28 /" is not what it should be"#),
        ("proc/self/mountinfo".to_owned(), "1 1 0:1 / /a/../.. rw - cgroup cgroup rw,cpuset\n", "without \"..\""),
        ("sys/fs/cgroup/cpuset/cpuset.effective_cpus".to_owned(), "none\n", r#"core list "none""#),
    ];
    for (path, content, expected) in cases {
        let machine = Machine::named("vm-2-cores").with(&path, content);
        let error = machine.try_read().expect_err(&path).to_string();
        let reported = if content.contains("/a/../..") { "proc/self/mountinfo" } else { &path };
        assert!(error.starts_with(&machine.root().join(reported).display().to_string()), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn kinds_that_overlap_are_refused() {
    let machine = Machine::named("hybrid-desktop").with("sys/devices/cpu_atom/cpus", "15-19\n");
    assert!(machine.try_read().unwrap_err().to_string().contains("cores that cpu_core does not list"));
}

#[test]
fn an_empty_tree_names_the_file_that_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let error = Topology::read_from(root.path()).unwrap_err();
    assert!(matches!(&error, TopologyError::NoCores { file } if file.ends_with("sys/devices/system/cpu/online")));
    let machine = Machine::named("container-v1").with(&format!("{CPU}/online"), "\n");
    assert!(matches!(machine.try_read(), Err(TopologyError::NoCores { .. })));
}

#[test]
fn directories_and_endless_files_are_not_read() {
    let path = format!("{CPU}/isolated");
    let machine = Machine::named("vm-2-cores").without(&path).with(&format!("{path}/file"), "");
    let error = machine.try_read().unwrap_err();
    assert!(matches!(error, TopologyError::Io { .. }) && error.to_string().contains("not a regular file"), "{error}");

    let machine = Machine::named("vm-2-cores").with(&path, &"1,".repeat(1 << 20));
    let error = machine.try_read().unwrap_err().to_string();
    assert!(error.contains("the file is too long") && error.len() < 1000, "{error}");
}

#[cfg(unix)]
#[test]
fn devices_and_loops_are_not_followed_for_ever() {
    for target in ["/dev/zero", "isolated"] {
        let path = format!("{CPU}/isolated");
        let machine = Machine::named("vm-2-cores").without(&path);
        std::os::unix::fs::symlink(target, machine.root().join(&path)).unwrap();
        assert!(matches!(machine.try_read(), Err(TopologyError::Io { .. })), "{target}");
    }
}

#[test]
fn a_group_of_an_endless_path_is_refused_in_few_words() {
    let machine = Machine::named("vm-2-cores").with("proc/self/cgroup", &format!("3:cpuset:{}", "/a".repeat(10_000)));
    let error = machine.try_read().unwrap_err().to_string();
    assert!(error.contains("a group whose path has at most 4096 bytes") && error.len() < 1000, "{error}");
}

#[test]
fn node_numbers_are_bounded() {
    for name in ["node1024", "node99999999999", "node00"] {
        let path = format!("sys/devices/system/node/{name}/cpulist");
        let error = Machine::named("vm-2-cores").with(&path, "\n").try_read().unwrap_err().to_string();
        assert!(error.contains(&format!("\"{name}\"")) && error.contains("numbered"), "{error}");
    }
    let machine = Machine::named("vm-2-cores").with("sys/devices/system/node/node_other/cpulist", "x");
    assert_eq!(machine.read().numa_nodes().len(), 1);
}

#[test]
fn a_machine_of_the_largest_size_is_read() {
    let root = tempfile::tempdir().unwrap();
    let cpu = root.path().join(CPU);
    std::fs::create_dir_all(&cpu).unwrap();
    std::fs::write(cpu.join("online"), "0-4095\n").unwrap();
    let topology = Topology::read_from(root.path()).unwrap();
    assert_eq!(topology.physical_cores().len(), 4096);
    assert_eq!(topology.to_string().lines().count(), 2 + 1 + 4096 / 8 + 1);
}

const FILES: [&str; 11] = [
    "sys/devices/system/cpu/online",
    "sys/devices/system/cpu/cpu0/topology/core_cpus_list",
    "sys/devices/system/cpu/cpu0/topology/physical_package_id",
    "sys/devices/system/cpu/cpu0/cache/index0/level",
    "sys/devices/system/cpu/cpu0/cache/index3/shared_cpu_list",
    "sys/devices/system/cpu/cpu0/cache/index3/size",
    "sys/devices/system/cpu/cpu0/cpu_capacity",
    "sys/devices/system/node/node0/cpulist",
    "proc/self/cgroup",
    "proc/self/mountinfo",
    "proc/self/status",
];

/// A file of `FILES`, and what it is made to say.
fn change() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let content = prop_oneof![
        "\\PC{0,40}".prop_map(String::into_bytes),
        "[0-9,:/ K.\n-]{0,40}".prop_map(String::into_bytes),
        "[0-9]{1,3} [0-9] 0:1 /?[.a\\\\0-9/]{0,9} /[.a\\\\0-9/]{0,9} rw - cgroup2? x rw,cpuset"
            .prop_map(String::into_bytes),
        "[0-9]{0,2}:(cpuset)?:/[./a]{0,12}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    (proptest::sample::select(&FILES[..]), content)
}

#[test]
fn hostile_contents_never_panic() {
    let machine = Machine::named("vm-2-cores");
    let good = FILES.map(|file| (file, std::fs::read(machine.root().join(file)).unwrap()));
    let write = |file: &str, content: &[u8]| std::fs::write(machine.root().join(file), content).unwrap();
    let changes = proptest::collection::vec(change(), 1..4);
    let read = |changes: Vec<(&str, Vec<u8>)>| {
        good.iter().for_each(|(file, content)| write(file, content));
        changes.iter().for_each(|(file, content)| write(file, content));
        match machine.try_read() {
            Ok(topology) => {
                prop_assert!(topology.usable().is_subset(topology.online()));
                prop_assert!(!topology.to_string().is_empty());
                let physical: usize = topology.physical_cores().iter().map(|group| group.len()).sum();
                prop_assert_eq!(physical, topology.online().len());
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        Ok(())
    };
    TestRunner::new(ProptestConfig::with_cases(500)).run(&changes, read).unwrap();
}
