use proptest::prelude::*;

use super::*;

const GOOD: &str = "34200.004241176,1,16113575,18,5853300,1";

fn messages(text: &str) -> Result<Vec<Event>, String> {
    parse_messages(text.as_bytes(), "m.csv").map_err(|error| error.to_string())
}

fn book(text: &str, depth: usize) -> Result<BookFile, String> {
    BookFile::parse(text.as_bytes(), "b.csv", depth).map_err(|error| error.to_string())
}

#[test]
fn a_message_is_read_to_the_nanosecond() {
    let expected = Event {
        time_ns: 34_200_004_241_176,
        order: 16_113_575,
        price: 5_853_300,
        size: 18,
        symbol: 0,
        kind: Kind::New,
        side: Side::Bid,
    };
    for end in ["", "\n", "\r\n"] {
        assert_eq!(messages(&format!("{GOOD}{end}")), Ok(vec![expected]));
    }
    assert_eq!(messages(&format!("{GOOD}\r\n{GOOD}\n{GOOD}")), Ok(vec![expected; 3]));
}

#[test]
fn times_may_have_up_to_nine_decimals() {
    let table = [
        ("0", 0),
        ("34200", 34_200_000_000_000),
        ("34200.5", 34_200_500_000_000),
        ("34200.000000001", 34_200_000_000_001),
        ("86399.999999999", END_OF_DAY_NS - 1),
    ];
    for (text, time_ns) in table {
        assert_eq!(parse_time(text.as_bytes()), Some(time_ns), "{text}");
    }
    for text in ["", ".", ".5", "5.", "-1", "1.-5", "1.2.3", "1e3", "86400", "1.0000000000", "99999999999999999999"] {
        assert_eq!(parse_time(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn crosses_and_halts_have_limits_of_their_own() {
    for line in ["1,5,0,30,5854900,-1", "1,6,-1,500,5854900,1", "1,7,0,0,-1,-1", "1,7,0,0,0,-1", "1,7,0,0,1,-1"] {
        assert_eq!(messages(line).map(|events| events.len()), Ok(1), "{line}");
    }
}

#[test]
fn a_malformed_message_is_named_by_line_and_column() {
    let table = [
        (
            "",
            "column 1 (time, byte 1): found \"\", expected seconds after midnight below 86400 with at most 9 decimals",
        ),
        (
            "x,1,1,1,1,1",
            "column 1 (time, byte 1): found \"x\", expected seconds after midnight below 86400 with at most 9 decimals",
        ),
        ("1.5", "column 2 (type, byte 4): found the end of the line, expected 6 columns"),
        ("1.5,", "column 2 (type, byte 5): found \"\", expected a whole number from 1 to 7"),
        ("1.5,8,1,1,1,1", "column 2 (type, byte 5): found \"8\", expected a whole number from 1 to 7"),
        ("1.5,0,1,1,1,1", "column 2 (type, byte 5): found \"0\", expected a whole number from 1 to 7"),
        (
            "1.5,1,0,1,1,1",
            "column 3 (order id, byte 7): found \"0\", expected a whole number from 1 to 9223372036854775807",
        ),
        (
            "1.5,1,abc,1,1,1",
            "column 3 (order id, byte 7): found \"abc\", expected a whole number from 1 to 9223372036854775807",
        ),
        ("1.5,1,77,0,1,1", "column 4 (size, byte 10): found \"0\", expected a whole number from 1 to 4294967295"),
        (
            "1.5,1,77,4294967296,1,1",
            "column 4 (size, byte 10): found \"4294967296\", expected a whole number from 1 to 4294967295",
        ),
        ("1.5,1,77,-5,1,1", "column 4 (size, byte 10): found \"-5\", expected a whole number from 1 to 4294967295"),
        ("1.5,1,77,5,0,1", "column 5 (price, byte 12): found \"0\", expected a whole number from 1 to 9999999998"),
        (
            "1.5,1,77,5,9999999999,1",
            "column 5 (price, byte 12): found \"9999999999\", expected a whole number from 1 to 9999999998",
        ),
        ("1.5,7,0,0,2,1", "column 5 (price, byte 11): found \"2\", expected a whole number from -1 to 1"),
        ("1.5,1,77,5,6", "column 6 (side, byte 13): found the end of the line, expected 6 columns"),
        ("1.5,1,77,5,6,0", "column 6 (side, byte 14): found \"0\", expected 1 (buy) or -1 (sell)"),
        ("1.5,1,77,5,6,1 ", "column 6 (side, byte 14): found \"1 \", expected 1 (buy) or -1 (sell)"),
        (
            "1.5,1,77,5,6,1,",
            "column 7 (beyond the last, byte 16): found \"\", expected the end of the line after 6 columns",
        ),
        (
            "1.5,1,77,5,6,1,null",
            "column 7 (beyond the last, byte 16): found \"null\", expected the end of the line after 6 columns",
        ),
    ];
    for (line, expected) in table {
        let expected = Err(format!("m.csv: line 2, {expected}"));
        assert_eq!(messages(&format!("{GOOD}\n{line}\n{GOOD}\n")).map(|_| ()), expected, "{line}");
    }
}

#[test]
fn files_without_a_line_or_with_an_endless_one_are_refused() {
    assert_eq!(messages("").map(|_| ()), Err("m.csv: the file is empty, expected at least one line".to_owned()));
    assert_eq!(book("", 1).map(|_| ()), Err("b.csv: the file is empty, expected at least one line".to_owned()));
    let error = messages(&"1".repeat(5_000)).unwrap_err();
    let excerpt = "1".repeat(32);
    let expected = format!(
        "m.csv: line 1, column 1 (line, byte 1): found \"{excerpt}\"..., \
         expected the line to end after at most 4096 bytes"
    );
    assert_eq!(error, expected);
    let missing = read(Path::new("/does/not/exist.csv"), None, 1).unwrap_err();
    assert!(missing.to_string().starts_with("/does/not/exist.csv: cannot be opened: "), "{missing}");
}

#[test]
fn a_reader_that_fails_is_named_with_its_line() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    let text = format!("{GOOD}\n");
    let reader = BufReader::new(std::io::Read::chain(text.as_bytes(), Broken));
    let error = parse_messages(reader, "m.csv").unwrap_err();
    assert_eq!(error.to_string(), "m.csv: line 2: cannot be read: gone");
}

#[test]
fn a_row_holds_asks_and_bids_in_turn_and_empty_levels_last() {
    let file = book("110,5,100,6,9999999999,0,90,7\r\n110,5,100,6,120,1,-9999999999,0", 2).unwrap();
    assert_eq!((file.len(), file.depth()), (2, 2));
    let level = |price, size| Level { price, size };
    assert_eq!(file.seed(Side::Ask), [level(110, 5), Level::NO_ASK]);
    assert_eq!(file.seed(Side::Bid), [level(100, 6), level(90, 7)]);
    assert_eq!(file.row(0, Side::Bid), file.seed(Side::Bid));
    assert_eq!(file.row(1, Side::Ask), [level(110, 5), level(120, 1)]);
    assert_eq!(file.row(1, Side::Bid), [level(100, 6), Level::NO_BID]);
    assert_eq!(file.row(2, Side::Bid), []);
}

#[test]
fn only_the_depth_is_kept_of_a_row_but_all_of_the_seed() {
    let file = book("110,5,100,6,120,1,90,7\n111,5,100,6,120,1,90,7", 1).unwrap();
    assert_eq!(file.seed(Side::Ask).len(), 2);
    assert_eq!(file.row(1, Side::Ask), [Level { price: 111, size: 5 }]);
    assert_eq!(file.row(1, Side::Bid), [Level { price: 100, size: 6 }]);
}

#[test]
fn a_malformed_row_is_named_by_line_and_column() {
    let good = "110,5,100,6,120,1,90,7";
    let table = [
        (
            "",
            "column 1 (ask price, byte 1): found \"\", expected a whole number from 1 to 9999999998, \
             or 9999999999 for no level",
        ),
        ("110,5,100", "column 4 (bid size, byte 10): found the end of the line, expected 8 columns"),
        ("110,5,100,6", "column 5 (ask price, byte 12): found the end of the line, expected 8 columns"),
        (
            "110,5,100,6,120,1,90,7,8",
            "column 9 (beyond the last, byte 24): found \"8\", expected the end of the line after 8 columns",
        ),
        (
            "110,0,100,6,120,1,90,7",
            "column 2 (ask size, byte 5): found \"0\", expected a whole number from 1 to 1000000000000",
        ),
        (
            "110,x,100,6,120,1,90,7",
            "column 2 (ask size, byte 5): found \"x\", expected a whole number from 1 to 1000000000000",
        ),
        (
            "110,5,100,6,110,1,90,7",
            "column 5 (ask price, byte 13): found \"110\", expected a price above that of the level before, 110",
        ),
        (
            "110,5,100,6,120,1,101,7",
            "column 7 (bid price, byte 19): found \"101\", expected a price below that of the level before, 100",
        ),
        (
            "9999999999,0,100,6,120,1,90,7",
            "column 5 (ask price, byte 20): found \"120\", expected a price above that of the level before, 9999999999",
        ),
        (
            "9999999999,5,100,6,120,1,90,7",
            "column 2 (ask size, byte 12): found \"5\", expected a whole number from 0 to 0",
        ),
        (
            "-9999999999,0,100,6,120,1,90,7",
            "column 1 (ask price, byte 1): found \"-9999999999\", expected a whole number from 1 to 9999999998, \
             or 9999999999 for no level",
        ),
        (
            "110,5,9999999999,0,120,1,90,7",
            "column 3 (bid price, byte 7): found \"9999999999\", expected a whole number from 1 to 9999999998, \
             or -9999999999 for no level",
        ),
    ];
    for (line, expected) in table {
        let expected = Err(format!("b.csv: line 2, {expected}"));
        assert_eq!(book(&format!("{good}\n{line}\n{good}\n"), 1).map(|_| ()), expected, "{line}");
    }
}

#[test]
fn the_first_row_sets_the_levels_which_must_reach_the_depth() {
    let error = book("110,5,100", 1).unwrap_err();
    assert_eq!(
        error,
        "b.csv: line 1, column 3 (last, byte 7): found \"100\", expected a multiple of 4 columns, at most 200"
    );
    let error = book("110,5,100,6", 2).unwrap_err();
    assert_eq!(error, "b.csv: the book has 1 levels, expected at least 2, the depth to compare");
    assert!(book(&["1"; 204].join(","), 1).unwrap_err().contains("at most 200"));
}

#[test]
fn files_of_different_lengths_do_not_belong_together() {
    let folder = tempfile::tempdir().unwrap();
    let (messages, rows) = (folder.path().join("m.csv"), folder.path().join("b.csv"));
    std::fs::write(&messages, format!("{GOOD}\n{GOOD}\n")).unwrap();
    std::fs::write(&rows, "110,5,100,6\n").unwrap();
    let error = read(&messages, Some(&rows), 1).unwrap_err().to_string();
    let expected = format!("{}: 1 rows, expected 2, one for each line of {}", rows.display(), messages.display());
    assert_eq!(error, expected);
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..6_000)) {
        let _ = parse_messages(&bytes[..], "m.csv");
        let _ = BookFile::parse(&bytes[..], "b.csv", 1);
    }

    /// Bytes that get further into the parsers than random ones do.
    #[test]
    fn nearly_good_bytes_never_panic(text in "[-0-9.,\r\n]{0,400}", depth in 1_usize..=10) {
        let _ = parse_messages(text.as_bytes(), "m.csv");
        let _ = BookFile::parse(text.as_bytes(), "b.csv", depth);
    }

    #[test]
    fn an_event_survives_being_written_and_read(
        time_ns in 0..END_OF_DAY_NS,
        order in 1..=i64::MAX,
        price in 1..=MAX_PRICE,
        size in 1..=u32::MAX,
        number in 1_i64..=5,
        buys in any::<bool>(),
    ) {
        let side = if buys { Side::Bid } else { Side::Ask };
        let kind = Kind::from_number(number).unwrap();
        let event = Event { time_ns, order, price, size, symbol: 0, kind, side };
        prop_assert_eq!(messages(&event.to_string()), Ok(vec![event]));
    }
}
