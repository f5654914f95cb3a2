//! Memory: huge pages and swap.

use serde::Serialize;

use super::tree::Tree;

/// What is known of the memory.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Memory {
    /// All of it.
    pub(crate) total_bytes: Option<u64>,
    /// When the kernel makes huge pages by itself: `always`, `madvise` or `never`.
    pub(crate) transparent_huge_pages: Option<String>,
    /// What a program waits for when there is no free huge page.
    pub(crate) defragmentation: Option<String>,
    /// Huge pages that are set aside.
    pub(crate) reserved_huge_pages: Option<u64>,
    /// Those that nobody uses.
    pub(crate) free_huge_pages: Option<u64>,
    /// The size of one.
    pub(crate) huge_page_bytes: Option<u64>,
    /// Room for pages on a disk.
    pub(crate) swap_bytes: Option<u64>,
    /// How much of it holds pages.
    pub(crate) swapped_bytes: Option<u64>,
}

impl Memory {
    pub(super) fn read(tree: Tree<'_>) -> Self {
        let meminfo = tree.text("proc/meminfo").unwrap_or_default();
        let huge = |name: &str| tree.text(&format!("sys/kernel/mm/transparent_hugepage/{name}"));
        let swap_bytes = entry(&meminfo, "SwapTotal");
        Self {
            total_bytes: entry(&meminfo, "MemTotal"),
            transparent_huge_pages: huge("enabled").as_deref().and_then(chosen),
            defragmentation: huge("defrag").as_deref().and_then(chosen),
            reserved_huge_pages: entry(&meminfo, "HugePages_Total"),
            free_huge_pages: entry(&meminfo, "HugePages_Free"),
            huge_page_bytes: entry(&meminfo, "Hugepagesize"),
            swap_bytes,
            swapped_bytes: swap_bytes.zip(entry(&meminfo, "SwapFree")).map(|(all, free)| all.saturating_sub(free)),
        }
    }
}

/// The line `name: number`, or `name: number kB` in bytes.
fn entry(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let mut words = line.split_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    match words.next() {
        Some("kB") => number.checked_mul(1024),
        _ => Some(number),
    }
}

/// The word in brackets.
fn chosen(text: &str) -> Option<String> {
    text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']')).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_bytes_or_counts() {
        let meminfo = "MemTotal:       16 kB\nHugePages_Total:      64\nHugePages_Free: x\n";
        assert_eq!(entry(meminfo, "MemTotal"), Some(16384));
        assert_eq!(entry(meminfo, "HugePages_Total"), Some(64));
        assert_eq!(entry(meminfo, "HugePages_Free"), None);
        assert_eq!(entry(meminfo, "Mem"), None);
    }

    #[test]
    fn the_chosen_word_is_in_brackets() {
        assert_eq!(chosen("always [madvise] never").as_deref(), Some("madvise"));
        assert_eq!(chosen("always"), None);
    }
}
