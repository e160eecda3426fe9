//! Measures `bootstrap` beside its peers, in one run, in turns.

mod api;
mod goals;
mod measure;
mod report;
mod runtime;
mod table;
mod tool;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use goals::Goals;
use measure::Sample;
use report::{Figures, Results};
use runtime::{Places, Runtime};
use tool::Invoked;
use workload::{Random, Workload};

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
    /// A build of ours, by a name of its own; may be given again, and the goals are those of the
    /// first [default: rhambda, as make leaves it]
    #[arg(long, value_name = "LABEL=PATH")]
    bootstrap: Vec<String>,
    /// LLRT's bootstrap.
    #[arg(long)]
    llrt: Option<PathBuf>,
    /// Where the figures are written [default: target/bench/results.json]
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the tables are written as Markdown, if anywhere.
    #[arg(long)]
    markdown: Option<PathBuf>,
}

fn main() -> ExitCode {
    match bench(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let places = places(options)?;
    let (mut runtimes, mut skipped) = runtime::all(&places);
    let chosen = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
    runtimes.retain(|runtime| chosen(&options.runtimes, &runtime.name));
    skipped.retain(|missing| chosen(&options.runtimes, missing.name));
    let mut workloads = workload::all();
    workloads.retain(|workload| chosen(&options.only, workload.name));
    if runtimes.is_empty() || workloads.is_empty() {
        return Err("nothing is left to be measured".into());
    }
    let pinned = if measure::pin() { "all on one of them" } else { "on any of them" };
    let machine = format!("{}, {pinned}", report::machine());
    println!("{machine}");
    for missing in &skipped {
        println!("skipped: {}: {}", missing.name, missing.reason);
    }

    let mut results = Results {
        workloads: workloads.iter().map(|workload| workload.name).collect(),
        runtimes: runtimes.iter().map(|runtime| runtime.name.clone()).collect(),
        zipped: runtimes.iter().filter_map(|r| Some((r.name.clone(), r.zipped()?))).collect(),
        layer: places.layer.as_ref().and_then(|path| Some(fs::metadata(path).ok()?.len() as usize)),
        skipped: skipped.into_iter().map(|missing| (missing.name.into(), missing.reason)).collect(),
        ..Results::default()
    };
    fs::create_dir_all(places.results())?;
    let mut random = Random(7);
    for workload in &workloads {
        measure_all(workload, &runtimes, &places, options.quick, &mut random, &mut results);
        eprintln!("{} is done", workload.name);
    }
    if let Some(hello) = workloads.iter().find(|workload| workload.name == "hello") {
        let turns = if options.quick { 10 } else { 50 };
        results.invoked = Invoked::measure(hello, &places, turns)?;
    }

    let goals = Goals::of(&results, &places.bootstraps[0].0);
    let mut tables = results.tables();
    tables.push(goals.table());
    for table in &tables {
        print!("{}", table.to_text());
    }
    let mut json = results.to_json();
    json["goals"] = goals.to_json();
    json["machine"] = machine.clone().into();
    let path = options.json.clone().unwrap_or_else(|| places.results().join("results.json"));
    write(&path, &format!("{json:#}\n"))?;
    println!("\nthe figures are in {}", path.display());
    if let Some(path) = &options.markdown {
        let pages: String = tables.iter().map(|table| table.to_markdown()).collect();
        write(
            path,
            &format!("{machine}; x is the ratio to the first row.\n\n{}\n", pages.trim_end()),
        )?;
    }
    for (name, workload, _) in &results.failed {
        println!("failed: {name} at {workload}");
    }
    let ours = |name: &str| {
        places.bootstraps.iter().any(|(own, _)| name == own || name == format!("{own}-native"))
    };
    let is_ours = results.failed.iter().any(|(name, ..)| ours(name));
    Ok(if is_ours { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Where everything is that the options do not name.
fn places(options: &Options) -> Result<Places, Box<dyn Error>> {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut bootstraps = Vec::new();
    for given in &options.bootstrap {
        let (label, path) = given
            .split_once('=')
            .ok_or_else(|| format!("--bootstrap takes LABEL=PATH, not `{given}`"))?;
        bootstraps.push((label.to_owned(), PathBuf::from(path)));
    }
    let mut layer = None;
    if bootstraps.is_empty() {
        let built = project.join("target/bootstrap/x86_64/bootstrap");
        layer = Some(project.join("target/layer/rhambda-layer-x86_64.zip"));
        layer = layer.filter(|layer| is_newer(layer, &built));
        bootstraps.push(("rhambda".to_owned(), built));
    }
    for (label, path) in &mut bootstraps {
        *path = path.canonicalize().map_err(|error| {
            format!("no {label} at {}: {error}; `make bootstrap` builds one", path.display())
        })?;
    }
    Ok(Places { project, llrt: options.llrt.clone(), bootstraps, layer })
}

fn is_newer(one: &Path, other: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    changed(one).zip(changed(other)).is_some_and(|(one, other)| one >= other)
}

/// Measures one workload in rounds; who fails in it is out of it.
fn measure_all(
    workload: &Workload,
    runtimes: &[Runtime],
    places: &Places,
    is_quick: bool,
    random: &mut Random,
    results: &mut Results,
) {
    let (colds, warms) = if is_quick { (5, 1) } else { (15, 4) };
    let warm = if is_quick { workload.warm.div_ceil(4) } else { workload.warm };
    let mut samples: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
    let mut out: BTreeSet<&str> = BTreeSet::new();
    let mut order: Vec<&Runtime> = runtimes.iter().filter(|r| r.runs(workload.name)).collect();
    for round in 0..colds + warms {
        // In an order of its own, so that none has always the better place or the same neighbour.
        for place in (1..order.len()).rev() {
            order.swap(place, random.within(0, place as i64) as usize);
        }
        let warm = if round < colds { 0 } else { warm };
        for runtime in &order {
            if out.contains(runtime.name.as_str()) {
                continue;
            }
            match measure::run(runtime, workload, warm, places) {
                Ok(sample) => samples.entry(&runtime.name).or_default().push(sample),
                Err(error) => {
                    eprintln!("failed: {} at {}: {error}", runtime.name, workload.name);
                    out.insert(&runtime.name);
                    results.failed.push((runtime.name.clone(), workload.name, error));
                }
            }
        }
    }
    let whole = samples.into_iter().filter(|(name, _)| !out.contains(name));
    let figures = whole.map(|(name, samples)| (name.to_owned(), Figures::of(&samples)));
    results.figures.insert(workload.name, figures.collect());
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let written =
        path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}
