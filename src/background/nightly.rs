//! The export of all lessons, once a day, and which of the older ones stay.

use std::io;
use std::path::{Path, PathBuf};

use crate::clock::Timestamp;
use crate::inspect::{Learner, Options};

/// What the names of the files begin and end with; the day stands between.
const BEFORE: &str = "lessons-";
const AFTER: &str = ".quaranta";
/// Digits and dashes of a day.
const DAY: usize = 10;

/// Where to, when, and how many.
#[derive(Debug, Clone)]
pub struct Nightly {
    dir: PathBuf,
    hour: i8,
    keep: usize,
}

impl Nightly {
    /// As the options say; `None` if they name no folder.
    #[must_use]
    pub fn open(options: &Options) -> Option<Self> {
        Some(Self {
            dir: options.learned_export_dir.clone()?,
            hour: i8::try_from(options.learned_export_hour.min(23)).unwrap_or(0),
            keep: usize::try_from(options.learned_export_keep.max(1)).unwrap_or(1),
        })
    }

    /// The file of today, if its hour has come and it is not there yet.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Option<PathBuf> {
        let now = now.utc();
        let name = format!("{BEFORE}{}{AFTER}", now.strftime("%Y-%m-%d"));
        let path = self.dir.join(name);
        (now.hour() >= self.hour && !path.exists()).then_some(path)
    }

    /// Writes it, and removes the oldest of those that are more than stay. Blocks on the disk.
    ///
    /// # Errors
    /// It cannot be written; those that were there stay then.
    pub fn export(&self, learner: &Learner, to: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)?;
        let held = learner.export(to)?;
        tracing::info!(file = %to.display(), lessons = held.lessons, "the lessons were exported");
        let mut all: Vec<PathBuf> = std::fs::read_dir(&self.dir)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| is_ours(path))
            .collect();
        all.sort();
        let over = all.len().saturating_sub(self.keep);
        all.iter().take(over).try_for_each(std::fs::remove_file)
    }
}

/// True for a name that this chore gives; nothing else is removed.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let day = name.and_then(|name| name.strip_prefix(BEFORE)?.strip_suffix(AFTER));
    day.is_some_and(|day| day.len() == DAY && day.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XX-11: a copy a day, the newest stay, and nothing else in the folder is touched.
    #[test]
    fn the_newest_exports_stay() {
        let dir = tempfile::tempdir().expect("folder");
        let learner = Learner::open(&dir.path().join("learned")).expect("learner");
        let options = Options {
            learned_export_dir: Some(dir.path().join("out")),
            learned_export_hour: 3,
            learned_export_keep: 2,
            ..Options::default()
        };
        let nightly = Nightly::open(&options).expect("set");
        let hour = |n: u64| Timestamp(n * 3_600_000);
        assert_eq!(nightly.due(hour(2)), None, "too early");
        for day in 0..4 {
            let to = nightly.due(hour(day * 24 + 5)).expect("due");
            nightly.export(&learner, &to).expect("exported");
            assert_eq!(nightly.due(hour(day * 24 + 6)), None, "once a day");
            std::fs::write(dir.path().join("out/lessons-of-mine.quaranta"), "x").expect("file");
        }
        let mut names: Vec<_> = std::fs::read_dir(dir.path().join("out"))
            .expect("folder")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "lessons-1970-01-03.quaranta",
                "lessons-1970-01-04.quaranta",
                "lessons-of-mine.quaranta"
            ]
        );
    }
}
