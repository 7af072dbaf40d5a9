//! The demo's destination: an SMTP server that knows a few mailboxes and writes Maildirs. For
//! other domains it plays the rest of the world, where everybody has a mailbox.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::clock::Clock;
use crate::mail::{Address, Domain, Envelope, Mail, Reply};
use crate::policy::{Answer, Replies, not_now};
use crate::smtp::Reception;

/// Who has a mailbox, in each domain.
const MAILBOXES: [&str; 3] = ["alice", "bob", "postmaster"];

/// Maildirs below one directory, one for each address.
pub(super) struct Maildirs {
    dir: PathBuf,
    domains: Vec<Domain>,
    clock: Clock,
    number: AtomicU64,
}

impl Maildirs {
    pub(super) fn new(dir: PathBuf, domains: &[&str]) -> anyhow::Result<Self> {
        let domains: Vec<Domain> = domains
            .iter()
            .map(|d| d.parse())
            .collect::<Result<_, _>>()?;
        let maildirs = Self {
            dir,
            domains,
            clock: Clock::system(),
            number: AtomicU64::new(0),
        };
        for domain in &maildirs.domains {
            for mailbox in MAILBOXES {
                make_maildir(&maildirs.dir.join(format!("{mailbox}@{domain}")))?;
            }
        }
        Ok(maildirs)
    }

    fn knows(&self, to: &Address) -> bool {
        if !self.domains.contains(to.domain()) {
            return !to.key().contains('/') && !to.key().starts_with('.');
        }
        MAILBOXES.iter().any(|m| to.local().eq_ignore_ascii_case(m))
    }

    /// Durable when it returns: file and directory are synced.
    fn write(&self, mail: &Mail, to: &Address) -> std::io::Result<()> {
        let maildir = self.dir.join(to.key());
        if !self.domains.contains(to.domain()) {
            make_maildir(&maildir)?;
        }
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let name = format!(
            "{}.{}_{number}.demo",
            self.clock.now().0,
            std::process::id()
        );
        let (tmp, new) = (
            maildir.join("tmp").join(&name),
            maildir.join("new").join(&name),
        );
        let mut file = std::fs::File::create(&tmp)?;
        file.write_all(format!("Return-Path: <{}>\r\n", mail.envelope.from_text()).as_bytes())?;
        file.write_all(mail.message.bytes())?;
        file.sync_all()?;
        std::fs::rename(&tmp, &new)?;
        sync_dir(&maildir.join("new"))
    }
}

fn make_maildir(maildir: &Path) -> std::io::Result<()> {
    ["tmp", "new", "cur"]
        .iter()
        .try_for_each(|part| std::fs::create_dir_all(maildir.join(part)))
}

fn sync_dir(dir: &Path) -> std::io::Result<()> {
    std::fs::File::open(dir)?.sync_all()
}

#[async_trait]
impl Reception for Maildirs {
    async fn recipient(&self, _envelope: &Envelope, to: &Address) -> Result<(), Reply> {
        if self.knows(to) {
            Ok(())
        } else {
            Err(Reply::new(550, 1, 1, format!("<{to}>: no such mailbox")))
        }
    }

    async fn message(&self, mail: Mail, replies: Replies) -> Answer {
        let write = |to: &Address| match self.write(&mail, to) {
            Ok(()) => Reply::new(250, 0, 0, format!("Written to the mailbox of {to}")),
            Err(error) => not_now(&format!("The mailbox cannot be written: {error}")),
        };
        let each: Vec<Reply> = mail.envelope.to.iter().map(write).collect();
        match replies {
            Replies::Each => Answer::Each(each),
            Replies::One => {
                let bad = each
                    .iter()
                    .find(|reply| !reply.is_positive())
                    .or(each.first());
                Answer::One(bad.cloned().unwrap_or_else(|| not_now("No recipient")))
            }
        }
    }
}
