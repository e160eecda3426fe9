//! The variables that closures have captured, and what becomes of them.
//!
//! The engine keeps such a variable in a cell, which the function that has it and its closures share,
//! and counts who holds the cell. Two things follow. A closure that is kept in what it has captured, as
//! a method of an object map often is, is never given back: the cell holds the closure, and the closure
//! the cell. And what a closure of the top level has captured would outlive the event that changed it.
//!
//! So the cells are made here, and noted. Those that only hold each other are emptied, and those of the
//! top level are after each event what they were before it.

mod circles;
mod same;
mod shares;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use rhai::{Dynamic, ImmutableString};

pub use shares::{Shares, noted};

use crate::memory;

/// A captured variable.
type Variable = RefCell<Dynamic>;

/// With fewer cells it is not worth looking which are gone.
const FEWEST_TO_SWEEP: usize = 256;

/// Circles are looked for before the end of the event where one of so many parts of the memory was taken
/// since they were looked for last.
const PARTS_TO_SEARCH: usize = 8;

/// An event that is out of memory goes on where breaking circles gave back one of so many parts of it.
/// With less it would soon be here again.
const PARTS_TO_GO_ON: usize = 8;

/// The cells of one script.
#[derive(Debug)]
pub struct Captured {
    /// Those that may be alive; in front those that outlived the last search.
    cells: RefCell<Vec<Weak<Variable>>>,
    /// How many those in front are.
    kept: Cell<usize>,
    sweep_at: Cell<usize>,
    /// The bytes held with which it is time to look for circles.
    search_above: Cell<usize>,
    /// Cells of the top level that runs now which no closure changes.
    unchanging: RefCell<Vec<Weak<Variable>>>,
    top_level: RefCell<Vec<TopLevel>>,
    is_init_over: Cell<bool>,
}

/// A captured variable of the top level of a script or a module.
#[derive(Debug)]
struct TopLevel {
    cell: Rc<Variable>,
    /// What it is between events.
    value: Dynamic,
    /// Its module was imported by a function, after init.
    is_late: bool,
}

impl Default for Captured {
    fn default() -> Self {
        Self {
            cells: RefCell::default(),
            kept: Cell::new(0),
            sweep_at: Cell::new(FEWEST_TO_SWEEP),
            search_above: Cell::new(usize::MAX),
            unchanging: RefCell::default(),
            top_level: RefCell::default(),
            is_init_over: Cell::new(false),
        }
    }
}

impl Captured {
    /// Puts a variable that a closure captures into a cell, unless it is in one.
    #[inline]
    pub fn share(&self, variable: &mut Dynamic) {
        if !variable.is_shared() {
            self.move_into_cell(variable, false);
        }
    }

    fn move_into_cell(&self, variable: &mut Dynamic, is_unchanging: bool) {
        if variable.is_read_only() {
            // A constant is in no circle; the engine's own cells keep in mind that it is one.
            *variable = variable.take().into_shared();
            return;
        }
        let cell = Rc::new(RefCell::new(variable.take()));
        let mut cells = self.cells.borrow_mut();
        cells.push(Rc::downgrade(&cell));
        let is_time =
            cells.len() >= self.sweep_at.get() || memory::used() >= self.search_above.get();
        drop(cells);
        if is_unchanging {
            self.unchanging.borrow_mut().push(Rc::downgrade(&cell));
        }
        *variable = cell.into();
        if is_time {
            self.sweep();
        }
    }

    /// The same for variables of a scope, by their names.
    fn share_named(
        &self,
        shares: &Shares,
        mut find: impl FnMut(&str, &mut dyn FnMut(&mut Dynamic)),
    ) {
        for (name, changes) in shares.names() {
            find(name, &mut |variable| {
                if !variable.is_shared() {
                    self.move_into_cell(variable, !changes);
                }
            });
        }
    }

    /// Takes out what is gone, and breaks circles where much memory was taken since that was done last.
    #[cold]
    fn sweep(&self) {
        self.unchanging.borrow_mut().retain(|cell| cell.strong_count() > 0);
        let mut left = self.remove_gone();
        if memory::used() >= self.search_above.get() {
            left = self.break_circles();
            // What is not a circle yet can become one before the end of the event.
            self.kept.set(0);
        }
        self.look_later(left);
    }

    /// Sets when it is looked again, with so many cells there.
    fn look_later(&self, count: usize) {
        self.sweep_at.set(FEWEST_TO_SWEEP.max(2 * count));
        self.search_above.set(memory::used().saturating_add(memory::limit() / PARTS_TO_SEARCH));
    }

