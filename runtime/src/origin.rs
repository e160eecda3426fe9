//! The file that a function comes from, and what its code sees: the file's functions, imports and
//! constants, wherever it is called from.
//!
//! The engine keeps the functions of all files that are being run on one stack, finds a closure that
//! was handed to another file without what its own file has, and remembers which function a name
//! stands for in one cache for all of them. Where a call leads from one file into another, the body's
//! wrapper therefore changes what is seen.

use std::cell::{OnceCell, RefCell};

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
    imports: usize,
    source: Option<ImmutableString>,
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

    /// Says that the top level has its first constant: others are added where it is.
    pub fn has_constants(&self, global: &GlobalRuntimeState) {
        self.seen.borrow_mut().constants.clone_from(&global.constants);
    }

    /// Says that the top level has run.
    pub fn has_run(&self, module: &Module) {
        self.seen.borrow_mut().imports = module
            .iter_sub_modules()
            .map(|(name, module)| (ImmutableString::from(name), module.clone()))
            .collect();
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
        let closures = global.lib.first().filter(|_| !is_told || global.lib.len() > 1).cloned();
        let functions = closures.into_iter().chain(self.functions.get().cloned()).collect();
        let mut outside = Outside {
            seen: None,
            functions: std::mem::replace(&mut global.lib, functions).into_iter().collect(),
            imports: global.num_imports(),
            source: global.source.clone(),
        };
        if !is_told {
            // A closure that was handed to another file: the engine knows no more than its name.
            let seen = self.seen.borrow();
            for (name, module) in &seen.imports {
                global.push_import(name.clone(), module.clone());
            }
            let constants = std::mem::replace(&mut global.constants, seen.constants.clone());
            outside.seen = Some(EncapsulatedEnviron { constants, ..nothing() });
            global.source = Some(self.file.clone());
        }
        outside
    }
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
        global.truncate_imports(self.imports);
        if let Some(seen) = self.seen {
            global.constants = seen.constants;
        }
        global.source = self.source;
    }
}

fn nothing() -> EncapsulatedEnviron {
    EncapsulatedEnviron { lib: <_>::default(), imports: <_>::default(), constants: None }
}
