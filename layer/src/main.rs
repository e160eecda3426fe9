//! The `rhambda` process.
fn main() {}
