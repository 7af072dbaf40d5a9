//! Who sent this mail: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489), ARC (RFC 8617).

pub(super) mod cover;
mod field;
pub(super) mod seal;
pub(super) mod sign;
mod trust;

use std::net::IpAddr;
use std::sync::Arc;

use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    ArcOutput, AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult,
    MessageAuthenticator, Parameters, SpfOutput, SpfResult,
};
use tokio::time::{Instant, timeout_at};

use crate::mail::{Address, Direction, Domain, Envelope, headers};
use crate::net::dns::{Dns, Zone};
use crate::policy::{Finding, ReversePath};

use super::gap;
use super::options::{DmarcUse, Options};
use cover::Cover;

/// DKIM signatures that are verified; more are nobody's need.
const SIGNATURES_MOST: usize = 8;
/// ARC sets that are verified (RFC 8617 section 4.2.1 allows 50).
const SETS_MOST: usize = 20;
/// Octets of a header section that are read: what is kept of each field takes a multiple.
const HEADER_MOST: usize = 1 << 20;
/// The names of these checks, where one could not run.
pub(super) const NAMES: [&str; 4] = ["SPF", "DKIM", "DMARC", "ARC"];

const SPF_FAIL: f32 = 1.5;
const SPF_SOFTFAIL: f32 = 0.7;
const SPF_PERMERROR: f32 = 0.3;
const SPF_HELO_FAIL: f32 = 1.0;
const DKIM_VALID: f32 = -0.1;
const DKIM_INVALID: f32 = 0.3;
const DMARC_PASS: f32 = -0.2;
const DMARC_REJECT: f32 = 4.5;
const DMARC_QUARANTINE: f32 = 2.5;
const DMARC_FAIL: f32 = 0.5;
/// Where the policy is enforced: beyond every threshold.
const DMARC_ENFORCED: f32 = 1000.0;
const ARC_TRUSTED: f32 = -0.1;
/// No honest program writes one.
const HEADER_TOO_LONG: f32 = 10.0;

/// What authentication says of a mail.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Identity {
    pub found: Vec<Finding>,
    pub forged: bool,
    pub aligned: bool,
    /// The one domain of the From field for which DMARC was asked, empty if there are several or none;
    /// `None` if nothing was found out.
    pub author: Option<String>,
    pub path: ReversePath,
    /// For the Authentication-Results field (RFC 8601), behind the authserv-id.
    pub field: String,
    /// What was found out of the signatures; `None` if nothing was checked.
    pub cover: Option<Cover>,
}

impl Identity {
    /// The same for a mail with these authors, who were read from its From field by other means: what
    /// is proven is proven of one domain, and nobody of another gets the good of it.
    pub(super) fn of(mut self, authors: &[Address]) -> Self {
        if let Some(proven) = &self.author {
            let others = authors.iter().any(|a| a.domain().as_str() != proven);
            self.aligned &= !authors.is_empty() && !others;
            self.forged |= others;
        }
        self
    }
}

/// A check's result, or why there is none.
type Outcome<T> = Result<T, &'static str>;

const LATE: &str = "it did not finish in time";
const LOST: &str = "the DNS gave no answer";

/// What the DNS said, before it becomes findings.
struct Results<'m> {
    /// `None` where the client's address says nothing about the sender.
    spf: Option<Outcome<SpfOutput>>,
    helo: Option<SpfOutput>,
    dkim: Outcome<Vec<DkimOutput<'m>>>,
    arc: Outcome<ArcOutput<'m>>,
    dmarc: Outcome<DmarcOutput>,
    /// The trusted forwarder that says that DMARC passed when the mail came to it.
    trusted: Option<String>,
    enforced: bool,
}

#[derive(Clone)]
pub(super) struct Authenticator {
    dns: Arc<Dns>,
    forwarders: Arc<Vec<Domain>>,
    enforced: bool,
}

impl Authenticator {
    pub(super) fn new(options: &Options, dns: Arc<Dns>) -> Self {
        Self {
            dns,
            forwarders: Arc::new(options.trusted_forwarders.clone()),
            enforced: options.dmarc == DmarcUse::Enforce,
        }
    }

