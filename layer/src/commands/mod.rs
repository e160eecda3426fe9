//! One file a command.

pub mod dev;
pub mod invoke;
pub mod layer;
pub mod package;
pub(crate) mod settings;
pub mod test;
