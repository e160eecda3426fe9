//! HTTP/1.1 messages on a raw stream: just enough for a server and a client that may misbehave.

use std::io::{self, BufRead, Read};

const MAX_HEADERS: usize = 128;

/// A header's lower-case name and its bytes.
pub type Header = (String, Vec<u8>);

/// What stands before a body.
#[derive(Debug)]
pub struct Head {
    /// The method of a request; empty for a response.
    pub method: String,
    /// The target of a request; empty for a response.
    pub path: String,
    /// The status of a response; zero for a request.
    pub status: u16,
    /// The headers, in their order.
    pub headers: Vec<Header>,
}

impl Head {
    /// The first value of a header, lossily as text.
    pub fn get(&self, name: &str) -> Option<String> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }
}

/// Reads up to the empty line; `None` when the peer closed before the first byte.
pub fn read_request_head(stream: &mut impl BufRead) -> io::Result<Option<Head>> {
    let Some(bytes) = read_head(stream)? else { return Ok(None) };
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(&bytes).map_err(io::Error::other)?;
    Ok(Some(Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: request.path.unwrap_or_default().to_owned(),
        status: 0,
        headers: owned(request.headers),
    }))
}

/// Reads a whole response, skipping interim ones.
pub fn read_response(stream: &mut impl BufRead) -> io::Result<(Head, Vec<u8>)> {
    let bytes = read_head(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(&bytes).map_err(io::Error::other)?;
    let head = Head {
        method: String::new(),
        path: String::new(),
        status: response.code.unwrap_or_default(),
        headers: owned(response.headers),
    };
    let has_body = !matches!(head.status, 204 | 304);
    let body = if has_body { read_body(stream, &head)? } else { Vec::new() };
    Ok((head, body))
}

fn owned(headers: &[httparse::Header]) -> Vec<Header> {
    headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec())).collect()
}

fn read_head(stream: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_until(b'\n', &mut bytes)? == 0 {
            return if bytes.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
        if bytes.ends_with(b"\r\n\r\n") {
            return Ok(Some(bytes));
        }
    }
}

/// Reads a body by its length, its chunks, or up to the end of the stream of a response.
pub fn read_body(stream: &mut impl BufRead, head: &Head) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if head.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        read_chunks(stream, &mut |data| body.extend_from_slice(data))?;
        return Ok(body);
    }
    if let Some(length) = head.get("content-length") {
        body.resize(length.parse().map_err(io::Error::other)?, 0);
        stream.read_exact(&mut body)?;
    } else if head.status != 0 {
        stream.read_to_end(&mut body)?;
    }
    Ok(body)
}

/// Reads a body in chunks, and the trailers after it.
pub fn read_chunks(stream: &mut impl BufRead, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let length = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(io::Error::other)?;
        if length == 0 {
            break;
        }
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk)?;
        take(&chunk[..length]);
    }
    let mut line = String::from("a trailer");
    while !line.trim_end().is_empty() {
        line.clear();
        stream.read_line(&mut line)?;
    }
    Ok(())
}

/// A stream that remembers what was read from it.
pub struct Tee<'a, S> {
    stream: &'a mut S,
    /// Every byte that was read.
    pub seen: Vec<u8>,
}

impl<'a, S: BufRead> Tee<'a, S> {
    /// One that has read nothing.
    pub fn new(stream: &'a mut S) -> Self {
        Self { stream, seen: Vec::new() }
    }
}

impl<S: BufRead> Read for Tee<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.stream.read(buffer)?;
        self.seen.extend_from_slice(&buffer[..amount]);
        Ok(amount)
    }
}

impl<S: BufRead> BufRead for Tee<'_, S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.stream.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed is at hand, so that this neither reads nor fails.
        if let Ok(buffer) = self.stream.fill_buf() {
            self.seen.extend_from_slice(&buffer[..amount.min(buffer.len())]);
        }
        self.stream.consume(amount);
    }
}
