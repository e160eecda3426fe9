//! What a script may reach, as it declares it itself: `//! allow: http api.stripe.com, fs tmp`.

use std::fmt;
use std::net::IpAddr;

use super::Failure;
use super::declaration::{Declaration, FORMS, Item, Malformed, shown};
use super::reach::is_never_reached;
use super::url::{Url, as_host};
use crate::aws;

/// The execution role's credentials, and what leads to them.
const CREDENTIALS: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// Whether a variable has the execution role's credentials, or leads to them.
#[must_use]
pub fn is_credential(name: &str) -> bool {
    CREDENTIALS.contains(&name)
}

/// A folder that scripts know by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// `/tmp`, which can be written to.
    Tmp,
    /// The task root and the layers' root, which can be read.
    Task,
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tmp => "tmp",
            Self::Task => "task",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Allowed {
    Http {
        host: String,
        port: Port,
    },
    Env(String),
    Fs(Folder),
    /// Action and resource with `*` for anything; without a resource, any.
    Aws {
        service: String,
        action: String,
        resource: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    /// 443 of `https`, 80 of `http`.
    OfScheme,
    Exactly(u16),
    Any,
}

/// What a script may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// `None`: everything but the credentials.
    allowed: Option<Vec<Allowed>>,
}

impl Policy {
    /// A policy that allows everything but the execution role's credentials.
    #[must_use]
    pub fn open() -> Self {
        Self { allowed: None }
    }

    /// What a script declares in the lines at its top.
    ///
    /// # Errors
    /// As [`Declaration::of`].
    pub fn declared_in(script: &str, is_strict: bool) -> Result<Self, Malformed> {
        Ok(Self::of(&Declaration::of(script)?, is_strict))
    }

    /// What a script declares. Without a declaration everything is allowed, or nothing where the policy
    /// is strict.
    #[must_use]
    pub fn of(declaration: &Declaration, is_strict: bool) -> Self {
        let items = declaration.items.as_ref();
        let allowed =
            items.map(|items| items.iter().filter_map(|item| item.allowed.clone()).collect());
        Self { allowed: allowed.or_else(|| is_strict.then(Vec::new)) }
    }

    /// What a single item of a declaration allows.
    #[must_use]
    pub fn of_item(item: &Item) -> Self {
        Self { allowed: Some(item.allowed.iter().cloned().collect()) }
    }

    /// Whether a request may go there.
    ///
    /// # Errors
    /// `Policy.Refused`, with the line to add.
    pub fn check_http(&self, url: &Url) -> Result<(), Failure> {
        self.check(
            |allowed| match allowed {
                Allowed::Http { host, port } => {
                    host_matches(host, &url.host)
                        && match port {
                            Port::OfScheme => url.port == url.default_port(),
                            Port::Exactly(port) => url.port == *port,
                            Port::Any => true,
                        }
                }
                _ => false,
            },
            || {
                let port = match url.port == url.default_port() {
                    true => String::new(),
                    false => format!(":{}", url.port),
                };
                (format!("reach `{}:{}`", url.host, url.port), format!("http {}{port}", url.host))
            },
        )
    }

    /// Whether a variable may be read.
    ///
    /// # Errors
    /// `Policy.Refused`, with the line to add.
    pub fn check_env(&self, name: &str) -> Result<(), Failure> {
        if self.allowed.is_none() && !is_credential(name) {
            return Ok(());
        }
        let is_credential = is_credential(name);
        let declared = Self { allowed: Some(self.allowed.clone().unwrap_or_default()) };
        declared.check(
            |allowed| match allowed {
                // The credentials are given to nobody who does not mean them.
                Allowed::Env(pattern) => {
                    name_matches(pattern, name) && (!is_credential || pattern.starts_with("AWS_"))
                }
                _ => false,
            },
            || {
                let item = if is_credential { "env AWS_*" } else { "env " };
                let name_or_none = if is_credential { "" } else { name };
                (format!("read the variable `{name}`"), format!("{item}{name_or_none}"))
            },
        )
    }

