//! `examples/disk_then_origin.rs` with an origin that is down for a while.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::common::example::example;
use super::server::Server;

struct Run {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Run {
    fn start(directory: &Path, server: &Server) -> Self {
        let mut child = Command::new(example("disk_then_origin"))
            .arg(directory)
            .arg(server.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    fn segment(&mut self, number: u64) {
        writeln!(self.input.as_mut().unwrap(), "segment {number}").unwrap();
    }

    /// Waits for lines that begin so, in this order. Returns the other lines before the last of them.
    fn wait_for(&mut self, beginnings: &[&str]) -> Vec<String> {
        let mut others = Vec::new();
        for beginning in beginnings {
            loop {
                let line = self.output.next().expect(beginning).unwrap();
                if line.starts_with(beginning) {
                    break;
                }
                others.push(line);
            }
        }
        others
    }
}

#[test]
fn what_a_dead_origin_missed_is_uploaded_later_and_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let is_down = Arc::new(AtomicBool::new(false));
    let objects = Arc::new(Mutex::new(BTreeMap::new()));
    let server = Server::start({
        let (is_down, objects) = (Arc::clone(&is_down), Arc::clone(&objects));
        move |exchange| {
            let body = exchange.body();
            if is_down.load(Ordering::SeqCst) {
                return exchange.reply_only(503);
            }
            let name = exchange.request.line.rsplit('/').next().unwrap().to_owned();
            objects.lock().unwrap().insert(name, body);
            exchange.reply_only(201)
        }
    });

    let mut run = Run::start(folder.path(), &server);
    run.segment(0);
    run.wait_for(&["at the origin 0"]);
    is_down.store(true, Ordering::SeqCst);
    for number in 1..4 {
        run.segment(number);
    }
    // The recording goes on.
    run.wait_for(&["on disk 3"]);
    is_down.store(false, Ordering::SeqCst);
    run.segment(4);
    let mut lines = run.wait_for(&["at the origin 4"]);
    drop(run.input.take());
    lines.extend(run.output.by_ref().map(Result::unwrap));
    assert!(run.child.wait().unwrap().success());
    assert_eq!(lines.last().unwrap(), "left for the next run: 0");

    // The origin is down until the process is killed.
    is_down.store(true, Ordering::SeqCst);
    let mut run = Run::start(folder.path(), &server);
    for number in 5..8 {
        run.segment(number);
    }
    run.wait_for(&["missed 5", "missed 6", "missed 7"]);
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    assert_eq!(objects.lock().unwrap().len(), 5);

    is_down.store(false, Ordering::SeqCst);
    let mut run = Run::start(folder.path(), &server);
    run.segment(8);
    drop(run.input.take());
    run.wait_for(&["uploaded later: 3", "left for the next run: 0"]);
    assert!(run.child.wait().unwrap().success());
    let expected: BTreeMap<_, _> = (0..9)
        .map(|number| {
            (
                format!("{number:08}.ts"),
                format!("segment {number}").into_bytes(),
            )
        })
        .collect();
    assert_eq!(*objects.lock().unwrap(), expected);
}
