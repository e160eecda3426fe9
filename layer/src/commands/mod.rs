//! One file a command.

pub mod invoke;
pub mod layer;
pub mod package;
mod settings;
