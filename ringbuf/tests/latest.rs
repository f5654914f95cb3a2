//! The latest-value cell and the board: what is taken and what is replaced, notices, drops, panics, and several threads.

#![cfg(not(loom))]

mod ledger;
mod rounds;

use std::sync::mpsc;
use std::thread;

use hippodrome_ringbuf::LatestError;
use hippodrome_ringbuf::latest::{BoardReader, Reader, Replaced, board, cell};
use ledger::{Ledger, Random, Tracked, panics, quiet_panic};
use proptest::prelude::*;
use rounds::rounds;

#[test]
fn wrong_numbers_are_errors() {
    for writers in [0, 257, usize::MAX] {
        let error = LatestError::Writers { writers, limit: 256 };
        assert_eq!(cell::<u8>(writers).err(), Some(error));
        assert_eq!(board::<u8>(1, writers).err(), Some(error));
        assert_eq!(error.to_string(), format!("{writers} writers of a cell: 1 to 256 are allowed"));
    }
    for keys in [0, (1 << 20) + 1, usize::MAX] {
        assert_eq!(board::<u8>(keys, 1).err(), Some(LatestError::Keys { keys, limit: 1 << 20 }));
    }
    assert_eq!(cell::<u8>(256).map(|(writers, _)| writers.len()), Ok(256));
}

#[test]
fn a_key_that_is_not_there_gives_the_value_back() {
    let (mut writers, reader) = board(3, 1).unwrap();
    let error = writers[0].write(3, "news").unwrap_err();
    assert_eq!((error.key, error.keys, error.value), (3, 3, "news"));
    assert_eq!(error.to_string(), "key 3: the board has 3 keys, from 0 on");
    assert_eq!(format!("{error:?}"), "KeyError(key: 3, keys: 3, ..)");
    assert_eq!(reader.last(3), None);
    assert_eq!((writers[0].keys(), reader.keys()), (3, 3));
}

#[test]
fn values_of_any_layout_keep_their_place() {
    #[repr(align(4096))]
    struct Page(u8);
    struct Large([u64; 1000], u8);

    fn check<T>(make: impl Fn(u8) -> T, get: impl Fn(&T) -> u8) {
        let (mut writers, mut reader) = cell(2).unwrap();
        for round in 0..9 {
            assert!(!writers[0].write(make(round)).is_unread());
            let replaced = writers[1].write(make(round + 100));
            assert!(replaced.is_unread());
            assert_eq!(replaced.into_inner().as_ref().map(&get), Some(round));
            assert_eq!(reader.take().map(&get), Some(round + 100));
            assert!(reader.take().is_none());
            assert_eq!(reader.last().map(&get), Some(round + 100));
        }
    }

    check(|value| value, |value| *value);
    check(Page, |page| page.0);
    check(|value| Large([u64::from(value); 1000], value), |large| large.1 + (large.0[999] - u64::from(large.1)) as u8);
    check(|value| vec![value; 3], |values| values[2]);
}

#[test]
fn values_without_a_size_are_news_too() {
    let (mut writers, mut reader) = cell(1).unwrap();
    assert_eq!(reader.take(), None);
    assert_eq!(writers[0].write(()), Replaced::Nothing);
    assert_eq!(reader.take(), Some(&()));
    assert_eq!(reader.take(), None);
}

#[test]
fn one_notice_is_on_its_way_at_most() {
    let (mut writers, mut reader) = cell(2).unwrap();
    let _ = writers[0].write(1);
    let notice = writers[0].notice().unwrap();
    assert_eq!(format!("{notice:?}"), "Notice");
    for value in 2..10 {
        let writer = &mut writers[value % 2];
        assert!(writer.write(value).is_unread());
        assert!(writer.notice().is_none());
    }
    // Taken out of turn: the notice is still on its way, and stands for what comes too.
    assert_eq!(reader.take(), Some(&9));
    assert_eq!(writers[1].write(10), Replaced::Nothing);
    assert!(writers[1].notice().is_none());
    assert_eq!(reader.take_on(notice), Some(&10));
    assert_eq!(writers[0].write(11), Replaced::Taken(9));
    let notice = writers[0].notice().unwrap();
    // It is lost: the next write gives another, although it replaces an unread value.
    drop(notice);
    assert_eq!(writers[1].write(12), Replaced::Unread(11));
    assert_eq!(reader.take_on(writers[1].notice().unwrap()), Some(&12));
    assert_eq!((writers[0].conflated(), writers[1].conflated()), (4, 5));
    assert_eq!(format!("{:?}", writers[1]), "Writer { writers: 2, conflated: 5 }");
    assert_eq!(format!("{reader:?}"), "Reader { writers: 2, .. }");
}

