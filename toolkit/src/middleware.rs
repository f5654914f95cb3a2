//! Middleware: what is put around an actor when it is spawned.
