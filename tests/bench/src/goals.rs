//! What is to be reached, and how far it is.

use serde_json::{Value, json};

use crate::report::{Figures, Results, short};
use crate::table::Table;
use crate::workload;

/// One goal.
struct Goal {
    what: String,
    /// What was measured, or why nothing was.
    got: Result<f64, String>,
    /// At most; nothing where only the figure is of interest.
    most: Option<f64>,
}

/// How far each goal is reached.
pub struct Goals {
    ours: String,
    goals: Vec<Goal>,
}

type Value64 = fn(&Figures) -> f64;

impl Goals {
    /// Those of one build of ours.
    pub fn of(results: &Results, ours: &str) -> Self {
        let cold: Value64 = |figures| figures.cold_ms;
        let warm: Value64 = |figures| figures.warm_p50_us;
        let init_cpu: Value64 = |figures| figures.init_cpu_ms;
        let peak: Value64 = |figures| figures.peak_mib;
        let native = format!("{ours}-native");
        let ratio = |workload: &str, name: &str, peer: &str, value: Value64| {
            let (own, other) = (results.get(workload, name)?, results.get(workload, peer)?);
            Ok(value(own) / value(other))
        };
        let own = |workload: &str, value: Value64| results.get(workload, ours).map(value);
        let big = workload::all().iter().find(|w| w.name == "big").map_or(0, |w| w.event.len());
        let big_mib = big as f64 / f64::from(1 << 20);
        let zipped = match (&results.layer, results.zipped.get(ours)) {
            (Some(bytes), _) => ("zipped, the layer with all of it, MiB", Ok(*bytes)),
            (None, Some(bytes)) => ("zipped without `make layer`'s search, MiB", Ok(*bytes)),
            (None, None) => ("zipped, MiB", Err(format!("no {ours}: not measured"))),
        };
        let goals = [
            (
                "hello: CPU of init / rust-lean",
                ratio("hello", ours, "rust-lean", init_cpu),
                Some(1.1),
            ),
            ("hello: cold / llrt", ratio("hello", ours, "llrt", cold), Some(0.5)),
            ("hello: cold / python", ratio("hello", ours, "python", cold), Some(1.0 / 12.0)),
            (
                "hello: warm p50 / rust-documented",
                ratio("hello", ours, "rust-documented", warm),
                Some(0.75),
            ),
            ("apigw: warm p50 / node", ratio("apigw", ours, "node", warm), Some(1.0)),
            (
                "transform, as written naturally: warm p50 / python",
                ratio("transform", ours, "python", warm),
                Some(1.0),
            ),
            (
                "transform, with bulk operations: warm p50 / node",
                ratio("transform", &native, "node", warm),
                Some(1.0),
            ),
            ("cpu: warm p50 / python", ratio("cpu", ours, "python", warm), None),
            ("big: warm p50 / node", ratio("big", ours, "node", warm), Some(1.0)),
            ("big: peak memory / the event", own("big", peak).map(|mib| mib / big_mib), Some(3.0)),
            (
                "big: peak memory above that of hello / the event",
                own("big", peak).and_then(|mib| Ok((mib - own("hello", peak)?) / big_mib)),
                None,
            ),
            ("hello: peak memory, MiB", own("hello", peak), Some(5.0)),
            ("hello by `rhambda invoke`, start to end, ms", results.invoked.typical(), Some(50.0)),
            (zipped.0, zipped.1.map(|bytes| bytes as f64 / f64::from(1 << 20)), Some(3.0)),
        ];
        let goals = goals
            .into_iter()
            .map(|(what, got, most)| {
                let got = got.and_then(|got| match got.is_finite() {
                    true => Ok(got),
                    false => Err("not measured".into()),
                });
                Goal { what: what.into(), got, most }
            })
            .collect();
        Self { ours: ours.into(), goals }
    }

    /// As a table.
    pub fn table(&self) -> Table {
        let rows = self.goals.iter().map(|goal| {
            let most = goal.most.map_or("no goal".into(), |most| format!("≤ {}", short(most)));
            let (got, verdict) = match (&goal.got, goal.most) {
                (Ok(got), Some(most)) => {
                    (short(*got), if *got <= most { "reached" } else { "missed" }.to_owned())
                }
                (Ok(got), None) => (short(*got), "-".to_owned()),
                (Err(missing), _) => ("?".into(), missing.clone()),
            };
            vec![goal.what.clone(), got, most, verdict]
        });
        let head = ["", "measured", "to reach", ""];
        Table {
            title: format!("The goals of {}, and how far they are reached", self.ours),
            head: head.map(str::to_owned).to_vec(),
            rows: rows.collect(),
        }
    }

    /// For programs: `null` for what was not measured.
    pub fn to_json(&self) -> Value {
        let goals = self.goals.iter().map(|goal| {
            json!({
                "goal": goal.what,
                "measured": goal.got.as_ref().ok(),
                "at_most": goal.most,
                "missing": goal.got.as_ref().err(),
            })
        });
        json!({ "of": self.ours, "goals": goals.collect::<Vec<_>>() })
    }
}
