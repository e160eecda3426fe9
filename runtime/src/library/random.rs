//! The module `random`: numbers and choices that nobody foresees.

use rhai::plugin::*;
use rhai::{Array, Blob, Dynamic, Engine, FLOAT, INT};

use super::native::exported;
use super::{Fallible, Part};
use crate::bounds::room_for;
use crate::effects::{Failure, world};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["random"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("random", "Random.Invalid", engine, vocabulary);
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// A whole number from the first to the last, both included.
    ///
    /// ```rhai
    /// let dots = random::int(1, 6);
    /// dots >= 1 && dots <= 6; // => true
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn int(first: INT, last: INT) -> Fallible<INT> {
        match first <= last {
            true => Ok(world().draw(|random| random.i64(first..=last))),
            false => {
                let message = format!("there is no whole number from {first} to {last}");
                Err(Failure::new("Random.Empty", message).into())
            }
        }
    }

    /// A number from 0 up to, but not including, 1.
    ///
    /// ```rhai
    /// random::float() < 1.0; // => true
    /// ```
    #[rhai_fn(volatile)]
    pub fn float() -> FLOAT {
        world().draw(fastrand::Rng::f64)
    }

    /// One item of an array; `()` of an empty one.
    ///
    /// ```rhai
    /// random::pick(["only"]); // => "only"
    /// random::pick([]); // => ()
    /// ```
    #[rhai_fn(volatile, pure)]
    pub fn pick(items: &mut Array) -> Dynamic {
        match items.len() {
            0 => Dynamic::UNIT,
            count => items[world().draw(|random| random.usize(..count))].clone(),
        }
    }

    /// A copy of an array in another order, each as likely as any.
    ///
    /// ```rhai
    /// let cards = random::shuffle([1, 2, 3]);
    /// cards.sort();
    /// cards; // => [1, 2, 3]
    /// ```
    #[rhai_fn(volatile)]
    pub fn shuffle(items: Array) -> Array {
        let mut items = items;
        world().draw(|random| random.shuffle(&mut items));
        items
    }

    /// A blob of so many bytes that are fit for keys and tokens.
    ///
    /// ```rhai
    /// random::bytes(16).len; // => 16
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn bytes(count: INT) -> Fallible<Blob> {
        let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
        room_for(count, 1)?;
        let mut bytes = vec![0; count];
        world().random_bytes(&mut bytes);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{self, Policy, World};
    use crate::library::stage::Stage;

    fn drawn(seed: u8) -> String {
        let stage = Stage::loaded(seed);
        effects::install(World::new(Policy::open()).with_effects(Box::new(stage)));
        let mut engine = Engine::new();
        engine.register_static_module("random", exported_module!(functions).into());
        let script = "let all = []; for n in 0..20 { all.push(random::int(1, 1000)); }
                      [all, random::float(), random::shuffle([1, 2, 3, 4, 5, 6, 7, 8])]";
        engine.eval::<Array>(script).map(|drawn| Dynamic::from(drawn).to_string()).unwrap()
    }

    #[test]
    fn a_world_with_a_known_seed_draws_the_same_again() {
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }
}
