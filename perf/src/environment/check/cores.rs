//! Checks of the cores: their frequency, their sleep, and who else may run on them.

use hippodrome_affinity::CoreSet;

use super::{Check, Environment, Mend, check, cores_in_words};

/// A check gives nothing where it does not apply.
pub(super) const CHECKS: &[fn(&Environment) -> Option<Check>] = &[
    |environment| Some(governor(environment)),
    |environment| Some(boost(environment)),
    |environment| Some(idle_states(environment)),
    |environment| Some(isolation(environment)),
    |environment| Some(tick(environment)),
    |environment| Some(callbacks(environment)),
    |environment| Some(smt(environment)),
    |environment| Some(interrupts(environment)),
    |environment| Some(balancing(environment)),
];

fn governor(environment: &Environment) -> Check {
    let check = check("Frequency governor", "A core that slows down when idle handles its first messages slowly.");
    let governors = &environment.processor.governors;
    if governors.is_empty() {
        return match environment.processor.has_hypervisor {
            Some(true) => Check { found: "the hypervisor's host decides".to_owned(), ..check },
            _ => check,
        };
    }
    let found: Vec<String> =
        governors.iter().map(|(governor, cores)| format!("{governor} on {}", cores_in_words(cores))).collect();
    let found = found.join(", ");
    let mend = [Mend::run("cpupower frequency-set -g performance")];
    // With these drivers the hardware chooses the frequency, and goes up within microseconds whatever the governor is.
    let driver = environment.processor.frequency_driver.as_deref();
    let is_quick = matches!(driver, Some("intel_pstate" | "amd-pstate-epp"));
    match governors.keys().all(|governor| governor == "performance") {
        true => check.good(found),
        false if is_quick || governors.keys().all(|it| it == "schedutil" || it == "performance") => {
            check.could_be_better(found, mend)
        }
        false => check.bad(found, mend),
    }
}

fn boost(environment: &Environment) -> Check {
    let check = check(
        "Frequency boost",
        "A boosted frequency falls with heat and with the neighbours' load, so that figures vary.",
    );
    match environment.processor.boost {
        Some(boost) if boost.is_on => check.could_be_better(
            "on",
            [Mend::run(boost.off), Mend::note("Off for figures that compare; on for the least latency, if it lasts.")],
        ),
        Some(_) => check.good("off"),
        None => check,
    }
}

/// Above this, waking up costs more than the futex call that does it.
const EXIT_LATENCY_US_MAX: u64 = 10;

fn idle_states(environment: &Environment) -> Check {
    let check = check("Idle states", "A core that sleeps deeply takes long to wake up a parked worker.");
    match &environment.processor.deepest_idle {
        Some(state) => {
            let found = format!("the deepest is {}, left within {} µs", state.name, state.exit_latency_us);
            if state.exit_latency_us <= EXIT_LATENCY_US_MAX {
                return check.good(found);
            }
            let mend = [
                Mend::run(format!("cpupower idle-set -D {EXIT_LATENCY_US_MAX}")),
                Mend::note("A worker that busy-spins never sleeps and needs none of this."),
            ];
            check.could_be_better(found, mend)
        }
        None => check,
    }
}

/// What is to be isolated: the workers' cores, but for the physical core that is left to the system.
fn isolatable(environment: &Environment) -> CoreSet {
    environment.workers.difference(&environment.housekeeping)
}

/// The mend of what only a parameter for some cores can mend.
fn boot(environment: &Environment, parameters: impl Fn(&CoreSet) -> String) -> Vec<Mend> {
    let cores = isolatable(environment);
    if cores.is_empty() {
        return vec![Mend::note("A machine with more physical cores: one is needed for the system itself.")];
    }
    let mut mend = vec![Mend::boot(parameters(&cores))];
    let left = environment.workers.difference(&cores);
    if !left.is_empty() {
        mend.push(Mend::note(format!("Leave {} to the system, and place no worker there.", cores_in_words(&left))));
    }
    mend
}

fn isolation(environment: &Environment) -> Check {
    let check = check("Isolated cores", "The scheduler puts other threads on a worker's core, for milliseconds each.");
    let Some(isolated) = &environment.kernel.isolated else { return check };
    let open = environment.workers.difference(isolated);
    if open.is_empty() {
        return check.good(format!("{} of the workers", cores_in_words(&environment.workers)));
    }
    let found = format!("the workers' {} may run other threads", cores_in_words(&open));
    check.bad(found, boot(environment, |cores| format!("isolcpus=managed_irq,domain,{cores}")))
}

