//! The book by itself, and beside the independent one.

use proptest::prelude::*;

use super::*;
use crate::order::State;
use crate::replay::PlainBook;

const CAPACITY: usize = 64;

fn request(id: OrderId, side: Side, action: Action) -> Request {
    Request { due_ns: 0, id, action, account: id as u16 % 7, symbol: 3, side }
}

/// Applies it, and gives the reports as order, what, filled, released and price.
fn apply(book: &mut Book, request: Request) -> Vec<(OrderId, What, u32, u32, Tick)> {
    let mut reports = Vec::new();
    book.apply(&request, |report| {
        assert_eq!(
            (report.symbol, report.request),
            (3, if report.what.is_answer() { request.id } else { report.order })
        );
        reports.push((report.order, report.what, report.filled, report.released, report.tick));
    });
    reports
}

fn buy(id: OrderId, lots: u32, tick: Tick) -> Request {
    request(id, Side::Buy, Action::Limit { lots, tick })
}

fn sell(id: OrderId, lots: u32, tick: Tick) -> Request {
    request(id, Side::Sell, Action::Limit { lots, tick })
}

#[test]
fn the_best_price_goes_first_and_at_one_price_the_oldest_order() {
    let mut book = Book::with_capacity(CAPACITY);
    for (id, lots, tick) in [(0, 5, 101), (1, 5, 100), (2, 5, 100)] {
        assert_eq!(apply(&mut book, sell(id, lots, tick)), [(id, What::Resting, 0, 0, 0)]);
    }
    let reports = apply(&mut book, buy(3, 12, 101));
    let expected = [
        (1, What::TradedLast, 5, 0, 100),
        (2, What::TradedLast, 5, 0, 100),
        (0, What::Traded, 2, 0, 101),
        (3, What::Filled, 12, 0, 101),
    ];
    assert_eq!(reports, expected);
    assert_eq!(book.side(Side::Sell), [(101, vec![(0, 3)])]);
    let ask = Some(Level { tick: 101, lots: 3 });
    assert_eq!(book.quote(), Quote { bid: None, ask, last: Some(101) });
    assert_eq!((book.tape().trades, book.tape().lots), (3, 12));
}

#[test]
fn what_is_left_rests_or_is_over_as_the_order_says() {
    let mut book = Book::with_capacity(CAPACITY);
    apply(&mut book, sell(0, 5, 100));
    assert_eq!(apply(&mut book, buy(1, 7, 100)).last(), Some(&(1, What::Resting, 5, 0, 100)));
    assert_eq!(book.side(Side::Buy), [(100, vec![(1, 2)])]);
    let reports = apply(&mut book, request(2, Side::Sell, Action::Market { lots: 9 }));
    assert_eq!(reports, [(1, What::TradedLast, 2, 0, 100), (2, What::Ended, 2, 7, 100)]);
    apply(&mut book, sell(3, 4, 120));
    let impatient = Action::ImmediateOrCancel { lots: 9, tick: 119 };
    assert_eq!(apply(&mut book, request(4, Side::Buy, impatient)), [(4, What::Ended, 0, 9, 0)]);
    assert_eq!((book.side(Side::Buy), book.side(Side::Sell)), (vec![], vec![(120, vec![(3, 4)])]));
}

#[test]
fn a_cancel_takes_what_is_left_once() {
    let mut book = Book::with_capacity(CAPACITY);
    for id in 0..3 {
        apply(&mut book, buy(id, 5, 90));
    }
    let cancel = |id, order| request(id, Side::Buy, Action::Cancel { order });
    assert_eq!(apply(&mut book, cancel(3, 1)), [(1, What::Cancelled, 0, 5, 0)]);
    assert_eq!(apply(&mut book, cancel(4, 1)), [(1, What::TooLate, 0, 0, 0)]);
    assert_eq!(book.side(Side::Buy), [(90, vec![(0, 5), (2, 5)])]);
    assert_eq!(book.quote().bid, Some(Level { tick: 90, lots: 10 }));
}

#[test]
fn the_last_prices_of_all_are_prices_too() {
    let mut book = Book::with_capacity(CAPACITY);
    apply(&mut book, buy(0, 1, 0));
    apply(&mut book, sell(1, 1, TICKS - 1));
    apply(&mut book, buy(2, 1, 63));
    apply(&mut book, sell(3, 1, 64));
    assert_eq!(book.side(Side::Buy), [(63, vec![(2, 1)]), (0, vec![(0, 1)])]);
    assert_eq!(book.side(Side::Sell), [(64, vec![(3, 1)]), (TICKS - 1, vec![(1, 1)])]);
    apply(&mut book, request(4, Side::Buy, Action::Market { lots: 9 }));
    apply(&mut book, request(5, Side::Sell, Action::Market { lots: 9 }));
    assert_eq!((book.side(Side::Buy), book.side(Side::Sell)), (vec![], vec![]));
}

#[test]
fn a_full_book_has_room_again_when_an_order_goes() {
    let mut book = Book::with_capacity(2);
    apply(&mut book, buy(0, 1, 5));
    assert!(book.has_room());
    apply(&mut book, buy(1, 1, 5));
    assert!(!book.has_room());
    apply(&mut book, request(2, Side::Sell, Action::Market { lots: 1 }));
    assert!(book.has_room());
    assert_eq!(apply(&mut book, buy(3, 1, 6)), [(3, What::Resting, 0, 0, 0)]);
    assert_eq!(book.side(Side::Buy), [(6, vec![(3, 1)]), (5, vec![(1, 1)])]);
}

/// Requests for few prices that are near the ends of the bits' words, so that much trades and prices run dry.
fn requests() -> impl Strategy<Value = Vec<Request>> {
    let action = (0_u8..10, 1_u32..20, 58_u16..72, any::<u32>());
    proptest::collection::vec((action, any::<bool>()), 1..400).prop_map(|draws| {
        let requests = (0..).zip(draws).map(|(id, ((kind, lots, tick, any), buys))| {
            let action = match kind {
                0..5 => Action::Limit { lots, tick },
                5 => Action::ImmediateOrCancel { lots, tick },
                6 => Action::Market { lots },
                _ => Action::Cancel { order: any % (id + 1) },
            };
            request(id, Side::BOTH[usize::from(buys)], action)
        });
        requests.collect()
    })
}

proptest! {
    #[test]
    fn it_does_what_the_plain_book_does(requests in requests()) {
        let (mut book, mut plain) = (Book::with_capacity(requests.len()), PlainBook::default());
        let mut copy = Book::with_capacity(requests.len());
        let (mut found, mut expected) = (vec![State::Unknown; requests.len()], vec![State::Unknown; requests.len()]);
        for (n, request) in requests.iter().enumerate() {
            let (mut filled, mut lots_of_makers) = (0, 0);
            book.apply(request, |report| {
                crate::gateway::note(&mut found, &report, |order| order as usize);
                if report.what.is_answer() { filled = report.filled } else { lots_of_makers += report.filled }
            });
            plain.apply(request, &mut expected, |_| {});
            prop_assert_eq!(filled, lots_of_makers);
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(book.tape(), plain.tape());
            prop_assert_eq!(book.quote(), plain.quote());
            for side in Side::BOTH {
                prop_assert_eq!(book.side(side), plain.side(side));
            }
            if n % 64 == 63 {
                copy.copy_without_index(&book);
                copy.find_again();
                std::mem::swap(&mut book, &mut copy);
            }
        }
    }
}
