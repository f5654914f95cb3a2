//! Which cores the workers could be pinned to.

use hippodrome_affinity::{CoreId, CoreSet, Topology};

use crate::topology::Matrix;

/// A core for each worker, by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// How they were chosen.
    pub(super) how: &'static str,
    /// The cores.
    pub(super) cores: Vec<u32>,
}

/// The placements that are worth a try, the likeliest first; no two have the same cores.
///
/// `links` are the pairs of workers that send to each other: those are put near to each other, by the measured matrix.
pub(super) fn placements(
    topology: &Topology,
    matrix: &Matrix,
    workers: usize,
    links: &[(usize, usize)],
) -> Vec<Placement> {
    let all: CoreSet = matrix.cores().iter().copied().collect();
    let physical = topology.one_per_physical_core(&all);
    let mut found = Vec::<Placement>::new();
    let mut add = |how, cores: Option<Vec<CoreId>>| {
        let Some(cores) = cores else { return };
        let cores: Vec<u32> = cores.into_iter().map(CoreId::get).collect();
        if found.iter().all(|placement| placement.cores != cores) {
            found.push(Placement { how, cores });
        }
    };
    let near = |among: &CoreSet| nearest(matrix, among, workers, links).map(|(_, cores)| cores);
    add("near to each other, one on each physical core", near(&physical));
    add("in one level-3 cache, one on each physical core", in_one_cache(topology, matrix, &physical, workers, links));
    add("near to each other, SMT siblings allowed", near(&all));
    add("spread over the level-3 caches", spread(topology, &physical, workers));
    add("in the order of their numbers", Some(in_order(matrix.cores(), workers)));
    found
}

/// The placement with the shortest round trips over the links, as far as a greedy choice finds it: every core is tried
/// for the first worker, and each further worker goes to the core that is nearest to those it talks with.
fn nearest(matrix: &Matrix, among: &CoreSet, workers: usize, links: &[(usize, usize)]) -> Option<(f64, Vec<CoreId>)> {
    let candidates: Vec<usize> = (0..matrix.cores().len()).filter(|at| among.contains(matrix.cores()[*at])).collect();
    if candidates.len() < workers {
        return None;
    }
    // A pair that was not measured is taken for a far one.
    let far = matrix.overall_ns().map_or(1.0, |ns| 2.0 * ns.max);
    let distance = |a, b| matrix.round_trip_ns(a, b).map_or(far, |ns| ns.median);
    let mut best: Option<(f64, Vec<usize>)> = None;
    for first in &candidates {
        let (mut chosen, mut total) = (vec![*first], 0.0);
        for worker in 1..workers {
            let cost = |core: usize| -> f64 {
                let peers = links.iter().filter_map(|link| match *link {
                    (low, high) if high == worker => chosen.get(low),
                    _ => None,
                });
                peers.map(|peer| distance(core, *peer)).sum()
            };
            let free = candidates.iter().copied().filter(|core| !chosen.contains(core));
            let Some(next) = free.min_by(|a, b| cost(*a).total_cmp(&cost(*b))) else { break };
            total += cost(next);
            chosen.push(next);
        }
        if best.as_ref().is_none_or(|(least, _)| total < *least) {
            best = Some((total, chosen));
        }
    }
    best.map(|(total, chosen)| (total, chosen.into_iter().map(|core| matrix.cores()[core]).collect()))
}

/// The best of the placements that need one level-3 cache only.
fn in_one_cache(
    topology: &Topology,
    matrix: &Matrix,
    among: &CoreSet,
    workers: usize,
    links: &[(usize, usize)],
) -> Option<Vec<CoreId>> {
    let caches = topology.l3_domains().iter();
    let within = caches.filter_map(|l3| nearest(matrix, &l3.cores.intersection(among), workers, links));
    within.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, cores)| cores)
}

/// One core of each level-3 cache in turn, so that each worker has as much cache as possible; `None` if there is one
/// cache only.
fn spread(topology: &Topology, among: &CoreSet, workers: usize) -> Option<Vec<CoreId>> {
    let caches: Vec<Vec<CoreId>> = topology
        .l3_domains()
        .iter()
        .map(|l3| l3.cores.intersection(among).iter().collect::<Vec<_>>())
        .filter(|cores| !cores.is_empty())
        .collect();
    if caches.len() < 2 || among.len() < workers {
        return None;
    }
    let deepest = caches.iter().map(Vec::len).max().unwrap_or(0);
    let turns = (0..deepest).flat_map(|turn| caches.iter().filter_map(move |cores| cores.get(turn).copied()));
    let cores: Vec<CoreId> = turns.take(workers).collect();
    (cores.len() == workers).then_some(cores)
}

