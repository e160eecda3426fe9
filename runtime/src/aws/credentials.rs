//! Who asks: the credentials of the execution role, which no script sees.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::fs;
use std::io::Read;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use once_cell::unsync::OnceCell;
use rhai::{Dynamic, Map};

use super::no_credentials;
use crate::effects::{Client, Failure, Request, Response, Url};
use crate::json;
use crate::time::Time;

/// A key pair, for a time.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The other half.
    pub secret_access_key: String,
    /// What temporary credentials have besides.
    pub session_token: Option<String>,
    /// When they end, if they do.
    pub expires: Option<SystemTime>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// They are replaced so long before they end.
const BEFORE_THE_END: Duration = Duration::from_secs(300);

/// The answer of what serves credentials has less.
const MOST_BYTES: u64 = 64 << 10;

const PATIENCE: Duration = Duration::from_secs(5);

/// The hosts of ECS and EKS that serve credentials in plain HTTP.
const PLAIN_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// Keeps credentials as long as they are good, and how much the clock here is behind AWS's.
pub struct Keeper {
    kept: RefCell<Option<Credentials>>,
    client: OnceCell<Client>,
    /// Seconds to add to the clock here.
    skew: Cell<i64>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}

impl Default for Keeper {
    fn default() -> Self {
        Self { kept: RefCell::default(), client: OnceCell::new(), skew: Cell::new(0) }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Keeper {
    /// The credentials: those of the environment, or those that its container's server gives, as on
    /// Lambda with `SnapStart` and on ECS and EKS.
    ///
    /// # Errors
    /// `Aws.NoCredentials`, with what was tried.
    pub fn credentials(&self) -> Result<Credentials, Failure> {
        if let Some(kept) = &*self.kept.borrow() {
            let is_good = |end: SystemTime| self.now() + BEFORE_THE_END < end;
            if kept.expires.is_none_or(is_good) {
                return Ok(kept.clone());
            }
        }
        let found = match from_environment()? {
            Some(found) => found,
            None => match self.of_container() {
                Ok(found) => found,
                // Those that are there may be good for some minutes still.
                Err(failure) => match self.kept.borrow().clone() {
                    Some(kept) if kept.expires.is_some_and(|end| self.now() < end) => kept,
                    _ => return Err(failure),
                },
            },
        };
        self.kept.replace(Some(found.clone()));
        Ok(found)
    }

    /// Looks them up again when they are needed next.
    pub fn forget(&self) {
        self.kept.replace(None);
    }

    /// The moment as AWS has it, as far as that is known.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        let now = SystemTime::now();
        let length = Duration::from_secs(self.skew.get().unsigned_abs());
        match self.skew.get() < 0 {
            true => now.checked_sub(length).unwrap_or(UNIX_EPOCH),
            false => now + length,
        }
    }

    /// Learns from an answer how late it is for AWS: a signature is refused that is some minutes off.
    pub fn heed_date(&self, answer: &Response) {
        let Some(date) = answer.header("date").and_then(|date| Time::parse(date).ok()) else {
            return;
        };
        let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let ahead = date.epoch_ms() / 1000 - i64::try_from(here).unwrap_or_default();
        // What the network takes is no skew.
        let skew = if ahead.abs() < 60 { 0 } else { ahead };
        if (self.skew.get() - skew).abs() >= 60 {
            log::warn!("the clock is {skew} seconds off AWS's; requests are signed for theirs");
            self.skew.set(skew);
        }
    }

    fn of_container(&self) -> Result<Credentials, Failure> {
        let url = match variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            Some(path) => format!("http://{}{path}", PLAIN_HOSTS[0]),
            None => variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").ok_or_else(|| {
                no_credentials(
                    "neither AWS_ACCESS_KEY_ID nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set",
                )
            })?,
        };
        let refused = |why: &str| no_credentials(&format!("the container's server {why}"));
        let url = Url::parse(&url).map_err(|why| refused(&format!("has no usable URL: {why}")))?;
        let is_loopback =
            url.host == "localhost" || url.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if !url.is_https && !is_loopback && !PLAIN_HOSTS.contains(&url.host.as_str()) {
            return Err(refused(
                "is asked by http, which only loopback and link-local hosts may be",
            ));
        }
        let token = match variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(path) => Some(fs::read_to_string(path).map_err(|error| {
                refused(&format!("needs a token whose file cannot be read: {error}"))
            })?),
            None => variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        };
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        headers.extend(token.map(|token| ("authorization".to_owned(), token.trim().to_owned())));
        let request = Request {
            method: "GET".into(),
            url,
            headers,
            body: Rc::default(),
            timeout: PATIENCE,
            place: 0,
            aws: None,
        };
        let client = self.client.get_or_init(Client::trusted);
        let mut failure = refused("gave nothing");
        for _ in 0..3 {
            match client
                .exchange(&request)
                .map_err(|failure| refused(&format!("failed: {failure}")))
            {
                Ok(answer) if answer.status == 200 => return read(answer),
                Ok(answer) if answer.status < 500 => {
                    return Err(refused(&format!("answered with status {}", answer.status)));
                }
                Ok(answer) => failure = refused(&format!("answered with status {}", answer.status)),
                Err(why) => failure = why,
            }
        }
        Err(failure)
    }
}

fn from_environment() -> Result<Option<Credentials>, Failure> {
    let Some(access_key_id) = variable("AWS_ACCESS_KEY_ID") else { return Ok(None) };
    let secret_access_key = variable("AWS_SECRET_ACCESS_KEY")
        .ok_or_else(|| no_credentials("AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not"))?;
    let session_token = variable("AWS_SESSION_TOKEN");
    Ok(Some(Credentials { access_key_id, secret_access_key, session_token, expires: None }))
}

/// Reads what the container's server says.
fn read(answer: Response) -> Result<Credentials, Failure> {
    let wrong = |why: &str| no_credentials(&format!("what the container's server says {why}"));
    let mut body = Vec::new();
    answer.body.take(MOST_BYTES).read_to_end(&mut body).map_err(|_| wrong("breaks off"))?;
    let said: Map = json::read(&body)
        .ok()
        .and_then(Dynamic::try_cast)
        .ok_or_else(|| wrong("is no JSON object"))?;
    let field = |name: &str| {
        let text = said.get(name).and_then(|value| value.as_immutable_string_ref().ok());
        text.map(|text| text.to_string())
    };
    let needed = |name: &str| field(name).ok_or_else(|| wrong(&format!("has no `{name}`")));
    let end = field("Expiration").and_then(|text| Time::parse(&text).ok());
    let end = end.and_then(|end| u64::try_from(end.epoch_ms()).ok());
    Ok(Credentials {
        access_key_id: needed("AccessKeyId")?,
        secret_access_key: needed("SecretAccessKey")?,
        session_token: field("Token"),
        expires: end.map(|ms| UNIX_EPOCH + Duration::from_millis(ms)),
    })
}
