//! Finds, compiles and keeps the modules that scripts `import`.
//!
//! A module is looked for under the task root and then under the layers' root, and nowhere else:
//! an absolute path, a `..` or a symbolic link cannot lead outside.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rhai::{
    Engine, EvalAltResult, GlobalRuntimeState, LexError, Module, ModuleResolver, ParseErrorType,
    Position, Scope, Shared,
};

use crate::compile;
use crate::effects::Declaration;
use crate::frames::Frames;
use crate::handler::script_candidates;

/// Where scripts may be, in the order they are looked for.
#[derive(Debug)]
pub struct Roots {
    roots: Vec<PathBuf>,
    /// What was read, by the name it was asked for.
    read: RefCell<HashMap<String, Rc<Source>>>,
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
        Self { roots, read: RefCell::default() }
    }

    /// The same folders, of which nothing has been read.
    #[cfg(feature = "tool")]
    #[must_use]
    pub fn again(&self) -> Self {
        Self::new(self.roots.clone())
    }

    /// Reads the script of this name, such as `lib/money` or `lib/money.rhai`, once.
    ///
    /// # Errors
    /// A message that names every path tried, or says why the file that is there cannot be used.
    pub fn read(&self, name: &str) -> Result<Rc<Source>, String> {
        if let Some(source) = self.read.borrow().get(name) {
            return Ok(source.clone());
        }
        let source = Rc::new(self.find(name)?);
        self.read.borrow_mut().insert(name.to_owned(), source.clone());
        Ok(source)
    }

    fn find(&self, name: &str) -> Result<Source, String> {
        self.check(name)?;
        for root in &self.roots {
            for path in script_candidates(root, name) {
                if path.is_file() {
                    return self.load(root, &path);
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

    fn load(&self, root: &Path, path: &Path) -> Result<Source, String> {
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
        let bytes = std::fs::read(&real)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            format!(
                "cannot read {}: it is not UTF-8 text (byte {})",
                path.display(),
                error.utf8_error().valid_up_to()
            )
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

/// The `import` of scripts: every module is compiled and run once.
pub struct Modules {
    roots: Rc<Roots>,
    frames: Rc<Frames>,
    loaded: RefCell<HashMap<String, Shared<Module>>>,
    loading: RefCell<Vec<String>>,
    /// Functions are imported as well, to be tested.
    is_of_tests: bool,
}

impl Modules {
    /// A resolver that looks under these roots.
    #[must_use]
    pub fn new(roots: Rc<Roots>, frames: Rc<Frames>) -> Self {
        let (loaded, loading) = (RefCell::default(), RefCell::default());
        Self { roots, frames, loaded, loading, is_of_tests: false }
    }

    /// Whether these are the imports of a test, which may import a function with what it declares.
    #[must_use]
    pub fn of_tests(self, is_of_tests: bool) -> Self {
        Self { is_of_tests, ..self }
    }

    fn load(
        &self,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        if let Some(module) = self.loaded.borrow().get(path) {
            return Ok(module.clone());
        }
        // The engine replaces the text of such an error by the path unless it is inside another.
        let missing = |message| {
            let inner = EvalAltResult::ErrorModuleNotFound(message, Position::NONE);
            Box::new(EvalAltResult::ErrorInModule(String::new(), inner.into(), position))
        };
        let source = self.roots.read(path).map_err(missing)?;
        if let Some(module) = self.loaded.borrow().get(&source.file) {
            return Ok(module.clone());
        }
        if self.loading.borrow().contains(&source.file) {
            let mut chain = self.loading.borrow().clone();
            chain.push(source.file.clone());
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
        let ast = self.frames.wrap(&ast, &source.file).map_err(|error| inside(error.into()))?;
        let module = {
            let _loading = Loading::begin(self, &source.file);
            Module::eval_ast_as_new_raw(engine, &mut Scope::new(), global, &ast)
        };
        let module: Shared<Module> = module.map_err(inside)?.into();
        let mut loaded = self.loaded.borrow_mut();
        loaded.insert(path.to_owned(), module.clone());
        loaded.insert(source.file.clone(), module.clone());
        Ok(module)
    }
}

/// Marks a module as being loaded, for as long as it lives, also through a panic.
struct Loading<'a>(&'a Modules);

impl<'a> Loading<'a> {
    fn begin(modules: &'a Modules, file: &str) -> Self {
        modules.loading.borrow_mut().push(file.to_owned());
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
