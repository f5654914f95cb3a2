//! Pinned threads, for what is not an actor engine: producers on the first core, a consumer on the second.
//!
//! With two cores there is one core for all producers, so several of them are threads that share it.

use std::sync::{Barrier, mpsc};
use std::thread::ScopedJoinHandle;
use std::time::Instant;

use hippodrome_affinity::{CoreId, pin_current_thread};

use crate::cores::Cores;
use crate::finish::Finish;
use crate::sample::{Failure, Sample};

/// Runs each of `producers` on a thread of its own that is pinned to `core`. They begin together, which is where the
/// sample begins; it ends when `finish` is set.
///
/// # Errors
/// A thread cannot be pinned, there is no producer, or the finish is not set.
pub fn produce<F: FnOnce() + Send>(core: CoreId, finish: &Finish, producers: Vec<F>) -> Result<Sample, Failure> {
    let ready = Barrier::new(producers.len());
    let begin = |produce: F| {
        let pinned = pin_current_thread(core);
        ready.wait();
        let started = Instant::now();
        produce();
        pinned.map(|()| started)
    };
    let mut started = None;
    std::thread::scope(|scope| {
        let threads: Vec<_> = producers.into_iter().map(|producer| scope.spawn(|| begin(producer))).collect();
        for thread in threads {
            let each = join(thread)?;
            started = Some(started.map_or(each, |first: Instant| first.min(each)));
        }
        Ok(Sample::new(started.ok_or("a sample needs at least one producer")?, finish.wait()?))
    })
}

/// The same beside a thread on the second core that runs `consume`, which has begun before the producers do. It must
/// return by itself when everything has come.
///
/// # Errors
/// As for [`produce`], or there is no second core.
pub fn produce_and_consume<F: FnOnce() + Send>(
    cores: &Cores,
    finish: &Finish,
    producers: Vec<F>,
    consume: impl FnOnce() + Send,
) -> Result<Sample, Failure> {
    let (first, second) = cores.pair()?;
    let (consumes, is_consuming) = mpsc::channel();
    std::thread::scope(|scope| {
        let consuming = scope.spawn(move || {
            let pinned = pin_current_thread(second);
            // The other end is open until this has come.
            let _ = consumes.send(());
            consume();
            pinned
        });
        is_consuming.recv()?;
        let sample = produce(first, finish, producers);
        join(consuming)?;
        sample
    })
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
