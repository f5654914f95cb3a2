//! The environment in words: its facts in sections, and the text of `perf report --environment`.

use std::fmt::{self, Write as _};

use hippodrome_affinity::CoreSet;

use super::check::{Check, Severity};
use super::process::{CpuLimit, Limit};
use super::{Environment, Mend};

/// The widest line of the text.
const COLUMNS: usize = 100;

/// What is known of one part of the machine, each by its name.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// The part.
    pub(crate) title: &'static str,
    /// Names and values.
    pub(crate) facts: Vec<(&'static str, String)>,
}

const UNKNOWN: &str = "unknown";

fn known<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

fn cores(value: Option<&CoreSet>) -> String {
    value.map_or_else(
        || UNKNOWN.to_owned(),
        |cores| if cores.is_empty() { "none".to_owned() } else { cores.to_string() },
    )
}

fn listed(values: &[String], empty: &str) -> String {
    if values.is_empty() { empty.to_owned() } else { values.join(", ") }
}

fn yes(value: Option<bool>) -> String {
    known(value.map(|value| if value { "yes" } else { "no" }))
}

/// Bytes in the greatest unit of which there is at least one.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(4);
    let amount = bytes as f64 / (1_u64 << (10 * power)) as f64;
    let unit = units[power as usize];
    if bytes == 1 {
        "1 byte".to_owned()
    } else if amount < 10.0 && amount.fract() != 0.0 {
        format!("{amount:.1} {unit}")
    } else {
        format!("{amount:.0} {unit}")
    }
}

impl Environment {
    /// The machine in one line.
    pub(crate) fn in_a_line(&self) -> String {
        let cores = self.processor.logical_cores.map(|cores| match cores {
            1 => "1 core".to_owned(),
            cores => format!("{cores} cores"),
        });
        let kernel = self.kernel.release.as_ref().map(|release| format!("Linux {release}"));
        let virtual_machine = self.processor.has_hypervisor.filter(|has| *has).map(|_| "virtual machine".to_owned());
        let parts: Vec<String> =
            [self.processor.model.clone(), cores, virtual_machine, kernel].into_iter().flatten().collect();
        if parts.is_empty() { "On a machine of which nothing could be read".to_owned() } else { parts.join(" · ") }
    }

    /// What is known, in sections.
    pub(crate) fn sections(&self) -> Vec<Section> {
        vec![self.processor_section(), self.kernel_section(), self.memory_section(), self.process_section()]
    }

    fn processor_section(&self) -> Section {
        let it = &self.processor;
        let caches: Vec<String> = it
            .caches
            .iter()
            .map(|cache| {
                let kind = if cache.kind == "unified" { String::new() } else { format!(" {}", cache.kind) };
                let shared =
                    if cache.shared_by > 1 { format!(" (each for {})", cache.shared_by) } else { String::new() };
                format!("L{}{kind} {} × {}{shared}", cache.level, cache.instances, bytes(cache.size_bytes))
            })
            .collect();
        let governors: Vec<String> =
            it.governors.iter().map(|(governor, cores)| format!("{governor} on {cores}")).collect();
        let deepest = it.deepest_idle.as_ref();
        Section {
            title: "Processor",
            facts: vec![
                ("Model", known(it.model.as_ref())),
                ("Logical cores", known(it.logical_cores)),
                ("Physical cores", known(it.physical_cores)),
                ("SMT", yes(it.has_smt)),
                ("Packages", known(it.packages)),
                ("NUMA nodes", known(it.numa_nodes)),
                ("Caches", listed(&caches, UNKNOWN)),
                ("Governor", listed(&governors, UNKNOWN)),
                ("Frequency driver", known(it.frequency_driver.as_ref())),
                ("Boost", yes(it.boost.map(|boost| boost.is_on))),
                ("Deepest idle state", known(deepest.map(|it| format!("{}, {} µs", it.name, it.exit_latency_us)))),
                ("Constant time stamp counter", yes(it.has_invariant_tsc)),
                ("Virtual", yes(it.has_hypervisor)),
                ("Machine", known(self.kernel.product.as_ref())),
            ],
        }
    }

    fn kernel_section(&self) -> Section {
        let it = &self.kernel;
        let nohz_full = match it.can_stop_tick {
            Some(false) => "none: not built into this kernel".to_owned(),
            _ => cores(it.nohz_full.as_ref()),
        };
        Section {
            title: "Kernel",
            facts: vec![
                ("Release", known(it.release.as_ref())),
                ("Real-time", yes(it.is_realtime)),
                ("Parameters that matter", it.flags.as_ref().map_or(UNKNOWN.to_owned(), |flags| listed(flags, "none"))),
                ("Clock source", known(it.clock_source.as_ref())),
                ("Clock sources available", listed(&it.clock_sources, UNKNOWN)),
                ("Tick", known(it.tick_hz.map(|hz| format!("{hz} Hz")))),
                ("Isolated cores", cores(it.isolated.as_ref())),
                ("Cores without tick", nohz_full),
                ("Cores without RCU callbacks", cores(it.rcu_nocbs.as_ref())),
                ("irqbalance runs", yes(self.interrupts.is_balanced)),
                ("Time stolen by the hypervisor", known(it.stolen_share.map(|share| format!("{:.2}%", share * 100.0)))),
            ],
        }
    }

