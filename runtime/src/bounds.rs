//! What stops a script: the deadline, the operations, the stack and the memory.
//!
//! The engine asks at every operation whether to go on. Counting is ours rather than the engine's,
//! since the engine starts its own count again in each callback that a native function makes.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rhai::{Dynamic, Engine, EvalAltResult, INT, Position};

use crate::captured::Captured;
use crate::config::{Limits, RECURSION_BYTES, largest_block};
use crate::depth::{Depth, Found};
use crate::vocabulary::Vocabulary;
use crate::{effects, memory, natives, pages};

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
    /// Values nested too deeply.
    Depth,
    /// More calls in each other than there may be.
    Calls,
    /// A text, an array or a map that is larger than the owner allows.
    Size,
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
    /// Where calls of scripts have to end.
    stack_floor: usize,
    largest_block: usize,
    most_memory: usize,
    most_calls: usize,
    depth: Depth,
    started: Cell<Option<Instant>>,
    stopped: Cell<Option<Stop>>,
    captured: Captured,
}

thread_local! {
    /// The deadline of the run on this thread, for native functions that take long.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
    /// Whether one of them found that it has come.
    static IS_LATE: Cell<bool> = const { Cell::new(false) };
    /// How many parts of scripts were late on this thread while their scripts went on.
    static LATE_PARTS: Cell<u64> = const { Cell::new(0) };
    /// How many bytes native functions may still work on before the next look at the clock.
    static WORK: Cell<usize> = const { Cell::new(ROUND) };
}

/// The clock is looked at no more often than this many operations apart at first, and at most that
/// many when operations turn out to be quick.
const FIRST_STRIDE: u64 = 16;
const LONGEST_STRIDE: u64 = 1024;

/// What the process may have taken of the stack before a script is loaded, in bytes.
const STACK_TAKEN: usize = 1 << 20;

/// Set every so often, so that the clock is looked at before the next operation however long the
/// last ones took: a copy of a million elements is one operation, as is a sum.
static IS_DUE: AtomicBool = AtomicBool::new(false);

/// Has a timer of the process's own time say when to look at the clock. It stands still while the
/// process waits, so that it neither interrupts a call to the system nor wakes anybody.
pub fn look_by_timer() {
    extern "C" fn due(_: libc::c_int) {
        IS_DUE.store(true, Ordering::Relaxed);
    }
    let every = libc::timeval { tv_sec: 0, tv_usec: 10_000 };
    let timer = libc::itimerval { it_interval: every, it_value: every };
    // SAFETY: the handler does nothing but store a flag, which is safe in a signal handler; both
    // structures are whole, and none of the former values is asked for.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = due as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        if libc::sigaction(libc::SIGVTALRM, &raw const action, std::ptr::null_mut()) == 0 {
            libc::setitimer(libc::ITIMER_VIRTUAL, &raw const timer, std::ptr::null_mut());
        }
    }
}

impl Bounds {
    /// Bounds for scripts that run on this thread, whose stack is as large as
    /// [`stack_bytes`](crate::config::stack_bytes) says.
    #[must_use]
    pub fn new(limits: &Limits) -> Rc<Self> {
        Rc::new(Self {
            operations: Cell::new(0),
            next_look: Cell::new(FIRST_STRIDE),
            stride: Cell::new(FIRST_STRIDE),
            last_look: Cell::new(None),
            deadline: Cell::new(None),
            most_operations: if limits.operations == 0 { u64::MAX } else { limits.operations },
            stack_floor: stack_pointer().saturating_sub(RECURSION_BYTES - STACK_TAKEN),
            largest_block: largest_block(limits.memory_bytes),
            most_calls: limits.call_levels,
            depth: Depth::new(limits.memory_bytes),
            most_memory: memory::used().saturating_add(limits.memory_bytes),
            started: Cell::new(None),
            stopped: Cell::new(None),
            captured: Captured::default(),
        })
    }

    /// The variables that closures have captured, some of which memory can be had from.
    #[inline]
    #[must_use]
    pub fn captured(&self) -> &Captured {
        &self.captured
    }

    /// Begins to count for one run that has to end at `deadline`.
    pub fn start(&self, deadline: Option<Instant>) {
        self.operations.set(0);
        self.stride.set(FIRST_STRIDE);
        self.next_look.set(FIRST_STRIDE.min(self.most_operations));
        self.last_look.set(None);
        self.set_deadline(deadline);
        IS_LATE.set(false);
        self.stopped.set(None);
        self.started.set(Some(Instant::now()));
        memory::set_largest(self.largest_block);
        memory::set_limit(self.most_memory);
        self.depth.start();
    }

