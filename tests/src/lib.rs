//! The language the end-to-end tests are written in: a [`Function`] is given, invoked by a scripted
//! Runtime API, and what the real `bootstrap` did is a [`Run`] to be compared with what we expect.

mod emulator;
mod function;
mod http;
mod run;
mod runtime_api;

pub use emulator::{Emulator, Reply, Root, skip};
pub use function::{Function, bootstrap, repository};
pub use run::{Ended, Run};
pub use runtime_api::{Answer, Call, Event, Framing, Next};
