//! One file a command.

pub mod check;
pub mod completions;
pub mod definitions;
pub mod dev;
pub mod event;
pub mod fmt;
pub mod invoke;
pub mod layer;
pub mod man;
pub mod new;
pub mod package;
pub mod record;
pub mod repl;
pub mod replay;
pub(crate) mod settings;
pub mod test;
