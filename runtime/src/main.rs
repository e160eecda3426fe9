//! The `bootstrap` process: what Lambda starts in an execution environment.
//!
//! Runs the story of `lib.rs` on a stack that is large enough for scripts that recurse. The standard
//! library's own start is left out, since it reads the process's memory map and sets signal stacks up
//! that nothing here needs: a tenth of what a cold start has of its own.

#![no_main]

mod angles;
mod stack;

use std::ffi::{c_char, c_int};
use std::panic::catch_unwind;

use rhambda_runtime::config::{self, Environment};
use rhambda_runtime::memory::{Counting, Pooled};

/// Counts what the script's thread holds, so that a runaway script ends in an error.
#[global_allocator]
static ALLOCATOR: Counting = Counting(Pooled);

const FAILURE: c_int = 1;

/// Where the C library hands over.
// SAFETY: no other function of this program is called so.
#[unsafe(no_mangle)]
pub extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
    open_standard_streams();
    // SAFETY: no handler is installed; a write to a closed pipe has to be an error, not the end.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let environment = Environment::read(std::env::vars_os());
    let stack_bytes = config::stack_bytes_of(&environment);
    let run = || catch_unwind(|| rhambda_runtime::run(&environment).into()).unwrap_or(FAILURE);
    stack::with(stack_bytes, run).unwrap_or_else(|error| {
        eprintln!("cannot take {} MiB for the stack: {error}", stack_bytes >> 20);
        FAILURE
    })
}

/// Opens those of the standard streams that are closed, so that no connection gets their numbers and
/// with them the logs.
fn open_standard_streams() {
    for descriptor in 0..3 {
        // SAFETY: the calls take numbers and a constant string, and touch no memory of ours.
        unsafe {
            if libc::fcntl(descriptor, libc::F_GETFD) == -1 {
                libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
            }
        }
    }
}
