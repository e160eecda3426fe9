//! The language the end-to-end tests are written in: a [`Function`] is given, invoked by a scripted
//! Runtime API, and what the real `bootstrap` did is a [`Run`] to be compared with what we expect.

pub mod browser;
mod emulator;
pub mod faults;
mod faulty_api;
pub mod fronts;
mod function;
pub mod fuzz;
pub mod generator;
mod http;
pub mod language;
mod process;
pub mod reference;
mod root;
mod run;
mod runtime_api;
mod served;
mod server;
mod tool;

pub use emulator::{Emulator, Reply, skip};
pub use faulty_api::{Act, Body, FaultyApi, Happening, Opened, Reading};
pub use function::{Function, bootstrap, repository};
pub use process::descendants;
pub use root::{Root, chroot};
pub use run::{Ended, Run};
pub use runtime_api::{Answer, Call, Event, Framing, Next};
pub use served::{Client, Replied, Served, aws_client, command, is_running, output_of};
pub use server::{After, Asked, Authority, Server, answer, tunnel};
pub use tool::{layer_zip, package, rhambda};
