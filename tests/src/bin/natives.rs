//! How long each native function goes on after the deadline, with the worst arguments known.
//!
//! `natives [MB] [CALLS] [PART OF A NAME]` asks the engine for all its functions, ours and Rhai's, makes large
//! arguments for each by the types of its parameters, and calls it in a process of its own with a
//! deadline 20 ms away. It prints the worst call of each function, sorted by the CPU time that it took
//! after the deadline, as the table that docs/natives.md keeps.

use std::alloc::System;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::time::{Duration, Instant};

use rhai::{AST, Array, Dynamic, Engine, Map, Scope};
use rhambda_runtime::bounds::Bounds;
use rhambda_runtime::config::Limits;
use rhambda_runtime::engine::whole_under;
use rhambda_runtime::memory::Counting;

/// Memory is counted as in `bootstrap`.
#[global_allocator]
static ALLOCATOR: Counting<System> = Counting(System);

/// How far away the deadline is.
const TIME: Duration = Duration::from_millis(20);

/// A call that takes as long is ended.
const LONGEST_SECONDS: u32 = 20;

/// What waits, ends the process or has effects outside of it.
const NOT_CALLED: [&str; 9] =
    ["sleep", "http::", "fs::", "exit", "custom_resource::", "stream::", "log::", "print", "debug"];

/// Kinds of arguments by the parameter's type.
struct Pool {
    values: BTreeMap<&'static str, Vec<(&'static str, Dynamic)>>,
}

impl Pool {
    fn new(engine: &Engine, megabytes: usize) -> Self {
        let bytes = megabytes << 20;
        let count = megabytes * 20_000;
        let of = |unit: &str| -> Dynamic { unit.repeat(bytes / unit.len()).into() };
        let eval = |script: &str| -> Dynamic { engine.eval(script).expect("a script that works") };
        let long = of("x");
        let maps = |make: &dyn Fn(usize) -> Dynamic, count: usize| -> Dynamic {
            let map = |index| Dynamic::from_map(Map::from([("k".into(), make(index))]));
            Dynamic::from_array((0..count).map(map).collect())
        };
        let json =
            |part: &str| -> Dynamic { format!("[{}1]", part.repeat(bytes / part.len())).into() };
        let deep = |open: &str, close: &str| -> Dynamic {
            format!("{}1{}", open.repeat(100), close.repeat(100)).into()
        };
        let keys: Map =
            (0..count).map(|index| (format!("key {index}").into(), Dynamic::from_int(1))).collect();
        let ints: Array =
            (0..count).map(|index| Dynamic::from_int((index * 7919 % count) as i64)).collect();
        let floats: Array =
            ints.iter().map(|int| (int.as_int().unwrap_or(0) as f64).into()).collect();
        let texts: Array = ints.iter().map(|int| Dynamic::from(int.to_string())).collect();
        let values = BTreeMap::from([
            (
                "text",
                vec![
                    ("long", long.clone()),
                    ("mixed", of("Ab, <é>&\"%20+/=\n  ")),
                    ("\"k\"", "k".into()),
                    ("\"x\"", "x".into()),
                    ("\"\"", "".into()),
                    ("JSON", json("{\"k\":[1.5,\"é\\n\"]},")),
                    ("CSV", of("k,\"a \"\"b\"\"\",1\r\n")),
                    ("XML", format!("<a>{}</a>", "<b k='1'>&amp;é</b>".repeat(bytes / 19)).into()),
                    ("deep", deep("[", "]")),
                    ("digits", of("1")),
                    ("spaces", of(" ")),
                    ("pattern", "(?:(x+)(y?)){1,20}$".into()),
                    ("half", "x".repeat(bytes / 2).into()),
                ],
            ),
            (
                "array",
                vec![
                    ("ints", ints.into()),
                    ("one text", vec![long.clone(); count].into()),
                    ("maps of one text", maps(&|_| long.clone(), count / 10)),
                    ("texts", texts.into()),
                    ("floats", floats.into()),
                    ("maps", maps(&|index| Dynamic::from_int(index as i64), count / 4)),
                    ("arrays", vec![Dynamic::from_array(vec![1.into(); 100]); count / 100].into()),
                    ("one long", vec![long.clone()].into()),
                ],
            ),
            (
                "map",
                vec![
                    ("many keys", keys.into()),
                    ("long", eval("#{}")),
                    ("k: array", Map::from([("k".into(), vec![long.clone(); 1000].into())]).into()),
                ],
            ),
            ("blob", vec![("blob", Dynamic::from_blob(vec![b'x'; bytes]))]),
            (
                "int",
                vec![
                    ("10", 10.into()),
                    ("0", 0.into()),
                    ("-1", (-1).into()),
                    ("many", ((bytes / 2) as i64).into()),
                    ("max", i64::MAX.into()),
                ],
            ),
            ("float", vec![("1e300", 1e300.into())]),
            ("char", vec![("'x'", 'x'.into()), ("'é'", 'é'.into())]),
            ("bool", vec![("true", true.into())]),
            ("unit", vec![("()", Dynamic::UNIT)]),
            ("range", vec![("0..many", eval(&format!("0..{bytes}")))]),
            ("range=", vec![("0..=many", eval(&format!("0..={bytes}")))]),
            (
                "closure",
                vec![
                    ("|a|", eval("|a| 1")),
                    ("|a, b|", eval("|a, b| 1")),
                    ("|a| throw", eval("|a| throw 1")),
                ],
            ),
        ]);
        Self { values }
    }

