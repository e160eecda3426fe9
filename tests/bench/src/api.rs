//! The Runtime API, as small as it can be: one listener, one invocation at a time.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longer than anything measured here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a silent process is looked after, ms.
const LOOK_AFTER: i32 = 100;

/// The API for one runtime, on a port of its own.
pub struct Api {
    listener: TcpListener,
    connections: Vec<Connection>,
    served: u64,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

struct Request {
    connection: usize,
    is_next: bool,
    path: String,
    body: Vec<u8>,
}

impl Api {
    /// Listens.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Self { listener, connections: Vec::new(), served: 0 })
    }

    /// `host:port`.
    pub fn address(&self) -> io::Result<String> {
        Ok(self.listener.local_addr()?.to_string())
    }

    /// Waits for the runtime to ask for work; the connection it asks on.
    pub fn wait_for_next(&mut self, child: &mut Child) -> io::Result<usize> {
        let request = self.request(child)?;
        if request.is_next {
            return Ok(request.connection);
        }
        let said = String::from_utf8_lossy(&request.body);
        Err(io::Error::other(format!("{}: {said}", request.path)))
    }

    /// Hands the event out on a connection that asked for it, and waits for the response and for the
    /// next question: the response, how long it took, and the connection of that question.
    pub fn invoke(
        &mut self,
        child: &mut Child,
        connection: usize,
        event: &[u8],
    ) -> io::Result<(Vec<u8>, Duration, usize)> {
        self.served += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut message = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
             Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-{:012}\r\n\
             Lambda-Runtime-Deadline-Ms: {}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:bench\r\n\
             Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\
             Content-Length: {}\r\n\r\n",
            self.served,
            (now + PATIENCE).as_millis(),
            event.len()
        )
        .into_bytes();
        message.extend_from_slice(event);
        let begun = Instant::now();
        self.connections[connection].stream.write_all(&message)?;
        let response = self.request(child)?;
        let took = begun.elapsed();
        if response.is_next || !response.path.ends_with("/response") {
            let said = String::from_utf8_lossy(&response.body);
            return Err(io::Error::other(format!("{}: {said}", response.path)));
        }
        let accepted = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n\
                        Content-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
        self.connections[response.connection].stream.write_all(accepted.as_bytes())?;
        let next = self.wait_for_next(child)?;
        Ok((response.body, took, next))
    }

    /// The next request on any connection.
    fn request(&mut self, child: &mut Child) -> io::Result<Request> {
        let begun = Instant::now();
        loop {
            for (index, connection) in self.connections.iter_mut().enumerate() {
                if let Some(request) = connection.parsed() {
                    return Ok(Request { connection: index, ..request });
                }
            }
            if !self.wait()? {
                if let Some(status) = child.try_wait()? {
                    return Err(io::Error::other(format!("it ended: {status}")));
                }
                if begun.elapsed() > PATIENCE {
                    return Err(io::Error::other("it says nothing"));
                }
            }
        }
    }

    /// Waits a while, and takes what there is then: a connection, or a part of a request.
    fn wait(&mut self) -> io::Result<bool> {
        let sockets = self.connections.iter().map(|connection| connection.stream.as_raw_fd());
        let mut polled: Vec<libc::pollfd> = sockets
            .chain([self.listener.as_raw_fd()])
            .map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 })
            .collect();
        // SAFETY: the pointer and the count are those of the vector.
        let ready = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as u64, LOOK_AFTER) };
        if ready < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut polled = polled.iter();
        self.connections.retain_mut(|connection| {
            let is_ready = polled.next().is_some_and(|polled| polled.revents != 0);
            !is_ready || connection.read().is_ok()
        });
        if polled.next().is_some_and(|listener| listener.revents != 0) {
            let (stream, _) = self.listener.accept()?;
            stream.set_nodelay(true)?;
            self.connections.push(Connection { stream, buffer: Vec::new() });
        }
        Ok(ready > 0)
    }
}

impl Connection {
    /// Takes what has come.
    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; 64 << 10];
        match self.stream.read(&mut chunk)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.buffer.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }

    fn parsed(&mut self) -> Option<Request> {
        let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let field = |name: &str| {
            head.lines().find_map(|line| {
                let (field, value) = line.split_once(':')?;
                field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let (body, end) = match field("transfer-encoding") {
            Some(_) => unchunked(&self.buffer, end)?,
            None => {
                let length = field("content-length").and_then(|length| length.parse().ok());
                let stop = end + length.unwrap_or(0);
                (self.buffer.get(end..stop)?.to_vec(), stop)
            }
        };
        self.buffer.drain(..end);
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let is_next = head.starts_with("GET ") && path.ends_with("/invocation/next");
        Some(Request { connection: 0, is_next, path, body })
    }
}

/// The body in chunks that begins at `at`, and where it ends; nothing if it has not ended yet.
fn unchunked(buffer: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    loop {
        let line = buffer.get(at..)?.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&buffer[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at += line + 2;
        body.extend_from_slice(buffer.get(at..at + size)?);
        at += size + 2;
        if size == 0 {
            return (buffer.len() >= at).then_some((body, at));
        }
    }
}
