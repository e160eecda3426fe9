//! Memory that every cold start touches, taken in one call instead of by a fault for each page.
//!
//! A fault costs some microseconds, most of all in a virtual machine such as Lambda's.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A page, in bytes.
pub const PAGE: usize = 4096;

/// Takes the pages of so many bytes from this address on, which are mapped. A kernel before 5.14
/// knows no such call; the pages come by and by then.
pub fn take(address: usize, bytes: usize) {
    const POPULATE_WRITE: libc::c_int = 23;
    // SAFETY: what is mapped and may be written to keeps what is in it; anything else is refused.
    unsafe { libc::madvise(address as *mut libc::c_void, bytes, POPULATE_WRITE) };
}

/// Where the stack that the process made for itself ends; 0: it has none.
static STACK_END: AtomicUsize = AtomicUsize::new(0);

/// Says where the stack of the process ends, which is its own for good.
pub fn own_stack(end: usize) {
    STACK_END.store(end, Ordering::Relaxed);
}

/// Gives the pages of the stack below this address back to the system: those of the function that calls,
/// and what it calls, are above.
pub fn give_back_stack(below: usize) {
    let (from, to) = (STACK_END.load(Ordering::Relaxed), below - below % PAGE);
    if from != 0 && from < to {
        // SAFETY: nothing lives on a stack below the functions that run. What is read there next is zero.
        unsafe { libc::madvise(from as *mut libc::c_void, to - from, libc::MADV_DONTNEED) };
    }
}
