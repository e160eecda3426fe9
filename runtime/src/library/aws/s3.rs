//! The module `s3`: objects of any size, in memory or from and to `/tmp`.

use std::io::Read;

use rhai::plugin::*;
use rhai::{Array, Blob, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map};

use super::exchange::{Ask, refused, send};
use super::take::Take;
use super::{Common, DEFAULT_RETRIES, good_for, invalid, presigned};
use crate::aws::sigv4::encoded;
use crate::aws::{self, Call};
use crate::bounds::in_time;
use crate::effects::{Failure, failed, world};
use crate::library::http::{Answer, Body, Options};
use crate::library::native::exported;
use crate::library::{Fallible, Part, grow, plain_text, xml};
use crate::vocabulary::Vocabulary;
use crate::{json, memory};

pub(in crate::library) const PART: Part = Part { words: &["s3"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("s3", engine, vocabulary);
}

const SERVICE: &str = "s3";

/// A part of a multipart upload; the least that S3 takes is 5 MiB.
const PART_BYTES: usize = 8 << 20;
/// S3 takes no more parts.
const MOST_PARTS: u64 = 10_000;

/// Objects of S3. All functions take the options `region`, `endpoint`, `timeout_ms`, `retries` and
/// `max_bytes` of `aws::call`, too.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// An object as a blob. One that is not there is thrown as `NoSuchKey`.
    ///
    /// ```rhai
    /// s3::get("reports", "2026/may.csv").len; // => 8
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get(bucket: Text, key: Text) -> Fallible<Dynamic> {
        super::get(&bucket, &key, &Map::new())
    }

    /// An object as a blob. Options: `save_to`, a path below `/tmp` that it is written to piece by piece,
    /// whatever its size, and the function gives that size; `range`, such as `"bytes=0-99"`; `version`.
    ///
    /// ```rhai
    /// s3::get("reports", "2026/may.csv", #{ save_to: "/tmp/may.csv" }); // => 8
    /// ```
    #[rhai_fn(name = "get", volatile, return_raw)]
    pub fn get_with(bucket: Text, key: Text, options: Map) -> Fallible<Dynamic> {
        super::get(&bucket, &key, &options)
    }

    /// An object as text, which is UTF-8.
    ///
    /// ```rhai
    /// s3::get_text("reports", "2026/may.csv"); // => "a,b\n1,2\n"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get_text(bucket: Text, key: Text) -> Fallible<Text> {
        super::get_text(&bucket, &key)
    }

    /// The value that an object says in JSON.
    ///
    /// ```rhai
    /// s3::get_json("reports", "config.json").retries; // => 3
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get_json(bucket: Text, key: Text) -> Fallible<Dynamic> {
        super::get_json(&bucket, &key)
    }

    /// Writes an object: text or a blob as it is, a map or an array as JSON.
    ///
    /// ```rhai
    /// s3::put("reports", "hello.txt", "hello");
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn put(bucket: Text, key: Text, body: Dynamic) -> Fallible<Map> {
        super::put(&bucket, &key, &body, &Map::new())
    }

    /// Writes an object, and gives a map with its `etag` and, where the bucket has versions, `version`.
    /// Options: `content_type`; `metadata`, a map of text; `unless_exists: true`, with which
    /// `PreconditionFailed` is thrown where it is there already; `if_match`, its etag; `cache_control`;
    /// `headers`, others that S3 knows.
    ///
    /// ```rhai
    /// let options = #{ content_type: "text/csv", metadata: #{ source: "shop" }, unless_exists: true };
    /// s3::put("reports", "june.csv", "a,b\n", options).etag; // => "9a0364b9e99bb480dd25e1f0284c8555"
    /// ```
    #[rhai_fn(name = "put", volatile, return_raw)]
    pub fn put_with(bucket: Text, key: Text, body: Dynamic, options: Map) -> Fallible<Map> {
        super::put(&bucket, &key, &body, &options)
    }

    /// Writes a file of `/tmp` or of the function as an object. A large one goes in parts, so that it
    /// takes little memory whatever its size; where one fails, nothing is left behind.
    ///
    /// ```rhai
    /// fs::write("/tmp/june.csv", "a,b\n");
    /// s3::put_file("reports", "june.csv", "/tmp/june.csv").etag; // => "9a0364b9e99bb480dd25e1f0284c8555"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn put_file(bucket: Text, key: Text, path: Text) -> Fallible<Map> {
        super::put_file(&bucket, &key, &path, &Map::new())
    }

    /// The same with the options of `put`.
    ///
    /// ```rhai
    /// fs::write("/tmp/june.csv", "a,b\n");
    /// s3::put_file("reports", "june.csv", "/tmp/june.csv", #{ content_type: "text/csv" });
    /// ```
    #[rhai_fn(name = "put_file", volatile, return_raw)]
    pub fn put_file_with(bucket: Text, key: Text, path: Text, options: Map) -> Fallible<Map> {
        super::put_file(&bucket, &key, &path, &options)
    }

    /// What is known about an object, or `()` where there is none: `size`, `etag`, `content_type`,
    /// `last_modified`, `metadata`.
    ///
    /// ```rhai
    /// s3::head("reports", "2026/may.csv").size; // => 8
    /// s3::head("reports", "none"); // => ()
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn head(bucket: Text, key: Text) -> Fallible<Dynamic> {
        super::head(&bucket, &key)
    }

    /// Deletes an object. It is no error where there is none.
    ///
    /// ```rhai
    /// s3::delete("reports", "hello.txt");
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn delete(bucket: Text, key: Text) -> Fallible<()> {
        super::delete(&bucket, &key)
    }

    /// Copies an object within S3.
    ///
    /// ```rhai
    /// s3::copy("reports", "2026/may.csv", "archive", "may.csv");
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn copy(bucket: Text, key: Text, to_bucket: Text, to_key: Text) -> Fallible<()> {
        super::copy(&bucket, &key, &to_bucket, &to_key)
    }

    /// The objects whose keys begin so, from all pages: maps of `key`, `size`, `etag` and
    /// `last_modified`.
    ///
    /// ```rhai
    /// s3::list("reports", "2026/").map(|object| object.key); // => ["2026/may.csv"]
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn list(bucket: Text, prefix: Text) -> Fallible<Array> {
        let options = [("prefix".into(), prefix.into())].into();
        super::list(&bucket, &options)
    }

    /// Objects, from all pages. Options: `prefix`; `delimiter`, such as `"/"`, with which those below are
    /// told by one map with `prefix`; `after`, the key behind which it begins; `limit`, the most.
    ///
    /// ```rhai
    /// s3::list("reports", #{ prefix: "2026/", limit: 10 }).len(); // => 1
    /// ```
    #[rhai_fn(name = "list", volatile, return_raw)]
    pub fn list_with(bucket: Text, options: Map) -> Fallible<Array> {
        super::list(&bucket, &options)
    }

    /// A URL by which anybody can get an object for an hour.
    ///
    /// ```rhai
    /// s3::presign("reports", "2026/may.csv").contains("X-Amz-Signature="); // => true
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn presign(bucket: Text, key: Text) -> Fallible<Text> {
        super::presign(&bucket, &key, &Map::new())
    }

    /// A URL that is good for `expires`, seconds or text such as `"15m"`; with `method: "PUT"` for an
    /// upload, of `content_type` if that is given.
    ///
    /// ```rhai
    /// let url = s3::presign("uploads", "photo.png", #{ method: "PUT", expires: "5m" });
    /// url.starts_with("https://uploads.s3.eu-west-1.amazonaws.com/photo.png?"); // => true
    /// ```
    #[rhai_fn(name = "presign", volatile, return_raw)]
    pub fn presign_with(bucket: Text, key: Text, options: Map) -> Fallible<Text> {
        super::presign(&bucket, &key, &options)
    }
}

