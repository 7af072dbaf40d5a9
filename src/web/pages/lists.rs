//! Allow and block lists: who is on them, since when, by whom and why; one or many put on, or taken off.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};

use super::filters::start_of;
use super::{Frame, Part, entries, page_of, scope_of, scope_text, told};
use crate::actions::Refusal;
use crate::policy::{ListEntry, ListKind, Origin, Pattern, Principal, Right, Role, Scope};
use crate::record::ListUse;
use crate::web::House;
use crate::web::answer::{Answer, Fault, local, page};
use crate::web::form::Form;
use crate::web::texts::{Texts, fill};
use crate::web::view::{self, When};
use crate::web::visitor::{Flash, Pressed, Visitor};

const HERE: &str = "/lists";

/// Entries on a page.
const ROWS: usize = 100;
/// Lines that are taken at once.
const LINES_MOST: usize = 1000;
/// Characters of a line that are shown again.
const LINE_SHOWN: usize = 120;

struct Line {
    /// As forms carry it: `KIND PATTERN`.
    id: String,
    allows: bool,
    pattern: String,
    note: String,
    by: String,
    made: When,
    origin: &'static str,
    times: u64,
    last: Option<When>,
    expires: Option<When>,
}

/// What came of a line that was pasted.
struct Pasted {
    line: String,
    words: String,
    bad: bool,
}

#[derive(Template)]
#[template(path = "lists.html")]
struct Page {
    frame: Frame,
    scope: String,
    scope_text: String,
    /// Who looks after others chooses whose list is shown.
    chooses: bool,
    domains: Vec<String>,
    may_change: bool,
    count: String,
    filtered: bool,
    q: String,
    kind: String,
    rows: Vec<Line>,
    part: Part,
    pasted: Vec<Pasted>,
}

fn may_change(by: &Principal, scope: &Scope) -> bool {
    let own = by.role == Role::Recipient && by.scope == *scope && by.has(Right::Act);
    own || by.has(Right::Administer)
}

/// `GET /lists`
pub(in crate::web) async fn show(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    let form = Form::read(query.as_bytes());
    let scope = scope_of(&form, &visitor.principal, visitor.taste.t)?;
    draw(&house, visitor, &form, scope, Vec::new()).await
}

async fn draw(
    house: &House,
    visitor: Visitor,
    form: &Form,
    scope: Scope,
    pasted: Vec<Pasted>,
) -> Answer {
    let by = visitor.principal.clone();
    let mut all = house.desk.list(&by, &scope).await?;
    let total = all.len();
    let words = form.get("q").unwrap_or_default().to_lowercase();
    let kind = form.get("kind").and_then(kind_named);
    all.retain(|entry| kind.is_none_or(|kind| entry.kind == kind) && has_words(entry, &words));
    // The newest first.
    all.sort_by_key(|entry| std::cmp::Reverse(entry.made));
    let part = Part::new(form, "/lists", all.len(), ROWS);
    let chooses = !matches!(by.scope, Scope::Recipient(_));
    let here = form.with("page", form.get("page").unwrap_or_default());
    let here = format!("/lists?{here}");
    let frame = Frame::new(visitor, local(&here), house.desk.now());
    let t = frame.t();
    let uses = house.desk.list_uses(&by, &scope).await?;
    let shown = all.iter().skip(part.from).take(ROWS);
    page(&Page {
        scope_text: scope_text(&scope, t),
        domains: domains(house, &by).await?,
        may_change: may_change(&by, &scope),
        count: entries(t, total),
        filtered: kind.is_some() || !words.is_empty(),
        q: form.get("q").unwrap_or_default().to_owned(),
        kind: kind.map_or(String::new(), |kind| kind.to_string()),
        rows: shown.map(|entry| line(entry, &uses, &frame)).collect(),
        scope: scope.to_string(),
        chooses,
        part,
        pasted,
        frame,
    })
}

/// The domains that `by` looks after, to choose from.
pub(super) async fn domains(house: &House, by: &Principal) -> Result<Vec<String>, Fault> {
    if matches!(by.scope, Scope::Recipient(_)) {
        return Ok(Vec::new());
    }
    let domains = house.desk.domains(by).await?;
    let names = domains.iter().map(|settings| settings.domain.to_string());
    Ok(names.collect())
}

fn has_words(entry: &ListEntry, words: &str) -> bool {
    if words.is_empty() {
        return true;
    }
    let text = format!("{} {} {}", entry.pattern, entry.note, entry.by).to_lowercase();
    words.split_whitespace().all(|word| text.contains(word))
}

fn line(entry: &ListEntry, uses: &[ListUse], frame: &Frame) -> Line {
    let t = frame.t();
    let own = |one: &&ListUse| one.kind == entry.kind && one.pattern == entry.pattern;
    let used = uses.iter().find(own);
    Line {
        id: format!("{} {}", entry.kind, entry.pattern),
        allows: entry.kind == ListKind::Allow,
        pattern: view::plain(&entry.pattern.to_string()),
        note: view::plain(&entry.note),
        by: view::plain(&entry.by),
        made: frame.when(entry.made),
        origin: match entry.origin {
            Origin::Hand => t.lists.by_hand,
            Origin::Correspondent => t.lists.correspondent,
            Origin::Challenge => t.lists.by_challenge,
        },
        times: used.map_or(0, |used| used.times),
        last: used.map(|used| frame.when(used.last)),
        expires: entry.expires.map(|at| frame.when(at)),
    }
}

