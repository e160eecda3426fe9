//! Finds, compiles and keeps the modules that scripts `import`.
//!
//! A module is looked for under the task root and then under the layers' root, and nowhere else:
//! an absolute path, a `..` or a symbolic link cannot lead outside.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rhai::{
    Engine, EvalAltResult, GlobalRuntimeState, ImmutableString, LexError, Module, ModuleResolver,
    ParseErrorType, Position, Scope, Shared,
};

use crate::compile;
use crate::effects::Declaration;
use crate::frames::{Frames, Wrapped};
use crate::handler::script_candidates;
use crate::{loans, memory};

/// More names of modules than any script has; of more it is looked each time where they lead.
const MOST_NAMES: usize = 1024;

/// A longer name is looked for each time.
const LONGEST_NAME: usize = 256;

/// Where scripts may be, in the order they are looked for.
#[derive(Debug)]
pub struct Roots {
    roots: Vec<PathBuf>,
    /// What was read before the first event, by the name it was asked for.
    read: RefCell<HashMap<String, Rc<Source>>>,
    is_init_over: Cell<bool>,
}

/// Where a script is.
struct Located {
    /// Without links and detours: two names that lead to one file have this in common.
    real: PathBuf,
    /// Relative to its root.
    shown: String,
}

/// A script's text and what it is called.
#[derive(Debug)]
pub struct Source {
    /// The file, relative to its root: what errors call it.
    pub file: String,
    /// The text, with a byte order mark removed and a `#!` line commented out.
    pub text: String,
}

/// How the tool makes comments of documentation.
#[cfg(feature = "tool")]
static AS_COMMENTS: once_cell::sync::OnceCell<fn(&str) -> String> =
    once_cell::sync::OnceCell::new();

/// Has scripts compiled with their documentation made comments by this, which keeps their length.
///
/// With what the tool needs of it (`rhai/metadata`) the engine reads documentation, and refuses it where
/// no function follows; that of `bootstrap` does not.
#[cfg(feature = "tool")]
pub fn documentation_is_comments(as_comments: fn(&str) -> String) {
    AS_COMMENTS.get_or_init(|| as_comments);
}

impl Source {
    /// The text as the engine takes it.
    #[cfg(not(feature = "tool"))]
    #[must_use]
    pub fn to_compile(&self) -> &str {
        &self.text
    }

    /// The text as the engine takes it.
    #[cfg(feature = "tool")]
    #[must_use]
    pub fn to_compile(&self) -> String {
        AS_COMMENTS.get().map_or_else(|| self.text.clone(), |as_comments| as_comments(&self.text))
    }
}

impl Roots {
    /// These folders, in this order.
    #[must_use]
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots, read: RefCell::default(), is_init_over: Cell::new(false) }
    }

    /// The same folders, of which nothing has been read.
    #[cfg(feature = "tool")]
    #[must_use]
    pub fn again(&self) -> Self {
        Self::new(self.roots.clone())
    }

    /// Reads the script of this name, such as `lib/money` or `lib/money.rhai`.
    ///
    /// # Errors
    /// A message that names every path tried, or says why the file that is there cannot be used.
    pub fn read(&self, name: &str) -> Result<Rc<Source>, String> {
        let name = &*normal_form(name);
        if let Some(source) = self.read.borrow().get(name) {
            return Ok(source.clone());
        }
        let source = Rc::new(self.load(self.locate(name)?)?);
        // The text of a module is needed once; that of one that is imported at init, twice.
        if !self.is_init_over.get() {
            self.read.borrow_mut().insert(name.to_owned(), source.clone());
        }
        Ok(source)
    }

    /// Keeps no texts any more.
    fn end_init(&self) {
        self.is_init_over.set(true);
        self.read.take();
    }

    fn locate(&self, name: &str) -> Result<Located, String> {
        self.check(name)?;
        for root in &self.roots {
            for path in script_candidates(root, name) {
                if path.is_file() {
                    return self.located(root, &path);
                }
            }
        }
        Err(format!("cannot find `{name}`: {}", self.tried(name)))
    }

    fn check(&self, name: &str) -> Result<(), String> {
        let why = if name.is_empty() {
            "the name is empty"
        } else if name.starts_with('/') {
            "the path is absolute"
        } else if name.contains(['\\', '\0']) {
            "the path holds a character that is not allowed"
        } else if name.split('/').any(|segment| segment == "..") {
            "the path leads upwards by `..`"
        } else {
            return Ok(());
        };
        Err(format!(
            "cannot import `{name}`: {why}; a path is relative to the task root, \
             such as \"lib/money\""
        ))
    }

    fn located(&self, root: &Path, path: &Path) -> Result<Located, String> {
        let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
        let real = path
            .canonicalize()
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let stays = self
            .roots
            .iter()
            .filter_map(|root| root.canonicalize().ok())
            .any(|root| real.starts_with(root));
        if !stays {
            return Err(format!(
                "cannot use {}: it is a link that leads outside the task root",
                path.display()
            ));
        }
        Ok(Located { real, shown })
    }

    fn load(&self, located: Located) -> Result<Source, String> {
        let Located { real, shown } = located;
        let path = real.display();
        let bytes = std::fs::read(&real).map_err(|error| format!("cannot read {path}: {error}"))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            format!("cannot read {path}: it is not UTF-8 text (byte {at})")
        })?;
        Ok(Source { file: shown, text: cleaned(text) })
    }

    /// The text of a script that errors call `file`, if it is still there.
    #[must_use]
    pub fn text_of(&self, file: &str) -> Option<String> {
        self.roots
            .iter()
            .find_map(|root| std::fs::read_to_string(root.join(file)).ok())
            .map(cleaned)
    }

    fn tried(&self, name: &str) -> String {
        let tried: Vec<String> = self
            .roots
            .iter()
            .flat_map(|root| script_candidates(root, name))
            .map(|path| path.display().to_string())
            .collect();
        let there = self.roots.first().map(|root| scripts_in(root)).unwrap_or_default();
        let there = match there.as_slice() {
            [] => "no .rhai file".to_owned(),
            names => names.join(", "),
        };
        format!("tried {}; the task root has {there}", tried.join(", "))
    }
}

