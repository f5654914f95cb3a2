//! Every interleaving of the writers of a cell or a board with its reader.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
// It counts what happened and takes no part in the protocol, so it need not be explored.
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::sync::Mutex;
use loom::thread;

use super::{Notice, Reader, Replaced, Writer, board, cell};

/// Says who wrote it and when, and counts when it is dropped.
struct Value {
    name: u32,
    drops: Arc<AtomicUsize>,
}

impl Drop for Value {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// What makes values and counts them.
#[derive(Clone, Default)]
struct Ledger {
    drops: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
}

impl Ledger {
    fn value(&self, name: u32) -> Value {
        self.made.fetch_add(1, Ordering::Relaxed);
        Value { name, drops: self.drops.clone() }
    }
}

/// All interleavings of `body`, and the check that each value which it made was dropped once.
fn model(preemptions: Option<usize>, body: impl Fn(Ledger) + Send + Sync + 'static) {
    crate::explore::explore(preemptions, move || {
        let ledger = Ledger::default();
        body(ledger.clone());
        assert_eq!(ledger.drops.load(Ordering::Relaxed), ledger.made.load(Ordering::Relaxed));
    });
}

fn name(value: Option<&Value>) -> Option<u32> {
    value.map(|value| value.name)
}

/// The names of what writes found, and whether each was unread.
fn found(replaced: &Replaced<Value>) -> Option<(u32, bool)> {
    match replaced {
        Replaced::Nothing => None,
        Replaced::Taken(value) => Some((value.name, false)),
        Replaced::Unread(value) => Some((value.name, true)),
    }
}

#[test]
fn the_reader_gets_newer_and_newer_values_and_the_newest() {
    model(None, |ledger| {
        let (mut writers, mut reader) = cell(1).unwrap();
        let writing = thread::spawn(move || {
            let mut writer = writers.remove(0);
            let replaced = [1, 2, 3].map(|name| found(&writer.write(ledger.value(name))));
            (replaced, writer.conflated())
        });
        let mut taken: Vec<_> = (0..2).filter_map(|_| name(reader.take())).collect();
        let (replaced, conflated) = writing.join().unwrap();
        taken.extend(name(reader.take()));
        assert!(taken.is_sorted() && taken.last() == Some(&3), "{taken:?}");
        assert_eq!(name(reader.last()), Some(3));
        assert!(reader.take().is_none());
        // What was not conflated was taken, and the other way round.
        let unread: Vec<_> = replaced.iter().flatten().filter_map(|(name, unread)| unread.then_some(*name)).collect();
        assert_eq!(unread.len() as u64, conflated);
        let mut all = [taken, unread].concat();
        all.sort();
        assert_eq!(all, [1, 2, 3]);
    });
}

#[test]
fn two_writers_and_a_reader_never_share_a_slot() {
    model(Some(3), |ledger| {
        let (mut writers, mut reader) = cell(2).unwrap();
        let mut write = |names: &'static [u32]| {
            let (mut writer, ledger) = (writers.remove(0), ledger.clone());
            move || names.iter().filter_map(|name| found(&writer.write(ledger.value(*name)))).collect::<Vec<_>>()
        };
        let first = thread::spawn(write(&[11, 12]));
        let second = thread::spawn(write(&[21]));
        let mut taken: Vec<_> = (0..2).filter_map(|_| name(reader.take())).collect();
        let replaced = [first.join().unwrap(), second.join().unwrap()].concat();
        taken.extend(name(reader.take()));
        let unread = replaced.iter().filter_map(|(name, unread)| unread.then_some(*name));
        let mut all: Vec<_> = taken.iter().copied().chain(unread).collect();
        all.sort();
        assert_eq!(all, [11, 12, 21], "each value was taken or replaced unread, once");
        assert!(taken.iter().filter(|name| **name < 20).is_sorted(), "{taken:?}");
    });
}

#[test]
fn what_is_left_in_any_slot_is_dropped() {
    model(None, |ledger| {
        let (mut writers, mut reader) = cell(1).unwrap();
        let writing = thread::spawn(move || {
            let mut writer = writers.remove(0);
            drop(writer.write(ledger.value(1)));
            drop(writer.write(ledger.value(2)));
        });
        reader.take();
        drop(reader);
        writing.join().unwrap();
    });
}

/// What stands for the way of a message: a notice, if one was given.
type Post = Arc<Mutex<Option<Notice>>>;

/// Writes, and posts the notice if there is one.
fn write_and_tell(writer: &mut Writer<Value>, value: Value, post: &Post) {
    drop(writer.write(value));
    if let Some(notice) = writer.notice() {
        let earlier = post.lock().unwrap().replace(notice);
        assert!(earlier.is_none(), "two notices are on their way");
    }
}

/// Takes by the notice that is in the post, if one is.
fn take_by_post(reader: &mut Reader<Value>, post: &Post) -> Option<u32> {
    let notice = post.lock().unwrap().take()?;
    name(reader.take_on(notice))
}

/// The reader has a notice of an earlier value, has taken that one without it, and hands the notice in while the next
/// value is written: that one is found now or by another notice.
#[test]
fn no_write_is_overlooked() {
    model(None, |ledger| {
        let (mut writers, mut reader) = cell(1).unwrap();
        let mut writer = writers.remove(0);
        let post = Post::default();
        write_and_tell(&mut writer, ledger.value(1), &post);
        let notice = post.lock().unwrap().take().expect("nobody was told before");
        let mut taken: Vec<_> = name(reader.take()).into_iter().collect();
        let writing = thread::spawn({
            let post = post.clone();
            move || {
                write_and_tell(&mut writer, ledger.value(2), &post);
                writer
            }
        });
        taken.extend(name(reader.take_on(notice)));
        let _writer = writing.join().unwrap();
        taken.extend(take_by_post(&mut reader, &post));
        assert_eq!(taken, [1, 2]);
    });
}

