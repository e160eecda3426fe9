//! The module `jwt`: signs and verifies JSON Web Tokens (RFC 7519).
//!
//! | algorithm | key that signs | key that verifies |
//! |---|---|---|
//! | HS256, HS384, HS512 | a secret, text or a blob | the same |
//! | RS256, RS384, RS512, PS256, PS384, PS512 | RSA private key | RSA public key |
//! | ES256 | P-256 private key | P-256 public key |
//! | ES384 | P-384 private key | P-384 public key |
//! | EdDSA | Ed25519 private key | Ed25519 public key |
//!
//! Private keys are PEM in PKCS#8 (RSA also in PKCS#1, EC in SEC 1), public keys PEM or a certificate
//! in PEM; both may be a JSON Web Key,
//! and several public ones a set `#{ keys: [...] }`, which may be at a URL. The kind of the key decides which algorithms a
//! token may name, whatever the token says; `none` is never one of them.
//!
//! What is wrong with a token is thrown as a map `#{ type, message }`, with the types of
//! [`Refusal`]; what is wrong with the script, such as a key that is none, is an ordinary error.

mod keys;
mod published;

use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map, Position};

use self::keys::{Algorithm, SigningKey, VerifyingKey};
use super::Part;
use super::native::exported;
use crate::bounds::{Bounded, room_for};
use crate::json::{self, BigInteger};
use crate::vocabulary::Vocabulary;

pub use published::each as each_key_set;
#[cfg(feature = "tool")]
pub use published::keep_again as keep_key_set;
pub(super) use published::{certificate as published_certificate, forget as forget_sets};

pub(super) const PART: Part = Part { words: &["jwt"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("jwt", "Jwt.Invalid", engine, vocabulary);
}

/// The time, where a script does not give one.
fn now_s() -> INT {
    let since = crate::effects::world().now().duration_since(UNIX_EPOCH).unwrap_or_default();
    INT::try_from(since.as_secs()).unwrap_or(INT::MAX)
}

/// Why a token is refused, as the `type` of what is thrown.
#[derive(Clone, Copy)]
enum Refusal {
    Malformed,
    AlgorithmNotAllowed,
    /// No key of the set has the token's `kid`: the set may be out of date.
    UnknownKey,
    BadSignature,
    Expired,
    ClaimMismatch,
}

impl Refusal {
    fn saying(self, message: String) -> Box<EvalAltResult> {
        let name = match self {
            Self::Malformed => "Jwt.Malformed",
            Self::AlgorithmNotAllowed => "Jwt.AlgorithmNotAllowed",
            Self::UnknownKey => "Jwt.UnknownKey",
            Self::BadSignature => "Jwt.BadSignature",
            Self::Expired => "Jwt.Expired",
            Self::ClaimMismatch => "Jwt.ClaimMismatch",
        };
        let thrown = Map::from([("type".into(), name.into()), ("message".into(), message.into())]);
        Box::new(EvalAltResult::ErrorRuntime(thrown.into(), Position::NONE))
    }
}

/// The parts of a token in the compact form of RFC 7515, 7.1.
struct Token<'a> {
    /// The header and the claims with the dot between, as they are signed.
    signed: &'a str,
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Token<'a> {
    fn split(token: &'a str) -> Bounded<Self> {
        token
            .rsplit_once('.')
            .and_then(|(signed, signature)| {
                let (header, claims) = signed.split_once('.')?;
                (!claims.contains('.')).then_some(Self { signed, header, claims, signature })
            })
            .ok_or_else(|| {
                Refusal::Malformed.saying("a token has three parts with a dot between".into())
            })
    }

    fn header(&self) -> Bounded<Map> {
        object("header", self.header)
    }

    fn claims(&self) -> Bounded<Map> {
        object("payload", self.claims)
    }
}

/// The JSON object in a part of a token.
fn object(name: &str, part: &str) -> Bounded<Map> {
    room_for(part.len(), 1)?;
    let malformed = |what: String| Refusal::Malformed.saying(format!("the {name} {what}"));
    let text = decode(part).ok_or_else(|| malformed("is not base64url".into()))?;
    let value = json::read(&text).map_err(|error| {
        if error.is_out_of_memory {
            return format!("the token's {name}: {error}").into();
        }
        malformed(format!("is not JSON: {error}"))
    })?;
    value.try_cast().ok_or_else(|| malformed("is not a JSON object".into()))
}

fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(part).ok()
}

