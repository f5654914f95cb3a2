//! The processor: what it is, how fast it may run, how deep it may sleep.

use std::collections::BTreeMap;

use hippodrome_affinity::{CoreSet, Topology};
use serde::Serialize;

use super::tree::Tree;

const CPU: &str = "sys/devices/system/cpu";

/// What is known of the processor.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Processor {
    /// Its name, as it gives it.
    pub(crate) model: Option<String>,
    /// Cores that threads can be pinned to.
    pub(crate) logical_cores: Option<usize>,
    /// Cores that share no pipeline.
    pub(crate) physical_cores: Option<usize>,
    /// Sockets.
    pub(crate) packages: Option<usize>,
    /// Parts of the memory that are nearer to some cores than to others.
    pub(crate) numa_nodes: Option<usize>,
    /// Whether physical cores run several threads each.
    pub(crate) has_smt: Option<bool>,
    /// One entry for each kind of cache.
    pub(crate) caches: Vec<Cache>,
    /// What sets the frequency.
    pub(crate) frequency_driver: Option<String>,
    /// The cores of each frequency governor; empty if none is known.
    #[serde(serialize_with = "super::texts")]
    pub(crate) governors: BTreeMap<String, CoreSet>,
    /// Whether the frequency may go above the nominal one.
    pub(crate) boost: Option<Boost>,
    /// The deepest sleep that is enabled on any core.
    pub(crate) deepest_idle: Option<IdleState>,
    /// Whether the time stamp counter runs at one rate through all frequencies and sleeps.
    pub(crate) has_invariant_tsc: Option<bool>,
    /// Whether the processor says that it is virtual.
    pub(crate) has_hypervisor: Option<bool>,
}

/// A kind of cache.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Cache {
    /// 1 for the nearest.
    pub(crate) level: u32,
    /// `data`, `instruction` or `unified`.
    pub(crate) kind: String,
    /// The size of one.
    pub(crate) size_bytes: u64,
    /// How many there are.
    pub(crate) instances: usize,
    /// How many logical cores share one.
    pub(crate) shared_by: usize,
}

/// Whether the frequency may go above the nominal one, and where that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Boost {
    /// Whether it may.
    pub(crate) is_on: bool,
    /// The command that turns it off.
    #[serde(skip)]
    pub(crate) off: &'static str,
}

/// A sleep of an idle core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct IdleState {
    /// The name that the driver gives it.
    pub(crate) name: String,
    /// How long it takes to wake up from it.
    pub(crate) exit_latency_us: u64,
}

impl Processor {
    pub(super) fn read(tree: Tree<'_>, topology: Option<&Topology>) -> Self {
        let cpuinfo = tree.text("proc/cpuinfo").unwrap_or_default();
        let flags = value(&cpuinfo, "flags");
        let has_flag = |flag: &str| flags.map(|flags| flags.split_whitespace().any(|word| word == flag));
        let known = |count: usize| (count > 0).then_some(count);
        let siblings_known = |topology: &Topology| topology.cores().iter().all(|core| core.siblings.is_some());
        Self {
            model: model(tree, &cpuinfo),
            logical_cores: topology.map(|topology| topology.online().len()),
            physical_cores: topology.filter(|it| siblings_known(it)).map(|it| it.physical_cores().len()),
            packages: topology.and_then(|topology| known(topology.packages().len())),
            numa_nodes: topology.and_then(|topology| known(topology.numa_nodes().len())),
            has_smt: topology.filter(|it| siblings_known(it)).map(|it| it.physical_cores().len() < it.online().len()),
            caches: caches(tree),
            frequency_driver: tree.text(&format!("{CPU}/cpu0/cpufreq/scaling_driver")),
            governors: governors(tree),
            boost: boost(tree),
            deepest_idle: deepest_idle(tree),
            has_invariant_tsc: has_flag("constant_tsc").zip(has_flag("nonstop_tsc")).map(|(a, b)| a && b),
            has_hypervisor: has_flag("hypervisor"),
        }
    }
}

/// The value of the first line `key : value`.
fn value<'a>(cpuinfo: &'a str, key: &str) -> Option<&'a str> {
    let pairs = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(found, value)| (found.trim(), value.trim())).find(|(found, _)| *found == key).map(|(_, value)| value)
}

fn model(tree: Tree<'_>, cpuinfo: &str) -> Option<String> {
    let named = value(cpuinfo, "model name").or_else(|| value(cpuinfo, "cpu model")).map(str::to_owned);
    // Arm's processors give numbers, and the board has a name.
    let numbered = || {
        let (implementer, part) = (value(cpuinfo, "CPU implementer")?, value(cpuinfo, "CPU part")?);
        Some(format!("implementer {implementer}, part {part}"))
    };
    named.or_else(|| tree.text("sys/firmware/devicetree/base/model")).or_else(numbered)
}

fn caches(tree: Tree<'_>) -> Vec<Cache> {
    let mut sharers = BTreeMap::<(u32, String, u64), Vec<CoreSet>>::new();
    for core in tree.numbered(CPU, "cpu") {
        let directory = format!("{CPU}/cpu{core}/cache");
        for index in tree.numbered(&directory, "index") {
            let of = |name: &str| tree.text(&format!("{directory}/index{index}/{name}"));
            let known = (of("level").and_then(|level| level.parse().ok()), of("type"), of("size").and_then(bytes));
            let (Some(level), Some(kind), Some(size)) = known else { continue };
            let Some(shared) = tree.cores(&format!("{directory}/index{index}/shared_cpu_list")) else { continue };
            let sets = sharers.entry((level, kind.to_lowercase(), size)).or_default();
            if !sets.contains(&shared) {
                sets.push(shared);
            }
        }
    }
    let count = |sets: &[CoreSet]| sets.iter().map(CoreSet::len).max().unwrap_or(0);
    sharers
        .into_iter()
        .map(|((level, kind, size_bytes), sets)| Cache {
            level,
            kind,
            size_bytes,
            instances: sets.len(),
            shared_by: count(&sets),
        })
        .collect()
}

