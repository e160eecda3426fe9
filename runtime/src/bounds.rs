//! What stops a script: the deadline, the operations, the stack and the memory.
//!
//! The engine asks at every operation whether to go on. Counting is ours rather than the engine's,
//! since the engine starts its own count again in each callback that a native function makes.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rhai::{
    Array, Blob, Dynamic, Engine, EvalAltResult, FuncRegistration, INT, ImmutableString,
    NativeCallContext, Position,
};

use crate::config::{Limits, STACK_BYTES, STACK_RESERVE_BYTES};
use crate::memory;

/// Why a script was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The deadline, less its margin, has come.
    Deadline,
    /// Too many operations.
    Operations,
    /// Calls or expressions nested until the stack ran out.
    Stack,
    /// Too much memory held.
    Memory,
}

/// Watches one script: set for each invocation, asked at each operation.
#[derive(Debug)]
pub struct Bounds {
    operations: Cell<u64>,
    /// The count at which the clock and the limit are looked at again.
    next_look: Cell<u64>,
    stride: Cell<u64>,
    last_look: Cell<Option<Instant>>,
    deadline: Cell<Option<Instant>>,
    most_operations: u64,
    stack_floor: usize,
    most_memory: usize,
    started: Cell<Option<Instant>>,
    stopped: Cell<Option<Stop>>,
}

/// The clock is looked at no more often than this many operations apart at first, and at most that
/// many when operations turn out to be quick.
const FIRST_STRIDE: u64 = 16;
const LONGEST_STRIDE: u64 = 1024;

impl Bounds {
    /// Bounds for scripts that run on this thread, whose stack is [`STACK_BYTES`].
    #[must_use]
    pub fn new(limits: &Limits) -> Rc<Self> {
        Rc::new(Self {
            operations: Cell::new(0),
            next_look: Cell::new(FIRST_STRIDE),
            stride: Cell::new(FIRST_STRIDE),
            last_look: Cell::new(None),
            deadline: Cell::new(None),
            most_operations: if limits.operations == 0 { u64::MAX } else { limits.operations },
            stack_floor: stack_pointer().saturating_sub(STACK_BYTES - STACK_RESERVE_BYTES),
            most_memory: memory::used().saturating_add(limits.memory_bytes),
            started: Cell::new(None),
            stopped: Cell::new(None),
        })
    }

    /// Begins to count for one run that has to end at `deadline`.
    pub fn start(&self, deadline: Option<Instant>) {
        self.operations.set(0);
        self.stride.set(FIRST_STRIDE);
        self.next_look.set(FIRST_STRIDE.min(self.most_operations));
        self.last_look.set(None);
        self.deadline.set(deadline);
        self.stopped.set(None);
        self.started.set(Some(Instant::now()));
        memory::set_limit(self.most_memory);
    }

    /// How long the run has taken since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.get().map_or(Duration::ZERO, |started| started.elapsed())
    }

    /// Operations since the start.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    /// Why the script was stopped, or would be at its next operation.
    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        self.stopped.get().or_else(|| memory::is_exceeded().then_some(Stop::Memory))
    }

    /// The instant at which the script will be stopped.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.get()
    }

    /// Has the clock looked at before the next operation, as after a native call that took long.
    pub fn look_soon(&self) {
        self.next_look.set(0);
    }

    /// Counts one operation; a token stops the script.
    #[inline(always)]
    fn tick(&self) -> Option<Dynamic> {
        let count = self.operations.get() + 1;
        self.operations.set(count);
        if count >= self.next_look.get()
            || memory::is_exceeded()
            || stack_pointer() < self.stack_floor
        {
            return self.look(count);
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn look(&self, count: u64) -> Option<Dynamic> {
        let stop = if memory::is_exceeded() {
            Some(Stop::Memory)
        } else if stack_pointer() < self.stack_floor {
            Some(Stop::Stack)
        } else if count > self.most_operations {
            Some(Stop::Operations)
        } else if let Some(deadline) = self.deadline.get() {
            let now = Instant::now();
            self.pace(now);
            (now >= deadline).then_some(Stop::Deadline)
        } else {
            self.stride.set(LONGEST_STRIDE);
            None
        };
        if let Some(stop) = stop {
            self.stopped.set(Some(stop));
            return Some(Dynamic::UNIT);
        }
        // One past the limit has to be seen, so that it is the limit plus one.
        let limit = self.most_operations.saturating_add(1).max(count + 1);
        self.next_look.set((count + self.stride.get()).min(limit));
        None
    }

    /// Looks more often where operations take long, as calls of native functions may.
    fn pace(&self, now: Instant) {
        let stride = self.stride.get();
        let since = self.last_look.replace(Some(now)).map(|last| now.duration_since(last));
        self.stride.set(match since {
            Some(since) if since > Duration::from_millis(1) => (stride / 8).max(1),
            _ => (stride * 2).min(LONGEST_STRIDE),
        });
    }

    /// Sleeps; where the deadline comes first, only until then, and stops the script.
    fn sleep(&self, length: Duration) -> Bounded<()> {
        let longest = self
            .deadline
            .get()
            .map_or(length, |deadline| deadline.saturating_duration_since(Instant::now()));
        std::thread::sleep(length.min(longest));
        self.look_soon();
        if length < longest {
            return Ok(());
        }
        self.stopped.set(Some(Stop::Deadline));
        Err(Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE)))
    }
}

