//! The Tokio runtimes that the actor engines run on.
//!
//! Each thread has a runtime of its own, pinned to its core, without drivers for I/O and time, which no scenario needs.
//! On one core it never runs dry while anything is timed. Across two cores a runtime that runs dry would put its thread
//! to sleep, and each message would pay for a system call to wake it; so a task that does nothing but yield keeps both
//! threads awake, as Hippodrome's busy-spinning workers are.

use std::cell::OnceCell;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use hippodrome_affinity::pin_current_thread;
use hippodrome_perf_kit::{Cores, Failure, Finish, Place, Sample, on_core};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Notify, oneshot};

/// What a runtime's thread does while there is nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenIdle {
    Sleep,
    Spin,
}

impl WhenIdle {
    /// What is best on these cores.
    pub(crate) fn on(cores: &Cores) -> Self {
        if cores.second.is_some() { Self::Spin } else { Self::Sleep }
    }
}

/// A runtime for the thread that blocks on it.
pub(crate) fn runtime(when_idle: WhenIdle) -> io::Result<Runtime> {
    let runtime = Builder::new_current_thread().build()?;
    if when_idle == WhenIdle::Spin {
        runtime.spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
    }
    Ok(runtime)
}

/// A run's finish, and the runner that waits for it.
pub(crate) struct Timed {
    pub(crate) finish: Arc<Finish>,
    over: Arc<Notify>,
}

impl Timed {
    pub(crate) fn new() -> Self {
        let over = Arc::new(Notify::new());
        let wake = over.clone();
        Self { finish: Arc::new(Finish::and_then(move || wake.notify_one())), over }
    }

    /// Times what `go` sets off.
    pub(crate) async fn run(self, go: impl FnOnce() -> Result<(), Failure>) -> Result<Sample, Failure> {
        let started = Instant::now();
        go()?;
        self.over.notified().await;
        Ok(Sample::new(started, self.finish.get()?))
    }
}

thread_local! {
    /// The runtimes of the current run, of the first core and of the second.
    static RUNTIMES: OnceCell<Vec<Handle>> = const { OnceCell::new() };
}

/// Makes the current thread one of the run's. Each thread serves one run.
fn join_run(handles: &[Handle]) {
    RUNTIMES.with(|runtimes| drop(runtimes.set(handles.to_vec())));
}

/// Calls `spawn` where what it spawns goes to this place.
pub(crate) fn at<T>(place: Place, spawn: impl FnOnce() -> T) -> T {
    match place {
        Place::Here => spawn(),
        Place::Core(number) => RUNTIMES.with(|runtimes| {
            let runtime = runtimes.get().and_then(|all| all.get(number % all.len()));
            let _entered = runtime.map(Handle::enter);
            spawn()
        }),
    }
}

/// Runs `main` on a runtime on the first core, while another one runs on the second, if there is a second.
///
/// Both have ended when it returns, and everything that was spawned on them has been dropped.
pub(crate) fn on_cores<T: Send>(
    cores: &Cores,
    main: impl AsyncFnOnce() -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    let near = runtime(WhenIdle::on(cores))?;
    let Some(second) = cores.second else {
        return on_core(cores.first, || {
            join_run(&[near.handle().clone()]);
            near.block_on(main())
        });
    };
    let far = runtime(WhenIdle::on(cores))?;
    let handles = [near.handle().clone(), far.handle().clone()];
    let (open, closed) = oneshot::channel::<()>();
    std::thread::scope(|scope| {
        let far = scope.spawn(|| {
            let pinned = pin_current_thread(second);
            join_run(&handles);
            // The error says that the other end was dropped, which is how it ends.
            let _ = far.block_on(closed);
            drop(far);
            pinned
        });
        let result = on_core(cores.first, || {
            join_run(&handles);
            let result = near.block_on(main());
            drop(near);
            result
        });
        drop(open);
        far.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        result
    })
}
