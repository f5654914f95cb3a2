//! Streams: sources, flows and sinks, with demand from below.