/// The algorithm that a token names, if it is one of ours and of those allowed.
fn token_algorithm(header: &Map, allowed: Option<&[ImmutableString]>) -> Bounded<Algorithm> {
    // Its members have to be understood (RFC 7515, 4.1.11), and we know none.
    if header.contains_key("crit") {
        return Err(Refusal::Malformed
            .saying("the header has `crit`: it asks for an extension that is not known".into()));
    }
    let name: ImmutableString = header
        .get("alg")
        .and_then(|name| name.clone().try_cast())
        .ok_or_else(|| Refusal::Malformed.saying("the header has no text `alg`".into()))?;
    let is_allowed = allowed.is_none_or(|allowed| allowed.contains(&name));
    Algorithm::of(&name).filter(|_| is_allowed).ok_or_else(|| {
        let allowed = allowed.map_or(Algorithm::NAMES.to_owned(), |allowed| allowed.join(", "));
        Refusal::AlgorithmNotAllowed
            .saying(format!("the token's algorithm is {:?}, not {allowed}", name.as_str()))
    })
}

/// The keys that may have signed a token: the one that was given, or those of the set that the
/// token's `kid` names.
fn candidates(options: &Options, key: Dynamic, header: &Map) -> Bounded<Vec<VerifyingKey>> {
    let key = key.flatten();
    let set =
        key.read_lock::<Map>().and_then(|key| key.get("keys").map(|value| value.clone().flatten()));
    let Some(set) = set else {
        let key = VerifyingKey::read(key);
        return Ok(vec![key.map_err(|error| options.error(&format!("`key` {error}")))?]);
    };
    let set: Array = set
        .try_cast()
        .ok_or_else(|| options.error("`key` is a set of keys whose `keys` is not an array"))?;
    let keys = named(set.iter(), header);
    if keys.is_empty() { Err(no_key(header)) } else { Ok(keys) }
}

/// The keys of a set that are for a token with this header.
fn named<'a>(set: impl Iterator<Item = &'a Dynamic>, header: &Map) -> Vec<VerifyingKey> {
    let kid = header.get("kid");
    set.filter_map(|jwk| {
        let jwk = jwk.read_lock::<Map>()?;
        let alg = header.get("alg");
        let is_named = kid.is_none_or(|kid| has_text(&jwk, "kid", kid))
            && jwk.get("use").is_none_or(|purpose| is_text(purpose, "sig"))
            && (jwk.get("alg").is_none() || alg.is_some_and(|alg| has_text(&jwk, "alg", alg)));
        // A set may hold keys of kinds that are not known (RFC 7517, 5).
        is_named.then(|| VerifyingKey::from_jwk(&jwk).ok()).flatten()
    })
    .collect()
}

fn no_key(header: &Map) -> Box<EvalAltResult> {
    let kid = header.get("kid").and_then(|kid| kid.clone().try_cast::<ImmutableString>());
    Refusal::UnknownKey.saying(match kid {
        Some(kid) => format!("no key of the set is for a token with the kid {:?}", kid.as_str()),
        None => "no key of the set is for this token".into(),
    })
}

fn is_text(value: &Dynamic, text: &str) -> bool {
    value.read_lock::<ImmutableString>().is_some_and(|value| *value == text)
}

fn has_text(map: &Map, name: &str, text: &Dynamic) -> bool {
    let text = text.read_lock::<ImmutableString>();
    map.get(name).zip(text).is_some_and(|(value, text)| is_text(value, &text))
}

/// `exp` and `nbf` of RFC 7519, 4.1.
fn check_times(claims: &Map, now_s: INT, leeway_s: INT) -> Bounded<()> {
    let (now, leeway) = (now_s as f64, leeway_s as f64);
    if let Some(exp) = time(claims, "exp")? {
        if now >= exp + leeway {
            return Err(Refusal::Expired
                .saying(format!("the token's `exp` is {exp}, and it is {now_s} now")));
        }
    }
    if let Some(nbf) = time(claims, "nbf")? {
        if now + leeway < nbf {
            return Err(Refusal::ClaimMismatch.saying(format!(
                "the token is not valid yet: its `nbf` is {nbf}, and it is {now_s} now"
            )));
        }
    }
    Ok(())
}

/// A claim that is a time in seconds, which need not be whole.
fn time(claims: &Map, name: &str) -> Bounded<Option<f64>> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let int = value.as_int().ok().map(|int| int as f64);
    let time = int
        .or_else(|| value.as_float().ok())
        .or_else(|| value.read_lock::<BigInteger>().map(|number| number.to_float()));
    time.map(Some)
        .ok_or_else(|| Refusal::Malformed.saying(format!("the claim `{name}` is not a number")))
}