/// One request about a bucket or an object.
struct Asked<'a> {
    operation: &'static str,
    method: &'static str,
    bucket: &'a str,
    key: &'a str,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl<'a> Asked<'a> {
    fn new(operation: &'static str, method: &'static str, bucket: &'a str, key: &'a str) -> Self {
        let (query, headers, body) = (String::new(), Vec::new(), Vec::new());
        Self { operation, method, bucket, key, query, headers, body }
    }

    fn refuse(&self, failure: &Failure) -> Box<EvalAltResult> {
        refused(failure, SERVICE, self.operation)
    }

    fn options(self, common: &Common) -> Result<Options, Failure> {
        let is_bucket = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.chars().all(is_bucket) {
            let shown: String = self.bucket.chars().take(80).collect();
            return Err(invalid(format!(
                "`{shown}` is not the name of a bucket: it has 3 to 63 small letters, digits, dots and dashes"
            )));
        }
        if self.key.len() > 1024 {
            return Err(invalid(format!(
                "the key has {} bytes; it has at most 1024",
                self.key.len()
            )));
        }
        let endpoint = common.endpoint(&aws::service(SERVICE))?;
        let mut url = endpoint.url;
        let path = encoded(self.key, true);
        // A name with dots does not fit the certificate, one with capitals no host.
        let is_host = self
            .bucket
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let base = url.target.trim_end_matches('/').to_owned();
        url.target = match is_host && !endpoint.is_custom {
            true => {
                url.host = format!("{}.{}", self.bucket, url.host);
                format!("{base}/{path}")
            }
            false if self.key.is_empty() => format!("{base}/{}", self.bucket),
            false => format!("{base}/{}/{path}", self.bucket),
        };
        if !self.query.is_empty() {
            url.target = format!("{}?{}", url.target, self.query);
        }
        let resource = match self.key {
            "" => self.bucket.to_owned(),
            key => format!("{}/{key}", self.bucket),
        };
        let asked = Call {
            service: SERVICE.to_owned(),
            operation: self.operation.to_owned(),
            scope: endpoint.scope,
            is_anonymous: false,
            is_elsewhere: common.endpoint.is_some(),
        };
        let mut options =
            Options::to_aws(self.method, url, self.headers, self.body, asked, Some(vec![resource]));
        common.apply(&mut options);
        Ok(options)
    }

    fn send(self, common: &Common, save_to: Option<String>) -> Fallible<Answer> {
        let (operation, is_repeatable) = (self.operation, self.method != "POST");
        let mut options =
            self.options(common).map_err(|failure| refused(&failure, SERVICE, operation))?;
        options.save_to = save_to;
        let retries = common.retries.unwrap_or(DEFAULT_RETRIES);
        send(&Ask { options, retries, is_repeatable })
    }
}

