//! A configuration as TOML text and as a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Config, ConfigError};

/// The most bytes that are read. A file that writes out every key of 256 workers is half as long.
pub(super) const TEXT_BYTES_MAX: usize = 256 * 1024;
/// A longer message of the parser keeps so many characters of its beginning, where it repeats the text, and of its end,
/// where it says what is expected.
const MESSAGE_CHARS: (usize, usize) = (80, 500);

impl Config {
    /// Reads a configuration from TOML and validates it. The keys are the names of the fields.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Malformed`] with line and column if the text is not TOML, has an unknown key or a value of the
    /// wrong type; [`ConfigError::TooLong`] if it has more than 256 KiB; and those of [`Config::validate`].
    pub fn from_toml_str(text: &str) -> Result<Self, ConfigError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(ConfigError::TooLong { limit_bytes: TEXT_BYTES_MAX });
        }
        let config: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            malformed(text.as_bytes(), start, printable(error.message()))
        })?;
        config.validate()?;
        Ok(config)
    }

    /// Reads a configuration from a TOML file and validates it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::File`], which names the file and holds the error of [`Config::from_toml_str`], or
    /// [`ConfigError::Unreadable`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        read_text(path)
            .and_then(|text| Self::from_toml_str(&text))
            .map_err(|cause| ConfigError::File { path: path.to_owned(), cause: Box::new(cause) })
    }

    /// Writes the configuration as TOML, every key with its value, so that [`Config::from_toml_str`] gives it back.
    ///
    /// # Examples
    ///
    /// ```
    /// use hippodrome::config::{Config, WorkerConfig};
    ///
    /// let mut config = Config::default();
    /// config.workers.push(WorkerConfig::pinned_to(3));
    /// let text = config.to_toml_string();
    /// assert!(text.ends_with("[[workers]]\ncore = 3\n"));
    /// assert_eq!(Config::from_toml_str(&text)?, config);
    /// # Ok::<(), hippodrome::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn to_toml_string(&self) -> String {
        toml::to_string(self)
            .expect("TOML has tables, texts, booleans and integers, and a configuration has nothing else")
    }
}

/// Reads no more than the limit and one byte, so that an endless file is refused too.
fn read_text(path: &Path) -> Result<String, ConfigError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(ConfigError::Unreadable)?;
    file.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(ConfigError::Unreadable)?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(ConfigError::TooLong { limit_bytes: TEXT_BYTES_MAX });
    }
    String::from_utf8(bytes).map_err(|error| {
        malformed(error.as_bytes(), error.utf8_error().valid_up_to(), "the text is not UTF-8".to_owned())
    })
}

/// The error at a byte of the text. What stands before that byte is UTF-8.
fn malformed(text: &[u8], at: usize, message: String) -> ConfigError {
    let before = String::from_utf8_lossy(&text[..at.min(text.len())]);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    ConfigError::Malformed {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message,
    }
}

/// A message in one line that a terminal shows as it is, whatever text it repeats.
fn printable(message: &str) -> String {
    let (begin, end) = MESSAGE_CHARS;
    let length = message.chars().count();
    let (kept, resumed) = if length > begin + end { (begin, length - end) } else { (length, length) };
    let mut shown = String::new();
    for (index, letter) in message.chars().enumerate() {
        match index {
            _ if index == kept => shown.push('…'),
            _ if index > kept && index < resumed => {}
            _ if letter.is_control() => shown.extend(letter.escape_default()),
            _ => shown.push(letter),
        }
    }
    shown
}
