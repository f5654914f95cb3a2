//! The ledger: all parties of a workload, and what their counts must add up to.

use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use super::party::{Counts, Party};
use super::stream::StreamId;
use super::violation::Violation;

/// All parties of a workload.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    next_id: AtomicU32,
    parties: Mutex<Vec<&'static Party>>,
    /// What those counted that have gone.
    retired: Mutex<Counts>,
}

/// The streams of a ledger, and what is wrong with them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Streams {
    pub(crate) pairs: u64,
    pub(crate) streams: u64,
    pub(crate) digest: u64,
}

impl Ledger {
    /// A new party: an actor, or a thread outside.
    pub(crate) fn enlist(&self, is_outside: bool) -> &'static Party {
        // Numbered within the lock, so that the list is in the order of the numbers.
        let mut parties = self.parties.lock();
        let party = Party::enlist(self.next_id.fetch_add(1, Ordering::Relaxed), is_outside);
        parties.push(party);
        party
    }

    /// The sum of all counts. In each look, no more has ended than begun.
    pub(crate) fn counts(&self) -> Counts {
        let parties = self.parties.lock();
        let mut counts = *self.retired.lock();
        parties.iter().for_each(|party| party.count_ended(&mut counts));
        counts.begun += parties.iter().map(|party| party.begun()).sum::<u64>();
        counts
    }

    /// What is wrong, as far as it is known now.
    pub(crate) fn faults(&self, into: &mut Vec<Violation>) {
        self.parties.lock().iter().for_each(|party| party.faults(into));
    }

    /// Timers and asks that were dropped though their actors live on.
    pub(crate) fn forgotten(&self) -> u64 {
        self.parties.lock().iter().map(|party| party.forgotten()).sum()
    }

    /// How many there ever were.
    pub(crate) fn enlisted(&self) -> u64 {
        self.next_id.load(Ordering::Relaxed).into()
    }

    /// Holds each stream's beginning against its end, when nothing is on its way.
    pub(crate) fn streams(&self, into: &mut Vec<Violation>) -> Streams {
        let parties = self.parties.lock();
        let mut all = Streams::default();
        for sender in &*parties {
            let mut last = None;
            for ((receiver, stream), sent) in sender.numbered() {
                all.streams += 1;
                all.pairs += u64::from(last.replace(receiver) != Some(receiver));
                self.missing(&parties, sender, (receiver, stream), sent, into);
            }
            all.digest = all.digest.rotate_left(1) ^ sender.digest();
        }
        all
    }

    fn missing(
        &self,
        parties: &[&'static Party],
        sender: &Party,
        (receiver, stream): (u32, StreamId),
        sent: u64,
        into: &mut Vec<Violation>,
    ) {
        let found = parties.binary_search_by_key(&receiver, |party| party.id());
        let missing = found.map_or(Some((sent, 0)), |found| parties[found].missing(sender.id(), stream, sent));
        if let Some((count, first)) = missing {
            into.push(Violation::Lost { sender: sender.id(), receiver, stream, count, first, sent });
        }
    }

    /// Lets those go whom nobody knows any more. Nothing may be on its way, and everything must have been found right.
    pub(crate) fn renew(&self, is_known: impl Fn(&Party) -> bool) {
        let mut parties = self.parties.lock();
        let mut retired = self.retired.lock();
        let mut gone = Vec::new();
        parties.retain(|party| {
            let goes = party.is_gone() && !party.is_held() && !is_known(party);
            if goes {
                gone.push(*party);
            }
            !goes
        });
        gone.sort_by_key(|party| party.id());
        let is_gone = |id: u32| gone.binary_search_by_key(&id, |party| party.id()).is_ok();
        parties.iter().for_each(|party| party.forget(is_gone));
        for party in gone {
            let mut counts = Counts::default();
            party.count_ended(&mut counts);
            counts.begun = party.begun();
            retired.add(&counts);
            party.retire();
        }
    }
}

impl Drop for Ledger {
    /// Parties with something on its way are never used again: a token may still come back to them.
    fn drop(&mut self) {
        let counts = self.counts();
        if counts.begun == counts.ended() {
            self.parties.get_mut().drain(..).filter(|party| !party.is_held()).for_each(Party::retire);
        }
    }
}
