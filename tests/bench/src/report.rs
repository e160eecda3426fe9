//! The medians, and their tables and JSON.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Map, Value, json};

use crate::measure::Sample;
use crate::table::Table;
use crate::tool::Invoked;

/// What a run has found.
#[derive(Default)]
pub struct Results {
    /// The workloads, in the order of the columns.
    pub workloads: Vec<&'static str>,
    /// The runtimes, in the order of the rows.
    pub runtimes: Vec<String>,
    /// The medians: by workload, then by runtime.
    pub figures: BTreeMap<&'static str, BTreeMap<String, Figures>>,
    /// The bytes of what is shipped, where that is one file.
    pub zipped: BTreeMap<String, usize>,
    /// The bytes of our layer, as `make layer` writes it.
    pub layer: Option<usize>,
    /// Processes of the tool.
    pub invoked: Invoked,
    /// Runtimes that are not here, and why.
    pub skipped: Vec<(String, String)>,
    /// Runtimes that failed, the workload, and how.
    pub failed: Vec<(String, &'static str, String)>,
}

/// The medians of one runtime at one workload.
#[derive(Debug, Default, Clone, Copy)]
pub struct Figures {
    init_ms: f64,
    /// See [`Sample::init_cpu_ms`].
    pub init_cpu_ms: f64,
    init_faults: f64,
    init_mib: f64,
    /// See [`Sample::cold_ms`].
    pub cold_ms: f64,
    /// Half of the warm invocations take no longer than this, µs.
    pub warm_p50_us: f64,
    warm_p99_us: f64,
    cpu_us: f64,
    /// See [`Sample::peak_mib`].
    pub peak_mib: f64,
    warm_up: f64,
}

impl Figures {
    /// From the samples of several processes.
    pub fn of(samples: &[Sample]) -> Self {
        let each = |value: fn(&Sample) -> f64| median(samples.iter().map(value).collect());
        let warm: Vec<&Sample> = samples.iter().filter(|s| !s.warm_us.is_empty()).collect();
        let each_warm = |value: fn(&Sample) -> f64| median(warm.iter().map(|s| value(s)).collect());
        Self {
            init_ms: each(|sample| sample.init_ms),
            init_cpu_ms: each(|sample| sample.init_cpu_ms),
            init_faults: each(|sample| sample.init_faults),
            init_mib: each(|sample| sample.init_mib),
            cold_ms: each(|sample| sample.cold_ms),
            warm_p50_us: each_warm(|sample| quantile(sample.warm_us.clone(), 0.5)),
            warm_p99_us: each_warm(|sample| quantile(sample.warm_us.clone(), 0.99)),
            cpu_us: each_warm(|sample| sample.cpu_us),
            peak_mib: each_warm(|sample| sample.peak_mib),
            warm_up: each_warm(|sample| sample.warm_up),
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
            "warm_up_invocations": self.warm_up,
        })
    }
}

/// The value in the middle; of none, no number.
pub fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value that so great a share of the values does not exceed; of none, no number.
pub fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1) as f64;
    values.get((last * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// A figure with three digits or so.
pub fn short(value: f64) -> String {
    match value {
        value if !value.is_finite() => "?".into(),
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 100.0 => format!("{value:.1}"),
        value if value >= 0.1 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

impl Results {
    /// The medians of a runtime at a workload, or why there are none.
    pub fn get(&self, workload: &str, runtime: &str) -> Result<&Figures, String> {
        if let Some(figures) = self.figures.get(workload).and_then(|all| all.get(runtime)) {
            return Ok(figures);
        }
        let skipped = self.skipped.iter().find(|(name, _)| name == runtime);
        let has_failed = self.failed.iter().any(|(name, at, _)| name == runtime && *at == workload);
        Err(match skipped {
            _ if has_failed => format!("{runtime} failed"),
            Some((_, reason)) => format!("no {runtime}: {reason}"),
            None => format!("no {runtime}: this run left it out"),
        })
    }

    /// One table for each figure, with the ratio to the first runtime that has it.
    pub fn tables(&self) -> Vec<Table> {
        type Column = (&'static str, fn(&Figures) -> f64);
        const TABLES: [Column; 8] = [
            ("Start to first /next, ms", |figures| figures.init_ms),
            ("CPU until then, ms", |figures| figures.init_cpu_ms),
            ("Page faults until then", |figures| figures.init_faults),
            ("Start to first response, ms", |figures| figures.cold_ms),
            ("Warm, event to response, p50, µs", |figures| figures.warm_p50_us),
            ("Warm, event to response, p99, µs", |figures| figures.warm_p99_us),
            ("CPU per warm invocation, µs", |figures| figures.cpu_us),
            ("Peak memory, MiB", |figures| figures.peak_mib),
        ];
        let head: Vec<String> = [""].iter().chain(&self.workloads).map(|&s| s.to_owned()).collect();
        let mut tables: Vec<Table> = TABLES
            .iter()
            .map(|(title, value)| Table {
                title: (*title).to_owned(),
                head: head.clone(),
                rows: self.runtimes.iter().map(|name| self.row(name, *value)).collect(),
            })
            .collect();
        let sizes = self
            .runtimes
            .iter()
            .filter_map(|name| Some(vec![name.clone(), self.zipped.get(name)?.to_string()]));
        tables.push(Table {
            title: "Zipped, bytes".into(),
            head: vec![String::new(), "bytes".into()],
            rows: sizes.collect(),
        });
        tables.push(self.invoked.table());
        tables
    }

    fn row(&self, name: &str, value: fn(&Figures) -> f64) -> Vec<String> {
        let cells = self.workloads.iter().map(|workload| {
            let Ok(cell) = self.get(workload, name).map(value) else { return "-".into() };
            let mut measured =
                self.runtimes.iter().filter_map(|name| self.get(workload, name).ok());
            let ratio = measured.next().map_or(f64::NAN, |base| cell / value(base));
            format!("{} ({}x)", short(cell), short(ratio))
        });
        [name.to_owned()].into_iter().chain(cells).collect()
    }

    /// Everything, for programs.
    pub fn to_json(&self) -> Value {
        let workloads: Map<String, Value> = self
            .figures
            .iter()
            .map(|(workload, runtimes)| {
                let figures =
                    runtimes.iter().map(|(name, figures)| (name.clone(), figures.to_json()));
                ((*workload).to_owned(), figures.collect::<Map<_, _>>().into())
            })
            .collect();
        let failed = self.failed.iter().map(|(runtime, workload, error)| {
            json!({ "runtime": runtime, "workload": workload, "error": error })
        });
        json!({
            "workloads": workloads,
            "zipped_bytes": self.zipped,
            "layer_bytes": self.layer,
            "invoke_ms": self.invoked.to_json(),
            "skipped": self.skipped.iter().cloned().collect::<BTreeMap<_, _>>(),
            "failed": failed.collect::<Vec<_>>(),
        })
    }
}

/// What the figures belong to: the processor, how many, and the kernel.
pub fn machine() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut models = processors.lines().filter(|line| line.starts_with("model name"));
    let count = models.clone().count();
    let model = models.next().and_then(|line| line.split_once(": ")).map_or("?", |(_, name)| name);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "?".into());
    format!("{count} × {model}, Linux {}", kernel.trim())
}
