//! Opening and closing the store: who may, what is found, what is refused.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::committer::{Committer, Message, Queue};
use super::disk::{Disk, RealDisk};
use super::keeper::{self, Keeper};
use super::log::Log;
use super::record::START;
use super::recover::{self, Found};
use super::reserve::Reserve;
use super::sealer::{self, Sealer};
use super::segments::Segments;
use super::tree::Tree;
use super::{OnSled, Options, Shared, WAITING, snapshot};
use crate::clock::Clock;
use crate::store::journal::{Book, Shelf};
use crate::store::ledger::journal;
use crate::store::ledger::{self, News};
use crate::store::{Store, StoreError, transient};

/// The version of the layout on disk.
const FORMAT: u32 = 1;

/// The smallest size of a segment, in octets.
const SMALLEST_SEGMENT: u64 = 64 << 10;

/// Why the store was not opened. Nothing on disk was changed then.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the store in {} is in use by process {pid}; stop that one first, or give this one a directory of its own",
        .dir.display()
    )]
    Locked { dir: PathBuf, pid: String },
    #[error(
        "the store in {} has format {found}, and this version knows format {FORMAT}; install the version that wrote it, or a newer one",
        .dir.display()
    )]
    Newer { dir: PathBuf, found: String },
    #[error("there is no store in {}", .0.display())]
    Missing(PathBuf),
    #[error("{} is not a directory; the store needs one of its own", .0.display())]
    NotADirectory(PathBuf),
    #[error("cannot use {} for the store: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the store in {} is damaged: {why}", .dir.display())]
    Damaged { dir: PathBuf, why: String },
}

/// Holds the store open. When it is dropped the store ends as if the process were
/// killed, which loses nothing; [`Handle::close`] makes the next start quick.
pub struct Handle {
    shared: Arc<Shared>,
    queue: Queue,
    committer: Option<JoinHandle<()>>,
    keeper: Option<(Sender<()>, JoinHandle<()>)>,
    sealer: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Handle {
    /// Writes down the index, and ends. Waits for the disk, and holds the thread while it waits.
    ///
    /// # Errors
    /// [`StoreError`] if the index could not be written; the log is complete all the same.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.stop_keeper();
        let done = keeper::checkpoint(&self.shared, &self.queue);
        self.stop();
        done
    }

