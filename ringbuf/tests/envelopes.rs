//! Envelopes, and the local ring against a queue of what should be in it.

#![cfg(not(loom))]

mod messages;

use std::alloc::Layout;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem::MaybeUninit;

use hippodrome_ringbuf::lane::Refused;
use hippodrome_ringbuf::{
    HEADER_BYTES, JUMP_TAG, Kind, LocalRing, RESERVED_SEGMENTS, SEGMENT_BYTES, SEGMENT_ENVELOPE_BYTES, end_of,
    envelope_bytes, header_at, message_at, tag_at, with_memory_advice,
};
use messages::{
    Align16, Align256, Filled, Fitting, Ledger, Reserved, Ring, SHAPES, TestKind, assert_explodes, push, push_raw,
    push_tracked, take,
};
use proptest::prelude::*;

type Local = LocalRing<TestKind>;

proptest! {
    #[test]
    fn a_message_lies_aligned_within_its_envelope(
        words in 0_usize..1 << 20,
        size in 0_usize..5000,
        align in (0_u32..13).prop_map(|bits| 1 << bits),
    ) {
        let layout = Layout::from_size_align(size, align).unwrap();
        let envelope = std::ptr::without_provenance_mut::<u8>(words * 8);
        let message = message_at(envelope, layout);
        prop_assert!(message.addr().is_multiple_of(layout.align()));
        prop_assert!(message.addr() >= envelope.addr() + HEADER_BYTES);
        let end = end_of(message, layout);
        prop_assert!(end.addr() >= message.addr() + size && end.addr().is_multiple_of(8));
        prop_assert!(end.addr() <= envelope.addr() + envelope_bytes(layout));
    }
}

#[test]
fn an_envelope_of_a_small_message_has_no_padding() {
    assert_eq!(envelope_bytes(Layout::new::<()>()), 16);
    assert_eq!(envelope_bytes(Layout::new::<u8>()), 24);
    assert_eq!(envelope_bytes(Layout::new::<[u64; 5]>()), 56);
    assert_eq!(envelope_bytes(Layout::new::<u128>()), 16 + 8 + 16);
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    PushRaw(usize),
    PushFitting(usize),
    PushReserved(usize),
    PushUntilRefused(usize),
    Pop(usize),
    ReadRun(usize),
    Rewind,
    Drain,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..SHAPES).prop_map(Step::Push),
        4 => (0..SHAPES).prop_map(Step::PushRaw),
        4 => (0..SHAPES).prop_map(Step::PushFitting),
        2 => (0..SHAPES).prop_map(Step::PushReserved),
        1 => (0..SHAPES).prop_map(Step::PushUntilRefused),
        6 => (1_usize..8).prop_map(Step::Pop),
        4 => (1_usize..40).prop_map(Step::ReadRun),
        2 => Just(Step::Rewind),
        1 => Just(Step::Drain),
    ]
}

/// A local ring and what should be in it.
struct Pair {
    ring: Local,
    tags: VecDeque<u64>,
    next_tag: u64,
    limit_bytes: usize,
}

impl Pair {
    fn push(&mut self, shape: usize, raw: bool) -> bool {
        let tag = self.next_tag;
        let pushed = if raw { push_raw(&mut self.ring, shape, tag) } else { push(&mut self.ring, shape, tag) };
        if pushed.is_ok() {
            self.tags.push_back(tag);
            self.next_tag += 1;
        } else {
            assert!(self.ring.used_bytes() >= self.limit_bytes, "refused below the limit");
        }
        assert!(self.ring.used_bytes() <= self.ring.high_water_bytes());
        assert!(pushed.is_err() || self.ring.used_bytes() <= self.limit_bytes, "accepted beyond the limit");
        pushed.is_ok()
    }

    fn pop(&mut self) -> bool {
        let popped = self.ring.pop().map(|(kind, tag, message)| {
            // SAFETY: `pop` gives each message once.
            unsafe { take(kind, tag, message) };
            tag
        });
        assert_eq!(popped, self.tags.pop_front());
        popped.is_some()
    }

