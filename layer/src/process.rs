//! A child process that never outlives us: its own group, its output line by line, and its end
//! awaited with what it used.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Which of its two outputs a process wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of output, without its line end; bytes that are not UTF-8 replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Where it was written.
    pub stream: Stream,
    /// What was written.
    pub text: String,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// `exit status 1` or `signal: 9`, in Lambda's words.
    pub status: String,
    /// The most memory it held at one time, in bytes. It includes what was resident between fork
    /// and exec, so for a small program it may be too large.
    pub max_memory: u64,
}

/// A running child process. Dropping it kills it and all of its group.
#[derive(Debug)]
pub(crate) struct Process {
    state: Arc<Mutex<State>>,
    supervisor: Option<JoinHandle<()>>,
    readers: Receiver<()>,
    outputs: Vec<Arc<Output>>,
}

#[derive(Debug)]
enum State {
    Running(libc::pid_t),
    Ended(Exit),
}

type Started = (Arc<Mutex<State>>, Vec<Arc<Output>>);
pub(crate) type OnLine = Arc<dyn Fn(LogLine) + Send + Sync>;

impl Process {
    /// Starts the command with no standard input. `on_line` is called from two threads, one for
    /// each output; `on_exit` once, after the process has ended.
    pub(crate) fn spawn(
        command: Command,
        on_line: OnLine,
        on_exit: impl FnOnce(&Exit) + Send + 'static,
    ) -> io::Result<Process> {
        let (started, start) = mpsc::channel::<io::Result<Started>>();
        let (reader_done, readers) = mpsc::channel();
        // The thread that starts the process also awaits its end, because Linux sends the signal
        // for the parent's death when that thread ends, not the whole parent.
        let supervisor = thread::Builder::new().name("bootstrap".to_owned()).spawn(move || {
            supervise(command, &on_line, reader_done, &started, on_exit);
        })?;
        let (state, outputs) =
            start.recv().map_err(|_| io::Error::other("the supervisor died"))??;
        Ok(Process { state, supervisor: Some(supervisor), readers, outputs })
    }

    /// The most memory the running process has held since its start, in bytes; after its end, what
    /// the system recorded.
    pub(crate) fn max_memory(&self) -> u64 {
        match &*locked(&self.state) {
            State::Running(pid) => peak_of(*pid).unwrap_or(0),
            State::Ended(exit) => exit.max_memory,
        }
    }

    /// Waits until what the process has written so far has been handed on, for at most so long.
    pub(crate) fn hand_on_lines(&self, patience: Duration) {
        let until = Instant::now() + patience;
        for output in &self.outputs {
            output.wait_until_handed_on(until);
        }
    }

    /// Kills the process with its group, and returns once it is gone and its output read.
    pub(crate) fn stop(&mut self) {
        if let State::Running(pid) = *locked(&self.state) {
            kill_group(pid);
        }
        if let Some(supervisor) = self.supervisor.take() {
            drop(supervisor.join());
            // Ends when both readers have dropped their ends. A process that left the group may
            // keep an output open; it must not keep us.
            let read_to_the_end = self.readers.recv_timeout(Duration::from_secs(2));
            debug_assert_ne!(read_to_the_end, Ok(()));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn supervise(
    mut command: Command,
    on_line: &OnLine,
    reader_done: Sender<()>,
    started: &Sender<io::Result<Started>>,
    on_exit: impl FnOnce(&Exit),
) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    if let Some(limit) = DESCRIPTORS.get().copied() {
        // SAFETY: the closure runs between fork and exec and makes one system call, which is allowed
        // there, with a value of its own.
        unsafe {
            command.pre_exec(move || {
                libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
                Ok(())
            });
        }
    }
    #[cfg(target_os = "linux")]
    let parent = libc::pid_t::try_from(std::process::id()).unwrap_or(0);
    #[cfg(target_os = "linux")]
    // SAFETY: the closure runs between fork and exec and makes only system calls, which are
    // allowed there; it touches no memory of the parent.
    unsafe {
        command.pre_exec(move || {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // A parent that died before the call sends no signal any more.
            if libc::getppid() != parent {
                libc::_exit(1);
            }
            Ok(())
        });
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            // Whoever asked for the process is waiting for this.
            drop(started.send(Err(error)));
            return;
        }
    };
    let pid = libc::pid_t::try_from(child.id()).unwrap_or(libc::pid_t::MAX);
    GROUPS.add(pid);
    let mut outputs = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        outputs.push(relay(stdout, Stream::Stdout, on_line, &reader_done));
    }
    if let Some(stderr) = child.stderr.take() {
        outputs.push(relay(stderr, Stream::Stderr, on_line, &reader_done));
    }
    let state = Arc::new(Mutex::new(State::Running(pid)));
    drop(started.send(Ok((Arc::clone(&state), outputs))));

