//! How deeply values are nested, which is bounded.
//!
//! The engine drops, copies, hashes and compares values by recursion: 130 to 330 bytes of stack for each
//! level, where a level may have as little as 48 bytes of its own. As long as a script holds so few arrays,
//! maps and closures that no nesting of them could be too deep, nobody looks. From then on, what the
//! running functions can see is walked, without recursion, whenever so much has happened that it could
//! have become too deep in between. So the cost is spread, and a script that never holds much pays nothing.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::btree_map::Values;
use std::slice;
use std::time::Instant;

use rhai::{Array, Dynamic, FnPtr, Identifier, Map, Scope};

use crate::memory::{self, CONTAINER_WEIGHT};

/// Looks at the values of one script.
#[derive(Debug)]
pub struct Depth {
    /// Levels that a value may have when it is looked at.
    most: usize,
    /// Below so many arrays, maps and closures nobody looks.
    few: usize,
    /// Where the values of the functions that are running are, outermost first.
    roots: RefCell<Vec<Root>>,
    /// The operation at which to look again.
    next_look: Cell<u64>,
    has_looked: Cell<bool>,
}

/// Where values are.
#[derive(Debug, Clone, Copy)]
pub enum Root {
    /// The variables of a function that the engine evaluates, or of the top level.
    Scope(*const Scope<'static>),
    /// The variables of lowered functions.
    Stack(*const Vec<Dynamic>),
    /// `this`.
    Value(*const Dynamic),
}

impl Root {
    /// The variables of a function that runs for as long as the root is entered.
    pub fn scope(scope: &Scope) -> Self {
        Self::Scope(std::ptr::from_ref(scope).cast())
    }
}

/// Ends the time in which values can be found from a root.
#[derive(Debug)]
pub struct Entered<'a>(&'a Depth);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.roots.borrow_mut().pop();
    }
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing is too deep.
    Shallow,
    /// A value is nested too deeply.
    TooDeep,
    /// The deadline came first.
    Late,
}

impl Depth {
    /// For a script that may hold so many bytes.
    #[must_use]
    pub fn new(memory_bytes: usize) -> Self {
        let few = (memory_bytes / 1024).clamp(8 << 10, 12 << 20);
        Self {
            most: few / 4,
            few,
            roots: RefCell::default(),
            next_look: Cell::new(0),
            has_looked: Cell::new(false),
        }
    }

    /// Levels that a value may have when it is looked at.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }

    /// Begins a run.
    pub fn start(&self) {
        self.next_look.set(0);
        self.wait_until(0);
    }

    /// Says where values can be found for as long as the guard lives.
    #[inline]
    pub fn enter(&self, root: Root) -> Entered<'_> {
        self.roots.borrow_mut().push(root);
        Entered(self)
    }

    /// Whether somebody has looked since it was last asked: the stack may have been deep then.
    pub fn has_looked(&self) -> bool {
        self.has_looked.take()
    }

    /// Whether enough has happened for another look. `count` are the operations so far.
    pub fn is_due(&self, count: u64) -> bool {
        if memory::held() <= self.few as isize * CONTAINER_WEIGHT {
            if memory::is_unseen() {
                self.wait_until(count);
            }
            return false;
        }
        memory::is_unseen() || count >= self.next_look.get()
    }

    /// Waits until there is much.
    fn wait_until(&self, count: u64) {
        const LEAST: isize = 4096;
        let left = self.few as isize * CONTAINER_WEIGHT - memory::held();
        memory::set_unseen(left.max(LEAST));
        self.next_look.set(count);
    }

    /// Walks all values that can be found.
    pub fn look(&self, count: u64, deadline: Option<Instant>) -> Found {
        self.has_looked.set(true);
        let mut walk = Walk { most: self.most, deadline, ..Walk::default() };
        // What the walk itself takes is given back before anything else runs.
        let found = self.roots.borrow().iter().try_for_each(|root| {
            // SAFETY: whoever entered a root leaves it before what it points to goes away or moves. All
            // run on this thread and have called what called this, so that nothing changes meanwhile;
            // a shared value that is being written to is locked and passed over.
            unsafe {
                match *root {
                    Root::Scope(scope) => {
                        (*scope).iter_raw().try_for_each(|(_, _, value)| walk.value(value))
                    }
                    Root::Stack(values) => (*values).iter().try_for_each(|value| walk.value(value)),
                    Root::Value(value) => walk.value(value),
                }
            }
        });
        if let Err(found) = found {
            return found;
        }
        // Each operation or new value nests what there is by one level more. With variables that closures
        // share, one operation can put one whole value under another.
        let held = (memory::held() / CONTAINER_WEIGHT) as usize;
        let often = (self.few / 2).max(held / 16);
        let may_join = walk.cells.len().saturating_add(1).saturating_mul(walk.highest) > self.most;
        let next = match may_join {
            false => often,
            true => (self.most / (walk.highest + 1)).max(held / 64).min(often),
        };
        memory::set_unseen(next as isize * CONTAINER_WEIGHT);
        self.next_look.set(count + next as u64);
        Found::Shallow
    }
}

/// A walk over values, which visits what is shared once.
#[derive(Default)]
struct Walk {
    most: usize,
    deadline: Option<Instant>,
    /// How many levels there are below each shared value.
    cells: HashMap<*const Dynamic, usize>,
    /// The values that lead to where the walk is.
    path: Vec<Level>,
    /// The levels of the most deeply nested value.
    highest: usize,
    visited: usize,
}

struct Level {
    rest: Rest,
    /// How many levels were found below so far.
    below: usize,
    cell: Option<*const Dynamic>,
}

