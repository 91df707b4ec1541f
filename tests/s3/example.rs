//! `examples/s3_credentials.rs` with a metadata service of the test.

use std::process::{Command, Output};

use jiff::{SignedDuration, Timestamp};

use super::common::example::example;
use super::server::{Exchange, Server, Then};
use super::store::{BUCKET, KEY, REGION, Rules, SECRET, Store};

const TOKEN: &str = "temporary+/==";

fn store() -> Store {
    Store::start(Rules {
        token: Some(TOKEN),
        ..Rules::default()
    })
}

fn document() -> String {
    let end = Timestamp::now() + SignedDuration::from_hours(6);
    format!(
        "{{\n  \"Code\" : \"Success\",\n  \"AccessKeyId\" : \"{KEY}\",\n  \"SecretAccessKey\" : \
         \"{SECRET}\",\n  \"Token\" : \"{TOKEN}\",\n  \"Expiration\" : \"{end:.0}\"\n}}"
    )
}

fn reply(exchange: &mut Exchange<'_>, status: u16, text: &str) -> Then {
    exchange.body();
    let length = text.len();
    let reply = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{text}");
    exchange.write(reply).unwrap_or_default();
    Then::Keep
}

fn run(store: &Store, variables: &[(&str, String)]) -> Output {
    let mut command = Command::new(example("s3_credentials"));
    command.arg(format!("http://{}", store.server.address()));
    command.args([REGION, BUCKET]);
    for name in ["RELATIVE_URI", "FULL_URI"] {
        command.env_remove(format!("AWS_CONTAINER_CREDENTIALS_{name}"));
    }
    let variables = variables.iter().map(|(name, value)| (name, value));
    command
        .envs(variables)
        .env("RUST_LOG", "trace")
        .output()
        .unwrap()
}

fn assert_stored(store: &Store, output: &Output) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert_eq!(output.stdout, b"stored 0\nstored 1\nstored 2\n");
    for number in 0..3 {
        assert!(store.object(&format!("example/{number:05}.ts")).is_some());
    }
}

#[test]
fn keys_come_from_the_metadata_service_of_the_machine() {
    let service = Server::start(|exchange| {
        let line = exchange.request.line.clone();
        if line == "PUT /latest/api/token" {
            return reply(exchange, 200, "session");
        }
        if exchange.request.header("X-aws-ec2-metadata-token") != Some("session") {
            return reply(exchange, 401, "");
        }
        match line.strip_prefix("GET /latest/meta-data/iam/security-credentials/") {
            Some("") => reply(exchange, 200, "uploader"),
            Some("uploader") => reply(exchange, 200, &document()),
            _ => reply(exchange, 404, ""),
        }
    });
    let store = store();
    let url = format!("http://{}", service.address());
    let output = run(&store, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)]);
    assert_stored(&store, &output);
    // They are asked for once.
    assert_eq!(service.requests().len(), 3);
}

#[test]
fn keys_come_from_the_agent_of_a_container() {
    let service = Server::start(|exchange| {
        let authorization = exchange.request.header("Authorization");
        match (exchange.request.line.as_str(), authorization) {
            ("GET /keys", Some("agent")) => reply(exchange, 200, &document()),
            _ => reply(exchange, 403, ""),
        }
    });
    let store = store();
    let url = format!("http://{}/keys", service.address());
    let output = run(
        &store,
        &[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "agent".to_owned()),
        ],
    );
    assert_stored(&store, &output);
}
