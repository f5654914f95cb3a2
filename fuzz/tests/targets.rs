//! Every target on its seeds, and on mutations of them. A failure prints the input, shrunk: it goes into `seeds` as a file.

#![cfg(unix)]

mod memory;
mod mutation;

use std::fs;
use std::path::Path;

use mutation::{Edit, mutate, nudged};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use memory::peak_bytes;

/// What a run of a target allocates at most at a time, on its own thread. The inputs are a few KiB.
const MEMORY_BYTES_MAX: usize = 32 << 20;

/// The inputs in `seeds/NAME`, in the order of their names.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{name} has no seed");
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn run(target: fn(&[u8]), input: &[u8]) {
    let bytes = peak_bytes(|| target(input));
    assert!(bytes <= MEMORY_BYTES_MAX, "{bytes} bytes for an input of {}", input.len());
}

/// Runs the target on its seeds with each number changed a little: where a limit is, it is found.
fn attack_limits(name: &str, target: fn(&[u8])) {
    seeds(name).iter().flat_map(|seed| nudged(seed)).for_each(|input| run(target, &input));
}

/// Runs the target on nothing, on its seeds, and on `cases` mutations.
fn attack(name: &str, target: fn(&[u8]), cases: u32) {
    let seeds = &seeds(name)[..];
    run(target, b"");
    seeds.iter().for_each(|seed| run(target, seed));
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mutations = (any::<prop::sample::Index>(), prop::collection::vec(any::<Edit>(), 1..6));
    let inputs = mutations.prop_map(|(seed, edits)| Input(mutate(&seed.get(seeds)[..], &edits, seeds)));
    TestRunner::new(config)
        .run(&inputs, |input| {
            run(target, &input.0);
            Ok(())
        })
        .unwrap();
}

/// Bytes that print as a literal.
#[derive(Clone)]
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

#[test]
fn configuration() {
    attack_limits("configuration", fuzz::configuration);
    attack("configuration", fuzz::configuration, 2000);
}

#[test]
fn core_set() {
    attack_limits("core_set", fuzz::core_set);
    attack("core_set", fuzz::core_set, 5000);
}

#[test]
fn topology() {
    attack("topology", fuzz::topology, 1000);
}

#[test]
fn order_flow() {
    attack_limits("order_flow", fuzz::order_flow);
    attack("order_flow", fuzz::order_flow, 5000);
}

/// Each run takes a few of the socket's ticks.
#[test]
fn requests() {
    attack_limits("requests", fuzz::requests);
    attack("requests", fuzz::requests, 40);
}

#[test]
fn snapshots() {
    attack("snapshots", fuzz::snapshots, 1000);
}
