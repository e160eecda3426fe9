//! The variables that can be seen at a place, and what is done with each.

use std::collections::HashMap;

use rhai::Position;

use super::Known;

/// What a step into a variable leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A property, or a key in quotes.
    Named(String),
    /// The whole of it, or something that is known at run time only.
    Any,
}

/// A variable.
#[derive(Debug, Clone, Default)]
pub(super) struct Binding {
    pub(super) name: String,
    pub(super) known: Known,
    /// It is a copy of what somebody else has: a parameter, or the variable of a `for`.
    pub(super) is_copy: bool,
    /// What was changed in it, and where first.
    pub(super) changes: Vec<Part>,
    pub(super) changed_at: Option<Position>,
    /// What was read of it.
    pub(super) reads: Vec<Part>,
}

impl Binding {
    pub(super) fn plain() -> Binding {
        Binding::default()
    }

    pub(super) fn copy() -> Binding {
        Binding { is_copy: true, ..Binding::default() }
    }

    /// One that a closure shares with what is around it.
    pub(super) fn shared() -> Binding {
        Binding::default()
    }
}

/// So many parts are kept of what is read or changed of a variable; more count as all of it.
const MAX_PARTS: usize = 64;

fn note(parts: &mut Vec<Part>, part: Part) {
    if !parts.contains(&part) {
        parts.push(if parts.len() < MAX_PARTS { part } else { Part::Any });
    }
}

/// The variables of a function, in scopes.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    all: HashMap<String, Vec<Binding>>,
    scopes: Vec<Vec<String>>,
}

impl Bindings {
    pub(super) fn enter(&mut self) {
        self.scopes.push(Vec::new());
    }

    /// Leaves a scope, and gives its variables.
    pub(super) fn leave(&mut self) -> Vec<Binding> {
        let names = self.scopes.pop().unwrap_or_default();
        let left = names.iter().rev().filter_map(|name| self.all.get_mut(name)?.pop());
        left.collect()
    }

    pub(super) fn define(&mut self, name: &str, binding: Binding) {
        let binding = Binding { name: name.to_owned(), ..binding };
        self.all.entry(name.to_owned()).or_default().push(binding);
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(name.to_owned());
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<&Binding> {
        self.all.get(name)?.last()
    }

    fn find_mut(&mut self, name: &str) -> Option<&mut Binding> {
        self.all.get_mut(name)?.last_mut()
    }

    pub(super) fn read(&mut self, name: &str, part: Part) {
        if let Some(binding) = self.find_mut(name) {
            note(&mut binding.reads, part);
        }
    }

    pub(super) fn read_whole(&mut self, name: &str) {
        self.read(name, Part::Any);
    }

    /// Something may look at every variable.
    pub(super) fn read_all(&mut self) {
        for binding in self.all.values_mut().filter_map(|all| all.last_mut()) {
            note(&mut binding.reads, Part::Any);
        }
    }

    pub(super) fn change(&mut self, name: &str, part: Part, at: Position) {
        if let Some(binding) = self.find_mut(name) {
            binding.changed_at.get_or_insert(at);
            note(&mut binding.changes, part);
        }
    }
}
