//! Keys that sign and verify, read from a secret, from PEM, or from a JSON Web Key (RFC 7517).
//!
//! What an error says about a key is its kind, never what is in it.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rhai::{Dynamic, ImmutableString, Map};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use ring::{hmac, rsa};

use crate::library::crypto::{Bytes, hmac_of, is_equal};

/// How a token is signed, by its names in RFC 7518 and RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    const ALL: [(&str, Self); 6] = [
        ("HS256", Self::Hs256),
        ("HS384", Self::Hs384),
        ("HS512", Self::Hs512),
        ("RS256", Self::Rs256),
        ("ES256", Self::Es256),
        ("EdDSA", Self::EdDsa),
    ];

    /// The names of all algorithms, for errors.
    pub(super) const NAMES: &str = "HS256, HS384, HS512, RS256, ES256 or EdDSA";

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
            Self::Rs256 | Self::Es256 | Self::EdDsa => None,
        }
    }
}

/// Why a key is of no use: what it is, and what it should be.
pub(super) type KeyError = String;

/// A key that signs.
pub(super) enum SigningKey {
    Secret(Vec<u8>),
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl SigningKey {
    /// Reads a secret, a private key in PEM, or a private JSON Web Key.
    pub(super) fn read(key: Dynamic) -> Result<Self, KeyError> {
        match Source::read(key)? {
            Source::Secret(secret) => Ok(Self::Secret(secret)),
            Source::Pem(label, der) => Self::from_pem(&label, &der),
            Source::Jwk(jwk) => Self::from_jwk(&Jwk(&jwk)),
        }
    }

    fn from_pem(label: &str, der: &[u8]) -> Result<Self, KeyError> {
        let rsa = |key: RsaKeyPair| Self::Rsa(Box::new(key));
        match label {
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(der).map(rsa).map_err(rejected),
            "PRIVATE KEY" => {
                if let Ok(key) = Self::p256(|random| {
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, random)
                }) {
                    return Ok(key);
                }
                // OpenSSL leaves the public half out, so there is nothing to check it against.
                if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                    return Ok(Self::Ed25519(Box::new(key)));
                }
                RsaKeyPair::from_pkcs8(der).map(rsa).map_err(rejected)
            }
            "EC PRIVATE KEY" => Err("is a private key in the form SEC 1; \
                 `openssl pkcs8 -topk8 -nocrypt` makes PKCS#8 of it"
                .into()),
            "ENCRYPTED PRIVATE KEY" => Err("is a private key under a password; \
                 `openssl pkcs8` takes the password away"
                .into()),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Err("is a public key; a private key signs".into()),
            other => Err(format!("is a PEM block {other:?}; a PRIVATE KEY signs")),
        }
    }

    fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        match jwk.kind()? {
            Kind::Secret => jwk.secret().map(Self::Secret),
            Kind::Rsa => {
                let number = |name| jwk.number(name);
                RsaKeyPair::from_components(&rsa::KeyPairComponents {
                    public_key: RsaPublicKeyComponents { n: number("n")?, e: number("e")? },
                    d: number("d")?,
                    p: number("p")?,
                    q: number("q")?,
                    dP: number("dp")?,
                    dQ: number("dq")?,
                    qInv: number("qi")?,
                })
                .map(|key| Self::Rsa(Box::new(key)))
                .map_err(rejected)
            }
            Kind::P256 => {
                let (private, public) = (jwk.bytes("d")?, jwk.point()?);
                Self::p256(|random| {
                    EcdsaKeyPair::from_private_key_and_public_key(
                        &ECDSA_P256_SHA256_FIXED_SIGNING,
                        &private,
                        &public,
                        random,
                    )
                })
                .map_err(rejected)
            }
            Kind::Ed25519 => {
                let (private, public) = (jwk.bytes("d")?, jwk.bytes("x")?);
                Ed25519KeyPair::from_seed_and_public_key(&private, &public)
                    .map(|key| Self::Ed25519(Box::new(key)))
                    .map_err(rejected)
            }
        }
    }

    fn p256<E>(read: impl FnOnce(&SystemRandom) -> Result<EcdsaKeyPair, E>) -> Result<Self, E> {
        read(&SystemRandom::new()).map(|key| Self::P256(Box::new(key)))
    }

    /// What the key is, for errors.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Secret(_) => Kind::Secret.name(),
            Self::Rsa(_) => Kind::Rsa.name(),
            Self::P256(_) => Kind::P256.name(),
            Self::Ed25519(_) => Kind::Ed25519.name(),
        }
    }

    /// The signature of a message; none where the algorithm is for another kind of key.
    pub(super) fn sign(
        &self,
        algorithm: Algorithm,
        message: &[u8],
    ) -> Option<Result<Vec<u8>, ring::error::Unspecified>> {
        match (self, algorithm) {
            (Self::Secret(secret), _) => algorithm
                .hmac()
                .map(|algorithm| Ok(hmac_of(algorithm, secret, &[message]).as_ref().to_vec())),
            (Self::Rsa(key), Algorithm::Rs256) => {
                let mut signature = vec![0; key.public().modulus_len()];
                Some(
                    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                        .map(|()| signature),
                )
            }
            (Self::P256(key), Algorithm::Es256) => Some(
                key.sign(&SystemRandom::new(), message)
                    .map(|signature| signature.as_ref().to_vec()),
            ),
            (Self::Ed25519(key), Algorithm::EdDsa) => Some(Ok(key.sign(message).as_ref().to_vec())),
            _ => None,
        }
    }
}

