//! How much memory the machine has.

use std::fs::File;
use std::io::Read;

/// The file is some fifty short lines, and what is looked for stands in the first.
const TEXT_BYTES_MAX: u64 = 64 << 10;

/// The memory that the kernel has for all programs, in bytes; `None` where it is not told, as on other systems than Linux.
///
/// What others use of it, and the limit of a cgroup, are not taken off.
///
/// ```
/// if let Some(bytes) = hippodrome_affinity::physical_memory_bytes() {
///     assert!(bytes > 1 << 20);
/// }
/// ```
#[must_use]
pub fn physical_memory_bytes() -> Option<u64> {
    let mut text = Vec::new();
    File::open("/proc/meminfo").ok()?.take(TEXT_BYTES_MAX).read_to_end(&mut text).ok()?;
    total_bytes(&String::from_utf8_lossy(&text))
}

fn total_bytes(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    total.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_or_unknown() {
        assert_eq!(total_bytes("MemTotal:       49435072 kB\nMemFree:  7 kB\n"), Some(49_435_072 << 10));
        for unknown in ["", "MemFree: 7 kB\n", "MemTotal: 7\n", "MemTotal: x kB", "MemTotal: 18446744073709551615 kB"] {
            assert_eq!(total_bytes(unknown), None, "{unknown}");
        }
        assert_eq!(physical_memory_bytes().is_some(), cfg!(target_os = "linux"));
    }
}
