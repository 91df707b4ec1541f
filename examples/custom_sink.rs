//! Stores every segment in one archive file with an index, through a sink made of a closure.
//!
//! `cargo run --example custom_sink`
//!
//! An error of the closure comes out of the iterator, with the segment inside.

#![deny(clippy::unwrap_used)]

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::thread;

use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, sink};

fn main() -> io::Result<()> {
    env_logger::init();
    let folder = tempfile::tempdir()?.keep();
    let mut archive = File::create_new(folder.join("archive.bin"))?;
    let mut index = File::create_new(folder.join("index.txt"))?;
    let mut offset = 0_u64;

    let sink = sink::from_fn(move |segment| {
        if segment.byte_len() == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the encoder produced nothing",
            ));
        }
        // After a transient error the closure is called again with the same segment, so each
        // attempt begins behind the last whole segment.
        archive.set_len(offset)?;
        archive.seek(SeekFrom::Start(offset))?;
        archive.write_all(&segment.data)?;
        // The index names a segment only once it is in the archive.
        writeln!(
            index,
            "{} {offset} {} {}",
            segment.sequence,
            segment.byte_len(),
            segment.duration_secs
        )?;
        offset += segment.byte_len() as u64;
        Ok(())
    });

    let (mut stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), sink)?;
    let encoder = thread::spawn(move || {
        for number in 0..10 {
            // One segment is empty, to show what happens on an error.
            let payload = vec![0x47; if number == 4 { 0 } else { 18_800 }];
            if sender
                .send(ProducedSegment::media(number, payload, 2.0))
                .is_err()
            {
                return; // The stream is closed.
            }
        }
    });

    for item in &mut stream {
        match item {
            Ok(segment) => println!("segment {} is in the archive", segment.sequence),
            Err(error) => println!("not archived: {error}"),
        }
    }
    stream.finish()?;
    encoder
        .join()
        .map_err(|_| io::Error::other("the encoder panicked"))?;
    println!("see {}", folder.display());
    Ok(())
}
