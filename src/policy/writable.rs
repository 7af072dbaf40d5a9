//! May the house write to the sender of a mail? Only where that cannot hit a bystander or start
//! a conversation of machines (RFC 3834 section 2).

use super::ReversePath;
use crate::mail::{Address, NOTICE_FIELD, headers};

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    #[error("it has the null sender")]
    NullSender,
    #[error("nothing proves that its sender is who it says")]
    NotAligned,
    #[error("its reverse path is of another domain than its author")]
    OtherDomain,
    #[error("nothing proves that its reverse path is its author's")]
    OtherPath,
    #[error("its sender is no person")]
    Role,
    #[error("it came by a mailing list")]
    List,
    #[error("a program sent it by itself")]
    Automatic,
    #[error("it is a letter of a house like ours")]
    Ours,
}

/// Local parts behind which a machine reads, if anybody.
const ROLES: [&str; 10] = [
    "mailer-daemon",
    "postmaster",
    "noreply",
    "no-reply",
    "donotreply",
    "do-not-reply",
    "bounce",
    "bounces",
    "listserv",
    "majordomo",
];
/// So begin fields that only mailing lists set (RFC 2369, RFC 2919, RFC 5230 section 4.6).
const LIST_FIELDS: &[u8] = b"List-";

/// Where the house may write to: the reverse path `from`, if `aligned` says that DMARC passed
/// for `author`, and neither `path`, nor the addresses, nor the fields of `message` speak against it.
///
/// # Errors
/// [`Unwritable`].
pub fn writable<'f>(
    (from, path): (Option<&'f Address>, ReversePath),
    author: Option<&Address>,
    aligned: bool,
    message: &[u8],
) -> Result<&'f Address, Unwritable> {
    let from = from.ok_or(Unwritable::NullSender)?;
    let author = author.filter(|_| aligned).ok_or(Unwritable::NotAligned)?;
    let (one, other) = (from.domain(), author.domain());
    // What is proved is proved of the author's domain.
    if !one.is_within(other) && !other.is_within(one) {
        return Err(Unwritable::OtherDomain);
    }
    // A signature proves the author, and stays valid on copies that anybody sends from anywhere.
    if path == ReversePath::Denied || path == ReversePath::Unknown && from != author {
        return Err(Unwritable::OtherPath);
    }
    let local = from.local().to_ascii_lowercase();
    let is_role = ROLES.contains(&local.as_str())
        || local.starts_with("owner-")
        || local.starts_with("bounces+")
        || local.starts_with("bounce+")
        || local.ends_with("-request")
        || local.ends_with("-bounces");
    if is_role {
        return Err(Unwritable::Role);
    }
    for field in headers::fields(message) {
        let begin = field.name.get(..LIST_FIELDS.len());
        let by_list = begin.is_some_and(|begin| begin.eq_ignore_ascii_case(LIST_FIELDS));
        if by_list || field.is("Mailing-List") {
            return Err(Unwritable::List);
        }
        if field.is(NOTICE_FIELD) {
            return Err(Unwritable::Ours);
        }
        let value = || field.text().to_ascii_lowercase();
        if field.is("Precedence") && ["bulk", "list", "junk"].contains(&value().trim()) {
            return Err(Unwritable::List);
        }
        let by_itself = field.is("Auto-Submitted") && !value().trim_start().starts_with("no")
            || field.is("X-Auto-Response-Suppress") && !value().trim().eq("none")
            || field.is("X-Autoreply")
            || field.is("X-Autorespond");
        if by_itself {
            return Err(Unwritable::Automatic);
        }
        if field.is("Content-Type") && value().starts_with("multipart/report") {
            return Err(Unwritable::Automatic);
        }
    }
    Ok(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XX-08, IW-06: the table of whom the house may write to.
    #[test]
    fn xx08_only_aligned_people_are_written_to() {
        use ReversePath::{Denied, Proven, Unknown};
        use Unwritable::{
            Automatic, List, NotAligned, NullSender, OtherDomain, OtherPath, Ours, Role,
        };
        let ask = |from: &str, path, author: &str, aligned: bool, fields: &str| {
            let from: Option<Address> = from.parse().ok();
            let author: Option<Address> = author.parse().ok();
            let message = format!("Subject: x\r\n{fields}\r\nbody\r\n");
            let from = (from.as_ref(), path);
            writable(from, author.as_ref(), aligned, message.as_bytes())
                .err()
                .map_or(Ok(()), Err)
        };
        let (a, sub) = ("a@remote.test", "a@mail.remote.test");
        let table = [
            (a, a, true, "", Ok(())),
            (sub, a, true, "", Ok(())),
            (a, sub, true, "", Ok(())),
            (a, a, true, "Auto-Submitted: no\r\n", Ok(())),
            (a, a, true, "Precedence: first-class\r\n", Ok(())),
            ("", a, true, "", Err(NullSender)),
            (a, a, false, "", Err(NotAligned)),
            (a, "", true, "", Err(NotAligned)),
            ("a@other.test", a, true, "", Err(OtherDomain)),
            ("a@notremote.test", a, true, "", Err(OtherDomain)),
            ("Postmaster@remote.test", a, true, "", Err(Role)),
            ("no-reply@remote.test", a, true, "", Err(Role)),
            ("owner-list@remote.test", a, true, "", Err(Role)),
            ("list-request@remote.test", a, true, "", Err(Role)),
            (a, a, true, "List-Id: <l.remote.test>\r\n", Err(List)),
            (a, a, true, "list-unsubscribe: <https://x>\r\n", Err(List)),
            (a, a, true, "LIST-Archive: <https://x>\r\n", Err(List)),
            (a, a, true, "Precedence: Bulk\r\n", Err(List)),
            ("LISTSERV@remote.test", a, true, "", Err(Role)),
            (
                a,
                a,
                true,
                "Auto-Submitted: auto-replied\r\n",
                Err(Automatic),
            ),
            (
                a,
                a,
                true,
                "X-Auto-Response-Suppress: All\r\n",
                Err(Automatic),
            ),
            (
                a,
                a,
                true,
                "Content-Type: multipart/report; x=y\r\n",
                Err(Automatic),
            ),
            (a, a, true, "X-Quaranta-Notice: digest\r\n", Err(Ours)),
        ];
        for (from, author, aligned, fields, want) in table {
            let found = ask(from, Proven, author, aligned, fields);
            assert_eq!(found, want, "{from} {author} {aligned} {fields}");
        }
        // What only a signature proves, anybody may send again, from wherever they like.
        for (from, path, want) in [
            (a, Unknown, Ok(())),
            (a, Denied, Err(OtherPath)),
            ("victim@remote.test", Unknown, Err(OtherPath)),
            ("victim@remote.test", Denied, Err(OtherPath)),
            (sub, Unknown, Err(OtherPath)),
        ] {
            let found = ask(from, path, a, true, "");
            assert_eq!(found, want, "{from} {path:?}");
        }
    }
}