/// What is left to visit of one value.
enum Rest {
    Items(slice::Iter<'static, Dynamic>),
    Properties(Values<'static, Identifier, Dynamic>),
}

impl Rest {
    /// What is in a value that can be nested.
    ///
    /// # Safety
    /// The value stays where it is, unchanged, for as long as the rest is used.
    unsafe fn of(value: &Dynamic) -> Option<Self> {
        if let Some(array) = value.is_array().then(|| value.as_array_ref().ok()).flatten() {
            let items: *const Array = &raw const *array;
            // SAFETY: as the caller promises.
            return Some(Self::Items(unsafe { &*items }.iter()));
        }
        if let Some(map) = value.is_map().then(|| value.as_map_ref().ok()).flatten() {
            let map: *const Map = &raw const *map;
            // SAFETY: as the caller promises.
            return Some(Self::Properties(unsafe { &*map }.values()));
        }
        if value.is_fnptr() {
            let function: *const FnPtr = &raw const *value.read_lock::<FnPtr>()?;
            // SAFETY: as the caller promises.
            return Some(Self::Items(unsafe { &*function }.curry().iter()));
        }
        None
    }

    fn next(&mut self) -> Option<*const Dynamic> {
        match self {
            Self::Items(items) => items.next(),
            Self::Properties(values) => values.next(),
        }
        .map(std::ptr::from_ref)
    }
}

impl Walk {
    /// Visits a value and all that is in it.
    ///
    /// # Safety
    /// All of it stays where it is, unchanged, during the walk.
    unsafe fn value(&mut self, value: *const Dynamic) -> Result<(), Found> {
        // SAFETY: as the caller promises, here and below.
        unsafe { self.enter(value) }?;
        while let Some(level) = self.path.last_mut() {
            if let Some(next) = level.rest.next() {
                unsafe { self.enter(next) }?;
                continue;
            }
            let (below, cell) = (level.below + 1, level.cell);
            self.path.pop();
            self.found(below)?;
            if let Some(cell) = cell {
                self.cells.insert(cell, below);
            }
        }
        Ok(())
    }

    /// Goes into a value, if there is something in it that nobody has seen.
    ///
    /// # Safety
    /// As for [`value`](Self::value).
    unsafe fn enter(&mut self, value: *const Dynamic) -> Result<(), Found> {
        const OFTEN: usize = 1 << 16;
        self.visited += 1;
        if self.visited % OFTEN == 0
            && self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Err(Found::Late);
        }
        // SAFETY: as the caller promises, here and below.
        let mut value = unsafe { &*value };
        let mut cell = None;
        if value.is_shared() {
            // One that is being written to is in the hands of a native function.
            let Some(inner) = value.read_lock::<Dynamic>().map(|inner| &raw const *inner) else {
                return Ok(());
            };
            value = unsafe { &*inner };
            cell = Some(inner);
        }
        let Some(rest) = (unsafe { Rest::of(value) }) else { return Ok(()) };
        if let Some(cell) = cell {
            if let Some(&below) = self.cells.get(&cell) {
                return self.found(below);
            }
            // A way that leads back here ends here.
            self.cells.insert(cell, 0);
        }
        if self.path.len() >= self.most {
            return Err(Found::TooDeep);
        }
        self.path.push(Level { rest, below: 0, cell });
        Ok(())
    }

    /// Notes that there are so many levels below where the walk is.
    fn found(&mut self, below: usize) -> Result<(), Found> {
        self.highest = self.highest.max(below);
        if let Some(level) = self.path.last_mut() {
            level.below = level.below.max(below);
        }
        match self.path.len() + below > self.most {
            true => Err(Found::TooDeep),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(values: Vec<Dynamic>) -> Found {
        let depth = Depth::new(0);
        let _entered = depth.enter(Root::Stack(&raw const values));
        depth.look(0, None)
    }

    fn nested(levels: usize, wrap: impl Fn(Dynamic) -> Dynamic) -> Dynamic {
        (0..levels).fold(Dynamic::UNIT, |inner, _| wrap(inner))
    }

    fn in_map(value: Dynamic) -> Dynamic {
        Map::from([("m".into(), value)]).into()
    }

    fn in_closure(value: Dynamic) -> Dynamic {
        let mut function = FnPtr::new("f").unwrap();
        function.add_curry(value.into_shared());
        function.into()
    }

    #[test]
    fn a_value_is_too_deep_from_some_level_on_whatever_it_is_made_of() {
        let most = Depth::new(0).most();
        for wrap in [|inner| Dynamic::from_array(vec![inner]), in_map, in_closure] {
            assert_eq!(look(vec![nested(most, wrap)]), Found::Shallow);
            assert_eq!(look(vec![Dynamic::ONE, nested(most + 1, wrap)]), Found::TooDeep);
        }
    }

    #[test]
    fn what_is_shared_is_visited_once_and_counted_where_it_stands() {
        let most = Depth::new(0).most();
        let shared = nested(most / 2, in_closure).into_shared();
        let many = Dynamic::from_array(vec![shared.clone(); 10_000]);
        assert_eq!(look(vec![shared.clone(), many]), Found::Shallow);
        let outer = (0..=most / 2).fold(shared.clone(), |inner, _| in_map(inner));
        assert_eq!(look(vec![shared, outer]), Found::TooDeep);
    }

    #[test]
    fn a_cycle_ends() {
        let cell = Dynamic::UNIT.into_shared();
        let mut function = FnPtr::new("f").unwrap();
        function.add_curry(cell.clone());
        let mut place = cell.clone();
        *place.write_lock::<Dynamic>().unwrap() = function.into();
        assert_eq!(look(vec![cell.clone()]), Found::Shallow);
        *place.write_lock::<Dynamic>().unwrap() = Dynamic::UNIT;
    }
}
