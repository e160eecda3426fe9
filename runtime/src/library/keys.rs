//! Keys that sign and verify, read from PEM, DER or a JSON Web Key (RFC 7517), for every module that
//! has to do with signatures.
//!
//! What an error says about a key is its kind, never what is in it.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rhai::{Blob, Dynamic, ImmutableString, Map};
use ring::error::{KeyRejected, Unspecified};
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256_SHA384_ASN1,
    ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_FIXED_SIGNING, ED25519,
    EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, Ed25519KeyPair,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

/// The digest that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// To be verified only, where an old protocol has it.
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// How the two numbers of an ECDSA signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As a SEQUENCE of two INTEGERs, as OpenSSL, AWS KMS and X.509 have them.
    Der,
    /// One after the other, as JSON Web Signatures and browsers have them.
    Raw,
}

/// How data are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Ed25519,
    Ecdsa(Hash, Form),
    /// PKCS#1 v1.5.
    Rsa(Hash),
    RsaPss(Hash),
}

/// What a key is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    /// It in an error.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rsa => "an RSA key",
            Self::P256 => "a P-256 key",
            Self::P384 => "a P-384 key",
            Self::Ed25519 => "an Ed25519 key",
        }
    }
}

/// Why a key is of no use: what it is, and what it should be.
pub(super) type KeyError = String;

