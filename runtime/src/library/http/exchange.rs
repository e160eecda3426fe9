//! A call from its first attempt to its answer: retries, redirects, and the body.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use flate2::bufread::MultiGzDecoder;
use rhai::{Dynamic, INT};

use super::options::{Options, Refused};
use super::response::{Answer, Body, HttpResponse};
use crate::effects::{Failure, Request, Response, Url, world};
use crate::library::{Fallible, thrown};
use crate::memory;
use crate::time::Time;

/// The first pause between attempts; each next one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Headers that a request keeps when it is sent on to somebody else: none that could be a secret.
const HARMLESS: [&str; 7] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "content-type",
    "if-modified-since",
    "range",
    "user-agent",
];

/// Makes the call that was asked for.
pub fn call(options: Result<Options, Refused>) -> Fallible<HttpResponse> {
    let options = options.map_err(|refused| {
        let Refused { failure, method, url } = refused;
        thrown(&failure, [("method", method.into()), ("url", url.into())])
    })?;
    let shown = options.url.shown();
    let fields = |status: Option<u16>| {
        let status = status.map_or(Dynamic::UNIT, |status| INT::from(status).into());
        [
            ("method", options.method.clone().into()),
            ("url", shown.clone().into()),
            ("status", status),
        ]
    };
    let answer = with_retries(&options).map_err(|failure| thrown(&failure, fields(None)))?;
    if options.throws_on_error && answer.status >= 400 {
        let message =
            format!("{} {shown}: the answer has status {}", options.method, answer.status);
        let failure = Failure::new("Http.Status", message);
        return Err(thrown(&failure, fields(Some(answer.status))));
    }
    Ok(HttpResponse(Rc::new(answer)))
}

fn with_retries(options: &Options) -> Result<Answer, Failure> {
    let until = Instant::now() + options.timeout;
    let mut attempt = 0;
    loop {
        let outcome = attempt_once(options, until);
        let asked_to_wait = match &outcome {
            Ok(answer) if [429, 502, 503, 504].contains(&answer.status) => retry_after(answer),
            Err(failure)
                if ["Http.ConnectFailed", "Http.ConnectionLost"].contains(&failure.error_type) =>
            {
                None
            }
            _ => return outcome,
        };
        let pause = asked_to_wait.unwrap_or_else(|| {
            let longest = (FIRST_PAUSE * (1 << attempt.min(10))).min(LONGEST_PAUSE);
            // Many functions that failed together should not come back together.
            longest.mul_f64(world().draw(|random| 0.5 + random.f64() / 2.0))
        });
        let left = until.saturating_duration_since(Instant::now());
        if attempt == options.retries || pause >= left {
            return outcome;
        }
        attempt += 1;
        world().pause(pause);
    }
}

/// How long the server asks to wait: so many seconds, or until a date (RFC 9110, 10.2.3).
fn retry_after(answer: &Answer) -> Option<Duration> {
    let value = answer.header("retry-after")?;
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = Time::parse(value.trim()).ok()?.epoch_ms();
    let now = world().now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let left = u128::try_from(until).unwrap_or(0).saturating_sub(now);
    u64::try_from(left).ok().map(Duration::from_millis)
}

/// One attempt, with the redirects that it meets.
pub fn attempt_once(options: &Options, until: Instant) -> Result<Answer, Failure> {
    let mut request = Request {
        method: options.method.clone(),
        url: options.url.clone(),
        headers: options.headers.clone(),
        body: options.body.clone(),
        timeout: options.timeout,
        aws: options.aws.as_ref().map(|(call, _)| call.clone()),
    };
    if !request.headers.iter().any(|(name, _)| name == "accept-encoding") {
        request.headers.push(("accept-encoding".into(), "gzip".into()));
    }
    let mut seen = Vec::new();
    loop {
        let what = format!("{} {}", request.method, request.url.shown());
        let failed = |error_type, why: &str| Failure::new(error_type, format!("{what}: {why}"));
        request.timeout = until.saturating_duration_since(Instant::now());
        if request.timeout.is_zero() {
            return Err(failed("Http.Timeout", "no answer in time"));
        }
        let response = match &options.aws {
            Some((_, resources)) => world().exchange_aws(&request, resources.as_deref())?,
            None => world().exchange(&request)?,
        };
        let is_redirect = [301, 302, 303, 307, 308].contains(&response.status);
        let location = response.header("location").filter(|_| is_redirect && options.redirects > 0);
        let Some(location) = location else {
            return finish(options, &request, response, until).inspect(|_| world().took_long());
        };
        let next = request.url.join(location).map_err(|why| {
            failed("Http.InvalidResponse", &format!("the redirect leads nowhere: {why}"))
        })?;
        if request.url.is_https && !next.is_https {
            let why = format!("the redirect leads from https to {}", next.shown());
            return Err(failed("Http.InsecureRedirect", &why));
        }
        seen.push((request.method.clone(), request.url.clone()));
        let status = response.status;
        drop(response);
        redirect(&mut request, status, next);
        if seen.iter().any(|(method, url)| *method == request.method && *url == request.url) {
            return Err(failed("Http.TooManyRedirects", "the redirects go in a circle"));
        }
        if seen.len() > options.redirects as usize {
            let why = format!("more than {} redirects", options.redirects);
            return Err(failed("Http.TooManyRedirects", &why));
        }
    }
}