fn common(take: Take, asked: &Asked) -> Fallible<Common> {
    Common::take(&mut take.rest()).map_err(|failure| asked.refuse(&failure))
}

fn blob_of(answer: Answer) -> Fallible<Blob> {
    let bytes = answer.bytes();
    crate::bounds::room_for(bytes.len(), 1)?;
    Ok(match answer.body {
        Body::Bytes(bytes) => bytes,
        _ => bytes.to_vec(),
    })
}

fn get_answer(bucket: &str, key: &str, options: &Map) -> Fallible<Answer> {
    let mut asked = Asked::new("GetObject", "GET", bucket, key);
    let mut take =
        Take::of(options, &["save_to", "range", "version"]).map_err(|why| asked.refuse(&why))?;
    let mut text = |name: &str| take.text(name);
    let (save_to, range, version) = (text("save_to")?, text("range")?, text("version")?);
    if let Some(version) = version {
        asked.query = format!("versionId={}", encoded(&version, false));
    }
    if let Some(range) = range {
        asked.headers.push(("range".into(), range.to_string()));
    }
    let common = common(take, &asked)?;
    asked.send(&common, save_to.map(|path| path.to_string()))
}

fn get(bucket: &str, key: &str, options: &Map) -> Fallible<Dynamic> {
    let answer = get_answer(bucket, key, options)?;
    match answer.body {
        Body::Saved(size) => Ok(INT::try_from(size).unwrap_or(INT::MAX).into()),
        _ => Ok(Dynamic::from_blob(blob_of(answer)?)),
    }
}