#[test]
fn a_board_shows_each_key_once_in_order() {
    let (mut writers, mut reader) = board(2_000, 2).unwrap();
    let keys = [0, 1, 63, 64, 127, 1023, 1024, 1999];
    for key in keys.into_iter().rev() {
        assert_eq!(writers[0].write(key, 0), Ok(Replaced::Nothing));
        assert_eq!(writers[1].write(key, key), Ok(Replaced::Unread(0)));
    }
    let notice = writers[0].notice().unwrap();
    assert!(writers[1].notice().is_none());
    let mut seen = Vec::new();
    assert_eq!(reader.take_on(notice, |key, value| seen.push((key, *value))), keys.len());
    assert_eq!(seen, keys.map(|key| (key, key)));
    assert_eq!(reader.take(|_, _| panic!("nothing is new")), 0);
    assert_eq!((reader.last(64), reader.last(65)), (Some(&64), None));
    assert_eq!(writers[1].conflated(), 8);
    assert_eq!(
        format!("{:?} {reader:?}", writers[1]),
        "BoardWriter { keys: 2000, conflated: 8 } BoardReader { keys: 2000, .. }"
    );
}

#[test]
fn each_value_is_dropped_once_wherever_it_is_left() {
    let ledger = Ledger::default();
    for taken in [0, 1, 2] {
        let (mut writers, mut reader) = cell(2).unwrap();
        let before = ledger.dropped();
        for (index, value) in ledger.values(3).into_iter().enumerate() {
            let _ = writers[index % 2].write(value);
            if index < taken {
                reader.take();
            }
        }
        // In any order: the last handle drops what is left.
        if taken == 1 {
            drop(reader);
            drop(writers);
        } else {
            drop(writers);
            assert!(reader.take().is_some());
            drop(reader);
        }
        assert_eq!(ledger.dropped() - before, 3);
    }
    let (mut writers, mut reader) = board(70, 1).unwrap();
    for key in [0, 69, 69] {
        let _ = writers[0].write(key, ledger.value()).unwrap();
    }
    reader.take(|_, _| ());
    let _ = writers[0].write(69, ledger.value()).unwrap();
    drop((reader, writers));
    ledger.assert_each_dropped_once();
}

#[test]
fn a_value_that_panics_when_dropped_leaves_the_cell_whole() {
    let ledger = Ledger::default();
    let (mut writers, mut reader) = cell(1).unwrap();
    ledger.panic_when_dropped(0);
    let _ = writers[0].write(ledger.value());
    assert!(panics(|| drop(writers[0].write(ledger.value()))));
    assert_eq!(reader.take().map(|value| value.id), Some(1));
    // And one that is left behind, beside others.
    let _ = writers[0].write(ledger.value());
    ledger.panic_when_dropped(1);
    drop(writers);
    assert!(panics(|| drop(reader)));
    ledger.assert_each_dropped_once();
}

#[test]
fn a_reader_that_panics_gets_the_other_keys_the_next_time() {
    let ledger = Ledger::default();
    let (mut writers, mut reader) = board(200, 1).unwrap();
    for key in [3, 5, 64, 199] {
        let _ = writers[0].write(key, ledger.value()).unwrap();
    }
    let notice = writers[0].notice().unwrap();
    let mut seen = Vec::new();
    assert!(panics(|| {
        reader.take_on(notice, |key, _| {
            seen.push(key);
            if key == 5 {
                quiet_panic();
            }
        });
    }));
    // The notice is used up: the next write gives another.
    let _ = writers[0].write(0, ledger.value()).unwrap();
    let notice = writers[0].notice().unwrap();
    reader.take_on(notice, |key, _| seen.push(key));
    assert_eq!(seen, [3, 5, 0, 64, 199]);
    drop((reader, writers));
    ledger.assert_each_dropped_once();
}

/// Keys of two words.
const MODEL_KEYS: usize = 70;

/// What a model of a board does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Write { writer: usize, key: usize },
    Notice { writer: usize },
    Take,
    TakeOn,
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..MODEL_KEYS).prop_map(|(writer, key)| Step::Write { writer, key }),
        3 => (0..3_usize).prop_map(|writer| Step::Notice { writer }),
        1 => Just(Step::Take),
        2 => Just(Step::TakeOn),
        1 => Just(Step::Lose),
    ]
}