    /// Whether a folder may be used.
    ///
    /// # Errors
    /// `Policy.Refused`, with the line to add.
    pub fn check_fs(&self, folder: Folder, path: &str) -> Result<(), Failure> {
        self.check(
            |allowed| *allowed == Allowed::Fs(folder),
            || (format!("use the file `{path}`"), format!("fs {folder}")),
        )
    }

    /// Whether a service of AWS may be called, about these resources; `None` where they are not known.
    ///
    /// # Errors
    /// `Policy.Refused`, with the line to add.
    pub fn check_aws(
        &self,
        service: &str,
        operation: &str,
        resources: Option<&[String]>,
    ) -> Result<(), Failure> {
        let about = |resource: &str| {
            self.check(
                |allowed| match allowed {
                    Allowed::Aws { service: known, action, resource: pattern } => {
                        known == service
                            && is_like(action, operation)
                            && pattern.as_ref().is_none_or(|pattern| is_like(pattern, resource))
                    }
                    _ => false,
                },
                || {
                    let action = if operation.is_empty() { "*" } else { operation };
                    let of = if resource.is_empty() { "" } else { " " };
                    let what = format!("call `{service}:{action}`");
                    let what = match resource.is_empty() {
                        true => what,
                        false => format!("{what} for `{resource}`"),
                    };
                    (what, format!("aws {service}:{action}{of}{resource}"))
                },
            )
        };
        match resources {
            Some(resources) => resources.iter().try_for_each(|resource| about(resource)),
            // A pattern other than `*` does not match what is not known.
            None => about(""),
        }
    }

    /// Whether a service of AWS may be called about anything at all, for who does not know yet about what.
    #[must_use]
    pub fn may_call_aws(&self, service: &str, operation: &str) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| {
            allowed.iter().any(|allowed| match allowed {
                Allowed::Aws { service: known, action, .. } => {
                    known == service && is_like(action, operation)
                }
                _ => false,
            })
        })
    }

    fn check(
        &self,
        holds: impl Fn(&Allowed) -> bool,
        refused: impl FnOnce() -> (String, String),
    ) -> Result<(), Failure> {
        if self.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(holds)) {
            return Ok(());
        }
        let (what, item) = refused();
        Err(Failure::new(
            "Policy.Refused",
            format!("the script may not {what}; to allow it, write at its top: //! allow: {item}"),
        ))
    }
}

impl Allowed {
    /// Reads an item; `None` for `nothing`.
    ///
    /// # Errors
    /// What is wrong with it, and what it takes.
    pub(super) fn parse(item: &str) -> Result<Option<Self>, String> {
        let (kind, value) = item.split_once([' ', '\t']).unwrap_or((item, ""));
        let value = value.trim_matches([' ', '\t']);
        let item = shown(item);
        let wrong = |what: &str| format!("`{item}` {what}; {FORMS}");
        if kind == "aws" {
            return Self::parse_aws(value).map(Some).map_err(|what| wrong(&what));
        }
        if value.contains(char::is_whitespace) {
            return Err(wrong("has more than one word after its first"));
        }
        match (kind, value) {
            ("nothing", "") => Ok(None),
            ("http" | "env" | "fs", "") => Err(wrong("does not say what is allowed")),
            ("http", value) => match Self::parse_host(value) {
                Some(Self::Http { host, .. }) if host.parse().is_ok_and(is_never_reached) => {
                    Err(format!(
                        "`{item}` cannot be allowed: no script reaches link-local addresses, where \
                         credentials and metadata are served"
                    ))
                }
                Some(allowed) => Ok(Some(allowed)),
                None => Err(wrong(
                    "is not a host: write a name or an address, with `:PORT` or `:*` if the port \
                     is not the scheme's own; `*.example.com` is every name below it, `*` any host",
                )),
            },
            ("env", value) => {
                let name = value.strip_suffix('*').unwrap_or(value);
                let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                match name.chars().all(legal) {
                    true => Ok(Some(Self::Env(value.to_owned()))),
                    false => Err(wrong("is not the name of a variable, which may end with `*`")),
                }
            }
            ("fs", "tmp") => Ok(Some(Self::Fs(Folder::Tmp))),
            ("fs", "task") => Ok(Some(Self::Fs(Folder::Task))),
            ("fs", _) => Err(wrong("is not a folder that scripts can use")),
            _ => Err(wrong("is not something that can be allowed")),
        }
    }

