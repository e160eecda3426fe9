//! The module `crypto`: digests, HMAC, signatures, and comparison in constant time.
//!
//! A function that is named after its algorithm answers in hex; `digest` and `hmac` take the name
//! and answer with a blob.

mod signatures;

use std::hint::black_box;

use md5::{Digest, Md5};
use rhai::plugin::*;
use rhai::{Blob, Dynamic, Engine, ImmutableString, Map};
use ring::{digest, hmac};

use super::Part;
use super::native::exported;
use crate::bounds::{self, Bounded};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["crypto"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("crypto", "Crypto.Invalid", engine, vocabulary);
}

/// Text or a blob, both of which are bytes to an algorithm.
pub(super) enum Bytes {
    Text(ImmutableString),
    Blob(Blob),
}

impl Bytes {
    /// Takes the parameter of a function; the names are for the error.
    pub(super) fn of(function: &str, parameter: &str, value: Dynamic) -> Bounded<Self> {
        let value = value.flatten();
        if value.is_string() {
            return Ok(Self::Text(value.cast()));
        }
        if value.is_blob() {
            return Ok(Self::Blob(value.cast()));
        }
        Err(not_bytes(function, parameter, value.type_name()))
    }
}

/// Lends the bytes of text or a blob; the names are for the error.
pub(super) fn with_bytes<T>(
    function: &str,
    parameter: &str,
    value: &Dynamic,
    see: impl FnOnce(&[u8]) -> Bounded<T>,
) -> Bounded<T> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return see(text.as_bytes());
    }
    match value.read_lock::<Blob>() {
        Some(blob) => see(&blob),
        None => Err(not_bytes(function, parameter, value.type_name())),
    }
}

fn not_bytes(function: &str, parameter: &str, kind: &str) -> Box<rhai::EvalAltResult> {
    format!(
        "{function}: `{parameter}` has to be text or a blob, not {kind}; `to_json()` makes text of \
         other values"
    )
    .into()
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Blob(blob) => blob,
        }
    }
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub(super) fn is_equal(left: &[u8], right: &[u8]) -> bool {
    // The length of a secret is no secret.
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |all, (left, right)| black_box(all | (left ^ right))) == 0
}

/// The HMAC of the parts, one after the other.
pub fn hmac_of(algorithm: hmac::Algorithm, key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    parts.iter().for_each(|part| context.update(part));
    context.sign()
}

/// The SHA-256, in hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}

fn sha(function: &str, algorithm: &'static digest::Algorithm, data: Dynamic) -> Bounded<String> {
    let data = Bytes::of(function, "data", data)?;
    Ok(hex(digest_of(algorithm, data.as_ref())?.as_ref()))
}

/// The parts of some bytes, with a look at the clock before each.
fn parts(bytes: &[u8]) -> impl Iterator<Item = Bounded<&[u8]>> {
    bytes.chunks(bounds::ROUND).map(|part| bounds::step(part.len()).map(|()| part))
}

fn digest_of(algorithm: &'static digest::Algorithm, bytes: &[u8]) -> Bounded<digest::Digest> {
    let mut context = digest::Context::new(algorithm);
    for part in parts(bytes) {
        context.update(part?);
    }
    Ok(context.finish())
}

fn md5_of(bytes: &[u8]) -> Bounded<Vec<u8>> {
    let mut md5 = Md5::new();
    for part in parts(bytes) {
        md5.update(part?);
    }
    Ok(md5.finalize().to_vec())
}

fn mac_of(algorithm: hmac::Algorithm, key: &[u8], bytes: &[u8]) -> Bounded<hmac::Tag> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    for part in parts(bytes) {
        context.update(part?);
    }
    Ok(context.sign())
}

fn unknown(function: &str, algorithm: &str, known: &str) -> Box<rhai::EvalAltResult> {
    format!("crypto::{function}: there is no algorithm {algorithm:?}; it is {known} or \"sha512\"")
        .into()
}