proptest! {
    /// A board on one thread is a list of pairs: the value, and whether it is unread.
    #[test]
    fn a_board_is_a_list_of_what_is_unread(steps in prop::collection::vec(step(), 1..if cfg!(miri) { 40 } else { 200 })) {
        let (mut writers, mut reader) = board(MODEL_KEYS, 3).unwrap();
        let mut model: Vec<Option<(u64, bool)>> = vec![None; MODEL_KEYS];
        let mut notice = None;
        let mut next = 0_u64;
        let take = |reader: &mut BoardReader<u64>, model: &mut Vec<Option<(u64, bool)>>| {
            let mut seen = Vec::new();
            reader.take(|key, value| seen.push((key, *value)));
            let mut expected = Vec::new();
            for (key, slot) in model.iter_mut().enumerate() {
                if let Some((value, is_unread @ true)) = slot {
                    expected.push((key, *value));
                    *is_unread = false;
                }
            }
            assert_eq!(seen, expected);
        };
        for step in steps {
            match step {
                Step::Write { writer, key } => {
                    next += 1;
                    let replaced = writers[writer].write(key, next).unwrap();
                    let was_unread = model[key].is_some_and(|(_, is_unread)| is_unread);
                    prop_assert_eq!(replaced.is_unread(), was_unread);
                    if let Replaced::Unread(value) = replaced {
                        prop_assert_eq!(model[key], Some((value, true)));
                    }
                    model[key] = Some((next, true));
                }
                Step::Notice { writer } => {
                    let given = writers[writer].notice();
                    prop_assert_eq!(given.is_some(), notice.is_none());
                    notice = notice.or(given);
                }
                Step::Take => take(&mut reader, &mut model),
                Step::TakeOn => {
                    drop(notice.take());
                    take(&mut reader, &mut model);
                }
                Step::Lose => notice = None,
            }
        }
        for (key, slot) in model.iter().enumerate() {
            if let Some((value, false)) = slot {
                prop_assert_eq!(reader.last(key), Some(value));
            }
        }
    }
}

/// Values of several threads, with what each was conflated to: each was replaced unread or taken, once; and the reader,
/// which does nothing but wait for notices, ends with the last that was written.
#[test]
fn threads_write_and_the_reader_waits_for_notices() {
    const WRITERS: u64 = 3;
    let each = rounds(50_000);
    let ledger = Ledger::default();
    let (writers, mut reader): (_, Reader<(u64, u64, Option<Tracked>)>) = cell(WRITERS as usize).unwrap();
    // One notice at a time, and one more for a reader that has just handed it in.
    let (post, notices) = mpsc::channel();
    let threads: Vec<_> = (0..)
        .zip(writers)
        .map(|(number, mut writer)| {
            let (post, ledger) = (post.clone(), ledger.clone());
            thread::spawn(move || {
                let mut random = Random(number + 1);
                for value in 0..each {
                    let tracked = value.is_multiple_of(1_000).then(|| ledger.value());
                    drop(writer.write((number, value, tracked)));
                    if let Some(notice) = writer.notice() {
                        // Now and then one is lost, but not the last.
                        if random.below(10) > 0 || value + 1 == each {
                            post.send(notice).unwrap();
                        }
                    }
                }
                writer.conflated()
            })
        })
        .collect();
    drop(post);
    let mut next = [0; WRITERS as usize];
    let mut taken = 0;
    for notice in notices {
        if let Some((writer, value, _)) = reader.take_on(notice) {
            let next = &mut next[*writer as usize];
            assert!(*value >= *next, "{value} of {writer} after {next}");
            *next = *value + 1;
            taken += 1;
        }
    }
    let conflated: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(reader.take().is_none(), "the last write was told of");
    assert_eq!(taken + conflated, WRITERS * each);
    assert!(next.contains(&each), "the last value of some writer was the last of all: {next:?}");
    drop(reader);
    ledger.assert_each_dropped_once();
}

#[test]
fn threads_write_to_a_board_and_no_key_is_forgotten() {
    const KEYS: usize = 150;
    let each = rounds(30_000);
    let (writers, mut reader) = board(KEYS, 2).unwrap();
    let (post, notices) = mpsc::channel();
    let threads: Vec<_> = (0_u64..)
        .zip(writers)
        .map(|(number, mut writer)| {
            let post = post.clone();
            thread::spawn(move || {
                let mut random = Random(number + 7);
                let mut last = vec![None; KEYS];
                for value in 0..each {
                    let key = random.below(KEYS);
                    let _ = writer.write(key, (number, value)).unwrap();
                    last[key] = Some(value);
                    if let Some(notice) = writer.notice() {
                        post.send(notice).unwrap();
                    }
                }
                (last, writer.conflated())
            })
        })
        .collect();
    drop(post);
    let mut seen = vec![[None; 2]; KEYS];
    let mut taken = 0;
    for notice in notices {
        taken += reader.take_on(notice, |key, (writer, value)| {
            let seen = &mut seen[key][*writer as usize];
            assert!(seen.is_none_or(|seen| seen < *value));
            *seen = Some(*value);
        }) as u64;
    }
    let ends: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let conflated: u64 = ends.iter().map(|(_, conflated)| conflated).sum();
    assert_eq!(taken + conflated, 2 * each);
    for (key, seen) in seen.into_iter().enumerate() {
        // The last of one of the two was the last of all.
        let wrote = [ends[0].0[key], ends[1].0[key]];
        assert!((0..2).any(|writer| wrote[writer].is_some() && wrote[writer] == seen[writer]) || wrote == [None; 2]);
    }
    assert_eq!(reader.take(|_, _| ()), 0);
}
