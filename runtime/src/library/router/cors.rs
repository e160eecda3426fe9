//! Which pages may call an API from a browser (Fetch Standard, 3.3: the CORS protocol).

use rhai::{Array, Dynamic, Map};

use crate::library::events::request::header;
use crate::library::response::Response;
use crate::library::{Fallible, plain_text};

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

#[derive(Clone)]
pub(super) struct Cors {
    /// As browsers send them; `*` for every one.
    origins: Vec<String>,
    methods: String,
    /// What a page may send; what it asks for, where this is empty.
    headers: String,
    expose: String,
    credentials: bool,
    max_age_s: String,
}

impl Cors {
    pub fn of(options: &Map) -> Result<Self, String> {
        let known = ["origins", "methods", "headers", "expose", "credentials", "max_age_s"];
        if let Some(name) = options.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("there is no option `{name}`; there are {}", known.join(", ")));
        }
        let list = |name: &str| -> Result<Vec<String>, String> {
            let values = match options.get(name) {
                None => return Ok(Vec::new()),
                Some(value) => match value.read_lock::<Array>() {
                    Some(array) => array.clone(),
                    None => vec![value.clone()],
                },
            };
            let text = |value: &Dynamic| {
                value.clone().into_immutable_string().map(|text| text.to_string())
            };
            values
                .iter()
                .map(text)
                .collect::<Result<_, _>>()
                .map_err(|kind| format!("`{name}` is text or an array of it, not {kind}"))
        };
        let or = |name: &str, default: &str| -> Result<String, String> {
            let list = list(name)?;
            Ok(if list.is_empty() { default.to_owned() } else { list.join(", ") })
        };
        let mut origins = list("origins")?;
        if origins.is_empty() {
            origins.push("*".to_owned());
        }
        for origin in &origins {
            let rest = origin.split_once("://").map_or("/", |(_, rest)| rest);
            if origin != "*" && (rest.is_empty() || rest.contains('/')) {
                return Err(format!(
                    "`{origin}` is no origin, such as `https://shop.example`, without a path"
                ));
            }
        }
        let credentials = match options.get("credentials") {
            None => false,
            Some(value) => value
                .as_bool()
                .map_err(|kind| format!("`credentials` is true or false, not {kind}"))?,
        };
        if credentials && origins.iter().any(|origin| origin == "*") {
            return Err("with credentials, the origins have to be named".to_owned());
        }
        let max_age_s = match options.get("max_age_s") {
            None => "86400".to_owned(),
            Some(value) => value
                .as_int()
                .ok()
                .filter(|seconds| *seconds >= 0)
                .and_then(|_| plain_text(value))
                .ok_or("`max_age_s` is a number of seconds")?,
        };
        Ok(Self {
            origins,
            methods: or("methods", METHODS)?,
            headers: or("headers", "")?,
            expose: or("expose", "")?,
            credentials,
            max_age_s,
        })
    }

    /// The answer to the question whether a page may send a request, if it is one.
    pub fn preflight(&self, request: &Map, origin: &str) -> Option<Response> {
        if origin.is_empty() || header(request, "access-control-request-method").is_empty() {
            return None;
        }
        let mut response = Response::new(204, "", Dynamic::UNIT);
        // None is answered with an allowance that it does not have; the browser takes that for a no.
        if self.allow(&mut response, origin).is_err() || !self.allows(origin) {
            return Some(response);
        }
        let asked = header(request, "access-control-request-headers");
        let headers = if self.headers.is_empty() { asked.as_str() } else { &self.headers };
        for (name, value) in [
            ("access-control-allow-methods", self.methods.as_str()),
            ("access-control-allow-headers", headers),
            ("access-control-max-age", self.max_age_s.as_str()),
        ] {
            if !value.is_empty() {
                // What the client has sent may be no value of a header.
                let _ = response.set(name, &value.to_owned().into());
            }
        }
        Some(response)
    }

    fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(origin))
    }

    /// Says in a response whether a page of this origin may read it.
    pub fn allow(&self, response: &mut Response, origin: &str) -> Fallible<()> {
        let is_for_all = self.origins.iter().any(|known| known == "*");
        if !is_for_all {
            // A cache must not give one origin what was meant for another.
            let vary = match response.header("vary") {
                Some(vary) if vary.to_lowercase().contains("origin") => vary.to_owned(),
                Some(vary) => format!("{vary}, origin"),
                None => "origin".to_owned(),
            };
            response.set("vary", &vary.into())?;
        }
        if origin.is_empty() || !self.allows(origin) {
            return Ok(());
        }
        let allowed = if is_for_all { "*" } else { origin };
        response.set("access-control-allow-origin", &allowed.to_owned().into())?;
        if self.credentials {
            response.set("access-control-allow-credentials", &"true".into())?;
        }
        if !self.expose.is_empty() {
            response.set("access-control-expose-headers", &self.expose.clone().into())?;
        }
        Ok(())
    }
}
