//! The kernel: its version, how it was started, its clock and its tick, and the machine that it believes to run on.

use hippodrome_affinity::{CoreSet, Topology};
use serde::Serialize;

use super::tree::Tree;

/// The parameters that matter to low latency, of which a name may end the list of a longer one: `idle`.
const FLAGS: [&str; 26] = [
    "amd_pstate",
    "audit",
    "clocksource",
    "cpufreq.default_governor",
    "default_hugepagesz",
    "hugepages",
    "hugepagesz",
    "idle",
    "intel_idle.max_cstate",
    "intel_pstate",
    "irqaffinity",
    "isolcpus",
    "mitigations",
    "nmi_watchdog",
    "nohz",
    "nohz_full",
    "nosmt",
    "nosoftlockup",
    "nowatchdog",
    "preempt",
    "processor.max_cstate",
    "rcu_nocb_poll",
    "rcu_nocbs",
    "skew_tick",
    "transparent_hugepage",
    "tsc",
];

/// What is known of the kernel.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Kernel {
    /// `6.1.0-18-amd64`.
    pub(crate) release: Option<String>,
    /// Whether it is built for real time.
    pub(crate) is_realtime: Option<bool>,
    /// The parameters of its command line that matter here.
    pub(crate) flags: Option<Vec<String>>,
    /// What measures time.
    pub(crate) clock_source: Option<String>,
    /// What could measure it.
    pub(crate) clock_sources: Vec<String>,
    /// Ticks per second on a core that has them.
    pub(crate) tick_hz: Option<u32>,
    /// The cores that no unpinned thread runs on.
    #[serde(serialize_with = "super::text")]
    pub(crate) isolated: Option<CoreSet>,
    /// Whether the kernel can stop the tick of a core that runs one thread.
    pub(crate) can_stop_tick: Option<bool>,
    /// The cores whose tick is stopped.
    #[serde(serialize_with = "super::text")]
    pub(crate) nohz_full: Option<CoreSet>,
    /// The cores whose RCU callbacks run elsewhere.
    #[serde(serialize_with = "super::text")]
    pub(crate) rcu_nocbs: Option<CoreSet>,
    /// The vulnerabilities that the kernel works around.
    pub(crate) mitigated: Option<Vec<String>>,
    /// The name of the machine.
    pub(crate) product: Option<String>,
    /// The share of time that the hypervisor gave to others since the start.
    pub(crate) stolen_share: Option<f64>,
    /// The microseconds of every period that real-time threads may run; -1 for no limit.
    pub(crate) realtime_runtime_us: Option<i64>,
    /// The period that they are counted in.
    pub(crate) realtime_period_us: Option<i64>,
    /// Whether the kernel unmaps pages to see who uses them.
    pub(crate) has_numa_balancing: Option<bool>,
}

impl Kernel {
    pub(super) fn read(tree: Tree<'_>, topology: Option<&Topology>) -> Self {
        let release = tree.text("proc/sys/kernel/osrelease");
        let command_line = tree.text("proc/cmdline");
        let cpu = "sys/devices/system/cpu";
        // The file is there if, and only if, the kernel is built with CONFIG_NO_HZ_FULL.
        let nohz_full = tree.cores(&format!("{cpu}/nohz_full"));
        let clock = "sys/devices/system/clocksource/clocksource0";
        let is_linux = tree.text("proc/version").or_else(|| release.clone()).is_some();
        Self {
            is_realtime: is_linux.then(|| tree.number::<u32>("sys/kernel/realtime") == Some(1)),
            flags: command_line.as_deref().map(flags),
            clock_source: tree.text(&format!("{clock}/current_clocksource")),
            clock_sources: words(tree.text(&format!("{clock}/available_clocksource"))),
            tick_hz: release.as_deref().and_then(|release| tick_hz(tree, release)),
            isolated: tree
                .cores(&format!("{cpu}/isolated"))
                .or_else(|| topology.and_then(|topology| topology.isolated().cloned())),
            can_stop_tick: topology.map(|_| nohz_full.is_some()),
            rcu_nocbs: command_line.as_deref().map(|line| rcu_nocbs(line, nohz_full.as_ref())),
            nohz_full,
            mitigated: mitigated(tree),
            product: product(tree),
            stolen_share: tree.text("proc/stat").as_deref().and_then(stolen_share),
            realtime_runtime_us: tree.number("proc/sys/kernel/sched_rt_runtime_us"),
            realtime_period_us: tree.number("proc/sys/kernel/sched_rt_period_us"),
            has_numa_balancing: tree.number::<u32>("proc/sys/kernel/numa_balancing").map(|value| value != 0),
            release,
        }
    }
}