#[inline(always)]
fn stack_pointer() -> usize {
    let here = 0u8;
    std::ptr::from_ref(std::hint::black_box(&here)) as usize
}

/// Puts an engine under bounds.
pub fn apply(engine: &mut Engine, bounds: &Rc<Bounds>, limits: &Limits) {
    engine.set_max_call_levels(limits.call_levels);
    engine.set_max_expr_depths(limits.expr_depth, limits.expr_depth);
    engine.set_max_string_size(limits.string_bytes.unwrap_or(0));
    engine.set_max_array_size(limits.array_size.unwrap_or(0));
    engine.set_max_map_size(limits.map_size.unwrap_or(0));
    let watch = bounds.clone();
    engine.on_progress(move |_| watch.tick());
    let sleeper = bounds.clone();
    engine.register_fn("sleep", move |seconds: INT| {
        sleeper.sleep(Duration::from_secs(seconds.max(0) as u64))
    });
    let sleeper = bounds.clone();
    engine.register_fn("sleep", move |seconds: f64| {
        let length = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
        sleeper.sleep(length)
    });
    bound_natives(engine);
}

type Bounded<T> = Result<T, Box<EvalAltResult>>;

/// Fails where `count` things of `bytes` each do not fit into the memory that is left; the script
/// is stopped then.
fn room_for(count: usize, bytes: usize) -> Bounded<()> {
    if count.checked_mul(bytes).is_some_and(memory::has_room_for) {
        return Ok(());
    }
    memory::refuse();
    let wanted = format!("a value of {count} × {bytes} bytes is");
    Err(Box::new(EvalAltResult::ErrorDataTooLarge(wanted, Position::NONE)))
}

const DYNAMIC: usize = size_of::<Dynamic>();

/// Replaces the engine's functions that make much out of little: one call of theirs could take more
/// memory than there is before anybody is asked.
fn bound_natives(engine: &mut Engine) {
    let sized = |length: INT| usize::try_from(length.max(0)).unwrap_or(usize::MAX);
    engine
        .register_fn("blob", move |length: INT| -> Bounded<Blob> {
            room_for(sized(length), 1)?;
            Ok(vec![0; sized(length)])
        })
        .register_fn("blob", move |length: INT, value: INT| -> Bounded<Blob> {
            room_for(sized(length), 1)?;
            Ok(vec![value as u8; sized(length)])
        })
        .register_fn("pad", move |blob: &mut Blob, length: INT, value: INT| -> Bounded<()> {
            room_for(sized(length).saturating_sub(blob.len()), 1)?;
            if sized(length) > blob.len() {
                blob.resize(sized(length), value as u8);
            }
            Ok(())
        })
        .register_fn("pad", move |array: &mut Array, length: INT, item: Dynamic| -> Bounded<()> {
            let missing = sized(length).saturating_sub(array.len());
            room_for(missing, DYNAMIC + heap_bytes(&item, 0))?;
            array.extend(std::iter::repeat_n(item, missing));
            Ok(())
        })
        .register_fn(
            "pad",
            move |text: &mut ImmutableString, length: INT, with: ImmutableString| -> Bounded<()> {
                pad_text(text, sized(length), &with)
            },
        )
        .register_fn(
            "pad",
            move |text: &mut ImmutableString, length: INT, with: char| -> Bounded<()> {
                let mut buffer = [0; 4];
                pad_text(text, sized(length), with.encode_utf8(&mut buffer))
            },
        )
        .register_fn(
            "replace",
            |text: &mut ImmutableString, find: ImmutableString, with: ImmutableString| {
                replace(text, &find, &with)
            },
        )
        .register_fn("replace", |text: &mut ImmutableString, find: ImmutableString, with: char| {
            replace(text, &find, with.encode_utf8(&mut [0; 4]))
        })
        .register_fn("replace", |text: &mut ImmutableString, find: char, with: ImmutableString| {
            replace(text, find.encode_utf8(&mut [0; 4]), &with)
        })
        .register_fn("to_chars", |text: ImmutableString| -> Bounded<Array> {
            room_for(text.len(), DYNAMIC)?;
            Ok(text.chars().map(Dynamic::from).collect())
        });
    bound_splits(engine);
    bound_text(engine);
}

