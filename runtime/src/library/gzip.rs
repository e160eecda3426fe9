//! `gzip`: bytes made smaller and back (RFC 1952).

use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use rhai::plugin::*;
use rhai::{Blob, Dynamic, Engine};

use super::crypto::with_bytes;
use super::native::exported;
use super::{Part, malformed};
use crate::bounds::{Bounded, in_time, room_for};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["gzip"], register };

/// What comes out of the decompressor at a time.
const CHUNK: usize = 32 << 10;

/// About what the compressor takes for itself.
const COMPRESSOR: usize = 320 << 10;

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("gzip", "Gzip.Invalid", engine, vocabulary);
}

/// Bytes made smaller and back.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// A blob, or the UTF-8 of text, as gzip. The same bytes give the same gzip: there is no time in
    /// it.
    ///
    /// ```rhai
    /// gzip::compress(text::repeat("hello ", 1000)).len < 100; // => true
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn compress(data: &mut Dynamic) -> Bounded<Blob> {
        with_bytes("gzip::compress", "data", data, super::compress)
    }

    /// The bytes that were compressed; of several gzips one after the other, all of them.
    ///
    /// ```rhai
    /// gzip::decompress(gzip::compress("hello")).as_string(); // => "hello"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn decompress(bytes: &mut Blob) -> Bounded<Blob> {
        super::decompress(bytes)
    }
}

pub fn compress(bytes: &[u8]) -> Bounded<Blob> {
    // What cannot be made smaller grows by a few bytes for each block.
    let most = bytes.len().saturating_add(bytes.len() / 1000 + 64);
    room_for(most.saturating_add(COMPRESSOR), 1)?;
    let mut encoder = GzEncoder::new(Vec::with_capacity(most / 4), Compression::default());
    for part in bytes.chunks(CHUNK * 8) {
        in_time()?;
        encoder.write_all(part).map_err(|error| format!("cannot compress: {error}"))?;
    }
    encoder.finish().map_err(|error| format!("cannot compress: {error}").into())
}

pub(super) fn decompress(bytes: &[u8]) -> Bounded<Blob> {
    let mut decoder = MultiGzDecoder::new(bytes);
    let mut out = Blob::new();
    loop {
        in_time()?;
        let length = out.len();
        if out.capacity() < length + CHUNK {
            room_for(length + CHUNK, 2)?;
            out.reserve(CHUNK);
        }
        out.resize(length + CHUNK, 0);
        match decoder.read(&mut out[length..]) {
            Ok(0) => {
                out.truncate(length);
                return Ok(out);
            }
            Ok(read) => out.truncate(length + read),
            Err(error) => {
                return Err(malformed("Gzip.Malformed", explain(bytes, length, &error), []));
            }
        }
    }
}

fn explain(bytes: &[u8], done: usize, error: &std::io::Error) -> String {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return format!(
            "these {} bytes are not gzip: gzip starts with the bytes 1f 8b; text of base64 has to \
             be decoded first, by `base64::decode`",
            bytes.len()
        );
    }
    let reason = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "the end is missing".to_owned(),
        _ => error.to_string(),
    };
    format!("this gzip of {} bytes is damaged after {done} bytes of output: {reason}", bytes.len())
}

#[cfg(test)]
mod tests {
    use super::super::probe::{fails, gives, is_too_large};

    // What `printf hello | gzip -n` of GNU gzip 1.12 writes.
    const HELLO: &str = "1f8b0800000000000003cb48cdc9c9070086a6103605000000";

    #[test]
    fn what_another_gzip_wrote_is_read() {
        gives(&format!("gzip::decompress(hex::decode({HELLO:?})).as_string()"), "\"hello\"");
        let twice = HELLO.repeat(2);
        gives(&format!("gzip::decompress(hex::decode({twice:?})).as_string()"), "\"hellohello\"");
    }

    #[test]
    fn any_bytes_come_back() {
        let script = "let bytes = blob(); let n = 7;
            for i in 0..40000 { n = (n * 75 + 74) % 65537; bytes.push(n % 256) }
            const EMPTY = blob();
            [gzip::decompress(gzip::compress(bytes)) == bytes,
             gzip::decompress(gzip::compress(EMPTY)) == EMPTY,
             gzip::compress(bytes) == gzip::compress(bytes),
             gzip::decompress(gzip::compress(\"ü\")).as_string()]";
        gives(script, r#"[true, true, true, "ü"]"#);
    }

    #[test]
    fn what_is_not_gzip_is_refused_with_the_reason() {
        fails("gzip::decompress(\"hello\".to_blob())", "these 5 bytes are not gzip");
        fails("gzip::decompress(blob())", "these 0 bytes are not gzip");
        fails("gzip::decompress(hex::decode(\"1f8b\"))", "the end is missing");
        fails(
            "let b = gzip::compress(\"hello\"); b.truncate(b.len - 3); gzip::decompress(b)",
            "this gzip of 22 bytes is damaged after",
        );
        fails(
            "let b = gzip::compress(\"hello\"); b[b.len - 5] = b[b.len - 5] ^ 1; gzip::decompress(b)",
            "is damaged after",
        );
    }

    #[test]
    fn a_bomb_is_refused_before_it_goes_off() {
        // 20 MB of zeros in some 20 kB.
        let script = "let part = gzip::compress(blob(500000, 0)); let bomb = blob();
            for i in 0..40 { bomb += part } gzip::decompress(bomb)";
        is_too_large(script);
    }
}
