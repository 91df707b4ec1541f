//! HTTPS: certificates of the server and of the client.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use segment_stream::{
    HttpOptions, HttpSink, SegmentSink, SegmentStream, SegmentStreamConfig, SinkErrorKind,
};

use super::common::segments::segment_at;
use super::server::{Ends, Exchange, Server, Then, timely};

const LARGE: usize = 64 * 1024 * 1024;

fn data(name: &str) -> Vec<u8> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
    std::fs::read(directory.join(name)).unwrap()
}

/// Whether the server asks for a certificate.
#[derive(Clone, Copy)]
enum Client {
    Any,
    Known,
}

fn config(certificate: &str, client: Client) -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client {
        Client::Any => builder.with_no_client_auth(),
        Client::Known => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(&data("ca.pem")).unwrap())
                .unwrap();
            let roots = Arc::new(roots);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = CertificateDer::from_pem_slice(&data(&format!("{certificate}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&data(&format!("{certificate}.key"))).unwrap();
    Arc::new(builder.with_single_cert(vec![chain], key).unwrap())
}

/// One end of a connection that one thread uses.
struct End(Arc<Mutex<StreamOwned<ServerConnection, TcpStream>>>);

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap().read(buffer)
    }
}

impl Write for End {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().flush()
    }
}

fn server_with<F>(certificate: &str, client: Client, exchange: F) -> Server
where
    F: Fn(&mut Exchange<'_>) -> Then + Send + Sync + 'static,
{
    let config = config(certificate, client);
    let open = move |mut stream: TcpStream| -> Option<Ends> {
        let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        if connection.complete_io(&mut stream).is_err() {
            // The alert that says why.
            let _ = connection.complete_io(&mut stream);
            return None;
        }
        let stream = Arc::new(Mutex::new(StreamOwned::new(connection, stream)));
        Some((Box::new(End(Arc::clone(&stream))), Box::new(End(stream))))
    };
    Server::start_with(open, exchange)
}

fn server(certificate: &str, client: Client) -> Server {
    server_with(certificate, client, |exchange| exchange.reply(201, ""))
}

fn trusting() -> HttpOptions {
    HttpOptions::default().private_ca(data("ca.pem"))
}

fn sink(server: &Server, options: HttpOptions) -> HttpSink {
    let address = server.address();
    let options = options.resolve_with(move |_, _| Ok(vec![address]));
    HttpSink::with_options(&format!("https://localhost:{}/", address.port()), options).unwrap()
}

#[test]
fn a_trusted_server_is_written_to_over_one_connection() {
    let server = server("valid", Client::Any);
    let mut sink = sink(&server, trusting());
    for number in 0..3 {
        let segment = segment_at(number, format!("{number}.ts"));
        timely(10_000, |context| sink.write(&segment, context)).unwrap();
    }
    assert_eq!(server.lines(), ["PUT /0.ts", "PUT /1.ts", "PUT /2.ts"]);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_certificate_that_is_not_valid_is_permanent_and_gets_nothing() {
    for (certificate, options, reason) in [
        ("expired", trusting(), "expired"),
        ("wrong_name", trusting(), "not valid for name"),
        ("self_signed", trusting(), "invalid peer certificate"),
        ("valid", HttpOptions::default(), "UnknownIssuer"),
    ] {
        let server = server(certificate, Client::Any);
        let config = SegmentStreamConfig::default();
        let sink = sink(&server, options.bearer("token"));
        let (stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        sender.send(segment_at(0, "0.ts")).unwrap();
        drop(sender);
        let errors: Vec<_> = stream.map(Result::unwrap_err).collect();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].attempts(), 1);
        let error = errors[0].sink_error();
        assert_eq!(error.kind(), SinkErrorKind::Permanent);
        assert!(!error.has_unknown_outcome());
        assert!(error.to_string().contains(reason), "{certificate}: {error}");
        assert!(server.requests().is_empty());
    }
}

#[test]
fn a_server_that_asks_for_a_certificate_gets_it() {
    let server = server("valid", Client::Known);
    let options = trusting().client_certificate(data("client.pem"), data("client.key"));
    let mut with = sink(&server, options);
    timely(10_000, |context| {
        with.write(&segment_at(0, "0.ts"), context)
    })
    .unwrap();
    let mut without = sink(&server, trusting());
    let written = timely(10_000, |context| {
        without.write(&segment_at(1, "1.ts"), context)
    });
    let error = written.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Permanent, "{error}");
    assert!(!error.has_unknown_outcome());
    assert_eq!(server.lines(), ["PUT /0.ts"]);
}

#[test]
fn malformed_certificates_are_refused() {
    let options = HttpOptions::default;
    for options in [
        options().private_ca("none"),
        options().private_ca("-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"),
        options().private_ca(data("valid.key")),
        options().client_certificate(data("client.pem"), "none"),
        options().client_certificate("none", data("client.key")),
        options().client_certificate(data("client.pem"), data("valid.key")),
    ] {
        let error = HttpSink::with_options("https://localhost/", options).unwrap_err();
        assert!(!error.is_transient(), "{error}");
        assert!(!format!("{error:?}").contains("BEGIN"));
    }
}

#[test]
fn a_handshake_that_hangs_is_left_at_the_deadline() {
    // The system accepts the connection, and nobody else does.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("https://localhost:{}/", address.port());
    let options = trusting().resolve_with(move |_, _| Ok(vec![address]));
    let mut sink = HttpSink::with_options(&url, options).unwrap();
    let error = timely(1_000, |context| {
        sink.write(&segment_at(0, "0.ts"), context).unwrap_err()
    });
    assert!(error.is_transient() && !error.has_unknown_outcome());
    assert!(
        error.to_string().ends_with("timed out while connecting"),
        "{error}"
    );
}

#[test]
fn a_refusal_in_the_middle_of_a_large_body_is_read() {
    let server = server_with("valid", Client::Any, |exchange| {
        exchange.part(1000);
        exchange
            .write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        Then::Close
    });
    let mut sink = sink(&server, trusting());
    let mut large = segment_at(0, "0.ts");
    large.data = vec![0x47; LARGE];
    let error = timely(10_000, |context| sink.write(&large, context).unwrap_err());
    assert!(error.to_string().contains("403 Forbidden"), "{error}");
}
