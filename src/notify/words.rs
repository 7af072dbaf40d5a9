//! The words of letters, side by side in each language: what is missing in one does not compile.

use crate::policy::Language;

macro_rules! words {
    ($($name:ident: $en:literal | $de:literal;)*) => {
        /// The words of one language.
        #[derive(Debug)]
        pub(super) struct Words { $(pub(super) $name: &'static str,)* }
        static EN: Words = Words { $($name: $en,)* };
        static DE: Words = Words { $($name: $de,)* };
    };
}

words! {
    code: "en" | "de";
    day: "%-d %b" | "%d.%m.";
    day_and_time: "%-d %b %H:%M" | "%d.%m. %H:%M";

    subject_one: "One message is held for {n}" | "Eine Nachricht wird für {n} zurückgehalten";
    subject_many: "{c} messages are held for {n}" | "{c} Nachrichten werden für {n} zurückgehalten";
    subject_none: "Nothing is held for {n}" | "Für {n} wird nichts zurückgehalten";
    title: "Your held mail" | "Ihre zurückgehaltenen Nachrichten";
    lead: "These messages were not delivered to {n}. What you want, release; the rest goes by itself." | "Diese Nachrichten wurden {n} nicht zugestellt. Geben Sie frei, was Sie haben möchten; der Rest vergeht von selbst.";
    lead_none: "At this time nothing is held for {n}." | "Zurzeit wird für {n} nichts zurückgehalten.";
    more: "And {n} more in the panel." | "Und {n} weitere in der Oberfläche.";
    malware: "{n} more held for malware: only an administrator can release such mail." | "{n} weitere wegen Schadsoftware zurückgehalten: Solche Nachrichten kann nur die Verwaltung freigeben.";
    panel: "Open the panel" | "Oberfläche öffnen";
    links_note: "Each link shows a page first and does nothing until you press its button. Pass this letter on to nobody: its links act in your name." | "Jeder Link zeigt zuerst eine Seite und tut nichts, bis Sie dort den Knopf drücken. Geben Sie diesen Brief nicht weiter: Seine Links handeln in Ihrem Namen.";
    unsubscribe: "No more of these letters" | "Keine solchen Briefe mehr";
    no_subject: "(no subject)" | "(kein Betreff)";
    no_sender: "(no sender)" | "(kein Absender)";

    likely: "possibly wanted" | "vielleicht erwünscht";
    unlikely: "probably spam" | "wahrscheinlich Spam";
    surely: "surely spam" | "sicher Spam";
    unknown: "unknown sender" | "unbekannter Absender";
    until: "kept until {n}" | "bleibt bis {n}";
    today: "removed today" | "wird heute entfernt";
    tomorrow: "removed tomorrow" | "wird morgen entfernt";

    release: "Release" | "Freigeben";
    train: "Release & train" | "Freigeben & lernen";
    allow: "Release & allow sender" | "Freigeben & Absender erlauben";
    remove: "Remove" | "Entfernen";
    deliver: "Deliver" | "Zustellen";
    authorize: "Authorize sender" | "Absender zulassen";
    blacklist: "Block sender" | "Absender sperren";

    welcome_subject: "Your mail quarantine" | "Ihre E-Mail-Quarantäne";
    welcome_title: "Welcome to your mail quarantine" | "Willkommen in Ihrer E-Mail-Quarantäne";
    welcome_what: "Mail to {n} passes a filter. What looks like spam is not delivered: it is held for some days, and you can still get it." | "E-Mail an {n} durchläuft einen Filter. Was wie Spam aussieht, wird nicht zugestellt: Es wird einige Tage aufbewahrt, und Sie bekommen es, wenn Sie möchten.";
    welcome_digest: "From time to time a letter such as this lists what is held. Its links release a message, or remove it, after you pressed a button on the page that they open." | "Von Zeit zu Zeit zählt ein Brief wie dieser auf, was aufbewahrt wird. Seine Links geben eine Nachricht frei oder entfernen sie, nachdem Sie auf der Seite, die sie öffnen, einen Knopf gedrückt haben.";
    welcome_sign_in: "You can also look at everything yourself: open the panel, type this address, and let a link be mailed to you, or sign in with your password if you have one." | "Sie können auch selbst alles ansehen: Öffnen Sie die Oberfläche, geben Sie diese Adresse ein und lassen Sie sich einen Link schicken, oder melden Sie sich mit Ihrem Passwort an, falls Sie eines haben.";

    report_subject: "Report about {n}" | "Bericht über {n}";
    report_lead: "What happened in {n} since {c}." | "Was seit {c} in {n} geschah.";
    report_top_from: "Top senders" | "Häufigste Absender";
    report_top_to: "Top recipients" | "Häufigste Empfänger";
    report_requests: "{n} releases are asked for and wait for you." | "{n} Freigaben sind erbeten und warten auf Sie.";
    report_held: "held now" | "jetzt zurückgehalten";

    fact_from: "From:" | "Von:";
    fact_to: "To:" | "An:";
    fact_subject: "Subject:" | "Betreff:";
    fact_arrived: "Arrived:" | "Ankunft:";
    fact_asked: "Asked by:" | "Bittet:";
    fact_class: "Held as:" | "Urteil:";
    fact_owner: "Owner:" | "Für:";
    fact_because: "Because:" | "Grund:";
    fact_entry: "Entry:" | "Eintrag:";
    score: "{c}, score {n}" | "{c}, {n} Punkte";
    approve: "Approve:" | "Erlauben:";
    deny: "Deny:" | "Ablehnen:";
    look: "Look:" | "Ansehen:";
    asked_one: "Release requested by {n}" | "{n} bittet um eine Freigabe";
    asked_many: "{n} releases requested" | "{n} Freigaben erbeten";
    asked_lead: "Somebody asks for mail that only you may release." | "Jemand bittet um Nachrichten, die nur Sie freigeben dürfen.";
    asked_more: "And {n} more." | "Und {n} weitere.";
    asked_all: "All requests: {n}" | "Alle Bitten: {n}";
    granted_subject: "Your request was granted" | "Ihre Bitte wurde erfüllt";
    granted_in: "The message that you asked for was released and is on its way to you." | "Die Nachricht, um die Sie gebeten haben, wurde freigegeben und ist auf dem Weg zu Ihnen.";
    granted_out: "The message that you asked for was released and is on its way." | "Die Nachricht, um die Sie gebeten haben, wurde freigegeben und ist auf dem Weg.";
    denied_subject: "Your request was denied" | "Ihre Bitte wurde abgelehnt";
    denied: "The message that you asked for is not released." | "Die Nachricht, um die Sie gebeten haben, wird nicht freigegeben.";
    denied_why: "The reason:" | "Der Grund:";
    wrong_subject: "Wrongly held: {n}" | "Zu Unrecht zurückgehalten: {n}";
    wrong_lead: "{n} reported this message as wrongly held. It goes along as it was received." | "{n} hat diese Nachricht als zu Unrecht zurückgehalten gemeldet. Sie liegt bei, wie sie empfangen wurde.";
    delivered_subject: "Your message was delivered after all" | "Ihre Nachricht wurde doch zugestellt";
    delivered_lead: "Your message was held back by a spam filter at first. Somebody looked at it, and it has\nbeen delivered now. There is nothing for you to do." | "Ihre Nachricht wurde zuerst von einem Spamfilter zurückgehalten. Jemand hat sie angesehen, und\nsie ist jetzt zugestellt. Sie brauchen nichts zu tun.";
}

/// The words of `language`.
pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &EN,
        Language::De => &DE,
    }
}

/// Puts `n` where the text says `{n}`.
pub(super) fn fill(text: &str, n: impl std::fmt::Display) -> String {
    text.replace("{n}", &n.to_string())
}
