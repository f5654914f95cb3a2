//! Seven machines, read from their trees.

use crate::machine::{Machine, core};
use hippodrome_affinity::{CoreKind, CoreSet, PinError, Topology, Unknown};

fn list(cores: Option<&CoreSet>) -> String {
    cores.map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

fn domains(topology: &Topology) -> Vec<String> {
    topology.l3_domains().iter().map(|domain| domain.cores.to_string()).collect()
}

fn nodes(topology: &Topology) -> Vec<(u32, String)> {
    topology.numa_nodes().iter().map(|node| (node.id, node.cores.to_string())).collect()
}

fn packages(topology: &Topology) -> Vec<(u32, String)> {
    topology.packages().iter().map(|package| (package.id, package.cores.to_string())).collect()
}

fn physical(topology: &Topology) -> Vec<String> {
    topology.physical_cores().iter().map(ToString::to_string).collect()
}

#[test]
fn a_virtual_machine_with_two_cores() {
    let topology = Machine::named("vm-2-cores").read();
    assert_eq!(topology.online().to_string(), "0-1");
    assert_eq!(list(topology.possible()), "0-1");
    assert_eq!(list(topology.isolated()), "");
    assert_eq!(list(topology.nohz_full()), "unknown");
    assert_eq!(list(topology.allowed()), "0-1");
    assert_eq!(list(topology.cgroup()), "0-1");
    assert_eq!(physical(&topology), ["0", "1"]);
    assert_eq!(topology.shares_l3(core(0), core(1)), Some(true));
    assert_eq!(topology.l3_domain(core(1)).unwrap().size_bytes, Some(105 << 20));
    // All cores have the same capacity, so there are no kinds to tell apart, and that is known.
    assert_eq!(topology.core(core(0)).unwrap().capacity, Some(1024));
    assert_eq!(topology.core(core(0)).unwrap().kind, None);
    assert_eq!(topology.unknowns(), [Unknown::NohzFull]);
    assert_eq!(
        topology.to_string(),
        "2 logical cores on 2 physical cores, 1 package, 1 NUMA node, 1 L3 domain\n\
         usable: 0-1\n\
         package 0\n\
         \x20 L3 105 MiB, node 0: 0 1\n\
         unknown: cores without a tick\n"
    );
}

#[test]
fn two_sockets_with_smt_and_isolated_cores() {
    let topology = Machine::named("xeon-2-sockets").read();
    let halves = ["0-7,16-23".to_owned(), "8-15,24-31".to_owned()];
    assert_eq!(packages(&topology), [(0, halves[0].clone()), (1, halves[1].clone())]);
    assert_eq!(nodes(&topology), [(0, halves[0].clone()), (1, halves[1].clone())]);
    assert_eq!(domains(&topology), halves);
    assert_eq!(list(topology.smt_siblings(core(19))), "3,19");
    assert_eq!((topology.package(core(15)), topology.numa_node(core(24))), (Some(1), Some(1)));
    assert_eq!(topology.shares_l3(core(0), core(23)), Some(true));
    assert_eq!(topology.shares_l3(core(7), core(8)), Some(false));
    // The hardware counts the cores of each socket from zero; the siblings keep them apart.
    assert_eq!(topology.core(core(9)).unwrap().physical, Some(1));
    assert_eq!(topology.one_per_physical_core(topology.online()).to_string(), "0-15");
    assert_eq!(topology.one_per_physical_core(&"3,19-21,4".parse().unwrap()).to_string(), "3-4,21");
    assert_eq!(list(topology.isolated()), "4-7,20-23");
    assert_eq!(list(topology.nohz_full()), "4-7,20-23");
    // The service's group has no cpuset controller, nor has the slice: the cpuset is that of the root.
    assert_eq!(list(topology.cgroup()), "0-31");
    assert_eq!(
        topology.to_string(),
        "32 logical cores on 16 physical cores, 2 packages, 2 NUMA nodes, 2 L3 domains\n\
         usable: 0-31\n\
         package 0\n\
         \x20 L3 11 MiB, node 0: 0+16 1+17 2+18 3+19 4*+20* 5*+21* 6*+22* 7*+23*\n\
         package 1\n\
         \x20 L3 11 MiB, node 1: 8+24 9+25 10+26 11+27 12+28 13+29 14+30 15+31\n\
         marks: * isolated\n\
         unknown: kinds of cores\n"
    );
}

#[test]
fn many_level_3_caches_in_one_package() {
    let topology = Machine::named("epyc-8-complexes").read();
    assert_eq!((topology.online().len(), topology.physical_cores().len()), (128, 64));
    let expected: Vec<_> = (0..8).map(|d| format!("{}-{},{}-{}", 8 * d, 8 * d + 7, 64 + 8 * d, 71 + 8 * d)).collect();
    assert_eq!(domains(&topology), expected);
    assert!(topology.l3_domains().iter().all(|domain| domain.size_bytes == Some(32 << 20)));
    assert_eq!(topology.numa_nodes().len(), 4);
    assert_eq!(topology.shares_l3(core(7), core(71)), Some(true));
    assert_eq!(topology.shares_l3(core(7), core(8)), Some(false));
    assert_eq!(topology.numa_node(core(8)), topology.numa_node(core(7)));
    // The scope and the user's slice have no cpuset; that of all users is the nearest above.
    assert_eq!(list(topology.cgroup()), "1-63,65-127");
    assert_eq!(topology.usable().to_string(), "1-63,65-127");
    let table = topology.to_string();
    assert!(table.contains("  L3 32 MiB, node 0: 0!+64! 1+65 2+66"), "{table}");
    assert!(table.contains("  L3 32 MiB, node 3: 56+120 57+121"), "{table}");
    assert!(table.contains("marks: ! not usable\n"), "{table}");
    assert_eq!(table.lines().count(), 2 + 1 + 8 + 2, "{table}");
}

#[test]
fn a_desktop_with_two_kinds_of_cores() {
    let topology = Machine::named("hybrid-desktop").read();
    let of_kind = |kind: CoreKind| -> CoreSet {
        topology.cores().iter().filter(|core| core.kind == Some(kind)).map(|core| core.id).collect()
    };
    assert_eq!(of_kind(CoreKind::Performance).to_string(), "0-15");
    assert_eq!(of_kind(CoreKind::Efficiency).to_string(), "16-19");
    assert_eq!(list(topology.smt_siblings(core(15))), "14-15");
    assert_eq!(list(topology.smt_siblings(core(16))), "16");
    // The level-2 cache that the economical cores share is not taken for one of level 3.
    assert_eq!(domains(&topology), ["0-19"]);
    assert_eq!(list(topology.nohz_full()), "");
    assert_eq!(topology.unknowns(), []);
    assert_eq!(
        topology.to_string(),
        "20 logical cores on 12 physical cores, 1 package, 1 NUMA node, 1 L3 domain\n\
         usable: 0-19\n\
         package 0\n\
         \x20 L3 25 MiB, node 0: 0+1 2+3 4+5 6+7 8+9 10+11 12+13 14+15\n\
         \x20                    16e 17e 18e 19e\n\
         marks: e efficiency core\n"
    );
}

#[test]
fn a_container_that_may_use_a_part_of_its_machine() {
    let topology = Machine::named("container-v2").read();
    assert_eq!(topology.online().to_string(), "0-7");
    assert_eq!(list(topology.cgroup()), "2-3,6-7");
    assert_eq!(list(topology.allowed()), "0,2,6");
    assert_eq!(topology.usable().to_string(), "2,6");
    assert_eq!(topology.one_per_physical_core(&topology.usable()).to_string(), "2");

    assert!(topology.check(core(6)).is_ok());
    // Allowed by the mask and not by the cgroup; by the cgroup and not by the mask; not there at all.
    for refused in [0, 3] {
        let error = topology.check(core(refused)).unwrap_err();
        assert!(matches!(error, PinError::NotAllowed { .. }), "{error}");
        assert!(error.to_string().ends_with("the cores that may be used are 2,6"), "{error}");
    }
    let error = topology.check(core(8)).unwrap_err();
    assert_eq!(error.to_string(), "core 8 does not exist or is offline; the cores that may be used are 2,6");

    let nowhere = topology.clone().with_allowed(CoreSet::new());
    assert!(nowhere.check(core(2)).unwrap_err().to_string().ends_with("the cores that may be used are none"));
    assert!(nowhere.to_string().contains("usable: none\n"));
    let topology = topology.with_allowed("0-7".parse().unwrap());
    assert_eq!(topology.usable().to_string(), "2-3,6-7");
}

#[test]
fn a_container_without_a_namespace_of_its_own() {
    let topology = Machine::named("container-v1").read();
    assert_eq!(list(topology.cgroup()), "4-5");
    assert_eq!(list(topology.allowed()), "unknown");
    assert_eq!(topology.usable().to_string(), "4-5");
    // The siblings stand in the file of the older name.
    assert_eq!(list(topology.smt_siblings(core(1))), "1,5");
    assert_eq!(topology.core(core(1)).unwrap().die, None);
    assert!(topology.unknowns().contains(&Unknown::Allowed));
}

#[test]
fn a_board_that_tells_little() {
    let topology = Machine::named("arm-big-little").read();
    let kinds: Vec<_> = topology.cores().iter().map(|core| core.kind == Some(CoreKind::Performance)).collect();
    assert_eq!(kinds, [false, true, true, false, false]);
    assert_eq!((topology.package(core(0)), topology.numa_node(core(0))), (None, None));
    assert_eq!(topology.shares_l3(core(0), core(1)), None);
    // A core that is offline is not there.
    assert_eq!(list(topology.possible()), "0-5");
    assert!(topology.core(core(5)).is_none() && topology.check(core(5)).is_err());
    assert_eq!(topology.usable().to_string(), "0-4");
    assert_eq!(
        topology.to_string(),
        "5 logical cores on 5 physical cores\n\
         usable: 0-4\n\
         package unknown\n\
         \x20 L3 unknown: 0e 1 2 3e 4e\n\
         marks: e efficiency core\n\
         unknown: packages, NUMA nodes, level-3 caches, isolated cores, cores without a tick, \
         the process's affinity mask, the cgroup's cpuset\n"
    );
}

#[test]
fn without_mounts_the_conventional_places_are_tried() {
    let machine = Machine::named("container-v2").without("proc/self/mountinfo");
    assert_eq!(list(machine.read().cgroup()), "2-3,6-7");
    let machine = Machine::named("vm-2-cores").without("proc/self/mountinfo");
    assert_eq!(list(machine.with("sys/fs/cgroup/cpuset/cpuset.effective_cpus", "1\n").read().cgroup()), "1");
    // Version 1 before it told the effective cpuset.
    let machine = Machine::named("vm-2-cores").without("sys/fs/cgroup/cpuset/cpuset.effective_cpus");
    assert_eq!(list(machine.with("sys/fs/cgroup/cpuset/cpuset.cpus", "0\n").read().cgroup()), "0");
}

#[test]
fn a_group_that_cannot_be_seen_is_unknown() {
    for group in ["0::/../../elsewhere\n", ""] {
        let machine = Machine::named("container-v2").with("proc/self/cgroup", group);
        assert_eq!(list(machine.read().cgroup()), "unknown", "{group:?}");
    }
    let machine = Machine::named("container-v2").without("sys/fs/cgroup");
    assert_eq!(list(machine.read().cgroup()), "unknown");
}

#[test]
fn where_nothing_tells_the_online_cores_the_mask_does() {
    let machine = Machine::named("container-v2").without("sys");
    assert_eq!(machine.read().online().to_string(), "0,2,6");
}
