//! The layer crate from outside: the emulator over raw sockets, the tool as a process.

mod client;
mod emulator;