    /// Takes out the cells that nothing holds, and says how many are left.
    fn remove_gone(&self) -> usize {
        let mut cells = self.cells.borrow_mut();
        let (before, mut at, mut kept) = (self.kept.get(), 0, 0);
        cells.retain(|cell| {
            let is_alive = cell.strong_count() > 0;
            kept += usize::from(is_alive && at < before);
            at += 1;
            is_alive
        });
        self.kept.set(kept);
        cells.len()
    }

    /// Empties the cells that only such cells hold, and says how many are left.
    fn break_circles(&self) -> usize {
        let lost = circles::take_lost(&mut self.cells.borrow_mut());
        let left = self.cells.borrow().len();
        self.kept.set(left);
        for cell in &lost {
            // Each value goes by itself: while all cells are held, one does not take the next with it.
            if let Ok(mut value) = cell.try_borrow_mut() {
                let value = value.take();
                drop(value);
            }
        }
        left
    }

    /// Breaks circles in the middle of an event that is out of memory, and says whether that gave back
    /// enough to go on.
    #[cold]
    pub fn gives_back_memory(&self) -> bool {
        let before = memory::used();
        if self.remove_gone() == 0 {
            return false;
        }
        self.break_circles();
        self.kept.set(0);
        let given_back = before.saturating_sub(memory::used());
        !memory::is_exceeded() && given_back >= memory::limit() / PARTS_TO_GO_ON
    }

    /// Runs the top level of a script or a module. What it has captured at its end is after each event
    /// what it is then; where it fails, that is as what any function captures.
    ///
    /// # Errors
    /// Those of the top level.
    pub fn top_level<T, E>(&self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let outer = Outer::begin(self);
        let value = run()?;
        outer.end_well();
        Ok(value)
    }

    fn keep_top_level(&self) {
        if self.remove_gone() > 0 {
            self.break_circles();
        }
        let mut unchanging = self.unchanging.take();
        unchanging.sort_unstable_by_key(Weak::as_ptr);
        let is_late = self.is_init_over.get();
        let mut top_level = self.top_level.borrow_mut();
        for cell in self.cells.take().iter().filter_map(Weak::upgrade) {
            if unchanging.binary_search_by_key(&Rc::as_ptr(&cell), Weak::as_ptr).is_err() {
                let value = cell.borrow().clone();
                top_level.push(TopLevel { cell, value, is_late });
            }
        }
    }

    /// Tells top levels that run from now on from those of init.
    pub fn end_init(&self) {
        self.is_init_over.set(true);
        self.look_later(0);
    }

    /// Forgets what the modules captured that were imported after init.
    pub fn forget_late(&self) {
        let (late, kept) = self.top_level.take().into_iter().partition(|cell| cell.is_late);
        self.top_level.replace(kept);
        // What else holds them, in `this` perhaps, makes them ordinary.
        self.cells
            .borrow_mut()
            .extend(late.iter().map(|cell: &TopLevel| Rc::downgrade(&cell.cell)));
    }

    /// Brings captured variables of the top level back to what they were, and breaks circles.
    pub fn end_event(&self) {
        for TopLevel { cell, value, .. } in &*self.top_level.borrow() {
            let is_same = cell.try_borrow().is_ok_and(|now| same::are_same(&now, value));
            if !is_same && let Ok(mut now) = cell.try_borrow_mut() {
                let changed = std::mem::replace(&mut *now, value.clone());
                drop(now);
                drop(changed);
            }
        }
        if self.cells.borrow().is_empty() {
            self.look_later(0);
            return;
        }
        let before = self.kept.get();
        let left = self.remove_gone();
        // A circle needs a new cell, or one that something else let go.
        if left > self.kept.get() || self.kept.get() < before {
            self.break_circles();
        }
        self.look_later(self.kept.get());
    }

    /// How many cells may be alive, those of the top level not counted.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.remove_gone()
    }
}

/// What was noted before a top level began; it is noted again when that ends, also through a panic.
struct Outer<'a> {
    captured: &'a Captured,
    cells: Vec<Weak<Variable>>,
    unchanging: Vec<Weak<Variable>>,
    kept: usize,
}

impl<'a> Outer<'a> {
    fn begin(captured: &'a Captured) -> Self {
        Self {
            captured,
            cells: captured.cells.take(),
            unchanging: captured.unchanging.take(),
            kept: captured.kept.replace(0),
        }
    }

    fn end_well(self) {
        self.captured.keep_top_level();
    }
}

impl Drop for Outer<'_> {
    fn drop(&mut self) {
        let mut cells = std::mem::take(&mut self.cells);
        cells.append(&mut self.captured.cells.borrow_mut());
        self.captured.cells.replace(cells);
        self.captured.unchanging.replace(std::mem::take(&mut self.unchanging));
        self.captured.kept.set(self.kept);
    }
}

/// About how many bytes a value holds besides its own, what its closures have captured counted once.
#[must_use]
pub fn bytes_within(value: &Dynamic) -> usize {
    circles::bytes_within(value)
}

