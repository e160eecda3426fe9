//! What a script finds at hand beyond the language: one file a part.

mod aws;
mod base64;
mod batch;
mod cache;
mod collections;
mod crypto;
mod csv;
mod custom_resource;
mod decoder;
mod env;
mod events;
mod fs;
mod grow;
mod gzip;
mod hex;
mod http;
mod iterable;
mod json;
mod jwt;
mod keys;
mod log;
mod metrics;
mod native;
mod number;
mod random;
mod regex;
mod response;
mod router;
mod schema;
mod sequences;
mod stream;
mod strings;
mod text;
mod time;
mod url;
mod uuid;
mod webhook;
mod xml;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod stage;

#[cfg(feature = "tool")]
pub use aws::resources_of as aws_resources;
use rhai::{Dynamic, Engine, EvalAltResult, INT, Map, Position};

use crate::description;
use crate::effects::Failure;
use crate::json::BigInteger;
use crate::vocabulary::Vocabulary;

/// One part of the library.
struct Part {
    /// A script that uses none of these words cannot reach the part, and does not pay for it.
    words: &'static [&'static str],
    register: fn(&mut Engine, &Vocabulary),
}

const PARTS: &[Part] = &[
    aws::PART,
    aws::dynamodb::PART,
    aws::messages::EVENTBRIDGE,
    aws::messages::LAMBDA,
    aws::messages::SFN,
    aws::messages::SNS,
    aws::others::BEDROCK,
    aws::others::KMS,
    aws::others::SES,
    aws::parameters::KEPT,
    aws::parameters::SECRETS,
    aws::parameters::SSM,
    aws::s3::PART,
    aws::sqs::PART,
    base64::PART,
    batch::PART,
    cache::PART,
    collections::PART,
    crypto::PART,
    csv::PART,
    custom_resource::PART,
    env::PART,
    events::PART,
    fs::PART,
    gzip::PART,
    hex::PART,
    http::PART,
    json::MODULE,
    json::VALUES,
    jwt::PART,
    log::PART,
    metrics::PART,
    number::PART,
    random::PART,
    regex::PART,
    response::PART,
    router::PART,
    schema::PART,
    sequences::PART,
    stream::PART,
    strings::PART,
    text::PART,
    time::PART,
    url::PART,
    uuid::PART,
    webhook::PART,
    xml::PART,
];

/// What a function of the library gives.
type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// A failure as a script catches it: a map with `type`, `message` and these fields, but not those
/// that are `()`.
fn thrown<const N: usize>(failure: &Failure, fields: [(&str, Dynamic); N]) -> Box<EvalAltResult> {
    let mut map: Map = [
        ("type".into(), failure.error_type.into()),
        ("message".into(), description::without_paths(&failure.message).into()),
    ]
    .into();
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_unit()) {
        map.insert(name.into(), value);
    }
    Box::new(EvalAltResult::ErrorRuntime(map.into(), Position::NONE))
}

/// The same for data that a function cannot read.
fn malformed<const N: usize>(
    error_type: &'static str,
    message: impl Into<String>,
    fields: [(&str, Dynamic); N],
) -> Box<EvalAltResult> {
    thrown(&Failure::new(error_type, message), fields)
}

/// A number of bytes, lines or columns as a script has it.
fn counted(number: usize) -> Dynamic {
    Dynamic::from_int(INT::try_from(number).unwrap_or(INT::MAX))
}

/// What a thrown value says: its message, or itself where it is text.
fn said(value: &Dynamic) -> String {
    if let Some(map) = value.read_lock::<Map>() {
        return map.get("message").map(ToString::to_string).unwrap_or_default();
    }
    value.as_immutable_string_ref().map(|text| text.to_string()).unwrap_or_default()
}

pub use cache::each as each_cached;
pub use crypto::{hmac_of, sha256_hex};
pub use custom_resource::reply_to;
pub use events::request::Front;
pub use gzip::compress as gzip;
pub(crate) use iterable::iterable;
use iterable::{in_row, register as register_iterable};
pub use jwt::each_key_set;
pub use metrics::flush as flush_metrics;
pub use regex::forget as forget_patterns;
pub use response::shaped;
pub use stream::{finish as finish_stream, is_used as is_streaming, offer as offer_stream};
#[cfg(feature = "tool")]
pub use {cache::keep_again as cache_again, jwt::keep_key_set};

/// Empties the cache, and says whether there was something in it.
pub fn clear_cache() -> bool {
    jwt::forget_sets();
    cache::clear()
}

/// About how many bytes the cache holds.
#[must_use]
pub fn cached_bytes() -> usize {
    cache::bytes()
}

/// Begins a script's top level, which nothing that another script told is left for.
pub fn begin_init() {
    router::begin_init();
}

/// Ends a script's top level.
pub fn end_init() {
    router::end_init();
    metrics::end_init();
}

/// Forgets what belongs to one event.
pub fn end_event() {
    stream::end();
    metrics::end_event();
}

/// Teaches an engine what the vocabulary can reach of the library.
pub fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    log::handle_print(engine);
    json::name_numbers(engine);
    for part in PARTS {
        if part.words.iter().any(|word| vocabulary.has(word)) {
            (part.register)(engine, vocabulary);
        }
    }
}

/// An engine with the whole library, to be described.
#[cfg(feature = "tool")]
#[must_use]
pub fn whole() -> Engine {
    let mut engine = Engine::new();
    // With this word in it, a source has all words.
    let vocabulary = Vocabulary::of("eval", &crate::modules::Roots::new(Vec::new()));
    register(&mut engine, &vocabulary);
    engine
}

impl From<Failure> for Box<EvalAltResult> {
    fn from(failure: Failure) -> Self {
        thrown(&failure, [])
    }
}

/// Text, numbers and booleans as text.
fn plain_text(value: &Dynamic) -> Option<String> {
    let is_plain = value.is_string()
        || value.is_char()
        || value.is_bool()
        || value.is::<INT>()
        || value.is::<f64>()
        || value.is::<BigInteger>();
    if let Some(number) = value.read_lock::<BigInteger>() {
        return Some(number.to_string());
    }
    is_plain.then(|| value.to_string())
}
