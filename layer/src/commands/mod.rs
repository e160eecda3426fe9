//! One file a command.

pub mod invoke;
