//! Pinning on the machine that runs the test.
#![cfg(target_os = "linux")]

use hippodrome_affinity::{
    AffinityError, AffinityGuard, CoreId, CoreSet, PinError, Pinned, Pinning, Topology, allowed_cores,
    current_affinity, current_core, pin_current_thread,
};
use std::thread;

fn core(number: u32) -> CoreId {
    CoreId::new(number).unwrap()
}

#[test]
fn a_pinned_thread_runs_on_its_core_and_nowhere_else() {
    for core in allowed_cores().unwrap() {
        let seen = thread::spawn(move || {
            pin_current_thread(core).unwrap();
            (current_core(), current_affinity().unwrap())
        });
        assert_eq!(seen.join().unwrap(), (Some(core), CoreSet::from(core)));
    }
}

#[test]
fn the_allowed_cores_are_those_from_before_any_pinning() {
    let before = allowed_cores().unwrap().clone();
    let core = before.first().unwrap();
    thread::spawn(move || {
        pin_current_thread(core).unwrap();
        // A child inherits the one core and still learns of the others.
        let child = thread::spawn(|| (current_affinity().unwrap(), allowed_cores().unwrap().clone()));
        assert_eq!(child.join().unwrap(), (CoreSet::from(core), before));
    })
    .join()
    .unwrap();
}

#[test]
fn a_core_that_does_not_exist_is_refused_by_name() {
    let before = current_affinity().unwrap();
    let allowed = allowed_cores().unwrap();
    let error = pin_current_thread(core(4000)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the process may not use core 4000; the cores that may be used are {allowed}")
    );
    assert!(matches!(Pinning::Strict.apply(core(4000)), Err(PinError::NotAllowed { core, .. }) if core.get() == 4000));
    match Pinning::BestEffort.apply(core(4000)).unwrap() {
        Pinned::Warned(warning) => assert_eq!(warning.to_string(), error.to_string()),
        other => panic!("{other:?}"),
    }
    assert_eq!(current_affinity().unwrap(), before);
}

#[test]
fn each_policy_does_what_it_says() {
    let core = allowed_cores().unwrap().first().unwrap();
    thread::spawn(move || {
        let before = current_affinity().unwrap();
        assert!(matches!(Pinning::Off.apply(core), Ok(Pinned::Off)));
        assert_eq!(current_affinity().unwrap(), before);
        for pinning in [Pinning::Strict, Pinning::BestEffort] {
            assert!(matches!(pinning.apply(core), Ok(Pinned::To(pinned)) if pinned == core));
            assert_eq!(current_affinity().unwrap(), CoreSet::from(core));
        }
    })
    .join()
    .unwrap();
}

#[test]
fn a_guard_gives_the_affinity_back() {
    let core = allowed_cores().unwrap().first().unwrap();
    thread::spawn(move || {
        let before = current_affinity().unwrap();
        let guard = AffinityGuard::save().unwrap();
        assert_eq!(*guard.saved(), before);
        pin_current_thread(core).unwrap();
        assert_eq!(current_affinity().unwrap(), CoreSet::from(core));
        drop(guard);
        assert_eq!(current_affinity().unwrap(), before);

        let guard = AffinityGuard::save().unwrap();
        pin_current_thread(core).unwrap();
        let restored: Result<(), AffinityError> = guard.restore();
        restored.unwrap();
        assert_eq!(current_affinity().unwrap(), before);
    })
    .join()
    .unwrap();
}

#[test]
fn the_real_machine_is_read() {
    let topology = Topology::detect().unwrap();
    assert_eq!(topology.allowed(), Some(allowed_cores().unwrap()));
    let usable = topology.usable();
    assert!(!usable.is_empty() && usable.is_subset(topology.online()), "{topology}");
    // What the topology calls usable can be pinned to.
    for core in &usable {
        topology.check(core).unwrap();
        thread::spawn(move || pin_current_thread(core)).join().unwrap().unwrap();
    }
    assert!(matches!(topology.check(core(4000)), Err(PinError::NotOnline { allowed, .. }) if allowed == usable));
}
