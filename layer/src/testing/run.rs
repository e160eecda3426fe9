//! A process for each case, a few at a time.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::cases::{Case, Kind};
use super::functions::Snapshots;
use super::worker::{Job, Verdict};
use crate::commands::settings;
use crate::failure::Failure;
use crate::source_file;

/// How much longer than its timeout a case may take before its process counts as stuck.
const GRACE: Duration = Duration::from_secs(5);
/// What the name of a run's folder begins with, and the file in it that the run has locked.
const PREFIX: &str = "rhambda-test-";
const LOCK: &str = "lock";
const POLL: Duration = Duration::from_millis(1);
/// The end of a log that is shown, in bytes.
const LONGEST_LOG: usize = 64 << 10;

/// How cases are run.
pub(crate) struct Plan {
    /// The tool's own executable.
    pub(crate) executable: PathBuf,
    pub(crate) jobs: usize,
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) variables: Vec<(String, String)>,
    /// Patterns of files that are packaged besides those that scripts name.
    pub(crate) include: Vec<String>,
    pub(crate) updates: bool,
    pub(crate) covers: bool,
    pub(crate) fails_fast: bool,
}

/// A case that was run.
pub(crate) struct Done {
    pub(crate) case: Case,
    pub(crate) verdict: Verdict,
    /// What the script logged.
    pub(crate) log: String,
}

impl Done {
    pub(crate) fn has_passed(&self) -> bool {
        self.verdict.error.is_none()
    }
}

/// Runs the cases, and shows each one when those before it have been shown.
pub(crate) fn all(
    plan: &Plan,
    cases: &[Case],
    mut show: impl FnMut(&Done),
) -> Result<Vec<Done>, Failure> {
    let parent = std::env::temp_dir();
    let scratch = Scratch::below(&parent).map_err(|error| {
        Failure::broken(format!(
            "cannot make a folder for the tests' files in `{}`: {error}; TMPDIR can name another",
            parent.display()
        ))
    })?;
    let folder = scratch.folder.clone();
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut done: Vec<Done> = Vec::new();
    thread::scope(|scope| {
        let (sender, results) = channel();
        for _ in 0..plan.jobs.clamp(1, cases.len().max(1)) {
            let (sender, folder, next, is_over) = (sender.clone(), &folder, &next, &is_over);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index).filter(|_| !is_over.load(Ordering::Relaxed))
                    else {
                        return;
                    };
                    let one = run(plan, case, &folder.join(index.to_string()));
                    if plan.fails_fast && one.as_ref().is_ok_and(|one| !one.has_passed()) {
                        is_over.store(true, Ordering::Relaxed);
                    }
                    drop(sender.send((index, one)));
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        for (index, one) in results {
            waiting.insert(index, one?);
            while let Some(one) = waiting.remove(&done.len()) {
                show(&one);
                done.push(one);
            }
        }
        // After a failure that ends everything some in between may be missing.
        for (_, one) in waiting {
            show(&one);
            done.push(one);
        }
        Ok(())
    })?;
    Ok(done)
}

/// The folder with the files of a run, which goes with it. A run that is interrupted leaves its own,
/// and the next run takes it away.
struct Scratch {
    folder: PathBuf,
    /// Locked as long as the run lives, however it ends.
    _lock: File,
}

