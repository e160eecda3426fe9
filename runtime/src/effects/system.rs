//! The effects for real: the system's clock, randomness, environment, files and network.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::client::Client;
use super::together::Together;
use super::{Answered, Effects, Failure, FileInfo, OutOfReach, Pending, Request, Response};
use crate::{aws, memory};

/// The real world.
#[derive(Debug, Default)]
pub struct System {
    client: Client,
    together: Together,
    credentials: aws::Keeper,
}

impl System {
    /// The real world without these addresses.
    #[must_use]
    pub fn without(out_of_reach: Arc<OutOfReach>) -> Self {
        let together = Together::without(out_of_reach.clone());
        Self { client: Client::without(out_of_reach), together, ..Self::default() }
    }
}

/// Opening must neither wait for the other end of a pipe nor follow a link that was just made.
const CAREFULLY: i32 = libc::O_NONBLOCK | libc::O_NOFOLLOW;

fn only_files(file: fs::File) -> io::Result<fs::File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a file")),
    }
}

impl Effects for System {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, length: Duration) {
        std::thread::sleep(length);
    }

    fn random(&self, bytes: &mut [u8]) {
        // Linux has had the call for longer than Lambda exists; its source cannot fail once filled.
        getrandom::fill(bytes).expect("the system gives random bytes");
    }

    fn variable(&self, name: &str) -> Option<String> {
        let is_name = !name.is_empty() && !name.contains(['=', '\0']);
        let value = is_name.then(|| std::env::var_os(name)).flatten()?;
        Some(value.to_string_lossy().into_owned())
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let file = OpenOptions::new().read(true).custom_flags(CAREFULLY).open(path)?;
        Ok(Box::new(only_files(file)?))
    }

    fn write(&self, path: &Path, append: bool) -> io::Result<Box<dyn Write>> {
        let mut options = OpenOptions::new();
        options.create(true).append(append).write(true).truncate(!append);
        Ok(Box::new(only_files(options.custom_flags(CAREFULLY).open(path)?)?))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(path)?
            // A script that made more names than it can hold is stopped by them anyway.
            .take_while(|_| !memory::is_exceeded())
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match path.symlink_metadata()?.is_dir() {
            true => fs::remove_dir(path),
            false => fs::remove_file(path),
        }
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        let metadata = fs::metadata(path)?;
        Ok(FileInfo { size: metadata.len(), is_folder: metadata.is_dir() })
    }

    fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        let Some(call) = request.aws.as_ref().filter(|call| !call.is_anonymous) else {
            return self.client.exchange(request);
        };
        let mut signed = request.clone();
        let credentials = self.credentials.credentials()?;
        aws::sign(&mut signed, &call.scope, &credentials, self.credentials.now());
        let answer = self.client.exchange(&signed)?;
        if answer.status >= 400 {
            self.credentials.heed_date(&answer);
        }
        Ok(answer)
    }

    fn presign(&self, request: &Request, good_for: Duration) -> Result<String, Failure> {
        let credentials = self.credentials.credentials()?;
        Ok(aws::presign(request, &credentials, self.credentials.now(), good_for))
    }

    fn renew_credentials(&self) {
        self.credentials.forget();
    }

    fn begin(&self, request: &Request) -> Box<dyn Pending> {
        match self.together.begin(request) {
            Some(begun) => Box::new(begun),
            // Without threads, one goes after the other.
            None => Box::new(Answered(Some(self.client.exchange(request)))),
        }
    }

    fn wait(&self, longest: Duration) {
        self.together.wait(longest);
    }
}