    /// Verifies a mail from outside. Done by `deadline`, whatever the DNS does;
    /// mail from our own users has no identity to prove.
    pub(super) async fn check(
        &self,
        message: &[u8],
        envelope: &Envelope,
        deadline: Instant,
    ) -> Identity {
        if envelope.direction == Direction::Outbound {
            return Identity::default();
        }
        if headers::header_end(message) > HEADER_MOST {
            return too_long();
        }
        let resolver = match timeout_at(deadline, self.dns.resolver()).await {
            Ok(Ok(resolver)) => resolver,
            Ok(Err(why)) => return unavailable(&why),
            Err(_) => return unavailable(LATE),
        };
        let mut parsed = AuthenticatedMessage::parse(message).unwrap_or_default();
        parsed.dkim_headers.truncate(SIGNATURES_MOST);
        if parsed.ams_headers.len() > SETS_MOST {
            // Of a chain this long nothing is believed; its verification is spared.
            parsed.ams_headers.clear();
            parsed.as_headers.clear();
            parsed.aar_headers.clear();
        }
        let asker = Asker {
            resolver,
            zone: self.dns.zone(),
            deadline,
        };
        let mut results = Box::pin(asker.ask(&parsed, envelope)).await;
        results.enforced = self.enforced;
        results.trusted = results.vouched_by(&self.forwarders);
        if results.lost() {
            self.dns.unanswered();
        }
        Identity {
            found: results.findings(),
            forged: results.forged(),
            aligned: matches!(results.dmarc(), Ok((DmarcResult::Pass, _))),
            author: results.dmarc.as_ref().ok().map(|o| o.domain().to_owned()),
            path: results.path(envelope),
            field: field::value(&results, envelope),
            cover: Some(cover::checked(message, &results.dkim, &results.arc)),
        }
    }
}

/// All four could not run.
pub(super) fn unavailable(why: &str) -> Identity {
    Identity {
        found: NAMES.iter().map(|name| gap(name, why)).collect(),
        ..Identity::default()
    }
}

/// A header section beyond all measure. Nothing is proven, so no allow entry counts either.
fn too_long() -> Identity {
    let reason = "Its header section is longer than any that is sent in good faith; who sent it was not looked at.";
    Identity {
        found: vec![Finding::seen("HEADER_TOO_LONG", HEADER_TOO_LONG, reason)],
        forged: true,
        ..Identity::default()
    }
}

/// Asks the DNS for one mail.
struct Asker<'d> {
    resolver: &'d MessageAuthenticator,
    zone: &'d Zone,
    deadline: Instant,
}

impl<'d> Asker<'d> {
    /// The parameters of a question, with the zone that may know the answer.
    fn with<P>(&self, question: P) -> Parameters<'d, P, Zone, Zone, Zone, Zone, Zone> {
        Parameters {
            params: question,
            cache_txt: Some(self.zone),
            cache_mx: Some(self.zone),
            cache_ptr: Some(self.zone),
            cache_ipv4: Some(self.zone),
            cache_ipv6: Some(self.zone),
        }
    }

    async fn in_time<T>(&self, check: impl Future<Output = T>) -> Outcome<T> {
        timeout_at(self.deadline, check).await.map_err(|_| LATE)
    }

    async fn ask<'m>(
        &self,
        message: &'m AuthenticatedMessage<'m>,
        envelope: &Envelope,
    ) -> Results<'m>
    where
        'd: 'm,
    {
        let (spf, dkim, arc) = tokio::join!(
            Box::pin(self.spf(envelope)),
            self.in_time(Box::pin(self.resolver.verify_dkim(self.with(message)))),
            self.in_time(Box::pin(self.resolver.verify_arc(self.with(message)))),
        );
        let (spf, helo) = spf;
        let known = match &spf {
            Some(Ok(output)) => output.clone(),
            Some(Err(_)) => SpfOutput::default().with_result(SpfResult::TempError),
            None => SpfOutput::default(),
        };
        let from = sender_domain(envelope);
        let signatures = dkim.as_deref().unwrap_or_default();
        let question = DmarcParameters::new(message, signatures, from, &known);
        let dmarc = self
            .in_time(Box::pin(self.resolver.verify_dmarc(self.with(question))))
            .await;
        Results {
            spf,
            helo,
            dkim,
            arc,
            dmarc,
            trusted: None,
            enforced: false,
        }
    }

    /// SPF of the reverse path, or of the HELO name if that is empty; and HELO's own.
    async fn spf(&self, envelope: &Envelope) -> (Option<Outcome<SpfOutput>>, Option<SpfOutput>) {
        let client = envelope.peer.address.to_canonical();
        if !speaks(client) || envelope.peer.login.is_some() {
            return (None, None);
        }
        let helo = envelope.peer.helo.as_str();
        let named = helo.contains('.') && !helo.starts_with('[');
        let of_helo = async {
            let question = SpfParameters::verify_ehlo(client, helo, "unknown");
            self.in_time(Box::pin(self.resolver.verify_spf(self.with(question))))
                .await
        };
        let Some(from) = &envelope.from else {
            let helo = if named {
                of_helo.await
            } else {
                Ok(SpfOutput::default())
            };
            return (Some(helo), None);
        };
        let from = from.to_string();
        let question = SpfParameters::verify_mail_from(client, helo, "unknown", &from);
        let of_sender = self.in_time(Box::pin(self.resolver.verify_spf(self.with(question))));
        if !named {
            return (Some(of_sender.await), None);
        }
        let (sender, helo) = tokio::join!(of_sender, Box::pin(of_helo));
        (Some(sender), helo.ok())
    }
}

