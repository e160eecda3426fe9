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
    /// The limit, or nothing where somebody has to look at what was made.
    static TRIP: Cell<isize> = const { Cell::new(isize::MAX) };
    /// The largest block that a script may have.
    static LARGEST: Cell<usize> = const { Cell::new(usize::MAX) };
    /// How much of what can be nested this thread holds, in [`weight`]s.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// How much more of it may be made until somebody looks at it.
    static UNSEEN: Cell<isize> = const { Cell::new(isize::MAX) };
}

/// What each level of a nested value has of its own: an array or a map one block of the first size, a
/// closure one of the second. Texts have the second size too, so that it counts for less.
const CONTAINER: usize = size_of::<rhai::Array>();
const CLOSURE: usize = size_of::<rhai::FnPtr>();
pub(crate) const CONTAINER_WEIGHT: isize = 4;

#[inline(always)]
fn weight(size: usize) -> isize {
    match size {
        CONTAINER => CONTAINER_WEIGHT,
        CLOSURE => 1,
        _ => 0,
    }
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

    #[inline(always)]
    fn made(size: usize) {
        let weight = weight(size);
        if weight != 0 {
            let _ = HELD.try_with(|held| held.set(held.get().wrapping_add(weight)));
            let _ = UNSEEN.try_with(|unseen| {
                let left = unseen.get().wrapping_sub(weight);
                unseen.set(left);
                if left < 0 {
                    let _ = TRIP.try_with(|trip| trip.set(isize::MIN));
                }
            });
        }
    }

    /// A script is stopped after it has taken a block that is too large. What makes a text of another
    /// holds both and a copy for a moment, and nobody asks before the engine's own functions do.
    #[inline(always)]
    fn note_large(size: usize) {
        const LARGE: usize = 4 << 20;
        if size > LARGE {
            Self::refuse_larger(size);
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse_larger(size: usize) {
        if LARGEST.try_with(Cell::get).is_ok_and(|largest| size > largest)
            && LIMIT.try_with(Cell::get).is_ok_and(|limit| limit != isize::MAX)
        {
            refuse();
        }
    }

    #[inline(always)]
    fn dropped(size: usize) {
        let weight = weight(size);
        if weight != 0 {
            let _ = HELD.try_with(|held| held.set(held.get().wrapping_sub(weight)));
        }
    }
}

// SAFETY: every call goes to the other allocator unchanged; the counter neither allocates nor
// unwinds, being a constant-initialised thread-local without a destructor.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size() as isize);
        Self::made(layout.size());
        Self::note_large(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { self.0.alloc(layout) }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::add(-(layout.size() as isize));
        Self::dropped(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size() as isize);
        Self::note_large(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    #[inline(never)]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::add(size as isize - layout.size() as isize);
        Self::note_large(size);
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

/// Hands something to another thread, or takes it from there, none of which this thread's counts know
/// of: what is made in here is given back elsewhere, or the other way round.
pub(crate) fn foreign<T>(work: impl FnOnce() -> T) -> T {
    let before = (USED.get(), HELD.get());
    let done = work();
    USED.set(before.0);
    HELD.set(before.1);
    done
}

/// Counts so many bytes more, which others take for this thread.
pub(crate) fn charge(bytes: usize) {
    USED.set(USED.get().saturating_add_unsigned(bytes));
}

/// Counts them no more.
pub(crate) fn discharge(bytes: usize) {
    USED.set(USED.get().saturating_sub_unsigned(bytes));
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

/// Sets how many bytes one text, blob or array may have from now on.
pub fn set_largest(bytes: usize) {
    LARGEST.set(bytes);
}

/// How many bytes one text, blob or array may have.
#[must_use]
pub fn largest() -> usize {
    LARGEST.get()
}

/// Sets how many bytes this thread may hold from now on.
pub fn set_limit(bytes: usize) {
    LIMIT.with(|limit| limit.set(isize::try_from(bytes).unwrap_or(isize::MAX)));
    set_trip();
}

fn set_trip() {
    TRIP.set(if is_unseen() { isize::MIN } else { LIMIT.get() });
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

/// How much of what can be nested this thread holds: [`CONTAINER_WEIGHT`] for each array and map, one
/// for each closure and text.
pub(crate) fn held() -> isize {
    HELD.with(Cell::get)
}

/// Whether so much of it was made that somebody has to look at it.
#[inline(always)]
pub(crate) fn is_unseen() -> bool {
    UNSEEN.with(Cell::get) < 0
}

/// How much of it may be made until [`is_unseen`].
pub(crate) fn set_unseen(weight: isize) {
    UNSEEN.set(weight);
    set_trip();
}

/// Whether this thread holds more than it may, or somebody has to look at what it holds.
#[inline(always)]
pub(crate) fn is_tripped() -> bool {
    USED.with(Cell::get) > TRIP.with(Cell::get)
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
    TRIP.set(isize::MIN);
}

/// The limit set last, in bytes.
#[must_use]
pub fn limit() -> usize {
    LIMIT.with(Cell::get).max(0) as usize
}
