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
page!(Supervision, "supervision.md");
page!(Routers, "routers.md");
page!(Groups, "groups.md");
page!(Blocking, "blocking.md");
page!(Health, "health.md");
page!(Behaviours, "behaviours.md");
page!(Middleware, "middleware.md");
page!(Streams, "streams.md");
page!(Clients, "clients.md");
page!(Testing, "testing.md");
page!(Latest, "latest.md");