    /// The arguments to try for a type, the most telling first.
    fn of(&self, kind: &str) -> Vec<(&'static str, &'static str, usize)> {
        let of = |kind: &'static str, most: usize| -> Vec<(&'static str, &'static str, usize)> {
            let all = self.values[kind].iter().enumerate().take(most);
            all.map(|(index, (name, _))| (kind, *name, index)).collect()
        };
        match kind {
            "any" => {
                [("array", 3), ("text", 2), ("map", 1), ("blob", 1), ("int", 1), ("closure", 1)]
                    .into_iter()
                    .flat_map(|(kind, most)| of(kind, most))
                    .collect()
            }
            kind => self
                .values
                .keys()
                .find(|known| **known == kind)
                .map_or_else(Vec::new, |kind| of(kind, usize::MAX)),
        }
    }
}

/// The kind of a parameter.
fn kind(parameter: &str) -> &'static str {
    let name = parameter.trim_start_matches("&mut ").trim_start_matches('&');
    let name = match name.split_once('<') {
        Some((range, _)) => range,
        None => name,
    };
    match name.rsplit("::").next().unwrap_or(name) {
        "string" | "String" | "str" | "ImmutableString" | "Text" => "text",
        "array" | "Array" | "Vec" => "array",
        "map" | "Map" | "BTreeMap" => "map",
        "blob" | "Blob" => "blob",
        "int" | "INT" | "i64" => "int",
        "float" | "FLOAT" | "f64" => "float",
        "char" => "char",
        "bool" => "bool",
        "()" => "unit",
        "?" | "Dynamic" | "_" => "any",
        "Fn" | "FnPtr" => "closure",
        "range" | "Range" | "ExclusiveRange" => "range",
        "range=" | "RangeInclusive" | "InclusiveRange" => "range=",
        _ => "",
    }
}

/// One native function: how it is called, and the kinds of its parameters.
struct Native {
    shown: String,
    call: String,
    kinds: Vec<&'static str>,
}

fn natives(engine: &Engine) -> Vec<Native> {
    let all = engine.gen_fn_metadata_to_json(true).expect("metadata");
    let all: serde_json::Value = serde_json::from_str(&all).expect("JSON");
    let mut found = Vec::new();
    collect(&all, "", &mut found);
    found
}

