//! A scenario: the same work for several subjects, which take turns.

use crate::arguments::Arguments;
use crate::cores::Cores;
use crate::report::{Report, SubjectReport};
use crate::sample::{Failure, Sample};

/// One kind of work.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What a figure is for: a message, a round trip or an actor.
    pub(crate) unit: &'static str,
    /// The units of one sample.
    pub(crate) count: u64,
    pub(crate) needs_two_cores: bool,
    pub(crate) subjects: &'static [Subject],
    /// The subject that the others are compared with.
    pub(crate) peer: Option<&'static str>,
    pub(crate) gates: &'static [Gate],
}

/// One way to do the work.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// Does the work `count` times, checks the result, and says what it took.
    pub(crate) run: fn(count: u64, cores: &Cores) -> Result<Sample, Failure>,
}

/// What a subject's medians have to be.
pub(crate) enum Gate {
    /// So many times as fast as the peer.
    RatioAtLeast(&'static str, f64),
    /// So many raw round trips.
    MultipleAtMost(&'static str, f64),
    /// So many nanoseconds.
    NsAtMost(&'static str, f64),
    /// So many bytes.
    BytesAtMost(&'static str, f64),
}

impl Scenario {
    /// Runs the subjects in turn, each as often as the arguments say.
    pub(crate) fn measure(&self, arguments: &Arguments, cores: &Cores) -> Result<Report, Failure> {
        let count = arguments.messages.unwrap_or(self.count);
        let subjects: Vec<_> = self.subjects.iter().filter(|subject| arguments.selects(subject.name)).collect();
        let mut samples: Vec<Vec<Sample>> = subjects.iter().map(|_| Vec::new()).collect();
        let sample = |subject: &Subject| {
            let run = (subject.run)(count, cores);
            run.map_err(|error| Failure::from(format!("{}, {}: {error}", self.name, subject.name)))
        };
        if !arguments.once {
            for subject in &subjects {
                sample(subject)?;
            }
        }
        for _ in 0..arguments.samples() {
            for (subject, samples) in subjects.iter().zip(&mut samples) {
                samples.push(sample(subject)?);
            }
        }
        let subjects = subjects.iter().zip(samples).map(|(subject, samples)| SubjectReport::new(subject.name, samples));
        Ok(Report::new(self, count, cores, subjects.collect()))
    }
}