fn kind_named(name: &str) -> Option<ListKind> {
    [ListKind::Allow, ListKind::Block]
        .into_iter()
        .find(|kind| kind.to_string() == name)
}

/// `POST /lists/add`
pub(in crate::web) async fn add(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let (by, t) = (&visitor.principal, visitor.taste.t);
    let scope = scope_of(&form, by, t)?;
    let back = page_of(HERE, &scope);
    let kind = form
        .get("kind")
        .and_then(kind_named)
        .ok_or(Fault::NotFound)?;
    let pattern: Pattern = match form.get("pattern").unwrap_or_default().parse() {
        Ok(pattern) => pattern,
        Err(error) => {
            let flash = Flash::bad(view::plain(&format!("{error}")));
            return told(&house, &visitor, &back, Ok(flash));
        }
    };
    let words = fill(t.lists.added, &pattern);
    let note = form.get("note").unwrap_or_default().to_owned();
    let door = visitor.door();
    // Up to the end of the day that was chosen.
    let zone = &visitor.taste.zone;
    let until = form.get("until").and_then(|day| start_of(day, zone, 1));
    let (what, more) = ((kind, pattern), (note, until));
    let added = house.desk.add_listed_until(by, scope, what, more, &door);
    let came = added.await.map(|()| Flash::good(words));
    told(&house, &visitor, &back, came)
}

/// `POST /lists/remove`: all that were ticked on a page.
pub(in crate::web) async fn remove(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let (by, t) = (&visitor.principal, visitor.taste.t);
    let scope = scope_of(&form, by, t)?;
    let back = form
        .get("back")
        .map_or(page_of(HERE, &scope), str::to_owned);
    let mut removed = 0_usize;
    for id in form.all("id").take(ROWS) {
        let Some((kind, pattern)) = id.split_once(' ') else {
            continue;
        };
        let (Some(kind), Ok(pattern)) = (kind_named(kind), pattern.parse()) else {
            continue;
        };
        let door = visitor.door();
        let gone = house.desk.remove_listed(by, &scope, kind, &pattern, &door);
        match gone.await {
            Ok(()) => removed += 1,
            // To press twice is no fault.
            Err(Refusal::Unknown(_)) => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    let flash = match removed {
        0 => Flash::bad(t.lists.none_removed),
        n => Flash::good(fill(t.lists.removed, n)),
    };
    told(&house, &visitor, &back, Ok(flash))
}

/// `POST /lists/paste`: many lines, with a result for each. To send it twice is no fault.
pub(in crate::web) async fn paste(
    State(house): State<House>,
    mut visitor: Visitor,
    body: Bytes,
) -> Answer {
    let form = Form::of_body(&body);
    visitor.check(&form)?;
    let (by, t) = (visitor.principal.clone(), visitor.taste.t);
    let scope = scope_of(&form, &by, t)?;
    let kind = form
        .get("kind")
        .and_then(kind_named)
        .ok_or(Fault::NotFound)?;
    let lines = form.get("lines").unwrap_or_default().lines();
    let lines: Vec<&str> = lines
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .take(LINES_MOST + 1)
        .collect();
    let refused = match lines.len() {
        0 => Some(t.lists.no_lines),
        n if n > LINES_MOST => Some(t.lists.too_many),
        _ => None,
    };
    if let Some(words) = refused {
        return told(
            &house,
            &visitor,
            &page_of(HERE, &scope),
            Ok(Flash::bad(words)),
        );
    }
    let read: Vec<Result<Pattern, String>> = lines
        .iter()
        .map(|line| {
            line.parse()
                .map_err(|e: crate::policy::PatternError| e.to_string())
        })
        .collect();
    let good: Vec<Pattern> = read.iter().filter_map(|p| p.clone().ok()).collect();
    let note = form.get("note").unwrap_or_default();
    let door = visitor.door();
    let added = house
        .desk
        .add_all_listed(&by, &scope, kind, &good, note, &door)
        .await;
    let added = match added {
        Ok(added) => added,
        Err(refusal) => return told(&house, &visitor, &page_of(HERE, &scope), Err(refusal)),
    };
    let mut added = added.into_iter();
    let results = lines.iter().zip(read).map(|(line, read)| {
        let came = match read {
            Ok(_) => match added.next() {
                Some(Err(refusal)) => Err(refusal.to_string()),
                _ => Ok(()),
            },
            Err(words) => Err(words),
        };
        pasted(line, came, t)
    });
    let results: Vec<Pasted> = results.collect();
    visitor.flash = Some(summary(&results, t));
    let shown = Form::read(Form::default().with("scope", &scope.to_string()).as_bytes());
    draw(&house, visitor, &shown, scope, results).await
}

fn pasted(line: &str, came: Result<(), String>, t: &Texts) -> Pasted {
    Pasted {
        line: view::plain(&line.chars().take(LINE_SHOWN).collect::<String>()),
        bad: came.is_err(),
        words: match came {
            Ok(()) => t.lists.line_added.to_owned(),
            Err(words) => view::plain(&words),
        },
    }
}

fn summary(results: &[Pasted], t: &Texts) -> Flash {
    let failed = results.iter().filter(|result| result.bad).count();
    let added = fill(t.lists.all_added, results.len() - failed);
    if failed == 0 {
        return Flash::good(added);
    }
    let failed = fill(t.lists.some_failed, failed);
    Flash::bad(format!("{added} {failed}"))
}