    /// Writes down the index now.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be written.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        keeper::checkpoint(&self.shared, &self.queue)
    }

    /// Seals all events of the log of all mail that are still in memory, as is done with many
    /// of them and at the end of each day anyway.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be written; they stay where they are.
    pub fn seal(&self) -> Result<(), StoreError> {
        sealer::seal(&self.shared, &self.queue, true)
    }

    /// Lets go of what is too old and wins back space now, as is done every minute anyway.
    ///
    /// # Errors
    /// [`StoreError`] if something could not be written; what was done is done.
    pub fn tidy(&self) -> Result<(), StoreError> {
        keeper::tidy(&self.shared, &self.queue, &|| false)
    }

    fn stop_keeper(&mut self) {
        for (stop, thread) in self.keeper.take().into_iter().chain(self.sealer.take()) {
            drop(stop);
            // A panic of such a thread was logged; nothing hangs on it.
            let _ = thread.join();
        }
    }

    fn stop(&mut self) {
        self.stop_keeper();
        self.queue.send(Message::Stop);
        if let Some(thread) = self.committer.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Opens the store in `dir`, which is made if it is not there.
///
/// # Errors
/// [`OpenError`] says why not, and what to do.
pub fn open(dir: &Path, options: &Options, clock: Clock) -> Result<(Store, Handle), OpenError> {
    open_on(Arc::new(RealDisk), dir, options, clock)
}

/// The same with the log on `disk`.
///
/// # Errors
/// As [`open`].
pub fn open_on(
    disk: Arc<dyn Disk>,
    dir: &Path,
    options: &Options,
    clock: Clock,
) -> Result<(Store, Handle), OpenError> {
    let mut options = options.clone();
    options.segment_size.0 = options.segment_size.0.max(SMALLEST_SEGMENT);
    let lock = claim(dir)?;
    let segments = find_segments(Arc::clone(&disk), dir)?;
    let (tree, found) = open_index(dir, &options, &segments)?;
    let log = continue_log(&options, &segments, found).map_err(at(dir))?;
    let book = open_book(&disk, dir)?;
    let reserve = Reserve::new(disk, dir, options.min_free.0);
    let shared = Arc::new(Shared {
        dir: dir.to_owned(),
        current: AtomicU64::new(log.segment()),
        options,
        clock,
        tree,
        segments,
        news: News::new(),
        book,
        settings_changed: AtomicBool::new(!dir.join(snapshot::FILE).exists()),
        written: AtomicU64::new(0),
        checkpoints: Mutex::default(),
        tidying: Mutex::default(),
        sealing: Mutex::default(),
        _lock: lock,
    });
    let damaged = |error: StoreError| OpenError::Damaged {
        dir: dir.to_owned(),
        why: error.to_string(),
    };
    journal::fill(&shared.book, &shared.tree).map_err(damaged)?;
    let (store, handle) = start(shared, log, reserve).map_err(at(dir))?;
    // The last time may have ended between the two.
    if let Err(error) = sealer::let_go(&handle.shared, &handle.queue) {
        tracing::warn!(%error, "sealed events stay in the store's log for now");
    }
    Ok((store, handle))
}

/// The log of all mail in `dir`.
pub(super) fn open_book(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Book, OpenError> {
    let place = dir.join("journal");
    Shelf::new(Arc::clone(disk), &place)
        .and_then(Book::on)
        .map_err(at(&place))
}

fn start(shared: Arc<Shared>, log: Log, reserve: Reserve) -> io::Result<(Store, Handle)> {
    let (sender, messages) = channel();
    let queue = Queue(sender);
    let committer = Committer {
        shared: Arc::clone(&shared),
        log,
        messages,
        reserve,
        failed: None,
    };
    let committer = std::thread::Builder::new()
        .name("store-commit".into())
        .spawn(move || committer.run())?;
    // The handle comes first: if another thread cannot start, it ends those before.
    let mut handle = Handle {
        shared: Arc::clone(&shared),
        queue: queue.clone(),
        committer: Some(committer),
        keeper: None,
        sealer: None,
    };
    let (stop, stopped) = channel();
    let keeper = Keeper {
        shared: Arc::clone(&shared),
        queue: queue.clone(),
        stopped,
    };
    let keeper = std::thread::Builder::new()
        .name("store-keep".into())
        .spawn(move || keeper.run())?;
    handle.keeper = Some((stop, keeper));
    let (stop, stopped) = channel();
    let sealer = Sealer {
        shared: Arc::clone(&shared),
        queue: queue.clone(),
        stopped,
    };
    let sealer = std::thread::Builder::new()
        .name("store-seal".into())
        .spawn(move || sealer.run())?;
    handle.sealer = Some((stop, sealer));
    let engine = OnSled {
        shared,
        queue,
        room: Arc::new(Semaphore::new(WAITING)),
    };
    let transient = Arc::new(transient::Memory::default());
    Ok((ledger::store(Arc::new(engine), transient), handle))
}

fn at(path: &Path) -> impl Fn(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io {
        path: path.clone(),
        source,
    }
}

/// Locks the store in `dir`, which must be there.
pub(super) fn claim_existing(dir: &Path) -> Result<Flock<File>, OpenError> {
    if dir.join("VERSION").exists() {
        claim(dir)
    } else {
        Err(OpenError::Missing(dir.to_owned()))
    }
}

/// Checks that `dir` is ours to use, and locks it.
pub(super) fn claim(dir: &Path) -> Result<Flock<File>, OpenError> {
    match std::fs::metadata(dir) {
        Ok(found) if !found.is_dir() => return Err(OpenError::NotADirectory(dir.to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(at(dir))?,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(OpenError::NotADirectory(dir.to_owned()));
        }
        Err(error) => return Err(at(dir)(error)),
    }
    let version = dir.join("VERSION");
    let known = match std::fs::read_to_string(&version) {
        Ok(text) => match text.trim() {
            text if text.parse() == Ok(FORMAT) => true,
            text => {
                return Err(OpenError::Newer {
                    dir: dir.to_owned(),
                    found: text.chars().take(20).collect(),
                });
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(at(&version)(error)),
    };
    let lock = lock(dir)?;
    if !known {
        write_aside(dir, "VERSION", format!("{FORMAT}\n").as_bytes()).map_err(at(&version))?;
    }
    Ok(lock)
}

fn lock(dir: &Path) -> Result<Flock<File>, OpenError> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(at(&path))?;
    let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => lock,
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut pid = String::new();
            // Only for the message; without it the message is poorer.
            let _ = file.read_to_string(&mut pid);
            let pid = pid.trim();
            return Err(OpenError::Locked {
                dir: dir.to_owned(),
                pid: if pid.is_empty() { "unknown" } else { pid }.to_owned(),
            });
        }
        Err((_, error)) => return Err(at(&path)(error.into())),
    };
    lock.set_len(0)
        .and_then(|()| lock.rewind())
        .and_then(|()| writeln!(lock, "{}", std::process::id()))
        .map_err(at(&path))?;
    Ok(lock)
}

/// Finds the segments of the store in `dir`.
pub(super) fn find_segments(disk: Arc<dyn Disk>, dir: &Path) -> Result<Segments, OpenError> {
    let place = dir.join("segments");
    if !place.exists() {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&place)
            .and_then(|()| File::open(dir)?.sync_all())
            .map_err(at(&place))?;
    }
    Segments::find(disk, &place).map_err(at(&place))
}

/// Opens the index and reads the tail of the log; makes it anew if it cannot be used.
pub(super) fn open_index(
    dir: &Path,
    options: &Options,
    segments: &Segments,
) -> Result<(Tree, Found), OpenError> {
    let place = dir.join("index");
    let cache = options.cache_capacity.0;
    let why = match guarded_open(&place, cache) {
        Ok(tree) => match recover::recover(&tree, segments, dir) {
            Ok(found) => return Ok((tree, found)),
            Err(error) => error,
        },
        Err(error) => error,
    };
    tracing::error!(%why, "the index cannot be used; it is moved aside and made anew from the log");
    rebuild_index(dir, cache, segments)
}

/// Moves the index aside and makes it anew.
pub(super) fn rebuild_index(
    dir: &Path,
    cache: u64,
    segments: &Segments,
) -> Result<(Tree, Found), OpenError> {
    let damaged = |error: StoreError| OpenError::Damaged {
        dir: dir.to_owned(),
        why: error.to_string(),
    };
    let (place, aside) = (dir.join("index"), dir.join("index.damaged"));
    if place.exists() {
        if aside.exists() {
            std::fs::remove_dir_all(&aside).map_err(at(&aside))?;
        }
        std::fs::rename(&place, &aside).map_err(at(&place))?;
    }
    // Until the new index is durable, nothing may say that one is.
    match std::fs::remove_file(dir.join(recover::CHECKPOINT)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(dir)(error)),
        _ => {}
    }
    let tree = Tree::open(&place, cache).map_err(damaged)?;
    let found = recover::rebuild(&tree, segments).map_err(damaged)?;
    Ok((tree, found))
}

