use proptest::prelude::*;

use super::*;
use crate::digest::Digest;
use crate::reference::Reference;
use crate::tracked::TrackedBook;

const USUAL: Settings = Settings { events: 200_000, seed: 42, symbols: 8 };

fn digest_of(settings: Settings) -> u64 {
    let mut digest = Digest::new();
    for event in Flow::new(settings) {
        digest.fold(event.time_ns);
        digest.fold(event.order as u64);
        digest.fold(event.price as u64);
        for word in [u64::from(event.size), u64::from(event.symbol), event.kind as u64, event.side as u64] {
            digest.fold(word);
        }
    }
    digest.value()
}

#[test]
fn a_seed_gives_the_same_events_on_every_machine() {
    assert_eq!(digest_of(USUAL), 3_295_363_376_475_192_939);
    assert_ne!(digest_of(USUAL), digest_of(Settings { seed: 43, ..USUAL }));
}

#[test]
fn a_flow_has_as_many_events_as_asked_for_and_in_the_order_of_time() {
    for events in [0, 1, 2, 1_000] {
        let flow: Vec<Event> = Flow::new(Settings { events, ..USUAL }).collect();
        assert_eq!(flow.len() as u64, events);
        assert!(flow.is_sorted_by_key(|event| event.time_ns));
        assert!(flow.iter().all(|event| (OPENING_NS..END_OF_DAY_NS).contains(&event.time_ns)));
    }
}

#[test]
fn every_kind_and_symbol_has_a_plausible_share() {
    let mut kinds = [0_u64; 8];
    let mut symbols = [0_u64; 8];
    let events = 1_000_000;
    for event in Flow::new(Settings { events, ..USUAL }) {
        kinds[event.kind as usize] += 1;
        symbols[usize::from(event.symbol)] += 1;
    }
    let thousandths = kinds.map(|count| count * 1_000 / events);
    assert!((430..530).contains(&thousandths[Kind::New as usize]), "{kinds:?}");
    assert!((20..60).contains(&thousandths[Kind::Cancel as usize]), "{kinds:?}");
    assert!((330..430).contains(&thousandths[Kind::Delete as usize]), "{kinds:?}");
    assert!((40..120).contains(&thousandths[Kind::Execute as usize]), "{kinds:?}");
    assert!((10..40).contains(&thousandths[Kind::ExecuteHidden as usize]), "{kinds:?}");
    assert!((1..100).contains(&kinds[Kind::Cross as usize]), "{kinds:?}");
    assert!((3..300).contains(&kinds[Kind::Halt as usize]), "{kinds:?}");
    assert!(symbols.iter().all(|&count| (120_000..130_000).contains(&count)), "{symbols:?}");
}

/// Follows a flow with both books, and with what only the generator promises.
fn follow(settings: Settings) {
    let symbols = usize::from(settings.symbols);
    let mut books: Vec<TrackedBook> = (0..symbols).map(|_| TrackedBook::new(None)).collect();
    let mut references: Vec<Reference> = (0..symbols).map(|_| Reference::by_order()).collect();
    for event in Flow::new(settings) {
        let symbol = usize::from(event.symbol);
        let before = books[symbol].best();
        if event.kind == Kind::Execute {
            let best = if event.side == Side::Bid { before.bid } else { before.ask };
            assert_eq!(event.price, best.price, "{event} is not at the best price");
        }
        let _ = books[symbol].apply(&event);
        references[symbol].apply(&event).unwrap();
        let best = books[symbol].best();
        assert!(best.bid.price < best.ask.price, "{event} crosses the book");
    }
    for (book, reference) in books.iter().zip(&references) {
        assert_eq!(book.result(), reference.result());
        assert_eq!(book.result().unmatched, 0);
    }
}

#[test]
fn a_flow_is_consistent_and_both_books_agree_on_it() {
    follow(USUAL);
}

#[test]
fn the_price_wanders_and_the_number_of_orders_stays() {
    let mut book = TrackedBook::new(None);
    let mut prices = std::collections::BTreeSet::new();
    for event in Flow::new(Settings { events: 300_000, seed: 9, symbols: 1 }) {
        let _ = book.apply(&event);
        prices.insert(book.best().bid.price);
    }
    assert!(prices.len() > 50, "{} best bids", prices.len());
    let levels = book.result().bids.len() + book.result().asks.len();
    assert!((40..800).contains(&levels), "{levels} levels");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_seed_is_consistent(seed in any::<u64>(), symbols in 1_u16..=64, events in 0_u64..5_000) {
        follow(Settings { events, seed, symbols });
    }
}