    fn memory_section(&self) -> Section {
        let it = &self.memory;
        let reserved = it.reserved_huge_pages.map(|pages| match it.huge_page_bytes {
            Some(size) => format!("{pages} of {}, {} free", bytes(size), known(it.free_huge_pages)),
            None => pages.to_string(),
        });
        Section {
            title: "Memory",
            facts: vec![
                ("Total", known(it.total_bytes.map(bytes))),
                ("Transparent huge pages", known(it.transparent_huge_pages.as_ref())),
                ("Their defragmentation", known(it.defragmentation.as_ref())),
                ("Reserved huge pages", known(reserved)),
                ("Swap", known(it.swap_bytes.map(|size| if size == 0 { "none".to_owned() } else { bytes(size) }))),
            ],
        }
    }

    fn process_section(&self) -> Section {
        let it = &self.process;
        let limit = match &it.cpu_limit {
            Some(CpuLimit::Cores { cores, file, .. }) => format!("{cores:.2} cores ({file})"),
            Some(CpuLimit::None) => "none".to_owned(),
            None => UNKNOWN.to_owned(),
        };
        let up_to = |limit: Option<Limit>, unit: fn(u64) -> String| match limit {
            Some(Limit::AtMost(most)) => unit(most),
            Some(Limit::Unlimited) => "unlimited".to_owned(),
            None => UNKNOWN.to_owned(),
        };
        Section {
            title: "Process",
            facts: vec![
                ("Workers' cores", cores(Some(&self.workers))),
                ("CPU limit of its cgroup", limit),
                ("Cores of its cgroup", cores(self.cgroup.as_ref())),
                ("Locked memory", up_to(it.locked_memory, bytes)),
                ("Real-time priority", up_to(it.realtime_priority, |most| most.to_string())),
                ("Load average", known(it.load)),
            ],
        }
    }
}

/// The sections, then the checks, the worst first.
impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for section in self.sections() {
            writeln!(f, "{}", section.title)?;
            for (name, value) in &section.facts {
                writeln!(f, "  {name:<29}  {}", wrapped(value, 33))?;
            }
            writeln!(f)?;
        }
        writeln!(f, "For low latency, {}", self.verdict())?;
        for check in self.checks() {
            write_check(f, &check)?;
        }
        Ok(())
    }
}

impl Environment {
    /// How many things are wrong, in one sentence that goes on after "For low latency".
    pub(crate) fn verdict(&self) -> String {
        let checks = self.checks();
        let count = |severity| checks.iter().filter(|check| check.severity == severity).count();
        let (bad, could_be_better) = (count(Severity::Bad), count(Severity::CouldBeBetter));
        let unknown = match count(Severity::Unknown) {
            all if all == checks.len() => return "nothing could be read.".to_owned(),
            0 => String::new(),
            number => format!(" ({number} could not be read)"),
        };
        let are = |number| if number == 1 { "is" } else { "are" };
        match (bad, could_be_better) {
            (0, 0) => format!("all is good{unknown}."),
            (0, better) => format!("nothing is bad, {better} could be better{unknown}."),
            (bad, 0) => format!("{bad} {} bad{unknown}.", are(bad)),
            (bad, better) => format!("{bad} {} bad, {better} could be better{unknown}.", are(bad)),
        }
    }
}

fn write_check(f: &mut fmt::Formatter<'_>, check: &Check) -> fmt::Result {
    let line = format!("{}: {}", check.about, check.found);
    writeln!(f, "  {:<15}  {}", check.severity.word(), wrapped(&line, 19))?;
    if check.mend.is_empty() {
        return Ok(());
    }
    writeln!(f, "{:19}{}", "", wrapped(check.why, 19))?;
    for mend in &check.mend {
        match (mend, mend.label()) {
            // A command stays in one line, to be copied.
            (Mend::Run(text) | Mend::Boot(text), Some(label)) => writeln!(f, "{:19}{label}: {text}", "")?,
            (mend, _) => writeln!(f, "{:19}{}", "", wrapped(mend.text(), 19))?,
        }
    }
    Ok(())
}

/// The text with line breaks between words, so that it stands `indent` columns from the left.
fn wrapped(text: &str, indent: usize) -> String {
    let mut wrapped = String::new();
    let mut column = indent;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > indent && column + 1 + width > COLUMNS {
            let _ = write!(wrapped, "\n{:indent$}", "");
            column = indent;
        } else if column > indent {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += width;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_in_the_greatest_unit() {
        let read = [0, 1, 1023, 1024, 1536, 8 << 20, (8 << 20) + (1 << 19), 3 << 40, 5000 << 40].map(bytes);
        let words = ["0 bytes", "1 byte", "1023 bytes", "1 KiB", "1.5 KiB", "8 MiB", "8.5 MiB", "3 TiB", "5000 TiB"];
        assert_eq!(read, words);
    }

    #[test]
    fn lines_break_between_words() {
        let text = ["word"; 30].join(" ");
        for line in wrapped(&text, 20).lines().skip(1) {
            assert!(line.starts_with("                    word") && line.len() <= COLUMNS, "{line:?}");
        }
        assert_eq!(wrapped("a  b", 3), "a  b");
    }
}
