//! What this process may do: its limits, its share of the processor, and who else is running.

use serde::Serialize;

use super::tree::Tree;

/// Bits of `CapEff` in `proc/self/status`, from `linux/capability.h`.
const CAP_IPC_LOCK: u32 = 14;
const CAP_SYS_NICE: u32 = 23;

/// What is known of the process and of its surroundings.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Process {
    /// Bytes that it may lock.
    pub(crate) locked_memory: Option<Limit>,
    /// The highest real-time priority that it may take.
    pub(crate) realtime_priority: Option<Limit>,
    /// The limit of its cgroup.
    pub(crate) cpu_limit: Option<CpuLimit>,
    /// Runnable threads on average in the last minute.
    pub(crate) load: Option<f64>,
}

/// A limit on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// So much at most.
    AtMost(u64),
    /// As much as it likes.
    Unlimited,
}

/// The processor time that the process's cgroup may have.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CpuLimit {
    /// As much as there is.
    None,
    /// So many cores' worth of each period; whoever takes more sleeps until the next.
    Cores {
        /// 1.5 for one core and a half.
        cores: f64,
        /// The file that says so.
        file: String,
        /// What is to be written there to lift it.
        lift: &'static str,
    },
}

impl Process {
    pub(super) fn read(tree: Tree<'_>) -> Self {
        let limits = tree.text("proc/self/limits").unwrap_or_default();
        let status = tree.text("proc/self/status").unwrap_or_default();
        // A capability lifts the limit.
        let limit = |name, capability| {
            let found = limit(&limits, name);
            if has_capability(&status, capability) { found.map(|_| Limit::Unlimited) } else { found }
        };
        Self {
            locked_memory: limit("Max locked memory", CAP_IPC_LOCK),
            realtime_priority: limit("Max realtime priority", CAP_SYS_NICE),
            cpu_limit: cpu_limit(tree),
            load: tree.text("proc/loadavg").and_then(|text| text.split_whitespace().next()?.parse().ok()),
        }
    }
}

/// The soft limit of the line that begins with `name`.
fn limit(limits: &str, name: &str) -> Option<Limit> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(Limit::Unlimited),
        number => number.parse().ok().map(Limit::AtMost),
    }
}

fn has_capability(status: &str, bit: u32) -> bool {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> bit & 1 == 1)
}

/// The tightest limit of the process's group and of those above it, where the hierarchies are mounted by convention.
fn cpu_limit(tree: Tree<'_>) -> Option<CpuLimit> {
    let groups = tree.text("proc/self/cgroup")?;
    let mut limits = Vec::new();
    let mut is_known = false;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
        // A group outside the process's namespace is written with dots, and nothing of it can be seen.
        if group.split('/').any(|part| part == "..") {
            continue;
        }
        let places: &[&str] = match controllers {
            "" => &["sys/fs/cgroup", "sys/fs/cgroup/unified"],
            names if names.split(',').any(|name| name == "cpu") => &["sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"],
            _ => continue,
        };
        for place in places {
            is_known |= tree.names(place).iter().any(|name| name.starts_with("cgroup.") || name.starts_with("cpu."));
            limits.extend(above(group).filter_map(|group| quota(tree, &format!("{place}{group}"), controllers)));
        }
    }
    let tightest = limits.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let limit = tightest.map(|(cores, file, lift)| CpuLimit::Cores { cores, file: format!("/{file}"), lift });
    limit.or_else(|| is_known.then_some(CpuLimit::None))
}

/// A group and those above it: `/a/b`, `/a`, and the top, which is empty.
fn above(group: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(group.trim_end_matches('/')), |group| group.rsplit_once('/').map(|(above, _)| above))
}

/// Cores' worth of time, the file that says so, and what lifts it.
fn quota(tree: Tree<'_>, directory: &str, controllers: &str) -> Option<(f64, String, &'static str)> {
    let (quota, period, file, lift): (i64, i64, _, _) = if controllers.is_empty() {
        let file = format!("{directory}/cpu.max");
        let text = tree.text(&file)?;
        let mut words = text.split_whitespace();
        (words.next()?.parse().ok()?, words.next()?.parse().ok()?, file, "max")
    } else {
        let file = format!("{directory}/cpu.cfs_quota_us");
        (tree.number(&file)?, tree.number(&format!("{directory}/cpu.cfs_period_us"))?, file, "-1")
    };
    (quota > 0 && period > 0).then(|| (quota as f64 / period as f64, file, lift))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::captured;

    const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
                          Max locked memory         8388608              unlimited            bytes     \n\
                          Max realtime priority     0                    0                    \n";

    #[test]
    fn limits_are_the_soft_ones_unless_a_capability_lifts_them() {
        let read = |mask: &str| {
            let status = format!("Name:\tx\nCapEff:\t{mask}\n");
            let root = captured(&[("proc/self/limits", LIMITS), ("proc/self/status", &status)]);
            let process = Process::read(Tree::new(root.path()));
            (process.locked_memory.unwrap(), process.realtime_priority.unwrap())
        };
        assert_eq!(read("0000000000000000"), (Limit::AtMost(8 << 20), Limit::AtMost(0)));
        assert_eq!(read("0000000000804000"), (Limit::Unlimited, Limit::Unlimited));
        assert_eq!(read("0000000000004000"), (Limit::Unlimited, Limit::AtMost(0)));
    }

    #[test]
    fn the_tightest_limit_of_the_groups_above_counts() {
        let root = captured(&[
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/cgroup.procs", "1"),
            ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
        ]);
        let expected = CpuLimit::Cores { cores: 1.5, file: "/sys/fs/cgroup/a/cpu.max".to_owned(), lift: "max" };
        assert_eq!(cpu_limit(Tree::new(root.path())), Some(expected));
    }

    #[test]
    fn the_older_hierarchy_is_read_too() {
        let root = captured(&[
            ("proc/self/cgroup", "4:memory:/\n3:cpu,cpuacct:/x\n0::/\n"),
            ("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "50000"),
            ("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000"),
        ]);
        let found = cpu_limit(Tree::new(root.path()));
        assert!(matches!(found, Some(CpuLimit::Cores { cores: 0.5, lift: "-1", .. })), "{found:?}");
    }

    #[test]
    fn without_a_quota_there_is_no_limit_and_without_files_it_is_unknown() {
        let root = captured(&[("proc/self/cgroup", "0::/a\n"), ("sys/fs/cgroup/cgroup.procs", "1")]);
        assert_eq!(cpu_limit(Tree::new(root.path())), Some(CpuLimit::None));
        let root = captured(&[("proc/self/cgroup", "0::/../../elsewhere\n")]);
        assert_eq!(cpu_limit(Tree::new(root.path())), None);
    }
}
