//! Locked memory and real-time priority, with and without the permission.
//!
//! All in one test, because the limits and the lock are the process's.
#![cfg(target_os = "linux")]

use hippodrome_affinity::{LockError, MemoryLock, PriorityError, set_realtime_priority};
use std::fs;
use std::thread;

/// How much memory of the process is locked, in KiB.
fn locked_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn scheduler() -> libc::c_int {
    // SAFETY: 0 is the calling thread, and nothing is written.
    unsafe { libc::sched_getscheduler(0) }
}

/// Lowers both limits of the process, and takes the calling thread's permission to pass them.
fn give_up_permission() {
    let memory = libc::rlimit { rlim_cur: 65_536, rlim_max: 65_536 };
    let priority = libc::rlimit { rlim_cur: 7, rlim_max: 7 };
    let nobody = 65_534;
    // SAFETY: the limits are read during the calls only. The raw call changes the user of this thread alone, which
    // does nothing afterwards but try what it may do. The calls fail where there was no permission to begin with.
    unsafe {
        libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const memory);
        libc::setrlimit(libc::RLIMIT_RTPRIO, &raw const priority);
        libc::syscall(libc::SYS_setresuid, nobody, nobody, nobody);
    }
}

fn with_what_permission_there_is() {
    match MemoryLock::acquire() {
        Ok(first) => {
            assert!(locked_kib() > 0);
            let second = MemoryLock::acquire().unwrap();
            drop(first);
            assert!(locked_kib() > 0, "a lock is still held");
            drop(second);
            assert_eq!(locked_kib(), 0);
        }
        Err(error) => assert!(error.to_string().contains("RLIMIT_MEMLOCK is"), "{error}"),
    }
    match set_realtime_priority(1) {
        Ok(()) => assert_eq!(scheduler(), libc::SCHED_FIFO),
        Err(error) => assert!(matches!(error, PriorityError::NotPermitted { priority: 1, .. }), "{error}"),
    }
}

fn without_permission() {
    give_up_permission();
    let error = MemoryLock::acquire().unwrap_err();
    assert!(matches!(error, LockError::Limit { limit_bytes: Some(65_536), .. }), "{error}");
    assert!(error.to_string().contains("RLIMIT_MEMLOCK is 65536 bytes, which CAP_IPC_LOCK would lift"), "{error}");
    assert_eq!(locked_kib(), 0);

    let error = set_realtime_priority(50).unwrap_err();
    assert!(error.to_string().contains("priority 50: RLIMIT_RTPRIO is"), "{error}");
    match error {
        PriorityError::NotPermitted { priority: 50, limit, source } => {
            // A process that may not raise the limit keeps a lower one.
            assert!(limit.is_some_and(|limit| limit <= 7), "{limit:?}");
            assert_eq!(source.raw_os_error(), Some(libc::EPERM));
        }
        other => panic!("{other}"),
    }
    assert_eq!(scheduler(), libc::SCHED_OTHER);
}

#[test]
fn limits_are_kept_and_named() {
    for value in [0, 100, 255] {
        let error = set_realtime_priority(value).unwrap_err();
        assert_eq!(error.to_string(), format!("real-time priority {value} is out of range: it is 1 (lowest) to 99"));
    }
    thread::spawn(with_what_permission_there_is).join().unwrap();
    thread::spawn(without_permission).join().unwrap();
}
