//! What a person waits for: `rhambda invoke` of the workload hello from a shell, start to end.

use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::report::{quantile, short};
use crate::runtime::Places;
use crate::table::Table;
use crate::workload::Workload;

/// The builds of the tool that `tests/bench/install` and `make tool` leave.
const BUILDS: [&str; 2] = ["release", "debug"];

/// The builds that are there, each with how long its processes took, in ms.
#[derive(Default)]
pub struct Invoked(Vec<(&'static str, Vec<f64>)>);

impl Invoked {
    /// Invokes by each build that is there, in turns.
    ///
    /// # Errors
    /// When one cannot be started, fails, or has a wrong response.
    pub fn measure(hello: &Workload, places: &Places, turns: usize) -> Result<Self, String> {
        let tool = |build: &str| places.project.join("target").join(build).join("rhambda");
        let there = BUILDS.into_iter().filter(|build| tool(build).is_file());
        let mut measured: Vec<_> = there.map(|build| (build, Vec::new())).collect();
        let script = places.project.join("tests/bench/scripts/hello.rhai");
        let event = String::from_utf8_lossy(&hello.event).into_owned();
        for _ in 0..turns {
            for (build, times) in &mut measured {
                let mut shell = Command::new("sh");
                // Something after it keeps the shell from becoming the tool.
                shell.args(["-c", "\"$@\"; exit $?", "sh"]).arg(tool(build));
                shell.arg("invoke").arg(&script).args(["--event", &event, "--bootstrap"]);
                shell.arg(&places.bootstraps[0].1).stdin(Stdio::null());
                let begun = Instant::now();
                let output = shell.output().map_err(|error| format!("sh: {error}"))?;
                let took = begun.elapsed().as_secs_f64() * 1e3;
                if !output.status.success() || !hello.accepts(&output.stdout) {
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    return Err(format!("rhambda invoke, {build}: {}: {said}", output.status));
                }
                times.push(took);
            }
        }
        Ok(Self(measured))
    }

    /// Half of the processes of the first build took no longer.
    ///
    /// # Errors
    /// Why that is not known.
    pub fn typical(&self) -> Result<f64, String> {
        let first = self.0.first().ok_or("no rhambda: `tests/bench/install` builds one")?;
        Ok(quantile(first.1.clone(), 0.5))
    }

    /// A row for each build.
    pub fn table(&self) -> Table {
        let rows = self.0.iter().map(|(build, times)| {
            let figures = [0.0, 0.5, 0.9, 1.0].map(|share| short(quantile(times.clone(), share)));
            [(*build).to_owned()].into_iter().chain(figures).collect()
        });
        let head = ["the tool", "least", "p50", "p90", "most"];
        Table {
            title: "`rhambda invoke` of hello from a shell, start to end, ms".into(),
            head: head.map(str::to_owned).to_vec(),
            rows: rows.collect(),
        }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let builds = self.0.iter();
        builds.map(|(build, times)| ((*build).to_owned(), json!(times))).collect()
    }
}
