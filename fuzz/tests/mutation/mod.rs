//! Changes to an input, such as a fuzzer makes.

use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::Index;

/// The longest input: what a repetition makes longer is cut.
const INPUT_BYTES_MAX: usize = 32 * 1024;

/// What tends to find the limits of numbers, texts and lines.
const TOKENS: [&[u8]; 24] = [
    b"0",
    b"-1",
    b"-0",
    b"00",
    b"+1",
    b"4095",
    b"4096",
    b"65536",
    b"4294967295",
    b"4294967296",
    b"9223372036854775807",
    b"18446744073709551615",
    b"18446744073709551616",
    b"1e999",
    b"null",
    b"\0",
    b"\n",
    b"\r\n",
    b"\x1b[2J",
    b"\xff\xfe",
    "\u{202e}".as_bytes(),
    "\u{661}".as_bytes(),
    b"[[[[[[[[[[[[[[[[",
    b"/../..",
];

/// One change to an input. Places and lengths are of whatever the input has become by then.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// One byte becomes another.
    Set(Index, u8),
    /// Something is put in.
    Insert(Index, Vec<u8>),
    /// A number, if one follows the place, becomes a token.
    Number(Index, Vec<u8>),
    /// Some bytes are taken out.
    Remove(Index, usize),
    /// Some bytes stand there so many times more.
    Repeat(Index, usize, usize),
    /// A piece of another seed is put in.
    Splice(Index, Index, Index, usize),
    /// The input ends there.
    Cut(Index),
}

/// What finds out where a limit is, if a number is at one: its neighbours, its double, its half.
const NUDGES: [fn(u64) -> u64; 4] =
    [|n| n.saturating_add(1), |n| n.saturating_sub(1), |n| n.saturating_mul(2), |n| n / 2];

/// The seed with each of its numbers changed a little, one at a time.
pub(crate) fn nudged(seed: &[u8]) -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    let mut at = 0;
    while let Some(number) = number_behind(at, seed) {
        at = number.end;
        let Ok(value) = String::from_utf8_lossy(&seed[number.clone()]).parse() else { continue };
        for nudge in NUDGES {
            let mut input = seed.to_vec();
            input.splice(number.clone(), nudge(value).to_string().into_bytes());
            inputs.push(input);
        }
    }
    inputs
}

impl Arbitrary for Edit {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let token = || prop::sample::select(&TOKENS[..]).prop_map(<[u8]>::to_vec);
        let at = any::<Index>;
        prop_oneof![
            4 => (at(), any::<u8>()).prop_map(|(at, byte)| Self::Set(at, byte)),
            2 => (at(), token()).prop_map(|(at, token)| Self::Insert(at, token)),
            2 => (at(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            4 => (at(), token()).prop_map(|(at, token)| Self::Number(at, token)),
            3 => (at(), 1_usize..40).prop_map(|(at, length)| Self::Remove(at, length)),
            1 => (at(), 1_usize..60, 1_usize..4000).prop_map(|(at, length, times)| Self::Repeat(at, length, times)),
            3 => (at(), at(), at(), 1_usize..200).prop_map(|(at, seed, from, length)| Self::Splice(at, seed, from, length)),
            1 => at().prop_map(Self::Cut),
        ]
        .boxed()
    }
}

/// The input with all changes, one after the other.
pub(crate) fn mutate(seed: &[u8], edits: &[Edit], seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut input = seed.to_vec();
    for edit in edits {
        apply(edit, &mut input, seeds);
        input.truncate(INPUT_BYTES_MAX);
    }
    input
}

fn apply(edit: &Edit, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let place = |at: &Index, bytes: &[u8]| at.index(bytes.len() + 1);
    let piece = |from: usize, length: usize, bytes: &[u8]| from..(from + length).min(bytes.len());
    match edit {
        Edit::Set(at, byte) => {
            let at = place(at, input);
            if let Some(old) = input.get_mut(at) {
                *old = *byte;
            }
        }
        Edit::Insert(at, bytes) => {
            let at = place(at, input);
            input.splice(at..at, bytes.iter().copied());
        }
        Edit::Number(at, bytes) => {
            if let Some(number) = number_behind(place(at, input), input) {
                input.splice(number, bytes.iter().copied());
            }
        }
        Edit::Remove(at, length) => {
            let at = place(at, input);
            input.drain(piece(at, *length, input));
        }
        Edit::Repeat(at, length, times) => {
            let at = place(at, input);
            let times = (*times).min(INPUT_BYTES_MAX / length);
            let repeated = input[piece(at, *length, input)].repeat(times);
            input.splice(at..at, repeated);
        }
        Edit::Splice(at, seed, from, length) => {
            let other = seed.get(seeds);
            let at = place(at, input);
            input.splice(at..at, other[piece(place(from, other), *length, other)].iter().copied());
        }
        Edit::Cut(at) => input.truncate(place(at, input)),
    }
}

/// The next run of digits.
fn number_behind(at: usize, input: &[u8]) -> Option<Range<usize>> {
    let from = at + input[at..].iter().position(u8::is_ascii_digit)?;
    let length = input[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some(from..from + length)
}
