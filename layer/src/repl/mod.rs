//! Rhai line by line, with everything a script finds at hand.
//!
//! ```text
//! session   what was defined so far, and one more input of it
//! shown     values and errors as people read them
//! editor    lines from a terminal, with history and completion
//! ```

pub(crate) mod editor;
pub(crate) mod session;
pub(crate) mod shown;
