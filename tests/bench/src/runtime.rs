//! Who is measured, how each is started, and why one is not.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// One runtime with its handlers.
pub struct Runtime {
    /// Its name in the tables.
    pub name: String,
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    /// What has to be shipped for it, where that is a few files.
    files: Vec<PathBuf>,
    workloads: Option<&'static [&'static str]>,
}

/// A runtime that cannot be measured here, and the reason.
pub struct Skipped {
    /// Its name.
    pub name: &'static str,
    /// Why.
    pub reason: String,
}

/// Where things are.
pub struct Places {
    /// The project.
    pub project: PathBuf,
    /// LLRT's `bootstrap`, if somebody has one.
    pub llrt: Option<PathBuf>,
    /// Our own builds: label and path.
    pub bootstraps: Vec<(String, PathBuf)>,
    /// The layer that `make layer` wrote from the only one of them.
    pub layer: Option<PathBuf>,
}

impl Places {
    fn cache(&self) -> PathBuf {
        self.project.join(".cache/bench")
    }

    /// Where results are written.
    pub fn results(&self) -> PathBuf {
        self.project.join("target/bench")
    }

    /// What the last process of a runtime wrote to its standard output and error.
    pub fn said(&self, runtime: &str) -> PathBuf {
        self.results().join(format!("{runtime}.log"))
    }
}

/// All that are there, and those that are not.
pub fn all(places: &Places) -> (Vec<Runtime>, Vec<Skipped>) {
    let bench = places.project.join("tests/bench");
    let cache = places.cache();
    let native = bench.join("target/x86_64-unknown-linux-gnu/release");
    let (mut runtimes, mut skipped) = (Vec::new(), Vec::new());
    for (label, program) in &places.bootstraps {
        runtimes.push(Runtime::binary(label, program, &bench.join("scripts")));
        runtimes.push(Runtime {
            workloads: Some(&["transform"]),
            files: Vec::new(),
            ..Runtime::binary(&format!("{label}-native"), program, &bench.join("scripts/native"))
        });
    }
    for (name, program, workloads) in [
        ("floor", native.join("floor"), Some(["hello", "big"].as_slice())),
        ("rust-lean", native.join("lean"), None),
        ("rust-documented", bench.join("target/release/documented"), None),
    ] {
        if program.is_file() {
            let workloads = workloads.map(|names| &*Vec::leak(names.to_vec()));
            runtimes.push(Runtime { workloads, ..Runtime::binary(name, &program, &bench) });
        } else {
            skipped.push(Skipped { name, reason: "it is not built: tests/bench/install".into() });
        }
    }
    // The interpreter itself, not a script that looks for it.
    match output("python3", &["-c", "import sys; print(sys.executable)"]) {
        Some(python) if cache.join("python/awslambdaric").is_dir() => runtimes.push(Runtime {
            name: "python".into(),
            program: python.into(),
            arguments: vec!["-m".into(), "awslambdaric".into(), "workloads.handler".into()],
            folder: bench.join("peers/python"),
            files: Vec::new(),
            workloads: None,
        }),
        Some(_) => skipped.push(Skipped {
            name: "python",
            reason: "awslambdaric is not installed: tests/bench/install".into(),
        }),
        None => skipped.push(Skipped { name: "python", reason: "there is no python3".into() }),
    }
    let client = cache.join("node/node_modules/aws-lambda-ric");
    match output("node", &["-p", "process.execPath"]) {
        Some(node) if client.join("dist/rapid-client.node").is_file() => {
            runtimes.push(Runtime {
                name: "node".into(),
                program: node.into(),
                arguments: vec![
                    client.join("bin/index.mjs").display().to_string(),
                    "workloads.handler".into(),
                ],
                folder: bench.join("peers/node"),
                files: Vec::new(),
                workloads: None,
            });
        }
        Some(_) => skipped.push(Skipped {
            name: "node",
            reason: "aws-lambda-ric is not compiled: tests/bench/install says why".into(),
        }),
        None => skipped.push(Skipped { name: "node", reason: "there is no node".into() }),
    }
    match &places.llrt {
        Some(program) => {
            runtimes.push(Runtime::binary("llrt", program, &bench.join("peers/node")));
        }
        None => skipped.push(Skipped {
            name: "llrt",
            reason: "no package registry has it; give one by --llrt PATH".into(),
        }),
    }
    (runtimes, skipped)
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl Runtime {
    fn binary(name: &str, program: &Path, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            arguments: Vec::new(),
            folder: folder.to_owned(),
            files: vec![program.to_owned()],
            workloads: None,
        }
    }

    /// Whether it has a handler for a workload.
    pub fn runs(&self, workload: &str) -> bool {
        self.workloads.is_none_or(|workloads| workloads.contains(&workload))
    }

    /// The command that starts it for a workload.
    pub fn command(&self, workload: &str, address: &str, places: &Places) -> Command {
        let handler = match self.name.as_str() {
            "python" | "node" | "llrt" => "workloads.handler".to_owned(),
            _ => format!("{workload}.handler"),
        };
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PYTHONPATH", places.cache().join("python"))
            .env("WORKLOAD", workload)
            .env("_HANDLER", handler)
            .env("LAMBDA_TASK_ROOT", &self.folder)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/23/[$LATEST]1")
            .env("AWS_REGION", "eu-central-1")
            .current_dir(&self.folder);
        command
    }

    /// The bytes of what is shipped, deflated at the highest level; nothing where the platform brings
    /// most of it.
    pub fn zipped(&self) -> Option<usize> {
        if self.files.is_empty() {
            return None;
        }
        let mut bytes = 0;
        for file in &self.files {
            let mut contents = Vec::new();
            fs::File::open(file).ok()?.read_to_end(&mut contents).ok()?;
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&contents).ok()?;
            bytes += encoder.finish().ok()?.len();
        }
        Some(bytes)
    }
}
