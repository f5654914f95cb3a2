//! The machine in a line: what a tuned file is for.

use std::fmt;
use std::fs;

use serde::Serialize;

/// What is known of the machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Machine {
    /// The processor's name, or its architecture where the system does not tell.
    pub(super) cpu: String,
    /// The logical cores that are online.
    pub(super) online: usize,
    /// The cores that could be pinned to.
    pub(super) cores: String,
    /// The median round trip between them in nanoseconds.
    pub(super) round_trip_ns: Option<f64>,
}

impl Machine {
    /// The machine that this runs on.
    pub(super) fn detect(online: usize, cores: String, round_trip_ns: Option<f64>) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = cpu_model(&cpuinfo).unwrap_or_else(|| std::env::consts::ARCH.to_owned());
        Self { cpu, online, cores, round_trip_ns }
    }
}

/// The first processor's name, on one line.
fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    let name: String = name.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    (!name.is_empty()).then_some(name)
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} logical cores; cores {} to pin to", self.cpu, self.online, self.cores)?;
        match self.round_trip_ns {
            Some(ns) => write!(f, ", raw round trip {ns:.0} ns"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_first_ones_and_on_one_line() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast\u{1b}[31m CPU \r\nmodel name\t: Other\n";
        assert_eq!(cpu_model(cpuinfo).unwrap(), "Fast [31m CPU");
        assert_eq!(cpu_model("processor : 0\n"), None);
        assert_eq!(cpu_model("model name\t:\n"), None);
    }

    #[test]
    fn the_machine_fits_a_comment() {
        let machine = Machine::detect(4, "0-3".to_owned(), Some(101.6));
        assert!(machine.to_string().ends_with(", 4 logical cores; cores 0-3 to pin to, raw round trip 102 ns"));
        assert!(!machine.to_string().contains('\n'));
    }
}
