//! The layer crate from outside: the emulator over raw sockets, the tool as a process.

mod check;
mod cli;
mod client;
mod dev;
mod editor;
mod emulator;
mod environment;
mod event;
mod fake;
mod fmt;
mod large;
mod new;
mod pty;
mod repl;
mod traps;
