//! `rhambda event`: sample events of every trigger.

use clap::Args;
use serde_json::{Value, json};

use crate::event;
use crate::failure::{Exit, Failure};
use crate::json_text::pretty;
use crate::samples::{self, Sample};
use crate::surroundings::Surroundings;

/// Prints a sample event, or the names of all.
///
/// There is one for each trigger of Lambda, and more for special cases. They are in the tool: nothing
/// is fetched.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda event
  rhambda event sqs
  rhambda event sqs --set 'Records[0].body={\"order\": 7}' > order.event.json
  rhambda event kinesis --set 'Records[0].kinesis.data=base64:hello'
  rhambda event function-url --set requestContext.http.method=PUT --set headers.x-id+=42
  rhambda invoke orders --event sample:sqs

Exit codes: 0 printed, 2 no such event or path.")]
pub struct Event {
    /// The event's name; without it, all names
    #[arg(conflicts_with = "list")]
    name: Option<String>,

    /// Changes a value: JSON if it parses, else text; `PATH+=VALUE` adds a key or an element
    #[arg(long, value_name = "PATH=VALUE", requires = "name")]
    set: Vec<String>,

    /// Lists all names, also those of special cases
    #[arg(short, long)]
    list: bool,

    /// Prints the event in one line, or the list as JSON
    #[arg(long)]
    json: bool,
}

impl Event {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let said = match &self.name {
            Some(name) => {
                let event = event::changed(samples::find(name)?.text.to_owned(), &self.set)?;
                if self.json { compact(&event) } else { pretty(event.trim()) + "\n" }
            }
            None if self.json => listed_as_json(),
            None => self.listed(),
        };
        surroundings.terminal.out(said.as_bytes()).map_err(Failure::output)?;
        Ok(Exit::Success)
    }

    fn listed(&self) -> String {
        let triggers: Vec<Sample> = samples::of_triggers().collect();
        let width = triggers.iter().map(|sample| sample.name.len()).max().unwrap_or(0);
        let mut said = String::new();
        for Sample { name, about, .. } in triggers {
            said.push_str(&format!("{name:width$}  {about}\n"));
        }
        let others = samples::others();
        if !self.list {
            let count = others.len();
            said.push_str(&format!("and {count} special cases: rhambda event --list\n"));
            return said;
        }
        said.push_str("\nspecial cases:\n");
        for other in others {
            said.push_str(&format!("{}\n", other.name));
        }
        said
    }
}

fn listed_as_json() -> String {
    let all = samples::of_triggers().chain(samples::others());
    let rows = all.map(|Sample { name, about, .. }| match about {
        "" => json!({ "name": name }),
        about => json!({ "name": name, "about": about }),
    });
    format!("{}\n", Value::from_iter(rows))
}

/// The same JSON in one line; line ends inside of text are escaped already.
fn compact(json: &str) -> String {
    let lines: String = pretty(json.trim()).lines().map(str::trim_start).collect();
    lines + "\n"
}