    wait_without_reaping(pid);
    let exit = {
        // While the process is not reaped its number cannot be given to another one, so nobody
        // else is killed here or in `stop`.
        let mut state = locked(&state);
        kill_group(pid);
        GROUPS.remove(pid);
        let exit = reap(pid);
        *state = State::Ended(exit.clone());
        exit
    };
    on_exit(&exit);
}

/// One of the outputs, for those who want to know whether it has been read so far.
#[derive(Debug)]
struct Output {
    /// The pipe's reading end once more, to ask how much is in it, unless descriptors are short.
    pipe: Option<OwnedFd>,
    /// The reader has taken bytes whose lines it has not handed on yet.
    is_busy: Mutex<bool>,
    idle: Condvar,
}

impl Output {
    fn set_busy(&self, is_busy: bool) {
        *locked(&self.is_busy) = is_busy;
        if !is_busy {
            self.idle.notify_all();
        }
    }

    fn wait_until_handed_on(&self, until: Instant) {
        let mut is_busy = locked(&self.is_busy);
        // The reader says that it is busy before it takes bytes out of the pipe, so an empty pipe
        // and an idle reader mean that nothing is on its way.
        while *is_busy || self.pipe.as_ref().is_some_and(|pipe| unread(pipe.as_fd()) > 0) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.idle.wait_timeout(is_busy, left);
            is_busy = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Hands on an output's lines from a thread of its own.
fn relay(
    mut pipe: impl Read + AsFd + Send + 'static,
    stream: Stream,
    on_line: &OnLine,
    done: &Sender<()>,
) -> Arc<Output> {
    let again = pipe.as_fd().try_clone_to_owned().ok();
    let output = Arc::new(Output { pipe: again, is_busy: Mutex::new(false), idle: Condvar::new() });
    let (on_line, done) = (Arc::clone(on_line), done.clone());
    let reader = Arc::clone(&output);
    thread::spawn(move || {
        let mut unfinished = Vec::new();
        let mut buffer = [0; 16 * 1024];
        let hand_on = |line: &[u8]| {
            on_line(LogLine { stream, text: String::from_utf8_lossy(line).into_owned() });
        };
        loop {
            wait_for_bytes(pipe.as_fd());
            reader.set_busy(true);
            let read = pipe.read(&mut buffer);
            if read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
                continue;
            }
            let Some(length) = read.ok().filter(|length| *length > 0) else { break };
            let mut rest = &buffer[..length];
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                unfinished.extend_from_slice(&rest[..end]);
                hand_on(&unfinished);
                unfinished.clear();
                rest = &rest[end + 1..];
            }
            unfinished.extend_from_slice(rest);
            reader.set_busy(false);
        }
        if !unfinished.is_empty() {
            hand_on(&unfinished);
        }
        reader.set_busy(false);
        drop(done);
    });
    output
}

