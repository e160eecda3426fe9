//! The connections there are, and which of them makes room for the next.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// So many connections.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    last_number: u64,
    all: BTreeMap<u64, Held>,
}

#[derive(Debug)]
struct Held {
    stream: Arc<TcpStream>,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Its request is answered; it waits for us.
    Working,
    /// We have waited since for it to send all of a request, or to take all of a reply. That it does
    /// a bit of it now and then does not count.
    Sends(Instant),
    Takes(Instant),
}

impl Places {
    pub(crate) fn new(most: usize) -> Places {
        Places { most, taken: Mutex::default() }
    }

    /// A place for a connection, if need be that of the one which has kept waiting longest; `None`
    /// while none of them does.
    pub(crate) fn take(places: &Arc<Places>, stream: &Arc<TcpStream>) -> Option<Place> {
        let mut taken = places.lock();
        let is_full = taken.all.len() >= places.most;
        if is_full {
            let waiting = taken.all.iter().filter_map(|(number, held)| match held.state {
                State::Working => None,
                State::Sends(since) => Some((since, Shutdown::Read, *number)),
                // It would not see a word of ours.
                State::Takes(since) => Some((since, Shutdown::Both, *number)),
            });
            let (_, way, number) = waiting.min_by_key(|(since, ..)| *since)?;
            if let Some(held) = taken.all.remove(&number) {
                // One that is closed already is as good as shut down.
                drop(held.stream.shutdown(way));
            }
        }
        taken.last_number += 1;
        let number = taken.last_number;
        let state = State::Sends(Instant::now());
        taken.all.insert(number, Held { stream: Arc::clone(stream), state });
        drop(taken);
        Some(Place { places: Arc::clone(places), number, was_taken_from_another: is_full })
    }

    /// A thread that panicked leaves plain data behind, which is still good.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, until it is dropped or lost.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    was_taken_from_another: bool,
}

impl Place {
    pub(crate) fn was_taken_from_another(&self) -> bool {
        self.was_taken_from_another
    }

    /// From now on the client has to send.
    pub(crate) fn waits(&self) {
        self.set(State::Sends(Instant::now()));
    }

    /// From now on the client has to take.
    pub(crate) fn waits_to_give(&self) {
        self.set(State::Takes(Instant::now()));
    }

    /// From now on the client waits for us; false if its place is lost.
    pub(crate) fn works(&self) -> bool {
        self.set(State::Working)
    }

    pub(crate) fn is_lost(&self) -> bool {
        !self.places.lock().all.contains_key(&self.number)
    }

    fn set(&self, state: State) -> bool {
        let mut taken = self.places.lock();
        let held = taken.all.get_mut(&self.number);
        held.map(|held| held.state = state).is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().all.remove(&self.number);
    }
}
