//! The key that opens recordings.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, Serializable, single_shot_open};
use rhambda_runtime::recording::{INFO, KEY_BYTES};

use crate::source_file;

type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapped = <X25519HkdfSha256 as Kem>::EncappedKey;

/// What the line of a key file begins with.
const MARK: &str = "rhambda-key:1:";

/// A private key of X25519.
#[derive(Clone)]
pub(crate) struct Key(Private);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// A key that nobody has.
    pub(crate) fn new() -> io::Result<Key> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        Private::from_bytes(&bytes).map(Key).map_err(|error| io::Error::other(error.to_string()))
    }

    /// The key in a file of ours.
    ///
    /// # Errors
    /// As the system says, or `InvalidData` where it is no such file.
    pub(crate) fn read(path: &Path) -> io::Result<Key> {
        let no_key = || io::Error::new(ErrorKind::InvalidData, "it has no key of `rhambda record`");
        let text = source_file::read_text(path)?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix(MARK));
        let bytes = line.and_then(|key| BASE64_URL_SAFE_NO_PAD.decode(key).ok());
        Private::from_bytes(&bytes.ok_or_else(no_key)?).map(Key).map_err(|_| no_key())
    }

    /// Writes the key to a new file, which only its owner can read.
    ///
    /// # Errors
    /// As the system says, such as that there is a file already.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let text = format!(
            "# Opens recordings of invocations: rhambda replay. Whoever has it can read their events.\n\
             {MARK}{}\n",
            BASE64_URL_SAFE_NO_PAD.encode(self.0.to_bytes())
        );
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).inspect_err(|_| {
            // Half a key opens nothing.
            drop(fs::remove_file(path));
        })
    }

    /// The public key, as the setting `RHAMBDA_RECORD` takes it.
    pub(crate) fn setting(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(X25519HkdfSha256::sk_to_pk(&self.0).to_bytes())
    }

    /// Opens what was sealed for this key.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, String> {
        let other = || "the recording was sealed for another key, or is not whole".to_owned();
        let (theirs, sealed) = sealed.split_at_checked(KEY_BYTES).ok_or_else(other)?;
        let theirs = Encapped::from_bytes(theirs).map_err(|_| other())?;
        single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &theirs,
            INFO,
            sealed,
            &[],
        )
        .map_err(|_| other())
    }
}
