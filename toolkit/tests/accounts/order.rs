//! The order in which a stash must be handled, as a model says it that knows neither queue nor place: by the numbers of the
//! messages alone.

use std::collections::BTreeMap;

use proptest::prelude::*;

/// What a handler does with a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    /// It is done with.
    Done,
    /// Into the stash.
    Keep,
    /// It is done with, and so the stash is to be handled again.
    Unstash,
    /// Into the stash, which is to be handled again with it.
    KeepAndUnstash,
}

/// A message, with what is done each time that it is handled; at last it is done with.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) number: usize,
    acts: Vec<Act>,
}

impl Planned {
    pub(crate) fn next_act(&mut self) -> Act {
        self.acts.pop().unwrap_or(Act::Done)
    }
}

/// Some messages, in the order in which they are sent.
pub(crate) fn plan() -> impl Strategy<Value = Vec<Planned>> {
    let act = prop_oneof![
        1 => Just(Act::Done),
        6 => Just(Act::Keep),
        2 => Just(Act::Unstash),
        1 => Just(Act::KeepAndUnstash),
    ];
    prop::collection::vec(prop::collection::vec(act, 0..5), 1..30)
        .prop_map(|plans| plans.into_iter().enumerate().map(|(number, acts)| Planned { number, acts }).collect())
}

/// The numbers of the messages as they must be handled: in each pass over the stash those that are in it, in the order of
/// their numbers; an unstash begins a pass from the least number, whether there is one going on or not.
pub(crate) fn expected(plan: &[Planned]) -> Vec<usize> {
    let mut stash = BTreeMap::new();
    let mut handled = Vec::new();
    for message in plan {
        let mut next = Some(message.clone());
        let mut last: Option<usize> = None;
        let mut is_pass = false;
        while let Some(mut message) = next.take() {
            handled.push(message.number);
            if is_pass {
                last = Some(message.number);
            }
            let act = message.next_act();
            if matches!(act, Act::Keep | Act::KeepAndUnstash) {
                stash.insert(message.number, message);
            }
            if matches!(act, Act::Unstash | Act::KeepAndUnstash) {
                (is_pass, last) = (true, None);
            }
            if is_pass {
                let number = stash.keys().copied().find(|number| last.is_none_or(|last| *number > last));
                next = number.and_then(|number| stash.remove(&number));
            }
        }
    }
    handled
}
