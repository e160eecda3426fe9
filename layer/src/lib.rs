//! What gets a script from a desk to Lambda: the emulator, the packager and the commands.

pub mod emulator;
mod http;
