//! What the tests of routers, groups and topics share: messages that are numbered, and a ledger of what became of them.

#![allow(dead_code, reason = "each test program uses a part of this")]

#[path = "waiting.rs"]
mod waiting;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hippodrome::{Actor, ActorRef, Address, Context, Handle, On, from_fn};

pub(crate) use waiting::{PATIENCE, eventually};

/// Who sent it, and its number.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) sender: u64,
    pub(crate) number: u64,
    /// Tells the ledger when the job is dropped, handled or not.
    ticket: Ticket,
}

#[derive(Debug)]
struct Ticket(Arc<Mutex<Tally>>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.lock().unwrap().dropped += 1;
    }
}

#[derive(Debug, Default)]
struct Tally {
    made: u64,
    dropped: u64,
    /// In the order handled: by whom, and whose.
    handled: Vec<(Address, u64, u64)>,
}

/// Makes jobs, and knows what became of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Tally>>);

impl Ledger {
    pub(crate) fn job(&self, sender: u64, number: u64) -> Job {
        self.0.lock().unwrap().made += 1;
        Job { sender, number, ticket: Ticket(self.0.clone()) }
    }

    /// Takes a job as handled.
    pub(crate) fn handled(&self, by: Address, job: &Job) {
        self.0.lock().unwrap().handled.push((by, job.sender, job.number));
    }

    /// Forgets what was handled so far.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap().handled.clear();
    }

    pub(crate) fn made(&self) -> u64 {
        self.0.lock().unwrap().made
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.0.lock().unwrap().dropped
    }

    pub(crate) fn handled_count(&self) -> u64 {
        self.0.lock().unwrap().handled.len() as u64
    }

    /// How many jobs this actor has handled.
    pub(crate) fn share(&self, actor: Address) -> u64 {
        self.0.lock().unwrap().handled.iter().filter(|(by, ..)| *by == actor).count() as u64
    }

    /// Who handled each job, by sender and number.
    pub(crate) fn fates(&self) -> BTreeMap<(u64, u64), Address> {
        self.0.lock().unwrap().handled.iter().map(|(by, sender, number)| ((*sender, *number), *by)).collect()
    }

    /// Who handled them, in order.
    pub(crate) fn order(&self) -> Vec<Address> {
        self.0.lock().unwrap().handled.iter().map(|(by, ..)| *by).collect()
    }

    /// Makes sure that no job was handled twice, and that the jobs of one sender came to each actor in the order sent.
    #[track_caller]
    pub(crate) fn check_order(&self) {
        let tally = self.0.lock().unwrap();
        let mut last = BTreeMap::new();
        let mut seen = std::collections::BTreeSet::new();
        for (by, sender, number) in &tally.handled {
            assert!(seen.insert((*sender, *number)), "job {number} of {sender} was handled twice");
            if let Some(before) = last.insert((by.to_string(), *sender), *number) {
                assert!(before < *number, "{by} got job {number} of {sender} after {before}");
            }
        }
    }

    /// An actor that handles jobs.
    pub(crate) fn worker(&self) -> impl Actor<Msg = Job> + use<> {
        let ledger = self.clone();
        from_fn(move |job: Job, ctx: &mut Context<'_, Job>| ledger.handled(ctx.me().address(), &job))
    }

    /// So many of them, on the workers in turn.
    pub(crate) fn workers(&self, handle: &Handle, count: usize) -> Vec<ActorRef<Job>> {
        let spawn = |index: usize| {
            let ledger = self.clone();
            handle.spawn(On::Worker(index % handle.workers()), move || ledger.worker()).unwrap()
        };
        (0..count).map(spawn).collect()
    }
}
