//! Why a configuration was refused.

use std::io;
use std::path::PathBuf;

/// Why a configuration was refused: what is wrong, where, and what is allowed there.
///
/// # Examples
///
/// ```
/// use hippodrome::config::Config;
///
/// let error = Config::from_toml_str("[[workers]]\n[[workers]]\nlane_kib = 48\n").unwrap_err();
/// assert_eq!(error.to_string(), "workers[1].lane_kib = 48: allowed is a power of two from 4 to 65536");
///
/// let error = Config::from_toml_str("seed = 1\nlane = 64\n").unwrap_err();
/// assert!(error.to_string().starts_with("line 2, column 1: unknown field `lane`, expected one of `name`"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A field has a value outside its limits.
    #[error("{field} = {value}: allowed is {allowed}")]
    NotAllowed {
        /// The path of the field, such as `workers[1].lane_kib`.
        field: String,
        /// Its value, shortened if it is long.
        value: String,
        /// The values that are allowed there.
        allowed: String,
    },
    /// There is no worker.
    #[error(
        "workers: there are none; write a `[[workers]]` table for each worker, with `core = 0` in it to pin it to core \
         0, or name the workers to the builder"
    )]
    NoWorkers,
    /// The text is not TOML, has a key that is not known, or a value of the wrong type.
    #[error("line {line}, column {column}: {message}")]
    Malformed {
        /// The line, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// The text is longer than any configuration within the limits can be.
    #[error("the text is longer than {limit_bytes} bytes, which is the most allowed")]
    TooLong {
        /// The most bytes that are read.
        limit_bytes: usize,
    },
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// Any of the above, in a file.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file that was read.
        path: PathBuf,
        /// What is wrong with it.
        cause: Box<ConfigError>,
    },
}