#[test]
fn no_write_of_two_writers_is_overlooked() {
    model(Some(3), |ledger| {
        let (mut writers, mut reader) = cell(2).unwrap();
        let post = Post::default();
        let mut write = |name| {
            let (mut writer, ledger, post) = (writers.remove(0), ledger.clone(), post.clone());
            move || {
                write_and_tell(&mut writer, ledger.value(name), &post);
                writer
            }
        };
        let first = thread::spawn(write(1));
        let second = thread::spawn(write(2));
        let mut taken: Vec<_> = take_by_post(&mut reader, &post).into_iter().collect();
        let writers = [first.join().unwrap(), second.join().unwrap()];
        taken.extend(take_by_post(&mut reader, &post));
        assert!(!taken.is_empty());
        assert!(reader.take().is_none(), "nothing fresh is without a notice");
        let conflated: u64 = writers.iter().map(Writer::conflated).sum();
        assert_eq!(taken.len() as u64 + conflated, 2);
        // The flag is down again: the next write gets a notice.
        let [mut writer, _] = writers;
        write_and_tell(&mut writer, ledger.value(3), &post);
        assert_eq!(take_by_post(&mut reader, &post), Some(3));
    });
}

/// The one who was given the notice cannot send it: what was written is told of by the next write, whoever's it is.
#[test]
fn a_notice_that_is_lost_is_given_again() {
    model(None, |ledger| {
        let (mut writers, mut reader) = cell(2).unwrap();
        let (mut first, mut second) = (writers.remove(0), writers.remove(0));
        let post = Post::default();
        let refused = thread::spawn({
            let ledger = ledger.clone();
            move || {
                drop(first.write(ledger.value(1)));
                drop(first.notice());
            }
        });
        write_and_tell(&mut second, ledger.value(2), &post);
        refused.join().unwrap();
        write_and_tell(&mut second, ledger.value(3), &post);
        assert_eq!(take_by_post(&mut reader, &post), Some(3));
    });
}

/// A board whose keys 0 and 1 share a word, and 64 has another.
const KEYS: usize = 65;

#[test]
fn no_key_is_overlooked() {
    model(Some(3), |ledger| {
        let (mut writers, mut reader) = board(KEYS, 2).unwrap();
        let (mut first, mut second) = (writers.remove(0), writers.remove(0));
        drop(first.write(0, ledger.value(1)).unwrap());
        let notice = first.notice().expect("nobody was told before");
        let mut seen = Vec::new();
        reader.take(|key, value| seen.push((key, value.name)));
        let post = Post::default();
        let write = |writer: &mut super::BoardWriter<Value>, key, value, post: &Post| {
            drop(writer.write(key, value).unwrap());
            if let Some(notice) = writer.notice() {
                assert!(post.lock().unwrap().replace(notice).is_none(), "two notices are on their way");
            }
        };
        let writing = thread::spawn({
            let (ledger, post) = (ledger.clone(), post.clone());
            move || write(&mut first, 1, ledger.value(2), &post)
        });
        let other = thread::spawn({
            let (ledger, post) = (ledger.clone(), post.clone());
            move || write(&mut second, 64, ledger.value(3), &post)
        });
        reader.take_on(notice, |key, value| seen.push((key, value.name)));
        writing.join().unwrap();
        other.join().unwrap();
        let notice = post.lock().unwrap().take();
        if let Some(notice) = notice {
            reader.take_on(notice, |key, value| seen.push((key, value.name)));
        }
        seen.sort();
        assert_eq!(seen, [(0, 1), (1, 2), (64, 3)]);
        assert_eq!(reader.take(|_, _| ()), 0);
    });
}

#[test]
fn two_writers_of_one_key_leave_one_value_to_take() {
    model(None, |ledger| {
        let (mut writers, mut reader) = board(1, 2).unwrap();
        let (mut first, mut second) = (writers.remove(0), writers.remove(0));
        let writing = thread::spawn({
            let ledger = ledger.clone();
            move || drop(first.write(0, ledger.value(1)).unwrap())
        });
        drop(second.write(0, ledger.value(2)).unwrap());
        let before = reader.take(|_, _| ());
        writing.join().unwrap();
        let behind = reader.take(|_, _| ());
        assert!(before + behind >= 1);
        assert!(reader.last(0).is_some());
        assert_eq!(reader.take(|_, _| ()), 0);
    });
}

/// The reader panics at the first of two keys, beside a write to a third of the same word: what it did not see is there
/// the next time.
#[test]
fn keys_that_a_panic_kept_from_the_reader_are_put_back() {
    model(None, |ledger| {
        let (mut writers, mut reader) = board(3, 1).unwrap();
        let mut writer = writers.remove(0);
        drop(writer.write(0, ledger.value(1)).unwrap());
        drop(writer.write(1, ledger.value(2)).unwrap());
        let writing = thread::spawn({
            let ledger = ledger.clone();
            move || drop(writer.write(2, ledger.value(3)).unwrap())
        });
        let mut seen = Vec::new();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            reader.take(|key, _| {
                seen.push(key);
                std::panic::resume_unwind(Box::new("the reader fails"));
            });
        }));
        assert!(panicked.is_err());
        writing.join().unwrap();
        reader.take(|key, _| seen.push(key));
        assert_eq!(seen, [0, 1, 2]);
    });
}
