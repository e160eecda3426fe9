//! Root directories with nothing in them but what the function needs.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::emulator::{Reply, installed, invoke, skip};
use crate::function::bootstrap;
use crate::process::{Process, own_address};

/// Where programs are looked for that change the root.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The words before a directory and a program that run the program with the directory as its root;
/// otherwise says on the terminal that the test is skipped, and why.
#[must_use]
pub fn chroot() -> Option<&'static [&'static str]> {
    const WAYS: [&[&str]; 2] = [&["chroot"], &["unshare", "--map-root-user", "chroot"]];
    let mut refusals = Vec::new();
    for way in WAYS {
        let tried = Command::new(way[0])
            .args(&way[1..])
            .args(["/", "/bin/true"])
            .env("PATH", PATH)
            .stdin(Stdio::null())
            .output();
        match tried {
            Ok(output) if output.status.success() => return Some(way),
            Ok(output) => refusals.push(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => refusals.push(format!("{}: {error}", way[0])),
        }
    }
    skip(&format!("no root directory of our own: {}", refusals.join("; ")));
    None
}

/// A root directory with nothing in it but what AWS unpacks there.
#[derive(Debug)]
pub struct Root {
    folder: tempfile::TempDir,
}

impl Root {
    /// Unpacks the layer and the function.
    ///
    /// # Errors
    /// When an archive cannot be read or unpacked.
    pub fn unpacked(layer: &Path, function: &Path) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (archive, target) in [(layer, "opt"), (function, "var/task")] {
            let target = folder.path().join(target);
            fs::create_dir_all(&target)?;
            zip::ZipArchive::new(File::open(archive)?)?.extract(target)?;
        }
        Ok(Self { folder })
    }

    /// `bootstrap` and a function of these files, all of which any user may read.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn of_files(files: &[(&str, &str)]) -> io::Result<Self> {
        let everyone = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o755));
        let folder = tempfile::tempdir()?;
        let root = folder.path();
        for part in ["", "opt", "var", "var/task"] {
            fs::create_dir_all(root.join(part))?;
            everyone(&root.join(part))?;
        }
        fs::copy(bootstrap(), root.join("opt/bootstrap"))?;
        everyone(&root.join("opt/bootstrap"))?;
        for (path, text) in files {
            let path = root.join("var/task").join(path);
            fs::write(&path, text)?;
            everyone(&path)?;
        }
        Ok(Self { folder })
    }

    /// Serves the events as [`serve`](Self::serve), in the mode for several invocations at a time, of
    /// which `bootstrap` takes one: there, AWS's emulator reads the trailers of streams.
    #[must_use]
    pub fn serve_concurrently(&self, handler: &str, events: &[&str]) -> Option<Vec<Reply>> {
        if chroot()? != ["chroot"] {
            skip("only root may start AWS's emulator in its concurrent mode");
            return None;
        }
        self.serve_with(&[("AWS_LAMBDA_MAX_CONCURRENCY", "1")], handler, events)
    }

    /// A file below the root.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Serves the events under AWS's emulator with this as its root; `None`, and a reason on the
    /// terminal, where that cannot be done.
    #[must_use]
    pub fn serve(&self, handler: &str, events: &[&str]) -> Option<Vec<Reply>> {
        self.serve_with(&[], handler, events)
    }

    fn serve_with(
        &self,
        variables: &[(&str, &str)],
        handler: &str,
        events: &[&str],
    ) -> Option<Vec<Reply>> {
        let rie = installed("aws-lambda-rie")?;
        let chroot = chroot()?;
        // The emulator itself needs these two; `bootstrap` needs neither.
        fs::create_dir_all(self.path("dev")).expect("a folder in the temporary folder");
        File::create(self.path("dev/null")).expect("a file in the temporary folder");
        fs::copy(rie, self.path("rie")).expect("a copy of the emulator");
        let logs = tempfile::tempdir().expect("a temporary folder");
        let (invoke_api, runtime_api) = (own_address(8080), own_address(9001));
        let mut process = Process::start(
            Command::new(chroot[0])
                .args(&chroot[1..])
                .arg(self.folder.path())
                // Without further arguments it finds `bootstrap` as Lambda does.
                .arg("/rie")
                .args(["--runtime-interface-emulator-address", &invoke_api.to_string()])
                .args(["--runtime-api-address", &runtime_api.to_string()])
                .env_clear()
                .env("PATH", PATH)
                .env("_HANDLER", handler)
                .env("AWS_LAMBDA_FUNCTION_NAME", "greeter")
                .envs(variables.iter().copied()),
            &logs.path().join("log"),
        )
        .expect("chroot starts");
        let replies =
            events.iter().map(|event| invoke(invoke_api, "function", event, &mut process));
        Some(replies.collect())
    }
}