/// The domain whose SPF record was asked.
fn sender_domain(envelope: &Envelope) -> &str {
    match &envelope.from {
        Some(from) => from.domain().as_str(),
        None => envelope.peer.helo.as_str(),
    }
}

/// False for addresses that say nothing of the sender: this host and private
/// networks, from where a front relay passes on what others sent.
fn speaks(client: IpAddr) -> bool {
    match client {
        IpAddr::V4(v4) => {
            !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified())
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local())
        }
    }
}

impl Results<'_> {
    fn dkim_passed(&self) -> Option<&DkimOutput<'_>> {
        self.dkim
            .as_ref()
            .ok()?
            .iter()
            .find(|output| *output.result() == DkimResult::Pass)
    }

    /// DMARC as it may be judged: without SPF, only a pass is sure.
    fn dmarc(&self) -> Outcome<(DmarcResult, Policy)> {
        let output = self.dmarc.as_ref().map_err(|why| *why)?;
        let result = match output.result() {
            DmarcResult::Pass => DmarcResult::Pass,
            DmarcResult::TempError(_) => return Err(LOST),
            DmarcResult::Fail(_) if self.dkim.is_err() => return Err(LATE),
            DmarcResult::Fail(_) if self.spf.is_none() => DmarcResult::None,
            other => other,
        };
        Ok((result, output.policy()))
    }

    /// The trusted forwarder whose word takes the place of a failure here.
    fn vouched_by(&self, forwarders: &[Domain]) -> Option<String> {
        let (Ok((DmarcResult::Fail(_), _)), Ok(dmarc), Ok(arc)) =
            (self.dmarc(), &self.dmarc, &self.arc)
        else {
            return None;
        };
        trust::vouched_by(arc, dmarc.domain(), forwarders)
    }

    fn forged(&self) -> bool {
        let strict = |policy| matches!(policy, Policy::Reject | Policy::Quarantine);
        let fails = matches!(self.dmarc(), Ok((DmarcResult::Fail(_), policy)) if strict(policy));
        fails && self.trusted.is_none()
    }

    fn path(&self, envelope: &Envelope) -> ReversePath {
        let spf = self.spf.as_ref().and_then(|spf| spf.as_ref().ok());
        match (envelope.from.as_ref(), spf.map(SpfOutput::result)) {
            (Some(_), Some(SpfResult::Pass)) => ReversePath::Proven,
            (Some(_), Some(SpfResult::Fail | SpfResult::SoftFail)) => ReversePath::Denied,
            _ => ReversePath::Unknown,
        }
    }

    /// True if a question went unanswered.
    fn lost(&self) -> bool {
        self.findings()
            .iter()
            .any(|finding| matches!(finding, Finding::Unavailable { .. }))
    }

    fn findings(&self) -> Vec<Finding> {
        [
            self.spf_findings(),
            self.dkim_findings(),
            self.dmarc_findings(),
            self.arc_findings(),
        ]
        .concat()
    }

    fn spf_findings(&self) -> Vec<Finding> {
        let seen = |name, weight, reason: &str| vec![Finding::seen(name, weight, reason)];
        let mut found = match &self.spf {
            None => Vec::new(),
            Some(Err(why)) => vec![gap("SPF", *why)],
            Some(Ok(output)) => match output.result() {
                SpfResult::TempError => vec![gap("SPF", LOST)],
                SpfResult::Fail => seen(
                    "SPF_FAIL",
                    SPF_FAIL,
                    "The sender's domain says that this client may not send its mail (SPF).",
                ),
                SpfResult::SoftFail => seen(
                    "SPF_SOFTFAIL",
                    SPF_SOFTFAIL,
                    "The sender's domain says that this client probably may not send its mail (SPF).",
                ),
                SpfResult::PermError => seen(
                    "SPF_PERMERROR",
                    SPF_PERMERROR,
                    "The SPF record of the sender's domain is wrong.",
                ),
                SpfResult::Pass | SpfResult::Neutral | SpfResult::None => Vec::new(),
            },
        };
        if self
            .helo
            .as_ref()
            .is_some_and(|output| output.result() == SpfResult::Fail)
        {
            found.extend(seen(
                "SPF_HELO_FAIL",
                SPF_HELO_FAIL,
                "The client greets with a name whose domain denies it (SPF).",
            ));
        }
        found
    }

    fn dkim_findings(&self) -> Vec<Finding> {
        let outputs = match &self.dkim {
            Ok(outputs) => outputs,
            Err(why) => return vec![gap("DKIM", *why)],
        };
        if self.dkim_passed().is_some() {
            return vec![Finding::seen(
                "DKIM_VALID",
                DKIM_VALID,
                "A signature of its domain is valid (DKIM).",
            )];
        }
        if outputs
            .iter()
            .any(|output| matches!(output.result(), DkimResult::TempError(_)))
        {
            return vec![gap("DKIM", LOST)];
        }
        match outputs.is_empty() {
            true => Vec::new(),
            false => vec![Finding::seen(
                "DKIM_INVALID",
                DKIM_INVALID,
                "It is signed, and no signature is valid (DKIM).",
            )],
        }
    }

    fn dmarc_findings(&self) -> Vec<Finding> {
        if let Some(forwarder) = &self.trusted {
            let reason = format!(
                "The author's domain is not proven here; {forwarder}, a trusted forwarder, says that it was (ARC)."
            );
            return vec![Finding::seen("ARC_TRUSTED", ARC_TRUSTED, reason)];
        }
        let (name, weight, reason) = match self.dmarc() {
            Err(why) => return vec![gap("DMARC", why)],
            Ok((DmarcResult::Pass, _)) => (
                "DMARC_PASS",
                DMARC_PASS,
                "The author's domain is proven (DMARC).",
            ),
            Ok((DmarcResult::Fail(_), Policy::Reject)) => (
                "DMARC_REJECT",
                DMARC_REJECT,
                "The author's domain is not proven, and asks to reject such mail (DMARC).",
            ),
            Ok((DmarcResult::Fail(_), Policy::Quarantine)) => (
                "DMARC_QUARANTINE",
                DMARC_QUARANTINE,
                "The author's domain is not proven, and asks to quarantine such mail (DMARC).",
            ),
            Ok((DmarcResult::Fail(_), _)) => (
                "DMARC_FAIL",
                DMARC_FAIL,
                "The author's domain is not proven (DMARC).",
            ),
            Ok(_) => return Vec::new(),
        };
        let mut found = vec![Finding::seen(name, weight, reason)];
        if self.enforced && self.forged() {
            found.push(Finding::seen(
                "DMARC_ENFORCED",
                DMARC_ENFORCED,
                "What the author's domain asks for is done whatever the score (DMARC).",
            ));
        }
        found
    }

    /// Whoever sealed it may be anybody: a valid chain counts neither way.
    fn arc_findings(&self) -> Vec<Finding> {
        match &self.arc {
            Err(why) => vec![gap("ARC", *why)],
            Ok(output) if matches!(output.result(), DkimResult::TempError(_)) => {
                vec![gap("ARC", LOST)]
            }
            Ok(_) => Vec::new(),
        }
    }
}
