//! Everything a user of rhambda can see, through the real `bootstrap` process.

mod batch;
mod bounds;
mod cache;
mod callbacks;
mod collections;
mod crypto;
mod empty_root;
mod emulators;
mod env;
mod errors;
mod fs;
mod handler_contract;
mod handler_names;
mod http;
mod init;
mod invoke_loop;
mod json;
mod library;
mod logs;
mod lowered;
mod math;
mod metrics;
mod scripts;
mod tails;
mod tidy;
mod time;
