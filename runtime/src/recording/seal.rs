//! A sealed text: whoever has the public key can close it, and only its owner can open it.
//!
//! HPKE in base mode with X25519, HKDF-SHA256 and ChaCha20-Poly1305 (RFC 9180), so that any HPKE
//! library opens it. The algorithms are those that TLS brings along.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::error::Unspecified;
use ring::hmac::HMAC_SHA256;
use ring::rand::SystemRandom;

use crate::library;

/// Bytes of a public key, and of the key that a sealed text begins with.
pub const KEY_BYTES: usize = 32;

/// Says what is sealed, so that nothing else is taken for it.
pub const INFO: &[u8] = b"rhambda recording 1";

/// The names of the algorithms: DHKEM(X25519, HKDF-SHA256), and with it HKDF-SHA256 and
/// ChaCha20-Poly1305 (RFC 9180, 7).
const KEM: &[u8] = b"KEM\x00\x20";
const SUITE: &[u8] = b"HPKE\x00\x20\x00\x01\x00\x03";

type Block = [u8; 32];

/// Seals the text for the owner of this public key: a key of its own, then what only both open.
///
/// # Errors
/// For a key that is no point of the curve's, as the one of zeros only.
pub fn seal(public_key: &[u8; KEY_BYTES], text: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let own = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new())?;
    let own_public = own.compute_public_key()?;
    let both = [own_public.as_ref(), public_key].concat();
    let theirs = UnparsedPublicKey::new(&X25519, public_key);
    let shared = agree_ephemeral(own, &theirs, |agreed| {
        let secret = extract(KEM, &[], b"eae_prk", agreed);
        expand(KEM, &secret, b"shared_secret", &both)
    })?;
    let context = [
        // The mode without a key that both knew before.
        &[0][..],
        &extract(SUITE, &[], b"psk_id_hash", &[]),
        &extract(SUITE, &[], b"info_hash", INFO),
    ]
    .concat();
    let secret = extract(SUITE, &shared, b"secret", &[]);
    let key = expand(SUITE, &secret, b"key", &context);
    let nonce = expand_12(SUITE, &secret, b"base_nonce", &context);
    let mut sealed = text.to_vec();
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key)?).seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::empty(),
        &mut sealed,
    )?;
    Ok([own_public.as_ref(), &sealed].concat())
}

/// `LabeledExtract` (RFC 9180, 4).
fn extract(suite: &[u8], salt: &[u8], label: &[u8], material: &[u8]) -> Block {
    mac(salt, &[b"HPKE-v1", suite, label, material])
}

/// `LabeledExpand` of one block, which is all that is needed here.
fn expand(suite: &[u8], secret: &Block, label: &[u8], info: &[u8]) -> Block {
    mac(secret, &[b"\x00\x20HPKE-v1", suite, label, info, &[1]])
}

fn expand_12(suite: &[u8], secret: &Block, label: &[u8], info: &[u8]) -> [u8; 12] {
    let block = mac(secret, &[b"\x00\x0cHPKE-v1", suite, label, info, &[1]]);
    std::array::from_fn(|at| block[at])
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Block {
    let tag = library::hmac_of(HMAC_SHA256, key, parts);
    std::array::from_fn(|at| tag.as_ref()[at])
}
