//! Paths with names in them, and which of them a request means.

/// A step of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    Text(String),
    /// `{name}`: one step, whatever it is.
    Name(String),
    /// `{name+}`: this step and all that follow.
    Rest(String),
}

#[derive(Clone)]
struct Route<F> {
    steps: Vec<Step>,
    path: String,
    /// In capitals; empty for every one.
    method: String,
    function: F,
}

/// The routes of an API.
#[derive(Clone)]
pub struct Routes<F>(Vec<Route<F>>);

impl<F> Default for Routes<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What there is for a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a, F> {
    /// A function, and the values of the path's names.
    Function {
        function: &'a F,
        params: Vec<(String, String)>,
        route: String,
    },
    /// Nothing for this method, but for these.
    OtherMethods(String),
    Nothing,
}

impl<F> Routes<F> {
    /// Adds a route.
    ///
    /// # Errors
    /// What is wrong with the method or the path.
    pub fn add(&mut self, method: &str, path: &str, function: F) -> Result<(), String> {
        if !method.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-') {
            return Err(format!("`{method}` is no method of HTTP"));
        }
        let method = method.to_ascii_uppercase();
        let steps = steps_of(path)?;
        let same_names = |one: &[Step]| {
            one.len() == steps.len()
                && one.iter().zip(&steps).all(|(one, other)| match (one, other) {
                    (Step::Text(one), Step::Text(other)) => one == other,
                    (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
                })
        };
        if self.0.iter().any(|route| route.method == method && same_names(&route.steps)) {
            return Err(format!("there is a route for {method} {path} already"));
        }
        self.0.push(Route { steps, path: path.to_owned(), method, function });
        Ok(())
    }

    /// What there is for a method and a path as it was sent.
    pub fn find(&self, method: &str, path: &str) -> Found<'_, F> {
        // One at the end is not told from none.
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let sent: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
        let fitting: Vec<&Route<F>> =
            self.0.iter().filter(|route| fits(&route.steps, &sent)).collect();
        // HEAD is answered by GET where nothing else does.
        let ways: &[&str] = match method {
            "HEAD" => &["HEAD", "GET", ""],
            _ => &[method, ""],
        };
        let rank = |route: &&&Route<F>| {
            let way = ways.iter().position(|way| *way == route.method);
            (route.steps.iter().map(Step::rank).collect::<Vec<u8>>(), way)
        };
        let best = fitting
            .iter()
            .filter(|route| ways.contains(&route.method.as_str()))
            .min_by(|one, other| rank(one).cmp(&rank(other)));
        if let Some(route) = best {
            let params = values(&route.steps, &sent);
            return Found::Function {
                function: &route.function,
                params,
                route: route.path.clone(),
            };
        }
        if fitting.is_empty() {
            return Found::Nothing;
        }
        let mut methods: Vec<&str> = fitting.iter().map(|route| route.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.sort_unstable();
        methods.dedup();
        Found::OtherMethods(methods.join(", "))
    }
}

impl Step {
    /// The more exact, the lower.
    fn rank(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Name(_) => 1,
            Self::Rest(_) => 2,
        }
    }
}

fn steps_of(path: &str) -> Result<Vec<Step>, String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("the path `{path}` does not begin with a `/`"));
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let mut steps: Vec<Step> = Vec::new();
    for text in rest.split('/') {
        if matches!(steps.last(), Some(Step::Rest(_))) {
            return Err(format!("in `{path}` something follows what takes all that follows"));
        }
        let name = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let step = match name {
            Some(name) => {
                let (name, is_rest) = match name.strip_suffix('+') {
                    Some(name) => (name, true),
                    None => (name, false),
                };
                let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                if name.is_empty() || !name.bytes().all(is_of_name) {
                    return Err(format!("`{text}` in `{path}` is no name in braces"));
                }
                let is_there = |step: &Step| match step {
                    Step::Name(known) | Step::Rest(known) => known == name,
                    Step::Text(_) => false,
                };
                if steps.iter().any(is_there) {
                    return Err(format!("`{path}` has the name `{name}` twice"));
                }
                if is_rest { Step::Rest(name.to_owned()) } else { Step::Name(name.to_owned()) }
            }
            None if text.contains(['{', '}']) => {
                return Err(format!("`{text}` in `{path}` has to be text or one name in braces"));
            }
            None => Step::Text(text.to_owned()),
        };
        steps.push(step);
    }
    Ok(steps)
}

