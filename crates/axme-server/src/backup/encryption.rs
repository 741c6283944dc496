//! The encryption of backups, in the format of age, so that any program for that format can also read them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use age::secrecy::{ExposeSecret, SecretString};
use age::stream::StreamWriter;
use age::{Decryptor, Encryptor, scrypt, x25519};

use super::{BackupError, at, private};
use crate::private_file::sync_folder;

/// The first bytes of an encrypted file.
const MARK: &[u8] = b"age-encryption.org/";

/// How a new backup is encrypted.
#[derive(Clone, Default)]
pub enum Encryption {
    #[default]
    None,
    Passphrase(SecretString),
    /// The public keys of its readers.
    PublicKeys(Vec<x25519::Recipient>),
}

/// The key of an encrypted backup.
#[derive(Clone, Default)]
pub enum Decryption {
    #[default]
    None,
    Passphrase(SecretString),
    PrivateKeys(Vec<x25519::Identity>),
}

impl Encryption {
    pub fn with_passphrase(text: &str) -> Result<Encryption, BackupError> {
        Ok(Encryption::Passphrase(passphrase(text)?))
    }

    /// Reads public keys such as `age1…`.
    pub fn for_public_keys(keys: &[String]) -> Result<Encryption, BackupError> {
        let read = |key: &String| {
            let read = key.trim().parse::<x25519::Recipient>();
            read.map_err(|_| BackupError::Refused(format!("\"{key}\" is not a public key: write it like age1…")))
        };
        keys.iter().map(read).collect::<Result<_, _>>().map(Encryption::PublicKeys)
    }
}

impl Decryption {
    pub fn with_passphrase(text: &str) -> Result<Decryption, BackupError> {
        Ok(Decryption::Passphrase(passphrase(text)?))
    }

    /// Reads the text of a file of private keys. Lines that begin with `#` are comments.
    pub fn with_private_keys(text: &str) -> Result<Decryption, BackupError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Vec<x25519::Identity> = lines.filter_map(|line| line.parse().ok()).collect();
        if keys.is_empty() {
            return Err(BackupError::Refused(
                "the file has no private key: its line begins with AGE-SECRET-KEY-".into(),
            ));
        }
        Ok(Decryption::PrivateKeys(keys))
    }
}

fn passphrase(text: &str) -> Result<SecretString, BackupError> {
    // An editor adds the line end.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(BackupError::Refused("the passphrase is empty".to_owned()));
    }
    Ok(SecretString::from(text.to_owned()))
}

/// Writes a new private key to a file that only its owner can read. Returns the public key.
pub fn make_key(file: &Path) -> Result<String, BackupError> {
    if file.exists() {
        return Err(BackupError::Refused(format!("{} exists: choose another name", file.display())));
    }
    let key = x25519::Identity::generate();
    let public = key.to_public().to_string();
    let text = format!("# public key: {public}\n{}\n", key.to_string().expose_secret());
    let mut written = private(file)?;
    written.write_all(text.as_bytes()).and_then(|()| written.sync_all()).map_err(at(file))?;
    let folder = super::parent_of(file);
    sync_folder(folder).map_err(at(folder))?;
    Ok(public)
}

/// The file of a new backup, which encrypts what is written to it.
pub(super) enum Sealed<'a> {
    Plain(BufWriter<&'a mut File>),
    Encrypted(Box<StreamWriter<BufWriter<&'a mut File>>>),
}

impl Sealed<'_> {
    pub(super) fn begin<'a>(file: &'a mut File, encryption: &Encryption) -> io::Result<Sealed<'a>> {
        let writer = BufWriter::new(file);
        let encryptor = match encryption {
            Encryption::None => return Ok(Sealed::Plain(writer)),
            Encryption::Passphrase(text) => Encryptor::with_user_passphrase(text.clone()),
            Encryption::PublicKeys(keys) => {
                Encryptor::with_recipients(keys.iter().map(|key| key as _)).map_err(io::Error::other)?
            }
        };
        encryptor.wrap_output(writer).map(Box::new).map(Sealed::Encrypted)
    }

    /// Writes the end, without which the file is damaged.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Sealed::Plain(mut writer) => writer.flush(),
            Sealed::Encrypted(writer) => writer.finish()?.flush(),
        }
    }
}

impl Write for Sealed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sealed::Plain(writer) => writer.write(bytes),
            Sealed::Encrypted(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sealed::Plain(writer) => writer.flush(),
            Sealed::Encrypted(writer) => writer.flush(),
        }
    }
}

/// The kind of key that an encrypted backup needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeededKey {
    Passphrase,
    PrivateKey,
}

/// Returns the kind of key that a backup needs; `None` for one that is not encrypted.
pub fn needed_key(file: &Path) -> Result<Option<NeededKey>, BackupError> {
    Ok(begin(file)?.err().map(|encrypted| kind(&encrypted)))
}

fn kind<R: Read>(encrypted: &Decryptor<R>) -> NeededKey {
    if encrypted.is_scrypt() { NeededKey::Passphrase } else { NeededKey::PrivateKey }
}

type Reader = BufReader<File>;

/// Reads the head of a backup. Returns the whole of a plain one, and the rest of an encrypted one.
fn begin(file: &Path) -> Result<Result<Reader, Decryptor<Reader>>, BackupError> {
    let mut reader = BufReader::new(File::open(file).map_err(at(file))?);
    if !reader.fill_buf().map_err(at(file))?.starts_with(MARK) {
        return Ok(Ok(reader));
    }
    Decryptor::new_buffered(reader).map(Err).map_err(refused)
}

fn refused(error: age::DecryptError) -> BackupError {
    BackupError::Refused(format!("the backup cannot be decrypted: {error}"))
}

/// Opens a backup, encrypted or not.
pub(super) fn open(file: &Path, decryption: &Decryption) -> Result<Box<dyn Read>, BackupError> {
    let decryptor = match begin(file)? {
        Ok(plain) => return Ok(Box::new(plain)),
        Err(encrypted) => encrypted,
    };
    let opened = match decryption {
        Decryption::None => {
            let what = match kind(&decryptor) {
                NeededKey::Passphrase => "--passphrase-file",
                NeededKey::PrivateKey => "--identity",
            };
            return Err(BackupError::Refused(format!("the backup is encrypted: pass {what}")));
        }
        Decryption::Passphrase(text) => {
            decryptor.decrypt(std::iter::once(&scrypt::Identity::new(text.clone()) as &dyn age::Identity))
        }
        Decryption::PrivateKeys(keys) => decryptor.decrypt(keys.iter().map(|key| key as &dyn age::Identity)),
    };
    Ok(Box::new(opened.map_err(refused)?))
}
