//! The words of the own account, and of what has to be proved again.

words! {
    lead: "How you sign in, where you are signed in, and who may act for you." | "Wie Sie sich anmelden, wo Sie angemeldet sind und wer für Sie handeln darf.";
    act_as: "Act as" | "Handeln als";
    switch: "Switch" | "Wechseln";
    switched: "You act as {n} now." | "Sie handeln jetzt als {n}.";
    acting_lead: "You may act for more than yourself. What you do is written down under your own name." | "Sie dürfen nicht nur für sich selbst handeln. Was Sie tun, wird unter Ihrem eigenen Namen vermerkt.";

    password_change: "Change the password" | "Passwort ändern";
    password_old: "Password now" | "Bisheriges Passwort";
    password_new: "New password" | "Neues Passwort";
    password_again: "New password again" | "Neues Passwort noch einmal";
    password_hint: "At least 8 characters. All other sessions end." | "Mindestens 8 Zeichen. Alle anderen Sitzungen enden.";
    password_changed: "The password was changed. All other sessions have ended." | "Das Passwort wurde geändert. Alle anderen Sitzungen sind beendet.";
    password_wrong: "The password now is wrong. Nothing was changed." | "Das bisherige Passwort ist falsch. Nichts wurde geändert.";
    password_differ: "The two new passwords differ. Nothing was changed." | "Die beiden neuen Passwörter sind verschieden. Nichts wurde geändert.";
    password_none: "This account has no password of its own here: you sign in with the password of your mail server, or by a mailed link." | "Dieses Konto hat hier kein eigenes Passwort: Sie melden sich mit dem Passwort Ihres Mailservers an oder mit einem Link per E-Mail.";

    second: "Second factor" | "Zweiter Faktor";
    second_lead: "A code from an app on your phone, asked for besides the password. Who steals your password alone cannot get in." | "Ein Code aus einer App auf Ihrem Telefon, der zusätzlich zum Passwort verlangt wird. Wer nur Ihr Passwort stiehlt, kommt nicht hinein.";
    second_off: "Not set up." | "Nicht eingerichtet.";
    second_since: "Set up on {n}." | "Eingerichtet am {n}.";
    second_set_up: "Set up a second factor" | "Zweiten Faktor einrichten";
    second_replace: "Move to another device" | "Auf ein anderes Gerät umziehen";
    second_turn_off: "Turn off" | "Ausschalten";
    second_is_off: "The second factor is off." | "Der zweite Faktor ist ausgeschaltet.";
    second_must: "Your role asks for a second factor. Please set it up first." | "Ihre Rolle verlangt einen zweiten Faktor. Bitte richten Sie ihn zuerst ein.";
    second_scan: "Scan the picture with an authenticator app, or type the secret there." | "Scannen Sie das Bild mit einer Authenticator-App oder geben Sie dort das Geheimnis ein.";
    second_picture: "Picture for the authenticator app" | "Bild für die Authenticator-App";
    second_secret: "Secret" | "Geheimnis";
    second_confirm: "Code that the app shows now" | "Code, den die App jetzt zeigt";
    second_done: "The second factor is set up." | "Der zweite Faktor ist eingerichtet.";
    second_wrong: "That code does not fit. Scan the new picture and try again." | "Dieser Code passt nicht. Scannen Sie das neue Bild und versuchen Sie es erneut.";
    turn_on: "Turn on" | "Einschalten";
    go_on: "Go on" | "Weiter";

    recovery: "Recovery codes" | "Wiederherstellungscodes";
    recovery_left: "{n} recovery codes are left. Each lets you in once without your device." | "{n} Wiederherstellungscodes sind übrig. Jeder lässt Sie einmal ohne Ihr Gerät hinein.";
    recovery_keep: "Keep these codes where your phone is not. Each lets you in once." | "Bewahren Sie diese Codes nicht auf Ihrem Telefon auf. Jeder lässt Sie einmal hinein.";
    recovery_new: "Make new codes" | "Neue Codes erzeugen";
    recovery_made: "These are your new recovery codes. The old ones no longer hold." | "Das sind Ihre neuen Wiederherstellungscodes. Die alten gelten nicht mehr.";

    sessions: "Where you are signed in" | "Wo Sie angemeldet sind";
    session_this: "this session" | "diese Sitzung";
    session_begun: "Begun" | "Begonnen";
    session_seen: "Last used" | "Zuletzt benutzt";
    session_from: "From" | "Von";
    session_browser: "Browser" | "Browser";
    session_end: "End" | "Beenden";
    session_ended: "The session has ended." | "Die Sitzung ist beendet.";
    everywhere: "Sign out everywhere" | "Überall abmelden";

    delegates: "Who may act for me" | "Wer für mich handeln darf";
    delegates_lead: "They see your held mail and act on it as you do. Their name stands in the history." | "Sie sehen Ihre zurückgehaltenen Nachrichten und handeln damit wie Sie. Ihr Name steht im Verlauf.";
    delegates_none: "Nobody but you." | "Niemand außer Ihnen.";
    delegate_add: "Let act for me" | "Für mich handeln lassen";
    delegate_hint: "An address of your domain that has an account here." | "Eine Adresse Ihrer Domäne, die hier ein Konto hat.";
    delegate_added: "{n} may act for you now." | "{n} darf jetzt für Sie handeln.";
    delegate_gone: "{n} may no longer act for you." | "{n} darf nicht mehr für Sie handeln.";
    delegate_unknown: "There is no account {n}." | "Es gibt kein Konto {n}.";
    given: "Given to me" | "Mir übertragen";
    give_up: "Give up" | "Abgeben";
    given_up: "Given up." | "Abgegeben.";
    by: "by" | "von";

    prove: "Is it you?" | "Sind Sie es?";
    prove_password: "Before keys, passwords or rights are changed, please type your password once more." | "Bevor Schlüssel, Passwörter oder Rechte geändert werden, geben Sie bitte Ihr Passwort noch einmal ein.";
    prove_code: "Before keys, passwords or rights are changed, please type a code of your second factor." | "Bevor Schlüssel, Passwörter oder Rechte geändert werden, geben Sie bitte einen Code Ihres zweiten Faktors ein.";
    prove_link: "Who signed in by a mailed link and has no password signs out and in again." | "Wer sich mit einem Link per E-Mail angemeldet hat und kein Passwort besitzt, meldet sich ab und neu an.";
    prove_wrong: "That was wrong. Please try again." | "Das war falsch. Bitte versuchen Sie es erneut.";
}
