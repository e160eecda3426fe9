//! The least that answers: one socket, a fixed answer to `hello`, the event's own bytes to `big`.

use std::io::{Read, Write};
use std::net::TcpStream;

fn main() -> std::io::Result<()> {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap_or_default();
    let echoes = std::env::var("_HANDLER").is_ok_and(|handler| handler.starts_with("big"));
    let mut stream = TcpStream::connect(&address)?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 2 << 20];
    loop {
        let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: l\r\n\r\n";
        stream.write_all(next.as_bytes())?;
        let (head, end) = read(&mut stream, &mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..head]);
        let id = text
            .lines()
            .find_map(|line| line.strip_prefix("Lambda-Runtime-Aws-Request-Id: "))
            .unwrap_or_default()
            .to_owned();
        let fixed = br#"{"message":"Hello, World!"}"#.as_slice();
        let body = if echoes { &buffer[head..end] } else { fixed };
        let mut answer = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: l\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        answer.extend_from_slice(body);
        stream.write_all(&answer)?;
        read(&mut stream, &mut buffer)?;
    }
}

/// Reads one answer; where its body begins, and where it ends.
fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<(usize, usize)> {
    let mut filled = 0;
    let mut end = usize::MAX;
    let mut head = 0;
    while filled < end {
        let count = stream.read(&mut buffer[filled..])?;
        if count == 0 {
            std::process::exit(0);
        }
        filled += count;
        if head == 0
            && let Some(at) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n")
        {
            head = at + 4;
            let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            end = head + length.and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
        }
    }
    Ok((head, end))
}
