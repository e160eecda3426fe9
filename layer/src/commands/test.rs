//! `rhambda test`: runs the tests of scripts.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::commands::settings;
use crate::failure::{Exit, Failure};
use crate::surroundings::Surroundings;
use crate::terminal::Terminal;
use crate::testing::cases::{self, Case};
use crate::testing::coverage::Coverage;
use crate::testing::functions::Snapshots;
use crate::testing::report;
use crate::testing::run::{self, Done, Plan};
use crate::testing::worker::{self, Job};
use crate::watch::Watched;

/// How often files are looked at for changes.
const LOOK: Duration = Duration::from_millis(200);

/// Runs the tests of scripts.
///
/// A test is a function `test_…()` in `NAME.test.rhai`, which calls the script `NAME.rhai` by
/// `invoke(event)`, or a pair of files: `NAME.event.json` with `NAME.response.json`,
/// `NAME.error.json` or `NAME.response.txt`. Of `NAME.CASE.event.json` there may be many; where
/// `CASE` is a function of the script, that one is called. Variables are in `NAME.env`.
///
/// Each test has a world of its own: nothing is sent, `/tmp` is empty, chance is always the same, and
/// the variables are those of the test. `mock::http`, `mock::time`, `mock::env` say what is there.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda test
  rhambda test orders.test.rhai --filter refund
  rhambda test scripts --watch
  rhambda test --coverage --lcov lcov.info --junit junit.xml

Exit codes: 0 all passed, 1 some failed, 2 a wrong command line or file, or no test at all, 3 the tool \
failed.")]
pub struct Test {
    /// Files with tests, or folders with such files
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    /// Run only tests whose file or name has this text
    #[arg(short, long, value_name = "TEXT")]
    filter: Option<String>,

    /// How many tests run at a time [default: the number of processors]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,

    /// Run them again whenever a file changes
    #[arg(short, long, conflicts_with_all = ["json", "tap", "list"])]
    watch: bool,

    /// Take the values of snapshots as they are, and write them to NAME.test.snap
    #[arg(short, long)]
    update: bool,

    /// List the tests, and run none
    #[arg(long)]
    list: bool,

    /// Show which lines of the scripts were run
    #[arg(long)]
    coverage: bool,

    /// Write the lines that were run to a file in lcov's format
    #[arg(long, value_name = "FILE")]
    lcov: Option<PathBuf>,

    /// Write a report to a file in JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Print the results in the Test Anything Protocol
    #[arg(long, conflicts_with = "json")]
    tap: bool,

    /// Print the results as JSON
    #[arg(long)]
    json: bool,

    /// How long a test, and an invocation in it, may take, in seconds
    #[arg(short, long, value_name = "SECONDS", default_value = "3", value_parser = settings::timeout)]
    timeout: Duration,

    /// The function's memory size in MB, from 128 to 10240
    #[arg(short, long, value_name = "MB", default_value_t = 128,
          value_parser = clap::value_parser!(u32).range(128..=10240))]
    memory: u32,

    /// An environment variable for every test; with a name only, your own value of it
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    variables: Vec<String>,

    /// A file of NAME=VALUE lines; --env wins over it
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,

    /// Files that `rhambda package` is told to include: scripts see what their zip would have
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,

    /// Runs the one test that standard input describes
    #[arg(long, hide = true)]
    worker: bool,
}

