//! The tables, the JSON, and how far the goals are reached.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::measure::Sample;
use crate::workload;

/// The medians of what was measured: by workload, then by runtime.
pub type Results = BTreeMap<&'static str, BTreeMap<String, Figures>>;

/// The medians of one runtime at one workload.
#[derive(Debug, Default, Clone, Copy)]
pub struct Figures {
    init_ms: f64,
    init_cpu_ms: f64,
    init_faults: f64,
    init_mib: f64,
    cold_ms: f64,
    warm_p50_us: f64,
    warm_p99_us: f64,
    cpu_us: f64,
    peak_mib: f64,
}

impl Figures {
    /// From the samples of several processes.
    pub fn of(samples: &[Sample]) -> Self {
        let each = |value: fn(&Sample) -> f64| median(samples.iter().map(value).collect());
        let quantile = |share: f64| {
            let warm = samples.iter().filter(|sample| !sample.warm_us.is_empty());
            median(warm.map(|sample| at(sample.warm_us.clone(), share)).collect())
        };
        let warm: Vec<&Sample> = samples.iter().filter(|s| !s.warm_us.is_empty()).collect();
        Self {
            init_ms: each(|sample| sample.init_ms),
            init_cpu_ms: each(|sample| sample.init_cpu_ms),
            init_faults: each(|sample| sample.init_faults),
            init_mib: each(|sample| sample.init_mib),
            cold_ms: each(|sample| sample.cold_ms),
            warm_p50_us: quantile(0.5),
            warm_p99_us: quantile(0.99),
            cpu_us: median(warm.iter().map(|sample| sample.cpu_us).collect()),
            peak_mib: median(warm.iter().map(|sample| sample.peak_mib).collect()),
        }
    }

    fn to_json(self) -> Value {
        json!({
            "init_ms": self.init_ms,
            "init_cpu_ms": self.init_cpu_ms,
            "init_faults": self.init_faults,
            "init_mib": self.init_mib,
            "cold_ms": self.cold_ms,
            "warm_p50_us": self.warm_p50_us,
            "warm_p99_us": self.warm_p99_us,
            "cpu_us": self.cpu_us,
            "peak_mib": self.peak_mib,
        })
    }
}

fn median(values: Vec<f64>) -> f64 {
    at(values, 0.5)
}

fn at(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1) as f64;
    values.get((last * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// One table for each figure, with the ratio to the first runtime.
pub fn tables(results: &Results, order: &[String]) -> String {
    type Column = (&'static str, fn(&Figures) -> f64);
    const COLUMNS: [Column; 8] = [
        ("start to first /next, ms", |figures| figures.init_ms),
        ("CPU until then, ms", |figures| figures.init_cpu_ms),
        ("page faults until then", |figures| figures.init_faults),
        ("start to first response, ms", |figures| figures.cold_ms),
        ("warm, event to response, p50, µs", |figures| figures.warm_p50_us),
        ("warm, event to response, p99, µs", |figures| figures.warm_p99_us),
        ("CPU per warm invocation, µs", |figures| figures.cpu_us),
        ("peak memory, MiB", |figures| figures.peak_mib),
    ];
    let mut text = String::new();
    for (title, value) in COLUMNS {
        text.push_str(&format!("\n{title}\n{:18}", ""));
        for workload in results.keys() {
            text.push_str(&format!("{workload:>19}"));
        }
        text.push('\n');
        for name in order {
            text.push_str(&format!("{name:18}"));
            for runtimes in results.values() {
                let base = order.iter().find_map(|first| runtimes.get(first)).map(value);
                let cell = runtimes.get(name).map(value).filter(|value| value.is_finite());
                text.push_str(&match (cell, base) {
                    (Some(cell), Some(base)) => {
                        format!("{:>11} {:>6.2}x", short(cell), cell / base)
                    }
                    _ => format!("{:>19}", "-"),
                });
            }
            text.push('\n');
        }
    }
    text
}

fn short(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 100.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// Everything, for programs.
pub fn to_json(
    results: &Results,
    sizes: &BTreeMap<String, usize>,
    skipped: &[(String, String)],
) -> Value {
    let workloads: Map<String, Value> = results
        .iter()
        .map(|(workload, runtimes)| {
            let runtimes: Map<String, Value> =
                runtimes.iter().map(|(name, figures)| (name.clone(), figures.to_json())).collect();
            ((*workload).to_owned(), Value::from(runtimes))
        })
        .collect();
    json!({
        "workloads": workloads,
        "zipped_bytes": sizes,
        "skipped": skipped.iter().cloned().collect::<BTreeMap<_, _>>(),
    })
}

/// How far each goal is reached, for our runtime of this name.
pub fn goals(results: &Results, sizes: &BTreeMap<String, usize>, ours: &str) -> String {
    let get = |workload: &str, name: &str| results.get(workload)?.get(name).copied();
    let mut lines = String::new();
    let mut goal = |what: &str, got: Option<f64>, most: f64, missing: &str| {
        lines.push_str(&match got {
            Some(got) if got.is_finite() => {
                let verdict = if got <= most { "reached" } else { "missed" };
                format!("{what:66} {got:>8.2} of {most:<6} {verdict}\n")
            }
            _ => format!("{what:66} not measured: {missing}\n"),
        });
    };
    let ratio = |workload: &str, peer: &str, value: fn(&Figures) -> f64| {
        Some(value(&get(workload, ours)?) / value(&get(workload, peer)?))
    };
    let cold = |figures: &Figures| figures.cold_ms;
    let warm = |figures: &Figures| figures.warm_p50_us;
    goal(
        "hello: CPU of init / rust-lean",
        ratio("hello", "rust-lean", |figures| figures.init_cpu_ms),
        1.1,
        "no rust-lean",
    );
    goal("hello: cold / llrt", ratio("hello", "llrt", cold), 0.5, "no llrt");
    goal("hello: cold / python", ratio("hello", "python", cold), 1.0 / 12.0, "no python");
    goal(
        "hello: warm p50 / rust-documented",
        ratio("hello", "rust-documented", warm),
        0.75,
        "no rust-documented",
    );
    goal("apigw: warm p50 / node", ratio("apigw", "node", warm), 1.0, "no node");
    goal("transform: warm p50 / python", ratio("transform", "python", warm), 1.0, "no python");
    let native = get("transform", &format!("{ours}-native")).or(get("transform-native", ours));
    let node = get("transform", "node");
    let bulk = native.zip(node).map(|(native, node)| native.warm_p50_us / node.warm_p50_us);
    goal("transform with bulk operations: warm p50 / node", bulk, 1.0, "no node");
    goal(
        "cpu: warm p50 / python (no goal: as low as it gets)",
        ratio("cpu", "python", warm),
        7.0,
        "no python",
    );
    goal("big: warm p50 / node", ratio("big", "node", warm), 1.0, "no node");
    let event = workload::all().iter().find(|w| w.name == "big").map_or(0, |w| w.event.len());
    let event_mib = event as f64 / f64::from(1 << 20);
    goal(
        "big: peak memory / the event",
        get("big", ours).map(|figures| figures.peak_mib / event_mib),
        3.0,
        "",
    );
    goal("hello: peak memory, MiB", get("hello", ours).map(|figures| figures.peak_mib), 5.0, "");
    let zipped = sizes.get(ours).map(|bytes| *bytes as f64 / f64::from(1 << 20));
    goal("zipped, all of it, MiB", zipped, 3.0, "");
    lines
}