/// A size as the kernel writes it: `32K`, `105M`.
fn bytes(text: String) -> Option<u64> {
    let digits = text.trim_end_matches(['K', 'M', 'G']);
    let unit = match &text[digits.len()..] {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn governors(tree: Tree<'_>) -> BTreeMap<String, CoreSet> {
    let mut governors = BTreeMap::<String, CoreSet>::new();
    for core in tree.numbered(CPU, "cpu") {
        let governor = tree.text(&format!("{CPU}/cpu{core}/cpufreq/scaling_governor"));
        if let (Some(governor), Ok(core)) = (governor, core.try_into()) {
            governors.entry(governor).or_default().insert(core);
        }
    }
    governors
}

fn boost(tree: Tree<'_>) -> Option<Boost> {
    // Intel's driver asks the other way round.
    let intel = tree
        .number::<u32>(&format!("{CPU}/intel_pstate/no_turbo"))
        .map(|no_turbo| Boost { is_on: no_turbo == 0, off: "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo" });
    let common = || {
        tree.number::<u32>(&format!("{CPU}/cpufreq/boost"))
            .map(|boost| Boost { is_on: boost != 0, off: "echo 0 > /sys/devices/system/cpu/cpufreq/boost" })
    };
    intel.or_else(common)
}

fn deepest_idle(tree: Tree<'_>) -> Option<IdleState> {
    let mut deepest: Option<IdleState> = None;
    for core in tree.numbered(CPU, "cpu") {
        let directory = format!("{CPU}/cpu{core}/cpuidle");
        for state in tree.numbered(&directory, "state") {
            let is_disabled = tree.number::<u64>(&format!("{directory}/state{state}/disable")).unwrap_or(0) != 0;
            let latency = tree.number(&format!("{directory}/state{state}/latency"));
            let name = tree.text(&format!("{directory}/state{state}/name"));
            let (false, Some(exit_latency_us), Some(name)) = (is_disabled, latency, name) else { continue };
            if deepest.as_ref().is_none_or(|deepest| deepest.exit_latency_us < exit_latency_us) {
                deepest = Some(IdleState { name, exit_latency_us });
            }
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::captured;

    #[test]
    fn sizes_are_read_as_the_kernel_writes_them() {
        let read = |text: &str| bytes(text.to_owned());
        assert_eq!([read("48K"), read("2M"), read("7"), read("1G")].map(Option::unwrap), [49152, 2 << 20, 7, 1 << 30]);
        assert_eq!([read("K"), read("1T"), read(""), read("99999999999999999999G")], [None; 4]);
    }

    #[test]
    fn caches_are_counted_by_kind() {
        let file = |core: u32, index: u32, name: &str| format!("{CPU}/cpu{core}/cache/index{index}/{name}");
        let mut files = Vec::new();
        for core in 0..4 {
            let pair = if core < 2 { "0-1" } else { "2-3" };
            for (index, kind, level, size, shared) in [(0, "Data", "1", "48K", pair), (1, "Unified", "3", "32M", "0-3")]
            {
                files.push((file(core, index, "type"), kind));
                files.push((file(core, index, "level"), level));
                files.push((file(core, index, "size"), size));
                files.push((file(core, index, "shared_cpu_list"), shared));
            }
        }
        let root = captured(&files.iter().map(|(path, text)| (path.as_str(), *text)).collect::<Vec<_>>());
        let cache = |level, kind: &str, size_bytes, instances, shared_by| Cache {
            level,
            kind: kind.to_owned(),
            size_bytes,
            instances,
            shared_by,
        };
        let expected = [cache(1, "data", 48 << 10, 2, 2), cache(3, "unified", 32 << 20, 1, 4)];
        assert_eq!(caches(Tree::new(root.path())), expected);
    }

    #[test]
    fn a_disabled_sleep_is_not_the_deepest() {
        let state = |number: u32, name: &str| format!("{CPU}/cpu0/cpuidle/state{number}/{name}");
        let files = [
            (state(0, "name"), "POLL"),
            (state(0, "latency"), "0"),
            (state(1, "name"), "C1"),
            (state(1, "latency"), "2"),
            (state(1, "disable"), "0"),
            (state(2, "name"), "C6"),
            (state(2, "latency"), "133"),
            (state(2, "disable"), "1"),
        ];
        let root = captured(&files.each_ref().map(|(path, text)| (path.as_str(), *text)));
        let deepest = deepest_idle(Tree::new(root.path())).unwrap();
        assert_eq!((deepest.name.as_str(), deepest.exit_latency_us), ("C1", 2));
    }

    #[test]
    fn a_processor_without_a_name_gives_its_numbers() {
        let cpuinfo = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        let root = captured(&[("proc/cpuinfo", cpuinfo)]);
        let processor = Processor::read(Tree::new(root.path()), None);
        assert_eq!(processor.model.as_deref(), Some("implementer 0x41, part 0xd0c"));
        assert_eq!((processor.has_hypervisor, processor.has_invariant_tsc), (None, None));
    }
}
