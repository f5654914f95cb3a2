use std::fs;

use tempfile::TempDir;

use super::*;

/// A directory that looks like the root of a system with these files.
pub(super) fn captured(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let file = root.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    root
}

/// Eight logical cores on four physical ones: core `n` and core `n + 4` share one.
fn cores() -> Vec<(String, String)> {
    let cpu = "sys/devices/system/cpu";
    let mut files = vec![(format!("{cpu}/online"), "0-7\n".to_owned())];
    for core in 0..8 {
        let pair = format!("{},{}\n", core % 4, core % 4 + 4);
        files.push((format!("{cpu}/cpu{core}/topology/thread_siblings_list"), pair));
        files.push((format!("{cpu}/cpu{core}/topology/core_id"), format!("{}\n", core % 4)));
        files.push((format!("{cpu}/cpu{core}/topology/physical_package_id"), "0\n".to_owned()));
    }
    files
}

fn machine(files: &[(&str, &str)]) -> TempDir {
    let cores = cores();
    let mut all: Vec<(&str, &str)> = cores.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    all.extend_from_slice(files);
    captured(&all)
}

const POORLY_SET_UP: &[(&str, &str)] = &[
    ("proc/cpuinfo", "processor\t: 0\nmodel name\t: A Processor <9>\nflags\t\t: constant_tsc nonstop_tsc hypervisor\n"),
    ("proc/version", "Linux version 6.1.0 (x) #1 SMP\n"),
    ("proc/sys/kernel/osrelease", "6.1.0\n"),
    ("proc/cmdline", "quiet transparent_hugepage=always\n"),
    ("proc/stat", "cpu  0 0 0 900 0 0 0 100 0 0\n"),
    ("proc/meminfo", "MemTotal: 1024 kB\nSwapTotal: 2048 kB\nSwapFree: 1024 kB\nHugePages_Total: 0\n"),
    ("proc/loadavg", "9.50 1.00 0.50 2/300 4000\n"),
    ("proc/self/limits", "Max locked memory  65536  65536  bytes\nMax realtime priority  0  0\n"),
    ("proc/self/status", "CapEff:\t0000000000000000\nCpus_allowed_list:\t0-7\n"),
    ("proc/self/cgroup", "0::/\n"),
    ("proc/interrupts", "  CPU0 CPU1\n 9: 3 4 disk\n"),
    ("proc/irq/9/effective_affinity_list", "1\n"),
    ("proc/44/comm", "irqbalance\n"),
    ("boot/config-6.1.0", "CONFIG_HZ=250\n"),
    ("sys/fs/cgroup/cpu.max", "200000 100000\n"),
    ("sys/devices/system/cpu/isolated", "\n"),
    ("sys/devices/system/cpu/nohz_full", "(null)\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
    ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n"),
    ("sys/devices/system/cpu/cpufreq/boost", "1\n"),
    ("sys/devices/system/cpu/cpu0/cpuidle/state2/name", "C6\n"),
    ("sys/devices/system/cpu/cpu0/cpuidle/state2/latency", "133\n"),
    ("sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n"),
    ("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n"),
    ("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm\n"),
    ("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n"),
    ("sys/class/dmi/id/product_name", "Box\n"),
];

const WELL_SET_UP: &[(&str, &str)] = &[
    ("proc/cpuinfo", "processor\t: 0\nmodel name\t: A Processor\nflags\t\t: constant_tsc nonstop_tsc\n"),
    ("proc/version", "Linux version 6.1.0 (x) #1 SMP\n"),
    ("proc/cmdline", "isolcpus=managed_irq,domain,1-3 nohz_full=1-3 rcu_nocbs=1-3 mitigations=off\n"),
    ("proc/meminfo", "SwapTotal: 0 kB\nSwapFree: 0 kB\n"),
    ("proc/loadavg", "0.02 0.00 0.00 1/300 4000\n"),
    ("proc/self/limits", "Max locked memory  unlimited  unlimited  bytes\nMax realtime priority  99  99\n"),
    ("proc/self/status", "CapEff:\t0000000000000000\nCpus_allowed_list:\t0-3\n"),
    ("proc/self/cgroup", "0::/\n"),
    ("proc/sys/kernel/sched_rt_runtime_us", "-1\n"),
    ("proc/sys/kernel/sched_rt_period_us", "1000000\n"),
    ("proc/irq/9/effective_affinity_list", "0\n"),
    ("proc/44/comm", "init\n"),
    ("sys/fs/cgroup/cgroup.procs", "44\n"),
    ("sys/devices/system/cpu/online", "0-3\n"),
    ("sys/devices/system/cpu/isolated", "1-3\n"),
    ("sys/devices/system/cpu/nohz_full", "1-3\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
    ("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n"),
    ("sys/devices/system/cpu/cpu0/cpuidle/state1/name", "C1\n"),
    ("sys/devices/system/cpu/cpu0/cpuidle/state1/latency", "2\n"),
    ("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0\n"),
    ("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1\n"),
    ("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2\n"),
    ("sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "3\n"),
    ("sys/devices/system/cpu/vulnerabilities/meltdown", "Vulnerable\n"),
    ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
    ("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet\n"),
    ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
];

fn read(root: &TempDir) -> Environment {
    Environment::read(root.path(), &CoreSet::new())
}

/// The severity and the mends of one check.
fn of(environment: &Environment, about: &str) -> (Severity, String) {
    let checks = environment.checks();
    let check = checks.iter().find(|check| check.about == about).unwrap();
    let mends: Vec<&str> = check.mend.iter().map(Mend::text).collect();
    (check.severity, mends.join(" | "))
}

#[test]
fn each_thing_that_is_wrong_has_its_mend() {
    let environment = read(&machine(POORLY_SET_UP));
    assert_eq!(environment.workers.to_string(), "1-3,5-7");
    let expected = [
        ("Frequency governor", Severity::Bad, "cpupower frequency-set -g performance"),
        ("Frequency boost", Severity::CouldBeBetter, "echo 0 > /sys/devices/system/cpu/cpufreq/boost"),
        ("Idle states", Severity::CouldBeBetter, "cpupower idle-set -D 10"),
        ("Isolated cores", Severity::Bad, "isolcpus=managed_irq,domain,1-3,5-7"),
        ("Timer tick", Severity::CouldBeBetter, "nohz_full=1-3,5-7"),
        ("RCU callbacks", Severity::CouldBeBetter, "rcu_nocbs=1-3,5-7"),
        ("SMT", Severity::CouldBeBetter, "echo off > /sys/devices/system/cpu/smt/control"),
        ("Interrupts", Severity::CouldBeBetter, "for irq in 9; do echo 0,4 > /proc/irq/$irq/smp_affinity_list; done"),
        ("IRQ balancing", Severity::CouldBeBetter, "systemctl disable --now irqbalance"),
        ("Clock source", Severity::Bad, "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource"),
        ("Transparent huge pages", Severity::Bad, "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"),
        ("Swap", Severity::Bad, "swapoff -a"),
        ("CPU limit", Severity::Bad, "echo max > /sys/fs/cgroup/cpu.max"),
        ("Load", Severity::Bad, "ps -eo pcpu,psr,pid,comm --sort=-pcpu | head"),
        (
            "Locked memory",
            Severity::CouldBeBetter,
            "echo '* - memlock unlimited' >> /etc/security/limits.d/hippodrome.conf",
        ),
        (
            "Real-time priority",
            Severity::CouldBeBetter,
            "echo '* - rtprio 99' >> /etc/security/limits.d/hippodrome.conf",
        ),
        ("Mitigations", Severity::CouldBeBetter, "mitigations=off"),
        ("Virtualisation", Severity::CouldBeBetter, "Bare metal"),
    ];
    for (about, severity, mend) in expected {
        let (found, mends) = of(&environment, about);
        assert_eq!(found, severity, "{about}");
        assert!(mends.starts_with(mend), "{about}: {mends}");
    }
    // Nothing else was checked, and the worst come first.
    let checks = environment.checks();
    assert_eq!(checks.len(), expected.len());
    assert!(checks.is_sorted_by_key(|check| check.severity));
    assert_eq!(environment.verdict(), "7 are bad, 11 could be better.");
}

#[test]
fn a_machine_that_is_set_up_well_is_told_so() {
    let environment = read(&machine(WELL_SET_UP));
    let checks = environment.checks();
    let worse: Vec<_> = checks.iter().filter(|check| check.severity != Severity::Good).collect();
    assert!(worse.is_empty(), "{worse:?}");
    assert!(checks.iter().all(|check| check.mend.is_empty()));
    assert!(environment.to_string().contains("For low latency, all is good.\n"));
}

#[test]
fn what_cannot_be_read_is_unknown_and_nothing_fails() {
    let environment = read(&captured(&[]));
    for check in environment.checks() {
        assert_eq!((check.severity, check.mend.len()), (Severity::Unknown, 0), "{}: {}", check.about, check.found);
    }
    for section in environment.sections() {
        for (name, value) in section.facts {
            assert!(value == "unknown" || name == "Workers' cores", "{name}: {value}");
        }
    }
    assert!(environment.to_string().contains("For low latency, nothing could be read.\n"));
    let environment = read(&captured(&[("sys/kernel/mm/transparent_hugepage/enabled", "[never]")]));
    assert!(environment.verdict().starts_with("all is good ("), "{}", environment.verdict());
}

#[test]
fn nonsense_is_as_good_as_nothing() {
    let nonsense: Vec<(&str, &str)> = POORLY_SET_UP.iter().map(|(path, _)| (*path, "\u{0}-9 \u{fffd} :: =")).collect();
    let environment = read(&machine(&nonsense));
    assert!(!environment.to_string().is_empty());
    let text = serde_json::to_string(&environment).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
}

#[test]
fn a_single_core_cannot_be_isolated() {
    let root = captured(&[
        ("sys/devices/system/cpu/online", "0\n"),
        ("sys/devices/system/cpu/isolated", "\n"),
        ("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0\n"),
    ]);
    let environment = read(&root);
    let (severity, mends) = of(&environment, "Isolated cores");
    assert_eq!(severity, Severity::Bad);
    assert_eq!(mends, "A machine with more physical cores: one is needed for the system itself.");
}

#[test]
fn the_first_physical_core_is_left_to_the_system() {
    let environment = Environment::read(machine(POORLY_SET_UP).path(), &"0-1".parse().unwrap());
    let (_, mends) = of(&environment, "Isolated cores");
    assert_eq!(mends, "isolcpus=managed_irq,domain,1 | Leave core 0 to the system, and place no worker there.");
    // The workers' siblings are idle: it is they who should be offline.
    let (_, mends) = of(&environment, "SMT");
    assert_eq!(mends, "echo 0 > /sys/devices/system/cpu/cpu4/online; echo 0 > /sys/devices/system/cpu/cpu5/online");
}

#[test]
fn a_clock_that_the_kernel_gave_up_needs_a_parameter() {
    let with = |current: &str, available: &str| {
        let root = machine(&[
            ("proc/cpuinfo", "flags\t: constant_tsc nonstop_tsc\n"),
            ("sys/devices/system/clocksource/clocksource0/current_clocksource", current),
            ("sys/devices/system/clocksource/clocksource0/available_clocksource", available),
        ]);
        let (severity, mends) = of(&read(&root), "Clock source");
        (severity, mends.split(" | ").next().unwrap_or_default().to_owned())
    };
    assert_eq!(with("hpet", "hpet acpi_pm"), (Severity::Bad, "tsc=reliable".to_owned()));
    assert_eq!(with("kvm-clock", "kvm-clock"), (Severity::Good, String::new()));
    assert_eq!(with("kvm-clock", "kvm-clock tsc").0, Severity::CouldBeBetter);
    assert_eq!(with("tsc", "tsc kvm-clock").0, Severity::Good);
}

#[test]
fn a_driver_that_is_quick_makes_a_slow_governor_less_bad() {
    let with = |driver: &str, governor: &str| {
        let root = machine(&[
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", driver),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor),
        ]);
        of(&read(&root), "Frequency governor").0
    };
    assert_eq!(with("intel_pstate", "powersave"), Severity::CouldBeBetter);
    assert_eq!(with("acpi-cpufreq", "powersave"), Severity::Bad);
    assert_eq!(with("acpi-cpufreq", "schedutil"), Severity::CouldBeBetter);
    assert_eq!(with("acpi-cpufreq", "performance"), Severity::Good);
}

#[test]
fn memory_is_balanced_between_nodes_only() {
    let balancing = ("proc/sys/kernel/numa_balancing", "1\n");
    let nodes = [
        balancing,
        ("sys/devices/system/node/online", "0-1\n"),
        ("sys/devices/system/node/node0/cpulist", "0-3\n"),
        ("sys/devices/system/node/node1/cpulist", "4-7\n"),
    ];
    assert_eq!(of(&read(&machine(&nodes)), "NUMA balancing").0, Severity::CouldBeBetter);
    assert!(read(&machine(&[balancing])).checks().iter().all(|check| check.about != "NUMA balancing"));
}

#[test]
fn a_real_time_worker_is_throttled_unless_the_limit_is_lifted() {
    let with = |runtime: &str| {
        let root = machine(&[
            ("proc/self/limits", "Max realtime priority  99  99\n"),
            ("proc/sys/kernel/sched_rt_runtime_us", runtime),
            ("proc/sys/kernel/sched_rt_period_us", "1000000\n"),
        ]);
        of(&read(&root), "Real-time throttling")
    };
    assert_eq!(with("950000"), (Severity::CouldBeBetter, "sysctl -w kernel.sched_rt_runtime_us=-1".to_owned()));
    assert_eq!(with("-1"), (Severity::Good, String::new()));
}

#[test]
fn the_json_has_what_the_text_has() {
    let environment = read(&machine(POORLY_SET_UP));
    let json = serde_json::to_value(&environment).unwrap();
    assert_eq!(json["processor"]["model"], "A Processor <9>");
    assert_eq!(json["processor"]["governors"]["powersave"], "0");
    assert_eq!(json["kernel"]["tick_hz"], 250);
    assert_eq!(json["kernel"]["nohz_full"], "");
    assert_eq!(json["kernel"]["stolen_share"], 0.1);
    assert_eq!(json["memory"]["swapped_bytes"], 1 << 20);
    assert_eq!(json["interrupts"]["on_workers"], serde_json::json!([9]));
    assert_eq!(json["process"]["locked_memory"]["at_most"], 65536);
    assert_eq!(json["process"]["cpu_limit"]["cores"]["cores"], 2.0);
    assert_eq!(json["workers"], "1-3,5-7");
}

#[test]
fn this_machine_can_be_read() {
    let environment = Environment::read(Path::new("/"), &CoreSet::new());
    assert!(environment.to_string().lines().count() > 30);
}