/// A claim, text or an array of texts, has to share one with what is expected.
fn check_claim(claims: &Map, name: &str, expected: &[ImmutableString]) -> Bounded<()> {
    let claim = claims.get(name).cloned().unwrap_or_default();
    let is_expected = |value: &Dynamic| expected.iter().any(|expected| is_text(value, expected));
    let matches = match claim.read_lock::<Array>() {
        // The issuer is one.
        Some(values) => name == "aud" && values.iter().any(is_expected),
        None => is_expected(&claim),
    };
    if matches {
        return Ok(());
    }
    let expected: Vec<String> =
        expected.iter().map(|text| format!("{:?}", text.as_str())).collect();
    Err(Refusal::ClaimMismatch
        .saying(format!("the claim `{name}` is not {}", expected.join(" or "))))
}

/// The claims of a token that one of the keys signed, once all that the options ask for holds.
fn claims_of(
    token: &str,
    options: &Options,
    keys: impl FnOnce(&Map, Algorithm) -> Bounded<Vec<VerifyingKey>>,
) -> Bounded<Map> {
    let algs = options.texts("algs")?;
    if let Some(other) = algs.iter().flatten().find(|name| Algorithm::of(name).is_none()) {
        return Err(options.error(&format!(
            "the option `algs` has {:?}; it may have {}",
            other.as_str(),
            Algorithm::NAMES
        )));
    }
    let expected = [("iss", options.texts("iss")?), ("aud", options.texts("aud")?)];
    let leeway_s = options.seconds("leeway_s")?.unwrap_or(0);
    let now_s = options.seconds("now_s")?.unwrap_or_else(now_s);

    let token = Token::split(token)?;
    let header = token.header()?;
    let algorithm = token_algorithm(&header, algs.as_deref())?;
    let candidates = keys(&header, algorithm)?;
    let fitting: Vec<_> = candidates.iter().filter(|key| key.fits(algorithm)).collect();
    if fitting.is_empty() {
        let kinds = candidates.first().map_or("none", |key| key.kind());
        return Err(Refusal::AlgorithmNotAllowed.saying(format!(
            "the token is signed by {}, but the key is {kinds}",
            algorithm.name()
        )));
    }
    let signature = decode(token.signature)
        .ok_or_else(|| Refusal::Malformed.saying("the signature is not base64url".into()))?;
    if !fitting.iter().any(|key| key.has_signed(algorithm, token.signed.as_bytes(), &signature)) {
        return Err(Refusal::BadSignature.saying("the key did not sign this token".into()));
    }
    let claims = token.claims()?;
    check_times(&claims, now_s, leeway_s)?;
    for (name, expected) in expected {
        if let Some(expected) = expected {
            check_claim(&claims, name, &expected)?;
        }
    }
    Ok(claims)
}

/// The options of a function, which say what is wrong with them.
struct Options<'a> {
    function: &'static str,
    options: &'a Map,
}

impl Options<'_> {
    fn error(&self, message: &str) -> Box<EvalAltResult> {
        format!("{}: {message}", self.function).into()
    }

    fn are_among(&self, known: &[&str]) -> Bounded<()> {
        match self.options.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(other) => Err(self.error(&format!(
                "there is no option {other:?}; there are `{}`",
                known.join("`, `")
            ))),
        }
    }

    fn get(&self, name: &str) -> Option<Dynamic> {
        self.options.get(name).map(|value| value.clone().flatten())
    }

    fn text(&self, name: &str) -> Bounded<Option<ImmutableString>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.try_cast();
        text.map(Some).ok_or_else(|| self.error(&format!("the option `{name}` has to be text")))
    }

    /// One text, or several.
    fn texts(&self, name: &str) -> Bounded<Option<Vec<ImmutableString>>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let values = value.try_cast_result::<Array>().unwrap_or_else(|value| vec![value]);
        let texts: Option<Vec<_>> =
            values.into_iter().map(|value| value.flatten().try_cast()).collect();
        texts.map(Some).ok_or_else(|| {
            self.error(&format!("the option `{name}` has to be text or an array of texts"))
        })
    }

    fn seconds(&self, name: &str) -> Bounded<Option<INT>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_int().map(Some).map_err(|_| {
            self.error(&format!("the option `{name}` has to be a whole number of seconds"))
        })
    }
}

