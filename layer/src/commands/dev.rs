//! `rhambda dev`: serves the scripts of a folder as functions.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use clap::Args;

use crate::commands::settings::Settings;
use crate::dev::callers::{AllowedHost, AllowedOrigin, Callers};
use crate::dev::front::Front;
use crate::dev::journal::Journal;
use crate::dev::registry::Registry;
use crate::dev::schedule::Schedule;
use crate::dev::server::Limits;
use crate::dev::workers::Workers;
use crate::dev::{Dev as Served, server};
use crate::failure::{Exit, Failure};
use crate::process::take_all_descriptors;
use crate::surroundings::Surroundings;

/// Serves every script in a folder as a function, as Lambda would.
///
/// Each `NAME.rhai` with an `fn handler` is the function `NAME`; `NAME.other` is another function
/// of the script, `jobs/nightly` a script in a folder. Scripts below `lib/` are modules.
///
/// Functions are called by Lambda's own API, with any SDK or the AWS CLI, and over HTTP at
/// `/NAME/...`. What is changed in a script, in what it imports or in the env file is live on the
/// next request; a script that does not compile answers with its error.
///
/// An asynchronous event is delivered once: Lambda's retries after an error are left out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda dev
  rhambda dev scripts --port 8080 --env-file .env
  curl http://127.0.0.1:3000/hello/path?name=Ada
  aws lambda invoke --endpoint-url http://127.0.0.1:3000 --function-name hello \\
    --payload fileb://event.json response.json
  rhambda dev --front alb
  rhambda dev --allow-host my-tunnel.example.com --allow-origin https://app.example.com
  rhambda dev --schedule 'nightly=rate(1 minute)'

Ctrl-C ends it, and every process it has started. Exit codes: 2 a wrong command line, folder or \
port, 3 the runtime or the tool failed.")]
pub struct Dev {
    /// The folder with the scripts, from which their imports start
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    /// The port; 0 picks a free one
    #[arg(short, long, value_name = "PORT", default_value_t = 3000)]
    port: u16,

    /// The address; anything but your own machine lets others run your functions
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,

    /// A name by which the functions may be reached, too: a tunnel's, or this machine's in its
    /// network; `.example.com` stands for all below it
    #[arg(long = "allow-host", value_name = "NAME")]
    allowed_hosts: Vec<AllowedHost>,

    /// A site of which pages may call the functions, besides those of this machine:
    /// `https://app.example.com`
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    allowed_origins: Vec<AllowedOrigin>,

    /// What calls the functions for requests to `/NAME/...`, and so the event's shape
    #[arg(long, value_enum, default_value_t = Front::Url)]
    front: Front,

    /// How many events a function may have at a time; more are refused as Lambda does
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: u16,

    /// Sends a function scheduled events: `NAME=rate(5 minutes)`
    #[arg(long = "schedule", value_name = "NAME=RATE", value_parser = Schedule::parse)]
    schedules: Vec<Schedule>,

    #[command(flatten)]
    settings: Settings,
}

impl Dev {
    /// Runs the command, which ends by a signal only.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let terminal = surroundings.terminal;
        let registry = Arc::new(Registry::of(&surroundings.directory.join(&self.folder))?);
        let settings = self.settings.resolve(surroundings)?;
        // What is wrong with the env file is better said now than on each request.
        settings.function(registry.root(), String::new())?;
        for schedule in &self.schedules {
            registry
                .find(schedule.name())
                .map_err(|why| Failure::usage(format!("--schedule: {why}")))?;
        }
        // Seven for each environment, and one for each connection.
        take_all_descriptors();
        let listener = self.listen()?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let journal = Journal::new(terminal);
        let workers = Arc::new(Workers::new(
            registry.root().to_owned(),
            settings,
            usize::from(self.concurrency),
            journal.clone(),
        ));
        for schedule in self.schedules.clone() {
            let (registry, workers) = (Arc::clone(&registry), Arc::clone(&workers));
            let journal = journal.clone();
            thread::spawn(move || schedule.run(registry, workers, journal));
        }
        let greeting = greeting(&registry, address);
        terminal.out(greeting.as_bytes()).map_err(Failure::output)?;
        let callers =
            Callers::new(self.host, self.allowed_hosts.clone(), self.allowed_origins.clone());
        let served = Served::new(registry, workers, journal, self.front, callers);
        let tell = move |message: &str| terminal.warning(message);
        let answer = Arc::new(move |request| served.answer(&request));
        server::serve(&listener, Limits::default(), &tell, answer).map_err(cannot_listen)?;
        Ok(Exit::Success)
    }

    fn listen(&self) -> Result<TcpListener, Failure> {
        let address = SocketAddr::new(self.host, self.port);
        TcpListener::bind(address).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => Failure::usage(format!(
                "port {} of {} is in use; end what listens there, or choose another one: \
                 --port {}, or --port 0 for any that is free",
                self.port,
                self.host,
                self.port.checked_add(1).unwrap_or(3000)
            )),
            ErrorKind::PermissionDenied => Failure::usage(format!(
                "port {} is not for everybody to listen on; choose one above 1023: --port 3000",
                self.port
            )),
            ErrorKind::AddrNotAvailable => {
                Failure::usage(format!("--host {}: this machine has no such address", self.host))
            }
            _ => cannot_listen(error),
        })
    }
}

fn cannot_listen(error: io::Error) -> Failure {
    Failure::broken(format!("cannot listen: {error}"))
}

/// Where everything is, in lines.
fn greeting(registry: &Registry, address: SocketAddr) -> String {
    let mut text = format!("serving {} on http://{address}\n", registry.root().display());
    let all = registry.all();
    for found in &all {
        text.push_str(&format!("  http://{address}/{}\n", found.name));
    }
    if all.is_empty() {
        text.push_str("  no script has an `fn handler(event)` yet\n");
    }
    text.push_str(&format!(
        "console, in a browser: http://{address}\n\
         for SDKs and the AWS CLI: --endpoint-url http://{address}\nCtrl-C ends it\n"
    ));
    text
}
