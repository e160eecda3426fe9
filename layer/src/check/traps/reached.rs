//! Credentials, and addresses that the event decides, in scripts that declare nothing.

use rhai::{Expr, FnCallExpr};
use rhambda_runtime::effects::Declaration;

use super::{Known, Traps};
use crate::check::permissions;
use crate::check::project::{File, Project};

const RULE: &str = "undeclared";

/// What Lambda gives a function to act as its role.
const CREDENTIALS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
];

/// Whether a script says what it may reach, or cannot: a module, or a test.
pub(super) fn is_declared(file: &File, project: &Project) -> bool {
    file.is_test()
        || project.is_module(file)
        || project.is_imported_by_functions(file)
        || Declaration::of(&file.source).map_or(true, |declaration| declaration.items.is_some())
}

/// Looks at a call of a function of the library.
pub(super) fn call(traps: &mut Traps, module: &str, call: &FnCallExpr, arguments: &[Known]) {
    if traps.is_declared {
        return;
    }
    match (module, call.args.first()) {
        ("env", Some(Expr::StringConstant(name, position)))
            if CREDENTIALS.contains(&name.as_str()) =>
        {
            let message = format!(
                "the script reads the credential `{name}` and declares nothing: all that it imports can read it, and send it anywhere"
            );
            let help =
                format!("say at the top what it may reach: `//! allow: env {name}, http HOST`");
            traps.warn(RULE, *position, name.chars().count() + 2, message, help);
        }
        ("http", Some(first)) => {
            let address = match first {
                Expr::Map(options, _) => {
                    options.0.iter().find(|(key, _)| key.name == "url").map(|(_, url)| url)
                }
                other => Some(other),
            };
            let is_of_event = arguments.first().is_some_and(|it| it.is_of_event);
            if let Some(address) = address.filter(|address| decides(traps, address, is_of_event)) {
                let message =
                    "the event decides which host is reached, and the script declares nothing"
                        .to_owned();
                let help = "say at the top which it may be: `//! allow: http HOST`".to_owned();
                traps.warn(RULE, address.start_position(), 1, message, help);
            }
        }
        ("fs", Some(path)) => {
            let is_of_event = arguments.first().is_some_and(|it| it.is_of_event);
            if is_of_event && matches!(path, Expr::Dot(..) | Expr::Index(..) | Expr::Variable(..)) {
                let message =
                    "the event decides which file is reached, and the script declares nothing"
                        .to_owned();
                let help = "say at the top which folder it may be: `//! allow: fs /tmp`".to_owned();
                traps.warn(RULE, path.start_position(), 1, message, help);
            }
        }
        _ => {}
    }
}

/// Whether the event decides the host of an address.
pub(super) fn decides(traps: &Traps, address: &Expr, is_of_event: bool) -> bool {
    let of_event = |part: &Expr| {
        let (base, _) = super::chain(part);
        match base {
            Expr::Variable(variable, ..) => {
                traps.bindings.find(&variable.1).is_some_and(|it| it.known.is_of_event)
            }
            _ => false,
        }
    };
    let parts = match address {
        Expr::Dot(..) | Expr::Index(..) | Expr::Variable(..) => {
            return is_of_event || of_event(address);
        }
        Expr::InterpolatedString(parts, _) => &parts[..],
        Expr::FnCall(call, _) if call.op_token.is_some() && call.name == "+" => &call.args[..],
        _ => return false,
    };
    let known = permissions::text(address, &traps.constants);
    if known.is_some_and(|(text, is_whole)| is_whole || permissions::has_host(&text)) {
        return false;
    }
    // The first part that is not written out is in the host.
    let first = parts.iter().find(|part| permissions::text(part, &traps.constants).is_none());
    first.is_some_and(|part| match part {
        Expr::Stmt(block) => match block.statements() {
            [rhai::Stmt::Expr(inside)] => of_event(inside),
            _ => false,
        },
        part => of_event(part),
    })
}
