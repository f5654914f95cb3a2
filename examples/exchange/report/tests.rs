//! The forms of both reports.

use hippodrome_examples::{MAX_LISTED, write_disagreements};

use super::*;

fn report() -> Report {
    Report {
        events: 10_000_000,
        symbols: 8,
        accounts: 1_000,
        gateways: 4,
        rate_per_second: Some(1_000_000),
        events_per_second: 999_998,
        cut_off: false,
        ends: Counts {
            filled: 1_800_000,
            resting: 4_000,
            cancelled: 3_500_000,
            rejected: 5_000,
            dead_letters: 35,
            cancels_done: 3_200_000,
            cancels_too_late: 1_490_965,
        },
        trades: 1_850_000,
        lots: 48_000_000,
        kills_asked: 101,
        kills: 100,
        recovered: 65,
        quotes: 2_000_000,
        conflated: 1_234,
        latency_ns: Latency { p50: 720, p90: 1_250, p99: 9_999, p999: 150_000, max: 2_000_000 },
        p99_ns_by_second: vec![9_000, 11_000],
        workers: places(&[Some(0), Some(1)]),
    }
}

#[test]
fn the_object_has_exactly_the_keys_that_are_promised() {
    let mut out = Vec::new();
    report().write_json(&mut out).unwrap();
    let expected = "{\"events\":10000000,\"symbols\":8,\"accounts\":1000,\"gateways\":4,\"rate_per_second\":1000000,\
                    \"events_per_second\":999998,\"cut_off\":false,\"ends\":{\"filled\":1800000,\"resting\":4000,\
                    \"cancelled\":3500000,\"rejected\":5000,\"dead_letters\":35,\"cancels_done\":3200000,\
                    \"cancels_too_late\":1490965},\"trades\":1850000,\"lots\":48000000,\"kills_asked\":101,\"kills\":100,\
                    \"recovered\":65,\"quotes\":2000000,\"conflated\":1234,\"latency_ns\":{\"p50\":720,\"p90\":1250,\
                    \"p99\":9999,\"p999\":150000,\"max\":2000000},\"p99_ns_by_second\":[9000,11000]}\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn the_text_lines_its_columns_up() {
    let mut out = Vec::new();
    report().write_text(&[], &mut out).unwrap();
    let expected = "\
exchange: 10,000,000 requests, 8 symbols, 1000 accounts, 4 gateways

  workers            on cores 0, 1
  requests/s               999,998  1,000,000 asked for
  trades                 1,850,000  of 48,000,000 lots
  market data            2,000,000  quotes, and 1,234 that newer ones replaced
  kills                        100  of 101; 65 in hand were recovered

  filled                 1,800,000
  resting                    4,000
  cancelled              3,500,000
  rejected                   5,000
  dead letters                  35
  cancels                3,200,000  done
                         1,490,965  too late

  latency             p50        p90        p99      p99.9        max
                   720 ns     1.2 µs     9.9 µs   150.0 µs     2.0 ms
  From when a request was to be sent until its gateway has the answer.
  The p99 of single seconds was from 9.0 µs to 11.0 µs.

  The independent replay agrees: each request, trade, level and position.
";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn a_long_list_of_disagreements_is_cut() {
    let list = vec![Disagreement::Limits { accounts: 2 }; MAX_LISTED + 3];
    let mut out = Vec::new();
    write_disagreements("exchange", &list, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), MAX_LISTED + 1);
    assert_eq!(text.lines().next(), Some("exchange: disagreement: 2 accounts are beyond their limits"));
    assert_eq!(text.lines().last(), Some("exchange: and 3 more"));
}