fn collect(module: &serde_json::Value, path: &str, found: &mut Vec<Native>) {
    for function in module["functions"].as_array().into_iter().flatten() {
        let name = function["name"].as_str().unwrap_or_default();
        let types: Vec<&str> = function["params"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| parameter["type"].as_str().unwrap_or("?"))
            .collect();
        let kinds: Vec<&str> = types.iter().copied().map(kind).collect();
        let is_telling = kinds.iter().any(|kind| {
            ["text", "array", "map", "blob", "any", "range", "range=", "closure"].contains(kind)
        });
        let arguments = &["a", "b", "c", "d", "e"][..kinds.len().min(5)];
        let call = match (name, arguments) {
            (name, [a]) if name.starts_with("get$") => format!("{a}.{}", &name[4..]),
            (name, [a, b]) if name.starts_with("set$") => format!("{a}.{} = {b}", &name[4..]),
            ("index$get$", [a, b]) => format!("{a}[{b}]"),
            ("index$set$", [a, b, c]) => format!("{a}[{b}] = {c}"),
            (name, [a, b]) if !name.starts_with(char::is_alphabetic) => format!("{a} {name} {b}"),
            (name, [a]) if !name.starts_with(char::is_alphabetic) => format!("{name} {a}"),
            (name, [a, others @ ..]) if path.is_empty() => {
                format!("{a}.{name}({})", others.join(", "))
            }
            (name, arguments) => format!("{path}{name}({})", arguments.join(", ")),
        };
        let shown = format!("{path}{name}({})", types.join(", "));
        let is_called = !NOT_CALLED.iter().any(|name| shown.starts_with(name));
        if is_telling && is_called && kinds.len() <= 5 {
            found.push(Native { shown, call, kinds: kinds.iter().copied().map(kind_of).collect() });
        }
    }
    for (name, module) in module["modules"].as_object().into_iter().flatten() {
        collect(module, &format!("{path}{name}::"), found);
    }
}

fn kind_of(kind: &str) -> &'static str {
    const KINDS: [&str; 14] = [
        "text", "array", "map", "blob", "int", "float", "char", "bool", "unit", "any", "closure",
        "range", "range=", "",
    ];
    KINDS.into_iter().find(|known| *known == kind).unwrap_or_default()
}

/// The arguments to try: all of the first two parameters, and few of the others.
fn combinations(
    native: &Native,
    pool: &Pool,
    most: usize,
) -> Vec<Vec<(&'static str, &'static str, usize)>> {
    let mut all = vec![Vec::new()];
    for (place, kind) in native.kinds.iter().enumerate() {
        let mut values = pool.of(kind);
        if place > 1 {
            values.truncate(3);
        }
        all = values
            .iter()
            .flat_map(|value| {
                all.iter().map(|before| {
                    let mut arguments = before.clone();
                    arguments.push(*value);
                    arguments
                })
            })
            .collect();
    }
    // Spread over all of them.
    let step = all.len().div_ceil(most).max(1);
    all.into_iter().step_by(step).collect()
}

/// What one call took.
struct Taken {
    over_ms: i64,
    peak_mb: i64,
    outcome: String,
}