    fn parse_aws(value: &str) -> Result<Self, String> {
        let mut words = value.split_whitespace();
        let action = words.next().ok_or("does not say what is allowed")?;
        let resource = words.next().map(str::to_owned);
        if words.next().is_some() {
            return Err("has more than an action and a resource".into());
        }
        let (service, action) = action.split_once(':').unwrap_or((action, ""));
        let is_name = |text: &str, more: &str| {
            let legal = |letter: char| letter.is_ascii_alphanumeric() || more.contains(letter);
            !text.is_empty() && text.chars().all(legal)
        };
        if !is_name(service, "-") || !is_name(action, "*") {
            return Err(
                "is not a service and an action, as in `aws dynamodb:GetItem table/orders` or \
                        `aws sqs:*`"
                    .into(),
            );
        }
        let service = aws::service(&service.to_ascii_lowercase()).signing_name;
        Ok(Self::Aws { service, action: action.to_owned(), resource })
    }

    fn parse_host(value: &str) -> Option<Self> {
        let (host, port) = match value.rsplit_once(':') {
            // The last colon of a bare IPv6 address does not begin a port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, if port == "*" { Port::Any } else { Port::Exactly(port.parse().ok()?) })
            }
            _ => (value, Port::OfScheme),
        };
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').filter(|inner| inner.contains(':'))?,
            None => host,
        };
        let host = as_host(host);
        let name = host.strip_prefix("*.").unwrap_or(&host);
        let legal = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let is_address = host.parse::<IpAddr>().is_ok();
        let is_name = !name.is_empty() && name.chars().all(legal);
        (host == "*" || is_address || is_name).then_some(Self::Http { host, port })
    }
}

/// Whether a text is like a pattern in which `*` stands for anything.
#[must_use]
pub fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host
            .strip_suffix(parent)
            .and_then(|below| below.strip_suffix('.'))
            .is_some_and(|below| !below.is_empty()),
        None => pattern == "*" || pattern == host,
    }
}

