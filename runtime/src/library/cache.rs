//! The module `cache`: values that outlive an invocation, for as long as they are fresh.
//!
//! Everything is kept in the environment's own memory. Another environment of the same function has
//! a cache of its own, and a new one begins empty.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use rhai::plugin::*;
use rhai::{Array, Blob, Dynamic, Engine, FLOAT, FnPtr, ImmutableString, Map};

use super::native::exported;
use super::{Fallible, Part};
use crate::bounds::room_for;
use crate::effects::{Failure, world};
use crate::vocabulary::Vocabulary;
use crate::{json, memory};

pub(super) const PART: Part = Part { words: &["cache"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("cache", "Cache.Invalid", engine, vocabulary);
}

/// The part of the script's memory that the cache may take: one of so many.
const PARTS_OF_MEMORY: usize = 4;

/// What an entry takes besides its key and value.
const OVERHEAD: usize = 256;

#[derive(Default)]
struct Cache {
    entries: HashMap<ImmutableString, Entry>,
    /// The keys by their last use.
    order: BTreeMap<u64, ImmutableString>,
    clock: u64,
    bytes: usize,
}

struct Entry {
    value: Dynamic,
    bytes: usize,
    until: SystemTime,
    last_use: u64,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

/// Empties the cache, and says whether there was something in it.
pub fn clear() -> bool {
    CACHE.with_borrow_mut(|cache| !std::mem::take(cache).entries.is_empty())
}

/// About how many bytes it holds.
pub fn bytes() -> usize {
    CACHE.with_borrow(|cache| cache.bytes)
}

/// Shows each entry with the moment until which it is fresh, those used last at the end.
pub fn each(mut see: impl FnMut(&str, &Dynamic, SystemTime)) {
    CACHE.with_borrow(|cache| {
        for key in cache.order.values() {
            if let Some(entry) = cache.entries.get(key) {
                see(key, &entry.value, entry.until);
            }
        }
    });
}

/// Puts an entry back.
#[cfg(feature = "tool")]
pub fn keep_again(key: &str, value: Dynamic, until: SystemTime) {
    CACHE.with_borrow_mut(|cache| cache.set(key.into(), value, until));
}

impl Cache {
    fn get(&mut self, key: &str, now: SystemTime) -> Fallible<Option<Dynamic>> {
        let Some(entry) = self.entries.get_mut(key) else { return Ok(None) };
        if entry.until <= now {
            self.remove(key);
            return Ok(None);
        }
        room_for(1, entry.bytes)?;
        self.clock += 1;
        if let Some(key) = self.order.remove(&entry.last_use) {
            self.order.insert(self.clock, key);
        }
        entry.last_use = self.clock;
        Ok(Some(entry.value.clone()))
    }

    /// Keeps a value; those used longest ago make room. One that is too large is not kept.
    fn set(&mut self, key: ImmutableString, value: Dynamic, until: SystemTime) {
        self.remove(&key);
        let bytes = OVERHEAD + key.len() * 2 + bytes_of(&value, 0);
        let most = memory::limit() / PARTS_OF_MEMORY;
        if bytes > most {
            log::warn!("a value of about {bytes} bytes is too large for the cache of {most}");
            return;
        }
        while self.bytes + bytes > most {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.order.insert(self.clock, key.clone());
        self.bytes += bytes;
        self.entries.insert(key, Entry { value, bytes, until, last_use: self.clock });
    }

    fn remove(&mut self, key: &str) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        self.order.remove(&entry.last_use);
        self.bytes -= entry.bytes;
        true
    }
}

/// About how many bytes a value and a copy of it take.
fn bytes_of(value: &Dynamic, depth: usize) -> usize {
    const DYNAMIC: usize = size_of::<Dynamic>();
    if depth > json::MAX_DEPTH {
        return DYNAMIC;
    }
    if let Some(array) = value.read_lock::<Array>() {
        return DYNAMIC + array.iter().map(|item| bytes_of(item, depth + 1)).sum::<usize>();
    }
    if let Some(map) = value.read_lock::<Map>() {
        let of_item =
            |(key, item): (&rhai::Identifier, &Dynamic)| 48 + key.len() + bytes_of(item, depth + 1);
        return DYNAMIC + map.iter().map(of_item).sum::<usize>();
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return DYNAMIC + blob.len();
    }
    DYNAMIC + value.as_immutable_string_ref().map_or(0, |text| text.len())
}

/// When something ends to be fresh; `None` where it never was.
fn end_of(ttl_s: &Dynamic) -> Result<Option<SystemTime>, Failure> {
    let seconds = match (ttl_s.as_int(), ttl_s.as_float()) {
        (Ok(seconds), _) => seconds as FLOAT,
        (_, Ok(seconds)) => seconds,
        (Err(kind), _) => {
            let message = format!("the seconds that a value is kept are a number, not {kind}");
            return Err(Failure::new("Cache.Invalid", message));
        }
    };
    if seconds.is_nan() || seconds <= 0.0 {
        return Ok(None);
    }
    let now = world().now();
    // What no clock can hold is a year: longer than any environment lives.
    let year = Duration::from_secs(31_536_000);
    let length = Duration::try_from_secs_f64(seconds).unwrap_or(year).min(year);
    Ok(Some(now + length))
}

fn keep(key: ImmutableString, value: Dynamic, ttl_s: &Dynamic) -> Result<(), Failure> {
    let until = end_of(ttl_s)?;
    CACHE.with_borrow_mut(|cache| match until {
        // A copy of its own, that nothing shares.
        Some(until) => cache.set(key, value.flatten(), until),
        None => drop(cache.remove(&key)),
    });
    Ok(())
}

fn fresh(key: &str) -> Fallible<Option<Dynamic>> {
    let now = world().now();
    CACHE.with_borrow_mut(|cache| cache.get(key, now))
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// The value under a key while it is fresh; otherwise what the function returns, which is kept
    /// for so many seconds. An error of the function is thrown and nothing is kept.
    ///
    /// ```rhai
    /// cache::get_or("rates", 300, || #{ eur: 1.0 }).eur; // => 1.0
    /// cache::get_or("rates", 300, || #{ eur: "not called" }).eur; // => 1.0
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get_or(
        context: NativeCallContext,
        key: Text,
        ttl_s: Dynamic,
        make: FnPtr,
    ) -> Fallible<Dynamic> {
        end_of(&ttl_s)?;
        if let Some(value) = fresh(&key)? {
            return Ok(value);
        }
        let made: Dynamic = make.call_within_context(&context, ())?;
        let made = made.flatten();
        room_for(1, bytes_of(&made, 0))?;
        keep(key, made.clone(), &ttl_s)?;
        Ok(made)
    }

    /// The value under a key while it is fresh; `()` otherwise.
    ///
    /// ```rhai
    /// cache::get("nothing"); // => ()
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get(key: Text) -> Fallible<Dynamic> {
        Ok(fresh(&key)?.unwrap_or_default())
    }

    /// Keeps a value under a key for so many seconds.
    ///
    /// ```rhai
    /// cache::set("token", "abc", 60);
    /// cache::get("token"); // => "abc"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn set(key: Text, value: Dynamic, ttl_s: Dynamic) -> Fallible<()> {
        Ok(keep(key, value, &ttl_s)?)
    }

    /// Removes the value under a key; says whether there was one.
    ///
    /// ```rhai
    /// cache::set("old", 1, 60);
    /// cache::remove("old"); // => true
    /// cache::remove("old"); // => false
    /// ```
    #[rhai_fn(volatile)]
    pub fn remove(key: Text) -> bool {
        CACHE.with_borrow_mut(|cache| cache.remove(&key))
    }
}
