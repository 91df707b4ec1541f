//! Uploads to an S3 bucket with the temporary keys of a machine at Amazon: of its container (ECS,
//! EKS), or else of the machine itself (EC2).
//!
//! `cargo run --features s3,tls --example s3_credentials -- https://s3.eu-west-1.amazonaws.com eu-west-1 BUCKET`
//!
//! The sink asks for new keys before the old ones end, and after they were refused.

#![deny(clippy::unwrap_used)]

use std::env;
use std::error::Error;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use segment_stream::{
    ProducedSegment, S3Bucket, S3Credentials, S3Keys, S3Sink, SegmentStream, SegmentStreamConfig,
    SinkError,
};
use ureq::Agent;

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [endpoint, region, bucket] = &arguments[..] else {
        return Err("usage: s3_credentials ENDPOINT REGION BUCKET".into());
    };
    let bucket = S3Bucket::new(endpoint, region, bucket).prefix("example");
    // A failed request is repeated with the segment, so it must not hang.
    let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(2)));
    let agent = Agent::new_with_config(config.build());
    let credentials = S3Credentials::from_fn(move || keys(&agent).map_err(SinkError::transient));
    let sink = S3Sink::new(&bucket, credentials)?;

    let (stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), sink)?;
    for number in 0..3 {
        let segment = ProducedSegment::media(number, vec![0x47; 18_800], 2.0);
        sender.send(segment.with_path(format!("{number:05}.ts")))?;
    }
    drop(sender);
    for segment in stream {
        println!("stored {}", segment?.sequence);
    }
    Ok(())
}

/// The keys that the machine has now. No message has a part of the document, but at the level `trace`
/// ureq logs all that it receives: this agent's log must not be kept.
fn keys(agent: &Agent) -> Result<S3Keys, Box<dyn Error + Send + Sync>> {
    let document = match of_container(agent)? {
        Some(document) => document,
        None => of_machine(agent)?,
    };
    let field = |name| field(&document, name).ok_or(format!("the keys have no {name}"));
    let end: Timestamp = field("Expiration")?.parse()?;
    Ok(
        S3Keys::new(field("AccessKeyId")?, field("SecretAccessKey")?)
            .session_token(field("Token")?)
            .until(SystemTime::from(end)),
    )
}

/// The document of the container's agent, if there is one.
fn of_container(agent: &Agent) -> Result<Option<String>, ureq::Error> {
    let relative = env::var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let url = match (relative, env::var("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        (Ok(path), _) => format!("http://169.254.170.2{path}"),
        (_, Ok(url)) => url,
        _ => return Ok(None),
    };
    let mut request = agent.get(url);
    if let Ok(token) = env::var("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
        request = request.header("Authorization", token);
    }
    request.call()?.body_mut().read_to_string().map(Some)
}

/// The document of the machine's metadata service.
fn of_machine(agent: &Agent) -> Result<String, ureq::Error> {
    let service = env::var("AWS_EC2_METADATA_SERVICE_ENDPOINT")
        .unwrap_or_else(|_| "http://169.254.169.254".to_owned());
    let token = agent
        .put(format!("{service}/latest/api/token"))
        .header("X-aws-ec2-metadata-token-ttl-seconds", "60")
        .send_empty()?
        .body_mut()
        .read_to_string()?;
    let get = |path: &str| {
        agent
            .get(format!(
                "{service}/latest/meta-data/iam/security-credentials/{path}"
            ))
            .header("X-aws-ec2-metadata-token", &token)
            .call()?
            .body_mut()
            .read_to_string()
    };
    let role = get("")?;
    get(role.trim())
}

/// The text of a field. The documents are flat, and their texts have no escapes.
fn field<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = document.split_once(&format!("\"{name}\""))?;
    let text = after.trim_start().strip_prefix(':')?.trim_start();
    text.strip_prefix('"')?.split('"').next()
}
