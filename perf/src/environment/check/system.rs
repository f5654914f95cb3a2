//! Checks of what all cores share: the clock, the memory, the limits of the process, and the machine itself.

use super::{Check, Environment, Mend, check};
use crate::environment::process::{CpuLimit, Limit};
use crate::environment::words::bytes;

/// A check gives nothing where it does not apply.
pub(super) const CHECKS: &[fn(&Environment) -> Option<Check>] = &[
    |environment| Some(clock_source(environment)),
    |environment| Some(huge_pages(environment)),
    |environment| Some(swap(environment)),
    numa_balancing,
    |environment| Some(cpu_limit(environment)),
    |environment| Some(load(environment)),
    |environment| Some(locked_memory(environment)),
    |environment| Some(realtime_priority(environment)),
    realtime_throttling,
    |environment| Some(mitigations(environment)),
    |environment| Some(virtualisation(environment)),
];

fn clock_source(environment: &Environment) -> Check {
    let check = check("Clock source", "A clock that is no register of the core costs a system call at each reading.");
    let kernel = &environment.kernel;
    let Some(current) = kernel.clock_source.as_deref() else { return check };
    let others: Vec<&str> = kernel.clock_sources.iter().map(String::as_str).filter(|it| *it != current).collect();
    let found = match others.is_empty() {
        true => current.to_owned(),
        false => format!("{current} (others: {})", others.join(", ")),
    };
    // These are read without the kernel's help, the virtual ones with a correction by a page that the host writes.
    let is_fast = matches!(current, "tsc" | "arch_sys_counter" | "riscv_clocksource" | "timebase" | "tod");
    let is_readable = matches!(current, "kvm-clock" | "hyperv_clocksource_tsc_page");
    let take = Mend::run("echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource");
    match others.contains(&"tsc") {
        _ if is_fast => check.good(found),
        true if is_readable => check.could_be_better(found, [take]),
        false if is_readable => check.good(found),
        true => check.bad(found, [take, Mend::boot("tsc=reliable")]),
        false => check.bad(found, tsc_reliable(environment)),
    }
}

/// The kernel has given up the time stamp counter, or has never had one.
fn tsc_reliable(environment: &Environment) -> Vec<Mend> {
    match environment.processor.has_invariant_tsc {
        Some(true) => vec![
            Mend::boot("tsc=reliable"),
            Mend::note("Only if `dmesg | grep -i tsc` shows no skew between the cores."),
        ],
        _ => vec![Mend::note("Other hardware: this processor has no time stamp counter of a constant rate.")],
    }
}

fn huge_pages(environment: &Environment) -> Check {
    let check = check(
        "Transparent huge pages",
        "With `always`, the kernel stops a program at a page fault to make room for a huge page.",
    );
    match environment.memory.transparent_huge_pages.as_deref() {
        Some("always") => check.bad(
            "always",
            [
                Mend::run("echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"),
                Mend::note("The engine asks for huge pages where `huge_pages` is set; `never` leaves it without."),
            ],
        ),
        Some(setting) => check.good(setting),
        None => check,
    }
}

fn swap(environment: &Environment) -> Check {
    let check = check("Swap", "A page that was moved to a disk takes milliseconds to come back.");
    let mend = [Mend::run("swapoff -a")];
    match (environment.memory.swap_bytes, environment.memory.swapped_bytes) {
        (Some(0), _) => check.good("none"),
        (Some(room), Some(used)) if used > 0 => check.bad(format!("{} of {} in use", bytes(used), bytes(room)), mend),
        (Some(room), _) => check.could_be_better(format!("{}, not in use", bytes(room)), mend),
        (None, _) => check,
    }
}

fn numa_balancing(environment: &Environment) -> Option<Check> {
    let check = check("NUMA balancing", "The kernel unmaps pages now and then, to see from which node they are used.");
    // On a single node there is nothing to balance.
    environment.processor.numa_nodes.filter(|nodes| *nodes > 1)?;
    Some(match environment.kernel.has_numa_balancing {
        Some(true) => check.could_be_better("on", [Mend::run("sysctl -w kernel.numa_balancing=0")]),
        Some(false) => check.good("off"),
        None => check,
    })
}

fn cpu_limit(environment: &Environment) -> Check {
    let check =
        check("CPU limit", "A process that has used up its quota sleeps for the rest of the period, often 100 ms.");
    match &environment.process.cpu_limit {
        Some(CpuLimit::Cores { cores, file, lift }) => check.bad(
            format!("{cores:.2} cores, by {file}"),
            [
                Mend::run(format!("echo {lift} > {file}")),
                Mend::note("Of a container: no `--cpus` and no CPU limit, but a cpuset."),
            ],
        ),
        Some(CpuLimit::None) => check.good("none"),
        None => check,
    }
}

