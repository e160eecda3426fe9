//! What `rhambda new` begins with: for each kind of trigger a script, an event, its response, a test.

use rhambda_runtime::suggest::nearest;

use crate::failure::Failure;
use crate::samples;

/// The files of a new function. `NAME` in the comments of a script stands for the function's name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template {
    /// What it is asked for by.
    pub(crate) name: &'static str,
    /// Other names for the same.
    aliases: &'static [&'static str],
    /// What the script does.
    pub(crate) about: &'static str,
    script: &'static str,
    event: Event,
    /// The response to that event, where it is JSON.
    response: &'static str,
    /// The response where it is streamed text.
    streamed: &'static str,
    test: &'static str,
    /// The variables it needs.
    variables: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Sample(&'static str),
    Text(&'static str),
}

use Event::{Sample, Text};

macro_rules! file {
    ($name:literal, $kind:literal) => {
        include_str!(concat!("../templates/", $name, ".", $kind))
    };
}

macro_rules! template {
    ($name:literal, $aliases:expr, $about:literal, $event:expr) => {
        Template {
            name: $name,
            aliases: $aliases,
            about: $about,
            script: file!($name, "rhai"),
            event: $event,
            response: file!($name, "response.json"),
            test: file!($name, "test.rhai"),
            streamed: "",
            variables: "",
        }
    };
}

/// All of them; the first is the one that nobody has to ask for.
pub(crate) const ALL: &[Template] = &[
    template!(
        "http",
        &["api", "rest", "url", "function-url", "api-gateway", "alb"],
        "an HTTP API with routes",
        Sample("api-gateway-v2")
    ),
    template!("sqs", &["queue"], "a queue, message by message", Sample("sqs")),
    template!("sns", &["topic"], "what is published to a topic", Sample("sns")),
    template!("s3", &["bucket"], "files that come into a bucket", Sample("s3")),
    template!("dynamodb", &["table"], "changes of a table", Sample("dynamodb")),
    template!("kinesis", &["kafka"], "records of a stream, in order", Sample("kinesis")),
    template!("eventbridge", &["bus", "event"], "events of a bus", Sample("eventbridge")),
    template!("cron", &["schedule", "job"], "a job by a schedule", Sample("schedule")),
    Template {
        variables: file!("webhook", "env"),
        ..template!(
            "webhook",
            &["github"],
            "webhooks whose signature is checked",
            Text(file!("webhook", "event.json"))
        )
    },
    Template {
        variables: file!("authorizer", "env"),
        ..template!(
            "authorizer",
            &["auth", "jwt"],
            "who may call an API, by a token",
            Text(file!("authorizer", "event.json"))
        )
    },
    template!(
        "custom-resource",
        &["cloudformation"],
        "a resource of CloudFormation",
        Text(file!("custom-resource", "event.json"))
    ),
    template!(
        "step-functions",
        &["task", "state-machine"],
        "a task of a state machine",
        Sample("step-functions")
    ),
    template!("websocket", &["ws"], "messages of a WebSocket API", Sample("websocket")),
    Template {
        name: "stream",
        aliases: &["sse"],
        about: "a response that is sent while it is made",
        script: file!("stream", "rhai"),
        event: Sample("function-url"),
        response: "",
        test: file!("stream", "test.rhai"),
        streamed: file!("stream", "response.txt"),
        variables: "",
    },
];

/// The template of this name.
///
/// # Errors
/// There is none; the message has the nearest, or all.
pub(crate) fn find(name: &str) -> Result<&'static Template, Failure> {
    let named = |it: &&Template| it.name == name || it.aliases.contains(&name);
    ALL.iter().find(named).ok_or_else(|| {
        let names = ALL.iter().flat_map(|it| [it.name].into_iter().chain(it.aliases.to_vec()));
        let meant = match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                format!("there is {}", ALL.iter().map(|it| it.name).collect::<Vec<_>>().join(", "))
            }
        };
        Failure::usage(format!("there is no template `{name}`; {meant}"))
    })
}

impl Template {
    /// The files of a function of this name: what follows the name, and the text.
    pub(crate) fn files(&self, name: &str) -> Result<Vec<(&'static str, String)>, Failure> {
        let event = match self.event {
            Sample(name) => samples::find(name)?.text,
            Text(text) => text,
        };
        let script = self
            .script
            .replace("`NAME.", &format!("`{name}."))
            .replace("'NAME=", &format!("'{name}="));
        let files = [
            (".rhai", script),
            (".event.json", event.to_owned()),
            (".response.json", self.response.to_owned()),
            (".response.txt", self.streamed.to_owned()),
            (".test.rhai", self.test.to_owned()),
            (".env", self.variables.to_owned()),
        ];
        Ok(files.into_iter().filter(|(_, text)| !text.is_empty()).collect())
    }

    /// Whether it needs variables.
    pub(crate) fn has_variables(&self) -> bool {
        !self.variables.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_text::is_json;

    #[test]
    fn every_template_has_its_files_under_the_new_name() {
        for template in ALL {
            let files = template.files("jobs/mine").expect("its files are there");
            assert!(files.len() >= 3, "{}", template.name);
            for (kind, text) in &files {
                assert!(!text.contains("NAME"), "{}{kind}", template.name);
                assert!(!kind.ends_with(".json") || is_json(text.as_bytes()), "{}", template.name);
            }
            assert!(files[0].1.contains("`jobs/mine.handler`"), "{}", template.name);
        }
    }

    #[test]
    fn no_name_means_two_templates() {
        let mut names: Vec<&str> =
            ALL.iter().flat_map(|it| [&[it.name], it.aliases].concat()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
