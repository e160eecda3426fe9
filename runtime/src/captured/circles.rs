//! Which cells only hold each other.
//!
//! By trial deletion, as CPython's collector does it: of how often a cell is held, what its like hold is
//! taken off. What is left is held from outside, by a variable, `this`, or native code in the middle of
//! its work; all that it leads to stays too. Nothing has to be known of where outside is. What cannot be
//! looked into counts as outside.

use std::collections::HashSet;
use std::rc::{Rc, Weak};

use rhai::{Array, Blob, Dynamic, FnPtr, Map};

use super::Variable;

/// Deeper values are not looked into.
const DEEPEST: usize = 256;

/// What the entry of a map takes besides its value.
const ENTRY: usize = 48;

/// A cell that is not to be emptied.
const STAYS: u32 = u32::MAX;

/// Takes the cells out that only such cells hold.
pub fn take_lost(cells: &mut Vec<Weak<Variable>>) -> Vec<Rc<Variable>> {
    cells.sort_unstable_by_key(Weak::as_ptr);
    cells.dedup_by(|one, other| Weak::ptr_eq(one, other));
    let held: Vec<Rc<Variable>> = cells.iter().filter_map(Weak::upgrade).collect();
    // A cell's address is that of its value, which lies in all of them at the same place.
    let find = |address: usize| held.binary_search_by_key(&address, |cell| address_of(cell)).ok();
    let mut outside: Vec<u32> = held
        .iter()
        .map(|cell| u32::try_from(Rc::strong_count(cell) - 1).unwrap_or(STAYS).min(STAYS - 1))
        .collect();
    for (at, cell) in held.iter().enumerate() {
        match cell.try_borrow() {
            Ok(value) => each_cell(&value, DEEPEST, &mut |address| {
                if let Some(of) = find(address) {
                    outside[of] = outside[of].saturating_sub(1);
                }
            }),
            // Somebody is at work in it.
            Err(_) => outside[at] = STAYS - 1,
        }
    }
    let mut pending: Vec<usize> = Vec::new();
    for (at, count) in outside.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
        *count = STAYS;
        pending.push(at);
    }
    while let Some(at) = pending.pop() {
        let Ok(value) = held[at].try_borrow() else { continue };
        each_cell(&value, DEEPEST, &mut |address| {
            if let Some(of) = find(address).filter(|of| outside[*of] != STAYS) {
                outside[of] = STAYS;
                pending.push(of);
            }
        });
    }
    let mut stay = outside.iter().map(|count| *count == STAYS);
    let lost = held.into_iter().filter(|_| !stay.next().unwrap_or(true)).collect::<Vec<_>>();
    let mut next = lost.iter().peekable();
    cells.retain(|cell| match next.peek() {
        _ if cell.strong_count() == 0 => false,
        Some(lost) if std::ptr::eq(Rc::as_ptr(lost), cell.as_ptr()) => {
            next.next();
            false
        }
        _ => true,
    });
    lost
}

fn address_of(cell: &Variable) -> usize {
    cell.as_ptr() as usize
}

/// Shows the address of each cell that a value holds, but not of those behind cells.
fn each_cell(value: &Dynamic, depth: usize, see: &mut dyn FnMut(usize)) {
    if value.is_shared() {
        // Without it, somebody is at work in the cell, which stays then.
        if let Some(inner) = value.read_lock::<Dynamic>() {
            see(std::ptr::from_ref(&*inner) as usize);
        }
    } else if depth == 0 {
        // Its cells count as held from outside.
    } else if let Some(array) = value.read_lock::<Array>() {
        array.iter().for_each(|item| each_cell(item, depth - 1, see));
    } else if let Some(map) = value.read_lock::<Map>() {
        map.values().for_each(|item| each_cell(item, depth - 1, see));
    } else if let Some(function) = value.read_lock::<FnPtr>() {
        function.iter_curry().for_each(|item| each_cell(item, depth - 1, see));
    }
}

/// About how many bytes a value holds besides its own, each cell counted once.
pub fn bytes_within(value: &Dynamic) -> usize {
    bytes_of(value, DEEPEST, &mut HashSet::new())
}

fn bytes_of(value: &Dynamic, depth: usize, seen: &mut HashSet<usize>) -> usize {
    const DYNAMIC: usize = size_of::<Dynamic>();
    if depth == 0 {
        return 0;
    }
    if value.is_shared() {
        let Some(inner) = value.read_lock::<Dynamic>() else { return 0 };
        return match seen.insert(std::ptr::from_ref(&*inner) as usize) {
            true => size_of::<Variable>() + bytes_of(&inner, depth - 1, seen),
            false => 0,
        };
    }
    if let Some(array) = value.read_lock::<Array>() {
        let items: usize = array.iter().map(|item| bytes_of(item, depth - 1, seen)).sum();
        return array.capacity() * DYNAMIC + items;
    }
    if let Some(map) = value.read_lock::<Map>() {
        let entries = map
            .iter()
            .map(|(key, item)| ENTRY + key.len() + DYNAMIC + bytes_of(item, depth - 1, seen));
        return entries.sum();
    }
    if let Some(function) = value.read_lock::<FnPtr>() {
        let curry = function.iter_curry().map(|item| DYNAMIC + bytes_of(item, depth - 1, seen));
        return curry.sum();
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return blob.capacity();
    }
    value.as_immutable_string_ref().map_or(0, |text| text.len() + ENTRY)
}
