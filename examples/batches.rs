//! A journal on disk: an actor that writes the rows which are at hand by one call, however many they are, and says how
//! many rows that were.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use hippodrome::{Actor, Batch, Context, Engine, On, Reply};

const ROWS: u64 = 200_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// Appends rows to a file.
struct Journal {
    file: File,
    buffer: Vec<u8>,
    written: Written,
}

#[derive(Clone, Copy, Default)]
struct Written {
    rows: u64,
    writes: u64,
}

enum Entry {
    Row(u64),
    Written(Reply<Written>),
}

impl Actor for Journal {
    type Msg = Entry;

    fn handle(&mut self, entry: Entry, ctx: &mut Context<'_, Entry>) {
        match entry {
            Entry::Row(row) => {
                // What is written to memory does not fail.
                let _ = writeln!(self.buffer, "{row}");
                self.written.rows += 1;
            }
            Entry::Written(reply) => {
                self.write();
                reply.send(ctx, self.written);
            }
        }
    }

    fn handle_batch(&mut self, first: Entry, rest: Batch<'_, Entry>) {
        rest.for_each_behind(first, |entry, ctx| self.handle(entry, ctx));
        self.write();
    }
}

impl Journal {
    fn write(&mut self) {
        if !self.buffer.is_empty() {
            self.file.write_all(&self.buffer).expect("the journal is written");
            self.buffer.clear();
            self.written.writes += 1;
        }
    }
}

/// Whether the file has all rows, in order.
fn is_complete(path: &PathBuf) -> std::io::Result<bool> {
    let text = fs::read_to_string(path)?;
    Ok(text.lines().map(str::parse).eq((0..ROWS).map(Ok)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("hippodrome-batches-{}", std::process::id()));
    let file = File::create(&path)?;
    let engine = Engine::builder().unpinned_workers(1).start()?;
    let handle = engine.handle();
    let journal = handle.spawn(On::Worker(0), move || Journal {
        file: file.try_clone().expect("the file is open"),
        buffer: Vec::new(),
        written: Written::default(),
    })?;
    let mut port = handle.port()?;
    for row in 0..ROWS {
        port.tell_within(PATIENCE, journal, Entry::Row(row))?;
    }
    let written = port.ask(journal, Entry::Written).wait(PATIENCE)?;
    drop(port);
    engine.shutdown(PATIENCE)?;
    let is_complete = is_complete(&path);
    fs::remove_file(&path)?;
    println!("{} rows in {} writes", written.rows, written.writes);
    if !is_complete? {
        return Err("the file does not have every row in its place".into());
    }
    println!("the file has every row in its place");
    Ok(())
}
