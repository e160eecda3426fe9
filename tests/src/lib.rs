//! The language the end-to-end tests are written in.
