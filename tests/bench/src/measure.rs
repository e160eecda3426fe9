//! One process, from its start to its end.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::api::Api;
use crate::report::median;
use crate::runtime::{Places, Runtime};
use crate::workload::Workload;

/// Warming up ends when this many batches in a row were no faster than the fastest before them.
const STEADY: usize = 4;

/// Faster by less is not faster.
const NOTICEABLE: f64 = 0.98;

/// More than this many invocations warm nothing up.
const LONGEST_WARM_UP: usize = 4000;

/// The last lines that are shown of what a runtime said before it failed.
const LAST_LINES: usize = 12;

/// What one process did.
#[derive(Debug, Default, Clone)]
pub struct Sample {
    /// Start to first `/next`, ms.
    pub init_ms: f64,
    /// CPU time until then, ms.
    pub init_cpu_ms: f64,
    /// Page faults until then.
    pub init_faults: f64,
    /// Resident memory then, MiB.
    pub init_mib: f64,
    /// Start to first response, ms.
    pub cold_ms: f64,
    /// Invocations until it was warm.
    pub warm_up: f64,
    /// Event to response of each warm invocation, µs.
    pub warm_us: Vec<f64>,
    /// CPU time of one warm invocation, µs.
    pub cpu_us: f64,
    /// The most memory it ever had, MiB.
    pub peak_mib: f64,
}

/// Ends its process.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Keeps this process, and those it starts, on one CPU, so that neither depends on the other's waking
/// up.
pub fn pin() -> bool {
    // SAFETY: the set is a plain value of the size that is passed along.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) == 0
    }
}

/// Starts a runtime and invokes it once; and, for some `warm` invocations, until it is warm and then
/// so many times.
///
/// # Errors
/// When it cannot be started, says something else than a response, says what is not right, or a figure
/// cannot be read; with the last lines of what it said itself.
pub fn run(
    runtime: &Runtime,
    workload: &Workload,
    warm: usize,
    places: &Places,
) -> Result<Sample, String> {
    let said = places.said(&runtime.name);
    measured(runtime, workload, warm, places, &said).map_err(|error| {
        let text = fs::read(&said).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        last.iter().fold(error.to_string(), |error, line| format!("{error}\n    {line}"))
    })
}

fn measured(
    runtime: &Runtime,
    workload: &Workload,
    warm: usize,
    places: &Places,
    said: &Path,
) -> io::Result<Sample> {
    let said = File::create(said)?;
    let mut api = Api::start()?;
    let mut command = runtime.command(workload.name, &api.address()?, places);
    command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
    let begun = Instant::now();
    let mut guard = Guard(command.spawn()?);
    let child = &mut guard.0;
    let pid = child.id();
    let mut connection = api.wait_for_next(child)?;
    let mut sample = Sample { init_ms: ms(begun.elapsed()), ..Sample::default() };
    sample.init_cpu_ms = ms(cpu(pid)?);
    sample.init_faults = faults(pid)?;
    sample.init_mib = memory(pid, "VmRSS:")?;
    let wrong = |response: &[u8]| {
        let said: String = String::from_utf8_lossy(response).chars().take(300).collect();
        io::Error::other(format!("a wrong response: {said}"))
    };
    let (right, took, next) = api.invoke(child, connection, &workload.event)?;
    sample.cold_ms = sample.init_ms + ms(took);
    if !workload.accepts(&right) {
        return Err(wrong(&right));
    }
    if warm == 0 {
        return Ok(sample);
    }
    connection = next;
    let mut invoke = |count: usize| -> io::Result<Vec<f64>> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let (response, took, next) = api.invoke(child, connection, &workload.event)?;
            connection = next;
            times.push(took.as_secs_f64() * 1e6);
            if response != right {
                return Err(wrong(&response));
            }
        }
        Ok(times)
    };
    let batch = (warm / 10).max(10);
    let (mut fastest, mut steady, mut warm_up) = (f64::INFINITY, 0, 0);
    while steady < STEADY && warm_up < LONGEST_WARM_UP {
        let typical = median(invoke(batch)?);
        warm_up += batch;
        steady = if typical < fastest * NOTICEABLE { 0 } else { steady + 1 };
        fastest = fastest.min(typical);
    }
    sample.warm_up = warm_up as f64;
    let before = cpu(pid)?;
    sample.warm_us = invoke(warm)?;
    sample.cpu_us = ms(cpu(pid)?.saturating_sub(before)) * 1e3 / warm as f64;
    sample.peak_mib = memory(pid, "VmHWM:")?;
    Ok(sample)
}

fn ms(length: Duration) -> f64 {
    length.as_secs_f64() * 1e3
}

/// The CPU time of a process: of all its threads, those that have ended too.
fn cpu(pid: u32) -> io::Result<Duration> {
    // SAFETY: both calls fill a plain value, and their results are looked at.
    unsafe {
        let mut clock: libc::clockid_t = 0;
        let error = libc::clock_getcpuclockid(pid as libc::pid_t, &raw mut clock);
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        let mut time: libc::timespec = std::mem::zeroed();
        if libc::clock_gettime(clock, &raw mut time) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
}

/// Minor and major page faults.
fn faults(pid: u32) -> io::Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path)?;
    // The name before it may hold anything, also spaces and parentheses.
    let fields: Vec<&str> =
        stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
    let field = |index: usize| fields.get(index)?.parse::<f64>().ok();
    field(7).zip(field(9)).map(|(minor, major)| minor + major).ok_or_else(|| unread(&path))
}

/// A line of the status file, which is in KiB, as MiB.
fn memory(pid: u32, line: &str) -> io::Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path)?;
    let value = status.lines().find_map(|text| text.strip_prefix(line)?.trim().split(' ').next());
    let kib = value.and_then(|kib| kib.parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| unread(&format!("{path}: {line}")))
}

fn unread(what: &str) -> io::Error {
    io::Error::other(format!("{what} cannot be read"))
}
