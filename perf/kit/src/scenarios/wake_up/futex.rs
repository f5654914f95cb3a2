//! A bare futex between two threads: the least that waking a thread takes on Linux.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Wake, between_threads};
use crate::cores::Cores;
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Subject};

/// A thread that waits on a futex, and one that wakes it.
pub const FUTEX: Subject = Subject::new("wake_up", "futex", run);

fn run(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let messages: Vec<OnceLock<Wake>> = (0..=case.messages).map(|_| OnceLock::new()).collect();
    let sent = AtomicU32::new(0);
    let tell = |wake: Wake| {
        // Release: the message is there before it is counted.
        messages[wake.sequence as usize].get_or_init(|| wake);
        sent.fetch_add(1, Ordering::Release);
        wake_one(&sent);
    };
    between_threads(case, cores, tell, |mut sleeper| {
        for (taken, message) in messages.iter().enumerate() {
            while sent.load(Ordering::Acquire) <= taken as u32 {
                wait_while(&sent, taken as u32);
            }
            sleeper.take(*message.wait());
        }
    })
}

/// Sleeps while the word has this value. May also return early: what was waited for is looked at again.
fn wait_while(word: &AtomicU32, value: u32) {
    // SAFETY: the kernel reads the word, which outlives the call. The null means that there is no timeout.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), PRIVATE_WAIT, value, ptr::null::<libc::timespec>()) };
}

/// Wakes one thread that sleeps on the word.
fn wake_one(word: &AtomicU32) {
    // SAFETY: the kernel takes the word's address as a name alone.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), PRIVATE_WAKE, 1) };
}

const PRIVATE_WAIT: libc::c_int = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
const PRIVATE_WAKE: libc::c_int = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
