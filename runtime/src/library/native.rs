//! Native functions as an engine gets them: those that a script names, each of which says where it
//! was called when it fails.

use rhai::plugin::{FnManifestEntry, ModuleManifest, PluginFunc, RhaiFunc, RhaiResult};
use rhai::{Dynamic, Engine, FuncRegistration, Module, NativeCallContext};

use crate::vocabulary::Vocabulary;

/// The functions that `#[export_module(manifest)]` lists.
#[derive(Clone, Copy)]
pub(super) struct Functions {
    pub(super) manifest: &'static ModuleManifest,
    /// All of them with their docs.
    #[cfg(feature = "docs")]
    pub(super) described: fn() -> Module,
}

/// The [`Functions`] of a module.
macro_rules! exported {
    ($module:ident) => {
        $crate::library::native::Functions {
            manifest: ::rhai::plugin::exported_manifest!($module),
            #[cfg(feature = "docs")]
            described: || ::rhai::plugin::exported_module!($module),
        }
    };
}
pub(super) use exported;

impl Functions {
    /// Registers them in a module of the library.
    pub(super) fn register_in(self, name: &str, engine: &mut Engine, vocabulary: &Vocabulary) {
        let module = self.module(vocabulary, |entry| Placed(entry.func()).into());
        engine.register_static_module(name, module.into());
    }

    /// Registers them as methods and operators, whose failures the engine itself places.
    pub(super) fn register_globally(self, engine: &mut Engine, vocabulary: &Vocabulary) {
        let module = self.module(vocabulary, |entry| RhaiFunc::StaticPlugin { func: entry.func() });
        engine.register_global_module(module.into());
    }

    #[cfg(not(feature = "docs"))]
    fn module(
        self,
        vocabulary: &Vocabulary,
        function: fn(&'static FnManifestEntry) -> RhaiFunc,
    ) -> Module {
        let mut module = Module::new();
        let named = self.manifest.functions().iter().filter(|entry| vocabulary.has(entry.name()));
        for entry in named {
            entry.with_param_types(&mut |types| {
                FuncRegistration::new(entry.name())
                    .with_namespace(entry.namespace())
                    .set_into_module_raw(&mut module, types, function(entry));
            });
        }
        module.build_index();
        module
    }

    #[cfg(feature = "docs")]
    fn module(self, _: &Vocabulary, _: fn(&'static FnManifestEntry) -> RhaiFunc) -> Module {
        (self.described)()
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