/// Returns when the pipe has bytes, or has ended.
fn wait_for_bytes(pipe: BorrowedFd) {
    let mut wanted = libc::pollfd { fd: pipe.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the pointer is to one `pollfd`, which outlives the call. Whatever `poll` says, the
    // read that follows waits if there is nothing yet.
    unsafe { libc::poll(&raw mut wanted, 1, -1) };
}

/// How many bytes are in a pipe.
fn unread(pipe: BorrowedFd) -> libc::c_int {
    let mut count: libc::c_int = 0;
    // SAFETY: the request writes one number to the place it is given.
    unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    count
}

fn wait_without_reaping(pid: libc::pid_t) {
    // SAFETY: all-zero bytes are a valid `siginfo_t`, which is plain data.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let id = libc::id_t::try_from(pid).unwrap_or(0);
    loop {
        let options = libc::WEXITED | libc::WNOWAIT;
        // SAFETY: `info` is a valid place for the answer during the call.
        let result = unsafe { libc::waitid(libc::P_PID, id, &raw mut info, options) };
        if result == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

fn reap(pid: libc::pid_t) -> Exit {
    let mut status = 0;
    // SAFETY: all-zero bytes are a valid `rusage`, which is plain numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid places for the answers during the call, and `pid` is a child
    // of ours that has not been reaped.
    unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    let status = ExitStatus::from_raw(status);
    let status = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal: {}", signal_name(signal)),
        (None, None) => status.to_string(),
    };
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Exit { status, max_memory: u64::try_from(usage.ru_maxrss).unwrap_or(0) * unit }
}

/// The words Go, and so Lambda, has for the usual signals.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGABRT => "aborted",
        libc::SIGBUS => "bus error",
        libc::SIGFPE => "floating point exception",
        libc::SIGILL => "illegal instruction",
        libc::SIGKILL => "killed",
        libc::SIGSEGV => "segmentation fault",
        libc::SIGTERM => "terminated",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// The `VmHWM` of a process in bytes, where the system has it.
fn peak_of(pid: libc::pid_t) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn kill_group(pid: libc::pid_t) {
    // SAFETY: `kill` takes two numbers and touches no memory. The number names a child of ours
    // that has not been reaped, and with it the group of which it is the leader.
    unsafe { libc::kill(-pid, libc::SIGKILL) };
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets this process have as many descriptors as the system lets it, for those with many children. The
/// children have as many as before: on Lambda they do not get more.
pub(crate) fn take_all_descriptors() {
    // SAFETY: all-zero bytes are a valid `rlimit`, which is plain numbers, and both calls get a value
    // that lives as long as they do.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            DESCRIPTORS.get_or_init(|| limit);
            limit.rlim_cur = limit.rlim_max;
            // Where that is refused, there are as many as before.
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// How many descriptors there were, and might have been.
static DESCRIPTORS: OnceLock<libc::rlimit> = OnceLock::new();

/// Lets Ctrl-C, SIGTERM and SIGHUP kill every running child's group before they end us. A terminal
/// sends Ctrl-C to our group only, and the children have groups of their own.
pub fn end_children_on_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: `end_on_signal` has the signature the system expects and calls nothing that is not
        // allowed in a signal handler.
        unsafe { libc::signal(signal, end_on_signal as extern "C" fn(libc::c_int) as usize) };
    }
}

/// Lets the same signals leave the terminal as it is now. Whoever edits lines changes it meanwhile.
pub(crate) fn restore_terminal_on_signals() {
    // SAFETY: all-zero bytes are a valid `termios`, which is plain data, and it is a valid place for
    // the answer during the call.
    let found = unsafe {
        let mut settings: libc::termios = std::mem::zeroed();
        (libc::tcgetattr(libc::STDIN_FILENO, &raw mut settings) == 0).then_some(settings)
    };
    if let Some(settings) = found {
        TERMINAL.get_or_init(|| settings);
    }
}

/// How the terminal was before lines were edited.
static TERMINAL: OnceLock<libc::termios> = OnceLock::new();

/// Ends bracketed paste, which line editors begin.
const END_OF_PASTING: &[u8] = b"\x1b[?2004l";

fn restore_terminal() {
    let Some(settings) = TERMINAL.get() else { return };
    // SAFETY: both calls are allowed in a signal handler, and read what lives as long as we do.
    unsafe {
        libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, settings);
        if libc::isatty(libc::STDOUT_FILENO) == 1 {
            libc::write(libc::STDOUT_FILENO, END_OF_PASTING.as_ptr().cast(), END_OF_PASTING.len());
        }
    }
}

/// Ends the children and this process. A signal handler may call it.
pub(crate) extern "C" fn end_on_signal(signal: libc::c_int) {
    restore_terminal();
    for slot in &GROUPS.0 {
        let pid = slot.load(Ordering::Relaxed);
        if pid > 1 {
            kill_group(pid);
        }
    }
    // SAFETY: both calls are allowed in a signal handler. With the default action back in place
    // the signal ends this process the way whoever sent it expects.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// The groups alive now, where a signal handler can read them.
static GROUPS: Groups = Groups([const { AtomicI32::new(0) }; 256]);

struct Groups([AtomicI32; 256]);

impl Groups {
    fn add(&self, pid: libc::pid_t) {
        self.replace(0, pid);
    }

    fn remove(&self, pid: libc::pid_t) {
        self.replace(pid, 0);
    }

    fn replace(&self, old: i32, new: i32) {
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        // With all places taken a child is still killed when it is dropped.
        self.0.iter().any(|slot| slot.compare_exchange(old, new, set, get).is_ok());
    }
}