fn get_text(bucket: &str, key: &str) -> Fallible<ImmutableString> {
    let answer = get_answer(bucket, key, &Map::new())?;
    match answer.body {
        Body::Text(text) => Ok(grow::unmarked(&text)),
        _ => {
            let message = format!("s3:GetObject: `{key}` is not UTF-8 text; read it by s3::get");
            Err(refused(&Failure::new("Aws.InvalidResponse", message), SERVICE, "GetObject"))
        }
    }
}

fn get_json(bucket: &str, key: &str) -> Fallible<Dynamic> {
    let answer = get_answer(bucket, key, &Map::new())?;
    json::read_marked(answer.bytes()).map_err(|error| {
        let message = format!("s3:GetObject: `{key}` is not JSON: {error}");
        refused(&Failure::new("Aws.InvalidResponse", message), SERVICE, "GetObject")
    })
}

/// What `put` takes.
const OF_PUT: [&str; 7] = [
    "content_type",
    "metadata",
    "unless_exists",
    "if_match",
    "cache_control",
    "headers",
    "storage_class",
];

/// The headers of an object that is written.
fn put_headers(take: &mut Take, usual_type: &str) -> Result<Vec<(String, String)>, Failure> {
    let content_type = take.text("content_type")?;
    let content_type = content_type.map_or_else(|| usual_type.to_owned(), |text| text.to_string());
    let mut headers = vec![("content-type".to_owned(), content_type)];
    for (option, header) in [
        ("if_match", "if-match"),
        ("cache_control", "cache-control"),
        ("storage_class", "x-amz-storage-class"),
    ] {
        if let Some(text) = take.text(option)? {
            headers.push((header.to_owned(), text.to_string()));
        }
    }
    if take.is_on("unless_exists")? {
        headers.push(("if-none-match".to_owned(), "*".to_owned()));
    }
    for (option, prefix) in [("metadata", "x-amz-meta-"), ("headers", "")] {
        for (name, value) in take.map(option)? {
            let text = plain_text(&value).ok_or_else(|| {
                invalid(format!("`{name}` of `{option}` is text, not {}", value.type_name()))
            })?;
            let is_header = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            let is_name = |text: &str| {
                let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
                !text.is_empty() && text.bytes().all(legal)
            };
            if !is_name(&name) || !is_header(&text) {
                return Err(invalid(format!(
                    "`{name}` of `{option}` cannot be a header: names have letters, digits and dashes, values \
                     have ASCII without line ends"
                )));
            }
            headers.push((format!("{prefix}{}", name.to_ascii_lowercase()), text));
        }
    }
    Ok(headers)
}

fn told(answer: &Answer) -> Map {
    let header = |name: &str| answer.header(name).map(|value| value.trim_matches('"').to_owned());
    let mut map = Map::new();
    for (name, header) in [("etag", header("etag")), ("version", header("x-amz-version-id"))] {
        if let Some(value) = header {
            grow::put(&mut map, name, value.into());
        }
    }
    map
}

fn put(bucket: &str, key: &str, body: &Dynamic, options: &Map) -> Fallible<Map> {
    let mut asked = Asked::new("PutObject", "PUT", bucket, key);
    let mut take = Take::of(options, &OF_PUT).map_err(|why| asked.refuse(&why))?;
    let usual_type = if let Some(blob) = body.read_lock::<Blob>() {
        asked.body = blob.to_vec();
        "application/octet-stream"
    } else if body.is_map() || body.is_array() {
        json::write(body, &mut asked.body).map_err(|error| {
            asked.refuse(&invalid(format!("the body cannot be JSON: it has {error}")))
        })?;
        "application/json"
    } else {
        let text = plain_text(body).ok_or_else(|| {
            let kind = body.type_name();
            asked.refuse(&invalid(format!(
                "the body is text, a blob, a map or an array, not {kind}"
            )))
        })?;
        asked.body = text.into_bytes();
        "text/plain; charset=utf-8"
    };
    asked.headers = put_headers(&mut take, usual_type).map_err(|why| asked.refuse(&why))?;
    let common = common(take, &asked)?;
    Ok(told(&asked.send(&common, None)?))
}