fn tick(environment: &Environment) -> Check {
    let check = check("Timer tick", "Every tick interrupts the worker for some microseconds.");
    let kernel = &environment.kernel;
    if environment.workers.is_empty() {
        return check;
    }
    let often = kernel.tick_hz.map_or_else(|| "at an unknown rate".to_owned(), |hz| format!("{hz} times a second"));
    let ticking = environment.workers.difference(kernel.nohz_full.as_ref().unwrap_or(&CoreSet::new()));
    if ticking.is_empty() {
        return check.good("stopped on the workers' cores while they run one thread");
    }
    let found = format!("the workers' {} are interrupted {often}", cores_in_words(&ticking));
    let found = if ticking.len() == 1 { found.replace(" are ", " is ") } else { found };
    match kernel.can_stop_tick {
        Some(true) => check.could_be_better(found, boot(environment, |cores| format!("nohz_full={cores}"))),
        Some(false) => {
            let kernel = Mend::note("This kernel cannot stop it: one that is built with CONFIG_NO_HZ_FULL is needed.");
            let mut mend = vec![kernel];
            mend.extend(boot(environment, |cores| format!("nohz_full={cores}")));
            check.could_be_better(found, mend)
        }
        None => check,
    }
}

fn callbacks(environment: &Environment) -> Check {
    let check = check("RCU callbacks", "The kernel frees its old data on whichever core let go of it, a worker's too.");
    let Some(offloaded) = &environment.kernel.rcu_nocbs else { return check };
    let open = environment.workers.difference(offloaded);
    if open.is_empty() {
        return check.good("run on other cores than the workers'");
    }
    let found = format!("run on the workers' {}", cores_in_words(&open));
    check.could_be_better(found, boot(environment, |cores| format!("rcu_nocbs={cores}")))
}

fn smt(environment: &Environment) -> Check {
    let check = check("SMT", "Two threads on one physical core share its pipeline and its nearest caches.");
    match environment.processor.has_smt {
        Some(true) if environment.crowded.is_empty() => {
            check.good("on, but each worker has a physical core for itself")
        }
        Some(true) => {
            let others = environment.siblings.difference(&environment.workers);
            let siblings = if others.is_empty() { &environment.crowded } else { &others };
            let off: Vec<String> = siblings
                .iter()
                .map(|core| format!("echo 0 > /sys/devices/system/cpu/cpu{}/online", core.index()))
                .collect();
            let found = format!("on: {} share physical cores with others", cores_in_words(&environment.crowded));
            let mend = match others.is_empty() {
                true => vec![Mend::run("echo off > /sys/devices/system/cpu/smt/control")],
                false if off.len() <= 8 => vec![Mend::run(off.join("; "))],
                false => vec![Mend::run("echo off > /sys/devices/system/cpu/smt/control"), Mend::boot("nosmt")],
            };
            check.could_be_better(found, mend)
        }
        Some(false) => check.good("off"),
        None => check,
    }
}

fn interrupts(environment: &Environment) -> Check {
    let check = check("Interrupts", "A device's interrupt takes a worker's core for some microseconds.");
    let Some(interrupts) = &environment.interrupts.on_workers else { return check };
    if interrupts.is_empty() {
        return check.good("no device interrupts the workers' cores");
    }
    let numbers: Vec<String> = interrupts.iter().map(u32::to_string).collect();
    let found = match numbers.len() {
        1 => format!("interrupt {} comes to the workers' cores", numbers[0]),
        many if many <= 12 => format!("interrupts {} come to the workers' cores", numbers.join(", ")),
        many => format!("{many} interrupts come to the workers' cores"),
    };
    let elsewhere = environment.online.difference(&environment.workers);
    if elsewhere.is_empty() {
        return check
            .could_be_better(found, [Mend::note("Workers on fewer cores: the interrupts need one of their own.")]);
    }
    let mend = [
        Mend::run(format!(
            "for irq in {}; do echo {elsewhere} > /proc/irq/$irq/smp_affinity_list; done",
            numbers.join(" ")
        )),
        Mend::boot(format!("irqaffinity={elsewhere}")),
    ];
    check.could_be_better(found, mend)
}

fn balancing(environment: &Environment) -> Check {
    let check = check("IRQ balancing", "irqbalance moves interrupts to cores that look idle, a parked worker's too.");
    let is_isolated =
        environment.kernel.isolated.as_ref().is_some_and(|isolated| environment.workers.is_subset(isolated));
    match environment.interrupts.is_balanced {
        Some(true) if is_isolated => check.good("irqbalance runs, and leaves isolated cores alone"),
        Some(true) => check.could_be_better("irqbalance runs", [Mend::run("systemctl disable --now irqbalance")]),
        Some(false) => check.good("irqbalance does not run"),
        None => check,
    }
}