    /// Reads up to so many messages in place, up to a jump or the back, as a worker's turn does.
    fn read_run(&mut self, most: usize) {
        let Some(front) = self.ring.front() else { return assert!(self.tags.is_empty()) };
        let mut envelope = front.as_ptr();
        for _ in 0..most {
            // SAFETY: up to the back lie envelopes and jumps, and this is where one begins.
            if envelope == self.ring.back() || unsafe { tag_at(envelope) } == JUMP_TAG {
                break;
            }
            // SAFETY: as above: it is an envelope, of which the message is moved out once.
            let (kind, tag) = unsafe {
                let header = header_at::<TestKind>(envelope);
                (&*header.kind, header.tag)
            };
            let message = message_at(envelope, kind.layout());
            // SAFETY: as above.
            unsafe { take(kind, tag, message) };
            assert_eq!(Some(tag), self.tags.pop_front());
            envelope = end_of(message, kind.layout());
        }
        // SAFETY: everything before `envelope` was moved out.
        unsafe { self.ring.set_front(envelope) };
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Push(shape) => drop(self.push(shape, false)),
            Step::PushRaw(shape) => drop(self.push(shape, true)),
            Step::PushFitting(shape) => {
                let used_bytes = self.ring.used_bytes();
                if push(&mut Fitting(&mut self.ring), shape, self.next_tag).is_ok() {
                    self.tags.push_back(self.next_tag);
                    self.next_tag += 1;
                    assert!(used_bytes <= self.limit_bytes, "fitted in reserved room");
                    assert_eq!(self.ring.used_bytes(), used_bytes);
                } else if self.push(shape, false) {
                    assert_eq!(self.ring.used_bytes(), used_bytes + SEGMENT_BYTES, "it fitted after all");
                }
            }
            Step::PushReserved(shape) => {
                push(&mut Reserved(&mut self.ring), shape, self.next_tag).unwrap();
                self.tags.push_back(self.next_tag);
                self.next_tag += 1;
            }
            Step::PushUntilRefused(shape) => while self.push(shape, false) {},
            Step::Pop(most) => drop((0..most).all(|_| self.pop())),
            Step::ReadRun(most) => self.read_run(most),
            Step::Rewind => self.ring.rewind(),
            Step::Drain => {
                let tags = &mut self.tags;
                self.ring.drain(|kind, tag, message| {
                    // SAFETY: `drain` gives each message once.
                    unsafe { take(kind, tag, message) };
                    assert_eq!(Some(tag), tags.pop_front());
                });
                assert!(self.tags.is_empty());
            }
        }
        assert_eq!(self.ring.is_empty(), self.tags.is_empty());
    }
}

proptest! {
    #[test]
    fn a_local_ring_is_a_queue(
        segments in 0_usize..4,
        limit in 0_usize..7,
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let limit_bytes = limit.max(segments).max(2) * SEGMENT_BYTES;
        let ring = Local::new(segments * SEGMENT_BYTES, limit * SEGMENT_BYTES);
        let mut pair = Pair { ring, tags: VecDeque::new(), next_tag: 0, limit_bytes };
        steps.iter().for_each(|step| pair.run(step));
        while pair.pop() {}
        prop_assert!(pair.ring.is_empty());
        prop_assert_eq!(pair.ring.used_bytes(), SEGMENT_BYTES);
    }
}

/// Pushes until the ring refuses, and says how many it took.
fn fill(ring: &mut Local) -> usize {
    (0..).find(|&tag| push(ring, 9, tag as u64).is_err()).unwrap()
}

#[test]
fn a_ring_grows_to_its_limit_and_recycles() {
    let mut ring = Local::new(SEGMENT_BYTES, 5 * SEGMENT_BYTES);
    assert_eq!((ring.used_bytes(), ring.high_water_bytes()), (SEGMENT_BYTES, SEGMENT_BYTES));
    let first = fill(&mut ring);
    assert_eq!(first, 5 * (SEGMENT_ENVELOPE_BYTES / 816));
    assert_eq!((ring.used_bytes(), ring.high_water_bytes()), (5 * SEGMENT_BYTES, 5 * SEGMENT_BYTES));
    for _ in 0..100 {
        let mut drained = 0;
        // SAFETY: `drain` gives each message once.
        ring.drain(|kind, tag, message| unsafe {
            take(kind, tag, message);
            drained += 1;
        });
        assert_eq!(drained, first);
        assert_eq!(ring.used_bytes(), SEGMENT_BYTES);
        ring.rewind();
        assert_eq!(fill(&mut ring), first);
    }
    assert_eq!(ring.high_water_bytes(), 5 * SEGMENT_BYTES);
}

