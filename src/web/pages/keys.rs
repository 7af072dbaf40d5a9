//! Reinsertion: the hosts, whether they answer, the keys of its tokens; and the keys that seal (SY-07).

use askama::Template;
use axum::extract::{RawQuery, State};
use futures_util::future::join_all;

use super::people::check_over;
use super::{Frame, is_sure, told};
use crate::mail::Domain;
use crate::policy::{Principal, Right, Scope};
use crate::record::Route;
use crate::relay::Probe;
use crate::token::{Algorithm, Key, SealingKey, Selector};
use crate::web::House;
use crate::web::answer::{Answer, Fault, page};
use crate::web::form::Form;
use crate::web::texts::{Texts, fill};
use crate::web::view::{self, When};
use crate::web::visitor::{Flash, Pressed, Visitor};

const HERE: &str = "/keys";
/// Hosts that are tried at once.
const HOSTS_MOST: usize = 20;

struct Host {
    place: String,
    use_: &'static str,
    /// What came of the test, in words.
    said: Option<String>,
    bad: bool,
}

struct KeyLine {
    id: u32,
    made: When,
    until: Option<When>,
    expired: bool,
    secret: Option<String>,
}

struct Seal {
    domain: String,
    made: When,
    name: String,
    /// `None` if the key is damaged.
    record: Option<String>,
}

#[derive(Template)]
#[template(path = "keys.html")]
struct Page {
    frame: Frame,
    /// The visitor looks after the whole house.
    everything: bool,
    hosts: Vec<Host>,
    keys: Vec<KeyLine>,
    shown: bool,
    seals: Vec<Seal>,
    /// Those that can have a sealing key.
    domains: Vec<String>,
}

/// `GET /keys`; with `show` the keys themselves, for who has just proved who they are.
pub(in crate::web) async fn show(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let shown = form.get("show").is_some();
    if shown {
        visitor.check_proved("/keys?show=1")?;
    }
    let hosts = hosts(&house, &visitor);
    draw(&house, visitor, hosts, shown).await
}

async fn draw(house: &House, visitor: Visitor, hosts: Vec<Host>, shown: bool) -> Answer {
    let by = visitor.principal.clone();
    check_over(&by)?;
    let everything = is_over_all(&by);
    let now = house.desk.now();
    let seals = house.desk.sealing_keys(&by).await?;
    let domains = house.desk.domains(&by).await?.into_iter();
    let domains = domains.map(|settings| settings.domain.to_string());
    let ring = if everything {
        Some(house.desk.keys(&by).await?)
    } else {
        None
    };
    let frame = Frame::new(visitor, HERE, now);
    let line = |key: &Key| KeyLine {
        id: key.id,
        made: frame.when(key.made),
        until: key.until.map(|until| frame.when(until)),
        expired: key.until.is_some_and(|until| until <= now),
        secret: shown.then(|| key.secret().to_owned()),
    };
    page(&Page {
        keys: ring.map_or(Vec::new(), |ring| {
            ring.keys().iter().rev().map(line).collect()
        }),
        seals: seals.iter().map(|key| seal(key, &frame)).collect(),
        domains: domains.collect(),
        everything,
        hosts,
        shown,
        frame,
    })
}

fn is_over_all(by: &Principal) -> bool {
    by.scope == Scope::Global && by.has(Right::Administer)
}

fn seal(key: &SealingKey, frame: &Frame) -> Seal {
    Seal {
        domain: key.domain.to_string(),
        made: frame.when(key.made),
        name: key.record_name(),
        record: key.record().ok(),
    }
}

/// The hosts, each with what it is used for.
fn routes(house: &House) -> Vec<(Route, bool)> {
    let Some(reinsertion) = &house.reinsertion else {
        return Vec::new();
    };
    let incoming = reinsertion.hosts.iter().map(|route| (route.clone(), false));
    let outgoing = reinsertion.outgoing.iter();
    let outgoing = outgoing.map(|route| (route.clone(), true));
    incoming.chain(outgoing).take(HOSTS_MOST).collect()
}