fn name_matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(script: &str) -> Policy {
        Policy::declared_in(script, false).unwrap()
    }

    fn reaches(policy: &Policy, url: &str) -> bool {
        policy.check_http(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn a_script_without_a_declaration_reaches_everything_but_the_credentials() {
        let open = policy("// A script.\nfn handler(event) { }");
        assert!(reaches(&open, "https://example.com"));
        assert!(open.check_env("HOME").is_ok());
        assert!(open.check_fs(Folder::Tmp, "/tmp/a").is_ok());
        for name in CREDENTIALS {
            let said = open.check_env(name).unwrap_err().message;
            assert!(said.ends_with("//! allow: env AWS_*"), "{said}");
        }
    }

    #[test]
    fn a_strict_policy_allows_nothing_that_is_not_declared() {
        let strict = Policy::declared_in("fn handler(event) { }", true).unwrap();
        assert!(!reaches(&strict, "https://example.com"));
        assert!(strict.check_env("HOME").is_err());
        assert!(strict.check_fs(Folder::Task, "a").is_err());
    }

    #[test]
    fn hosts_match_by_name_port_and_wildcard() {
        for (item, url, reached) in [
            ("api.example.com", "https://api.example.com/x", true),
            ("api.example.com", "https://API.example.com:443", true),
            ("API.example.com.", "http://api.example.com", true),
            ("api.example.com", "https://api.example.com:8443", false),
            ("api.example.com", "http://api.example.com:443", false),
            ("api.example.com:8443", "https://api.example.com:8443", true),
            ("api.example.com:8443", "https://api.example.com", false),
            ("api.example.com:*", "http://api.example.com:1", true),
            ("*.example.com", "https://a.b.example.com", true),
            ("*.example.com", "https://example.com", false),
            ("*.example.com", "https://badexample.com", false),
            ("example.com", "https://example.com.evil.org", false),
            ("*", "https://anything.org", true),
            ("*", "https://anything.org:444", false),
            ("*:*", "https://anything.org:444", true),
            ("[::1]:8080", "http://[::1]:8080", true),
            ("[0:0::1]:8080", "http://[::1]:8080", true),
            ("::1", "http://[0:0:0:0:0:0:0:1]", true),
            ("::1", "http://[::1]/", true),
        ] {
            let policy = policy(&format!("//! allow: http {item}"));
            assert_eq!(reaches(&policy, url), reached, "{item} {url}");
        }
    }

    #[test]
    fn a_refusal_names_the_line_to_add() {
        let none = policy("//! allow: nothing\n");
        let url = Url::parse("https://api.stripe.com/v1/charges").unwrap();
        let said = none.check_http(&url).unwrap_err();
        assert_eq!(said.error_type, "Policy.Refused");
        assert!(said.message.ends_with("//! allow: http api.stripe.com"), "{}", said.message);
        let url = Url::parse("http://localhost:8080").unwrap();
        let said = none.check_http(&url).unwrap_err().message;
        assert!(said.ends_with("//! allow: http localhost:8080"), "{said}");
        let said = none.check_env("STRIPE_KEY").unwrap_err().message;
        assert!(said.ends_with("//! allow: env STRIPE_KEY"), "{said}");
        let said = none.check_fs(Folder::Tmp, "/tmp/a").unwrap_err().message;
        assert!(said.ends_with("//! allow: fs tmp"), "{said}");
    }

    #[test]
    fn calls_to_aws_match_by_service_action_and_resource() {
        let resources = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        for (item, call, about, allowed) in [
            ("dynamodb:GetItem", "dynamodb:GetItem", Some(&["table/orders"][..]), true),
            ("dynamodb:GetItem", "dynamodb:GetItem", None, true),
            ("dynamodb:GetItem", "dynamodb:PutItem", None, false),
            ("dynamodb:Get*", "dynamodb:GetItem", None, true),
            ("dynamodb:*Item", "dynamodb:BatchGetItem", None, true),
            ("dynamodb:*", "dynamodb:", None, true),
            ("dynamodb:Get*", "dynamodb:", None, false),
            ("dynamodb:*", "sqs:SendMessage", None, false),
            ("dynamodb:GetItem table/orders", "dynamodb:GetItem", Some(&["table/orders"]), true),
            ("dynamodb:GetItem table/orders", "dynamodb:GetItem", Some(&["table/others"]), false),
            ("dynamodb:GetItem table/orders", "dynamodb:GetItem", None, false),
            ("dynamodb:GetItem table/*", "dynamodb:GetItem", Some(&["table/a", "table/b"]), true),
            ("dynamodb:GetItem table/a", "dynamodb:GetItem", Some(&["table/a", "table/b"]), false),
            ("sqs:SendMessage jobs-*", "sqs:SendMessage", Some(&["jobs-7"]), true),
            ("SecretsManager:GetSecretValue", "secretsmanager:GetSecretValue", None, true),
            ("sfn:StartExecution", "states:StartExecution", None, true),
        ] {
            let policy = policy(&format!("//! allow: aws {item}"));
            let (service, operation) = call.split_once(':').unwrap();
            let about: Option<Vec<String>> = about.map(resources);
            let found = policy.check_aws(service, operation, about.as_deref());
            assert_eq!(found.is_ok(), allowed, "{item} {call} {about:?}");
            assert!(!reaches(&policy, "https://dynamodb.eu-west-1.amazonaws.com"));
        }
        let web = policy("//! allow: http *");
        let said =
            web.check_aws("dynamodb", "GetItem", Some(&["table/orders".into()])).unwrap_err();
        assert_eq!(said.error_type, "Policy.Refused");
        let expected = "may not call `dynamodb:GetItem` for `table/orders`; to allow it, write at its top: \
                        //! allow: aws dynamodb:GetItem table/orders";
        assert!(said.message.ends_with(expected), "{}", said.message);
        let said = web.check_aws("lambda", "", None).unwrap_err().message;
        assert!(said.ends_with("//! allow: aws lambda:*"), "{said}");
        let strict = Policy::declared_in("fn handler(event) { }", true).unwrap();
        assert!(strict.check_aws("sts", "GetCallerIdentity", None).is_err());
        assert!(Policy::open().check_aws("sts", "GetCallerIdentity", None).is_ok());
    }

    #[test]
    fn credentials_need_a_pattern_that_means_them() {
        assert!(policy("//! allow: env *").check_env("AWS_SESSION_TOKEN").is_err());
        assert!(policy("//! allow: env *").check_env("HOME").is_ok());
        assert!(policy("//! allow: env AWS_*").check_env("AWS_SESSION_TOKEN").is_ok());
        let one = policy("//! allow: env AWS_SESSION_TOKEN");
        assert!(one.check_env("AWS_SESSION_TOKEN").is_ok());
        assert!(one.check_env("AWS_SECRET_ACCESS_KEY").is_err());
    }

    #[test]
    fn several_lines_and_comments_between_them_are_one_declaration() {
        let policy = policy(
            "#!/opt/bootstrap\n\n/* Ours.\n   */\n// Takes payments.\n//! allow: env KEY,fs tmp\n\
             //! Allow lists are fine.\n//!allow : http a.org\nfn handler(e) { }",
        );
        assert!(policy.check_env("KEY").is_ok() && policy.check_env("KEYS").is_err());
        assert!(reaches(&policy, "https://a.org"));
    }

    #[test]
    fn a_malformed_line_is_named_with_its_place() {
        for (script, line, column, said) in [
            ("//! allow: htp a.org", 1, 12, "`htp a.org` is not something that can be allowed"),
            ("// x\n//! allow: env A, http", 2, 19, "`http` does not say what is allowed"),
            ("//! allow: fs home", 1, 12, "is not a folder"),
            ("//! allow: http https://a.org", 1, 12, "is not a host"),
            ("//! allow: http a.org:port", 1, 12, "is not a host"),
            ("//! allow: env A B", 1, 12, "more than one word"),
            ("//! allow:", 1, 11, "`` is not something"),
            ("//! allow http a.org", 1, 1, "begins with `//! allow`, not with `//! allow:`"),
            ("//! allow: http ::zz", 1, 12, "is not a host"),
            ("//! allow: http [a.org]", 1, 12, "is not a host"),
            ("//! allow: http 169.254.169.254:80", 1, 12, "no script reaches link-local"),
            ("//! allow: env A, http [FE80::1]:*", 1, 19, "no script reaches link-local"),
            ("//! allow: http ::ffff:169.254.170.2", 1, 12, "no script reaches link-local"),
            ("//! allow: aws", 1, 12, "`aws` does not say what is allowed"),
            ("//! allow: aws dynamodb", 1, 12, "is not a service and an action"),
            ("//! allow: aws dynamodb:", 1, 12, "is not a service and an action"),
            ("//! allow: aws *:GetItem", 1, 12, "is not a service and an action"),
            ("//! allow: aws dynamodb:Get-Item", 1, 12, "is not a service and an action"),
            ("//! allow: env A, aws sqs:* jobs more", 1, 19, "more than an action and a resource"),
            ("//! allow: nothing, env A", 1, 12, "leave one of them away"),
            ("//! allow: env A\n//! allow: nothing", 2, 12, "leave one of them away"),
            ("let x = 1;\n  //! allow: env A", 2, 3, "above the first statement"),
        ] {
            let malformed = Policy::declared_in(script, false).unwrap_err();
            assert!(malformed.message.contains(said), "{script}: {}", malformed.message);
            assert_eq!((malformed.line, malformed.column), (line, column), "{script}");
        }
    }
}