fn load(environment: &Environment) -> Check {
    let check = check("Load", "Whoever else runs takes caches, memory bandwidth and, on cores that are open, time.");
    let Some(load) = environment.process.load else { return check };
    let cores = environment.online.len().max(1);
    let found = format!("{load:.2} runnable threads in the last minute, on {cores} cores");
    let mend = [Mend::run("ps -eo pcpu,psr,pid,comm --sort=-pcpu | head"), Mend::note("Stop what is not needed.")];
    match load {
        load if load > cores as f64 => check.bad(found, mend),
        load if load > 0.5 => check.could_be_better(found, mend),
        _ => check.good(found),
    }
}

/// More than any engine's rings are likely to need.
const LOCKED_BYTES_MIN: u64 = 8 << 30;

fn locked_memory(environment: &Environment) -> Check {
    let check = check("Locked memory", "Memory that cannot be locked may be taken away, and costs a page fault later.");
    match environment.process.locked_memory {
        Some(Limit::AtMost(most)) if most < LOCKED_BYTES_MIN => {
            check.could_be_better(format!("at most {}", bytes(most)), limits("memlock unlimited"))
        }
        Some(Limit::AtMost(most)) => check.good(format!("at most {}", bytes(most))),
        Some(Limit::Unlimited) => check.good("unlimited"),
        None => check,
    }
}

fn realtime_priority(environment: &Environment) -> Check {
    let check = check("Real-time priority", "A worker without one waits for whoever else is put on its core.");
    match environment.process.realtime_priority {
        Some(Limit::AtMost(0)) => check.could_be_better("not allowed", limits("rtprio 99")),
        Some(Limit::AtMost(most)) => check.good(format!("up to {most}")),
        Some(Limit::Unlimited) => check.good("allowed"),
        None => check,
    }
}

/// A line for each user, which holds from the next login.
fn limits(limit: &str) -> Vec<Mend> {
    vec![
        Mend::run(format!("echo '* - {limit}' >> /etc/security/limits.d/hippodrome.conf")),
        Mend::note("Log in anew afterwards. In a systemd unit: LimitMEMLOCK=infinity, LimitRTPRIO=99."),
    ]
}

fn realtime_throttling(environment: &Environment) -> Option<Check> {
    let check = check(
        "Real-time throttling",
        "A worker that spins with a real-time priority is stopped for the rest of each period.",
    );
    // It is of no matter to a process that cannot have such a priority.
    environment.process.realtime_priority.filter(|limit| *limit != Limit::AtMost(0))?;
    let (runtime, period) = (environment.kernel.realtime_runtime_us?, environment.kernel.realtime_period_us?);
    if runtime < 0 || runtime >= period {
        return Some(check.good("off"));
    }
    let found =
        format!("{} ms of every {} ms are kept from real-time threads", (period - runtime) / 1000, period / 1000);
    Some(check.could_be_better(found, [Mend::run("sysctl -w kernel.sched_rt_runtime_us=-1")]))
}

fn mitigations(environment: &Environment) -> Check {
    let check = check("Mitigations", "Workarounds for the processor's leaks make system calls and wake-ups slower.");
    match environment.kernel.mitigated.as_deref() {
        Some([]) => check.good("none are at work"),
        Some(mitigated) => check.could_be_better(
            format!("{} at work: {}", mitigated.len(), mitigated.join(", ")),
            [
                Mend::boot("mitigations=off"),
                Mend::note("Only on a machine that runs nobody else's code. Messages make no system calls either way."),
            ],
        ),
        None => check,
    }
}

fn virtualisation(environment: &Environment) -> Check {
    let check =
        check("Virtualisation", "A hypervisor may take a core away at any time, and hides which caches are shared.");
    let (product, stolen) = (environment.kernel.product.as_deref(), environment.kernel.stolen_share);
    match environment.processor.has_hypervisor {
        Some(true) => {
            let product = product.map_or_else(String::new, |product| format!(" ({product})"));
            let stolen = stolen.map_or_else(String::new, |share| {
                format!("; {:.2}% of the time since its start went to others", share * 100.0)
            });
            let mend =
                [Mend::note("Bare metal, or a host that pins each virtual core: `virsh vcpupin DOMAIN VCPU CORE`.")];
            check.could_be_better(format!("a virtual machine{product}{stolen}"), mend)
        }
        Some(false) => check.good(product.map_or_else(|| "none".to_owned(), |product| format!("none ({product})"))),
        None => check,
    }
}
