//! The Runtime API, as small as it can be: one listener, one invocation at a time.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longer than anything measured here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime's side of the API, on a port of its own.
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
        listener.set_nonblocking(true)?;
        Ok(Self { listener, connections: Vec::new(), served: 0 })
    }

    /// `host:port`.
    pub fn address(&self) -> io::Result<String> {
        Ok(self.listener.local_addr()?.to_string())
    }

    /// Waits for the runtime to ask for work; the connection it asks on.
    pub fn wait_for_next(&mut self) -> io::Result<usize> {
        let request = self.request()?;
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
        let response = self.request()?;
        let took = begun.elapsed();
        if response.is_next || !response.path.ends_with("/response") {
            let said = String::from_utf8_lossy(&response.body);
            return Err(io::Error::other(format!("{}: {said}", response.path)));
        }
        let accepted = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n\
                        Content-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
        self.connections[response.connection].stream.write_all(accepted.as_bytes())?;
        let next = self.wait_for_next()?;
        Ok((response.body, took, next))
    }

    /// The next request on any connection.
    fn request(&mut self) -> io::Result<Request> {
        let begun = Instant::now();
        loop {
            // A single connection that is open already can simply be waited for.
            self.accept()?;
            let alone = self.connections.len() == 1;
            let mut gone = None;
            for index in 0..self.connections.len() {
                let connection = &mut self.connections[index];
                match connection.read(alone) {
                    Ok(Some(mut request)) => {
                        request.connection = index;
                        return Ok(request);
                    }
                    Ok(None) => {}
                    Err(_) => gone = Some(index),
                }
            }
            if let Some(index) = gone {
                self.connections.remove(index);
            }
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::other("the runtime says nothing"));
            }
            if self.connections.is_empty() {
                std::thread::sleep(Duration::from_micros(20));
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        match self.listener.accept() {
            Ok((stream, _)) => {
                stream.set_nodelay(true)?;
                self.connections.push(Connection { stream, buffer: Vec::new() });
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Connection {
    /// A whole request, if one comes; with others to be looked after, only a moment is waited.
    fn read(&mut self, is_alone: bool) -> io::Result<Option<Request>> {
        let wait = if is_alone { Duration::from_millis(5) } else { Duration::from_micros(50) };
        self.stream.set_read_timeout(Some(wait))?;
        let mut chunk = [0; 64 << 10];
        loop {
            if let Some(request) = self.parsed() {
                return Ok(Some(request));
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error),
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
