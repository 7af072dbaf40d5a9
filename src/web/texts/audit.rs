//! The words of what was set by whom, and of what is owed.

words! {
    lead: "What was set, by whom, when and from where; who signed in, and who opened others' mail." | "Was eingestellt wurde, von wem, wann und von wo; wer sich angemeldet und wer fremde Nachrichten geöffnet hat.";
    filter: "Words of who, what, or from where" | "Wörter aus wer, was oder von wo";
    kind: "Kind" | "Art";
    empty: "Nothing fits." | "Nichts passt.";
    changed: "set" | "eingestellt";
    signed_in: "signed in" | "angemeldet";
    sign_in_failed: "sign-in failed" | "Anmeldung gescheitert";
    opened: "opened mail" | "Nachricht geöffnet";
    to_entry: "message" | "Nachricht";
    looked_far: "Nothing more was found so far. Go on looking?" | "Bis hierhin wurde nichts mehr gefunden. Weitersuchen?";

    jobs_lead: "Released and deferred mail that is on its way: what the next server said, and when it is tried again." | "Freigegebene und verschobene Nachrichten, die unterwegs sind: was der nächste Server sagte und wann es wieder versucht wird.";
    jobs_none: "Nothing is owed: all mail is where it should be." | "Nichts steht aus: Alle Nachrichten sind, wo sie sein sollen.";
    job_release: "release" | "Freigabe";
    job_deliver: "delivery" | "Zustellung";
    job_send: "sending" | "Versand";
    job_letter: "letter of the house" | "Brief des Hauses";
    what: "What" | "Was";
    tries: "Tries" | "Versuche";
    since: "Owed since" | "Steht aus seit";
    next_try: "Next try" | "Nächster Versuch";
    said: "The server said" | "Der Server sagte";
    not_tried: "not tried yet" | "noch nicht versucht";
    handed_over: "A relay has it; what becomes of it is not known yet." | "Ein Relay hat sie; was daraus wird, ist noch nicht bekannt.";
    can_undo: "Can be taken back until {n}." | "Kann bis {n} zurückgenommen werden.";
    retry: "Try now" | "Jetzt versuchen";
    cancel: "Cancel" | "Abbrechen";
    cancel_hint: "A cancelled release goes back to the quarantine. Other mail goes to the quarantine of its owner, never away; a letter of the house is dropped." | "Eine abgebrochene Freigabe geht zurück in die Quarantäne. Andere Nachrichten gehen in die Quarantäne ihres Besitzers, niemals verloren; ein Brief des Hauses entfällt.";
    retried: "It is tried now." | "Es wird jetzt versucht.";
    soon: "It is tried within half a minute anyway." | "Es wird ohnehin in der nächsten halben Minute versucht.";
    cancelled: "Cancelled." | "Abgebrochen.";
    too_late: "Too late: it is on its way now." | "Zu spät: Es ist gerade unterwegs.";
}
