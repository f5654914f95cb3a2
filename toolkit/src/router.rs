//! Routers: one address for several actors, and the choice of who gets a message.