fn words(text: Option<String>) -> Vec<String> {
    text.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn flags(command_line: &str) -> Vec<String> {
    let name = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
    command_line
        .split_whitespace()
        // What follows is for the first process.
        .take_while(|word| *word != "--")
        .filter(|word| FLAGS.contains(&name(word).as_str()))
        .map(str::to_owned)
        .collect()
}

/// The cores of the parameter, and those of `nohz_full`, which implies it.
fn rcu_nocbs(command_line: &str, nohz_full: Option<&CoreSet>) -> CoreSet {
    let given = command_line.split_whitespace().find_map(|word| word.strip_prefix("rcu_nocbs=")?.parse().ok());
    let given: CoreSet = given.unwrap_or_default();
    nohz_full.map_or(given.clone(), |nohz_full| given.union(nohz_full))
}

/// The kernel's configuration is a file of the distribution; `proc/config.gz` is compressed and not read.
fn tick_hz(tree: Tree<'_>, release: &str) -> Option<u32> {
    if release.contains('/') {
        return None;
    }
    let places = [format!("boot/config-{release}"), format!("lib/modules/{release}/config")];
    let config = places.iter().find_map(|place| tree.text(place))?;
    config.lines().find_map(|line| line.strip_prefix("CONFIG_HZ=")?.parse().ok())
}

fn mitigated(tree: Tree<'_>) -> Option<Vec<String>> {
    let directory = "sys/devices/system/cpu/vulnerabilities";
    let names = tree.names(directory);
    let is_mitigated =
        |name: &String| tree.text(&format!("{directory}/{name}")).is_some_and(|state| state.contains("Mitigation"));
    (!names.is_empty()).then(|| names.into_iter().filter(is_mitigated).collect())
}

fn product(tree: Tree<'_>) -> Option<String> {
    let id = |name: &str| tree.text(&format!("sys/class/dmi/id/{name}"));
    let dmi = match (id("sys_vendor"), id("product_name")) {
        (Some(vendor), Some(product)) => Some(format!("{vendor} {product}")),
        (vendor, product) => product.or(vendor),
    };
    dmi.or_else(|| tree.text("sys/hypervisor/type")).or_else(|| tree.text("sys/firmware/devicetree/base/model"))
}

/// Of the first line of `proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
fn stolen_share(stat: &str) -> Option<f64> {
    let ticks: Vec<u64> =
        stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8).flat_map(str::parse).collect();
    let (stolen, all) = (*ticks.get(7)?, ticks.iter().sum::<u64>());
    (all > 0).then(|| stolen as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::captured;

    #[test]
    fn flags_of_the_first_process_are_not_the_kernels() {
        let line = "quiet isolcpus=2-7 tsc=reliable nosmt root=/dev/sda -- mitigations=off";
        assert_eq!(flags(line), ["isolcpus=2-7", "tsc=reliable", "nosmt"]);
    }

    #[test]
    fn a_core_without_tick_has_its_callbacks_elsewhere() {
        let nohz_full = "4-5".parse().unwrap();
        assert_eq!(rcu_nocbs("rcu_nocbs=2-3 quiet", Some(&nohz_full)).to_string(), "2-5");
        assert_eq!(rcu_nocbs("quiet", Some(&nohz_full)).to_string(), "4-5");
        assert!(rcu_nocbs("rcu_nocbs=nonsense", None).is_empty());
    }

    #[test]
    fn the_share_that_was_stolen_is_of_all_ticks() {
        assert_eq!(stolen_share("cpu  10 0 10 70 0 0 0 10 5 0\ncpu0 1 2 3"), Some(0.1));
        assert_eq!(stolen_share("cpu  10 0 10"), None);
        assert_eq!(stolen_share(""), None);
    }

    #[test]
    fn the_tick_stands_in_the_configuration_of_the_running_kernel() {
        let root = captured(&[
            ("proc/sys/kernel/osrelease", "6.1.0\n"),
            ("boot/config-6.1.0", "CONFIG_HZ_250=y\nCONFIG_HZ=250\n"),
            ("boot/config-5.0.0", "CONFIG_HZ=100\n"),
        ]);
        let kernel = Kernel::read(Tree::new(root.path()), None);
        assert_eq!(kernel.tick_hz, Some(250));
        assert_eq!((kernel.isolated, kernel.rcu_nocbs), (None, None));
    }

    #[test]
    fn mitigations_are_named() {
        let root = captured(&[
            ("sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n"),
            ("sys/devices/system/cpu/vulnerabilities/mds", "Not affected\n"),
        ]);
        assert_eq!(mitigated(Tree::new(root.path())).unwrap(), ["meltdown"]);
    }
}
