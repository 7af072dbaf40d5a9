//! The words of the page with the policies: each setting, and its effect.

words! {
    lead: "What is set for an address wins over what its domain sets, and that over what the whole house sets. What is not set here is inherited." | "Was für eine Adresse festgelegt ist, gilt vor dem, was ihre Domäne festlegt, und das vor dem des ganzen Hauses. Was hier nicht festgelegt ist, wird geerbt.";
    read_only: "You can see here what holds for your mail. Your administrator changes it." | "Hier sehen Sie, was für Ihre Nachrichten gilt. Ändern kann es Ihre Verwaltung.";
    set_here: "set here" | "hier festgelegt";
    inherited: "inherited from {n}" | "geerbt von {n}";
    default: "default of the house" | "Voreinstellung";
    instead_of: "Without it {n} would hold." | "Ohne sie gilt {n}.";
    overruled: "A wider scope asks for it; that cannot be taken back here." | "Ein weiterer Bereich verlangt es; das lässt sich hier nicht zurücknehmen.";
    reset: "Inherit" | "Erben";
    saved: "{n}: saved." | "{n}: gespeichert.";
    was_reset: "{n}: inherited from now on." | "{n}: wird nun geerbt.";
    not_a_number: "{n}: that is not a number. Nothing was changed." | "{n}: Das ist keine Zahl. Nichts wurde geändert.";
    empty: "(none)" | "(keine)";
    lists_link: "Lists of this scope" | "Listen dieses Bereichs";
    domain_link: "Policy of the domain" | "Regeln der Domäne";

    group_spam: "Spam" | "Spam";
    group_kept: "What is held back" | "Was zurückgehalten wird";
    group_pending: "Unknown senders" | "Unbekannte Absender";
    group_out: "Outgoing mail" | "Ausgehende Nachrichten";
    group_people: "Administrators" | "Verwaltung";

    mode: "What happens to spam" | "Was mit Spam geschieht";
    mode_hint: "Malware is held back in every mode, and refused in the mode that refuses." | "Schadsoftware wird immer zurückgehalten, und abgelehnt, wo Spam abgelehnt wird.";
    mode_quarantine: "Refuse it, and keep a copy in the quarantine" | "Ablehnen und eine Kopie in der Quarantäne behalten";
    mode_tag: "Deliver it with a marked subject and X-Spam fields" | "Zustellen mit markiertem Betreff und X-Spam-Feldern";
    mode_headers: "Deliver it with X-Spam fields only" | "Zustellen, nur mit X-Spam-Feldern";
    mode_refuse: "Refuse it, and keep no copy" | "Ablehnen, ohne Kopie";
    mode_off: "Deliver everything as it is" | "Alles zustellen, wie es ist";
    spam_from: "Spam from score" | "Spam ab Wertung";
    spam_from_hint: "The lower, the more is held back, also wrongly. Between -1000 and 1000." | "Je niedriger, desto mehr wird zurückgehalten, auch zu Unrecht. Zwischen -1000 und 1000.";
    unsure_from: "Unsure from score" | "Unsicher ab Wertung";
    unsure_from_hint: "From this score on mail is delivered with X-Spam fields. Between -1000 and 1000." | "Ab dieser Wertung wird mit X-Spam-Feldern zugestellt. Zwischen -1000 und 1000.";
    spam_tag: "Mark in the subject of spam" | "Markierung im Betreff von Spam";
    spam_tag_hint: "Where spam is delivered with a marked subject. At most 100 octets." | "Wo Spam mit markiertem Betreff zugestellt wird. Höchstens 100 Oktette.";
    unsure_tag: "Mark in the subject of unsure mail" | "Markierung im Betreff unsicherer Nachrichten";
    unsure_tag_hint: "Empty for none. At most 100 octets." | "Leer für keine. Höchstens 100 Oktette.";
    tag_signed: "Marks and signatures" | "Markierungen und Signaturen";
    tag_signed_hint: "A mark in the subject breaks a DKIM signature that covers it." | "Eine Markierung im Betreff zerstört eine DKIM-Signatur, die ihn abdeckt.";
    tag_signed_tag: "Mark all the same, and break the signature" | "Trotzdem markieren und die Signatur zerstören";
    tag_signed_header: "Leave the subject of signed mail alone; X-Spam fields only" | "Betreff signierter Nachrichten lassen; nur X-Spam-Felder";
    tag_signed_seal: "Mark, and seal after (ARC) where the domain has a key" | "Markieren und danach siegeln (ARC), wo die Domäne einen Schlüssel hat";
    greylist: "Greylisting" | "Greylisting";
    greylist_hint: "Who is new is told to come again in a while. Mail from new senders comes later." | "Neue Absender sollen es nach einer Weile noch einmal versuchen. Ihre Nachrichten kommen später an.";
    split: "Split recipients" | "Empfänger aufteilen";
    split_hint: "A sender with one reply for all is told to come again with recipients whose policies answer differently." | "Wer für alle Empfänger nur eine Antwort bekommt, soll mit denen wiederkommen, deren Regeln anders antworten.";

    keep_days: "Days in the quarantine" | "Tage in der Quarantäne";
    keep_days_hint: "After them mail expires. Between 1 and 3650." | "Danach laufen Nachrichten ab. Zwischen 1 und 3650.";
    malware_days: "Days that malware is kept" | "Tage, die Schadsoftware bleibt";
    malware_days_hint: "If it is not set here or above, as long as other mail. Between 1 and 3650." | "Ohne Festlegung so lange wie andere Nachrichten. Zwischen 1 und 3650.";
    training_days: "Days that copies of unsure mail are kept" | "Tage, die Kopien unsicherer Nachrichten bleiben";
    training_days_hint: "If it is not set here or above, as long as other mail. Between 1 and 3650." | "Ohne Festlegung so lange wie andere Nachrichten. Zwischen 1 und 3650.";
    quota_messages: "Most messages for each recipient" | "Höchstzahl an Nachrichten je Empfänger";
    quota_messages_hint: "When more are held the oldest go, but none of the last day. 0 for no limit." | "Sind es mehr, gehen die ältesten, aber keine des letzten Tages. 0 für unbegrenzt.";
    quota_megabytes: "Most megabytes for each recipient" | "Höchstens Megabyte je Empfänger";
    quota_megabytes_hint: "The same by size. 0 for no limit." | "Das Gleiche nach Größe. 0 für unbegrenzt.";
    domain_quota_messages: "Most messages for the whole domain" | "Höchstzahl an Nachrichten der ganzen Domäne";
    domain_quota_messages_hint: "0 for no limit." | "0 für unbegrenzt.";
    domain_quota_megabytes: "Most megabytes for the whole domain" | "Höchstens Megabyte der ganzen Domäne";
    domain_quota_megabytes_hint: "0 for no limit." | "0 für unbegrenzt.";
    undo_seconds: "Seconds to take a release back" | "Sekunden, um eine Freigabe zurückzunehmen";
    undo_seconds_hint: "A release leaves after them. At most 3600." | "Danach geht eine Freigabe hinaus. Höchstens 3600.";
    training_requested: "Keep copies of unsure mail" | "Kopien unsicherer Nachrichten behalten";
    training_requested_hint: "They wait in Training requested for somebody to say what they are." | "Sie warten unter Zum Prüfen darauf, dass jemand sagt, was sie sind.";

    pend_unknown: "Unknown senders wait" | "Unbekannte Absender warten";
    pend_unknown_hint: "Mail from senders who are on no list of allowed senders is accepted, and waits under Pending until its recipient authorises it. Spam is refused as before." | "Nachrichten von Absendern, die auf keiner Liste der Erlaubten stehen, werden angenommen und warten unter Wartend, bis der Empfänger sie zulässt. Spam wird abgelehnt wie sonst.";
    pend_days: "Days that pending mail waits" | "Tage, die wartende Nachrichten bleiben";
    pend_days_hint: "Between 1 and 365." | "Zwischen 1 und 365.";
    pend_end: "What becomes of it then" | "Was danach mit ihnen geschieht";
    pend_end_hint: "Of pending mail that nobody authorised in time." | "Mit Nachrichten, die niemand rechtzeitig zugelassen hat.";
    pend_end_remove: "Remove it" | "Entfernen";
    pend_end_deliver: "Deliver it, marked as spam" | "Zustellen, als Spam markiert";

    outbound_mode: "What happens to outgoing spam" | "Was mit ausgehendem Spam geschieht";
    outbound_mode_hint: "By the sender's policy." | "Nach den Regeln des Absenders.";
    outbound_spam_from: "Outgoing spam from score" | "Ausgehender Spam ab Wertung";
    outbound_spam_from_hint: "Between -1000 and 1000." | "Zwischen -1000 und 1000.";
    correspondents: "Allow those who are written to" | "Angeschriebene erlauben";
    correspondents_hint: "To whom a user writes comes onto that user's allow list." | "Wem ein Benutzer schreibt, der kommt auf seine Liste der Erlaubten.";

    admin_bodies: "Administrators may open mail" | "Verwaltung darf Nachrichten öffnen";
    admin_bodies_hint: "In the panel and by the API; the owner sees who did. Only an administrator of the whole house may allow it." | "In der Oberfläche und über die API; der Empfänger sieht, wer es war. Nur die Verwaltung des ganzen Hauses darf es erlauben.";
    admin_second_factor: "Administrators need a second factor" | "Verwaltung braucht einen zweiten Faktor";
    admin_second_factor_hint: "Who looks after others' mail sets one up at the next sign-in. A narrower scope cannot take it back." | "Wer fremde Nachrichten betreut, richtet ihn bei der nächsten Anmeldung ein. Ein engerer Bereich kann es nicht zurücknehmen.";

    group_letters: "Digests" | "Übersichten";
    digest: "Digests to recipients" | "Übersichten an Empfänger";
    digest_hint: "never, hourly, daily (7:00), weekly (Monday 7:00), or hours of the day as in 7,12,17." | "never (nie), hourly (stündlich), daily (täglich um 7), weekly (montags um 7) oder Stunden wie 7,12,17.";
    digest_days: "Days of digests" | "Tage der Übersichten";
    digest_days_hint: "all, or as in mon,tue,wed,thu,fri." | "all (alle) oder wie mon,tue,wed,thu,fri.";
    digest_zone: "Time zone of digests" | "Zeitzone der Übersichten";
    digest_zone_hint: "As in Europe/Berlin." | "Wie Europe/Berlin.";
    digest_language: "Language of letters" | "Sprache der Briefe";
    digest_language_hint: "Of digests and what else is written to recipients." | "Für Übersichten und was sonst an Empfänger geschrieben wird.";
    digest_caught: "Digests tell what was caught" | "Übersichten nennen Abgefangenes";
    digest_caught_hint: "Malware is counted only." | "Schadsoftware wird nur gezählt.";
    digest_pending: "Digests tell what is pending" | "Übersichten nennen Wartendes";
    digest_pending_hint: "Mail that waits because its sender is not known." | "Nachrichten, die warten, weil ihr Absender unbekannt ist.";
    digest_to: "Digests go to" | "Übersichten gehen an";
    digest_to_hint: "Instead of the recipient: for lists and shared mailboxes. An address of the same domain." | "Statt an den Empfänger: für Verteiler und gemeinsame Postfächer. Eine Adresse derselben Domäne.";
    report_to: "Report about the domain goes to" | "Bericht über die Domäne geht an";
    report_to_hint: "At the times of digests, or daily at 7:00." | "Zu den Zeiten der Übersichten oder täglich um 7.";
}