impl Test {
    /// Runs the command. `Err` is what kept tests from being run.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        if self.worker {
            return work();
        }
        let terminal = surroundings.terminal;
        if !self.watch {
            return self.run_once(surroundings);
        }
        loop {
            let mut watched = self.watched(surroundings);
            if terminal.stdout_is_terminal {
                terminal.clear().map_err(Failure::output)?;
            }
            // What is wrong with a file now may be right after the next change.
            if let Err(failure) = self.run_once(surroundings) {
                terminal.error(&failure.message);
            }
            let said = terminal.out_if_read(b"waiting for changes; Ctrl-C ends it\n");
            if !said.map_err(Failure::output)? {
                return Ok(Exit::Success);
            }
            while watched.0.still_holds() && self.watched(surroundings).1 == watched.1 {
                thread::sleep(LOOK);
            }
        }
    }

    /// All files that tests may depend on, and their number.
    fn watched(&self, surroundings: &Surroundings) -> (Watched, usize) {
        let mut watched = Watched::default();
        let mut count = 0;
        let mut folders: Vec<PathBuf> = Vec::new();
        for path in &self.paths {
            let path = surroundings.directory.join(path);
            let folder = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
            folders.extend(folder.map(Path::to_owned));
        }
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if name.starts_with('.') || name == "target" || name == "node_modules" {
                    continue;
                } else if is_folder {
                    folders.push(entry.path());
                } else if [".rhai", ".json", ".env", ".txt"].iter().any(|end| name.ends_with(end)) {
                    watched.note(entry.path());
                    count += 1;
                }
            }
        }
        (watched, count)
    }

    fn run_once(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let terminal = surroundings.terminal;
        let cases = self.cases(surroundings)?;
        if self.list {
            let list: String =
                cases.iter().map(|case| format!("{}: {}\n", case.file, case.name)).collect();
            terminal.out(list.as_bytes()).map_err(Failure::output)?;
            return Ok(Exit::Success);
        }
        let plan = self.plan(surroundings)?;
        let is_human = !self.json && !self.tap;
        let begun = Instant::now();
        let mut file = String::new();
        let done = run::all(&plan, &cases, |one| {
            let mut text = String::new();
            if one.case.file != file {
                file.clone_from(&one.case.file);
                text.push_str(&format!("{file}\n"));
            }
            text.push_str(&report::line(one, &terminal));
            if is_human {
                drop(terminal.out(text.as_bytes()));
            }
        })?;
        let seconds = begun.elapsed().as_secs_f64();
        if self.update {
            keep_snapshots(&done)?;
        }
        let coverage = plan.covers.then(|| covered(&done, surroundings));
        let left = cases.len() - done.len();
        let text = if self.json {
            report::to_json(&done, left, seconds * 1000.0, coverage.as_ref())
        } else if self.tap {
            report::tap(&done)
        } else {
            human(&done, left, seconds, coverage.as_ref().filter(|_| self.coverage), &terminal)
        };
        terminal.out(text.as_bytes()).map_err(Failure::output)?;
        let write = |path: &Option<PathBuf>, text: &dyn Fn() -> String| match path {
            None => Ok(()),
            Some(path) => fs::write(surroundings.directory.join(path), text()).map_err(|error| {
                Failure::usage(format!("cannot write `{}`: {error}", path.display()))
            }),
        };
        write(&self.lcov, &|| coverage.as_ref().map(Coverage::lcov).unwrap_or_default())?;
        write(&self.junit, &|| report::junit(&done, seconds))?;
        Ok(match done.iter().all(Done::has_passed) {
            true => Exit::Success,
            false => Exit::FunctionFailed,
        })
    }

    fn cases(&self, surroundings: &Surroundings) -> Result<Vec<Case>, Failure> {
        let mut cases = Vec::new();
        for path in &self.paths {
            cases.extend(cases::find(path, &surroundings.directory)?);
        }
        let all = cases.len();
        if let Some(text) = &self.filter {
            cases.retain(|case| case.name.contains(text) || case.file.contains(text));
        }
        if !cases.is_empty() {
            return Ok(cases);
        }
        Err(Failure::usage(match (&self.filter, all) {
            (Some(text), 1..) => format!("none of {all} tests has `{text}` in its file or name"),
            _ => {
                let paths: Vec<_> =
                    self.paths.iter().map(|path| path.display().to_string()).collect();
                format!(
                    "no tests in {}; a test is a function `test_…()` in a file NAME.test.rhai, or \
                     NAME.event.json with NAME.response.json beside NAME.rhai",
                    paths.join(", ")
                )
            }
        }))
    }

    fn plan(&self, surroundings: &Surroundings) -> Result<Plan, Failure> {
        let mut variables = match &self.env_file {
            Some(file) => settings::env_file(&surroundings.directory.join(file), file)?,
            None => Vec::new(),
        };
        variables.extend(settings::given(&self.variables, surroundings)?);
        let processors = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Plan {
            executable: surroundings.own_executable()?,
            jobs: self.jobs.map_or_else(processors, NonZeroUsize::get),
            timeout: self.timeout,
            memory_mb: self.memory,
            variables,
            include: self.include.clone(),
            updates: self.update,
            covers: self.coverage || self.lcov.is_some(),
            fails_fast: self.fail_fast,
        })
    }
}

fn work() -> Result<Exit, Failure> {
    let mut text = Vec::new();
    let read = std::io::stdin().read_to_end(&mut text);
    read.map_err(|error| Failure::broken(format!("no job to work on: {error}")))?;
    let job: Job = serde_json::from_slice(&text)
        .map_err(|error| Failure::usage(format!("this is no job to work on: {error}")))?;
    worker::work(job).map_err(|error| Failure::broken(format!("the verdict is lost: {error}")))?;
    Ok(Exit::Success)
}

fn human(
    done: &[Done],
    left: usize,
    seconds: f64,
    coverage: Option<&Coverage>,
    terminal: &Terminal,
) -> String {
    let mut text: String = done.iter().map(|one| report::failure(one, terminal)).collect();
    if let Some(coverage) = coverage {
        text.push_str(&report::coverage(coverage));
    }
    text.push_str(&report::summary(done, left, seconds, terminal));
    text
}

fn covered(done: &[Done], surroundings: &Surroundings) -> Coverage {
    let mut all = Coverage::default();
    for one in done {
        let folder = &one.case.folder;
        let folder = folder.strip_prefix(&surroundings.directory).unwrap_or(folder);
        let folder = folder.to_string_lossy();
        all.add(folder.trim_end_matches("/."), one.verdict.coverage.clone());
    }
    all
}

/// Writes the snapshots that are new or other.
fn keep_snapshots(done: &[Done]) -> Result<(), Failure> {
    let mut files: BTreeMap<PathBuf, Snapshots> = BTreeMap::new();
    for one in done.iter().filter(|one| !one.verdict.snapshots.is_empty()) {
        let path = run::snapshot_file(&one.case);
        let known = match files.remove(&path) {
            Some(known) => known,
            None => run::snapshots(&one.case)?,
        };
        let new = one.verdict.snapshots.clone();
        files.insert(path, known.into_iter().chain(new).collect());
    }
    for (path, snapshots) in files {
        let text = serde_json::to_string_pretty(&snapshots).unwrap_or_default();
        fs::write(&path, text + "\n").map_err(|error| {
            Failure::broken(format!("cannot write `{}`: {error}", path.display()))
        })?;
    }
    Ok(())
}