/// The text of a value. Arrays and maps may share one long string many times over.
fn bound_text(engine: &mut Engine) {
    for (name, is_debug) in [("to_string", false), ("to_debug", true)] {
        FuncRegistration::new(name).with_purity(true).register_into_engine(
            engine,
            move |context: NativeCallContext, value: &mut Dynamic| -> Bounded<ImmutableString> {
                room_for(1, text_bytes(value, 0))?;
                let text = if is_debug { format!("{value:?}") } else { value.to_string() };
                Ok(context.engine().map_type_name(&text).into())
            },
        );
    }
}

/// About how many bytes the text of a value takes, and at least as many as its strings have.
fn text_bytes(value: &Dynamic, depth: usize) -> usize {
    if depth > crate::json::MAX_DEPTH {
        return 0;
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().fold(2, |sum, item| sum.saturating_add(text_bytes(item, depth + 1)));
    }
    if let Some(map) = value.read_lock::<rhai::Map>() {
        return map.iter().fold(3, |sum, (key, item)| {
            sum.saturating_add(key.len() + 4).saturating_add(text_bytes(item, depth + 1))
        });
    }
    value.as_immutable_string_ref().map_or(8, |text| text.len())
}

/// `split` and `split_rev`, by text or by a char, into all parts or at most so many.
fn bound_splits(engine: &mut Engine) {
    type Text = ImmutableString;
    const PART: usize = DYNAMIC + 48;
    let all = |text: &Text, by: &str, most: usize, from_end: bool| -> Bounded<Array> {
        let parts = if by.is_empty() { text.len() + 1 } else { text.matches(by).count() };
        room_for((parts + 1).min(most), PART)?;
        Ok(match from_end {
            false => text.splitn(most, by).map(text_value).collect(),
            true => text.rsplitn(most, by).map(text_value).collect(),
        })
    };
    let count = |count: INT| usize::try_from(count.max(1)).unwrap_or(usize::MAX);
    for (name, from_end) in [("split", false), ("split_rev", true)] {
        engine
            .register_fn(name, move |text: Text, by: Text| all(&text, &by, usize::MAX, from_end))
            .register_fn(name, move |text: Text, by: char| {
                all(&text, by.encode_utf8(&mut [0; 4]), usize::MAX, from_end)
            })
            .register_fn(name, move |text: Text, by: Text, most: INT| {
                all(&text, &by, count(most), from_end)
            })
            .register_fn(name, move |text: Text, by: char, most: INT| {
                all(&text, by.encode_utf8(&mut [0; 4]), count(most), from_end)
            });
    }
    engine.register_fn("split", |text: Text| -> Bounded<Array> {
        room_for(text.len() / 2 + 1, PART)?;
        Ok(text.split_whitespace().map(text_value).collect())
    });
}

fn text_value(text: &str) -> Dynamic {
    ImmutableString::from(text).into()
}

fn pad_text(text: &mut ImmutableString, length: usize, with: &str) -> Bounded<()> {
    let have = text.chars().count();
    if length <= have || with.is_empty() {
        return Ok(());
    }
    room_for(length - have, with.len())?;
    let mut padded = String::from(text.as_str());
    padded.extend(with.chars().cycle().take(length - have));
    *text = padded.into();
    Ok(())
}

fn replace(text: &mut ImmutableString, find: &str, with: &str) -> Bounded<()> {
    let found = text.matches(find).count();
    if with.len() > find.len() {
        room_for(found, with.len())?;
    }
    if found > 0 {
        *text = text.replace(find, with).into();
    }
    Ok(())
}

/// About how many bytes a copy of this value takes beyond its own slot.
fn heap_bytes(value: &Dynamic, depth: usize) -> usize {
    if depth > crate::json::MAX_DEPTH {
        return 0;
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().map(|item| DYNAMIC + heap_bytes(item, depth + 1)).sum();
    }
    if let Some(map) = value.read_lock::<rhai::Map>() {
        return map.values().map(|item| 48 + heap_bytes(item, depth + 1)).sum();
    }
    value.read_lock::<Blob>().map_or(0, |blob| blob.len())
}
