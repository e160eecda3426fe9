//! Memory that every cold start touches, taken in one call instead of by a fault for each page.
//!
//! A fault costs some microseconds, most of all in a virtual machine such as Lambda's.

/// A page, in bytes.
pub const PAGE: usize = 4096;

/// Takes the pages of so many bytes from this address on, which are mapped. A kernel before 5.14
/// knows no such call; the pages come by and by then.
pub fn take(address: usize, bytes: usize) {
    const POPULATE_WRITE: libc::c_int = 23;
    // SAFETY: what is mapped and may be written to keeps what is in it; anything else is refused.
    unsafe { libc::madvise(address as *mut libc::c_void, bytes, POPULATE_WRITE) };
}
