//! Finds the runtime's executable.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::failure::Failure;
use crate::surroundings::Surroundings;

/// The two architectures of Lambda, by its own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// 64-bit Intel and AMD.
    X86_64,
    /// 64-bit ARM (Graviton).
    Arm64,
}

impl Arch {
    /// The architecture of this machine.
    pub fn of_this_machine() -> Arch {
        if cfg!(target_arch = "aarch64") { Arch::Arm64 } else { Arch::X86_64 }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Arch::X86_64 => "x86_64",
            Arch::Arm64 => "arm64",
        })
    }
}

impl FromStr for Arch {
    type Err = String;

    fn from_str(text: &str) -> Result<Arch, String> {
        match text {
            "x86_64" | "amd64" | "x86-64" => Ok(Arch::X86_64),
            "arm64" | "aarch64" => Ok(Arch::Arm64),
            _ => Err("Lambda has `x86_64` and `arm64`".to_owned()),
        }
    }
}

/// The executable that was asked for, or the first one found in the usual places.
pub fn find(
    asked_for: Option<&Path>,
    arch: Arch,
    surroundings: &Surroundings,
) -> Result<PathBuf, Failure> {
    let variable = (surroundings.variable)("RHAMBDA_BOOTSTRAP").filter(|path| !path.is_empty());
    let named = match (asked_for, &variable) {
        (Some(path), _) => Some((path, "--bootstrap")),
        (None, Some(path)) => Some((Path::new(path), "RHAMBDA_BOOTSTRAP")),
        (None, None) => None,
    };
    if let Some((path, name)) = named {
        // Collected from its parts, the path loses any `./`.
        let path: PathBuf = surroundings.directory.join(path).components().collect();
        if path.is_file() {
            return Ok(path);
        }
        let what = if path.is_dir() { "is a folder, not the executable" } else { "does not exist" };
        return Err(Failure::usage(format!("{name} `{}` {what}", path.display())));
    }
    let executable_folder = surroundings.executable.as_deref().and_then(Path::parent);
    let places = usual_places(arch, &surroundings.directory, executable_folder);
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return Ok(found.clone());
    }
    let beside = match executable_folder {
        Some(folder) => format!("beside rhambda, in {}", folder.display()),
        None => "beside rhambda".to_owned(),
    };
    Err(Failure::broken(format!(
        "no bootstrap for {arch} found; looked for\n  \
         bootstrap {beside}\n  \
         {} in {} and the folders above it and above rhambda\n  \
         /opt/bootstrap\n\
         build it with `make bootstrap ARCH={arch}`, or name it with --bootstrap PATH",
        built(arch),
        surroundings.directory.display(),
    )))
}

/// Where a build leaves the executable, seen from the top of the sources.
fn built(arch: Arch) -> String {
    format!("target/bootstrap/{arch}/bootstrap")
}

fn usual_places(arch: Arch, directory: &Path, executable_folder: Option<&Path>) -> Vec<PathBuf> {
    let above = |start: &Path| -> Vec<PathBuf> {
        start.ancestors().map(|folder| folder.join(built(arch))).collect()
    };
    let mut places = Vec::new();
    if let Some(folder) = executable_folder {
        // In a build of the sources, what Cargo left beside the tool is not the static one.
        places.extend(above(folder));
        places.push(folder.join("bootstrap"));
    }
    places.extend(above(directory));
    places.push(PathBuf::from("/opt/bootstrap"));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_built_with_the_tool_comes_first_and_opt_last() {
        let places = usual_places(Arch::Arm64, Path::new("/app"), Some(Path::new("/usr/bin")));
        let expected = [
            "/usr/bin/target/bootstrap/arm64/bootstrap",
            "/usr/target/bootstrap/arm64/bootstrap",
            "/target/bootstrap/arm64/bootstrap",
            "/usr/bin/bootstrap",
            "/app/target/bootstrap/arm64/bootstrap",
            "/target/bootstrap/arm64/bootstrap",
            "/opt/bootstrap",
        ];
        assert_eq!(places, expected.map(PathBuf::from));
    }

    #[test]
    fn architectures_go_by_their_common_names() {
        assert_eq!("aarch64".parse(), Ok(Arch::Arm64));
        assert_eq!("x86_64".parse(), Ok(Arch::X86_64));
        assert!("mips".parse::<Arch>().is_err());
    }
}
