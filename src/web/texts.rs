//! All words of the panel, side by side in each language. A language more is a column more: what
//! is missing in it does not compile.

/// The words of one page or some that belong together, in a file of their own.
macro_rules! words {
    ($($name:ident: $en:literal | $de:literal;)*) => {
        /// The words of one language.
        pub(in crate::web) struct Words { $(pub(in crate::web) $name: &'static str,)* }
        pub(super) static EN: Words = Words { $($name: $en,)* };
        pub(super) static DE: Words = Words { $($name: $de,)* };
    };
}

mod account;
mod audit;
mod challenge;
mod keys;
mod letters;
mod lists;
mod people;
mod policy;
mod watch;

macro_rules! texts {
    ($($group:ident,)* ; $($name:ident: $en:literal | $de:literal;)*) => {
        /// The words of one language.
        pub(super) struct Texts {
            $(pub(super) $group: &'static $group::Words,)*
            $(pub(super) $name: &'static str,)*
        }
        static EN: Texts = Texts { $($group: &$group::EN,)* $($name: $en,)* };
        static DE: Texts = Texts { $($group: &$group::DE,)* $($name: $de,)* };
    };
}

texts! {
    account, audit, challenge, keys, letters, lists, people, policy, watch,;

    code: "en" | "de";
    other_code: "de" | "en";
    other_language: "Deutsch" | "English";
    day_this_year: "%d %b %H:%M" | "%d.%m. %H:%M";
    day_only: "%d %b" | "%d.%m.";
    day_other_year: "%d %b %Y" | "%d.%m.%Y";

    // Frame
    skip: "Skip to the content" | "Zum Inhalt";
    menu: "Menu" | "Menü";
    nav_overview: "Overview" | "Übersicht";
    nav_quarantine: "Quarantine" | "Quarantäne";
    nav_log: "Log" | "Protokoll";
    nav_lists: "Lists" | "Listen";
    nav_policy: "Policy" | "Regeln";
    nav_people: "Users and domains" | "Benutzer und Domänen";
    nav_jobs: "Release queue" | "Freigaben";
    nav_keys: "Reinsertion" | "Wiedereinspeisung";
    nav_api: "API keys" | "API-Schlüssel";
    nav_audit: "Audit" | "Änderungen";
    nav_account: "My account" | "Mein Konto";
    signed_in_as: "Signed in as" | "Angemeldet als";
    acting_as: "Acting as" | "Im Namen von";
    sign_out: "Sign out" | "Abmelden";
    theme_light: "Light" | "Hell";
    theme_dark: "Dark" | "Dunkel";
    apply: "Apply" | "Anwenden";
    save: "Save" | "Speichern";
    remove_it: "Remove" | "Entfernen";
    back: "Back" | "Zurück";
    none: "none" | "keine";
    yes: "yes" | "ja";
    no: "no" | "nein";
    next_page: "Next page" | "Nächste Seite";
    previous_page: "Previous page" | "Vorige Seite";
    show_once: "It is shown this once. Copy it now." | "Das wird nur dieses eine Mal angezeigt. Bitte jetzt kopieren.";
    confirm_it: "Yes, I am sure" | "Ja, ich bin sicher";
    confirm_missing: "Nothing was changed: tick the box to confirm." | "Nichts wurde geändert: Bitte setzen Sie zur Bestätigung den Haken.";
    prove_soon: "Changes here need a fresh proof that it is you." | "Für Änderungen hier müssen Sie noch einmal zeigen, dass Sie es sind.";
    prove_now: "Give it now" | "Jetzt bestätigen";
    scope: "Scope" | "Bereich";
    scope_global: "the whole house" | "das ganze Haus";
    scope_hint: "global, a domain, or an address" | "global, eine Domäne oder eine Adresse";
    show_scope: "Show" | "Anzeigen";
    scope_wrong: "Write global, a domain, or an address." | "Schreiben Sie global, eine Domäne oder eine Adresse.";
    nothing_there: "Nothing is there yet." | "Hier ist noch nichts.";
    n_entries: "{n} entries" | "{n} Einträge";
    one_entry: "1 entry" | "1 Eintrag";

    // Sign-in
    sign_in: "Sign in" | "Anmelden";
    sign_in_lead: "See what was held back, and let through what you want." | "Sehen Sie, was zurückgehalten wurde, und lassen Sie durch, was Sie möchten.";
    login: "Address or login" | "Adresse oder Anmeldename";
    password: "Password" | "Passwort";
    sign_in_wrong: "Login or password is wrong." | "Anmeldename oder Passwort ist falsch.";
    sign_in_wait: "Too many failures. Please wait and try again." | "Zu viele Fehlversuche. Bitte warten Sie und versuchen Sie es erneut.";
    sign_in_later: "Signing in is not possible now." | "Die Anmeldung ist gerade nicht möglich.";
    sign_in_by_link: "Sign in by a mailed link" | "Anmelden mit einem Link per E-Mail";
    sign_in_with: "Sign in with {name}" | "Anmelden mit {name}";
    sign_in_not_theirs: "This sign-in was not completed, or is not known here. Please try again." | "Diese Anmeldung wurde nicht abgeschlossen oder ist hier nicht bekannt. Bitte versuchen Sie es erneut.";
    link_ask_lead: "We send a link to your address that lets you in once." | "Wir schicken einen Link an Ihre Adresse, mit dem Sie sich einmal anmelden können.";
    link_send: "Send the link" | "Link senden";
    link_sent: "If this address may sign in here, a link is on its way." | "Wenn sich diese Adresse hier anmelden darf, ist ein Link unterwegs.";
    link_confirm_lead: "Press the button to sign in. The link can be used once." | "Drücken Sie auf den Knopf, um sich anzumelden. Der Link gilt einmal.";
    link_old: "This link is unknown, was used, or is too old." | "Dieser Link ist unbekannt, schon benutzt oder zu alt.";
    address: "Mail address" | "E-Mail-Adresse";
    second_step: "Second step" | "Zweiter Schritt";
    second_step_lead: "Type the code that your device shows, or one of your recovery codes." | "Geben Sie den Code ein, den Ihr Gerät zeigt, oder einen Ihrer Wiederherstellungscodes.";
    code_label: "Code" | "Code";
    code_wrong: "The code is wrong or too old." | "Der Code ist falsch oder zu alt.";
    signed_out: "You are signed out." | "Sie sind abgemeldet.";

    // Classes and states
    class_clean: "clean" | "sauber";
    class_unsure: "unsure" | "unsicher";
    class_spam: "spam" | "Spam";
    class_malware: "malware" | "Schadsoftware";
    state_held: "held" | "zurückgehalten";
    state_leaving: "on its way" | "unterwegs";
    state_released: "released" | "freigegeben";
    state_removed: "removed" | "entfernt";
    state_expired: "expired" | "abgelaufen";

    // Quarantine
    caught: "Caught" | "Eingang";
    outgoing: "Outgoing" | "Ausgang";
    pending: "Pending" | "Wartend";
    pending_now: "wait to be authorised" | "warten auf Zulassung";
    pending_lead: "From senders you have not heard of. Authorize a sender, and all their mail is delivered, now and later; Deliver lets one message through." | "Von Absendern, die Sie noch nicht kennen. Wird ein Absender zugelassen, kommt alles von ihm an, jetzt und später; Zustellen lässt eine Nachricht durch.";
    training: "Training requested" | "Zum Prüfen";
    n_messages: "{n} messages" | "{n} Nachrichten";
    one_message: "1 message" | "1 Nachricht";
    search: "Search" | "Suchen";
    search_hint: "Words of subject, sender, recipient" | "Wörter aus Betreff, Absender, Empfänger";
    filters: "Filters" | "Filter";
    clear: "Clear" | "Zurücksetzen";
    from: "From" | "Von";
    to: "To" | "An";
    subject: "Subject" | "Betreff";
    received: "Received" | "Eingegangen";
    expires: "Expires" | "Läuft ab";
    score: "Score" | "Wertung";
    size: "Size" | "Größe";
    class: "Class" | "Art";
    any: "any" | "alle";
    wrong_search: "Nothing is shown: something in the filters cannot be read." | "Es wird nichts angezeigt: Ein Filter ist nicht lesbar.";
    wrong_day: "That is not a date. Write one such as 2026-05-31." | "Das ist kein Datum. Schreiben Sie eines wie 2026-05-31.";
    wrong_number: "That is not a number." | "Das ist keine Zahl.";
    wrong_choice: "There is no such choice." | "Das steht nicht zur Wahl.";
    wrong_party: "Write an address, @domain, or a part of an address." | "Schreiben Sie eine Adresse, @Domäne oder einen Teil einer Adresse.";
    wrong_network: "Write an address or a network, such as 192.0.2.0/24." | "Schreiben Sie eine Adresse oder ein Netz, etwa 192.0.2.0/24.";
    score_from: "Score from" | "Wertung ab";
    score_to: "Score to" | "Wertung bis";
    since: "Since" | "Seit";
    until: "Until" | "Bis";
    only_requested: "Release requested" | "Freigabe erbeten";
    only_failed: "Delivery refused" | "Zustellung abgelehnt";
    requested_by: "release requested by {n}" | "Freigabe erbeten von {n}";
    order: "Order" | "Reihenfolge";
    order_newest: "newest first" | "neueste zuerst";
    order_oldest: "oldest first" | "älteste zuerst";
    order_score_up: "most likely wanted first" | "wahrscheinlich erwünschte zuerst";
    order_score_down: "surest spam first" | "sicherster Spam zuerst";
    order_size_up: "smallest first" | "kleinste zuerst";
    order_size_down: "largest first" | "größte zuerst";
    order_cut: "There are too many messages to sort them all: these are the newest. Filter to see others." | "Es sind zu viele Nachrichten, um alle zu sortieren: Dies sind die neuesten. Filtern Sie, um andere zu sehen.";
    look_further_lead: "Nothing fits among the messages looked at so far." | "Unter den bisher angesehenen Nachrichten passt nichts.";
    look_further: "Look further back" | "Weiter zurück suchen";
    view_name: "Name of this search" | "Name dieser Suche";
    view_save: "Save this search" | "Suche merken";
    view_saved: "The search is saved." | "Die Suche ist gemerkt.";
    view_remove: "Forget this search" | "Suche vergessen";
    view_removed: "The search is forgotten." | "Die Suche ist vergessen.";
    select_all: "Select all on this page" | "Alle auf dieser Seite auswählen";
    select_one: "Select this message" | "Diese Nachricht auswählen";
    all_results: "Apply to all results of this search" | "Auf alle Treffer dieser Suche anwenden";
    selected: "selected" | "ausgewählt";
    no_subject: "(no subject)" | "(kein Betreff)";
    no_sender: "(no sender)" | "(kein Absender)";
    empty_quarantine: "Nothing is held back." | "Es wird nichts zurückgehalten.";
    empty_search: "Nothing fits this search." | "Nichts passt zu dieser Suche.";
    newer: "Newest" | "Neueste";
    older: "Older" | "Ältere";
    arrived_live: "New mail was held back." | "Neue Nachrichten wurden zurückgehalten.";
    show_now: "Show" | "Anzeigen";

    // Actions
    actions: "Actions" | "Aktionen";
    choose_action: "Choose an action" | "Aktion wählen";
    act_authorize: "Authorize sender" | "Absender zulassen";
    act_deliver: "Deliver" | "Zustellen";
    act_release: "Release" | "Freigeben";
    act_release_and_train: "Release & Train" | "Freigeben & lernen";
    act_release_and_allow: "Release & allow sender" | "Freigeben & Absender erlauben";
    act_remove: "Remove" | "Entfernen";
    act_remove_and_block: "Remove & block sender" | "Entfernen & Absender sperren";
    act_train_spam: "Report as spam" | "Als Spam melden";
    act_train_ham: "Report as not spam" | "Als kein Spam melden";
    act_deny_request: "Deny the request" | "Bitte ablehnen";
    deny_why: "Reason, for who asked" | "Grund, für den Bittenden";
    act_request_release: "Request release" | "Freigabe erbitten";
    reach: "The list entry holds for" | "Der Listeneintrag gilt für";
    reach_recipient: "the recipient" | "den Empfänger";
    reach_domain: "the whole domain" | "die ganze Domäne";
    reach_everybody: "everybody" | "alle";
    go: "Go" | "Ausführen";
    nothing_chosen: "No message was chosen." | "Es wurde keine Nachricht ausgewählt.";
    done_release: "{n} on the way to the recipient" | "{n} unterwegs zum Empfänger";
    done_remove: "{n} removed" | "{n} entfernt";
    done_train: "{n} reported" | "{n} gemeldet";
    done_request: "{n} requested" | "{n} erbeten";
    done_deny: "{n} denied" | "{n} abgelehnt";
    done_take_back: "{n} taken back" | "{n} zurückgenommen";
    done_before: "{n} had been done before" | "{n} schon zuvor erledigt";
    done_refused: "{n} not possible" | "{n} nicht möglich";
    undo: "Undo" | "Rückgängig";

    // Message
    message: "Message" | "Nachricht";
    why: "Why it was held" | "Warum sie zurückgehalten wurde";
    why_none: "No check found anything." | "Keine Prüfung fand etwas.";
    weight: "Weight" | "Gewicht";
    finding: "What was seen" | "Was gesehen wurde";
    envelope_from: "Envelope sender" | "Absender im Umschlag";
    null_sender: "(null sender)" | "(leerer Absender)";
    client: "Client" | "Einliefernder Rechner";
    tab_preview: "Preview" | "Vorschau";
    tab_text: "Text" | "Text";
    tab_headers: "Headers" | "Kopfzeilen";
    tab_raw: "Raw" | "Rohtext";
    tab_history: "History" | "Verlauf";
    download: "Download .eml" | ".eml herunterladen";
    attachments: "Attachments and parts" | "Anhänge und Teile";
    links: "Links (not clickable)" | "Links (nicht anklickbar)";
    link_differs: "shows another address than it leads to" | "zeigt eine andere Adresse, als es ansteuert";
    images_here: "Show the images inside the message" | "Bilder in der Nachricht anzeigen";
    images_remote: "{n} images on other servers are never loaded" | "{n} Bilder auf anderen Servern werden nie geladen";
    preview_cut: "Only the beginning is shown." | "Nur der Anfang wird gezeigt.";
    preview_frame: "Preview of the message" | "Vorschau der Nachricht";
    body_gone: "The content is gone." | "Der Inhalt ist nicht mehr da.";
    body_hidden: "The content of this message is not shown to you. Administrators see others' mail only where the policy allows it (admin_bodies)." | "Der Inhalt dieser Nachricht wird Ihnen nicht gezeigt. Verwalter sehen fremde Nachrichten nur, wo die Regeln es erlauben (admin_bodies).";
    delivery_said: "Delivery was refused. The server said:" | "Die Zustellung wurde abgelehnt. Der Server sagte:";
    when: "When" | "Wann";
    who: "Who" | "Wer";
    what: "What" | "Was";
    where_: "Where" | "Wo";
    answer: "Answer" | "Antwort";
    risky_name: "dangerous kind of file" | "gefährliche Dateiart";

    // Overview
    range_day: "24 hours" | "24 Stunden";
    range_week: "7 days" | "7 Tage";
    range_month: "30 days" | "30 Tage";
    held_in: "held now, incoming" | "jetzt zurückgehalten, Eingang";
    held_out: "held now, outgoing" | "jetzt zurückgehalten, Ausgang";
    owed: "deliveries owed" | "ausstehende Zustellungen";
    series_delivered: "delivered" | "zugestellt";
    series_marked: "marked" | "markiert";
    series_marked_or_deferred: "marked or deferred" | "markiert oder verschoben";
    series_held: "held back" | "zurückgehalten";
    series_deferred: "deferred" | "verschoben";
    series_refused: "refused" | "abgelehnt";
    series_released: "released" | "freigegeben";
    series_reported: "reported as not spam" | "als kein Spam gemeldet";
    chart_mail: "Mail and what became of it" | "Nachrichten und was aus ihnen wurde";
    chart_released: "Let out again: false positives" | "Wieder freigegeben: falsch erkannt";
    as_table: "As a table" | "Als Tabelle";
    top_senders: "Top senders" | "Häufigste Absender";
    top_recipients: "Top recipients" | "Häufigste Empfänger";
    top_clients: "Top clients" | "Häufigste einliefernde Rechner";

    // Log
    log_lead: "All mail: delivered, marked, held, deferred, refused." | "Alle Nachrichten: zugestellt, markiert, zurückgehalten, verschoben, abgelehnt.";
    log_hint: "Words of addresses, subject, answer; end a word with * for its beginning" | "Wörter aus Adressen, Betreff, Antwort; ein * am Ende steht für den Wortanfang";
    direction: "Direction" | "Richtung";
    status: "Status" | "Status";
    export_csv: "Export CSV" | "CSV-Export";
    deferred_note: "deferred, not blocked" | "verschoben, nicht gesperrt";
    empty_log: "No line fits." | "Keine Zeile passt.";
}

/// The words of the language in the cookie, or else the best of Accept-Language (RFC 9110,
/// section 12.5.4); the order there is taken as it stands.
pub(super) fn choose(cookie: Option<&str>, accepted: Option<&str>) -> &'static Texts {
    let known = |tag: &str| match tag.trim().get(..2) {
        Some(code) if code.eq_ignore_ascii_case("de") => Some(&DE),
        Some(code) if code.eq_ignore_ascii_case("en") => Some(&EN),
        _ => None,
    };
    let wished = cookie.and_then(known);
    let first = || accepted?.split(',').take(20).find_map(known);
    wished.or_else(first).unwrap_or(&EN)
}

/// Puts `n` where the text says `{n}`.
pub(super) fn fill(text: &str, n: impl std::fmt::Display) -> String {
    text.replace("{n}", &n.to_string())
}

/// A number of messages in words.
pub(super) fn messages(t: &Texts, n: u64) -> String {
    if n == 1 {
        t.one_message.to_owned()
    } else {
        fill(t.n_messages, n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_their_language() {
        for (cookie, accepted, want) in [
            (None, None, "en"),
            (None, Some("de-DE,de;q=0.9,en;q=0.8"), "de"),
            (None, Some("fr,en;q=0.8"), "en"),
            (Some("en"), Some("de"), "en"),
            (Some("xx"), Some("de"), "de"),
            (Some("\u{1F600}"), None, "en"),
        ] {
            assert_eq!(choose(cookie, accepted).code, want);
        }
    }
}
