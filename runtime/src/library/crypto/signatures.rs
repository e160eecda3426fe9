//! Signatures of data by a key pair: which algorithm, which key, in which form.

use rhai::{Blob, Dynamic, ImmutableString, Map};

use super::Bytes;
use crate::bounds::{self, Bounded};
use crate::effects::Failure;
use crate::library::keys::{Form, Hash, Jwk, Kind, PrivateKey, PublicKey, Scheme, Source};
use crate::library::thrown;
use crate::suggest;

/// The algorithms by their names, with ECDSA in DER.
const ALGORITHMS: [(&str, Scheme); 9] = [
    ("ed25519", Scheme::Ed25519),
    ("ecdsa-sha256", Scheme::Ecdsa(Hash::Sha256, Form::Der)),
    ("ecdsa-sha384", Scheme::Ecdsa(Hash::Sha384, Form::Der)),
    ("rsa-sha256", Scheme::Rsa(Hash::Sha256)),
    ("rsa-sha384", Scheme::Rsa(Hash::Sha384)),
    ("rsa-sha512", Scheme::Rsa(Hash::Sha512)),
    ("rsa-pss-sha256", Scheme::RsaPss(Hash::Sha256)),
    ("rsa-pss-sha384", Scheme::RsaPss(Hash::Sha384)),
    ("rsa-pss-sha512", Scheme::RsaPss(Hash::Sha512)),
];

/// A function that signs or verifies, which says what is wrong with what it was given.
struct Asked<'a> {
    function: &'static str,
    algorithm: &'a str,
}

impl Asked<'_> {
    fn error(&self, error_type: &'static str, why: &str) -> Box<rhai::EvalAltResult> {
        let failure = Failure::new(error_type, format!("{}: {why}", self.function));
        thrown(&failure, [("algorithm", self.shown().into())])
    }

    /// The algorithm in an error, which may be any text.
    fn shown(&self) -> String {
        self.algorithm.chars().take(40).collect()
    }

    fn scheme(&self, options: &Map) -> Bounded<Scheme> {
        let names = || ALGORITHMS.iter().map(|(name, _)| *name);
        let known = ALGORITHMS.iter().find(|(name, _)| *name == self.algorithm);
        let Some(&(_, mut scheme)) = known else {
            let hint = match suggest::nearest(self.algorithm, names()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
            };
            let why = format!("there is no algorithm {:?}; {hint}", self.shown());
            return Err(self.error("Crypto.UnknownAlgorithm", &why));
        };
        if let Some(other) = options.keys().find(|name| *name != "encoding") {
            let why = format!("there is no option `{other}`; there is `encoding`");
            return Err(self.error("Crypto.InvalidArgument", &why));
        }
        let Some(encoding) = options.get("encoding") else { return Ok(scheme) };
        let encoding = encoding.clone().into_immutable_string().unwrap_or_default();
        match (encoding.as_str(), &mut scheme) {
            ("der", Scheme::Ecdsa(..)) => {}
            ("raw", Scheme::Ecdsa(_, form)) => *form = Form::Raw,
            (_, Scheme::Ecdsa(..)) => {
                let why = "the option `encoding` is \"der\", or \"raw\" for the two numbers one \
                           after the other";
                return Err(self.error("Crypto.InvalidArgument", why));
            }
            _ => {
                let why = "the option `encoding` is for ECDSA; other signatures have one form";
                return Err(self.error("Crypto.InvalidArgument", why));
            }
        }
        Ok(scheme)
    }

    fn source(&self, key: Dynamic) -> Bounded<Source> {
        let kind = key.type_name();
        Source::read(key).map_err(|error| {
            let why = error.unwrap_or_else(|| {
                format!("has to be PEM as text, DER as a blob, or a JSON Web Key, not {kind}")
            });
            self.invalid_key(&why)
        })
    }

    fn invalid_key(&self, why: &str) -> Box<rhai::EvalAltResult> {
        self.error("Crypto.KeyInvalid", &format!("`key` {why}"))
    }

    fn no_pem(&self) -> Box<rhai::EvalAltResult> {
        self.invalid_key(
            "is text, but not PEM, which has a line `-----BEGIN …-----`; a key in base64 or hex \
             goes through `base64::decode` or `hex::decode`",
        )
    }

    fn mismatch(&self, kind: Kind) -> Box<rhai::EvalAltResult> {
        let fitting = match kind {
            Kind::Rsa => "rsa-sha256 to rsa-sha512 and rsa-pss-sha256 to rsa-pss-sha512",
            Kind::P256 if self.function == "crypto::sign" => "ecdsa-sha256",
            Kind::P384 if self.function == "crypto::sign" => "ecdsa-sha384",
            Kind::P256 | Kind::P384 => "ecdsa-sha256 and ecdsa-sha384",
            Kind::Ed25519 => "ed25519",
        };
        let why = format!("`key` is {}, which is for {fitting}", kind.name());
        self.error("Crypto.KeyMismatch", &format!("{why}, not for {}", self.algorithm))
    }
}

/// The signature of data.
pub(super) fn sign(
    algorithm: &ImmutableString,
    key: Dynamic,
    data: Dynamic,
    options: &Map,
) -> Bounded<Blob> {
    let asked = Asked { function: "crypto::sign", algorithm };
    let scheme = asked.scheme(options)?;
    let key = match asked.source(key)? {
        Source::Text(_) => return Err(asked.no_pem()),
        Source::Bytes(der) => PrivateKey::from_der(&der),
        Source::Pem(label, der) => PrivateKey::from_pem(&label, &der),
        Source::Jwk(jwk) => PrivateKey::from_jwk(&Jwk(&jwk)),
    };
    let key = key.map_err(|why| asked.invalid_key(&why))?;
    let data = Bytes::of("crypto::sign", "data", data)?;
    bounds::step(data.as_ref().len())?;
    key.sign(scheme, data.as_ref())
        .ok_or_else(|| asked.mismatch(key.kind()))?
        .map_err(|_| asked.invalid_key("cannot sign"))
}

/// Whether the private half of a key signed data.
pub(super) fn verify(
    algorithm: &ImmutableString,
    key: Dynamic,
    data: Dynamic,
    signature: &Dynamic,
    options: &Map,
) -> Bounded<bool> {
    let asked = Asked { function: "crypto::verify", algorithm };
    let scheme = asked.scheme(options)?;
    let key = match asked.source(key)? {
        Source::Text(_) => return Err(asked.no_pem()),
        Source::Bytes(der) => PublicKey::from_der(&der),
        Source::Pem(label, der) => PublicKey::from_pem(&label, &der),
        Source::Jwk(jwk) => PublicKey::from_jwk(&Jwk(&jwk)),
    };
    let key = key.map_err(|why| asked.invalid_key(&why))?;
    let data = Bytes::of("crypto::verify", "data", data)?;
    let Some(signature) = signature.read_lock::<Blob>() else {
        let why = format!(
            "`signature` is a blob, not {}; one in base64 or hex goes through `base64::decode` or \
             `hex::decode`",
            signature.type_name()
        );
        return Err(asked.error("Crypto.InvalidArgument", &why));
    };
    bounds::step(data.as_ref().len())?;
    key.has_signed(scheme, data.as_ref(), &signature).ok_or_else(|| asked.mismatch(key.kind()))
}