/// The cores by number; from the first again if there are fewer than workers.
fn in_order(cores: &[CoreId], workers: usize) -> Vec<CoreId> {
    cores.iter().copied().cycle().take(workers).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// A machine with four physical cores in two level-3 caches; core n and n + 4 are siblings.
    fn machine(root: &Path) -> Topology {
        let cpu = root.join("sys/devices/system/cpu");
        fs::create_dir_all(&cpu).unwrap();
        fs::write(cpu.join("online"), "0-7\n").unwrap();
        for core in 0..8 {
            let physical = core % 4;
            let l3 = if physical < 2 { "0-1,4-5" } else { "2-3,6-7" };
            let topology = cpu.join(format!("cpu{core}/topology"));
            let cache = cpu.join(format!("cpu{core}/cache/index0"));
            fs::create_dir_all(&topology).unwrap();
            fs::create_dir_all(&cache).unwrap();
            fs::write(topology.join("physical_package_id"), "0\n").unwrap();
            fs::write(topology.join("core_id"), format!("{physical}\n")).unwrap();
            fs::write(topology.join("core_cpus_list"), format!("{physical},{}\n", physical + 4)).unwrap();
            fs::write(cache.join("level"), "3\n").unwrap();
            fs::write(cache.join("type"), "Unified\n").unwrap();
            fs::write(cache.join("size"), "16384K\n").unwrap();
            fs::write(cache.join("shared_cpu_list"), format!("{l3}\n")).unwrap();
        }
        Topology::read_from(root).unwrap()
    }

    fn matrix() -> Matrix {
        Matrix::made_up(&[0, 1, 2, 3, 4, 5, 6, 7], 1, |a, b| match (a % 4, b % 4) {
            (a, b) if a == b => 20.0,
            // The second cache is the faster one.
            (2, 3) | (3, 2) => 60.0,
            (a, b) if a / 2 == b / 2 => 80.0,
            _ => 300.0,
        })
    }

    fn found(workers: usize, links: &[(usize, usize)]) -> Vec<Placement> {
        let root = tempfile::tempdir().unwrap();
        placements(&machine(root.path()), &matrix(), workers, links)
    }

    #[test]
    fn workers_that_talk_are_put_near_and_not_on_one_physical_core_first() {
        let found = found(2, &[(0, 1)]);
        assert_eq!(found[0].cores, [2, 3], "{found:?}");
        assert!(found.iter().any(|placement| placement.cores == [0, 4] && placement.how.contains("siblings")));
        assert!(found.iter().any(|placement| placement.cores == [0, 2] && placement.how.starts_with("spread")));
        assert_eq!(found.last().unwrap().cores, [0, 1]);
    }

    #[test]
    fn each_pair_of_workers_is_near_by_itself() {
        let found = found(4, &[(0, 1), (2, 3)]);
        assert_eq!(found[0].cores, [0, 1, 2, 3], "{found:?}");
    }

    #[test]
    fn no_two_placements_are_the_same_and_all_are_whole() {
        for workers in 1..=12 {
            let links: Vec<_> = (1..workers).map(|worker| (0, worker)).collect();
            let found = found(workers, &links);
            assert!(!found.is_empty());
            for (index, placement) in found.iter().enumerate() {
                assert_eq!(placement.cores.len(), workers);
                assert!(found[..index].iter().all(|other| other.cores != placement.cores));
            }
        }
    }

    #[test]
    fn more_workers_than_cores_share_them() {
        let topology = Topology::detect().unwrap();
        let only = topology.usable().first().unwrap().get();
        let matrix = Matrix::made_up(&[only], 1, |_, _| 1.0);
        let found = placements(&topology, &matrix, 3, &[(0, 1)]);
        assert_eq!(found, [Placement { how: "in the order of their numbers", cores: vec![only; 3] }]);
    }
}