#[test]
fn reserved_room_is_left_to_those_it_is_reserved_for() {
    const PER_SEGMENT: usize = SEGMENT_ENVELOPE_BYTES / 816;
    let mut ring = Local::new(0, 3 * SEGMENT_BYTES);
    for _ in 0..3 {
        assert_eq!(fill(&mut ring), 3 * PER_SEGMENT);
        for tag in 0..RESERVED_SEGMENTS * PER_SEGMENT {
            push(&mut Reserved(&mut ring), 9, tag as u64).unwrap();
            assert_eq!(push(&mut ring, 0, 0), Err(Refused::Full));
        }
        assert_eq!(push(&mut Reserved(&mut ring), 9, 0), Err(Refused::Full));
        assert_eq!(ring.used_bytes(), (3 + RESERVED_SEGMENTS) * SEGMENT_BYTES);
        let mut popped = 0;
        while let Some((kind, tag, message)) = ring.pop() {
            // SAFETY: `pop` gives each message once.
            unsafe { take(kind, tag, message) };
            popped += 1;
            // The first segment within the limit again is the third before the last.
            let within = ring.used_bytes() <= 3 * SEGMENT_BYTES;
            assert_eq!(within, popped > RESERVED_SEGMENTS * PER_SEGMENT);
        }
        assert_eq!(popped, (3 + RESERVED_SEGMENTS) * PER_SEGMENT);
        ring.rewind();
    }
    // The reader comes back within the limit while the writer is in a segment that was beyond it.
    fill(&mut ring);
    push(&mut Reserved(&mut ring), 9, 0).unwrap();
    assert_eq!(push(&mut ring, 0, 0), Err(Refused::Full));
    for _ in 0..PER_SEGMENT + 1 {
        let (kind, tag, message) = ring.pop().unwrap();
        // SAFETY: `pop` gives each message once.
        unsafe { take(kind, tag, message) };
    }
    assert_eq!(push(&mut ring, 0, 0), Ok(()));
    assert_eq!(ring.used_bytes(), 3 * SEGMENT_BYTES);
}

#[test]
fn a_ring_that_is_read_as_it_is_written_stays_in_two_segments() {
    let mut ring = Local::new(0, 64 * SEGMENT_BYTES);
    for tag in 0..100_000 {
        push(&mut ring, (tag % 9) as usize, tag).unwrap();
        let (kind, popped, message) = ring.pop().unwrap();
        // SAFETY: `pop` gives each message once.
        unsafe { take(kind, popped, message) };
        assert_eq!(popped, tag);
    }
    assert_eq!(ring.high_water_bytes(), 2 * SEGMENT_BYTES);
}

#[test]
fn an_empty_ring_begins_again_where_it_began() {
    let mut ring = Local::new(SEGMENT_BYTES, SEGMENT_BYTES);
    let beginning = ring.back();
    push(&mut ring, 8, 0).unwrap();
    ring.rewind();
    assert_ne!(ring.back(), beginning, "there is something to read");
    let (kind, tag, message) = ring.pop().unwrap();
    // SAFETY: `pop` gives each message once.
    unsafe { take(kind, tag, message) };
    ring.rewind();
    assert_eq!(ring.back(), beginning);
    assert!(ring.is_empty());
}

#[test]
fn the_largest_envelope_fits_and_a_larger_one_comes_back() {
    const LARGEST: usize = SEGMENT_ENVELOPE_BYTES - HEADER_BYTES;
    const LARGER: usize = LARGEST + 1;
    let mut ring = Local::new(0, 0);
    for tag in 0..10 {
        // SAFETY: the kinds are of these types.
        unsafe {
            assert!(Ring::push(&mut ring, Filled::<u8, LARGEST>::KIND, tag, Filled::<u8, LARGEST>::new(tag)).is_ok());
            let message = Filled::<u8, LARGER>::new(tag);
            let (_, back) = Ring::push(&mut ring, Filled::<u8, LARGER>::KIND, tag, message).err().unwrap();
            back.check(tag);
            assert!(!ring.push_raw(Filled::<u8, LARGER>::KIND, tag, (&raw const back).cast()));
            let (kind, popped, message) = ring.pop().unwrap();
            take(kind, popped, message);
            assert_eq!(popped, tag);
        }
        assert!(ring.pop().is_none());
    }
}

#[test]
fn a_dropped_ring_drops_what_is_in_it() {
    let ledger = Ledger::new(2000);
    let mut ring = Local::new(0, 1 << 20);
    (0..1500).for_each(|number| push_tracked(&mut ring, &ledger, number, false).unwrap());
    for _ in 0..300 {
        let (kind, tag, message) = ring.pop().unwrap();
        // SAFETY: `pop` gives each message once.
        unsafe { take(kind, tag, message) };
    }
    ledger.assert_dropped(0..300);
    drop(ring);
    ledger.assert_dropped(0..1500);
}

#[test]
fn a_drop_that_panics_does_not_keep_the_others_from_theirs() {
    let ledger = Ledger::new(100);
    let mut ring = Local::new(0, 1 << 20);
    (0..100).for_each(|number| push_tracked(&mut ring, &ledger, number, number == 40).unwrap());
    assert_explodes(|| drop(ring));
    ledger.assert_dropped(0..100);
}

