//! The words of alerts and of the checks' health.

words! {
    alerts: "Alerts" | "Warnungen";
    none: "Nothing is wrong." | "Alles in Ordnung.";
    since: "Since" | "Seit";
    calm: "calm for a moment" | "gerade ruhig";
    queue_stuck: "Deliveries are stuck" | "Zustellungen hängen";
    reinsertion_refused: "Releases are refused" | "Freigaben werden abgelehnt";
    check_unavailable: "A check gives no answer" | "Eine Prüfung antwortet nicht";
    disk_low: "Little space on the disk" | "Wenig Platz auf der Platte";
    store_error: "The store has a fault" | "Der Speicher hat einen Fehler";
    sender_locked: "A sender is locked" | "Ein Absender ist gesperrt";
    many_held: "Very much is held back" | "Sehr viel wird zurückgehalten";
    many_released: "Very much is released" | "Sehr viel wird freigegeben";
    certificate_ends: "The certificate ends soon" | "Das Zertifikat läuft bald ab";
    other: "Alert" | "Warnung";
    checks: "Checks" | "Prüfungen";
    check: "Check" | "Prüfung";
    state: "State" | "Zustand";
    answered: "Last answer" | "Letzte Antwort";
    never: "never" | "nie";
    last_hour: "Without answer, last hour" | "Ohne Antwort, letzte Stunde";
    share: "{n} messages" | "{n} Nachrichten";
    not_asked: "not asked" | "nicht gefragt";
    answers: "answers" | "antwortet";
    down: "gives no answer" | "antwortet nicht";
    rests: "rests after failures" | "ruht nach Fehlern";
}
