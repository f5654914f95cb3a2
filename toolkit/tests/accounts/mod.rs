//! What becomes of each message: messages that keep accounts of themselves.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hippodrome::sim::{Injected, Sim};
use hippodrome::{ActorRef, Report};

/// The accounts of a test's messages.
pub(crate) struct Accounts {
    sent: AtomicUsize,
    handled: [AtomicU64; MESSAGES_MAX],
    dropped: [AtomicU64; MESSAGES_MAX],
}

const MESSAGES_MAX: usize = 1024;

/// The name of one message in its accounts; it is in the message, and dropped with it.
pub(crate) struct Entry {
    number: usize,
    accounts: Arc<Accounts>,
}

impl Accounts {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            sent: 0.into(),
            handled: [const { AtomicU64::new(0) }; _],
            dropped: [const { AtomicU64::new(0) }; _],
        })
    }

    /// One more message, which is about to be sent.
    pub(crate) fn entry(self: &Arc<Self>) -> Entry {
        Entry { number: self.sent.fetch_add(1, Ordering::Relaxed), accounts: self.clone() }
    }

    fn each<'a>(&self, counts: &'a [AtomicU64]) -> impl Iterator<Item = u64> + use<'a> {
        counts[..self.sent.load(Ordering::Relaxed)].iter().map(|count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn handled(&self) -> u64 {
        self.each(&self.handled).sum()
    }

    /// Each message was dropped once and handled at most once, and those that were not handled are dead letters: as many
    /// as `dead` says.
    #[track_caller]
    pub(crate) fn check(&self, dead: u64) {
        assert!(self.each(&self.dropped).all(|times| times == 1), "each is dropped once");
        assert!(self.each(&self.handled).all(|times| times <= 1), "none is handled twice");
        let sent = self.sent.load(Ordering::Relaxed) as u64;
        assert_eq!(self.handled() + dead, sent, "each is handled or reported");
    }

    /// The same, at the end of a simulation: whose panics behind a handler report what was handled or kept.
    #[track_caller]
    pub(crate) fn check_simulated(&self, report: &Report, injected: &Injected) {
        self.check(report.dead_letters.total() - injected.panics_after);
    }
}

/// Tells two actors messages at random, which `make` makes of a number below 64 and an entry of the accounts, lets them
/// work meanwhile, and checks the accounts at the end.
#[track_caller]
pub(crate) fn account_for<M: Send + 'static>(
    sim: &mut Sim,
    actors: [ActorRef<M>; 2],
    mut make: impl FnMut(u64, Entry) -> M,
) {
    let accounts = Accounts::new();
    let mut choice = sim.seed();
    for _ in 0..300 {
        choice = choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sim.handle().tell(actors[(choice >> 40) as usize % 2], make(choice >> 58, accounts.entry()));
        sim.run_for_steps(choice >> 32 & 3);
    }
    sim.run_until_idle().unwrap();
    let report = sim.shutdown().unwrap();
    accounts.check_simulated(&report, &sim.injected());
    assert!(accounts.handled() > 0);
}

impl Entry {
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// The message has reached whoever it is for.
    pub(crate) fn handle(&self) {
        self.accounts.handled[self.number].fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.accounts.dropped[self.number].fetch_add(1, Ordering::Relaxed);
    }
}