    /// Ends a run. What it took of the stack beyond the usual goes back to the system, for as long as
    /// it is there it counts as the function's memory. What is still to be done, such as writing a
    /// recording, is not the script's, and has no deadline.
    pub fn end(&self) {
        const KEPT: usize = 256 << 10;
        if self.depth.has_looked() || matches!(self.stopped(), Some(Stop::Stack | Stop::Calls)) {
            pages::give_back_stack(stack_pointer().saturating_sub(KEPT));
        }
        self.set_deadline(None);
        IS_LATE.set(false);
    }

    /// Knows how deeply values are nested.
    #[must_use]
    pub(crate) fn depth(&self) -> &Depth {
        &self.depth
    }

    /// Goes on where another script's bounds held on this thread in between.
    #[cfg(feature = "tool")]
    pub fn resume(&self) {
        self.set_deadline(self.deadline.get());
        IS_LATE.set(false);
        memory::set_limit(self.most_memory);
        self.look_soon();
    }

    /// The bytes that the script's thread may hold at most.
    #[must_use]
    pub fn most_memory(&self) -> usize {
        self.most_memory
    }

    /// How long the run has taken since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.get().map_or(Duration::ZERO, |started| started.elapsed())
    }

    /// The bytes that the script may still take.
    #[must_use]
    pub fn memory_left(&self) -> usize {
        self.most_memory.saturating_sub(memory::used())
    }

    /// Operations since the start.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    /// Why the script was stopped, or would be at its next operation.
    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        self.stopped
            .get()
            .or_else(|| memory::is_exceeded().then_some(Stop::Memory))
            .or_else(|| IS_LATE.get().then_some(Stop::Deadline))
    }

    /// Remembers that what is compiled now takes more memory than there is: once the compiler has
    /// given up, it holds that memory no more.
    pub fn note_memory(&self) {
        self.stopped.set(Some(Stop::Memory));
    }

    /// Remembers a limit that the engine itself found, so that nothing can swallow it.
    #[cold]
    pub fn note_limit(&self, error: &EvalAltResult) {
        let stop = match error {
            EvalAltResult::ErrorStackOverflow(_) => Stop::Calls,
            EvalAltResult::ErrorDataTooLarge(..) => Stop::Size,
            _ => return,
        };
        if self.stopped().is_none() {
            self.stopped.set(Some(stop));
        }
    }

    /// Fails where a function is called in more others than there may be.
    #[inline(always)]
    pub fn check_calls(&self, level: usize) -> Bounded<()> {
        if level > self.most_calls {
            self.stopped.set(Some(Stop::Calls));
            return Err(Box::new(EvalAltResult::ErrorStackOverflow(Position::NONE)));
        }
        Ok(())
    }

    /// The instant at which the script will be stopped.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.get()
    }

    fn set_deadline(&self, deadline: Option<Instant>) {
        self.deadline.set(deadline);
        DEADLINE.set(deadline);
    }

    /// Runs a part of the script that has to end at `deadline`, if the script itself has not to end
    /// earlier, and says whether the part was stopped for being late. The script goes on then.
    pub fn ending_at<T>(&self, deadline: Instant, part: impl FnOnce() -> T) -> (T, bool) {
        let whole = self.deadline.get();
        self.set_deadline(Some(whole.map_or(deadline, |whole| whole.min(deadline))));
        self.look_soon();
        let result = part();
        self.set_deadline(whole);
        self.look_soon();
        let is_late = self.stopped() == Some(Stop::Deadline)
            && whole.is_none_or(|whole| Instant::now() < whole);
        if is_late {
            self.stopped.set(None);
            IS_LATE.set(false);
            LATE_PARTS.set(LATE_PARTS.get() + 1);
        }
        (result, is_late)
    }

    /// Has the clock looked at before the next operation, as after a native call that took long.
    pub fn look_soon(&self) {
        self.next_look.set(0);
    }

    /// Counts one operation; a token stops the script.
    #[inline(always)]
    pub fn tick(&self) -> Option<Dynamic> {
        let count = self.operations.get() + 1;
        self.operations.set(count);
        if count >= self.next_look.get()
            || IS_DUE.load(Ordering::Relaxed)
            || memory::is_tripped()
            || stack_pointer() < self.stack_floor
        {
            return self.look(count);
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn look(&self, count: u64) -> Option<Dynamic> {
        IS_DUE.store(false, Ordering::Relaxed);
        let stop = if memory::is_exceeded() && !self.captured.gives_back_memory() {
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
        let stop = stop.or_else(|| match self.depth.is_due(count) {
            true => match self.depth.look(count, self.deadline.get()) {
                Found::Shallow => None,
                Found::TooDeep => Some(Stop::Depth),
                Found::Late => Some(Stop::Deadline),
            },
            false => None,
        });
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
        effects::world().sleep(length.min(longest));
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
pub fn apply(engine: &mut Engine, bounds: &Rc<Bounds>, limits: &Limits, vocabulary: &Vocabulary) {
    // A few more than there may be, since native functions count as levels too: a function that begins
    // says it itself, which nothing can swallow.
    engine.set_max_call_levels(limits.call_levels + 8);
    engine.set_max_expr_depths(limits.expr_depth, limits.expr_depth);
    engine.set_max_string_size(limits.string_bytes.unwrap_or(0));
    engine.set_max_array_size(limits.array_size.unwrap_or(0));
    engine.set_max_map_size(limits.map_size.unwrap_or(0));
    let watch = bounds.clone();
    engine.on_progress(move |_| watch.tick());
    natives::register(engine, vocabulary);
    if !vocabulary.has("sleep") {
        return;
    }
    let sleeper = bounds.clone();
    engine.register_fn("sleep", move |seconds: INT| {
        sleeper.sleep(Duration::from_secs(seconds.max(0) as u64))
    });
    let sleeper = bounds.clone();
    engine.register_fn("sleep", move |seconds: f64| {
        let length = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
        sleeper.sleep(length)
    });
}

/// How many parts of scripts were late on this thread while their scripts went on.
pub(crate) fn late_parts() -> u64 {
    LATE_PARTS.get()
}

/// What a native function that keeps within the bounds returns.
pub(crate) type Bounded<T> = Result<T, Box<EvalAltResult>>;

/// Fails where `count` things of `bytes` each do not fit into the memory that is left; the script
/// is stopped then.
pub(crate) fn room_for(count: usize, bytes: usize) -> Bounded<()> {
    if count.checked_mul(bytes).is_some_and(memory::has_room_for) {
        return Ok(());
    }
    memory::refuse();
    let wanted = format!("a value of {} is", size(count.saturating_mul(bytes)));
    Err(Box::new(EvalAltResult::ErrorDataTooLarge(wanted, Position::NONE)))
}

/// A number of bytes for people.
fn size(bytes: usize) -> String {
    match bytes {
        0..=1023 => format!("{bytes} bytes"),
        1024..=1_048_575 => format!("{} KB", bytes >> 10),
        usize::MAX => "more bytes than there are".to_owned(),
        _ => format!("{} MB", bytes >> 20),
    }
}

/// When the run on this thread will be stopped.
pub(crate) fn deadline() -> Option<Instant> {
    DEADLINE.get()
}

/// Whether something on this thread has found that the deadline has come.
pub(crate) fn is_late() -> bool {
    IS_LATE.get()
}

/// Fails where the deadline has come; the script is stopped then. For each round of a native
/// function that may make many.
pub(crate) fn in_time() -> Bounded<()> {
    if DEADLINE.get().is_none_or(|deadline| Instant::now() < deadline) {
        return Ok(());
    }
    Err(too_late())
}

/// Stops the script for its deadline: what is left of the time is not enough for what has to be done.
pub(crate) fn too_late() -> Box<EvalAltResult> {
    IS_LATE.set(true);
    Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE))
}

/// Looks at the clock every so often within a native function that takes many small steps.
#[derive(Debug)]
pub(crate) struct Pace(usize);

/// How many bytes are worked on between two looks: some milliseconds at worst.
pub(crate) const ROUND: usize = 1 << 20;

impl Default for Pace {
    fn default() -> Self {
        Self(ROUND)
    }
}

impl Pace {
    /// A step of about so many bytes; fails where the deadline has come.
    #[inline]
    pub(crate) fn step(&mut self, bytes: usize) -> Bounded<()> {
        match self.0.checked_sub(bytes) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => {
                self.0 = ROUND;
                in_time()
            }
        }
    }
}

/// A step of about so many bytes, for what has no [`Pace`] at hand; fails where the deadline has
/// come.
#[inline]
pub(crate) fn step(bytes: usize) -> Bounded<()> {
    let mut pace = Pace(WORK.get());
    let result = pace.step(bytes);
    WORK.set(pace.0);
    result
}

/// The parts of a text, each short enough to be worked on between two looks at the clock.
pub(crate) fn parts(text: &str) -> impl Iterator<Item = Bounded<&str>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = ROUND.min(rest.len());
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (part, others) = rest.split_at(end);
        rest = others;
        Some(in_time().map(|()| part))
    })
}