/// Reads as much as fits, or all that is left.
fn fill(file: &mut dyn Read, path: &str, most: usize) -> Result<Vec<u8>, Failure> {
    if !memory::has_room_for(2 * most) {
        return Err(Failure::new(
            "Aws.InvalidRequest",
            format!(
                "the parts of an upload have {most} bytes, for which the memory that is left is too small"
            ),
        ));
    }
    let mut bytes = Vec::with_capacity(most);
    file.take(most as u64).read_to_end(&mut bytes).map_err(|error| failed(path, &error))?;
    Ok(bytes)
}

fn put_file(bucket: &str, key: &str, path: &str, options: &Map) -> Fallible<Map> {
    let mut asked = Asked::new("PutObject", "PUT", bucket, key);
    let mut take = Take::of(options, &OF_PUT).map_err(|why| asked.refuse(&why))?;
    let headers =
        put_headers(&mut take, "application/octet-stream").map_err(|why| asked.refuse(&why))?;
    let common = common(take, &asked)?;
    let size = world().file_info(path)?.map_or(0, |info| info.size);
    let mut file = world().read_file(path)?;
    let part = (PART_BYTES as u64).max(size.div_ceil(MOST_PARTS)) as usize;
    let first = fill(&mut *file, path, part.min(size as usize + 1))?;
    if size <= part as u64 {
        asked.headers = headers;
        asked.body = first;
        return Ok(told(&asked.send(&common, None)?));
    }
    // What belongs to the last request, not to the first.
    let (conditions, headers): (Vec<_>, Vec<_>) = headers
        .into_iter()
        .partition(|(name, _)| ["if-match", "if-none-match"].contains(&name.as_str()));
    let mut begin = Asked::new("CreateMultipartUpload", "POST", bucket, key);
    begin.query = "uploads=".into();
    begin.headers = headers;
    let answer = begin.send(&common, None)?;
    let upload = within(&answer, "UploadId").ok_or_else(|| {
        let message = "s3:CreateMultipartUpload: the answer has no `UploadId`";
        refused(&Failure::new("Aws.InvalidResponse", message), SERVICE, "CreateMultipartUpload")
    })?;
    let upload = encoded(&upload, false);
    let whole = parts(bucket, key, path, &mut *file, (first, part), &upload, conditions, &common);
    if whole.is_err() {
        let mut abort = Asked::new("AbortMultipartUpload", "DELETE", bucket, key);
        abort.query = format!("uploadId={upload}");
        // Parts that stay are paid for until somebody finds them.
        if abort.send(&common, None).is_err() {
            log::warn!(
                "the parts of an upload that failed could not be deleted; a lifecycle rule can do it"
            );
        }
    }
    whole
}

#[allow(clippy::too_many_arguments)] // It is one act, of which these are the parts.
fn parts(
    bucket: &str,
    key: &str,
    path: &str,
    file: &mut dyn Read,
    (mut bytes, part): (Vec<u8>, usize),
    upload: &str,
    conditions: Vec<(String, String)>,
    common: &Common,
) -> Fallible<Map> {
    let mut listed = String::from("<CompleteMultipartUpload>");
    let mut number = 1;
    while !bytes.is_empty() {
        in_time()?;
        let mut asked = Asked::new("UploadPart", "PUT", bucket, key);
        asked.query = format!("partNumber={number}&uploadId={upload}");
        asked.body = bytes;
        let answer = asked.send(common, None)?;
        let etag = told(&answer).remove("etag").unwrap_or_default();
        listed.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag}&quot;</ETag></Part>"
        ));
        number += 1;
        bytes = fill(file, path, part)?;
    }
    listed.push_str("</CompleteMultipartUpload>");
    let mut end = Asked::new("CompleteMultipartUpload", "POST", bucket, key);
    end.query = format!("uploadId={upload}");
    end.headers = conditions;
    end.headers.push(("content-type".into(), "application/xml".into()));
    end.body = listed.into_bytes();
    let answer = end.send(common, None)?;
    let mut map = told(&answer);
    match within(&answer, "ETag") {
        Some(etag) => grow::put(&mut map, "etag", etag.trim_matches('"').to_owned().into()),
        // It says 200 before it is done, and an error behind that.
        None => {
            let why = within(&answer, "Message").unwrap_or_else(|| "it says nothing".into());
            let kind = within(&answer, "Code").unwrap_or_else(|| "no code".into());
            let message = format!("s3:CompleteMultipartUpload: {kind}: {why}");
            let failure = Failure::new("Aws.InvalidResponse", message);
            return Err(refused(&failure, SERVICE, "CompleteMultipartUpload"));
        }
    }
    Ok(map)
}