fn fits(steps: &[Step], sent: &[&str]) -> bool {
    let mut sent = sent.iter();
    for step in steps {
        let Some(text) = sent.next() else { return false };
        match step {
            Step::Text(known) if known == text || *known == decoded(text) => {}
            Step::Text(_) => return false,
            Step::Name(_) if text.is_empty() => return false,
            Step::Name(_) => {}
            Step::Rest(_) => return true,
        }
    }
    sent.next().is_none()
}

/// The values of a path's names, decoded. What takes all that follows keeps its slashes.
fn values(steps: &[Step], sent: &[&str]) -> Vec<(String, String)> {
    let mut values = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Text(_) => {}
            Step::Name(name) => values.push((name.clone(), decoded(sent[index]))),
            Step::Rest(name) => {
                let rest: Vec<String> = sent[index..].iter().map(|text| decoded(text)).collect();
                values.push((name.clone(), rest.join("/")));
            }
        }
    }
    values
}

/// A step as it is meant. One bad escape of it changes nothing else.
fn decoded(text: &str) -> String {
    let decoded = crate::library::url::decoded_loosely(text);
    decoded.map_or_else(|_| text.to_owned(), |text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(all: &[(&str, &str)]) -> Routes<usize> {
        let mut routes = Routes::default();
        for (index, (method, path)) in all.iter().enumerate() {
            routes.add(method, path, index).unwrap();
        }
        routes
    }

    fn found(routes: &Routes<usize>, method: &str, path: &str) -> String {
        match routes.find(method, path) {
            Found::Function { function, params, .. } => {
                let params: Vec<String> =
                    params.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{function} {}", params.join(" ")).trim_end().to_owned()
            }
            Found::OtherMethods(methods) => methods,
            Found::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn what_is_written_out_wins_over_names_and_names_over_the_rest() {
        let routes = routes(&[
            ("GET", "/{path+}"),
            ("GET", "/users/{id}"),
            ("GET", "/users/me"),
            ("", "/users/{id}/{what}"),
            ("POST", "/users/"),
            ("GET", "/"),
            ("HEAD", "/users/me"),
        ]);
        for (method, path, expected) in [
            ("GET", "/users/me", "2"),
            ("HEAD", "/users/me", "6"),
            ("GET", "/users/me/", "2"),
            ("GET", "/users/7", "1 id=7"),
            ("HEAD", "/users/7", "1 id=7"),
            ("GET", "/users/a%2Fb%20c", "1 id=a/b c"),
            ("GET", "/users/100%", "1 id=100%"),
            ("GET", "/users/50%off%20%26", "1 id=50%off &"),
            ("GET", "/users/%zz%2541", "1 id=%zz%41"),
            ("GET", "/users/caf%E9%21", "1 id=caf\u{FFFD}!"),
            ("PUT", "/users/7/name", "3 id=7 what=name"),
            ("GET", "/users/7/a/b", "0 path=users/7/a/b"),
            ("GET", "/users//", "0 path=users/"),
            ("GET", "/%75sers/me", "2"),
            ("GET", "/", "5"),
            ("GET", "", "5"),
            ("POST", "/users", "4"),
            ("DELETE", "/users", "GET, HEAD, OPTIONS, POST"),
            ("DELETE", "/users/7", "GET, HEAD, OPTIONS"),
        ] {
            assert_eq!(found(&routes, method, path), expected, "{method} {path}");
        }
        assert_eq!(found(&Routes::default(), "GET", "/"), "nothing");
    }

    #[test]
    fn a_route_that_cannot_be_meant_is_refused() {
        let mut routes = routes(&[("GET", "/users/{id}")]);
        for (method, path, says) in [
            ("GET", "users", "does not begin with a `/`"),
            ("GET", "/{a+}/b", "something follows"),
            ("GET", "/{}", "no name in braces"),
            ("GET", "/{a-b}", "no name in braces"),
            ("GET", "/x{a}", "one name in braces"),
            ("GET", "/{a}/{a}", "twice"),
            ("G T", "/", "no method"),
            ("get", "/users/{other}/", "already"),
        ] {
            let said = routes.add(method, path, 9).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
    }
}