/// A key that signs.
pub(super) enum PrivateKey {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
    P384(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl PrivateKey {
    /// Reads the block of PEM with this label.
    pub(super) fn from_pem(label: &str, der: &[u8]) -> Result<Self, KeyError> {
        match label {
            "RSA PRIVATE KEY" => Self::from_pkcs1(der).map_err(rejected),
            "PRIVATE KEY" => Self::from_pkcs8(der).map_err(rejected),
            "EC PRIVATE KEY" => Self::from_sec1(der),
            "ENCRYPTED PRIVATE KEY" => Err("is a private key under a password; \
                 `openssl pkcs8` takes the password away"
                .into()),
            "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE" => {
                Err("is a public key; a private key signs".into())
            }
            other => Err(format!("is a PEM block {other:?}; a PRIVATE KEY signs")),
        }
    }

    /// Reads bytes that are PKCS#8, PKCS#1, SEC 1 or the 32 bytes of an Ed25519 key.
    pub(super) fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = Ed25519KeyPair::from_seed_unchecked(der) {
            return Ok(Self::Ed25519(Box::new(key)));
        }
        let error = match Self::from_pkcs8(der) {
            Ok(key) => return Ok(key),
            Err(error) => rejected(error),
        };
        if let Ok(key) = Self::from_pkcs1(der).or_else(|_| Self::from_sec1(der).map_err(drop)) {
            return Ok(key);
        }
        match PublicKey::from_der(der) {
            Ok(_) => Err("is a public key; a private key signs".into()),
            Err(_) => Err(error),
        }
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, KeyRejected> {
        RsaKeyPair::from_der(der).map(|key| Self::Rsa(Box::new(key)))
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyRejected> {
        for (algorithm, whole) in CURVES {
            if let Ok(key) = EcdsaKeyPair::from_pkcs8(algorithm, der, &SystemRandom::new()) {
                return Ok(whole(Box::new(key)));
            }
        }
        // OpenSSL leaves the public half out, so there is nothing to check it against.
        if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(Self::Ed25519(Box::new(key)));
        }
        RsaKeyPair::from_pkcs8(der).map(|key| Self::Rsa(Box::new(key)))
    }

    /// ECPrivateKey of RFC 5915, 3.
    fn from_sec1(der: &[u8]) -> Result<Self, KeyError> {
        let parts = || {
            let (key, _) = der_value(SEQUENCE, der)?;
            let (_, rest) = der_value(INTEGER, key)?;
            let (private, rest) = der_value(OCTET_STRING, rest)?;
            let rest = der_value(0xa0, rest).map_or(rest, |(_, rest)| rest);
            let (public, _) = der_value(0xa1, rest)?;
            let (public, _) = der_value(BIT_STRING, public)?;
            Some((private, public.strip_prefix(&[0])?))
        };
        let Some((private, public)) = parts() else {
            return Err("is a private key in the form SEC 1 that lacks its public half; \
                 `openssl pkcs8 -topk8 -nocrypt` makes PKCS#8 with it"
                .into());
        };
        Self::from_point(private, public).map_err(rejected)
    }

    fn from_point(private: &[u8], public: &[u8]) -> Result<Self, KeyRejected> {
        let (algorithm, whole) = CURVES[usize::from(private.len() > 32)];
        let random = SystemRandom::new();
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, public, &random)
            .map(|key| whole(Box::new(key)))
    }

    /// Reads a private JSON Web Key that is no secret.
    pub(super) fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        match jwk.kind()? {
            None => Err("is a secret, which only HMAC takes".into()),
            Some(Kind::Rsa) => {
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
            Some(Kind::P256 | Kind::P384) => {
                Self::from_point(&jwk.bytes("d")?, &jwk.point()?).map_err(rejected)
            }
            Some(Kind::Ed25519) => {
                let (private, public) = (jwk.bytes("d")?, jwk.bytes("x")?);
                Ed25519KeyPair::from_seed_and_public_key(&private, &public)
                    .map(|key| Self::Ed25519(Box::new(key)))
                    .map_err(rejected)
            }
        }
    }

    /// What the key is of.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Rsa(_) => Kind::Rsa,
            Self::P256(_) => Kind::P256,
            Self::P384(_) => Kind::P384,
            Self::Ed25519(_) => Kind::Ed25519,
        }
    }

    /// The signature of a message; none where the scheme is for another kind of key.
    pub(super) fn sign(
        &self,
        scheme: Scheme,
        message: &[u8],
    ) -> Option<Result<Vec<u8>, Unspecified>> {
        let random = SystemRandom::new();
        Some(match (self, scheme) {
            (Self::Rsa(key), Scheme::Rsa(_) | Scheme::RsaPss(_)) => {
                let encoding: &'static dyn RsaEncoding = match scheme {
                    Scheme::Rsa(Hash::Sha256) => &RSA_PKCS1_SHA256,
                    Scheme::Rsa(Hash::Sha384) => &RSA_PKCS1_SHA384,
                    Scheme::Rsa(Hash::Sha512) => &RSA_PKCS1_SHA512,
                    Scheme::RsaPss(Hash::Sha256) => &RSA_PSS_SHA256,
                    Scheme::RsaPss(Hash::Sha384) => &RSA_PSS_SHA384,
                    Scheme::RsaPss(Hash::Sha512) => &RSA_PSS_SHA512,
                    _ => return None,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(encoding, &random, message, &mut signature).map(|()| signature)
            }
            (Self::P256(key), Scheme::Ecdsa(Hash::Sha256, form))
            | (Self::P384(key), Scheme::Ecdsa(Hash::Sha384, form)) => {
                key.sign(&random, message).map(|signature| match form {
                    Form::Raw => signature.as_ref().to_vec(),
                    Form::Der => der_of(signature.as_ref()),
                })
            }
            (Self::Ed25519(key), Scheme::Ed25519) => Ok(key.sign(message).as_ref().to_vec()),
            _ => return None,
        })
    }
}

/// Makes a key of a curve's one.
type Whole = fn(Box<EcdsaKeyPair>) -> PrivateKey;

const CURVES: [(&EcdsaSigningAlgorithm, Whole); 2] = [
    (&ECDSA_P256_SHA256_FIXED_SIGNING, PrivateKey::P256),
    (&ECDSA_P384_SHA384_FIXED_SIGNING, PrivateKey::P384),
];