impl Scratch {
    fn below(parent: &Path) -> std::io::Result<Scratch> {
        fs::create_dir_all(parent)?;
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let lock = entry.path().join(LOCK);
            let is_ours = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
            if is_ours && lock.is_file() && File::open(lock).is_ok_and(|lock| locks(&lock)) {
                // What is left of it is of no use, and may be somebody else's.
                drop(fs::remove_dir_all(entry.path()));
            }
        }
        let folder = parent.join(format!("{PREFIX}{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        // What a script keeps below `/tmp`, or a recording has, is nobody else's.
        DirBuilder::new().mode(0o700).create(&folder)?;
        // Before it has its name, no other run looks at it.
        let lock = File::create(folder.join("unlocked"))?;
        locks(&lock);
        fs::rename(folder.join("unlocked"), folder.join(LOCK))?;
        Ok(Scratch { folder: folder.canonicalize()?, _lock: lock })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Locks a file until it is closed; false if somebody else has.
fn locks(file: &File) -> bool {
    // SAFETY: the call takes two numbers, and the descriptor is open for as long as `file` lives.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == 0 }
}

fn run(plan: &Plan, case: &Case, folder: &Path) -> Result<Done, Failure> {
    let failed = |error: std::io::Error| {
        Failure::broken(format!("cannot run `{}` of {}: {error}", case.name, case.file))
    };
    let tmp = folder.join("tmp");
    fs::create_dir_all(&tmp).map_err(failed)?;
    // A recording has the variables that there were.
    let is_recorded = matches!(case.kind, Kind::Recording { .. });
    let mut variables = if is_recorded { Vec::new() } else { of_script(case)? };
    let timeout = match case.kind {
        Kind::Recording { timeout, .. } => timeout,
        _ => plan.timeout,
    };
    variables.extend(plan.variables.iter().cloned());
    let job = Job {
        case: case.clone(),
        parent: std::process::id(),
        timeout,
        memory_mb: plan.memory_mb,
        variables,
        include: plan.include.clone(),
        folder: tmp,
        verdict: folder.join("verdict.json"),
        snapshots: snapshots(case)?,
        updates: plan.updates,
        covers: plan.covers,
    };
    let log = folder.join("log");
    let output = File::create(&log).map_err(failed)?;
    let errors = output.try_clone().map_err(failed)?;
    let mut child = Command::new(&plan.executable)
        .args(["test", "--worker"])
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        let job = serde_json::to_vec(&job).map_err(|error| failed(error.into()))?;
        // A worker that is gone is told by how it ended.
        drop(input.write_all(&job));
    }
    let begun = Instant::now();
    let ended = wait(&mut child, timeout + GRACE).map_err(failed)?;
    let verdict = fs::read(&job.verdict).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let verdict = verdict.unwrap_or_else(|| Verdict {
        error: Some(json!({ "errorType": "Test.Crashed", "errorMessage": crash(ended) })),
        ms: begun.elapsed().as_secs_f64() * 1000.0,
        ..Verdict::default()
    });
    let log = fs::read(&log).map_err(failed)?;
    let log = String::from_utf8_lossy(&log[log.len().saturating_sub(LONGEST_LOG)..]).into_owned();
    drop(fs::remove_dir_all(folder));
    Ok(Done { case: case.clone(), verdict, log })
}

/// Waits for a process; one that takes longer is ended, which is `None`.
fn wait(child: &mut Child, longest: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > longest {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

fn crash(ended: Option<ExitStatus>) -> String {
    match ended {
        None => "the test did not end in time, and was ended".to_owned(),
        Some(status) => match status.signal() {
            Some(libc::SIGABRT) => "the test's process ran out of memory".to_owned(),
            Some(signal) => format!("the test's process was ended by signal {signal}"),
            None => format!("the test's process ended: {status}"),
        },
    }
}

/// The variables in `NAME.env` beside the script.
fn of_script(case: &Case) -> Result<Vec<(String, String)>, Failure> {
    let path = case.folder.join(format!("{}.env", case.script));
    if !path.is_file() {
        return Ok(Vec::new());
    }
    settings::env_file(&path, &path)
}

/// Where the snapshots of a test file are.
pub(crate) fn snapshot_file(case: &Case) -> PathBuf {
    case.folder.join(format!("{}.test.snap", case.script))
}

/// The snapshots that there are.
pub(crate) fn snapshots(case: &Case) -> Result<Snapshots, Failure> {
    let path = snapshot_file(case);
    match source_file::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| {
            Failure::usage(format!("{} is not a file of snapshots: {error}", path.display()))
        }),
        Err(_) => Ok(Snapshots::new()),
    }
}
