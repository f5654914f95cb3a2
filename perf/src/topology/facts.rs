//! The machine and the matrix for programs: one JSON object.

use hippodrome_affinity::{CoreSet, Topology};
use hippodrome_perf_kit::Spread;
use serde::Serialize;

use super::matrix::{Matrix, is_unstable};

/// The keys of the object.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    /// The cores of the matrix, in the order of its rows and columns.
    cores: Vec<u32>,
    /// Median round trips; `null` of a core with itself, and of pairs for which there was no time.
    matrix_ns: Vec<Vec<Option<f64>>>,
    /// How often each pair was measured.
    repeats: usize,
    /// Of the pairs' medians.
    min_ns: Option<f64>,
    median_ns: Option<f64>,
    max_ns: Option<f64>,
    /// Pairs whose repeats differ by more than 20%.
    unstable: Vec<UnstablePair>,
    usable: Vec<u32>,
    isolated: Option<Vec<u32>>,
    packages: Vec<Numbered>,
    numa_nodes: Vec<Numbered>,
    l3_domains: Vec<Cache>,
    /// The logical cores of each physical one.
    siblings: Vec<Vec<u32>>,
    /// What the system does not tell.
    unknown: Vec<String>,
}

#[derive(Debug, Serialize)]
struct UnstablePair {
    cores: [u32; 2],
    min_ns: f64,
    max_ns: f64,
}

#[derive(Debug, Serialize)]
struct Numbered {
    id: u32,
    cores: Vec<u32>,
}

#[derive(Debug, Serialize)]
struct Cache {
    cores: Vec<u32>,
    size_bytes: Option<u64>,
}

impl Facts {
    pub(super) fn new(topology: &Topology, matrix: &Matrix) -> Self {
        let overall = matrix.overall_ns();
        let of_overall = |pick: fn(&Spread) -> f64| overall.as_ref().map(|ns| rounded(pick(ns)));
        let cores: Vec<u32> = matrix.cores().iter().map(|core| core.get()).collect();
        let row = |a| (0..cores.len()).map(|b| matrix.round_trip_ns(a, b).map(|ns| rounded(ns.median))).collect();
        let unstable = matrix.measured().filter(|(_, ns)| is_unstable(ns)).map(|((a, b), ns)| UnstablePair {
            cores: [cores[a], cores[b]],
            min_ns: rounded(ns.min),
            max_ns: rounded(ns.max),
        });
        let packages = topology.packages().into_iter();
        let numa_nodes = topology.numa_nodes().iter();
        let l3_domains = topology.l3_domains().iter();
        Self {
            matrix_ns: (0..cores.len()).map(row).collect(),
            repeats: matrix.rounds(),
            min_ns: of_overall(|ns| ns.min),
            median_ns: of_overall(|ns| ns.median),
            max_ns: of_overall(|ns| ns.max),
            unstable: unstable.collect(),
            usable: numbers(&topology.usable()),
            isolated: topology.isolated().map(numbers),
            packages: packages.map(|package| Numbered { id: package.id, cores: numbers(&package.cores) }).collect(),
            numa_nodes: numa_nodes.map(|node| Numbered { id: node.id, cores: numbers(&node.cores) }).collect(),
            l3_domains: l3_domains.map(|l3| Cache { cores: numbers(&l3.cores), size_bytes: l3.size_bytes }).collect(),
            siblings: topology.physical_cores().iter().map(numbers).collect(),
            unknown: topology.unknowns().iter().map(ToString::to_string).collect(),
            cores,
        }
    }
}

fn numbers(cores: &CoreSet) -> Vec<u32> {
    cores.iter().map(|core| core.get()).collect()
}

/// A tenth of a nanosecond is as exact as any of this is.
fn rounded(ns: f64) -> f64 {
    (ns * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_square_symmetric_and_empty_on_its_diagonal() {
        let matrix = Matrix::made_up(&[0, 1, 2], 2, |a, b| f64::from(a + b) + 0.26);
        let facts = serde_json::to_value(Facts::new(&Topology::detect().unwrap(), &matrix)).unwrap();
        assert_eq!(facts["matrix_ns"], serde_json::json!([[null, 1.3, 2.3], [1.3, null, 3.3], [2.3, 3.3, null]]));
        assert_eq!(facts["median_ns"], 2.3);
        assert_eq!(facts["unstable"], serde_json::json!([]));
    }

    #[test]
    fn one_core_has_a_matrix_of_one() {
        let matrix = Matrix::made_up(&[3], 2, |_, _| 0.0);
        let facts = serde_json::to_value(Facts::new(&Topology::detect().unwrap(), &matrix)).unwrap();
        assert_eq!(facts["matrix_ns"], serde_json::json!([[null]]));
        assert_eq!(facts["min_ns"], serde_json::Value::Null);
    }
}
