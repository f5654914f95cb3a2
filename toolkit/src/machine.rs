//! State machines: typed states with timeouts and hooks.
