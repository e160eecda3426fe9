//! Everything a user of rhambda can see, through the real `bootstrap` process.

mod bounds;
mod crypto;
mod empty_root;
mod emulators;
mod errors;
mod handler_contract;
mod handler_names;
mod init;
mod invoke_loop;
mod json;
mod logs;
mod scripts;
mod tidy;
