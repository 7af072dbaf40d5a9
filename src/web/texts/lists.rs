//! The words of the page with the lists.

words! {
    lead: "Mail from whom you allow is not held back as spam; mail from whom you block is. Malware is held either way. A narrower list wins over a wider one, and in one list allow wins over block." | "Nachrichten von Erlaubten werden nicht als Spam zurückgehalten, die von Gesperrten schon. Schadsoftware wird in jedem Fall zurückgehalten. Die engere Liste gilt vor der weiteren, und in einer Liste gilt Erlauben vor Sperren.";
    forged: "Who only pretends to be an allowed sender is not allowed." | "Wer sich nur als erlaubter Absender ausgibt, ist nicht erlaubt.";
    allow: "allow" | "erlauben";
    block: "block" | "sperren";
    both: "allow and block" | "erlauben und sperren";
    kind: "Effect" | "Wirkung";
    pattern: "Sender" | "Absender";
    pattern_hint: "An address, a domain, *.domain, an address with *, or an IP network." | "Eine Adresse, eine Domäne, *.Domäne, eine Adresse mit * oder ein IP-Netz.";
    note: "Note" | "Notiz";
    note_hint: "Why it is here, for who reads it later." | "Warum der Eintrag hier ist, für spätere Leser.";
    by: "By" | "Von";
    made: "Since" | "Seit";
    origin: "Made" | "Entstanden";
    by_hand: "by hand or with an action" | "von Hand oder mit einer Aktion";
    correspondent: "by writing there" | "durch Schreiben dorthin";
    by_challenge: "by answering a challenge" | "durch Antwort auf eine Nachfrage";
    add: "Add" | "Hinzufügen";
    add_one: "Add an entry" | "Eintrag hinzufügen";
    add_many: "Add many at once" | "Viele auf einmal hinzufügen";
    lines: "One sender in a line" | "Ein Absender pro Zeile";
    lines_hint: "At most 1000 lines. Empty lines and what begins with # are passed over." | "Höchstens 1000 Zeilen. Leere Zeilen und solche, die mit # beginnen, werden übergangen.";
    added: "{n} was added." | "{n} wurde hinzugefügt.";
    removed: "{n} removed." | "{n} entfernt.";
    none_removed: "Nothing was removed: choose entries first." | "Nichts wurde entfernt: Wählen Sie zuerst Einträge aus.";
    no_lines: "There was no line to add." | "Es gab keine Zeile zum Hinzufügen.";
    remove_chosen: "Remove the chosen" | "Ausgewählte entfernen";
    choose: "Choose" | "Auswählen";
    filter: "Words in sender, note, or who made it" | "Wörter aus Absender, Notiz oder Urheber";
    empty: "The list is empty." | "Die Liste ist leer.";
    result: "What came of each line" | "Was aus jeder Zeile wurde";
    line: "Line" | "Zeile";
    came: "Result" | "Ergebnis";
    line_added: "added" | "hinzugefügt";
    all_added: "{n} added." | "{n} hinzugefügt.";
    some_failed: "{n} could not be added." | "{n} konnten nicht hinzugefügt werden.";
    too_many: "At most 1000 lines can be added at once. Nothing was added." | "Höchstens 1000 Zeilen auf einmal. Nichts wurde hinzugefügt.";
    policy_link: "Policy of this scope" | "Regeln dieses Bereichs";
    used: "Used" | "Benutzt";
    last: "Last" | "Zuletzt";
    never: "never" | "nie";
    until: "Expires" | "Läuft ab";
    until_hint: "The last day on which it counts; empty for always." | "Der letzte Tag, an dem er gilt; leer für immer.";
}
