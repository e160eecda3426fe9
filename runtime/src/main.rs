//! The `bootstrap` process.
fn main() {}