/// A key that verifies.
pub(super) enum PublicKey {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// Reads the block of PEM with this label.
    pub(super) fn from_pem(label: &str, der: &[u8]) -> Result<Self, KeyError> {
        match label {
            "RSA PUBLIC KEY" => Self::from_pkcs1(der),
            "PUBLIC KEY" => {
                der_value(SEQUENCE, der).and_then(|(info, _)| Self::from_spki(info)).unwrap_or_else(
                    || Err("is a public key, but not of RSA, P-256, P-384 or Ed25519".into()),
                )
            }
            "CERTIFICATE" => Self::from_certificate(der),
            other if other.ends_with("PRIVATE KEY") => {
                Err("is a private key; the public key verifies".into())
            }
            other => Err(format!("is a PEM block {other:?}; a PUBLIC KEY verifies")),
        }
    }

    /// Reads bytes that are SubjectPublicKeyInfo, a certificate, PKCS#1, or the bare bytes of an Ed25519
    /// key or of a point.
    pub(super) fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        match der.len() {
            32 => return Ok(Self::Ed25519(der.to_vec())),
            65 if der[0] == 4 => return Ok(Self::P256(der.to_vec())),
            97 if der[0] == 4 => return Ok(Self::P384(der.to_vec())),
            _ => {}
        }
        if let Some(key) = der_value(SEQUENCE, der).and_then(|(info, _)| Self::from_spki(info)) {
            return key;
        }
        Self::from_certificate(der).or_else(|_| Self::from_pkcs1(der)).map_err(|_| {
            "is no public key in DER of RSA, P-256, P-384 or Ed25519, nor a certificate with one"
                .into()
        })
    }

    /// What is in SubjectPublicKeyInfo of RFC 5280, 4.1: an algorithm, and the key as a bit string.
    fn from_spki(info: &[u8]) -> Option<Result<Self, KeyError>> {
        const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
        const RSA_PSS: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
        const P256: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
            \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
        const P384: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
            \x06\x05\x2b\x81\x04\x00\x22";
        const ED25519_OID: &[u8] = b"\x06\x03\x2b\x65\x70";
        let (algorithm, rest) = der_value(SEQUENCE, info)?;
        let (bits, _) = der_value(BIT_STRING, rest)?;
        // The first byte counts the bits that are left over.
        let key = bits.strip_prefix(&[0])?;
        Some(match algorithm {
            P256 => uncompressed(key, 65).map(Self::P256),
            P384 => uncompressed(key, 97).map(Self::P384),
            ED25519_OID => Self::ed25519(key.to_vec()),
            rsa if rsa.starts_with(RSA) || rsa.starts_with(RSA_PSS) => Self::from_pkcs1(key),
            _ => return None,
        })
    }

    /// The key of a certificate (RFC 5280, 4.1). Who signed that, and until when, is not looked at.
    fn from_certificate(der: &[u8]) -> Result<Self, KeyError> {
        let key = || {
            let (certificate, _) = der_value(SEQUENCE, der)?;
            let (signed, _) = der_value(SEQUENCE, certificate)?;
            let rest = der_value(0xa0, signed).map_or(signed, |(_, rest)| rest);
            let (_, mut rest) = der_value(INTEGER, rest)?;
            // The algorithm, the issuer, the time, and the subject.
            for _ in 0..4 {
                (_, rest) = der_value(SEQUENCE, rest)?;
            }
            let (info, _) = der_value(SEQUENCE, rest)?;
            Self::from_spki(info)
        };
        key().unwrap_or_else(|| {
            Err("is a certificate, but not with a key of RSA, P-256, P-384 or Ed25519".into())
        })
    }

    /// RSAPublicKey of RFC 8017, A.1.1.
    fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let numbers = || {
            let (key, _) = der_value(SEQUENCE, der)?;
            let (n, rest) = der_value(INTEGER, key)?;
            let (e, _) = der_value(INTEGER, rest)?;
            Some((without_zeros(n), without_zeros(e)))
        };
        let (n, e) = numbers().ok_or("is no RSA public key")?;
        Self::rsa(n.to_vec(), e.to_vec())
    }

    /// A signature by a key that is refused for its size would just be wrong.
    fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, KeyError> {
        let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
        match (2041..=8192).contains(&bits) {
            true => Ok(Self::Rsa(RsaPublicKeyComponents { n, e })),
            false => Err(format!("is an RSA key of {bits} bits; it has to have 2048 to 8192")),
        }
    }

    fn ed25519(key: Vec<u8>) -> Result<Self, KeyError> {
        match key.len() {
            32 => Ok(Self::Ed25519(key)),
            other => Err(format!("is an Ed25519 key of {other} bytes; it has to have 32")),
        }
    }

    /// The public half of a JSON Web Key that is no secret.
    pub(super) fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        match jwk.kind()? {
            None => Err("is a secret, which only HMAC takes".into()),
            Some(Kind::Rsa) => Self::rsa(jwk.number("n")?, jwk.number("e")?),
            Some(Kind::P256) => uncompressed(&jwk.point()?, 65).map(Self::P256),
            Some(Kind::P384) => uncompressed(&jwk.point()?, 97).map(Self::P384),
            Some(Kind::Ed25519) => Self::ed25519(jwk.bytes("x")?),
        }
    }

    /// What the key is of.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Rsa(_) => Kind::Rsa,
            Self::P256(_) => Kind::P256,
            Self::P384(_) => Kind::P384,
            Self::Ed25519(_) => Kind::Ed25519,
        }
    }

    /// Whether the private half of this key signed the message; none where the scheme is for another
    /// kind of key.
    pub(super) fn has_signed(
        &self,
        scheme: Scheme,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let (key, half) = match self {
            Self::Rsa(key) => {
                let parameters = rsa_parameters(scheme)?;
                return Some(key.verify(parameters, message, signature).is_ok());
            }
            Self::Ed25519(key) => {
                return (scheme == Scheme::Ed25519).then(|| {
                    UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok()
                });
            }
            Self::P256(key) => (key, 32),
            Self::P384(key) => (key, 48),
        };
        let Scheme::Ecdsa(hash, form) = scheme else { return None };
        let algorithm: &'static EcdsaVerificationAlgorithm = match (half, hash) {
            (32, Hash::Sha256) => &ECDSA_P256_SHA256_ASN1,
            (32, Hash::Sha384) => &ECDSA_P256_SHA384_ASN1,
            (_, Hash::Sha256) => &ECDSA_P384_SHA256_ASN1,
            (_, Hash::Sha384) => &ECDSA_P384_SHA384_ASN1,
            _ => return None,
        };
        let key = UnparsedPublicKey::new(algorithm, key);
        Some(match form {
            Form::Der => key.verify(message, signature).is_ok(),
            Form::Raw => {
                signature.len() == 2 * half && key.verify(message, &der_of(signature)).is_ok()
            }
        })
    }
}

