//! Policy by scope: every setting with its effect, what is inherited and from where.

use askama::Template;
use axum::extract::{RawQuery, State};
use serde_json::{Map, Value};

use super::lists::domains;
use super::{Choice, Frame, scope_of, scope_text, told};
use crate::policy::{Layer, Policy, Principal, QUOTA_MOST, Right, Scope};
use crate::web::House;
use crate::web::answer::{Answer, Fault, page};
use crate::web::form::Form;
use crate::web::texts::{Texts, fill};
use crate::web::visitor::{Flash, Pressed, Visitor};

/// Characters of a value that are looked at.
const VALUE_MOST: usize = 400;

/// What kind of value a setting has.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Words of ours, with their text.
    Word,
    Yes,
    Score,
    /// A whole number between the two.
    Count(u64, u64),
    Text,
}

/// A setting of a [`Layer`].
struct Setting {
    name: &'static str,
    kind: Kind,
    label: &'static str,
    hint: &'static str,
}

struct Line {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    /// What holds, in words.
    holds: String,
    /// Where that comes from, in words.
    origin: String,
    set_here: bool,
    /// What would hold without what is set here; or why that does not hold.
    remark: Option<String>,
    input: Input,
}

enum Input {
    Choices(Vec<Choice>),
    Number {
        value: String,
        step: &'static str,
        least: String,
        most: String,
    },
    Text(String),
}