/// What a redirect makes of a request (RFC 9110, 15.4).
fn redirect(request: &mut Request, status: u16, mut next: Url) {
    let becomes_get = match status {
        303 => !["GET", "HEAD"].contains(&request.method.as_str()),
        301 | 302 => request.method == "POST",
        _ => false,
    };
    if becomes_get {
        request.method = "GET".into();
        request.body = Rc::default();
        request.headers.retain(|(name, _)| name != "content-type");
    }
    if !next.has_origin_of(&request.url) {
        request.headers.retain(|(name, _)| HARMLESS.contains(&name.as_str()));
    }
    // Credentials in a `Location` are the server's idea, not the script's.
    next.user = None;
    request.url = next;
}

/// Reads the body to where it belongs.
fn finish(
    options: &Options,
    request: &Request,
    response: Response,
    until: Instant,
) -> Result<Answer, Failure> {
    let Response { status, mut headers, body } = response;
    let what = format!("{} {}", request.method, request.url.shown());
    let is_gzip = request.method != "HEAD"
        && headers.iter().any(|(name, value)| {
            name == "content-encoding"
                && ["gzip", "x-gzip"].contains(&value.trim().to_ascii_lowercase().as_str())
        });
    let mut length = headers
        .iter()
        .find(|(name, _)| name == "content-length" && request.method != "HEAD")
        .and_then(|(_, value)| value.parse().ok());
    let mut source: Box<dyn Read> = body;
    if is_gzip {
        let mut packed = BufReader::with_capacity(PIECE, source);
        source = match packed.fill_buf().map_err(|error| unreadable(&what, error))?.is_empty() {
            true => Box::new(packed),
            false => Box::new(MultiGzDecoder::new(packed)),
        };
        // They speak of what came, not of what the script gets.
        headers
            .retain(|(name, _)| !["content-encoding", "content-length"].contains(&name.as_str()));
        length = None;
    }
    let mut pieces = Pieces { source, what: &what, until, most: u64::MAX, taken: 0 };
    let is_good = (200..300).contains(&status);
    let body = match &options.save_to {
        Some(path) if is_good => {
            pieces.most = options.max_bytes.unwrap_or(u64::MAX);
            save(&mut pieces, path)?
        }
        _ => {
            let room = memory::limit().saturating_sub(memory::used()) as u64;
            let most = options.max_bytes.map_or(room / 4, |asked| asked.min(room / 2));
            // It is one text or blob in the end.
            pieces.most = most.min(memory::largest().saturating_sub(2 * PIECE) as u64);
            read(&mut pieces, length)?
        }
    };
    let (url, shown) = (request.url.to_string(), request.url.shown());
    Ok(Answer { status, url, shown, headers, body })
}

const PIECE: usize = 32 << 10;

/// A body that comes piece by piece, within its size and time.
struct Pieces<'a> {
    source: Box<dyn Read>,
    what: &'a str,
    until: Instant,
    most: u64,
    taken: u64,
}

impl Pieces<'_> {
    /// The length of the next piece; zero at the end.
    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        // A little that came in time may unpack to more than there is time for.
        if Instant::now() >= self.until {
            let message = format!("{}: the body did not end in time", self.what);
            return Err(Failure::new("Http.Timeout", message));
        }
        let length = loop {
            match self.source.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(self.what, error)),
                Ok(length) => break length,
            }
        };
        self.taken += length as u64;
        match self.taken > self.most {
            false => Ok(length),
            true => Err(self.too_large()),
        }
    }

    fn too_large(&self) -> Failure {
        Failure::new(
            "Http.BodyTooLarge",
            format!(
                "{}: the body has more than {} bytes; raise `max_bytes` or the function's memory, \
                 or have it written to a file by `save_to`",
                self.what, self.most
            ),
        )
    }
}

fn unreadable(what: &str, error: io::Error) -> Failure {
    match error.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) => Failure::new(
            "Http.InvalidResponse",
            format!("{what}: the body cannot be unpacked: {error}"),
        ),
    }
}

fn read(pieces: &mut Pieces, length: Option<u64>) -> Result<Body, Failure> {
    if length.is_some_and(|length| length > pieces.most) {
        return Err(pieces.too_large());
    }
    let mut bytes = Vec::with_capacity(length.unwrap_or(0) as usize);
    let mut piece = vec![0; PIECE];
    loop {
        match pieces.next(&mut piece)? {
            0 => break,
            taken => {
                if bytes.capacity() - bytes.len() < taken {
                    let most = usize::try_from(pieces.most).unwrap_or(usize::MAX);
                    let wanted = (2 * bytes.len()).clamp(PIECE, most.max(PIECE)) + PIECE;
                    bytes.reserve_exact(wanted - bytes.len());
                }
                bytes.extend_from_slice(&piece[..taken]);
            }
        }
    }
    bytes.shrink_to_fit();
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Body::Text(text.into()),
        Err(error) => Body::Bytes(error.into_bytes()),
    })
}

fn save(pieces: &mut Pieces, path: &str) -> Result<Body, Failure> {
    let world = world();
    let mut file = world.write_file(path, false)?;
    let mut piece = vec![0; PIECE];
    let mut write_all = || loop {
        match pieces.next(&mut piece)? {
            0 => return file.flush().map_err(|error| crate::effects::failed(path, &error)),
            taken => file
                .write_all(&piece[..taken])
                .map_err(|error| crate::effects::failed(path, &error))?,
        }
    };
    if let Err(failure) = write_all() {
        drop(file);
        // Half a file would pass for a whole one.
        if let Err(error) = world.remove_file(path) {
            log::warn!("the unfinished file could not be removed: {error}");
        }
        return Err(failure);
    }
    Ok(Body::Saved(pieces.taken))
}
