//! Events that come by the clock, as from a rule of EventBridge.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::dev::calendar::iso;
use crate::dev::journal::Journal;
use crate::dev::registry::Registry;
use crate::dev::workers::{Event, Refusal, Via, WhenBusy, Workers};
use crate::emulator::new_request_id;

/// A function and how often it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    name: String,
    every: Duration,
}

impl Schedule {
    /// Reads `NAME=rate(5 minutes)`.
    pub(crate) fn parse(text: &str) -> Result<Schedule, String> {
        let (name, expression) = text
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or("write the function's name, `=`, and the rate: 'nightly=rate(1 minute)'")?;
        let rate = expression.trim().strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')'));
        let rate = rate.ok_or("a rate is written `rate(5 minutes)`; cron is not served here")?;
        let (count, unit) = rate
            .trim()
            .split_once(' ')
            .ok_or("a rate has a number and a unit: `rate(5 minutes)`")?;
        let count: u32 = count
            .parse()
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| format!("`{count}` is not a whole number above 0"))?;
        let unit = unit.trim();
        let seconds: u64 = match unit.strip_suffix('s').unwrap_or(unit) {
            // Shorter than EventBridge has it, to see a schedule at work.
            "second" => 1,
            "minute" => 60,
            "hour" => 3600,
            "day" => 86_400,
            _ => {
                return Err(format!(
                    "`{unit}` is no unit; there are seconds, minutes, hours and days"
                ));
            }
        };
        if unit.ends_with('s') != (count != 1) {
            let right =
                if count == 1 { unit.trim_end_matches('s').to_owned() } else { format!("{unit}s") };
            return Err(format!("EventBridge wants `rate({count} {right})`"));
        }
        Ok(Schedule {
            name: name.to_owned(),
            every: Duration::from_secs(seconds * u64::from(count)),
        })
    }

    /// The function's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Calls the function again and again, first after one interval, as a new rule does.
    pub(crate) fn run(self, registry: Arc<Registry>, workers: Arc<Workers>, journal: Journal) {
        let mut next = Instant::now() + self.every;
        loop {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            next += self.every;
            let event = Event::new(Via::Schedule, self.event(SystemTime::now()).to_string());
            let problem = match registry.find(&self.name) {
                Err(why) => why,
                Ok(found) => match workers.invoke(&found, event, WhenBusy::Wait) {
                    Ok(_) => continue,
                    Err(Refusal::Broken(why)) => why,
                    Err(Refusal::Throttled) => "all environments are busy".to_owned(),
                },
            };
            journal
                .problem(&self.name, &format!("the scheduled event was not delivered: {problem}"));
        }
    }

    fn event(&self, now: SystemTime) -> Value {
        let rule = self.name.replace(['/', '.'], "-");
        json!({
            "version": "0",
            "id": new_request_id(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "123456789012",
            "time": iso(now),
            "region": "us-east-1",
            "resources": [format!("arn:aws:events:us-east-1:123456789012:rule/{rule}")],
            "detail": {},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_eventbridge_has_them() {
        for (text, seconds) in [
            ("nightly=rate(1 minute)", 60),
            ("jobs/x.run=rate(2 hours)", 7200),
            ("a=rate(1 day)", 86_400),
            ("a=rate(10 seconds)", 10),
        ] {
            assert_eq!(Schedule::parse(text).map(|s| s.every.as_secs()), Ok(seconds), "{text}");
        }
        for (text, problem) in [
            ("rate(1 minute)", "the function's name"),
            ("a=cron(0 12 * * ? *)", "cron"),
            ("a=rate(0 minutes)", "`0`"),
            ("a=rate(1 minutes)", "`rate(1 minute)`"),
            ("a=rate(5 minute)", "`rate(5 minutes)`"),
            ("a=rate(5 weeks)", "`weeks`"),
            ("a=rate(5)", "a number and a unit"),
        ] {
            let said = Schedule::parse(text).expect_err(text);
            assert!(said.contains(problem), "{text}: {said}");
        }
    }
}
