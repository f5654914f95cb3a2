//! Interrupts: which of them come to the workers' cores, and whether somebody moves them about.

use std::collections::BTreeSet;

use hippodrome_affinity::CoreSet;
use serde::Serialize;

use super::tree::Tree;

/// What is known of the interrupts.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Interrupts {
    /// Whether `irqbalance` runs.
    pub(crate) is_balanced: Option<bool>,
    /// The numbers of those that have occurred and may come to the workers' cores.
    pub(crate) on_workers: Option<Vec<u32>>,
}

impl Interrupts {
    pub(super) fn read(tree: Tree<'_>, workers: &CoreSet) -> Self {
        let processes = tree.numbered("proc", "");
        let is_irqbalance =
            |process: &u32| tree.text(&format!("proc/{process}/comm")).is_some_and(|name| name == "irqbalance");
        Self {
            is_balanced: (!processes.is_empty()).then(|| processes.iter().any(is_irqbalance)),
            on_workers: on_workers(tree, workers),
        }
    }
}

fn on_workers(tree: Tree<'_>, workers: &CoreSet) -> Option<Vec<u32>> {
    let interrupts = tree.numbered("proc/irq", "");
    if interrupts.is_empty() {
        return None;
    }
    let occurred = tree.text("proc/interrupts").map(|text| occurred(&text));
    let comes = |interrupt: &u32| {
        // Of several allowed cores the hardware takes one: the effective one.
        let affinity = ["effective_affinity_list", "smp_affinity_list"]
            .iter()
            .find_map(|name| tree.cores(&format!("proc/irq/{interrupt}/{name}")).filter(|cores| !cores.is_empty()));
        let has_occurred = occurred.as_ref().is_none_or(|occurred| occurred.contains(interrupt));
        has_occurred && affinity.is_some_and(|cores| !cores.intersection(workers).is_empty())
    };
    Some(interrupts.into_iter().filter(comes).collect())
}

/// The numbers of the interrupts that have occurred on any core: a column for each core, which the first line names.
fn occurred(text: &str) -> BTreeSet<u32> {
    let mut lines = text.lines();
    let cores = lines.next().map_or(0, |header| header.split_whitespace().count());
    lines
        .filter_map(|line| {
            let (number, rest) = line.split_once(':')?;
            let has_occurred = rest.split_whitespace().take(cores).any(|count| count.parse().is_ok_and(|n: u64| n > 0));
            has_occurred.then(|| number.trim().parse().ok()).flatten()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::captured;

    #[test]
    fn only_interrupts_that_occur_and_come_to_the_workers_count() {
        let interrupts = "           CPU0       CPU1\n  4:  0  0  serial\n 24:  7  0  disk\n 25:  0  9  net\n\
                          26: 1 1 usb\nLOC:  9  9  Local timer\n";
        let root = captured(&[
            ("proc/interrupts", interrupts),
            ("proc/irq/4/effective_affinity_list", "1\n"),
            ("proc/irq/24/effective_affinity_list", "0\n"),
            ("proc/irq/25/effective_affinity_list", "1\n"),
            ("proc/irq/26/effective_affinity_list", "\n"),
            ("proc/irq/26/smp_affinity_list", "0-1\n"),
            ("proc/7/comm", "irqbalance\n"),
        ]);
        let found = Interrupts::read(Tree::new(root.path()), &"1".parse().unwrap());
        assert_eq!(found.on_workers.unwrap(), [25, 26]);
        assert_eq!(found.is_balanced, Some(true));
    }

    #[test]
    fn without_the_files_it_is_unknown() {
        let root = captured(&[("proc/8/comm", "init\n")]);
        let found = Interrupts::read(Tree::new(root.path()), &"1".parse().unwrap());
        assert_eq!((found.on_workers, found.is_balanced), (None, Some(false)));
    }
}