fn rsa_parameters(scheme: Scheme) -> Option<&'static RsaParameters> {
    Some(match scheme {
        Scheme::Rsa(Hash::Sha1) => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Scheme::Rsa(Hash::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
        Scheme::Rsa(Hash::Sha384) => &RSA_PKCS1_2048_8192_SHA384,
        Scheme::Rsa(Hash::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
        Scheme::RsaPss(Hash::Sha256) => &RSA_PSS_2048_8192_SHA256,
        Scheme::RsaPss(Hash::Sha384) => &RSA_PSS_2048_8192_SHA384,
        Scheme::RsaPss(Hash::Sha512) => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// A point in full, which is one byte longer than its two halves.
fn uncompressed(point: &[u8], length: usize) -> Result<Vec<u8>, KeyError> {
    match point.len() == length && point[0] == 4 {
        true => Ok(point.to_vec()),
        false => Err("is a point of a curve that is compressed or of a wrong length; \
             `openssl ec -pubin -conv_form uncompressed` writes it in full"
            .into()),
    }
}

/// ECDSA-Sig-Value of RFC 3279, 2.2.3, of two numbers that stand one after the other.
fn der_of(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at(raw.len() / 2);
    let mut numbers = Vec::new();
    for number in [r, s] {
        let number = without_zeros(number);
        // The first bit of an INTEGER is its sign, and one of zero has a byte.
        let sign = usize::from(number.first().is_none_or(|&first| first >= 0x80));
        numbers.extend([INTEGER, (number.len() + sign) as u8]);
        numbers.extend(&[0][..sign]);
        numbers.extend(number);
    }
    // Two numbers of 49 bytes are short enough for a length of one byte.
    [&[SEQUENCE, numbers.len() as u8], &numbers[..]].concat()
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    &number[zeros..]
}

/// The forms in which a script has a key.
pub(super) enum Source {
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    /// The label of the first block, and what it holds.
    Pem(String, Vec<u8>),
    Jwk(Map),
}

impl Source {
    /// What a key is; an error that says what else it could be is the caller's.
    pub(super) fn read(key: Dynamic) -> Result<Self, Option<KeyError>> {
        let key = key.flatten();
        let key = match key.try_cast_result::<Map>() {
            Ok(jwk) => return Ok(Self::Jwk(jwk)),
            Err(key) => key,
        };
        let (bytes, is_text) = match key.try_cast_result::<ImmutableString>() {
            Ok(text) => (text.as_bytes().to_vec(), true),
            Err(key) => (key.try_cast::<Blob>().ok_or(None)?, false),
        };
        if bytes.is_empty() {
            return Err(Some("is empty".into()));
        }
        // However much stands before it: a public key must never be taken for a secret.
        if !contains(&bytes, b"-----BEGIN") {
            return Ok(if is_text { Self::Text(bytes) } else { Self::Bytes(bytes) });
        }
        pem(&bytes)
            .map(|(label, der)| Self::Pem(label, der))
            .ok_or_else(|| Some("is PEM, but its block is cut off or is not base64".into()))
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

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// The content of the DER value of this tag that stands first, and what follows it.
fn der_value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // A certificate is shorter than three bytes can say.
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn rejected(error: KeyRejected) -> KeyError {
    format!(
        "is not a private key that can sign ({error}); it is an RSA key of 2048 to 4096 bits, a \
         P-256 or P-384 key or an Ed25519 key"
    )
}

/// A JSON Web Key.
pub(super) struct Jwk<'a>(pub &'a Map);

impl Jwk<'_> {
    fn text(&self, name: &str) -> Result<ImmutableString, KeyError> {
        self.0
            .get(name)
            .and_then(|value| value.clone().flatten().try_cast())
            .ok_or_else(|| format!("is a JSON Web Key without the text `{name}`"))
    }

    /// What it is of; none for a secret.
    pub(super) fn kind(&self) -> Result<Option<Kind>, KeyError> {
        let kty = self.text("kty")?;
        match kty.as_str() {
            "oct" => return Ok(None),
            "RSA" => return Ok(Some(Kind::Rsa)),
            _ => {}
        }
        let crv = self.text("crv").unwrap_or_default();
        match (kty.as_str(), crv.as_str()) {
            ("EC", "P-256") => Ok(Some(Kind::P256)),
            ("EC", "P-384") => Ok(Some(Kind::P384)),
            ("OKP", "Ed25519") => Ok(Some(Kind::Ed25519)),
            _ => Err(format!(
                "is a JSON Web Key of kty {:?} and crv {:?}; it has to be oct, RSA, EC with P-256 \
                 or P-384, or OKP with Ed25519",
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
        Ok(without_zeros(&self.bytes(name)?).to_vec())
    }

    /// What a secret is.
    pub(super) fn secret(&self) -> Result<Vec<u8>, KeyError> {
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
