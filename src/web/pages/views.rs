//! Searches that somebody saved.

use axum::extract::State;

use crate::policy::Principal;
use crate::record::SavedView;
use crate::web::House;
use crate::web::answer::{Answer, Fault, redirect};
use crate::web::visitor::{Flash, Pressed};

/// The searches that the person saved for one page.
pub(in crate::web) async fn views(
    house: &House,
    by: &Principal,
    page: &str,
) -> Result<Vec<SavedView>, Fault> {
    let mut views = house.desk.views(by).await?;
    views.retain(|view| view.page == page);
    Ok(views)
}

/// `POST /views`: saves a search, or removes it.
pub(in crate::web) async fn save_view(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let place = if form.get("page") == Some("log") {
        "log"
    } else {
        "quarantine"
    };
    let query = match form.get("remove") {
        Some(_) => "",
        None => form.get("query").unwrap_or_default(),
    };
    let name = form.get("name").unwrap_or_default();
    let (by, door) = (&visitor.principal, visitor.door());
    let flash = match house.desk.set_view(by, place, name, query, &door).await {
        Ok(()) if query.is_empty() => Flash::good(visitor.taste.t.view_removed),
        Ok(()) => Flash::good(visitor.taste.t.view_saved),
        Err(refusal) => Flash::bad(refusal.to_string()),
    };
    house.flashes.say(&visitor, flash);
    Ok(redirect(&format!("/{place}?{query}")))
}
