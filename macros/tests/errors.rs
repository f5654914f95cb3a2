//! What the attribute says of what it cannot make an actor of. Each case in `tests/ui` stands with what is reported.

#[test]
fn mistakes_are_reported_where_they_are() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
