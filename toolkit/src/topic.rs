//! Topics: events by name, and the actors that subscribe to them.
