//! Where a response goes while the script still makes it.
//!
//! The library writes to a [`Sink`] and does not know that a connection to the Runtime API is behind
//! it; the connection does not know who writes.

use std::time::Instant;

/// The type of the error that a script catches when nobody reads its response any more.
pub const CLOSED: &str = "Stream.Closed";

/// A response that is sent as it is made. What is written is collected until it is worth sending.
pub trait Sink {
    /// Whether the response has begun: from then on it cannot become an error any more.
    fn has_begun(&self) -> bool;

    /// Sends what stands before the data, at once: `prelude` may be empty.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn begin(
        &mut self,
        content_type: &str,
        prelude: &[u8],
        until: Option<Instant>,
    ) -> Result<(), Broken>;

    /// Takes data of a response that has begun.
    ///
    /// # Errors
    /// A [`Broken`] when it had to be sent and was not.
    fn write(&mut self, data: &[u8], until: Option<Instant>) -> Result<(), Broken>;

    /// Sends what is collected.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn flush(&mut self, until: Option<Instant>) -> Result<(), Broken>;

    /// Whether somebody reads, as far as is known.
    fn is_open(&mut self) -> bool;
}

/// Why data was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Nobody reads any more.
    Closed,
    /// The reader did not take it in time.
    Late,
}
