//! A Runtime API of one process, in one thread, that says whatever bytes it is told to.
//!
//! The process under test has one thread too, so that what it asks comes one after the other. A
//! request is told as soon as its head is there; how much of its body is read, what is said and what
//! becomes of the connection is up to the test, and so is what happens to the process meanwhile.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::function::bootstrap;
use crate::http::{self, Head, Tee};

/// How long a process may do nothing; far more than any of them needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much of the log is kept; then it begins anew.
const LONGEST_LOG: usize = 4 << 20;

/// Something that is done with a connection or to the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Does nothing for so long.
    Pause(Duration),
    /// Reads what is left of the request.
    ReadRest,
    /// Stops the process for so long, as Lambda freezes an environment.
    Freeze(Duration),
    /// Ends what is sent, and reads on.
    HalfClose,
    /// Closes the connection.
    Close,
    /// Resets the connection.
    Reset,
}

impl Act {
    /// What it sends.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Send(bytes) => bytes,
            _ => &[],
        }
    }
}

/// How much of a request's body is read before the first act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// All of it.
    All,
    /// At most so many bytes of what comes first.
    Some(usize),
    /// Nothing.
    Nothing,
}

/// A request whose head has come.
#[derive(Debug)]
pub struct Opened {
    /// Which of the process's connections it came by, from zero.
    pub connection: usize,
    /// Whether it is the first of its connection.
    pub is_first: bool,
    head: Head,
}

impl Opened {
    /// `GET` or `POST`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.head.method
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.head.path
    }

    /// The first value of a header, whose name is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.head.get(name)
    }
}

/// What was read of a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The data of the body.
    pub data: Vec<u8>,
    /// The body with its chunks and trailers.
    pub wire: Vec<u8>,
}

/// What the process did.
#[derive(Debug)]
pub enum Happening {
    /// It asked for something.
    Opened(Opened),
    /// It ended.
    Ended(ExitStatus),
    /// It did nothing for as long as it may.
    Silence,
}

/// The process and the connections it has.
#[derive(Debug)]
pub struct FaultyApi {
    listener: TcpListener,
    connections: BTreeMap<usize, Connection>,
    connected: usize,
    process: Child,
    output: UnixStream,
    log: Vec<u8>,
}

#[derive(Debug)]
struct Connection {
    reader: BufReader<TcpStream>,
    requests: usize,
}

