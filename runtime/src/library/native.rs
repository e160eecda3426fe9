//! Native functions as an engine gets them: those that a script names, each of which says where it
//! was called when it fails.

use std::any::TypeId;

use rhai::plugin::{FnManifestEntry, ModuleManifest, PluginFunc, RhaiFunc, RhaiResult};
use rhai::{Dynamic, Engine, EvalAltResult, FuncRegistration, Module, NativeCallContext};

use super::thrown;
use crate::effects::Failure;
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
    /// Registers them in a module of the library. What one of them says without a type is of this type.
    pub(super) fn register_in(
        self,
        name: &str,
        error_type: &'static str,
        engine: &mut Engine,
        vocabulary: &Vocabulary,
    ) {
        let module =
            self.module(vocabulary, &|function| Typed { call: function.call, error_type }.into());
        engine.register_static_module(name, module.into());
    }

    /// Registers them as methods and operators, likewise.
    pub(super) fn register_globally(
        self,
        error_type: &'static str,
        engine: &mut Engine,
        vocabulary: &Vocabulary,
    ) {
        let module =
            self.module(vocabulary, &|function| Typed { call: function.call, error_type }.into());
        if !module.is_empty() {
            engine.register_global_module(module.into());
        }
    }

    fn module(self, vocabulary: &Vocabulary, native: &dyn Fn(&Function) -> RhaiFunc) -> Module {
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

/// A function whose failures have a type and a place: the engine does not say where a function of a
/// module was called.
struct Typed {
    call: &'static dyn PluginFunc,
    error_type: &'static str,
}

impl PluginFunc for Typed {
    fn call(
        &self,
        context: Option<NativeCallContext>,
        arguments: &mut [&mut Dynamic],
    ) -> RhaiResult {
        let place = context.as_ref().map(NativeCallContext::call_position);
        self.call.call(context, arguments).map_err(|error| {
            let mut error = typed(error, self.error_type);
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
        self.call.is_method_call()
    }

    fn is_pure(&self) -> bool {
        self.call.is_pure()
    }

    fn is_volatile(&self) -> bool {
        self.call.is_volatile()
    }
}

/// An error as a map, where it is only text. What a script throws that a native function calls comes in a
/// function call.
fn typed(error: Box<EvalAltResult>, error_type: &'static str) -> Box<EvalAltResult> {
    let EvalAltResult::ErrorRuntime(value, position) = &*error else { return error };
    let Ok(message) = value.as_immutable_string_ref().map(|text| text.to_string()) else {
        return error;
    };
    let position = *position;
    let mut error = thrown(&Failure::new(error_type, message), []);
    error.set_position(position);
    error
}
