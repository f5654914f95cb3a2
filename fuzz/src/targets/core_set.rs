//! The text form of a set of cores.

use hippodrome_affinity::{CoreId, CoreSet, MAX_CORES};

/// The longest error: it repeats two excerpts of 80 characters, each of which may be written as an escape.
const ERROR_BYTES_MAX: usize = 2048;

/// A text is refused with the part that is wrong, or its set prints as the shortest list, which is read as the same set.
///
/// # Panics
///
/// If that does not hold.
pub fn core_set(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let set = match text.parse::<CoreSet>() {
        Ok(set) => set,
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.starts_with("core list \"") && shown.len() <= ERROR_BYTES_MAX, "{shown}");
            assert!(!shown.contains(char::is_control), "{shown:?}");
            return;
        }
    };
    assert!(set.len() <= MAX_CORES as usize);
    let printed = set.to_string();
    assert_eq!(printed.parse::<CoreSet>().expect("what was printed is read"), set, "{text}");
    assert!(printed.len() <= text.len(), "{printed} is longer than {text}");
    assert_algebra(&set);
}

/// What holds for any set and the one of its every second core.
fn assert_algebra(set: &CoreSet) {
    let cores: Vec<CoreId> = set.iter().collect();
    assert!(cores.is_sorted() && cores.len() == set.len() && set.first() == cores.first().copied());
    assert!(cores.iter().all(|core| set.contains(*core)));
    let half: CoreSet = cores.iter().step_by(2).copied().collect();
    let rest = set.difference(&half);
    assert!(half.is_subset(set) && half.intersection(&rest).is_empty());
    assert_eq!(half.union(&rest), *set);
    assert_eq!(set.intersection(&half), half);
    let mut emptied = set.clone();
    assert!(cores.iter().all(|core| emptied.remove(*core)) && emptied.is_empty());
    assert_eq!(emptied, CoreSet::new());
}