/// The names of the scripts directly in a folder, sorted, at most twenty.
fn scripts_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| {
            entries
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| name.ends_with(".rhai"))
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    names.truncate(20);
    names
}

/// Without a byte order mark, and with a `#!` line made a comment of the same length.
fn cleaned(mut text: String) -> String {
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    if text.starts_with("#!") {
        text.replace_range(..2, "//");
    }
    text
}

/// A name without the steps that lead nowhere: `lib//./money` is `lib/money`. Its last step stays.
fn normal_form(name: &str) -> Cow<'_, str> {
    let leads_nowhere = |step: &&str| step.is_empty() || *step == ".";
    let Some((before, last)) = name.rsplit_once('/') else { return name.into() };
    // An absolute path stays one, and is refused as such.
    if name.starts_with('/') || !before.split('/').any(|step| leads_nowhere(&step)) {
        return name.into();
    }
    let mut normal: String = before
        .split('/')
        .filter(|step| !leads_nowhere(step))
        .flat_map(|step| [step, "/"])
        .collect();
    normal.push_str(last);
    normal.into()
}

/// The `import` of scripts: every module is compiled and run once.
pub struct Modules {
    roots: Rc<Roots>,
    frames: Rc<Frames>,
    loaded: Rc<Loaded>,
    /// The files whose top level runs, and what errors call them.
    loading: RefCell<Vec<(PathBuf, String)>>,
    /// Functions are imported as well, to be tested.
    is_of_tests: bool,
}

/// The modules that are kept, each by the file that it is, however that is called.
#[derive(Default)]
pub struct Loaded {
    /// Where the closures of all files stand.
    frames: Option<Rc<Frames>>,
    modules: RefCell<HashMap<PathBuf, Kept>>,
    /// The files that names lead to.
    names: RefCell<HashMap<String, PathBuf>>,
    late_bytes: Cell<usize>,
    is_init_over: Cell<bool>,
}

struct Kept {
    module: Shared<Module>,
    /// The closures of a module that a function imported after init.
    late: Option<Vec<ImmutableString>>,
}

impl Loaded {
    fn of_name(&self, name: &str) -> Option<Shared<Module>> {
        let names = self.names.borrow();
        self.of_file(names.get(name)?)
    }

    fn of_file(&self, file: &Path) -> Option<Shared<Module>> {
        self.modules.borrow().get(file).map(|kept| kept.module.clone())
    }

    fn remember_name(&self, name: &str, file: &Path) {
        let mut names = self.names.borrow_mut();
        if names.len() < MOST_NAMES && name.len() <= LONGEST_NAME {
            names.insert(name.to_owned(), file.to_owned());
        }
    }

    fn keep(&self, file: PathBuf, module: &Shared<Module>, wrapped: &Wrapped, bytes: usize) {
        let late = self.is_init_over.get().then(|| {
            self.late_bytes.set(self.late_bytes.get() + bytes);
            wrapped.callbacks().collect()
        });
        self.modules.borrow_mut().insert(file, Kept { module: module.clone(), late });
    }

    fn end_init(&self) {
        self.is_init_over.set(true);
    }

    /// About how many bytes the modules take that functions imported after init.
    #[must_use]
    pub fn late_bytes(&self) -> usize {
        self.late_bytes.get()
    }

    /// Drops the modules that functions imported after init, which are loaded again when they are
    /// imported again.
    pub fn forget_late(&self) {
        self.late_bytes.set(0);
        let mut modules = self.modules.take();
        let mut forgotten = Vec::new();
        let mut gone = HashSet::new();
        modules.retain(|_, kept| match kept.late.take() {
            None => true,
            Some(closures) => {
                closures.iter().for_each(|closure| loans::forget(closure));
                gone.extend(closures);
                forgotten.push(kept.module.clone());
                false
            }
        });
        if let Some(frames) = self.frames.as_ref().filter(|_| !gone.is_empty()) {
            frames.forget(&gone);
        }
        self.names.borrow_mut().retain(|_, file| modules.contains_key(file));
        self.modules.replace(modules);
        drop(forgotten);
    }
}