/// Calls in a child, which leaves this process as it is.
fn tried(
    engine: &Engine,
    bounds: &Bounds,
    script: &AST,
    pool: &mut Pool,
    arguments: &[(&'static str, &'static str, usize)],
) -> Taken {
    let mut pipe = [0; 2];
    // SAFETY: the array has room for both descriptors.
    assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0, "a pipe");
    // SAFETY: this process has one thread, so that the child has all of it.
    let child = unsafe { libc::fork() };
    // SAFETY: both descriptors are open and belong to nobody else.
    let (mut from, mut to) =
        unsafe { (fs::File::from_raw_fd(pipe[0]), fs::File::from_raw_fd(pipe[1])) };
    if child == 0 {
        // SAFETY: a number is handed over; the child is ended by it if need be.
        unsafe { libc::alarm(LONGEST_SECONDS) };
        let mut scope = Scope::new();
        for (name, (kind, _, index)) in ["a", "b", "c", "d", "e"].iter().zip(arguments) {
            let place = pool.values.get_mut(kind).and_then(|values| values.get_mut(*index));
            scope.push_dynamic(*name, place.map(|(_, value)| value.clone()).unwrap_or_default());
        }
        let (before_kb, begun) = (resident_kb("VmRSS:"), cpu());
        bounds.start(Instant::now().checked_add(TIME));
        let result = engine.eval_ast_with_scope::<Dynamic>(&mut scope, script);
        let outcome = match &result {
            Ok(_) => "a value".to_owned(),
            Err(error) => format!("{:.40}", error.to_string()),
        };
        drop(result);
        let over = (cpu().saturating_sub(begun)).as_millis() as i64 - TIME.as_millis() as i64;
        let peak = (resident_kb("VmHWM:") - before_kb) / 1024;
        let _ = write!(to, "{over}\t{peak}\t{outcome}");
        // SAFETY: nothing of this process has to be tidied up.
        unsafe { libc::_exit(0) };
    }
    drop(to);
    let mut said = String::new();
    let _ = from.read_to_string(&mut said);
    let mut status = 0;
    // SAFETY: the child is ours, and the place for its status is there.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    let mut parts = said.split('\t');
    let mut number = || parts.next().and_then(|part| part.parse().ok());
    match (number(), number()) {
        (Some(over_ms), Some(peak_mb)) => {
            Taken { over_ms, peak_mb, outcome: parts.next().unwrap_or_default().to_owned() }
        }
        _ => Taken {
            over_ms: i64::from(LONGEST_SECONDS) * 1000,
            peak_mb: 0,
            outcome: format!("ended by signal {status}"),
        },
    }
}

fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place for the time is there.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn resident_kb(what: &str) -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

/// What the values may hold.
const MEMORY_BYTES: usize = 2 << 30;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| arguments.next().and_then(|it| it.parse().ok()).unwrap_or(default);
    let (megabytes, most) = (number(50), number(48));
    let part = arguments.next().unwrap_or_default();
    let work = move || table(megabytes, most, &part);
    // As deep a stack as scripts have.
    let stack = rhambda_runtime::config::stack_bytes(MEMORY_BYTES);
    let thread = std::thread::Builder::new().stack_size(stack);
    thread.spawn(work).expect("a thread").join().expect("a table");
}

#[allow(clippy::print_stdout)]
fn table(megabytes: usize, most: usize, part: &str) {
    let mut limits = Limits::standard().expect("limits");
    limits.memory_bytes = MEMORY_BYTES;
    let (engine, bounds) = whole_under(&limits);
    let mut pool = Pool::new(&engine, megabytes);
    let mut rows = Vec::new();
    for native in natives(&engine) {
        if !native.shown.contains(part) {
            continue;
        }
        let Ok(script) = engine.compile(&native.call) else {
            println!("not called: {} as `{}`", native.shown, native.call);
            continue;
        };
        let mut worst: Option<(Taken, String)> = None;
        for arguments in combinations(&native, &pool, most) {
            let taken = tried(&engine, &bounds, &script, &mut pool, &arguments);
            if worst.as_ref().is_none_or(|(worst, _)| taken.over_ms > worst.over_ms) {
                let names: Vec<&str> = arguments.iter().map(|(_, name, _)| *name).collect();
                worst = Some((taken, names.join("; ")));
            }
        }
        if let Some((taken, names)) = worst {
            eprintln!("{:6} ms {} {names}", taken.over_ms, native.shown);
            rows.push((taken, native.shown, names));
        }
    }
    rows.sort_by_key(|(taken, ..)| std::cmp::Reverse(taken.over_ms));
    println!("| ms after the deadline | peak MB | function | arguments | outcome |");
    println!("|--:|--:|---|---|---|");
    for (taken, shown, names) in &rows {
        let Taken { over_ms, peak_mb, outcome } = taken;
        println!("| {over_ms} | {peak_mb} | `{shown}` | {names} | {outcome} |");
    }
}
