//! The words of users, what was granted to them, and domains.

words! {
    users: "Users" | "Benutzer";
    domains: "Domains" | "Domänen";
    senders: "Locked senders" | "Gesperrte Absender";
    senders_lead: "Nothing of these senders goes out until they are unlocked. The house locks who sends far more than usual." | "Von diesen Absendern geht nichts hinaus, bis sie entsperrt werden. Das Haus sperrt, wer weit mehr als üblich sendet.";
    senders_none: "No sender is locked." | "Kein Absender ist gesperrt.";
    sender: "Sender" | "Absender";
    sender_hint: "A login, or the address that a relay sends as." | "Ein Anmeldename oder die Adresse, unter der ein Relay sendet.";
    sender_wrong: "Write a login or an address." | "Schreiben Sie einen Anmeldenamen oder eine Adresse.";
    sender_locked: "{n} is locked: nothing of it goes out." | "{n} ist gesperrt: Es geht nichts mehr hinaus.";
    sender_unlocked: "{n} may send again." | "{n} darf wieder senden.";
    lock: "Lock a sender" | "Absender sperren";
    unlock: "Unlock" | "Entsperren";
    locked_since: "Since" | "Seit";
    locked_by: "By" | "Von";
    locked_why: "Why" | "Warum";
    lead: "Accounts that can sign in. The login tells what an account is: global for the whole house, a domain, or an address." | "Konten, die sich anmelden können. Der Anmeldename sagt, was ein Konto ist: global für das ganze Haus, eine Domäne oder eine Adresse.";
    login: "Login" | "Anmeldename";
    role: "Role" | "Rolle";
    password: "Password" | "Passwort";
    has_password: "of its own" | "eigenes";
    no_password: "none here" | "keines hier";
    second: "Second factor" | "Zweiter Faktor";
    changed: "Changed" | "Geändert";
    grants: "Granted" | "Übertragen";
    add_user: "Add a user" | "Benutzer hinzufügen";
    add_hint: "An address, a domain, or global. A password is made up and shown once." | "Eine Adresse, eine Domäne oder global. Ein Passwort wird erzeugt und einmal angezeigt.";
    add: "Add" | "Hinzufügen";
    added: "The account {n} was made. Its password:" | "Das Konto {n} wurde angelegt. Sein Passwort:";
    filter: "Words in the login" | "Wörter aus dem Anmeldenamen";

    role_recipient: "user" | "Benutzer";
    role_domain: "domain administrator" | "Domänenverwaltung";
    role_global: "administrator" | "Verwaltung";
    role_helpdesk: "helpdesk" | "Helpdesk";
    role_auditor: "auditor" | "Prüfer";
    role_house: "the house" | "das Haus";
    role_recipient_hint: "user: acts for an address" | "Benutzer: handelt für eine Adresse";
    role_helpdesk_hint: "helpdesk: sees entries and the log, opens and changes nothing" | "Helpdesk: sieht Einträge und Protokoll, öffnet und ändert nichts";
    role_auditor_hint: "auditor: sees what is set, too, and changes nothing" | "Prüfer: sieht auch die Einstellungen und ändert nichts";
    role_domain_hint: "domain administrator: everything in one domain" | "Domänenverwaltung: alles in einer Domäne";

    right_handle_malware: "open and release malware" | "Schadsoftware öffnen und freigeben";
    right_release_outgoing: "release outgoing mail" | "ausgehende Nachrichten freigeben";
    right_administer: "set accounts, policies, lists" | "Konten, Regeln und Listen ändern";
    right_see_bodies: "open mail" | "Nachrichten öffnen";
    right_act: "act on mail" | "mit Nachrichten handeln";
    right_request_release: "ask for a release" | "um Freigabe bitten";
    right_read_settings: "see what is set" | "Einstellungen sehen";
    right_set_routes: "set domains and where their mail goes" | "Domänen ändern und bestimmen, wohin ihre Nachrichten gehen";

    reset_password: "Make a new password" | "Neues Passwort erzeugen";
    reset_password_hint: "With a new password the old one no longer holds, and all sessions end." | "Mit einem neuen Passwort gilt das alte nicht mehr, und alle Sitzungen enden.";
    password_reset: "The password of {n} was changed to:" | "Das Passwort von {n} wurde geändert zu:";
    sign_out: "Sign out everywhere" | "Überall abmelden";
    signed_out: "{n} was signed out everywhere." | "{n} wurde überall abgemeldet.";
    second_reset: "Take the second factor away" | "Zweiten Faktor entfernen";
    second_reset_hint: "For who lost the device. All sessions end." | "Für Benutzer, die das Gerät verloren haben. Alle Sitzungen enden.";
    second_gone: "The second factor of {n} was taken away." | "Der zweite Faktor von {n} wurde entfernt.";
    remove: "Remove the account" | "Konto entfernen";
    remove_hint: "Its mail stays; its API keys hold no longer." | "Die Nachrichten bleiben; seine API-Schlüssel gelten nicht mehr.";
    removed: "The account {n} was removed." | "Das Konto {n} wurde entfernt.";
    danger: "Lock out and remove" | "Aussperren und entfernen";

    grant_lead: "What this account may do besides its own mail. It holds at once." | "Was dieses Konto außer den eigenen Nachrichten noch darf. Es gilt sofort.";
    grant_none: "Nothing besides its own." | "Nichts außer dem Eigenen.";
    grant_add: "Grant" | "Übertragen";
    grant_scope: "Within" | "Innerhalb von";
    grant_rights: "And besides what the role gives" | "Und über die Rolle hinaus";
    granted: "Granted." | "Übertragen.";
    revoke: "Take back" | "Zurücknehmen";
    revoked: "Taken back." | "Zurückgenommen.";
    given_by: "by" | "von";
    role_wrong: "There is no such role." | "Diese Rolle gibt es nicht.";
    only_addresses: "Only accounts whose login is an address are granted something." | "Nur Konten, deren Anmeldename eine Adresse ist, bekommen etwas übertragen.";
    policy: "Policy" | "Regeln";
    lists: "Lists" | "Listen";

    domains_lead: "Mail for these domains is taken and passed on to their mail servers." | "Nachrichten für diese Domänen werden angenommen und an ihre Mailserver weitergereicht.";
    domain: "Domain" | "Domäne";
    routes: "Mail servers" | "Mailserver";
    routes_hint: "One in a line: host:port, with ,tls=required or ,tls=none and ,priority=10 behind it where needed." | "Einer pro Zeile: Rechner:Port, wo nötig mit ,tls=required oder ,tls=none und ,priority=10 dahinter.";
    imap: "IMAP server for sign-in" | "IMAP-Server für die Anmeldung";
    imap_hint: "Users of the domain sign in with their password there, as mail.example.org:993. Empty for passwords of the house." | "Benutzer der Domäne melden sich mit ihrem dortigen Passwort an, etwa mail.example.org:993. Leer für Passwörter des Hauses.";
    add_domain: "Add a domain" | "Domäne hinzufügen";
    change_domain: "Change" | "Ändern";
    domain_saved: "{n} was saved." | "{n} wurde gespeichert.";
    remove_domain: "Remove the domain" | "Domäne entfernen";
    remove_domain_hint: "Mail for it is refused from then on." | "Nachrichten dorthin werden von da an abgelehnt.";
    domain_removed: "{n} was removed. Mail for it is refused now." | "{n} wurde entfernt. Nachrichten dorthin werden jetzt abgelehnt.";
    domain_wrong: "Write a domain, such as example.org." | "Schreiben Sie eine Domäne, etwa example.org.";
    domain_there: "{n} is there already; change it below." | "{n} gibt es schon; ändern Sie den Eintrag unten.";
}
