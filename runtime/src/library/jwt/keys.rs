//! Keys of tokens: a secret, or a key that is shared with all that signs.

use rhai::{Dynamic, Map};
use ring::error::Unspecified;
use ring::hmac;

use crate::library::crypto::{hmac_of, is_equal};
pub(super) use crate::library::keys::KeyError;
use crate::library::keys::{Form, Hash, Jwk, Kind, PrivateKey, PublicKey, Scheme, Source};

/// How a token is signed, by its names in RFC 7518 and RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    const ALL: [(&str, Self); 12] = [
        ("HS256", Self::Hs256),
        ("HS384", Self::Hs384),
        ("HS512", Self::Hs512),
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("EdDSA", Self::EdDsa),
    ];

    /// The names of all algorithms, for errors.
    pub(super) const NAMES: &str = "HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, \
        ES256, ES384 or EdDSA";

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|&(_, algorithm)| algorithm)
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|&&(_, known)| known == self).map_or("", |(name, _)| name)
    }

    pub(super) fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::Hs256 => Some(hmac::HMAC_SHA256),
            Self::Hs384 => Some(hmac::HMAC_SHA384),
            Self::Hs512 => Some(hmac::HMAC_SHA512),
            _ => None,
        }
    }

    /// The scheme, and what the key has to be of; none for a secret.
    fn scheme(self) -> Option<(Scheme, Kind)> {
        Some(match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => return None,
            Self::Rs256 => (Scheme::Rsa(Hash::Sha256), Kind::Rsa),
            Self::Rs384 => (Scheme::Rsa(Hash::Sha384), Kind::Rsa),
            Self::Rs512 => (Scheme::Rsa(Hash::Sha512), Kind::Rsa),
            Self::Ps256 => (Scheme::RsaPss(Hash::Sha256), Kind::Rsa),
            Self::Ps384 => (Scheme::RsaPss(Hash::Sha384), Kind::Rsa),
            Self::Ps512 => (Scheme::RsaPss(Hash::Sha512), Kind::Rsa),
            Self::Es256 => (Scheme::Ecdsa(Hash::Sha256, Form::Raw), Kind::P256),
            Self::Es384 => (Scheme::Ecdsa(Hash::Sha384, Form::Raw), Kind::P384),
            Self::EdDsa => (Scheme::Ed25519, Kind::Ed25519),
        })
    }
}

fn described(kind: Option<Kind>) -> &'static str {
    match kind {
        None => "a secret, which is for HS256, HS384 and HS512",
        Some(Kind::Rsa) => "an RSA key, which is for RS256 to RS512 and PS256 to PS512",
        Some(Kind::P256) => "a P-256 key, which is for ES256",
        Some(Kind::P384) => "a P-384 key, which is for ES384",
        Some(Kind::Ed25519) => "an Ed25519 key, which is for EdDSA",
    }
}

fn source(key: Dynamic) -> Result<Source, KeyError> {
    let kind = key.type_name();
    Source::read(key).map_err(|error| {
        error.unwrap_or_else(|| {
            format!("has to be a secret or PEM, as text or a blob, or a JSON Web Key, not {kind}")
        })
    })
}

/// A key that signs.
pub(super) enum SigningKey {
    Secret(Vec<u8>),
    Private(PrivateKey),
}

impl SigningKey {
    /// Reads a secret, a private key in PEM, or a private JSON Web Key.
    pub(super) fn read(key: Dynamic) -> Result<Self, KeyError> {
        match source(key)? {
            Source::Text(secret) | Source::Bytes(secret) => Ok(Self::Secret(secret)),
            Source::Pem(label, der) => PrivateKey::from_pem(&label, &der).map(Self::Private),
            Source::Jwk(jwk) => match Jwk(&jwk).kind()? {
                None => Jwk(&jwk).secret().map(Self::Secret),
                Some(_) => PrivateKey::from_jwk(&Jwk(&jwk)).map(Self::Private),
            },
        }
    }

    /// What the key is, for errors.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Secret(_) => described(None),
            Self::Private(key) => described(Some(key.kind())),
        }
    }

    /// The signature of a message; none where the algorithm is for another kind of key.
    pub(super) fn sign(
        &self,
        algorithm: Algorithm,
        message: &[u8],
    ) -> Option<Result<Vec<u8>, Unspecified>> {
        match (self, algorithm.hmac(), algorithm.scheme()) {
            (Self::Secret(secret), Some(algorithm), _) => {
                Some(Ok(hmac_of(algorithm, secret, &[message]).as_ref().to_vec()))
            }
            (Self::Private(key), _, Some((scheme, kind))) if key.kind() == kind => {
                key.sign(scheme, message)
            }
            _ => None,
        }
    }
}

/// A key that verifies.
pub(super) enum VerifyingKey {
    Secret(Vec<u8>),
    Public(PublicKey),
}

impl VerifyingKey {
    /// Reads a secret, a public key in PEM, or a JSON Web Key.
    pub(super) fn read(key: Dynamic) -> Result<Self, KeyError> {
        match source(key)? {
            Source::Text(secret) | Source::Bytes(secret) => Ok(Self::Secret(secret)),
            Source::Pem(label, der) => PublicKey::from_pem(&label, &der).map(Self::Public),
            Source::Jwk(jwk) => Self::from_jwk(&jwk),
        }
    }

    /// The public half of a JSON Web Key, or the secret that it holds.
    pub(super) fn from_jwk(jwk: &Map) -> Result<Self, KeyError> {
        let jwk = Jwk(jwk);
        match jwk.kind()? {
            None => jwk.secret().map(Self::Secret),
            Some(_) => PublicKey::from_jwk(&jwk).map(Self::Public),
        }
    }

    fn key_kind(&self) -> Option<Kind> {
        match self {
            Self::Secret(_) => None,
            Self::Public(key) => Some(key.kind()),
        }
    }

    /// What the key is, for errors.
    pub(super) fn kind(&self) -> &'static str {
        described(self.key_kind())
    }

    /// Whether the algorithm is one for this kind of key. A public key is never a secret.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        self.key_kind() == algorithm.scheme().map(|(_, kind)| kind)
    }

    /// Whether this key, or its private half, signed the message by the algorithm.
    pub(super) fn has_signed(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        match self {
            Self::Secret(secret) => algorithm.hmac().is_some_and(|algorithm| {
                is_equal(hmac_of(algorithm, secret, &[message]).as_ref(), signature)
            }),
            Self::Public(key) => algorithm
                .scheme()
                .and_then(|(scheme, _)| key.has_signed(scheme, message, signature))
                .unwrap_or(false),
        }
    }
}
