//! TLS by file: the certificate and the key of the server, read again when a file changes. A pair that cannot be read
//! leaves the old one in use.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use axme_core::state::AppState;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsSettings;

/// How often the files are compared.
const LOOK: Duration = Duration::from_secs(5);

pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<ServerConfig>>,
}

/// The times at which the two files were written.
type Written = [Option<SystemTime>; 2];

impl Tls {
    /// Reads the files of the settings; `None` if there are none.
    pub fn open(settings: &TlsSettings) -> Result<Option<Arc<Tls>>, String> {
        let (certificate, key) = match (&settings.cert, &settings.key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
            _ => return Err("tls.cert and tls.key: set both, or neither".to_owned()),
        };
        let current = RwLock::new(read(&certificate, &key)?);
        Ok(Some(Arc::new(Tls { certificate, key, current })))
    }

    /// Returns an acceptor with the files in use now.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Reads the files again whenever one has changed, until the server stops.
    pub async fn watch(self: Arc<Tls>, app: Arc<AppState>) {
        let mut seen = self.written();
        while !*app.stopping.borrow() {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = app.stopped() => return,
            }
            let written = self.written();
            if written != seen {
                seen = written;
                self.reload();
            }
        }
    }

    fn reload(&self) {
        match read(&self.certificate, &self.key) {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::warn!(error, "could not read the changed certificate: the old one stays in use"),
        }
    }

    fn written(&self) -> Written {
        [&self.certificate, &self.key].map(|path| std::fs::metadata(path).and_then(|found| found.modified()).ok())
    }
}

fn read(certificate: &PathBuf, key: &PathBuf) -> Result<Arc<ServerConfig>, String> {
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| format!("tls.cert: {}: {error}", certificate.display()))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("tls.key: {}: {error}", key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| format!("tls: {error}"))?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, secret).map_err(|error| format!("tls.cert, tls.key: {error}"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
