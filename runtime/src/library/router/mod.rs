//! The module `router`: functions for the paths and methods of an HTTP API.
//!
//! Its routes are told at the top level of a script, once for all invocations; `router::serve` is what
//! the handler calls.

mod cors;
mod fresh;
mod routes;

use std::cell::RefCell;
use std::rc::Rc;

use rhai::plugin::*;
use rhai::{Dynamic, Engine, FnPtr, ImmutableString, Map};

use self::cors::Cors;
use self::routes::{Found, Routes};
use super::events::request;
use super::native::exported;
use super::response::Response;
use super::{Fallible, Part, stream, thrown};
use crate::caught;
use crate::effects::Failure;
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["router"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("router", "Router.Invalid", engine, vocabulary);
}

/// What a script has told of its API.
#[derive(Clone, Default)]
struct Router {
    routes: Routes<FnPtr>,
    before: Vec<FnPtr>,
    after: Vec<FnPtr>,
    on_error: Option<FnPtr>,
    cors: Option<Cors>,
    /// What all paths begin with, without a `/` at its end.
    base: String,
}

thread_local! {
    static ROUTER: RefCell<Rc<Router>> = RefCell::default();
    /// Whether the top level has ended, or a request has been served: what a function told then would
    /// answer later events.
    static IS_SERVING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Begins a top level, which has no routes yet.
pub(in crate::library) fn begin_init() {
    IS_SERVING.set(false);
    drop(ROUTER.take());
}

/// Ends the top level.
pub(in crate::library) fn end_init() {
    IS_SERVING.set(true);
}

fn invalid(message: String) -> Box<EvalAltResult> {
    thrown(&Failure::new("Router.Invalid", message), [])
}

fn tell(what: &str, change: impl FnOnce(&mut Router) -> Result<(), String>) -> Fallible<()> {
    if IS_SERVING.get() {
        return Err(invalid(format!(
            "router::{what} belongs to the top level of the script, where it is called once; in a \
             function, it would answer later events too"
        )));
    }
    ROUTER
        .with_borrow_mut(|router| change(Rc::make_mut(router)))
        .map_err(|message| invalid(format!("router::{what}: {message}")))
}

fn add(what: &str, method: &str, path: &str, function: FnPtr) -> Fallible<()> {
    tell(what, |router| router.routes.add(method, path, function))
}

impl Router {
    /// Answers a request. The errors of its functions come out, unless one is told of them.
    fn answer(&self, context: &NativeCallContext, mut request: Map) -> Fallible<Dynamic> {
        let method = text(&request, "method");
        let origin = request::header(&request, "origin");
        if let Some(cors) = &self.cors
            && method == "OPTIONS"
            && let Some(response) = cors.preflight(&request, &origin)
        {
            return Ok(Dynamic::from(response));
        }
        let answered = match self.run(context, &mut request, &method) {
            Ok(response) => Ok(response),
            Err(error) => self.excuse(context, &request, error),
        };
        let mut response = answered?;
        // What a function has streamed is on its way, and nothing can be added.
        if stream::is_used() {
            return Ok(Dynamic::UNIT);
        }
        for function in &self.after {
            let answer: Dynamic = function
                .call_within_context(context, (request.clone(), Dynamic::from(response.clone())))?;
            if !answer.is_unit() {
                response = Response::of(answer)?;
            }
        }
        if let Some(cors) = &self.cors {
            cors.allow(&mut response, &origin)?;
        }
        if matches!(method.as_str(), "GET" | "HEAD") {
            response = fresh::or_not_modified(response, &request)?;
        }
        if method == "HEAD" {
            response.body = Dynamic::UNIT;
        }
        Ok(Dynamic::from(response))
    }

    /// What is before a route's function, and that.
    fn run(
        &self,
        context: &NativeCallContext,
        request: &mut Map,
        method: &str,
    ) -> Fallible<Response> {
        for function in &self.before {
            let answer: Dynamic = function.call_within_context(context, (request.clone(),))?;
            if answer.is::<Response>() {
                return Response::of(answer);
            }
            if answer.is_unit() {
                continue;
            }
            let kind = answer.type_name();
            *request = answer.try_cast::<Map>().ok_or_else(|| {
                invalid(format!(
                    "what is called before returns the request, a response or `()`, not {kind}"
                ))
            })?;
        }
        let path = text(request, "path");
        let path = match path.strip_prefix(self.base.as_str()) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ => return message(404, "Not Found"),
        };
        match self.routes.find(method, path) {
            Found::Function { function, params, route } => {
                // What API Gateway has matched stays, under names that the route does not have.
                let known = request.remove("params").and_then(Dynamic::try_cast::<Map>);
                let mut all = known.unwrap_or_default();
                all.extend(params.into_iter().map(|(name, value)| (name.into(), value.into())));
                request.insert("params".into(), all.into());
                request.insert("route".into(), route.into());
                Response::of(function.call_within_context(context, (request.clone(),))?)
            }
            Found::OtherMethods(methods) if method == "OPTIONS" => {
                let mut response = Response::new(204, "", Dynamic::UNIT);
                response.set("allow", &methods.into())?;
                Ok(response)
            }
            Found::OtherMethods(methods) => {
                let mut response = message(405, "Method Not Allowed")?;
                response.set("allow", &methods.into())?;
                Ok(response)
            }
            Found::Nothing => message(404, "Not Found"),
        }
    }

    /// What is answered after an error.
    fn excuse(
        &self,
        context: &NativeCallContext,
        request: &Map,
        error: Box<EvalAltResult>,
    ) -> Fallible<Response> {
        // Nothing runs on past a deadline or a limit.
        if error.is_system_exception() {
            return Err(error);
        }
        let thrown = match error.unwrap_inner() {
            EvalAltResult::ErrorRuntime(value, _) => Some(value.clone()),
            _ => None,
        };
        if let Some(response) = thrown.as_ref().filter(|value| value.is::<Response>()) {
            return Response::of(response.clone());
        }
        // The client's mistake, and no failure of the function.
        let said = thrown.as_ref().and_then(|value| value.read_lock::<Map>()).and_then(|map| {
            let kind = map.get("type")?.clone().into_immutable_string().ok()?;
            let said = map.get("message")?.clone().into_immutable_string().ok()?;
            kind.starts_with("Request.").then_some(said)
        });
        if let Some(said) = said {
            return message(400, &said);
        }
        let Some(function) = &self.on_error else { return Err(error) };
        let position = error.position();
        let value = caught::by_native(context, error);
        let given = (request.clone(), value.clone());
        let answer: Dynamic = function.call_within_context(context, given)?;
        match answer.is_unit() {
            false => Response::of(answer),
            true => Err(Box::new(EvalAltResult::ErrorRuntime(value, position))),
        }
    }
}

