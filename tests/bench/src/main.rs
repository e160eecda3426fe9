//! Measures `bootstrap` beside its peers, in one run, in turns.

mod api;
mod measure;
mod report;
mod runtime;
mod workload;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use measure::Sample;
use report::{Figures, Results};
use runtime::Places;

/// Measures bootstrap beside its peers: cold starts, warm invocations, CPU, memory, size.
#[derive(Parser)]
#[command(after_help = "Examples:
  make bench
  QUICK=1 make bench
  rhambda-bench --only hello --bootstrap before=/tmp/old --bootstrap after=target/bootstrap/x86_64/bootstrap")]
struct Options {
    /// Fewer turns: under two minutes.
    #[arg(long)]
    quick: bool,
    /// These workloads only.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// These runtimes only.
    #[arg(long, value_delimiter = ',')]
    runtimes: Vec<String>,
    /// A build of ours, by a name of its own; may be given again [default: rhambda, as make leaves it]
    #[arg(long, value_name = "LABEL=PATH")]
    bootstrap: Vec<String>,
    /// LLRT's bootstrap.
    #[arg(long)]
    llrt: Option<PathBuf>,
    /// Where the figures are written [default: target/bench/results.json]
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match bench(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> Result<(), Box<dyn Error>> {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut bootstraps = Vec::new();
    for given in &options.bootstrap {
        let (label, path) = given
            .split_once('=')
            .ok_or_else(|| format!("--bootstrap takes LABEL=PATH, not `{given}`"))?;
        bootstraps.push((label.to_owned(), PathBuf::from(path).canonicalize()?));
    }
    if bootstraps.is_empty() {
        let built = project.join("target/bootstrap/x86_64/bootstrap");
        bootstraps.push(("rhambda".to_owned(), built));
    }
    for (label, path) in &bootstraps {
        if !path.is_file() {
            return Err(format!("no {label} at {}: run `make bootstrap`", path.display()).into());
        }
    }
    let ours = bootstraps[bootstraps.len() - 1].0.clone();
    let cache = project.join(".cache/bench");
    let places = Places { project: project.clone(), llrt: options.llrt.clone(), bootstraps };
    let (mut runtimes, skipped) = runtime::all(&places);
    let chosen = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
    runtimes.retain(|runtime| chosen(&options.runtimes, &runtime.name));
    let mut workloads = workload::all();
    workloads.retain(|workload| chosen(&options.only, workload.name));
    if runtimes.is_empty() || workloads.is_empty() {
        return Err("nothing is left to be measured".into());
    }

    println!("on one CPU: {}", if measure::pin() { "yes" } else { "no, it is not allowed" });
    for missing in &skipped {
        println!("skipped: {}: {}", missing.name, missing.reason);
    }
    let (colds, warms) = if options.quick { (5, 1) } else { (15, 4) };
    let mut samples: BTreeMap<(&str, usize), Vec<Sample>> = BTreeMap::new();
    let mut turn = 0;
    for workload in &workloads {
        for round in 0..colds + warms {
            // Each round begins with another runtime, so that none has the better place.
            for place in 0..runtimes.len() {
                let index = (place + turn) % runtimes.len();
                let runtime = &runtimes[index];
                if !runtime.runs(workload.name) {
                    continue;
                }
                let most = if options.quick { workload.warm.div_ceil(4) } else { workload.warm };
                let warm = if round < colds { 0 } else { most };
                let sample = measure::run(runtime, workload, warm, &cache)
                    .map_err(|error| format!("{} at {}: {error}", runtime.name, workload.name))?;
                samples.entry((workload.name, index)).or_default().push(sample);
            }
            turn += 1;
        }
        eprintln!("{} is done", workload.name);
    }

    let mut results = Results::new();
    for ((workload, index), samples) in &samples {
        let figures = Figures::of(samples);
        results.entry(workload).or_default().insert(runtimes[*index].name.clone(), figures);
    }
    let order: Vec<String> = runtimes.iter().map(|runtime| runtime.name.clone()).collect();
    let sizes: BTreeMap<String, usize> = runtimes
        .iter()
        .filter_map(|runtime| Some((runtime.name.clone(), runtime.zipped()?)))
        .collect();
    println!("{}", report::tables(&results, &order));
    println!("zipped, bytes");
    for (name, bytes) in &sizes {
        println!("{name:18}{bytes:>11}");
    }
    println!("\ngoals\n{}", report::goals(&results, &sizes, &ours));
    let path = options.json.clone().unwrap_or_else(|| project.join("target/bench/results.json"));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let skipped: Vec<(String, String)> =
        skipped.iter().map(|missing| (missing.name.to_owned(), missing.reason.clone())).collect();
    let json = report::to_json(&results, &sizes, &skipped);
    std::fs::write(&path, format!("{json:#}\n"))?;
    println!("the figures are in {}", path.display());
    Ok(())
}
