//! What a page would fetch from elsewhere, counted: each of these would tell its host of the reader.

use std::collections::BTreeSet;

use super::tokens::Tag;
use super::{links, shown};

/// Attributes by which an element fetches what lies elsewhere.
const FETCHING: [&str; 6] = ["src", "srcset", "background", "poster", "data", "lowsrc"];
/// Octets of an address that are read, and addresses in one style sheet.
const ADDRESS_MOST: usize = 2000;
const ADDRESSES_MOST: usize = 300;
/// Hosts that are told.
const HOSTS_MOST: usize = 50;

/// How much would be fetched, and from which hosts.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    pub count: usize,
    pub hosts: BTreeSet<String>,
}

impl Fetches {
    pub(super) fn of_tag(&mut self, tag: &Tag) {
        for name in FETCHING {
            if let Some(value) = tag.get(name) {
                // A set of sources: the first says enough.
                let address = value.trim().split([' ', ',']).next().unwrap_or_default();
                self.add(address);
            }
        }
        if tag.name == "link" {
            self.add(tag.get("href").unwrap_or_default());
        }
        if let Some(style) = tag.get("style") {
            self.of_style(style);
        }
    }

    pub(super) fn of_style(&mut self, style: &str) {
        let found = memchr::memmem::find_iter(style.as_bytes(), b"url(");
        for at in found.take(ADDRESSES_MOST) {
            let inner = shown::first(&style[at + 4..], ADDRESS_MOST);
            let address = inner.split([')', ';']).next().unwrap_or_default();
            self.add(address.trim_matches(['"', '\'', ' ']));
        }
    }

    fn add(&mut self, address: &str) {
        let link = links::read(shown::first(address, ADDRESS_MOST), "");
        if !matches!(link.scheme.as_str(), "" | "http" | "https" | "ftp") {
            return;
        }
        if let Some(host) = link.host {
            self.count += 1;
            if self.hosts.len() < HOSTS_MOST {
                self.hosts.insert(host);
            }
        }
    }
}