/// A key that verifies.
pub(super) enum VerifyingKey {
    Secret(Vec<u8>),
    RsaDer(Vec<u8>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl VerifyingKey {
    /// Reads a secret, a public key in PEM, or a JSON Web Key.
    pub(super) fn read(key: Dynamic) -> Result<Self, KeyError> {
        match Source::read(key)? {
            Source::Secret(secret) => Ok(Self::Secret(secret)),
            Source::Pem(label, der) => Self::from_pem(&label, der),
            Source::Jwk(jwk) => Self::from_jwk(&jwk),
        }
    }

    fn from_pem(label: &str, der: Vec<u8>) -> Result<Self, KeyError> {
        match label {
            "RSA PUBLIC KEY" => Ok(Self::RsaDer(der)),
            "PUBLIC KEY" => Self::from_spki(&der)
                .ok_or_else(|| "is a public key, but not of RSA, P-256 or Ed25519".into()),
            "CERTIFICATE" => Err("is a certificate; \
                 `openssl x509 -pubkey -noout` takes the public key out of it"
                .into()),
            other if other.ends_with("PRIVATE KEY") => {
                Err("is a private key; the public key verifies".into())
            }
            other => Err(format!("is a PEM block {other:?}; a PUBLIC KEY verifies")),
        }
    }

    /// SubjectPublicKeyInfo of RFC 5280, 4.1: an algorithm, and the key as a bit string.
    fn from_spki(der: &[u8]) -> Option<Self> {
        const SEQUENCE: u8 = 0x30;
        const BIT_STRING: u8 = 0x03;
        const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
        const P256: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
            \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
        const ED25519_OID: &[u8] = b"\x06\x03\x2b\x65\x70";
        let (info, _) = der_value(SEQUENCE, der)?;
        let (algorithm, rest) = der_value(SEQUENCE, info)?;
        let (bits, _) = der_value(BIT_STRING, rest)?;
        // The first byte counts the bits that are left over.
        let key = bits.strip_prefix(&[0])?.to_vec();
        match algorithm {
            RSA => Some(Self::RsaDer(key)),
            P256 => Some(Self::P256(key)),
            ED25519_OID => Some(Self::Ed25519(key)),
            _ => None,
        }
    }

    /// The public half of a JSON Web Key, or the secret that it holds.
    pub(super) fn from_jwk(jwk: &Map) -> Result<Self, KeyError> {
        let jwk = Jwk(jwk);
        Ok(match jwk.kind()? {
            Kind::Secret => Self::Secret(jwk.secret()?),
            Kind::Rsa => {
                Self::Rsa(RsaPublicKeyComponents { n: jwk.number("n")?, e: jwk.number("e")? })
            }
            Kind::P256 => Self::P256(jwk.point()?),
            Kind::Ed25519 => Self::Ed25519(jwk.bytes("x")?),
        })
    }

    fn key_kind(&self) -> Kind {
        match self {
            Self::Secret(_) => Kind::Secret,
            Self::RsaDer(_) | Self::Rsa(_) => Kind::Rsa,
            Self::P256(_) => Kind::P256,
            Self::Ed25519(_) => Kind::Ed25519,
        }
    }

    /// What the key is, for errors.
    pub(super) fn kind(&self) -> &'static str {
        self.key_kind().name()
    }

    /// Whether the algorithm is one for this kind of key. A public key is never a secret.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        match self.key_kind() {
            Kind::Secret => algorithm.hmac().is_some(),
            Kind::Rsa => algorithm == Algorithm::Rs256,
            Kind::P256 => algorithm == Algorithm::Es256,
            Kind::Ed25519 => algorithm == Algorithm::EdDsa,
        }
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
            Self::RsaDer(key) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
                .verify(message, signature)
                .is_ok(),
            Self::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok(),
            Self::P256(key) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
                .verify(message, signature)
                .is_ok(),
            Self::Ed25519(key) => {
                UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok()
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Secret,
    Rsa,
    P256,
    Ed25519,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Secret => "a secret, which is for HS256, HS384 and HS512",
            Self::Rsa => "an RSA key, which is for RS256",
            Self::P256 => "a P-256 key, which is for ES256",
            Self::Ed25519 => "an Ed25519 key, which is for EdDSA",
        }
    }
}

