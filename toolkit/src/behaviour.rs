//! Behaviours: an actor that handles messages in another way from now on, and goes back.