impl Modules {
    /// A resolver that looks under these roots.
    #[must_use]
    pub fn new(roots: Rc<Roots>, frames: Rc<Frames>) -> Self {
        let loaded = Rc::new(Loaded { frames: Some(frames.clone()), ..Loaded::default() });
        Self { roots, frames, loaded, loading: RefCell::default(), is_of_tests: false }
    }

    /// Whether these are the imports of a test, which may import a function with what it declares.
    #[must_use]
    pub fn of_tests(self, is_of_tests: bool) -> Self {
        Self { is_of_tests, ..self }
    }

    /// The modules that are kept.
    #[must_use]
    pub fn loaded(&self) -> Rc<Loaded> {
        self.loaded.clone()
    }

    fn load(
        &self,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let name = &*normal_form(path);
        if let Some(module) = self.loaded.of_name(name) {
            return Ok(module);
        }
        // The engine replaces the text of such an error by the path unless it is inside another.
        let missing = |message| {
            let inner = EvalAltResult::ErrorModuleNotFound(message, Position::NONE);
            Box::new(EvalAltResult::ErrorInModule(String::new(), inner.into(), position))
        };
        let before = memory::used();
        let file = self.roots.locate(name).map_err(missing)?.real;
        if let Some(module) = self.loaded.of_file(&file) {
            self.loaded.remember_name(name, &file);
            return Ok(module);
        }
        let source = self.roots.read(name).map_err(missing)?;
        if self.loading.borrow().iter().any(|(loading, _)| *loading == file) {
            let loading = self.loading.borrow();
            let mut chain: Vec<&str> = loading.iter().map(|(_, shown)| shown.as_str()).collect();
            chain.push(&source.file);
            return Err(missing(format!(
                "cannot import `{path}`: circular import: {}",
                chain.join(" -> ")
            )));
        }
        let inside =
            |error| Box::new(EvalAltResult::ErrorInModule(source.file.clone(), error, position));
        let checked = match self.is_of_tests {
            true => Declaration::of(&source.text).map(drop),
            false => Declaration::none_in_module(&source.text),
        };
        checked.map_err(|malformed| {
            let at = Position::new(
                u16::try_from(malformed.line).unwrap_or(u16::MAX),
                u16::try_from(malformed.column).unwrap_or(u16::MAX),
            );
            let why = ParseErrorType::BadInput(LexError::Runtime(malformed.message));
            inside(EvalAltResult::ErrorParsing(why, at).into())
        })?;
        let ast =
            compile::compile(engine, source.to_compile()).map_err(|error| inside(error.into()))?;
        let wrapped = self.frames.wrap(&ast, &source.file).map_err(|error| inside(error.into()))?;
        let module = {
            let _loading = Loading::begin(self, &file, &source.file);
            self.frames.captured().top_level(|| self.frames.run(&wrapped, engine, global))
        };
        let module: Shared<Module> = module.map_err(inside)?.into();
        drop(source);
        self.loaded.remember_name(name, &file);
        self.loaded.keep(file, &module, &wrapped, memory::used().saturating_sub(before));
        Ok(module)
    }

    /// Tells modules that are imported from now on from those of init.
    pub fn end_init(loaded: &Loaded, roots: &Roots) {
        loaded.end_init();
        roots.end_init();
    }
}

/// Marks a module as being loaded, for as long as it lives, also through a panic.
struct Loading<'a>(&'a Modules);

impl<'a> Loading<'a> {
    fn begin(modules: &'a Modules, file: &Path, shown: &str) -> Self {
        modules.loading.borrow_mut().push((file.to_owned(), shown.to_owned()));
        Self(modules)
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.loading.borrow_mut().pop();
    }
}

impl ModuleResolver for Modules {
    fn resolve(
        &self,
        engine: &Engine,
        _source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        self.load(engine, &mut engine.new_global_runtime_state(), path, position)
    }

    fn resolve_raw(
        &self,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
        _scope: &mut Scope,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        self.load(engine, global, path, position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_name_that_lead_nowhere_are_left_out_but_for_the_last() {
        for (name, normal) in [
            ("m", "m"),
            ("lib/m", "lib/m"),
            ("./m", "m"),
            ("lib/./m", "lib/m"),
            ("lib//m", "lib/m"),
            ("././lib///./m.rhai", "lib/m.rhai"),
            ("lib/m/", "lib/m/"),
            ("lib/.", "lib/."),
            ("/lib//m", "/lib//m"),
            ("", ""),
            (".", "."),
            ("lib/../m", "lib/../m"),
            ("lib/.m/x", "lib/.m/x"),
        ] {
            assert_eq!(normal_form(name), normal, "{name}");
        }
    }
}
