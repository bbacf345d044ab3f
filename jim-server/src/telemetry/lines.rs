//! Where lines go: gathered for some milliseconds and written together. A write for each line would cost a request as
//! much as everything else that is done for it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait.
const DELAY: Duration = Duration::from_millis(10);
/// Bytes that are written without waiting.
const FULL: usize = 64 * 1024;

/// Lines on their way to standard output. A clone is another handle to the same.
#[derive(Clone)]
pub(super) struct Lines(Arc<Mutex<BufWriter<File>>>);

impl Lines {
    /// Gathers lines, and writes them from a thread of its own.
    pub(super) fn to_stdout() -> io::Result<Self> {
        let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let lines = Lines(Arc::new(Mutex::new(BufWriter::with_capacity(FULL, stdout))));
        let writer = lines.clone();
        std::thread::Builder::new().name("log".into()).spawn(move || {
            loop {
                std::thread::sleep(DELAY);
                writer.flush();
            }
        })?;
        Ok(lines)
    }

    /// Writes what has been gathered. Whoever reads the log may be gone; that stops nobody.
    pub(super) fn flush(&self) {
        let _ = self.lock().flush();
    }

    fn lock(&self) -> MutexGuard<'_, BufWriter<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line while it is written.
pub(super) struct Line<'a>(MutexGuard<'a, BufWriter<File>>);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self.lock())
    }
}