/// As API Gateway answers where it has no function to call.
fn message(status: u16, text: &str) -> Fallible<Response> {
    let map: Map = [("message".into(), text.into())].into();
    Response::json(status, &map.into())
}

fn text(request: &Map, name: &str) -> ImmutableString {
    let text = request.get(name).and_then(|value| value.clone().into_immutable_string().ok());
    text.unwrap_or_default()
}

fn serve_request(context: &NativeCallContext, request: Map) -> Fallible<Dynamic> {
    IS_SERVING.set(true);
    let router = ROUTER.with_borrow(Rc::clone);
    router.answer(context, request)
}

/// The functions of an HTTP API by method and path. Routes are told at the top level of a script;
/// the handler calls `router::serve(event)`.
///
/// A path has names in braces: `/users/{id}`, and `/files/{path+}` for all that follows. What is
/// written out wins over a name, and a name over all that follows. Functions get the request (see
/// `events::request`) with the path's values in `request.params`, and return what a handler may:
/// a response, text, a blob, any value as JSON, or `()` for 204. A response may be thrown too.
///
/// By itself the router answers 404, 405 with `Allow`, `HEAD` and `OPTIONS`, an `If-None-Match` or
/// `If-Modified-Since` that is met by 304, and by 400 what is thrown about a malformed request.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// Has a function answer GET, and HEAD, of a path.
    ///
    /// ```rhai
    /// router::get("/users/{id}", |request| #{ id: request.params.id });
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get(path: &str, function: FnPtr) -> Fallible<()> {
        add("get", "GET", path, function)
    }

    /// Has a function answer POST of a path.
    ///
    /// ```rhai
    /// router::post("/users", |request| response::json(201, request.json()));
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn post(path: &str, function: FnPtr) -> Fallible<()> {
        add("post", "POST", path, function)
    }

    /// Has a function answer PUT of a path.
    ///
    /// ```rhai
    /// router::put("/users/{id}", |request| request.json());
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn put(path: &str, function: FnPtr) -> Fallible<()> {
        add("put", "PUT", path, function)
    }

    /// Has a function answer PATCH of a path.
    ///
    /// ```rhai
    /// router::patch("/users/{id}", |request| request.json());
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn patch(path: &str, function: FnPtr) -> Fallible<()> {
        add("patch", "PATCH", path, function)
    }

    /// Has a function answer DELETE of a path.
    ///
    /// ```rhai
    /// router::delete("/users/{id}", |request| ());
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn delete(path: &str, function: FnPtr) -> Fallible<()> {
        add("delete", "DELETE", path, function)
    }

    /// Has a function answer every method of a path that no other route has.
    ///
    /// ```rhai
    /// router::any("/{path+}", |request| response::text(404, "no such page"));
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn any(path: &str, function: FnPtr) -> Fallible<()> {
        add("any", "", path, function)
    }

    /// Has a function answer another method of a path, such as those of WebSockets.
    ///
    /// ```rhai
    /// router::on("CONNECT", "/$connect", |request| ());
    /// router::on("get in", "/", |request| ()); // => error: no method
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn on(method: &str, path: &str, function: FnPtr) -> Fallible<()> {
        add("on", method, path, function)
    }

    /// Has a function called before each route's. It returns `()` to go on, a request to go on with, or
    /// a response, made by the module `response`, that ends it.
    ///
    /// ```rhai
    /// router::before(|request| if request.claims.is_empty() { throw response::text(401, "who?") });
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn before(function: FnPtr) -> Fallible<()> {
        tell("before", |router| {
            router.before.push(function);
            Ok(())
        })
    }

    /// Has a function called after each route's, with the request and its response; it returns
    /// another one, or `()` to leave it.
    ///
    /// ```rhai
    /// router::after(|request, response| response.header("x-request", request.id));
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn after(function: FnPtr) -> Fallible<()> {
        tell("after", |router| {
            router.after.push(function);
            Ok(())
        })
    }

    /// Has a function called with the request and what was thrown; what it returns is answered. With
    /// `()` the invocation fails, as it does without such a function. A request that is malformed has
    /// been answered by 400 before.
    ///
    /// ```rhai
    /// router::error(|request, error| response::json(500, #{ message: "sorry" }));
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn error(function: FnPtr) -> Fallible<()> {
        tell("error", |router| match router.on_error.replace(function) {
            None => Ok(()),
            Some(_) => Err("there is one already".to_owned()),
        })
    }

    /// Lets pages of every origin call the API, without credentials.
    ///
    /// ```rhai
    /// router::cors();
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn cors() -> Fallible<()> {
        cors_of(Map::new())
    }

    /// Lets pages of some origins call the API. The options are `origins` (text or an array; `*` is
    /// all), `methods`, `headers` (what a page may send), `expose` (what it may read), `credentials`
    /// (true for cookies) and `max_age_s`.
    ///
    /// ```rhai
    /// router::cors(#{ origins: ["https://shop.example"], credentials: true, max_age_s: 600 });
    /// router::cors(#{ origin: "*" }); // => error: no option `origin`
    /// ```
    #[rhai_fn(name = "cors", volatile, return_raw)]
    pub fn cors_of(options: Map) -> Fallible<()> {
        tell("cors", |router| {
            router.cors = Some(Cors::of(&options)?);
            Ok(())
        })
    }

    /// What all paths begin with, such as the base path of a custom domain.
    ///
    /// ```rhai
    /// router::base("/v1");
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn base(path: &str) -> Fallible<()> {
        tell("base", |router| {
            if !path.starts_with('/') {
                return Err(format!("`{path}` does not begin with a `/`"));
            }
            router.base = path.trim_end_matches('/').to_owned();
            Ok(())
        })
    }

    /// The response to the request that an event brings.
    ///
    /// ```rhai
    /// router::serve(#{ "detail-type": "Scheduled Event" }); // => error: no HTTP request
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn serve(context: NativeCallContext, event: Dynamic) -> Fallible<Dynamic> {
        serve_request(&context, request::of(event)?)
    }

    /// The same, with Lambda's context in `request.context`.
    ///
    /// ```rhai
    /// router::serve(#{}, ()); // => error: no HTTP request
    /// ```
    #[rhai_fn(name = "serve", volatile, return_raw)]
    pub fn serve_with(
        context: NativeCallContext,
        event: Dynamic,
        lambda_context: Dynamic,
    ) -> Fallible<Dynamic> {
        let mut request = request::of(event)?;
        request.insert("context".into(), lambda_context);
        serve_request(&context, request)
    }
}
