//! Processes that end with the test that started them, and addresses that are theirs alone.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process may take until it listens.
const DEADLINE: Duration = Duration::from_secs(60);

/// A process that ends with its owner, and with it whatever it has started.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command that writes both its outputs to a file.
    pub fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let file = File::create(log)?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        Ok(Self { child, log: log.into() })
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Connects as soon as it listens.
    ///
    /// # Panics
    /// When it ends before that, or takes too long, with what it has written.
    pub fn connect(&mut self, address: SocketAddr) -> TcpStream {
        let begun = Instant::now();
        loop {
            match TcpStream::connect(address) {
                Ok(stream) => return stream,
                Err(error) => {
                    let gone = self.child.try_wait().ok().flatten();
                    assert!(
                        gone.is_none() && begun.elapsed() < DEADLINE,
                        "nobody listens at {address}: {error}; {gone:?}\n{}",
                        self.log()
                    );
                    // It does not say when it is ready.
                    thread::park_timeout(Duration::from_millis(10));
                }
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What it started would be handed to init, and could not be found any more.
        let started = descendants(self.child.id());
        self.child.kill().ok();
        self.child.wait().ok();
        for pid in started {
            kill(pid);
        }
    }
}

/// The processes that a process has started, and those they have.
pub fn descendants(ancestor: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name before it may hold anything, also spaces and parentheses.
            let (_, after_name) = stat.rsplit_once(") ")?;
            Some((pid, after_name.split(' ').nth(1)?.parse().ok()?))
        })
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

pub(crate) fn kill(pid: u32) {
    if let Ok(pid) = libc::pid_t::try_from(pid) {
        // SAFETY: the call takes two numbers and touches no memory of ours.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
}

/// A loopback address that no other test uses, so that even fixed ports cannot collide.
pub fn own_address(port: u16) -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let own = 64 + COUNT.fetch_add(1, Ordering::Relaxed) % 128;
    (Ipv4Addr::new(127, own, high, low), port).into()
}