/// Pushes as many messages of this type as the iterator gives, and returns how many the ring says that it took.
fn push_all<A: 'static, const BYTES: usize>(ring: &mut Local, messages: u64) -> u64 {
    const TAG: u64 = 7;
    let kind = Filled::<A, BYTES>::KIND;
    let mut messages = (0..messages).map(|_| Filled::<A, BYTES>::new(TAG));
    let mut taken = 0;
    loop {
        // SAFETY: the kind is of this type, which may be sent anywhere; the tag is not that of a jump.
        let (pushed, rest) = unsafe { ring.push_while_fitting(kind, TAG, &mut messages) };
        taken += pushed;
        let Some(message) = rest else { return taken };
        // SAFETY: as above.
        assert!(unsafe { ring.push(kind, TAG, message) }.is_ok(), "the ring is at its limit");
        taken += 1;
    }
}

#[test]
fn messages_that_are_pushed_at_once_go_over_segments() {
    const MESSAGES: u64 = 3000;
    let push: [fn(&mut Local, u64) -> u64; 4] =
        [push_all::<u64, 8>, push_all::<u8, 13>, push_all::<Align16, 48>, push_all::<Align256, 300>];
    for push in push {
        let mut ring = Local::new(0, 4 << 20);
        assert_eq!(push(&mut ring, MESSAGES), MESSAGES);
        assert!(ring.used_bytes() > 2 * SEGMENT_BYTES);
        let mut drained = 0;
        // SAFETY: `drain` gives each message once.
        ring.drain(|kind, tag, message| unsafe {
            take(kind, tag, message);
            drained += 1;
        });
        assert_eq!(drained, MESSAGES);
        assert_eq!(push(&mut ring, 0), 0);
    }
}

#[test]
fn what_was_pushed_stays_when_the_giver_panics() {
    let mut ring = Local::new(0, 1 << 20);
    let mut messages = (0..).map(|number| {
        assert!(number < 10, "as planned");
        Filled::<u64, 8>::new(3)
    });
    // SAFETY: the kind is of this type, which may be sent anywhere.
    let push = || unsafe { ring.push_while_fitting(Filled::<u64, 8>::KIND, 3, &mut messages) }.0;
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(push)).is_err());
    let mut drained = 0;
    // SAFETY: `drain` gives each message once.
    ring.drain(|kind, tag, message| unsafe {
        take(kind, tag, message);
        drained += 1;
    });
    assert_eq!(drained, 10);
}

#[test]
fn a_drain_that_is_broken_off_leaves_the_rest() {
    let ledger = Ledger::new(100);
    let mut ring = Local::new(0, 1 << 20);
    (0..100).for_each(|number| push_tracked(&mut ring, &ledger, number, number == 40).unwrap());
    // SAFETY: `drain` gives each message once.
    assert_explodes(|| ring.drain(|kind, tag, message| unsafe { take(kind, tag, message) }));
    ledger.assert_dropped(0..41);
    assert_eq!(
        ring.pop().map(|(kind, tag, message)| {
            // SAFETY: `pop` gives each message once.
            unsafe { take(kind, tag, message) };
            tag
        }),
        Some(41)
    );
    drop(ring);
    ledger.assert_dropped(0..100);
}

#[test]
fn memory_is_advised_where_a_ring_is_built_and_nowhere_else() {
    thread_local! {
        static BLOCKS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    }
    fn advice(block: &[MaybeUninit<u8>]) {
        BLOCKS.with_borrow_mut(|blocks| blocks.push(block.len()));
    }
    let mut ring = with_memory_advice(advice, || Local::new(3 * SEGMENT_BYTES, 8 * SEGMENT_BYTES));
    assert_eq!(BLOCKS.take(), [SEGMENT_BYTES; 3]);
    // What the ring takes later, and what is built after a build that panicked, is not advised.
    fill(&mut ring);
    assert!(std::panic::catch_unwind(|| with_memory_advice(advice, || panic!("a build explodes"))).is_err());
    drop(Local::new(0, 0));
    assert!(BLOCKS.take().is_empty());
}

#[test]
fn a_ring_moves_to_another_thread_with_its_messages() {
    let ledger = Ledger::new(1000);
    let mut ring = Local::new(0, 1 << 20);
    (0..1000).for_each(|number| push_tracked(&mut ring, &ledger, number, false).unwrap());
    std::thread::spawn(move || {
        let (kind, tag, message) = ring.pop().unwrap();
        // SAFETY: `pop` gives each message once.
        unsafe { take(kind, tag, message) };
    })
    .join()
    .unwrap();
    ledger.assert_dropped(0..1000);
}
