//! The options of alerts.

use std::path::PathBuf;

use super::WebAddress;
use crate::mail::Address;
use crate::options::{Octets, Span};

crate::options! {
    /// Alerts to administrators: told when something goes wrong and when it is over. A program can
    /// be run too: [outbound] alert_command.
    pub struct AlertOptions in "alerts" {
        /// Addresses that get a letter; they may be outside of your domains.
        pub to: Vec<Address> = Vec::new(),
        /// An address that gets each alert by HTTP POST, as JSON, such as
        /// "https://ops.example.org/hook"; http:// only on this machine. The field
        /// X-Quaranta-Signature holds t=SECONDS,v1=HEX: the HMAC-SHA256 of "SECONDS.BODY" with the
        /// secret.
        pub webhook: Option<WebAddress> = None,
        /// A file with the secret of the webhook, at least 16 octets; goes together with it.
        pub webhook_secret_file: Option<PathBuf> = None,
        /// How long one try of the webhook may take.
        pub webhook_time: Span = Span::seconds(10),
        /// How often it is tried.
        pub webhook_tries: u32 = 4,
        /// An alert that lasts is told again after this time.
        pub repeat: Span = Span::seconds(24 * 3600),
        /// An alert is over when nothing was wrong for this time.
        pub calm: Span = Span::seconds(300),
        /// Most alerts that are told in an hour; how many were held back is told after it.
        pub per_hour: u32 = 30,
        /// Mail that is owed for longer than this is an alert; 0s for never.
        pub owed_for: Span = Span::seconds(6 * 3600),
        /// A check that gives no answer for longer than this is an alert; 0s for never.
        pub check_down_for: Span = Span::seconds(600),
        /// Less free space than this where mail is kept is an alert; 0 for never.
        pub disk_free: Octets = Octets(1 << 30),
        /// The same in percent of the file system; 0 for never.
        pub disk_free_percent: u32 = 5,
        /// A certificate that ends within so many days is an alert; 0 for never.
        pub certificate_days: u64 = 14,
        /// Many times as much held mail as at the same hours of the seven days before is an alert;
        /// 0 for never.
        pub held_times: u32 = 5,
        /// But not fewer than so many in two hours.
        pub held_least: u64 = 50,
        /// So many releases in two hours are an alert; 0 for never.
        pub released_most: u64 = 100,
        /// Send the copies of the policy `false_positives_to` also of mail that was only reported as
        /// wrongly held, and not released.
        pub copy_reported: bool = false,
    }
}
