//! The native functions that scripts can call, by name and by the types of what they take: for "did you
//! mean", and to say what a function takes.
//!
//! The engine keeps only hashes of them unless it is built with metadata, which stays out of
//! `bootstrap`, and a script is taught no more than it names. `make docs` writes the list from the
//! engine itself.

/// One line for each name, sorted: the name, and behind a space what it takes, by `|` between the ways to
/// call it and `,` between the parameters; `!` where it changes its first parameter and returns nothing.
const LIST: &str = include_str!("names.txt");

/// What the language has by itself.
const BUILT_IN: [&str; 12] = [
    "Fn",
    "call",
    "curry",
    "debug",
    "eval",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "print",
    "remaining_ms",
    "sleep",
    "type_of",
];

/// One way to call a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way<'a> {
    /// The types of the parameters, as `type_of` says them.
    pub parameters: Vec<&'a str>,
    /// It changes its first parameter, and returns nothing.
    pub is_in_place: bool,
}

/// The ways to call a function, with its module before the name, if it is in one. `None` where there is
/// none of that name; none of them where they are not known.
#[must_use]
pub fn ways(name: &str) -> Option<Vec<Way<'static>>> {
    let line = LIST.lines().find(|line| line.split(' ').next() == Some(name));
    match line {
        Some(line) => Some(ways_in(line.split_once(' ').map_or("", |(_, ways)| ways))),
        None if BUILT_IN.contains(&name) => Some(Vec::new()),
        None => None,
    }
}

fn ways_in(text: &str) -> Vec<Way<'_>> {
    text.split('|')
        .map(|way| Way {
            parameters: way
                .trim_start_matches('!')
                .split(',')
                .filter(|parameter| !parameter.is_empty())
                .collect(),
            is_in_place: way.starts_with('!'),
        })
        .collect()
}

/// The names of the functions outside of modules, each with the ways to call it.
pub fn globals() -> impl Iterator<Item = (&'static str, Vec<Way<'static>>)> {
    LIST.lines().filter_map(|line| {
        let (name, ways) = line.split_once(' ').unwrap_or((line, ""));
        (!name.contains("::")).then(|| (name, ways_in(ways)))
    })
}

/// The names of what the language has by itself.
pub fn built_in() -> impl Iterator<Item = &'static str> {
    BUILT_IN.into_iter()
}

/// The names of the functions of a module; none where there is no such module.
pub fn in_module(module: &str) -> impl Iterator<Item = &'static str> {
    LIST.lines().filter_map(move |line| {
        let name = line.split(' ').next()?.strip_prefix(module)?;
        name.strip_prefix("::")
    })
}

/// The modules that have a function of this name.
pub fn modules_with(name: &str) -> impl Iterator<Item = &'static str> {
    LIST.lines().filter_map(move |line| {
        let (module, function) = line.split(' ').next()?.split_once("::")?;
        (function == name).then_some(module)
    })
}

/// Whether the library has a module of this name.
#[must_use]
pub fn is_module(name: &str) -> bool {
    in_module(name).next().is_some()
}

/// The names of the library's modules; each may come several times.
pub fn modules() -> impl Iterator<Item = &'static str> {
    LIST.lines().filter_map(|line| Some(line.split(' ').next()?.split_once("::")?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_known_with_what_they_take_and_whether_they_work_in_place() {
        let trim = ways("trim").unwrap();
        assert_eq!(trim, [Way { parameters: vec!["string"], is_in_place: true }]);
        let decode = ways("base64::decode").unwrap();
        assert_eq!(decode, [Way { parameters: vec!["string"], is_in_place: false }]);
        assert_eq!(ways("no_such_function"), None);
        assert_eq!(ways("type_of"), Some(Vec::new()));
        assert!(is_module("http") && !is_module("htt") && !is_module("trim"));
        assert!(in_module("hex").any(|name| name == "encode"));
    }
}
