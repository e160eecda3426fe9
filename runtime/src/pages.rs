//! Memory that every cold start touches, taken in one call instead of by a fault for each page.
//!
//! A fault costs some microseconds, most of all in a virtual machine such as Lambda's.

const PAGE: usize = 4096;

/// What init and a first small invocation take of the heap, in bytes.
const HEAP: usize = 14 * PAGE;

/// Takes the first pages of the heap.
pub fn take_heap() {
    // The first allocation is at the start of it.
    let first = Box::new(0u8);
    take(std::ptr::from_ref(&*first) as usize & !(PAGE - 1), HEAP);
}

/// Takes the pages of so many bytes from this address on, which are mapped. A kernel before 5.14
/// knows no such call; the pages come by and by then.
pub fn take(address: usize, bytes: usize) {
    const POPULATE_WRITE: libc::c_int = 23;
    // SAFETY: what is mapped and may be written to keeps what is in it; anything else is refused.
    unsafe { libc::madvise(address as *mut libc::c_void, bytes, POPULATE_WRITE) };
}
