//! JSON bytes <-> `Dynamic`, with the number rules written down.
//!
//! What comes in goes out the same, or fails and says where:
//!
//! | JSON | in a script | back in JSON |
//! |---|---|---|
//! | whole number within 64 bits, signed | `i64` | the same |
//! | decimal whose value is the shortest form of a 64-bit float, `1.0`, `-0`, `1e3` | `f64` | the same value |
//! | any other decimal, `29.949999999999999` | the nearest `f64` | the same, to the letter, if it was only passed on |
//! | whole number beyond 64 bits, `18446744073709551615`, and `1e400` | [`BigInteger`] | the same, to the letter |
//! | string | string | the same text |
//! | object | map | keys in order of their bytes; of duplicates the last |
//! | array, `true`, `false`, `null` | array, bool, `()` | the same |
//!
//! A script's char goes out as a string of one character, a blob as base64, a `Time` as RFC 3339. A float that is not
//! finite, a function pointer, a timestamp, a range and any other native value are refused with
//! their path. Input is RFC 8259 to the letter, UTF-8 without a byte order mark, nested at most
//! [`MAX_DEPTH`] deep; an escape that is half of a surrogate pair is refused, since no string can
//! hold it.

mod number;
mod read;
mod write;

pub use number::{BigInteger, end_event, end_init};
pub use read::{ReadError, read, read_marked};
pub use write::{
    WriteError, cut, push_key, push_text, shown, to_value, write, write_pretty, write_within,
    write_worth,
};

/// How deeply arrays and maps may be nested, in both directions.
pub const MAX_DEPTH: usize = 512;