/// Signs and verifies JSON Web Tokens. What is wrong with a token is thrown as a map with `type` and
/// `message`.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// A token with these claims, signed. Options: `alg` (required), `kid`, and `typ`, which is `"JWT"`
    /// where it is left out.
    ///
    /// ```rhai
    /// let token = jwt::sign(#{ sub: "ada" }, "secret", #{ alg: "HS256" });
    /// token; // => "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEifQ.-G7HR4Se6onpiv1N_jWqt9jGA0VR0kRJ_2BoHWhkfhg"
    /// jwt::verify(token, "secret", #{}).sub; // => "ada"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn sign(claims: Map, key: Dynamic, options: Map) -> Bounded<String> {
        let options = Options { function: "jwt::sign", options: &options };
        options.are_among(&["alg", "kid", "typ"])?;
        let name = options.text("alg")?.unwrap_or_default();
        let algorithm = Algorithm::of(&name).ok_or_else(|| {
            options.error(&format!("the option `alg` has to be {}", Algorithm::NAMES))
        })?;
        let key =
            SigningKey::read(key).map_err(|error| options.error(&format!("`key` {error}")))?;
        let mut header = Map::from([
            ("alg".into(), name.into()),
            ("typ".into(), options.text("typ")?.unwrap_or_else(|| "JWT".into()).into()),
        ]);
        if let Some(kid) = options.text("kid")? {
            header.insert("kid".into(), kid.into());
        }
        let mut token = String::new();
        for part in [header, claims] {
            let mut text = Vec::new();
            json::write(&part.into(), &mut text)
                .map_err(|error| options.error(&format!("the claims are not JSON: {error}")))?;
            room_for(text.len() + 1024, 3)?;
            BASE64_URL_SAFE_NO_PAD.encode_string(text, &mut token);
            token.push('.');
        }
        token.pop();
        let signature = key
            .sign(algorithm, token.as_bytes())
            .ok_or_else(|| {
                options.error(&format!("`key` is {}, and not for {}", key.kind(), algorithm.name()))
            })?
            .map_err(|_| options.error("`key` cannot sign"))?;
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The claims of a token, once its signature and its times hold. Options, all of which may be left
    /// out: `algs`, the algorithms that are allowed of those that fit the key; `iss` and `aud`, the
    /// text, or an array of the texts, that the claim has to be or, for `aud`, to contain; `leeway_s`,
    /// how many seconds `exp` and `nbf` may be off; and `now_s`, the seconds since 1970.
    ///
    /// ```rhai
    /// let token = jwt::sign(#{ sub: "ada", exp: 1000, aud: ["api"] }, "secret", #{ alg: "HS256" });
    /// jwt::verify(token, "secret", #{ now_s: 999, aud: "api", algs: ["HS256"] }).sub; // => "ada"
    /// let refusal = ();
    /// try { jwt::verify(token, "secret", #{ now_s: 1000 }); } catch (e) { refusal = e.type; }
    /// refusal; // => "Jwt.Expired"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn verify(token: ImmutableString, key: Dynamic, options: Map) -> Bounded<Map> {
        let options = Options { function: "jwt::verify", options: &options };
        options.are_among(&["algs", "iss", "aud", "leeway_s", "now_s"])?;
        claims_of(&token, &options, |header, _| candidates(&options, key, header))
    }

    /// The same by the set of keys that an issuer publishes: the option `jwks_url` is its URL, which
    /// begins with `https://`. It is asked for at most every 5 minutes, and sooner, but not within
    /// 30 seconds, for a token whose key is not in the set. What is no set is an error of type
    /// `Jwt.InvalidKeySet`; what fails on the way is one of `http::get`.
    ///
    /// ```rhai
    /// let key = #{
    ///     kty: "OKP", crv: "Ed25519",
    ///     x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    ///     d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    /// };
    /// let token = jwt::sign(#{ sub: "ada" }, key, #{ alg: "EdDSA", kid: "k1" });
    /// jwt::verify(token, #{ jwks_url: "https://api.example.com/jwks.json" }).sub; // => "ada"
    /// jwt::verify(token, #{}); // => error: `jwks_url`
    /// ```
    #[rhai_fn(name = "verify", volatile, return_raw)]
    pub fn verify_by_url(token: ImmutableString, options: Map) -> Bounded<Map> {
        let options = Options { function: "jwt::verify", options: &options };
        options.are_among(&["jwks_url", "algs", "iss", "aud", "leeway_s", "now_s"])?;
        let url = options.text("jwks_url")?.ok_or_else(|| {
            options.error("the key is missing: it comes after the token, or as `jwks_url`")
        })?;
        claims_of(&token, &options, |header, algorithm| published::keys(&url, header, algorithm))
    }

    /// The header and the claims of a token, whoever made it: nothing about them is known to be true.
    ///
    /// ```rhai
    /// let token = jwt::sign(#{ sub: "ada" }, "secret", #{ alg: "HS256", kid: "k1" });
    /// jwt::decode_unverified(token); // => #{ claims: #{ sub: "ada" }, header: #{ alg: "HS256", kid: "k1", typ: "JWT" } }
    /// ```
    #[rhai_fn(return_raw)]
    pub fn decode_unverified(token: ImmutableString) -> Bounded<Map> {
        let token = Token::split(&token)?;
        Ok(Map::from([
            ("header".into(), token.header()?.into()),
            ("claims".into(), token.claims()?.into()),
        ]))
    }
}

#[cfg(test)]
mod tests;
