//! Work that blocks: a pool of ordinary threads, and tasks of a runtime, whose results arrive as messages.
