//! What an environment keeps from one event to the next, and whether it can go on.
//!
//! An event leaves nothing behind but what is meant to stay: `this`, the cache, sets of keys. Where
//! memory does not come back all the same, what is kept is dropped; where that is not enough, the
//! environment has to end, since sooner or later every event would fail in it.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;

use rhai::{Dynamic, Map};

use crate::bounds::Bounds;
use crate::modules::{Loaded, Modules, Roots};
use crate::{captured, json, library, loans, memory};

/// Modules that functions imported may take one of so many parts of the memory that init left.
const PARTS_FOR_MODULES: usize = 8;

/// What is not accounted for may take one of so many parts of the memory that init left.
const PARTS_TO_LOSE: usize = 4;

/// After an event that ran out of memory, all has to have come back but one of so many parts: another
/// environment might have had room for the event.
const PARTS_TO_LOSE_WHEN_OUT: usize = 16;

/// What is kept is measured again when it has grown by one of so many parts.
const PARTS_TO_GROW: usize = 32;

/// What outlives an event.
pub struct EnvironmentState {
    /// What `this` is in the handler.
    this: RefCell<Dynamic>,
    modules: Rc<Loaded>,
    bounds: Rc<Bounds>,
    /// The bytes that were held at the end of init.
    after_init: Cell<usize>,
    /// By how much that had grown at the end of the last event.
    #[cfg(feature = "tool")]
    last_grown: Cell<usize>,
    /// By how much that had grown when what is kept was measured last.
    measured: Cell<usize>,
}

impl EnvironmentState {
    /// Nothing yet.
    #[must_use]
    pub fn new(modules: Rc<Loaded>, bounds: Rc<Bounds>) -> Self {
        Self {
            this: RefCell::new(Dynamic::from_map(Map::new())),
            modules,
            bounds,
            after_init: Cell::new(0),
            #[cfg(feature = "tool")]
            last_grown: Cell::new(0),
            measured: Cell::new(0),
        }
    }

    /// What `this` is.
    pub fn this(&self) -> Ref<'_, Dynamic> {
        self.this.borrow()
    }

    /// What `this` is, to be changed.
    pub fn this_mut(&self) -> RefMut<'_, Dynamic> {
        self.this.borrow_mut()
    }

    /// Begins what belongs to the top level.
    pub fn begin_init() {
        library::begin_init();
    }

    /// Ends what belongs to the top level.
    pub fn end_init(&self, roots: &Roots) {
        library::end_init();
        json::end_init();
        Modules::end_init(&self.modules, roots);
        self.bounds.captured().end_init();
        self.after_init.set(memory::used());
    }

    /// Drops what the script keeps, so that an environment that ran out of memory can go on.
    pub fn forget_kept(&self) {
        if self.drop_kept() {
            log::warn!(
                "the script ran out of memory; what it kept in `this` and `cache` is dropped"
            );
        }
    }

    fn drop_kept(&self) -> bool {
        let kept = self.this.replace(Dynamic::from_map(Map::new()));
        let had_state = kept.read_lock::<Map>().is_some_and(|map| !map.is_empty());
        library::clear_cache() || had_state
    }

    /// Begins an event in a process that holds other things too.
    #[cfg(feature = "tool")]
    pub fn leave_out_what_others_hold(&self, payload: usize) {
        let others = memory::used().saturating_sub(payload + self.last_grown.get());
        self.after_init.set(others);
    }

    /// Ends the environment in a process that goes on: what it lost counts no more.
    #[cfg(feature = "tool")]
    pub fn write_off(&self) {
        memory::write_off(self.grown());
        self.last_grown.set(0);
    }

    /// Forgets what an event left behind. Says why the environment cannot go on, if it cannot.
    pub fn end_event(&self, ran_out_of_memory: bool) -> Option<String> {
        let why = self.forget(ran_out_of_memory);
        if self.modules.late_bytes() == 0 {
            json::end_event(|see| {
                see(&self.this.borrow());
                library::each_cached(|_, value, _| see(value));
            });
        }
        #[cfg(feature = "tool")]
        self.last_grown.set(self.grown());
        why
    }

    fn forget(&self, ran_out_of_memory: bool) -> Option<String> {
        drop(loans::returned());
        library::end_event();
        self.bounds.captured().end_event();
        let room = self.room();
        if ran_out_of_memory {
            self.forget_kept();
            self.forget_caches();
            self.bounds.captured().end_event();
            return self.lost_too_much(room / PARTS_TO_LOSE_WHEN_OUT);
        }
        if self.modules.late_bytes() > room / PARTS_FOR_MODULES {
            self.forget_modules();
        }
        let (grown, most) = (self.grown(), room / PARTS_TO_LOSE);
        if grown <= most {
            self.measured.set(0);
            return None;
        }
        if grown <= self.measured.get().saturating_add(room / PARTS_TO_GROW) {
            return None;
        }
        self.measured.set(grown);
        let kept = captured::bytes_within(&self.this.borrow()) + library::cached_bytes();
        if grown.saturating_sub(kept) <= most {
            return None;
        }
        self.forget_caches();
        if self.grown().saturating_sub(kept) <= most {
            return None;
        }
        if self.drop_kept() {
            log::warn!(
                "memory did not come back after the invocation; what the script kept in `this` and \
                 `cache` is dropped"
            );
        }
        self.bounds.captured().end_event();
        self.lost_too_much(most)
    }

    /// The bytes that init left for events.
    fn room(&self) -> usize {
        self.bounds.most_memory().saturating_sub(self.after_init.get())
    }

    /// How many bytes more are held than at the end of init.
    fn grown(&self) -> usize {
        memory::used().saturating_sub(self.after_init.get())
    }

    /// What is loaded or compiled again when it is used again.
    fn forget_caches(&self) {
        library::forget_patterns();
        self.forget_modules();
    }

    fn forget_modules(&self) {
        self.modules.forget_late();
        self.bounds.captured().forget_late();
    }

    fn lost_too_much(&self, most: usize) -> Option<String> {
        let grown = self.grown();
        (grown > most).then(|| {
            format!(
                "{} KB of the {} KB that the script had after init did not come back; this \
                 environment ends, and the next event gets a fresh one",
                grown >> 10,
                self.room() >> 10
            )
        })
    }
}