/// The forms in which a script has a key.
enum Source {
    Secret(Vec<u8>),
    /// The label of the first block, and what it holds.
    Pem(String, Vec<u8>),
    Jwk(Map),
}

impl Source {
    fn read(key: Dynamic) -> Result<Self, KeyError> {
        let key = key.flatten();
        let key = match key.try_cast_result::<Map>() {
            Ok(jwk) => return Ok(Self::Jwk(jwk)),
            Err(key) => key,
        };
        let kind = key.type_name();
        let key = Bytes::of("", "", key).map_err(|_| {
            format!("has to be a secret or PEM, as text or a blob, or a JSON Web Key, not {kind}")
        })?;
        let key = key.as_ref();
        if key.is_empty() {
            return Err("is empty".into());
        }
        // However much stands before it: a public key must never be taken for a secret.
        if !contains(key, b"-----BEGIN") {
            return Ok(Self::Secret(key.to_vec()));
        }
        pem(key)
            .map(|(label, der)| Self::Pem(label, der))
            .ok_or_else(|| "is PEM, but its block is cut off or is not base64".into())
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The first block of PEM (RFC 7468). A line break may have become `\n` on its way through an
/// environment variable.
pub(super) fn pem(text: &[u8]) -> Option<(String, Vec<u8>)> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END")?;
    let body: String = body.replace("\\n", "").split_whitespace().collect();
    Some((label.to_owned(), BASE64_STANDARD.decode(body).ok()?))
}

/// The content of the DER value of this tag that stands first, and what follows it.
fn der_value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // A key of 8192 bits is shorter than two bytes can say.
        0x81 | 0x82 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn rejected(error: ring::error::KeyRejected) -> KeyError {
    format!(
        "is not a private key that can sign ({error}); it is an RSA key of 2048 to 4096 bits, a \
         P-256 key or an Ed25519 key"
    )
}

/// A JSON Web Key.
struct Jwk<'a>(&'a Map);

impl Jwk<'_> {
    fn text(&self, name: &str) -> Result<ImmutableString, KeyError> {
        self.0
            .get(name)
            .and_then(|value| value.clone().flatten().try_cast())
            .ok_or_else(|| format!("is a JSON Web Key without the text `{name}`"))
    }

    fn kind(&self) -> Result<Kind, KeyError> {
        let kty = self.text("kty")?;
        match kty.as_str() {
            "oct" => return Ok(Kind::Secret),
            "RSA" => return Ok(Kind::Rsa),
            _ => {}
        }
        let crv = self.text("crv").unwrap_or_default();
        match (kty.as_str(), crv.as_str()) {
            ("EC", "P-256") => Ok(Kind::P256),
            ("OKP", "Ed25519") => Ok(Kind::Ed25519),
            _ => Err(format!(
                "is a JSON Web Key of kty {:?} and crv {:?}; it has to be oct, RSA, EC with P-256 \
                 or OKP with Ed25519",
                kty.as_str(),
                crv.as_str()
            )),
        }
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, KeyError> {
        BASE64_URL_SAFE_NO_PAD
            .decode(self.text(name)?.as_bytes())
            .map_err(|_| format!("is a JSON Web Key whose `{name}` is not base64url"))
    }

    /// A number without the zeros that some writers put before it.
    fn number(&self, name: &str) -> Result<Vec<u8>, KeyError> {
        let bytes = self.bytes(name)?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        Ok(bytes[zeros..].to_vec())
    }

    fn secret(&self) -> Result<Vec<u8>, KeyError> {
        let secret = self.bytes("k")?;
        if secret.is_empty() {
            Err("is a JSON Web Key whose `k` is empty".into())
        } else {
            Ok(secret)
        }
    }

    /// The uncompressed point of SEC 1, 2.3.3.
    fn point(&self) -> Result<Vec<u8>, KeyError> {
        Ok([vec![4], self.bytes("x")?, self.bytes("y")?].concat())
    }
}