struct Group {
    title: &'static str,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "policy.html")]
struct Page {
    frame: Frame,
    scope: String,
    scope_text: String,
    chooses: bool,
    domains: Vec<String>,
    /// The domain above, where the visitor may see it.
    above: Option<String>,
    may_change: bool,
    groups: Vec<Group>,
}

macro_rules! setting {
    ($w:ident, $kind:expr, $name:ident, $hint:ident) => {
        Setting {
            name: stringify!($name),
            kind: $kind,
            label: $w.$name,
            hint: $w.$hint,
        }
    };
}

/// Every field of a [`Layer`], in groups.
fn settings(t: &Texts) -> Vec<(&'static str, Vec<Setting>)> {
    use Kind::{Count, Score, Text, Word, Yes};
    let w = t.policy;
    vec![
        (
            w.group_spam,
            vec![
                setting!(w, Word, mode, mode_hint),
                setting!(w, Score, spam_from, spam_from_hint),
                setting!(w, Score, unsure_from, unsure_from_hint),
                setting!(w, Text, spam_tag, spam_tag_hint),
                setting!(w, Text, unsure_tag, unsure_tag_hint),
                setting!(w, Word, tag_signed, tag_signed_hint),
                setting!(w, Yes, greylist, greylist_hint),
                setting!(w, Yes, split, split_hint),
            ],
        ),
        (w.group_kept, kept(t)),
        (
            w.group_pending,
            vec![
                setting!(w, Yes, pend_unknown, pend_unknown_hint),
                setting!(w, Count(1, 365), pend_days, pend_days_hint),
                setting!(w, Word, pend_end, pend_end_hint),
            ],
        ),
        (
            w.group_out,
            vec![
                setting!(w, Word, outbound_mode, outbound_mode_hint),
                setting!(w, Score, outbound_spam_from, outbound_spam_from_hint),
                setting!(w, Yes, correspondents, correspondents_hint),
            ],
        ),
        (
            w.group_letters,
            vec![
                setting!(w, Text, digest, digest_hint),
                setting!(w, Text, digest_days, digest_days_hint),
                setting!(w, Text, digest_zone, digest_zone_hint),
                setting!(w, Word, digest_language, digest_language_hint),
                setting!(w, Yes, digest_caught, digest_caught_hint),
                setting!(w, Yes, digest_pending, digest_pending_hint),
                setting!(w, Text, digest_to, digest_to_hint),
                setting!(w, Text, report_to, report_to_hint),
            ],
        ),
        (
            w.group_people,
            vec![
                setting!(w, Yes, admin_bodies, admin_bodies_hint),
                setting!(w, Yes, admin_second_factor, admin_second_factor_hint),
            ],
        ),
    ]
}

/// How long and how much is held.
fn kept(t: &Texts) -> Vec<Setting> {
    use Kind::{Count, Yes};
    let w = t.policy;
    vec![
        setting!(w, Count(1, 3650), keep_days, keep_days_hint),
        setting!(w, Count(1, 3650), malware_days, malware_days_hint),
        setting!(w, Count(1, 3650), training_days, training_days_hint),
        setting!(w, Count(0, QUOTA_MOST), quota_messages, quota_messages_hint),
        setting!(
            w,
            Count(0, QUOTA_MOST),
            quota_megabytes,
            quota_megabytes_hint
        ),
        setting!(
            w,
            Count(0, QUOTA_MOST),
            domain_quota_messages,
            domain_quota_messages_hint
        ),
        setting!(
            w,
            Count(0, QUOTA_MOST),
            domain_quota_megabytes,
            domain_quota_megabytes_hint
        ),
        setting!(w, Count(0, 3600), undo_seconds, undo_seconds_hint),
        setting!(w, Yes, training_requested, training_requested_hint),
    ]
}

/// The words that a setting can have, with their text.
fn words_of(name: &str, t: &Texts) -> Vec<(&'static str, &'static str)> {
    let w = t.policy;
    match name {
        "mode" | "outbound_mode" => vec![
            ("quarantine", w.mode_quarantine),
            ("tag", w.mode_tag),
            ("headers", w.mode_headers),
            ("refuse", w.mode_refuse),
            ("off", w.mode_off),
        ],
        "pend_end" => vec![
            ("remove", w.pend_end_remove),
            ("deliver-marked", w.pend_end_deliver),
        ],
        "tag_signed" => vec![
            ("header-only", w.tag_signed_header),
            ("tag", w.tag_signed_tag),
            ("tag-and-arc-seal", w.tag_signed_seal),
        ],
        // Each in its own language.
        "digest_language" => vec![("en", "English"), ("de", "Deutsch")],
        _ => vec![("true", t.yes), ("false", t.no)],
    }
}

fn fields_of(value: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// A value as forms carry it.
fn plain(value: &Value, kind: Kind) -> String {
    match (value, kind) {
        (Value::String(text), _) => text.clone(),
        // Nobody.
        (Value::Null, _) => String::new(),
        // Scores are kept with less precision than JSON has.
        (Value::Number(n), Kind::Score) => {
            n.as_f64().map_or(String::new(), |n| (n as f32).to_string())
        }
        (value, _) => value.to_string(),
    }
}

/// A value as it is read.
fn shown(name: &str, value: &Value, kind: Kind, t: &Texts) -> String {
    let text = plain(value, kind);
    match kind {
        Kind::Word | Kind::Yes => {
            let known = words_of(name, t)
                .into_iter()
                .find(|(word, _)| *word == text);
            known.map_or(text, |(_, words)| words.to_owned())
        }
        Kind::Text if text.is_empty() => t.policy.empty.to_owned(),
        _ => crate::web::view::plain(&text),
    }
}

/// What holds and why, at the scope that is last in `layers`.
struct Stack {
    scopes: Vec<(Scope, Map<String, Value>)>,
    holds: Map<String, Value>,
    /// The same without the last layer.
    above: Map<String, Value>,
}

impl Stack {
    fn new(layers: &[(Scope, Layer)]) -> Self {
        let all: Vec<Layer> = layers.iter().map(|(_, layer)| layer.clone()).collect();
        let wider = &all[..all.len().saturating_sub(1)];
        let scopes = layers
            .iter()
            .map(|(scope, layer)| (scope.clone(), fields_of(layer)));
        Self {
            scopes: scopes.collect(),
            holds: fields_of(&Policy::stack(&all)),
            above: fields_of(&Policy::stack(wider)),
        }
    }

    fn line(&self, setting: &Setting, by: &Principal, t: &Texts) -> Line {
        let w = t.policy;
        let (name, kind) = (setting.name, setting.kind);
        let get = |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or_default();
        let (holds, above) = (get(&self.holds), get(&self.above));
        let own = self.scopes.last().and_then(|(_, fields)| fields.get(name));
        let wider = self.scopes.iter().rev().skip(1);
        let source = wider
            .clone()
            .find(|(_, fields)| fields.contains_key(name))
            .map(|(scope, _)| fill(w.inherited, scope_text(scope, t)));
        let overruled = own.is_some_and(|own| *own != holds && kind == Kind::Yes);
        let remark = match own {
            Some(_) if overruled => Some(w.overruled.to_owned()),
            Some(_) => Some(fill(w.instead_of, shown(name, &above, kind, t))),
            None => None,
        };
        let value = own.unwrap_or(&holds);
        Line {
            name,
            label: setting.label,
            hint: setting.hint,
            holds: shown(name, &holds, kind, t),
            origin: match own {
                Some(_) => w.set_here.to_owned(),
                None => source.unwrap_or_else(|| w.default.to_owned()),
            },
            set_here: own.is_some(),
            remark,
            input: input(setting, value, by, t),
        }
    }
}

fn input(setting: &Setting, value: &Value, by: &Principal, t: &Texts) -> Input {
    let value = plain(value, setting.kind);
    let number = |step, least: String, most: String| Input::Number {
        value: value.clone(),
        step,
        least,
        most,
    };
    match setting.kind {
        Kind::Word | Kind::Yes => {
            // Only the whole house allows that its mail is opened.
            let may = |word: &str| {
                setting.name != "admin_bodies" || by.scope == Scope::Global || word != "true"
            };
            let words = words_of(setting.name, t).into_iter();
            let choice = |(word, text)| Choice {
                value: word,
                text,
                current: word == value,
            };
            let words = words.filter(|(word, _)| may(word) || *word == value);
            Input::Choices(words.map(choice).collect())
        }
        Kind::Score => number("any", "-1000".to_owned(), "1000".to_owned()),
        Kind::Count(least, most) => number("1", least.to_string(), most.to_string()),
        Kind::Text => Input::Text(value),
    }
}

/// `GET /policy`
pub(in crate::web) async fn show(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let (by, t) = (visitor.principal.clone(), visitor.taste.t);
    let scope = scope_of(&form, &by, t)?;
    let layers = house.desk.layers(&by, &scope).await?;
    let stack = Stack::new(&layers);
    let groups = settings(t).into_iter().map(|(title, settings)| Group {
        title,
        lines: settings
            .iter()
            .map(|setting| stack.line(setting, &by, t))
            .collect(),
    });
    let above = match &scope {
        Scope::Recipient(address) => Some(Scope::Domain(address.domain().clone())),
        Scope::Global | Scope::Domain(_) => None,
    };
    let above = above.filter(|above| by.scope.holds(above));
    page(&Page {
        groups: groups.collect(),
        above: above.map(|above| above.to_string()),
        scope_text: scope_text(&scope, t),
        chooses: !matches!(by.scope, Scope::Recipient(_)),
        domains: domains(&house, &by).await?,
        may_change: by.has(Right::Administer),
        frame: Frame::new(visitor, back_to(&scope), house.desk.now()),
        scope: scope.to_string(),
    })
}

fn back_to(scope: &Scope) -> String {
    let scope = Form::default().with("scope", &scope.to_string());
    format!("/policy?{scope}")
}

/// `POST /policy`: one setting is saved, or inherited from now on; the others stay as they are.
pub(in crate::web) async fn set(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let (by, t) = (&visitor.principal, visitor.taste.t);
    let scope = scope_of(&form, by, t)?;
    let back = back_to(&scope);
    let name = form.get("setting").unwrap_or_default();
    let all = settings(t);
    let mut all = all.iter().flat_map(|(_, settings)| settings);
    let setting = all.find(|s| s.name == name).ok_or(Fault::NotFound)?;
    let mut fields = fields_of(&house.desk.layer(by, &scope).await?);
    let words = if form.get("reset").is_some() {
        fields.remove(name);
        t.policy.was_reset
    } else {
        let value = form.all("value").next().unwrap_or_default();
        let Some(value) = read(setting, value, t) else {
            let words = fill(t.policy.not_a_number, setting.label);
            return told(&house, &visitor, &back, Ok(Flash::bad(words)));
        };
        fields.insert(name.to_owned(), value);
        t.policy.saved
    };
    let layer: Layer = serde_json::from_value(Value::Object(fields))
        .map_err(|error| Fault::Bad(error.to_string()))?;
    let door = visitor.door();
    let set = house.desk.set_layer(by, scope, layer, &door);
    let words = fill(words, setting.label);
    let came = set.await.map(|()| Flash::good(words));
    told(&house, &visitor, &back, came)
}

/// What a form holds, as a layer keeps it; `None` if it is no value of that kind.
fn read(setting: &Setting, value: &str, t: &Texts) -> Option<Value> {
    let value = (value.len() <= VALUE_MOST).then_some(value)?;
    match setting.kind {
        Kind::Text => Some(value.into()),
        Kind::Yes => value.parse::<bool>().ok().map(Value::Bool),
        Kind::Word => {
            let mut words = words_of(setting.name, t).into_iter();
            words
                .find(|(word, _)| *word == value)
                .map(|(word, _)| word.into())
        }
        Kind::Score => {
            // Many people write a comma.
            let number: f32 = value.trim().replace(',', ".").parse().ok()?;
            serde_json::Number::from_f64(number.into()).map(Value::Number)
        }
        Kind::Count(..) => value.trim().parse::<u64>().ok().map(Value::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::texts::choose;

    #[test]
    fn iw09_every_setting_of_a_layer_is_on_the_page() {
        let all = settings(choose(None, None));
        let mut named: Vec<&str> = all.iter().flat_map(|(_, s)| s).map(|s| s.name).collect();
        named.sort_unstable();
        let mut known: Vec<String> = fields_of(&Policy::default())
            .into_iter()
            .map(|f| f.0)
            .collect();
        known.sort_unstable();
        assert_eq!(named, known);
    }

    #[test]
    fn iw09_what_is_inherited_is_shown_with_its_source() {
        let t = choose(None, None);
        let layer = |mode| Layer {
            mode,
            ..Layer::default()
        };
        use crate::policy::Mode::{Refuse, Tag};
        let scope = |text: &str| text.parse::<Scope>().expect("scope");
        let by = Principal::of(Scope::Global);
        let line = |domain, own| {
            let layers = [
                (Scope::Global, Layer::default()),
                (scope("example.org"), layer(domain)),
                (scope("a@example.org"), layer(own)),
            ];
            let all = settings(t);
            Stack::new(&layers).line(&all[0].1[0], &by, t)
        };
        let mode = line(None, None);
        assert_eq!(
            (mode.holds.as_str(), mode.origin.as_str()),
            (t.policy.mode_quarantine, t.policy.default)
        );
        let mode = line(Some(Tag), None);
        assert_eq!(
            (mode.holds.as_str(), mode.origin.as_str()),
            (t.policy.mode_tag, "inherited from example.org")
        );
        let mode = line(Some(Tag), Some(Refuse));
        assert_eq!(
            (mode.holds.as_str(), mode.set_here),
            (t.policy.mode_refuse, true)
        );
        assert!(
            mode.remark
                .is_some_and(|words| words.contains(t.policy.mode_tag))
        );
    }
}
