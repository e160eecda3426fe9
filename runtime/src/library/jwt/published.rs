//! Sets of keys that issuers publish at a URL (RFC 7517, 5), kept between invocations.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use rhai::{Array, Dynamic, ImmutableString, Map};

use super::keys::Algorithm;
use super::{Refusal, VerifyingKey, named, no_key};
use crate::effects::{Failure, Url, world};
use crate::library::{Fallible, http};

/// How long a set is taken for current.
const FRESH: Duration = Duration::from_secs(300);

/// A certificate has a URL of its own, and another one has another.
const CERTIFICATE_FRESH: Duration = Duration::from_secs(24 * 3600);

/// A token with a key that is not in the set may come before `FRESH` is over, since issuers change
/// their keys; strangers with tokens of their own shall not make us ask more often than this.
const PAUSE: Duration = Duration::from_secs(30);

/// The longest wait for a set, and its largest size.
const TIMEOUT: Duration = Duration::from_secs(5);
const MOST_BYTES: i64 = 256 << 10;

/// More issuers than one function trusts.
const MOST_SETS: usize = 8;

struct Set {
    keys: Array,
    fetched: SystemTime,
}

impl Set {
    fn is_younger_than(&self, age: Duration) -> bool {
        // A clock that was set back makes nothing young.
        world().now().duration_since(self.fetched).is_ok_and(|passed| passed < age)
    }
}

thread_local! {
    static SETS: RefCell<HashMap<String, Set>> = RefCell::default();
}

/// Drops what was kept.
pub(in crate::library) fn forget() {
    SETS.with_borrow_mut(HashMap::clear);
}

/// Shows each set with its URL and the moment when it was fetched.
pub fn each(mut see: impl FnMut(&str, &Dynamic, SystemTime)) {
    SETS.with_borrow(|sets| {
        for (url, set) in sets {
            see(url, &set.keys.clone().into(), set.fetched);
        }
    });
}

/// Puts a set back.
#[cfg(feature = "tool")]
pub fn keep_again(url: &str, keys: Array, fetched: SystemTime) {
    SETS.with_borrow_mut(|sets| sets.insert(url.to_owned(), Set { keys, fetched }));
}

/// The keys of the set at a URL that may have signed a token with this header.
pub(super) fn keys(url: &str, header: &Map, algorithm: Algorithm) -> Fallible<Vec<VerifyingKey>> {
    check(url)?;
    // A secret that is published is none.
    if algorithm.hmac().is_some() {
        return Err(Refusal::AlgorithmNotAllowed.saying(format!(
            "the token is signed by {}, which is not for keys that are published",
            algorithm.name()
        )));
    }
    let kept = |age: Duration| {
        SETS.with_borrow(|sets| {
            let set = sets.get(url).filter(|set| set.is_younger_than(age))?;
            let mut keys = named(set.keys.iter(), header);
            keys.retain(|key| key.fits(algorithm));
            Some(keys)
        })
    };
    match kept(FRESH) {
        Some(keys) if !keys.is_empty() => return Ok(keys),
        _ if kept(PAUSE).is_some() => return Err(no_key(header)),
        _ => {}
    }
    keep(url, fetch(url)?);
    kept(FRESH).filter(|keys| !keys.is_empty()).ok_or_else(|| no_key(header))
}

fn keep(url: &str, keys: Array) {
    SETS.with_borrow_mut(|sets| {
        if sets.len() >= MOST_SETS && !sets.contains_key(url) {
            let oldest = sets.iter().min_by_key(|(_, set)| set.fetched);
            if let Some(oldest) = oldest.map(|(url, _)| url.clone()) {
                sets.remove(&oldest);
            }
        }
        sets.insert(url.to_owned(), Set { keys, fetched: world().now() });
    });
}

/// The certificate in PEM at a URL, which is kept as a set of one; none where the server knows none.
pub(in crate::library) fn certificate(url: &str) -> Fallible<Option<ImmutableString>> {
    let kept = SETS.with_borrow(|sets| {
        let set = sets.get(url).filter(|set| set.is_younger_than(CERTIFICATE_FRESH))?;
        set.keys.first()?.clone().into_immutable_string().ok()
    });
    if kept.is_some() {
        return Ok(kept);
    }
    let certificate = http::get_text(url, most())?;
    if let Some(certificate) = &certificate {
        keep(url, vec![certificate.clone().into()]);
    }
    Ok(certificate)
}

/// Whoever is on the way could put keys of their own into an answer by plain HTTP.
fn check(url: &str) -> Fallible<()> {
    let plain = url.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"));
    let host = Url::parse(url).map(|url| url.host).unwrap_or_default();
    if plain && !["127.0.0.1", "[::1]", "::1", "localhost"].contains(&host.as_str()) {
        return Err("jwt::verify: the option `jwks_url` has to begin with https://".into());
    }
    Ok(())
}

fn most() -> Map {
    Map::from([
        ("max_bytes".into(), MOST_BYTES.into()),
        ("timeout_ms".into(), (TIMEOUT.as_millis() as i64).into()),
    ])
}

fn fetch(url: &str) -> Fallible<Array> {
    let mut options = most();
    options.insert("throw_on_error".into(), true.into());
    let set = http::get_json(url, options)?;
    let keys = set.try_cast::<Map>().and_then(|mut set| set.remove("keys"));
    keys.and_then(Dynamic::try_cast).ok_or_else(|| {
        let shown = Url::parse(url).map(|url| url.shown()).unwrap_or_default();
        let message = format!("{shown} has no set of keys: a JSON object with an array `keys`");
        Failure::new("Jwt.InvalidKeySet", message).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{self, Policy, World};
    use crate::library::stage::{self, Stage};

    #[test]
    fn a_set_is_asked_for_again_when_it_is_old_or_lacks_a_key_but_not_too_often() {
        effects::install(World::new(Policy::open()).with_effects(Box::new(Stage::default())));
        let found = |kid: &str| {
            let header =
                Map::from([("alg".into(), "EdDSA".into()), ("kid".into(), kid.to_owned().into())]);
            keys("https://api.example.com/jwks.json", &header, Algorithm::EdDsa).is_ok()
        };
        for (seconds, kid, is_known, asked) in [
            (0, "k1", true, 1),
            (29, "k2", false, 1),
            (2, "k2", false, 2),
            (0, "k3", false, 2),
            (31, "k1", true, 2),
            (250, "k1", true, 2),
            (20, "k1", true, 3),
            (301, "k4", false, 4),
        ] {
            stage::pass(Duration::from_secs(seconds));
            assert_eq!((found(kid), stage::asked()), (is_known, asked), "{seconds} s later, {kid}");
        }
        forget();
        assert!(found("k1") && stage::asked() == 5);
    }
}