fn hmac_hex(
    function: &str,
    algorithm: hmac::Algorithm,
    key: Dynamic,
    data: Dynamic,
) -> Bounded<String> {
    let key = Bytes::of(function, "key", key)?;
    let data = Bytes::of(function, "data", data)?;
    Ok(hex(mac_of(algorithm, key.as_ref(), data.as_ref())?.as_ref()))
}

/// Digests, HMAC, and comparison in constant time. Texts and blobs are both bytes here; what is named
/// after its algorithm gives hex.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// The MD5 of text or a blob, in hex. It protects nothing; it is for checksums such as
    /// `Content-MD5`.
    ///
    /// ```rhai
    /// crypto::md5("abc"); // => "900150983cd24fb0d6963f7d28e17f72"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn md5(data: Dynamic) -> Bounded<String> {
        let data = Bytes::of("crypto::md5", "data", data)?;
        Ok(hex(&md5_of(data.as_ref())?))
    }

    /// The SHA-1 of text or a blob, in hex. It no longer protects against forgery; it is for protocols
    /// that ask for it.
    ///
    /// ```rhai
    /// crypto::sha1("abc"); // => "a9993e364706816aba3e25717850c26c9cd0d89d"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn sha1(data: Dynamic) -> Bounded<String> {
        sha("crypto::sha1", &digest::SHA1_FOR_LEGACY_USE_ONLY, data)
    }

    /// The SHA-256 of text or a blob, in hex.
    ///
    /// ```rhai
    /// crypto::sha256("abc"); // => "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn sha256(data: Dynamic) -> Bounded<String> {
        sha("crypto::sha256", &digest::SHA256, data)
    }

    /// The SHA-384 of text or a blob, in hex.
    ///
    /// ```rhai
    /// crypto::sha384("abc").sub_string(0, 16); // => "cb00753f45a35e8b"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn sha384(data: Dynamic) -> Bounded<String> {
        sha("crypto::sha384", &digest::SHA384, data)
    }

    /// The SHA-512 of text or a blob, in hex.
    ///
    /// ```rhai
    /// crypto::sha512("abc").sub_string(0, 16); // => "ddaf35a193617aba"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn sha512(data: Dynamic) -> Bounded<String> {
        sha("crypto::sha512", &digest::SHA512, data)
    }

    /// The digest of text or a blob, as a blob. The algorithm is `"md5"`, `"sha1"`, `"sha256"`,
    /// `"sha384"` or `"sha512"`.
    ///
    /// ```rhai
    /// crypto::digest("sha256", "abc").len(); // => 32
    /// crypto::digest("md5", "abc"); // => "kAFQmDzST7DWlj99KOF/cg=="
    /// ```
    #[rhai_fn(return_raw)]
    pub fn digest(algorithm: ImmutableString, data: Dynamic) -> Bounded<Blob> {
        let data = Bytes::of("crypto::digest", "data", data)?;
        let algorithm = match algorithm.as_str() {
            "md5" => return md5_of(data.as_ref()),
            "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            "sha256" => &digest::SHA256,
            "sha384" => &digest::SHA384,
            "sha512" => &digest::SHA512,
            other => {
                return Err(unknown("digest", other, "\"md5\", \"sha1\", \"sha256\", \"sha384\""));
            }
        };
        Ok(digest_of(algorithm, data.as_ref())?.as_ref().to_vec())
    }

    /// The HMAC-SHA-1 of text or a blob under a key that is text or a blob, in hex.
    ///
    /// ```rhai
    /// crypto::hmac_sha1("Jefe", "what do ya want for nothing?"); // => "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn hmac_sha1(key: Dynamic, data: Dynamic) -> Bounded<String> {
        hmac_hex("crypto::hmac_sha1", hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, data)
    }

    /// The HMAC-SHA-256 of text or a blob under a key that is text or a blob, in hex.
    ///
    /// ```rhai
    /// crypto::hmac_sha256("Jefe", "what do ya want for nothing?").sub_string(0, 16); // => "5bdcc146bf60754e"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn hmac_sha256(key: Dynamic, data: Dynamic) -> Bounded<String> {
        hmac_hex("crypto::hmac_sha256", hmac::HMAC_SHA256, key, data)
    }

    /// The HMAC-SHA-384 of text or a blob under a key that is text or a blob, in hex.
    ///
    /// ```rhai
    /// crypto::hmac_sha384("Jefe", "what do ya want for nothing?").sub_string(0, 16); // => "af45d2e376484031"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn hmac_sha384(key: Dynamic, data: Dynamic) -> Bounded<String> {
        hmac_hex("crypto::hmac_sha384", hmac::HMAC_SHA384, key, data)
    }

    /// The HMAC-SHA-512 of text or a blob under a key that is text or a blob, in hex.
    ///
    /// ```rhai
    /// crypto::hmac_sha512("Jefe", "what do ya want for nothing?").sub_string(0, 16); // => "164b7a7bfcf819e2"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn hmac_sha512(key: Dynamic, data: Dynamic) -> Bounded<String> {
        hmac_hex("crypto::hmac_sha512", hmac::HMAC_SHA512, key, data)
    }

    /// The HMAC of text or a blob under a key that is text or a blob, as a blob, so that it can be the
    /// next key. The algorithm is `"sha1"`, `"sha256"`, `"sha384"` or `"sha512"`.
    ///
    /// ```rhai
    /// let day = crypto::hmac("sha256", "AWS4secret", "20260101");
    /// crypto::hmac_sha256(day, "eu-west-1") == crypto::hmac_sha256("AWS4secret", "eu-west-1"); // => false
    /// crypto::hmac("sha1", "Jefe", "what do ya want for nothing?"); // => "7/zfauXrL6LSdBbV8YTfnCWafHk="
    /// ```
    #[rhai_fn(return_raw)]
    pub fn hmac(algorithm: ImmutableString, key: Dynamic, data: Dynamic) -> Bounded<Blob> {
        let key = Bytes::of("crypto::hmac", "key", key)?;
        let data = Bytes::of("crypto::hmac", "data", data)?;
        let algorithm = match algorithm.as_str() {
            "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "sha256" => hmac::HMAC_SHA256,
            "sha384" => hmac::HMAC_SHA384,
            "sha512" => hmac::HMAC_SHA512,
            other => return Err(unknown("hmac", other, "\"sha1\", \"sha256\", \"sha384\"")),
        };
        Ok(mac_of(algorithm, key.as_ref(), data.as_ref())?.as_ref().to_vec())
    }

    /// Whether two secrets are the same, text or blobs, in a time that does not tell where they differ.
    ///
    /// ```rhai
    /// crypto::equal("token-1", "token-1"); // => true
    /// crypto::equal("token-1", "token-2"); // => false
    /// ```
    #[rhai_fn(return_raw)]
    pub fn equal(left: Dynamic, right: Dynamic) -> Bounded<bool> {
        let left = Bytes::of("crypto::equal", "left", left)?;
        let right = Bytes::of("crypto::equal", "right", right)?;
        Ok(is_equal(left.as_ref(), right.as_ref()))
    }

    /// The signature of text or a blob by a private key, as a blob.
    ///
    /// | algorithm | key |
    /// |---|---|
    /// | `"ed25519"` | Ed25519 |
    /// | `"ecdsa-sha256"` | P-256 |
    /// | `"ecdsa-sha384"` | P-384 |
    /// | `"rsa-sha256"`, `"rsa-sha384"`, `"rsa-sha512"` | RSA of 2048 to 4096 bits; PKCS#1 v1.5 |
    /// | `"rsa-pss-sha256"`, `"rsa-pss-sha384"`, `"rsa-pss-sha512"` | the same; PSS, whose salt is as long as the digest |
    ///
    /// The key is PEM as text (PKCS#8, RSA also in PKCS#1, EC also in SEC 1), the same in DER as a
    /// blob, the 32 bytes of an Ed25519 key, or a private JSON Web Key. What is wrong with it is an
    /// error of type `Crypto.KeyInvalid`, and one of another kind `Crypto.KeyMismatch`. A signature of
    /// ECDSA is in DER.
    ///
    /// ```rhai
    /// let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    /// hex::encode(crypto::sign("ed25519", seed, "")).sub_string(0, 16); // => "e5564300c360ac72"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn sign(algorithm: ImmutableString, key: Dynamic, data: Dynamic) -> Bounded<Blob> {
        signatures::sign(&algorithm, key, data, &Map::new())
    }

    /// The same with an option: `encoding`, of a signature by ECDSA: `"der"`, or `"raw"` for its two
    /// numbers one after the other, as JSON Web Signatures and browsers have it.
    ///
    /// ```rhai
    /// let key = #{
    ///     kty: "EC", crv: "P-256",
    ///     x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    ///     y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    ///     d: "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    /// };
    /// let signature = crypto::sign("ecdsa-sha256", key, "data", #{ encoding: "raw" });
    /// signature.len(); // => 64
    /// crypto::verify("ecdsa-sha256", key, "data", signature, #{ encoding: "raw" }); // => true
    /// ```
    #[rhai_fn(name = "sign", volatile, return_raw)]
    pub fn sign_with(
        algorithm: ImmutableString,
        key: Dynamic,
        data: Dynamic,
        options: Map,
    ) -> Bounded<Blob> {
        signatures::sign(&algorithm, key, data, &options)
    }

    /// Whether the private half of a key signed text or a blob. The algorithms are those of
    /// `crypto::sign`, of which `"ecdsa-sha256"` and `"ecdsa-sha384"` are each for P-256 and P-384
    /// here, and RSA has up to 8192 bits. The key is PEM as text (a public key, or a certificate, of
    /// which only the key is looked at), the same in DER as a blob, the bare bytes of an Ed25519 key or
    /// of an uncompressed point, or a JSON Web Key. A wrong signature is `false`; a key that is none is
    /// an error of type `Crypto.KeyInvalid`, and one of another kind `Crypto.KeyMismatch`.
    ///
    /// ```rhai
    /// let key = hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    /// let signature = hex::decode("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
    /// crypto::verify("ed25519", key, "", signature); // => true
    /// crypto::verify("ed25519", key, "x", signature); // => false
    /// crypto::verify("rsa-sha256", key, "", signature); // => error: an Ed25519 key
    /// ```
    #[rhai_fn(return_raw)]
    pub fn verify(
        algorithm: ImmutableString,
        key: Dynamic,
        data: Dynamic,
        signature: Dynamic,
    ) -> Bounded<bool> {
        signatures::verify(&algorithm, key, data, &signature, &Map::new())
    }

    /// The same with an option: `encoding`, of a signature by ECDSA: `"der"`, which is taken where it
    /// is left out, or `"raw"`.
    ///
    /// ```rhai
    /// let key = #{
    ///     kty: "EC", crv: "P-256",
    ///     x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    ///     y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    /// };
    /// crypto::verify("ecdsa-sha256", key, "data", blob(64, 1), #{ encoding: "raw" }); // => false
    /// ```
    #[rhai_fn(name = "verify", return_raw)]
    pub fn verify_with(
        algorithm: ImmutableString,
        key: Dynamic,
        data: Dynamic,
        signature: Dynamic,
        options: Map,
    ) -> Bounded<bool> {
        signatures::verify(&algorithm, key, data, &signature, &options)
    }
}

