//! How much memory the process has, by what the operating system says.

use std::fs;

/// The resident memory now, in bytes; `None` where the system does not say it as Linux does.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    field("VmRSS:")
}

/// The most resident memory there ever was, in bytes; `None` where the system does not say it as Linux does.
#[must_use]
pub fn peak_bytes() -> Option<u64> {
    field("VmHWM:")
}

fn field(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Bytes as a table shows them.
#[must_use]
pub fn mib(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.1}", bytes as f64 / f64::from(1 << 20)))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_touched_is_resident() {
        let before = resident_bytes().unwrap();
        let block = vec![7_u8; 64 << 20];
        assert!(resident_bytes().unwrap() >= before + (60 << 20));
        assert!(peak_bytes().unwrap() >= before + (60 << 20));
        drop(block);
    }
}
