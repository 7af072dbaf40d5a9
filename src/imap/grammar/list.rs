//! LIST with the options of RFC 5258, RFC 5819 and RFC 6154; STATUS items.

use super::cursor::{Bad, Cursor};

/// Most patterns or options in one command.
const LIST_MOST: usize = 50;

/// What STATUS is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusItem {
    Messages,
    Recent,
    UidNext,
    UidValidity,
    Unseen,
    /// RFC 8438.
    Size,
}

/// What LIST is to tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ListWish {
    pub(crate) reference: Vec<u8>,
    pub(crate) patterns: Vec<Vec<u8>>,
    /// RETURN SUBSCRIBED, or the selection of it.
    pub(crate) show_subscribed: bool,
    /// Only folders of a special use.
    pub(crate) only_special: bool,
    pub(crate) status: Vec<StatusItem>,
}

pub(super) fn parse_list(from: &mut Cursor<'_>) -> Result<ListWish, Bad> {
    let mut wish = ListWish::default();
    if from.peek() == Some(b'(') {
        for option in from.list(LIST_MOST, Cursor::keyword)? {
            match option.as_str() {
                "SUBSCRIBED" => wish.show_subscribed = true,
                "REMOTE" | "RECURSIVEMATCH" => {}
                "SPECIAL-USE" => wish.only_special = true,
                _ => return Err("unknown selection option"),
            }
        }
        from.space()?;
    }
    wish.reference = from.astring()?.into_owned();
    from.space()?;
    wish.patterns = if from.peek() == Some(b'(') {
        from.list(LIST_MOST, |c| Ok(c.list_mailbox()?.into_owned()))?
    } else {
        vec![from.list_mailbox()?.into_owned()]
    };
    if from.peek() == Some(b' ') {
        from.space()?;
        if !from.eat_word("RETURN") {
            return Err("RETURN is missing");
        }
        from.space()?;
        from.list(LIST_MOST, |c| return_option(c, &mut wish))?;
    }
    Ok(wish)
}

fn return_option(from: &mut Cursor<'_>, wish: &mut ListWish) -> Result<(), Bad> {
    match from.keyword()?.as_str() {
        "SUBSCRIBED" => wish.show_subscribed = true,
        // Both are told anyway.
        "CHILDREN" | "SPECIAL-USE" => {}
        "STATUS" => {
            from.space()?;
            wish.status = parse_status_items(from)?;
        }
        _ => return Err("unknown return option"),
    }
    Ok(())
}

pub(super) fn parse_status_items(from: &mut Cursor<'_>) -> Result<Vec<StatusItem>, Bad> {
    let items = from.list(LIST_MOST, |c| match c.keyword()?.as_str() {
        "MESSAGES" => Ok(StatusItem::Messages),
        "RECENT" => Ok(StatusItem::Recent),
        "UIDNEXT" => Ok(StatusItem::UidNext),
        "UIDVALIDITY" => Ok(StatusItem::UidValidity),
        "UNSEEN" => Ok(StatusItem::Unseen),
        "SIZE" => Ok(StatusItem::Size),
        _ => Err("unknown STATUS item"),
    })?;
    if items.is_empty() {
        return Err("STATUS needs an item");
    }
    Ok(items)
}
