//! Native functions as an engine gets them: those that a script names, each of which says where it
//! was called when it fails.

use std::any::TypeId;

use rhai::plugin::{FnManifestEntry, ModuleManifest, PluginFunc, RhaiFunc, RhaiResult};
use rhai::{Dynamic, Engine, FuncRegistration, Module, NativeCallContext};

use crate::vocabulary::Vocabulary;

/// Calls a function with the types of some parameters.
type Parameters = fn(&mut dyn FnMut(&[TypeId]));

/// A native function, before an engine has it.
#[derive(Clone, Copy)]
pub(super) struct Function {
    name: &'static str,
    call: &'static (dyn PluginFunc + Send + Sync),
    with_parameters: Parameters,
}

/// The functions that `#[export_module(manifest)]` lists.
#[derive(Clone, Copy)]
pub(super) struct Functions {
    pub(super) all: &'static [Function],
    /// All of them with their docs.
    #[cfg(feature = "tool")]
    pub(super) described: fn() -> Module,
}

/// The [`Functions`] of a module.
macro_rules! exported {
    ($module:ident) => {{
        use $crate::library::native::{Function, Functions, listed};
        const MANIFEST: &::rhai::plugin::ModuleManifest =
            ::rhai::plugin::exported_manifest!($module);
        static ALL: [Function; MANIFEST.functions.len()] = listed(MANIFEST);
        Functions {
            all: &ALL,
            #[cfg(feature = "tool")]
            described: || ::rhai::plugin::exported_module!($module),
        }
    }};
}
pub(super) use exported;

/// What is needed of a manifest. The rest, with code for each function, stays out of `bootstrap`.
pub(super) const fn listed<const N: usize>(manifest: &'static ModuleManifest) -> [Function; N] {
    const fn of(entry: &FnManifestEntry) -> Function {
        Function { name: entry.name, call: entry.func, with_parameters: entry.param_types }
    }
    let mut all = [of(&manifest.functions[0]); N];
    let mut index = 1;
    while index < N {
        all[index] = of(&manifest.functions[index]);
        index += 1;
    }
    all
}

impl Functions {
    /// Registers them in a module of the library.
    pub(super) fn register_in(self, name: &str, engine: &mut Engine, vocabulary: &Vocabulary) {
        let module = self.module(vocabulary, |function| Placed(function.call).into());
        engine.register_static_module(name, module.into());
    }

    /// Registers them as methods and operators, whose failures the engine itself places.
    pub(super) fn register_globally(self, engine: &mut Engine, vocabulary: &Vocabulary) {
        let module =
            self.module(vocabulary, |function| RhaiFunc::StaticPlugin { func: function.call });
        if !module.is_empty() {
            engine.register_global_module(module.into());
        }
    }

    fn module(self, vocabulary: &Vocabulary, native: fn(&Function) -> RhaiFunc) -> Module {
        let mut module = Module::new();
        for function in self.all.iter().filter(|function| vocabulary.has(function.name)) {
            (function.with_parameters)(&mut |types| {
                FuncRegistration::new(function.name).set_into_module_raw(
                    &mut module,
                    types,
                    native(function),
                );
            });
        }
        #[cfg(feature = "tool")]
        {
            module = (self.described)();
        }
        module.build_index();
        module
    }
}

/// A function of a module. The engine does not say where one was called that failed; this does.
struct Placed(&'static dyn PluginFunc);

impl PluginFunc for Placed {
    fn call(
        &self,
        context: Option<NativeCallContext>,
        arguments: &mut [&mut Dynamic],
    ) -> RhaiResult {
        let place = context.as_ref().map(NativeCallContext::call_position);
        self.0.call(context, arguments).map_err(|mut error| {
            if let Some(place) = place.filter(|_| error.position().is_none()) {
                error.set_position(place);
            }
            error
        })
    }

    fn has_context(&self) -> bool {
        true
    }

    fn is_method_call(&self) -> bool {
        self.0.is_method_call()
    }

    fn is_pure(&self) -> bool {
        self.0.is_pure()
    }

    fn is_volatile(&self) -> bool {
        self.0.is_volatile()
    }
}
