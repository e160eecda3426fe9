//! How many bytes this thread holds, counted by the allocator itself.
//!
//! The engine's own size limits walk a whole value after every call that may have changed it, which
//! makes building an array by `push` quadratic. Counting what is allocated costs two instructions
//! and bounds everything at once, however a script comes by it.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

pub use crate::pool::Pooled;

thread_local! {
    static USED: Cell<isize> = const { Cell::new(0) };
    static LIMIT: Cell<isize> = const { Cell::new(isize::MAX) };
}

/// An allocator with a count for each thread; that of the `bootstrap` process is the pool's.
#[derive(Debug)]
pub struct Counting<A = Pooled>(pub A);

impl<A> Counting<A> {
    #[inline(always)]
    fn add(bytes: isize) {
        // A thread that is going away has no counter any more; what it frees does not matter.
        let _ = USED.try_with(|used| used.set(used.get().wrapping_add(bytes)));
    }
}

// SAFETY: every call goes to the other allocator unchanged; the counter neither allocates nor
// unwinds, being a constant-initialised thread-local without a destructor.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { self.0.alloc(layout) }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::add(-(layout.size() as isize));
        // SAFETY: the caller's promises are passed on.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    #[inline(never)]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::add(size as isize - layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { self.0.realloc(pointer, layout, size) }
    }
}

/// Has the allocator keep what an invocation gives back, for the next one.
///
/// glibc would return anything large to the system at once, and each page of it costs a fault when
/// it is taken again (mallopt(3)). At init nothing is given back, so this comes after it.
pub fn settle() {
    const KEPT: libc::c_int = 64 << 20;
    // SAFETY: the call takes two numbers, and no other thread allocates.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
    }
}

/// Does what the script does not answer for: what is kept, or given back, in here counts for nothing.
pub fn uncounted<T>(work: impl FnOnce() -> T) -> T {
    let before = USED.with(Cell::get);
    let done = work();
    USED.with(|used| used.set(before));
    done
}

/// Takes so many bytes for none that this thread holds: they will never be given back.
#[cfg(feature = "tool")]
pub fn write_off(bytes: usize) {
    USED.with(|used| used.set(used.get() - isize::try_from(bytes).unwrap_or(0)));
}

/// Does what may take memory that the script has no more.
pub fn unlimited<T>(work: impl FnOnce() -> T) -> T {
    let before = limit();
    set_limit(usize::MAX);
    let done = work();
    set_limit(before);
    done
}

/// Sets how many bytes this thread may hold from now on.
pub fn set_limit(bytes: usize) {
    LIMIT.with(|limit| limit.set(isize::try_from(bytes).unwrap_or(isize::MAX)));
}

/// The bytes this thread holds.
#[must_use]
pub fn used() -> usize {
    USED.with(Cell::get).max(0) as usize
}

/// Whether this thread holds more than it may.
#[inline(always)]
#[must_use]
pub fn is_exceeded() -> bool {
    USED.with(Cell::get) > LIMIT.with(Cell::get)
}

/// Whether `bytes` more would still be within the limit.
#[inline]
#[must_use]
pub fn has_room_for(bytes: usize) -> bool {
    isize::try_from(bytes)
        .ok()
        .and_then(|bytes| USED.with(Cell::get).checked_add(bytes))
        .is_some_and(|used| used <= LIMIT.with(Cell::get))
}

/// Lets the script be stopped at its next operation, since it asked for more than there is.
pub fn refuse() {
    LIMIT.with(|limit| limit.set(isize::MIN));
}

/// The limit set last, in bytes.
#[must_use]
pub fn limit() -> usize {
    LIMIT.with(Cell::get).max(0) as usize
}