#[cfg(test)]
mod tests {
    use super::functions::*;
    use super::*;

    /// FIPS 180-4's examples and RFC 1321, A.5.
    #[test]
    fn digests_agree_with_the_standards() {
        type Digest = fn(Dynamic) -> Bounded<String>;
        let two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        let vectors: [(Digest, &str, &str); 9] = [
            (md5, "", "d41d8cd98f00b204e9800998ecf8427e"),
            (md5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            (sha1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (sha1, two_blocks, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
            (sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (
                sha256,
                two_blocks,
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (
                sha384,
                "abc",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                 8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                sha512,
                "abc",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (
                sha512,
                "",
                "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
                 47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
            ),
        ];
        for (function, text, expected) in vectors {
            assert_eq!(function(text.into()).unwrap(), expected, "{text:?}");
            let blob = Dynamic::from_blob(text.as_bytes().to_vec());
            assert_eq!(function(blob).unwrap(), expected, "{text:?} as a blob");
        }
    }

    /// RFC 2202, 3 and RFC 4231, 4.2, 4.3, 4.4 and 4.7.
    #[test]
    fn hmacs_agree_with_the_standards() {
        type Hmac = fn(Dynamic, Dynamic) -> Bounded<String>;
        let blob = |byte: u8, count: usize| Dynamic::from_blob(vec![byte; count]);
        let longer_than_a_block = "Test Using Larger Than Block-Size Key - Hash Key First";
        let vectors: [(Hmac, Dynamic, Dynamic, &str); 8] = [
            (
                hmac_sha1,
                blob(0x0b, 20),
                "Hi There".into(),
                "b617318655057264e28bc0b6fb378c8ef146be00",
            ),
            (hmac_sha1, blob(0xaa, 20), blob(0xdd, 50), "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
            (
                hmac_sha256,
                blob(0x0b, 20),
                "Hi There".into(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                hmac_sha256,
                "Jefe".into(),
                "what do ya want for nothing?".into(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                hmac_sha256,
                blob(0xaa, 20),
                blob(0xdd, 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                hmac_sha256,
                blob(0xaa, 131),
                longer_than_a_block.into(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                hmac_sha384,
                "Jefe".into(),
                "what do ya want for nothing?".into(),
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e\
                 8e2240ca5e69e2c78b3239ecfab21649",
            ),
            (
                hmac_sha512,
                "Jefe".into(),
                "what do ya want for nothing?".into(),
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                 9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ];
        for (function, key, data, expected) in vectors {
            assert_eq!(function(key, data).unwrap(), expected);
        }
    }

    #[test]
    fn the_blob_of_an_algorithm_is_its_hex() {
        for (name, function) in
            [("md5", md5 as fn(_) -> _), ("sha1", sha1), ("sha384", sha384), ("sha512", sha512)]
        {
            assert_eq!(
                hex(&digest(name.into(), "x".into()).unwrap()),
                function("x".into()).unwrap()
            );
        }
        assert_eq!(
            hex(&hmac("sha512".into(), "k".into(), "x".into()).unwrap()),
            hmac_sha512("k".into(), "x".into()).unwrap()
        );
    }

    #[test]
    fn secrets_are_equal_only_when_every_byte_is() {
        assert!(is_equal(b"", b"") && is_equal(b"abc", b"abc"));
        for other in ["", "ab", "abd", "bbc", "abcd"] {
            assert!(!is_equal(b"abc", other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn an_error_names_the_function_the_parameter_and_the_way_out_but_no_value() {
        let error = hmac_sha256(Dynamic::from_int(31415), "x".into()).unwrap_err().to_string();
        assert!(error.contains("crypto::hmac_sha256: `key` has to be text or a blob, not i64"));
        assert!(!error.contains("31415"), "{error}");
        let error = digest("sha3".into(), "x".into()).unwrap_err().to_string();
        assert!(error.contains(r#"no algorithm "sha3"; it is "md5", "sha1""#), "{error}");
    }
}