fn host(route: &Route, outgoing: bool, t: &Texts) -> Host {
    Host {
        place: route.to_string(),
        use_: if outgoing {
            t.keys.hosts_out
        } else {
            t.keys.hosts_in
        },
        said: None,
        bad: false,
    }
}

fn hosts(house: &House, visitor: &Visitor) -> Vec<Host> {
    if !is_over_all(&visitor.principal) {
        return Vec::new();
    }
    let t = visitor.taste.t;
    let routes = routes(house);
    routes
        .iter()
        .map(|(route, out)| host(route, *out, t))
        .collect()
}

/// `POST /keys/test`: asks each host, as a release would, and says what it said.
pub(in crate::web) async fn test(
    State(house): State<House>,
    Pressed { visitor, .. }: Pressed,
) -> Answer {
    if !is_over_all(&visitor.principal) {
        return Err(Fault::NotFound);
    }
    let Some(reinsertion) = house.reinsertion.clone() else {
        return Err(Fault::NotFound);
    };
    let (t, routes) = (visitor.taste.t, routes(&house));
    let asking = routes
        .iter()
        .map(|(route, out)| tested(&*reinsertion.probe, route, *out, t));
    let hosts = join_all(asking).await;
    draw(&house, visitor, hosts, false).await
}

async fn tested(probe: &dyn Probe, route: &Route, outgoing: bool, t: &Texts) -> Host {
    let w = t.keys;
    let (said, bad) = match probe.probe(route).await {
        Ok(seen) => {
            let tls = if seen.secured {
                w.test_tls
            } else {
                w.test_plain
            };
            let size = seen.size.filter(|size| *size > 0);
            let size = size.map(|size| fill(w.test_size, view::size(size)));
            let words = [Some(format!("{} {tls}", w.test_good)), size];
            let words: Vec<String> = words.into_iter().flatten().collect();
            (words.join(", "), false)
        }
        Err(reply) => {
            let said = view::plain(&reply.to_string());
            (format!("{}: {said}", w.test_bad), true)
        }
    };
    Host {
        said: Some(said),
        bad,
        ..host(route, outgoing, t)
    }
}

/// `POST /keys/rotate`: a new key comes into use.
pub(in crate::web) async fn rotate(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    visitor.check_proved(HERE)?;
    let t = visitor.taste.t;
    if !is_sure(&form) {
        return told(&house, &visitor, HERE, Ok(Flash::bad(t.confirm_missing)));
    }
    let (by, door) = (&visitor.principal, visitor.door());
    let ring = house.desk.rotate_keys(by, house.overlap, &door).await;
    let came = ring.map(|ring| {
        let id = ring.current().map_or(0, |key| key.id);
        Flash::good(fill(t.keys.rotated, id))
    });
    told(&house, &visitor, HERE, came)
}

/// `POST /keys/seals`: a domain gets a sealing key, or loses the one that it has.
pub(in crate::web) async fn seal_domain(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    check_over(&visitor.principal)?;
    visitor.check_proved(HERE)?;
    let (by, t, door) = (&visitor.principal, visitor.taste.t, visitor.door());
    let say = |came| told(&house, &visitor, HERE, came);
    let Some(domain) = form.read_as::<Domain>("domain") else {
        return say(Ok(Flash::bad(t.people.domain_wrong)));
    };
    if form.get("do") == Some("remove") {
        if !is_sure(&form) {
            return say(Ok(Flash::bad(t.confirm_missing)));
        }
        let removed = house.desk.remove_sealing_key(by, &domain, &door).await;
        return say(removed.map(|()| Flash::good(fill(t.keys.seal_removed, &domain))));
    }
    let Some(selector) = form.read_as::<Selector>("selector") else {
        return say(Ok(Flash::bad(t.keys.selector_wrong)));
    };
    let algorithm = match form.get("algorithm") {
        Some("ed25519") => Algorithm::Ed25519,
        _ => Algorithm::Rsa,
    };
    let (desk, owner) = (&house.desk, domain.clone());
    let made = desk.set_sealing_key(by, owner, selector, None, algorithm, &door);
    let made = made.await;
    say(made.map(|_| Flash::good(fill(t.keys.seal_made, &domain))))
}
