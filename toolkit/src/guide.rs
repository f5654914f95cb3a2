//! The guide in `docs/guide`: each of its programs is compiled and run as a test.

/// Runs the programs of a page.
macro_rules! page {
    ($name:ident, $path:literal) => {
        #[cfg(doctest)]
        #[doc = include_str!(concat!("../../docs/guide/", $path))]
        struct $name;
    };
}

page!(Guide, "README.md");
page!(Batches, "batches.md");