/// Opens sled in a thread of its own, so that nothing of a panic stays with us.
fn guarded_open(place: &Path, cache: u64) -> Result<Tree, StoreError> {
    let place = place.to_owned();
    std::thread::spawn(move || Tree::open(&place, cache))
        .join()
        .unwrap_or_else(|_| Err(StoreError::Failed("the index is damaged".into())))
}

/// The writing end of a log that was read: in its last segment, if that is whole.
fn continue_log(options: &Options, segments: &Segments, found: Found) -> io::Result<Log> {
    let mut log = Log::new(options.segment_size.0, found.number);
    let Some((id, end)) = found.end else {
        return Ok(log);
    };
    let last = segments.list().last().map(|(id, _)| *id);
    // One without records lacks the marks that each must start with.
    let usable = end > START as u64 && end < options.segment_size.0;
    if found.damages == 0 && last == Some(id) && usable {
        log.resume(segments, id, end)?;
    }
    Ok(log)
}

/// Writes a file of the store's directory whole or not at all; durable on return.
pub(super) fn write_aside(dir: &Path, name: &str, octets: &[u8]) -> io::Result<()> {
    // Two threads may write the same file; one after the other then.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let aside = dir.join(format!("{name}.new"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)?;
    file.write_all(octets)?;
    file.sync_all()?;
    std::fs::rename(&aside, dir.join(name))?;
    File::open(dir)?.sync_all()
}
