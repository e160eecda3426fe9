//! Small blocks of memory, from one region, each size from a list of its own.
//!
//! An event of a thousand records is some ten thousand maps and texts, which are all made and given
//! back within milliseconds. The system's allocator looks for neighbours to join each of them with;
//! this only takes the last one that was given back. What does not fit goes to the system.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::pages;

/// The region's size in bytes: what it has for one size is never used for another, so that it must
/// be small beside what a function has.
const REGION: usize = 16 << 20;

/// What init and a first small invocation take of it, in bytes.
const FIRST: usize = 16 * pages::PAGE;

/// Blocks are multiples of this, in bytes, and aligned so.
const STEP: usize = 16;

/// The largest block, in bytes.
const LARGEST: usize = 1024;

/// Where the region begins; 0 as long as there is none.
static START: AtomicUsize = AtomicUsize::new(0);

/// The last block that another thread gave back, for the one that took the region: it holds the
/// address of the one before, and its class.
static RETURNED: AtomicPtr<u8> = AtomicPtr::new(null_mut());

/// The blocks of the one thread that took the region.
struct Pool {
    /// The last block of each size that was given back, which holds the address of the one before.
    free: [*mut u8; LARGEST / STEP + 1],
    /// What has never been given out.
    next: usize,
    end: usize,
    has_asked: bool,
}

thread_local! {
    static POOL: UnsafeCell<Pool> = const {
        UnsafeCell::new(Pool { free: [null_mut(); LARGEST / STEP + 1], next: 0, end: 0, has_asked: false })
    };
}

impl Pool {
    #[inline(always)]
    unsafe fn take(&mut self, class: usize) -> *mut u8 {
        let block = self.free[class];
        if block.is_null() {
            return self.take_new(class * STEP);
        }
        // SAFETY: a block that is free holds the address of the next one, or null.
        self.free[class] = unsafe { block.cast::<*mut u8>().read() };
        block
    }

    #[inline(never)]
    fn take_new(&mut self, bytes: usize) -> *mut u8 {
        if self.end != 0 && !RETURNED.load(Ordering::Relaxed).is_null() {
            self.take_over();
            let class = bytes / STEP;
            let block = self.free[class];
            if !block.is_null() {
                // SAFETY: as in `take`.
                self.free[class] = unsafe { block.cast::<*mut u8>().read() };
                return block;
            }
        }
        if self.end - self.next < bytes {
            self.open();
        }
        if self.end - self.next < bytes {
            return null_mut();
        }
        let block = self.next as *mut u8;
        self.next += bytes;
        block
    }

    /// Takes the region, if nobody has it yet.
    #[cold]
    fn open(&mut self) {
        if std::mem::replace(&mut self.has_asked, true) || START.load(Ordering::Relaxed) != 0 {
            return;
        }
        // SAFETY: a new private mapping concerns no memory that is in use.
        let start = unsafe {
            libc::mmap(
                null_mut(),
                REGION,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return;
        }
        let start = start as usize;
        if START.compare_exchange(0, start, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            (self.next, self.end) = (start, start + REGION);
            pages::take(start, FIRST);
        }
    }

    /// Takes what other threads gave back.
    #[cold]
    fn take_over(&mut self) {
        let mut block = RETURNED.swap(null_mut(), Ordering::Acquire);
        while !block.is_null() {
            // SAFETY: a block that was given back holds these two, and nobody else can reach it any
            // more: only the owner of the region takes blocks off, and all of them at once.
            unsafe {
                let next = block.cast::<*mut u8>().read();
                let class = block.cast::<usize>().add(1).read();
                self.give_back(block, class);
                block = next;
            }
        }
    }

    /// Gives back a block of another thread's region.
    #[cold]
    unsafe fn send_back(block: *mut u8, class: usize) {
        let mut last = RETURNED.load(Ordering::Relaxed);
        // SAFETY: the smallest block has room for two words, and is the caller's to give up.
        unsafe { block.cast::<usize>().add(1).write(class) };
        loop {
            // SAFETY: as above; until it is on the list, nobody else reads it.
            unsafe { block.cast::<*mut u8>().write(last) };
            let sent =
                RETURNED.compare_exchange_weak(last, block, Ordering::Release, Ordering::Relaxed);
            match sent {
                Ok(_) => return,
                Err(other) => last = other,
            }
        }
    }

    unsafe fn give_back(&mut self, block: *mut u8, class: usize) {
        if self.end == 0 {
            // SAFETY: the caller's promises are passed on.
            return unsafe { Self::send_back(block, class) };
        }
        // SAFETY: the block has room for an address, being a multiple of `STEP`.
        unsafe { block.cast::<*mut u8>().write(self.free[class]) };
        self.free[class] = block;
    }
}

/// The system's allocator with a pool before it.
#[derive(Debug)]
pub struct Pooled;

impl Pooled {
    #[inline(always)]
    fn take(layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() > LARGEST || layout.align() > STEP {
            return None;
        }
        let class = layout.size().div_ceil(STEP);
        // SAFETY: no reference to a thread's pool outlives the closure, which calls nothing that
        // could ask for memory.
        let block = POOL.try_with(|pool| unsafe { (*pool.get()).take(class) });
        block.ok().and_then(NonNull::new)
    }

    #[inline(always)]
    fn is_in_region(block: *mut u8) -> bool {
        let start = START.load(Ordering::Relaxed);
        start != 0 && (block as usize).wrapping_sub(start) < REGION
    }
}

// SAFETY: a block of the region belongs to one caller at a time: it comes off a list or from what was
// never given out, which only the thread that took the region can reach, and it goes onto a list when
// that caller gives it up. Nothing here allocates or unwinds.
unsafe impl GlobalAlloc for Pooled {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match Self::take(layout) {
            Some(block) => block.as_ptr(),
            // SAFETY: the caller's promises are passed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if Self::is_in_region(block) {
            // SAFETY: as in `take`; the block is as large as its size says, and nobody's now.
            let _ = POOL.try_with(|pool| unsafe {
                (*pool.get()).give_back(block, layout.size().div_ceil(STEP));
            });
            return;
        }
        // SAFETY: the block is the system's; the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match Self::take(layout) {
            Some(block) => {
                // SAFETY: the block has at least these bytes.
                unsafe { block.as_ptr().write_bytes(0, layout.size()) };
                block.as_ptr()
            }
            // SAFETY: the caller's promises are passed on.
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    #[inline(always)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !Self::is_in_region(block) {
            // SAFETY: the block is the system's; the caller's promises are passed on.
            return unsafe { System.realloc(block, layout, size) };
        }
        if size.div_ceil(STEP) == layout.size().div_ceil(STEP) {
            return block;
        }
        // SAFETY: the new block is another one, of `size` bytes, of which as many are written as
        // both have; the old one is the caller's to give up.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}