/// The elements of an answer's root.
fn root(answer: &Answer) -> Map {
    let text = std::str::from_utf8(answer.bytes()).unwrap_or_default();
    let parsed = xml::parse_plainly(text).unwrap_or_default();
    parsed.into_values().find_map(|value| value.try_cast::<Map>()).unwrap_or_default()
}

/// The text of one of them.
fn within(answer: &Answer, name: &str) -> Option<String> {
    root(answer).remove(name).and_then(|value| value.into_string().ok())
}

fn head(bucket: &str, key: &str) -> Fallible<Dynamic> {
    let answer = match Asked::new("HeadObject", "HEAD", bucket, key).send(&Common::default(), None)
    {
        Ok(answer) => answer,
        Err(error) => {
            if let EvalAltResult::ErrorRuntime(value, _) = &*error {
                let status = value.read_lock::<Map>().and_then(|map| map.get("status").cloned());
                if status.is_some_and(|status| status.as_int() == Ok(404)) {
                    return Ok(Dynamic::UNIT);
                }
            }
            return Err(error);
        }
    };
    let mut map = told(&answer);
    let mut metadata = Map::new();
    for (name, value) in &answer.headers {
        match name.as_str() {
            "content-length" => {
                grow::put(&mut map, "size", value.parse::<INT>().unwrap_or_default().into());
            }
            "content-type" => grow::put(&mut map, "content_type", value.clone().into()),
            "last-modified" => grow::put(&mut map, "last_modified", moment(value)),
            name => {
                if let Some(name) = name.strip_prefix("x-amz-meta-") {
                    grow::put(&mut metadata, name, value.clone().into());
                }
            }
        }
    }
    grow::put(&mut map, "metadata", metadata.into());
    Ok(map.into())
}

/// A time, or the text where it is none.
fn moment(text: &str) -> Dynamic {
    crate::time::Time::parse(text).map_or_else(|_| text.to_owned().into(), Dynamic::from)
}

fn delete(bucket: &str, key: &str) -> Fallible<()> {
    Asked::new("DeleteObject", "DELETE", bucket, key).send(&Common::default(), None).map(|_| ())
}

fn copy(bucket: &str, key: &str, to_bucket: &str, to_key: &str) -> Fallible<()> {
    let mut asked = Asked::new("CopyObject", "PUT", to_bucket, to_key);
    world()
        .check_aws("s3", "GetObject", Some(&[format!("{bucket}/{key}")]))
        .map_err(|why| asked.refuse(&why))?;
    let source = format!("/{bucket}/{}", encoded(key, true));
    asked.headers.push(("x-amz-copy-source".into(), source));
    let answer = asked.send(&Common::default(), None)?;
    if within(&answer, "ETag").is_none() {
        let why = within(&answer, "Message").unwrap_or_else(|| "the answer has no `ETag`".into());
        let failure = Failure::new("Aws.InvalidResponse", format!("s3:CopyObject: {why}"));
        return Err(refused(&failure, SERVICE, "CopyObject"));
    }
    Ok(())
}

