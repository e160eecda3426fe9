//! The file that a function comes from, and what its code sees: the file's functions, imports and
//! constants, wherever it is called from, and nothing of the file that calls it.
//!
//! The engine keeps the functions and imports of all files that are being run on stacks, finds a closure
//! that was handed to another file without what its own file has, and remembers which function a name
//! stands for in one cache for all of them. Where a call leads from one file into another, the body's
//! wrapper therefore changes what is seen.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use rhai::{EncapsulatedEnviron, GlobalRuntimeState, ImmutableString, Module, Shared};

/// A file, once it is compiled.
#[derive(Debug)]
pub struct Origin {
    file: ImmutableString,
    functions: OnceCell<Shared<Module>>,
    /// Its imports and constants, as far as its top level has run.
    seen: RefCell<EncapsulatedEnviron>,
}

/// What was seen before a call led into another file.
pub struct Outside {
    seen: Option<EncapsulatedEnviron>,
    functions: Vec<Shared<Module>>,
    imports: Vec<(ImmutableString, Shared<Module>)>,
    source: Option<ImmutableString>,
    /// The top level that runs until then, if one began.
    _running: Option<Running>,
}

/// Notes that a top level runs, for as long as it lives, also through a panic.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(Vec::pop);
    }
}

thread_local! {
    /// The files whose top levels run, each imported by the one before.
    static RUNNING: RefCell<Vec<Rc<Origin>>> = const { RefCell::new(Vec::new()) };
}

impl Origin {
    /// A file whose functions are not known yet.
    pub fn new(file: ImmutableString) -> Self {
        Self { file, functions: OnceCell::new(), seen: RefCell::new(nothing()) }
    }

    /// The file's name.
    pub fn file(&self) -> &ImmutableString {
        &self.file
    }

    /// Says what the file's functions are.
    pub fn has(&self, functions: &Shared<Module>) {
        let _ = self.functions.set(functions.clone());
    }

    /// Says that the top level begins, which is going to have constants, or to export something: they are
    /// added where the functions of the file look for constants.
    pub fn has_globals(&self, global: &mut GlobalRuntimeState) {
        let constants = global.constants.get_or_insert_with(Default::default);
        self.seen.borrow_mut().constants = Some(constants.clone());
    }

    /// Lets the top level see the closures of all files, and nothing of the one that imports it.
    pub fn begin(
        self: &Rc<Self>,
        global: &mut GlobalRuntimeState,
        closures: Shared<Module>,
    ) -> Outside {
        note_imports(global);
        RUNNING.with_borrow_mut(|running| running.push(self.clone()));
        let functions = std::mem::take(&mut global.lib).into_iter().collect();
        let imports = take_imports(global);
        global.lib.push(closures);
        let source = global.source.clone();
        Outside { seen: None, functions, imports, source, _running: Some(Running) }
    }

    /// Says that the top level has run.
    pub fn has_run(&self, module: &Module) {
        let mut seen = self.seen.borrow_mut();
        seen.imports = module
            .iter_sub_modules()
            .map(|(name, module)| (ImmutableString::from(name), module.clone()))
            .collect();
        if let Some(constants) = &seen.constants {
            for (name, value) in module.iter_var() {
                constants.borrow_mut().entry(name.into()).or_insert_with(|| value.clone());
            }
        }
    }

    fn is_mine(&self, functions: &Shared<Module>) -> bool {
        self.functions.get().is_some_and(|mine| Shared::ptr_eq(mine, functions))
    }

    /// Whether code of this file sees what it should: the closures of all files, and its own
    /// functions.
    #[inline]
    pub fn is_seen(&self, global: &GlobalRuntimeState) -> bool {
        global.lib.len() <= 2 && global.lib.last().is_some_and(|last| self.is_mine(last))
    }

    /// Lets a body of this file see what it should.
    #[cold]
    pub fn enter(&self, global: &mut GlobalRuntimeState) -> Outside {
        let is_told = global.lib.last().is_some_and(|last| self.is_mine(last));
        if !is_told {
            note_imports(global);
        }
        let closures = global.lib.first().filter(|_| !is_told || global.lib.len() > 1).cloned();
        let functions = closures.into_iter().chain(self.functions.get().cloned()).collect();
        let seen = self.seen.borrow();
        let mut outside = Outside {
            seen: None,
            functions: std::mem::replace(&mut global.lib, functions).into_iter().collect(),
            imports: take_imports(global),
            source: global.source.clone(),
            _running: None,
        };
        for (name, module) in &seen.imports {
            global.push_import(name.clone(), module.clone());
        }
        if !is_told {
            // A closure that was handed to another file: the engine knows no more than its name.
            let constants = std::mem::replace(&mut global.constants, seen.constants.clone());
            outside.seen = Some(EncapsulatedEnviron { constants, ..nothing() });
            global.source = Some(self.file.clone());
        }
        outside
    }
}

/// Notes what the file whose top level is being left has imported so far.
fn note_imports(global: &GlobalRuntimeState) {
    RUNNING.with_borrow(|running| {
        let left = running
            .iter()
            .find(|running| global.lib.last().is_some_and(|last| running.is_mine(last)));
        if let Some(left) = left {
            left.seen.borrow_mut().imports = global
                .scan_imports_raw()
                .map(|(name, module)| (name.clone(), module.clone()))
                .collect();
        }
    });
}

/// Takes all imports away, and gives those that are to be brought back.
fn take_imports(global: &mut GlobalRuntimeState) -> Vec<(ImmutableString, Shared<Module>)> {
    let imports =
        global.scan_imports_raw().map(|(name, module)| (name.clone(), module.clone())).collect();
    global.truncate_imports(0);
    imports
}

impl Outside {
    /// Lets the caller see what it saw.
    pub fn come_back(self, global: &mut GlobalRuntimeState) {
        // More closures may have become known meanwhile.
        let closures = global.lib.first().cloned();
        global.lib = self.functions.into_iter().collect();
        if let (Some(closures), Some(first)) = (closures, global.lib.first_mut())
            && closures.id() == first.id()
        {
            *first = closures;
        }
        global.truncate_imports(0);
        for (name, module) in self.imports {
            global.push_import(name, module);
        }
        if let Some(seen) = self.seen {
            global.constants = seen.constants;
        }
        global.source = self.source;
    }
}

fn nothing() -> EncapsulatedEnviron {
    EncapsulatedEnviron { lib: <_>::default(), imports: <_>::default(), constants: None }
}
