//! One process, from its start to its end.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::api::Api;
use crate::runtime::Runtime;
use crate::workload::Workload;

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

/// Starts a runtime and invokes it once, and then `warm` times.
///
/// # Errors
/// When it cannot be started, says something else than a response, or says what is not right.
pub fn run(
    runtime: &Runtime,
    workload: &Workload,
    warm: usize,
    cache: &Path,
) -> io::Result<Sample> {
    let mut api = Api::start()?;
    let mut command: Command = runtime.command(workload.name, &api.address()?, cache);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let child = Guard(command.spawn()?);
    let pid = child.0.id();
    let mut connection = api.wait_for_next()?;
    let mut sample = Sample { init_ms: ms(begun.elapsed()), ..Sample::default() };
    sample.init_cpu_ms = cpu(pid) as f64 / 1e6;
    sample.init_faults = faults(pid) as f64;
    sample.init_mib = memory(pid, "VmRSS:");
    let wrong = |response: &[u8]| {
        let said: String = String::from_utf8_lossy(response).chars().take(300).collect();
        io::Error::other(format!("a wrong response: {said}"))
    };
    let (right, took, next) = api.invoke(connection, &workload.event)?;
    sample.cold_ms = sample.init_ms + ms(took);
    if !workload.accepts(&right) {
        return Err(wrong(&right));
    }
    connection = next;
    // The first few are not warm yet.
    for _ in 0..warm.min(20) {
        (_, _, connection) = api.invoke(connection, &workload.event)?;
    }
    let before = cpu(pid);
    for _ in 0..warm {
        let (response, took, next) = api.invoke(connection, &workload.event)?;
        connection = next;
        sample.warm_us.push(took.as_secs_f64() * 1e6);
        if response != right {
            return Err(wrong(&response));
        }
    }
    sample.cpu_us = (cpu(pid) - before) as f64 / 1e3 / warm.max(1) as f64;
    sample.peak_mib = memory(pid, "VmHWM:");
    Ok(sample)
}

fn ms(length: Duration) -> f64 {
    length.as_secs_f64() * 1e3
}

/// The CPU time of all threads, ns.
fn cpu(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Minor and major page faults.
fn faults(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before it may hold anything, also spaces and parentheses.
    let Some((_, fields)) = stat.rsplit_once(") ") else { return 0 };
    let field = |index: usize| fields.split(' ').nth(index).and_then(|field| field.parse().ok());
    field(7).unwrap_or(0) + field(9).unwrap_or(0)
}

/// A line of the status file, which is in KiB, as MiB.
fn memory(pid: u32, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = status.lines().find_map(|text| text.strip_prefix(line)?.trim().split(' ').next());
    value.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