fn list(bucket: &str, options: &Map) -> Fallible<Array> {
    const OPERATION: &str = "ListBucket";
    let refuse = |failure: Failure| refused(&failure, SERVICE, OPERATION);
    let mut take = Take::of(options, &["prefix", "delimiter", "after", "limit"]).map_err(refuse)?;
    let mut fixed = String::from("list-type=2&encoding-type=url");
    for (option, name) in
        [("prefix", "prefix"), ("delimiter", "delimiter"), ("after", "start-after")]
    {
        if let Some(text) = take.text(option).map_err(refuse)? {
            fixed.push_str(&format!("&{name}={}", encoded(&text, false)));
        }
    }
    let limit = take.number("limit", 0, INT::MAX).map_err(refuse)?.unwrap_or(INT::MAX);
    let common = Common::take(&mut take.rest()).map_err(refuse)?;
    let mut found = Array::new();
    let mut next = String::new();
    while (found.len() as INT) < limit {
        in_time()?;
        let mut asked = Asked::new(OPERATION, "GET", bucket, "");
        let most = (limit - found.len() as INT).min(1000);
        asked.query = format!("{fixed}&max-keys={most}{next}");
        let mut page = root(&asked.send(&common, None)?);
        for (element, is_object) in [("Contents", true), ("CommonPrefixes", false)] {
            let items = page.remove(element).unwrap_or_default();
            let items = match items.is_array() {
                true => items.try_cast::<Array>().unwrap_or_default(),
                false if items.is_map() => vec![items],
                false => Array::new(),
            };
            for item in items {
                let Some(mut item) = item.try_cast::<Map>() else { continue };
                let mut map = Map::new();
                let mut text = |name: &str| item.remove(name).map(|value| value.to_string());
                if is_object {
                    let size: INT =
                        text("Size").and_then(|size| size.parse().ok()).unwrap_or_default();
                    grow::put(&mut map, "key", decoded(&text("Key").unwrap_or_default()).into());
                    grow::put(&mut map, "size", size.into());
                    let etag = text("ETag").unwrap_or_default();
                    grow::put(&mut map, "etag", etag.trim_matches('"').to_owned().into());
                    grow::put(
                        &mut map,
                        "last_modified",
                        moment(&text("LastModified").unwrap_or_default()),
                    );
                } else {
                    grow::put(
                        &mut map,
                        "prefix",
                        decoded(&text("Prefix").unwrap_or_default()).into(),
                    );
                }
                grow::push(&mut found, map.into())?;
            }
        }
        match page.remove("NextContinuationToken").map(|token| token.to_string()) {
            Some(token) if !token.is_empty() => {
                next = format!("&continuation-token={}", encoded(&token, false));
            }
            _ => break,
        }
    }
    Ok(found)
}

/// Keys come percent-encoded, since XML cannot hold every character.
fn decoded(text: &str) -> String {
    let bytes = crate::library::http::percent_decoded(&text.replace('+', " "));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn presign(bucket: &str, key: &str, options: &Map) -> Fallible<ImmutableString> {
    let mut take = Take::of(options, &["method", "expires", "content_type"])?;
    let method = take.text("method")?;
    let (operation, method) = match method.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None | Some("GET") => ("GetObject", "GET"),
        Some("PUT") => ("PutObject", "PUT"),
        Some("HEAD") => ("HeadObject", "HEAD"),
        Some("DELETE") => ("DeleteObject", "DELETE"),
        Some(other) => {
            let shown: String = other.chars().take(20).collect();
            return Err(
                invalid(format!("`method` is GET, PUT, HEAD or DELETE, not {shown}")).into()
            );
        }
    };
    let mut asked = Asked::new(operation, method, bucket, key);
    if let Some(kind) = take.text("content_type")? {
        asked.headers.push(("content-type".into(), kind.to_string()));
    }
    let expires = good_for(take.value("expires")).map_err(|why| asked.refuse(&why))?;
    let common = common(take, &asked)?;
    let options = asked.options(&common)?;
    presigned(&options, expires)
}
