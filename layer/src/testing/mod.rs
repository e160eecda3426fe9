//! `rhambda test`: scripts tried with a world of their own.
//!
//! ```text
//! cases      what there is to run: test functions, and events with their responses
//! run        a process for each case, so that none can spoil another ──► worker
//! worker     the script in the runtime's own engine, in a world of mocks
//!   functions  what a test can call: `invoke`, `assert_…`, `mock::…`
//!   mocks      what stands in for the network, the clock, chance, variables and files
//!   recorded   the same, as it was when an invocation was recorded
//!   difference what is wrong with a value, with paths
//!   coverage   which lines were run
//! pair       two files that are a test
//! report     what a person, or a program, sees of it
//! ```

pub(crate) mod cases;
pub(crate) mod coverage;
mod difference;
pub(crate) mod functions;
mod mocks;
pub(crate) mod pair;
mod recorded;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod worker;
