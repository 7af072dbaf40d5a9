//! The words of the reinsertion, of sealing keys, and of API keys.

words! {
    lead: "Released mail is handed to these hosts by SMTP under a token, and passes the filter once on its way back." | "Freigegebene Nachrichten werden diesen Rechnern per SMTP mit einem Token übergeben und kommen auf dem Rückweg einmal durch den Filter.";
    hosts: "Hosts" | "Rechner";
    hosts_in: "for incoming mail" | "für eingehende Nachrichten";
    hosts_out: "for outgoing mail" | "für ausgehende Nachrichten";
    hosts_none: "No host is known: released mail cannot be handed in." | "Kein Rechner bekannt: Freigegebene Nachrichten können nicht übergeben werden.";
    test: "Test the hosts" | "Rechner prüfen";
    test_hint: "Connects as a release would, and leaves without sending anything." | "Verbindet sich wie bei einer Freigabe und geht, ohne etwas zu senden.";
    test_good: "answers" | "antwortet";
    test_bad: "cannot be used" | "nicht benutzbar";
    test_tls: "with TLS" | "mit TLS";
    test_plain: "without TLS" | "ohne TLS";
    test_size: "takes messages up to {n}" | "nimmt Nachrichten bis {n}";

    ring: "Reinsertion keys" | "Schlüssel der Wiedereinspeisung";
    ring_lead: "Tokens are signed with the key in use. After a change the key before holds until tokens that are under way have come back." | "Token werden mit dem aktuellen Schlüssel unterschrieben. Nach einem Wechsel gilt der vorige, bis Token zurück sind, die schon unterwegs sind.";
    id: "Number" | "Nummer";
    made: "Made" | "Erzeugt";
    until: "Holds until" | "Gilt bis";
    in_use: "in use" | "in Gebrauch";
    expired: "expired" | "abgelaufen";
    secret: "Key" | "Schlüssel";
    show: "Show the keys" | "Schlüssel anzeigen";
    hide: "Hide the keys" | "Schlüssel verbergen";
    rotate: "Make a new key" | "Neuen Schlüssel erzeugen";
    rotate_hint: "Do so when the key may be known to others." | "Tun Sie das, wenn andere den Schlüssel kennen könnten.";
    rotated: "Key {n} is in use now." | "Schlüssel {n} ist jetzt in Gebrauch.";

    seals: "Sealing keys" | "Siegelschlüssel";
    seals_lead: "With these keys mail is sealed (ARC) after its subject was marked. The record must stand in the DNS." | "Mit diesen Schlüsseln werden Nachrichten gesiegelt (ARC), nachdem ihr Betreff markiert wurde. Der Eintrag muss im DNS stehen.";
    seals_none: "No domain has a sealing key." | "Keine Domäne hat einen Siegelschlüssel.";
    record_name: "DNS name (TXT)" | "DNS-Name (TXT)";
    record: "Record" | "Eintrag";
    selector: "Selector" | "Selektor";
    selector_hint: "The key is published at SELECTOR._domainkey.DOMAIN." | "Der Schlüssel wird unter SELEKTOR._domainkey.DOMÄNE veröffentlicht.";
    selector_wrong: "A selector has letters, digits and hyphens, such as s2026." | "Ein Selektor hat Buchstaben, Ziffern und Bindestriche, etwa s2026.";
    domain: "Domain" | "Domäne";
    algorithm: "Kind" | "Art";
    rsa: "RSA, known to every verifier" | "RSA, jedem Prüfer bekannt";
    ed25519: "Ed25519, unknown to many" | "Ed25519, vielen unbekannt";
    seal_make: "Make a sealing key" | "Siegelschlüssel erzeugen";
    seal_make_hint: "It takes the place of the domain's key. Publish its record before mail is sealed with it." | "Er ersetzt den Schlüssel der Domäne. Veröffentlichen Sie seinen Eintrag, bevor damit gesiegelt wird.";
    seal_made: "{n} has a new sealing key. Publish the record below." | "{n} hat einen neuen Siegelschlüssel. Veröffentlichen Sie den Eintrag unten.";
    seal_remove: "Remove the key" | "Schlüssel entfernen";
    seal_removed: "{n} seals no longer." | "{n} siegelt nicht mehr.";
    damaged: "The key is damaged; make a new one." | "Der Schlüssel ist beschädigt; erzeugen Sie einen neuen.";

    api_lead: "Keys for programs that use the HTTP API. A key never does more than its maker, and less when its maker has less later." | "Schlüssel für Programme, die die HTTP-API benutzen. Ein Schlüssel darf nie mehr als wer ihn erzeugt hat, und weniger, sobald dieser weniger darf.";
    api_none: "There is no key yet." | "Es gibt noch keinen Schlüssel.";
    api_make: "Make a key" | "Schlüssel erzeugen";
    api_name: "What it is for" | "Wofür er ist";
    api_rights: "It may" | "Er darf";
    api_rights_hint: "Without a tick it only reads entries and the log, without content. Who says where mail goes can have it sent elsewhere: tick that only where it is needed." | "Ohne Haken liest er nur Einträge und Protokoll, ohne Inhalte. Wer bestimmt, wohin Nachrichten gehen, kann sie umleiten: Setzen Sie diesen Haken nur, wo es nötig ist.";
    api_expires: "Expires on" | "Läuft ab am";
    api_expires_hint: "Empty for never." | "Leer für nie.";
    api_expires_wrong: "That is not a day in the future." | "Das ist kein Tag in der Zukunft.";
    api_networks: "From these networks only" | "Nur aus diesen Netzen";
    api_networks_hint: "One in a line, as 192.0.2.0/24. Empty for everywhere." | "Eines pro Zeile, etwa 192.0.2.0/24. Leer für überall.";
    api_network_wrong: "{n} is not a network." | "{n} ist kein Netz.";
    api_made: "The key {n} was made:" | "Der Schlüssel {n} wurde erzeugt:";
    api_removed: "The key was removed; it holds no longer." | "Der Schlüssel wurde entfernt und gilt nicht mehr.";
    api_by: "By" | "Von";
    api_used: "Last used" | "Zuletzt benutzt";
    never: "never" | "nie";
    everywhere: "everywhere" | "überall";
}
