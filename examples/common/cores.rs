//! The workers of a program: those that a list of cores names, or a few by default.

use hippodrome::config::{Config, Pinning, WorkerConfig};
use hippodrome_affinity::{CoreSet, ParseCoreSetError, allowed_cores};

/// The most workers that a program starts unless it is told the cores.
pub const MAX_DEFAULT_WORKERS: usize = 4;

/// Why a list of cores cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoresError {
    /// It is not a list of cores.
    #[error(transparent)]
    NotAList(#[from] ParseCoreSetError),
    /// It names none.
    #[error("the list names no core; at least one is needed, as in \"0,1\"")]
    Empty,
}

/// Parses a list such as `0,2-5`, for a command line.
///
/// # Errors
/// If the text is no such list, or names no core. Whether the cores exist is found when the engine starts.
///
/// # Examples
/// ```
/// use hippodrome_examples::parse_cores;
///
/// assert_eq!(parse_cores("0,2-3")?.len(), 3);
/// assert!(parse_cores("").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse_cores(text: &str) -> Result<CoreSet, CoresError> {
    let cores: CoreSet = text.parse()?;
    if cores.is_empty() { Err(CoresError::Empty) } else { Ok(cores) }
}

/// A configuration with one worker on each of these cores; the engine does not start if one cannot be pinned.
#[must_use]
pub fn pinned_workers(cores: &CoreSet) -> Config {
    let mut config = Config::default();
    config.workers = cores.iter().map(|core| WorkerConfig::pinned_to(core.get())).collect();
    config
}

/// A configuration with one worker on each core that the process may use, at most `most` of them, and at least two
/// workers: where there is a single core, or the system does not tell, two that are not pinned.
#[must_use]
pub fn default_workers(most: usize) -> Config {
    let cores: CoreSet = allowed_cores().map(|cores| cores.iter().take(most).collect()).unwrap_or_default();
    let mut config = pinned_workers(&cores);
    config.pinning = Pinning::BestEffort;
    if config.workers.len() < 2 {
        config.workers = vec![WorkerConfig::default(); 2];
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_the_workers_in_order() {
        let config = pinned_workers(&parse_cores("5,1-2").unwrap());
        let cores: Vec<_> = config.workers.iter().map(|worker| worker.core).collect();
        assert_eq!(cores, [Some(1), Some(2), Some(5)]);
        assert_eq!(config.pinning, Pinning::Strict);
    }

    #[test]
    fn what_is_no_list_of_cores_is_refused() {
        for text in ["", " ", "a", "1-", "3-1", "0,,1", "4096"] {
            assert!(parse_cores(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn by_default_there_are_two_workers_at_least() {
        for most in [1, 2, MAX_DEFAULT_WORKERS] {
            let config = default_workers(most);
            assert!((2..=MAX_DEFAULT_WORKERS).contains(&config.workers.len()));
            config.validate().unwrap();
        }
    }
}
