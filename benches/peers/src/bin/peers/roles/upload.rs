//! Uploads a number of objects of one size, and prints the seconds that it took.

use std::io;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::bounded;
use object_store::http::HttpBuilder;
use object_store::path::Path as ObjectPath;
use object_store::{ClientOptions, ObjectStore};
use segment_stream::{HttpSink, ProducedSegment, SegmentStream, SegmentStreamConfig};
use tokio::task::JoinSet;
use ureq::Agent;

use super::number;
use crate::plain::{name, payload};

pub(super) const NAME: &str = "upload";

pub(crate) const STAGE: &str = "stage";
pub(crate) const UREQ: &str = "ureq";
pub(crate) const OBJECT_STORE: &str = "object_store";

pub(crate) fn command(
    kind: &str,
    length: usize,
    segments: u64,
    writers: u64,
    url: &str,
) -> io::Result<Command> {
    let mut command = super::command(NAME)?;
    command.arg(kind).arg(length.to_string());
    command.arg(segments.to_string()).arg(writers.to_string());
    command.arg(url);
    Ok(command)
}

#[derive(Clone, Copy)]
struct Job<'a> {
    length: usize,
    segments: u64,
    writers: usize,
    url: &'a str,
}

pub(super) fn play(arguments: &[&str]) -> io::Result<()> {
    let [kind, length, segments, writers, url] = *arguments else {
        return Err(io::Error::other("an upload has five arguments"));
    };
    let job = Job {
        length: number(length)?,
        segments: number(segments)?,
        writers: number(writers)?,
        url,
    };
    let start = Instant::now();
    match kind {
        STAGE => by_stage(job)?,
        UREQ if job.writers == 1 => by_a_loop(job)?,
        UREQ => by_threads(job)?,
        OBJECT_STORE => by_object_store(job)?,
        _ => return Err(io::Error::other(format!("no such kind: {kind}"))),
    }
    println!("{}", start.elapsed().as_secs_f64());
    Ok(())
}

fn depth(job: Job<'_>) -> usize {
    2 * job.writers.max(4)
}

fn by_stage(job: Job<'_>) -> io::Result<()> {
    let sink = HttpSink::new(job.url)?;
    let config = SegmentStreamConfig {
        channel_depth: depth(job),
        ..Default::default()
    };
    let (stream, sender) = SegmentStream::with_writers(config, job.writers, |_| sink.clone())?;
    let producer = thread::spawn(move || {
        (0..job.segments).try_for_each(|number| {
            let segment = ProducedSegment::media(number, payload(number, job.length), 2.0);
            sender.send(segment.with_path(name(number)))
        })
    });
    for item in stream {
        item?;
    }
    producer.join().expect("the producer ends by itself")?;
    Ok(())
}

fn agent(job: Job<'_>) -> Agent {
    let config = Agent::config_builder().max_idle_connections_per_host(job.writers);
    config.build().into()
}

fn put(agent: &Agent, url: &str, number: u64, payload: &[u8]) -> io::Result<()> {
    let request = agent.put(format!("{url}{}", name(number)));
    let reply = request.content_type("video/mp2t").send(payload);
    reply.map(drop).map_err(io::Error::other)
}

fn by_a_loop(job: Job<'_>) -> io::Result<()> {
    let agent = agent(job);
    (0..job.segments).try_for_each(|number| {
        let payload = payload(number, job.length);
        put(&agent, job.url, number, &payload)
    })
}

fn by_threads(job: Job<'_>) -> io::Result<()> {
    let agent = &agent(job);
    let (sender, receiver) = bounded(depth(job));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..job.writers)
            .map(|_| {
                let receiver = receiver.clone();
                scope.spawn(move || {
                    let mut all = receiver.iter();
                    all.try_for_each(|(number, payload): (u64, Vec<u8>)| {
                        put(agent, job.url, number, &payload)
                    })
                })
            })
            .collect();
        drop(receiver);
        for number in 0..job.segments {
            // Refused once all workers have failed, and they say why.
            if sender.send((number, payload(number, job.length))).is_err() {
                break;
            }
        }
        drop(sender);
        let mut ended = workers
            .into_iter()
            .map(|it| it.join().expect("it ends by itself"));
        ended.try_for_each(|result| result)
    })
}

fn by_object_store(job: Job<'_>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let options = ClientOptions::new().with_allow_http(true);
    let store = HttpBuilder::new()
        .with_url(job.url.trim_end_matches('/'))
        .with_client_options(options)
        .build()
        .map_err(io::Error::other)?;
    let store = Arc::new(store);
    runtime.block_on(async move {
        let mut under_way = JoinSet::new();
        for number in 0..job.segments {
            if under_way.len() == job.writers {
                ended(under_way.join_next().await)?;
            }
            let store = Arc::clone(&store);
            let payload = payload(number, job.length);
            under_way.spawn(async move {
                let path = ObjectPath::from(name(number));
                store.put(&path, payload.into()).await.map(drop)
            });
        }
        while let Some(result) = under_way.join_next().await {
            ended(Some(result))?;
        }
        Ok(())
    })
}

type Joined = Result<object_store::Result<()>, tokio::task::JoinError>;

fn ended(joined: Option<Joined>) -> io::Result<()> {
    let joined = joined.expect("one is under way");
    joined.map_err(io::Error::other)?.map_err(io::Error::other)
}
