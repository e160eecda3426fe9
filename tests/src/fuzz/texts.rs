//! Short texts: handler settings, declarations, URLs.

use std::path::{Component, Path};

use rhambda_layer::fuzzing::head_comments;
use rhambda_runtime::effects::{Declaration, Folder, Policy, Uri, Url};
use rhambda_runtime::handler::Handler;

use super::Look;

/// A handler setting comes back from its parts, and leads below the task root.
pub(super) fn handler() -> Look {
    Box::new(|input| {
        let setting = String::from_utf8_lossy(input);
        let Ok(handler) = Handler::parse(&setting) else { return };
        assert_eq!(handler.setting, setting);
        assert_eq!(format!("{}.{}", handler.file, handler.function), setting);
        assert!(handler.function.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_'));
        let root = Path::new("/var/task");
        for path in handler.candidates(&[root.to_owned()]) {
            let below = path.strip_prefix(root).expect("a script is below the root");
            assert!(below.components().all(|part| matches!(part, Component::Normal(_))));
            assert!(path.to_string_lossy().ends_with(".rhai"), "{path:?}");
        }
    })
}

/// A declaration is read, or refused with a place that there is; and it is what stands in the comments
/// above the first statement, as the tool cuts them by itself.
pub(super) fn declaration() -> Look {
    Box::new(|input| {
        let script = String::from_utf8_lossy(input);
        let declared = match Declaration::of(&script) {
            Ok(declared) => declared,
            Err(malformed) => {
                let line = script.split('\n').nth(malformed.line - 1);
                let line = line.expect("the line is there");
                assert!(malformed.column <= line.chars().count() + 1, "{malformed:?}");
                return;
            }
        };
        let exact = |comment: &str| -> Option<usize> {
            let gap = [' ', '\t'];
            let rest =
                comment.strip_prefix("//!")?.trim_start_matches(gap).strip_prefix("allow")?;
            Some(rest.trim_start_matches(gap).strip_prefix(':')?.split(',').count())
        };
        let plain = script.strip_prefix('\u{feff}').unwrap_or(&script);
        let wanted: Vec<usize> = head_comments(plain).into_iter().filter_map(exact).collect();
        assert_eq!(declared.items.is_some(), !wanted.is_empty());
        let items = declared.items.as_deref().unwrap_or_default();
        assert_eq!(items.len(), wanted.iter().sum::<usize>());
        let (policy, strict) = (Policy::of(&declared, false), Policy::of(&declared, true));
        assert_eq!(policy == strict, declared.items.is_some());
        let has = |wanted: &str| items.iter().any(|item| item.text.contains(wanted));
        assert!(
            declared.items.is_none()
                || policy.check_fs(Folder::Tmp, "/tmp/a").is_err()
                || has("tmp")
        );
        for name in ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
            assert!(policy.check_env(name).is_err() || has("AWS_"));
        }
    })
}

/// A URL says the same after it was written and read, wherever a redirect leads.
pub(super) fn url() -> Look {
    Box::new(|input| {
        let text = String::from_utf8_lossy(input);
        let (first, location) = text.split_once('\n').unwrap_or((&text, ""));
        let Ok(url) = Url::parse(first) else { return };
        is_itself(&url);
        let written = url.to_string();
        assert!(written.bytes().all(|it| (0x21..0x7F).contains(&it)), "{written:?}");
        assert!(!url.shown().contains('?'), "{}", url.shown());
        // What checks a host and what connects to it have to see the same one.
        let authority = written.split("://").nth(1).and_then(|rest| rest.split('/').next());
        let authority = authority.expect("a URL has a host");
        assert!(!authority.contains(['@', '\\', '?', '#']), "{written}");
        let theirs: Uri = written.parse().expect("the client takes it");
        let host = theirs.host().unwrap_or_default().trim_matches(['[', ']']);
        assert_eq!(host.to_ascii_lowercase(), url.host, "{written}");
        assert_eq!(theirs.port_u16().unwrap_or(url.default_port()), url.port, "{written}");
        if let Ok(next) = url.join(location) {
            is_itself(&next);
        }
    })
}

fn is_itself(url: &Url) {
    let again = Url::parse(&url.to_string()).expect("what was written is a URL");
    assert_eq!(again, Url { user: None, ..url.clone() });
}
