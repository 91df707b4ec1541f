//! Certificates.

use std::io;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::options::Tls;
use crate::error::SinkError;

/// The configuration for ureq. Certificates and keys are checked here, as ureq ignores a
/// certificate that it cannot parse and panics about a key that does not fit.
pub(super) fn config(tls: &Tls) -> Result<TlsConfig, SinkError> {
    // Not the default of the process, which may change between the check and the connection.
    let provider = Arc::new(ring::default_provider());
    let mut config = TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::clone(&provider));
    let mut store = RootCertStore::empty();
    if let Some(pem) = &tls.roots {
        let roots = certificates(pem).ok_or_else(|| refuse("the private CA is no PEM"))?;
        for root in &roots {
            let added = store.add(root.der().to_vec().into());
            added.map_err(|_| refuse("the private CA is no certificate"))?;
        }
        config = config.root_certs(RootCerts::Specific(Arc::new(roots)));
    }
    if let Some((chain, key)) = &tls.client {
        let chain =
            certificates(chain).ok_or_else(|| refuse("the client certificate is no PEM"))?;
        let no_key = |_| refuse("the client's key is no PEM");
        let parsed = PrivateKeyDer::from_pem_slice(key).map_err(no_key)?;
        check(&chain, parsed, store, provider)
            .map_err(|_| refuse("the client's key does not fit the certificate"))?;
        let no_key = |_| refuse("the client's key is no PEM");
        let key = PrivateKey::from_pem(key).map_err(no_key)?;
        let client = ClientCert::new_with_certs(&chain, key);
        config = config.client_cert(Some(client));
    }
    Ok(config.build())
}

/// The certificates of a PEM text, at least one.
fn certificates(pem: &[u8]) -> Option<Vec<Certificate<'static>>> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.ok()? {
            found.push(certificate);
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Fails if ureq would panic about the certificate and its key.
fn check(
    chain: &[Certificate<'static>],
    key: PrivateKeyDer<'static>,
    store: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<(), rustls::Error> {
    let chain = chain.iter().map(|part| part.der().to_vec().into());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_client_auth_cert(chain.collect(), key)
        .map(drop)
}

fn refuse(reason: &'static str) -> SinkError {
    let cause = io::Error::new(io::ErrorKind::InvalidInput, reason);
    SinkError::permanent(cause).with_operation("use the options of the sink")
}
