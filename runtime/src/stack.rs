//! A larger stack than a process is born with, without a thread of its own.

use std::io;
use std::ptr::null_mut;

use rhambda_runtime::pages;

/// What init and a first small invocation take of the stack, in bytes.
const TAKEN: usize = 7 * pages::PAGE;

/// Calls a function that never unwinds on a new stack of so many bytes, with a page below it that
/// nobody may touch, and gives its result.
///
/// # Errors
/// When the system has no room for it.
pub fn with<T>(bytes: usize, function: impl FnOnce() -> T) -> io::Result<T> {
    const GUARD: usize = 4096;
    // SAFETY: a new private mapping concerns no memory that is in use. Of the mapping the lowest page
    // is the guard and the rest the stack, whose bounds are multiples of a page, as `on_stack` wants.
    // It is never unmapped: the process ends with the function.
    unsafe {
        let lowest = libc::mmap(
            null_mut(),
            GUARD + bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK,
            -1,
            0,
        );
        if lowest == libc::MAP_FAILED || libc::mprotect(lowest, GUARD, libc::PROT_NONE) != 0 {
            return Err(io::Error::last_os_error());
        }
        pages::own_stack(lowest as usize + GUARD);
        pages::take(lowest as usize + GUARD + bytes - TAKEN, TAKEN);
        Ok(psm::on_stack(lowest.cast::<u8>().add(GUARD), bytes, function))
    }
}