impl FaultyApi {
    /// Starts `bootstrap` with `main.handler` of this task root.
    ///
    /// # Errors
    /// When a socket or the process cannot be had.
    pub fn start(task_root: &Path, environment: &[(&str, &str)]) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (output, theirs) = UnixStream::pair()?;
        let process = Command::new(bootstrap())
            .env_clear()
            .current_dir(task_root)
            .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("LAMBDA_TASK_ROOT", task_root)
            .env("RHAMBDA_LAYER_ROOT", task_root)
            .env("_HANDLER", "main.handler")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(OwnedFd::from(theirs.try_clone()?))
            .stderr(OwnedFd::from(theirs))
            .spawn()?;
        output.set_nonblocking(true)?;
        Ok(Self {
            listener,
            connections: BTreeMap::new(),
            connected: 0,
            process,
            output,
            log: Vec::new(),
        })
    }

    /// Waits for what the process does next.
    pub fn wait(&mut self) -> Happening {
        self.wait_for(PATIENCE)
    }

    /// Waits for so long.
    pub fn wait_for(&mut self, patience: Duration) -> Happening {
        let until = Instant::now() + patience;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let (has_output, has_connection, readable) = self.poll(left);
            let accepted = has_connection.then(|| self.listener.accept());
            if let Some(Ok((stream, _))) = accepted {
                stream.set_nodelay(true).ok();
                stream.set_read_timeout(Some(PATIENCE)).ok();
                stream.set_write_timeout(Some(PATIENCE)).ok();
                let reader = BufReader::with_capacity(64 << 10, stream);
                self.connections.insert(self.connected, Connection { reader, requests: 0 });
                self.connected += 1;
            }
            for index in readable {
                let Some(connection) = self.connections.get_mut(&index) else { continue };
                match http::read_request_head(&mut connection.reader) {
                    Ok(Some(head)) => {
                        connection.requests += 1;
                        let is_first = connection.requests == 1;
                        return Happening::Opened(Opened { connection: index, is_first, head });
                    }
                    Ok(None) | Err(_) => drop(self.connections.remove(&index)),
                }
            }
            if has_output && !has_connection && self.read_output() {
                return match self.process.wait() {
                    Ok(status) => Happening::Ended(status),
                    Err(_) => Happening::Silence,
                };
            }
        }
        Happening::Silence
    }

    /// Whether there is output, a new connection, and which connections can be read from.
    fn poll(&self, patience: Duration) -> (bool, bool, Vec<usize>) {
        let fds = [self.output.as_raw_fd(), self.listener.as_raw_fd()];
        let connections = self.connections.values().map(|one| one.reader.get_ref().as_raw_fd());
        let mut polled: Vec<libc::pollfd> = fds
            .into_iter()
            .chain(connections)
            .map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 })
            .collect();
        let timeout = libc::c_int::try_from(patience.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: the array lives through the call, which writes within its length.
        unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, timeout.max(1)) };
        let is_ready = |poll: &libc::pollfd| poll.revents != 0;
        let readable = self
            .connections
            .iter()
            .zip(&polled[2..])
            .filter(|((_, connection), poll)| {
                is_ready(poll) || !connection.reader.buffer().is_empty()
            })
            .map(|((index, _), _)| *index)
            .collect();
        (is_ready(&polled[0]), is_ready(&polled[1]), readable)
    }

    /// Takes what was logged; true at its end, which is that of the process.
    fn read_output(&mut self) -> bool {
        let mut part = [0; 4096];
        loop {
            match self.output.read(&mut part) {
                Ok(0) => return true,
                Ok(amount) => {
                    if self.log.len() > LONGEST_LOG {
                        self.log.clear();
                    }
                    self.log.extend_from_slice(&part[..amount]);
                }
                Err(error) => return error.kind() != ErrorKind::WouldBlock,
            }
        }
    }

    /// Reads as much of the request as is to be read, and acts. `None` instead of a body that was
    /// not read to its end.
    pub fn treat(&mut self, opened: &Opened, reading: Reading, acts: &[Act]) -> Option<Body> {
        let mut connection = self.connections.remove(&opened.connection)?;
        let mut body = None;
        let mut first = Vec::new();
        match reading {
            Reading::All => body = read_all(&[], &mut connection.reader, &opened.head),
            Reading::Some(most) => {
                let came = connection.reader.fill_buf().unwrap_or_default();
                first.extend_from_slice(&came[..most.min(came.len())]);
                connection.reader.consume(first.len());
            }
            Reading::Nothing => {}
        }
        for act in acts {
            // A peer that has gone meanwhile shows in what it does next.
            match act {
                Act::Send(bytes) => drop(connection.reader.get_mut().write_all(bytes)),
                Act::Pause(pause) => thread::sleep(*pause),
                Act::ReadRest => body = read_all(&first, &mut connection.reader, &opened.head),
                Act::Freeze(pause) => {
                    self.signal(libc::SIGSTOP);
                    thread::sleep(*pause);
                    self.signal(libc::SIGCONT);
                }
                Act::HalfClose => drop(connection.reader.get_ref().shutdown(Shutdown::Write)),
                Act::Close => return body,
                Act::Reset => {
                    let socket = SockRef::from(connection.reader.get_ref());
                    socket.set_linger(Some(Duration::ZERO)).ok();
                    return body;
                }
            }
        }
        self.connections.insert(opened.connection, connection);
        body
    }

    fn signal(&self, signal: libc::c_int) {
        if let Ok(pid) = libc::pid_t::try_from(self.process.id()) {
            // SAFETY: the call takes two numbers. The process is our child and has not been waited
            // for, so that the number is still its own.
            unsafe { libc::kill(pid, signal) };
        }
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What was logged so far, or lately where it is much.
    pub fn log(&mut self) -> String {
        self.read_output();
        String::from_utf8_lossy(&self.log).into_owned()
    }
}

impl Drop for FaultyApi {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Reads the body of which these bytes were read already.
fn read_all(first: &[u8], reader: &mut BufReader<TcpStream>, head: &Head) -> Option<Body> {
    let mut whole = first.chain(reader);
    let mut tee = Tee::new(&mut whole);
    let data = http::read_body(&mut tee, head).ok()?;
    Some(Body { data, wire: tee.seen })
}