/// The names of variables, and whether a closure may change each.
type Names = Vec<(ImmutableString, bool)>;

#[cfg(test)]
mod tests {
    use super::*;
    use rhai::{Array, FnPtr, Map};

    fn captured(all: &Captured, value: impl Into<Dynamic>) -> Dynamic {
        let mut variable = value.into();
        all.share(&mut variable);
        variable
    }

    fn closure_of(cell: &Dynamic) -> Dynamic {
        let mut closure = FnPtr::new("closure").expect("a name");
        closure.add_curry(cell.clone());
        closure.into()
    }

    fn put(cell: &Dynamic, name: &str, value: Dynamic) {
        let mut cell = cell.clone();
        cell.write_lock::<Map>().expect("a map").insert(name.into(), value);
    }

    #[test]
    fn a_closure_in_what_it_captured_is_given_back_after_the_event() {
        let all = Captured::default();
        let object = captured(&all, Map::new());
        put(&object, "method", closure_of(&object));
        let watched = closure_of(&object);
        all.end_event();
        assert!(object.read_lock::<Map>().is_some_and(|map| map.len() == 1), "it is held");
        drop((object, watched));
        // What lets go of cells makes others, or it is found once something does.
        let _other = captured(&all, 1);
        all.end_event();
        assert_eq!(all.count(), 1);
    }

    #[test]
    fn circles_of_several_cells_go_and_what_is_held_from_outside_stays_with_all_it_holds() {
        let all = Captured::default();
        let cells: Vec<Dynamic> = (0..10).map(|_| captured(&all, Map::new())).collect();
        for (index, cell) in cells.iter().enumerate() {
            put(cell, "next", closure_of(&cells[(index + 1) % 10]));
        }
        let leaf = captured(&all, Array::new());
        put(&cells[3], "deep", vec![Dynamic::from(Map::from([("x".into(), leaf)]))].into());
        let held = cells[7].clone();
        drop(cells);
        all.end_event();
        assert_eq!(all.count(), 11);
        drop(held);
        let _other = captured(&all, 1);
        all.end_event();
        assert_eq!(all.count(), 1);
    }

    #[test]
    fn what_is_kept_is_not_searched_again_until_something_changes() {
        let all = Captured::default();
        let this = captured(&all, Map::new());
        put(&this, "f", closure_of(&this));
        all.end_event();
        assert_eq!((all.count(), all.kept.get()), (1, 1));
        drop(captured(&all, 1));
        all.end_event();
        assert_eq!((all.count(), all.kept.get()), (1, 1));
    }

    #[test]
    fn circles_are_broken_before_the_end_of_the_event_where_much_memory_was_taken() {
        let all = Captured::default();
        for _ in 0..1000 {
            let object = captured(&all, Map::new());
            put(&object, "method", closure_of(&object));
        }
        assert_eq!(all.count(), 1000);
        all.search_above.set(0);
        drop(captured(&all, 1));
        assert_eq!(all.count(), 0);
    }

    #[test]
    fn a_cell_that_is_being_changed_is_let_alone() {
        let all = Captured::default();
        let object = captured(&all, Map::new());
        put(&object, "method", closure_of(&object));
        let mut other = object.clone();
        let lock = other.write_lock::<Map>();
        all.end_event();
        drop((object, lock));
        assert_eq!(all.count(), 1);
        drop(other);
        all.end_event();
        // One more cell has it looked at again.
        let held = captured(&all, 1);
        all.end_event();
        drop(held);
        all.end_event();
        assert_eq!(all.count(), 0);
    }

    #[test]
    fn variables_of_the_top_level_are_brought_back() {
        let all = Captured::default();
        let list = || vec![Dynamic::from(Map::from([("a".into(), 1.into())]))];
        let run = || Ok::<_, ()>((captured(&all, 1), captured(&all, list())));
        let (count, list) = all.top_level(run).expect("it runs");
        all.end_init();
        let late = all.top_level(|| Ok::<_, ()>(captured(&all, 1))).expect("it runs");
        for cell in [&count, &late] {
            *cell.clone().write_lock::<Dynamic>().expect("it is shared") = 2.into();
        }
        let secret = captured(&all, "secret");
        list.clone().write_lock::<Array>().expect("an array").push(closure_of(&secret));
        drop(secret);
        all.end_event();
        assert_eq!((count.as_int(), late.as_int()), (Ok(1), Ok(1)));
        assert_eq!(list.read_lock::<Array>().map(|list| list.len()), Some(1));
        assert_eq!(all.count(), 0);
        all.forget_late();
        drop(late);
        all.end_event();
        assert_eq!((all.count(), all.top_level.borrow().len()), (0, 2));
    }
}
