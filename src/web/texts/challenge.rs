//! The words of the pages for senders: who is asked to show that somebody is there, and who appeals.

words! {
    title: "Is somebody there?" | "Ist jemand da?";
    lead: "A message in your name waits at {n}. Show that a person sent it, and it is delivered, like all that you send there from now on." | "Eine Nachricht in Ihrem Namen wartet bei {n}. Zeigen Sie, dass ein Mensch sie geschickt hat, dann wird sie zugestellt, ebenso wie alles, was Sie künftig dorthin schicken.";
    why_little: "What the message says, and to whom it went, is not shown here: whoever has this link could read it." | "Was in der Nachricht steht und an wen sie ging, wird hier nicht gezeigt: Jeder, der diesen Link hat, könnte es lesen.";
    picture_alt: "A picture with six characters. If you cannot see it, use the button further down instead." | "Ein Bild mit sechs Zeichen. Wenn Sie es nicht sehen können, benutzen Sie stattdessen den Knopf weiter unten.";
    characters: "Characters in the picture" | "Zeichen im Bild";
    characters_hint: "Letters and digits; capitals or not makes no difference." | "Buchstaben und Ziffern; groß oder klein ist gleich.";
    work_lead: "You cannot read the picture? Let your device solve a task instead. It takes some seconds." | "Sie können das Bild nicht lesen? Lassen Sie stattdessen Ihr Gerät eine Aufgabe lösen. Das dauert einige Sekunden.";
    work_start: "Let my device do it" | "Mein Gerät soll es tun";
    work_busy: "Working …" | "Rechnet …";
    work_done: "Solved: now press the button below." | "Gelöst: Drücken Sie jetzt den Knopf darunter.";
    confirm: "Confirm" | "Bestätigen";
    until: "This link can be used until {n}." | "Dieser Link gilt bis {n}.";
    neither: "If you can do neither, reach the recipient in another way: the message can be let through there, too. If you sent no message, close this page." | "Wenn beides nicht geht, erreichen Sie den Empfänger auf anderem Weg: Er kann die Nachricht ebenso durchlassen. Wenn Sie keine Nachricht geschickt haben, schließen Sie diese Seite.";
    wrong: "That was not right. Here is a new picture." | "Das war nicht richtig. Hier ist ein neues Bild.";
    waiting: "There were too many wrong answers. Please open the link again in ten minutes." | "Es gab zu viele falsche Antworten. Bitte öffnen Sie den Link in zehn Minuten noch einmal.";
    gone_title: "This link is of no use" | "Dieser Link ist ohne Wirkung";
    gone: "It is unknown or too old, or the message is no longer there. There is nothing to do here." | "Er ist unbekannt oder zu alt, oder die Nachricht ist nicht mehr da. Hier ist nichts zu tun.";
    done_title: "Thank you" | "Danke";
    done: "It is done: your message is being delivered." | "Es ist erledigt: Ihre Nachricht wird zugestellt.";
    done_more: "You will not be asked again by this recipient. You can close this page." | "Dieser Empfänger fragt Sie nicht noch einmal. Sie können diese Seite schließen.";

    appeal_title: "Your message was refused" | "Ihre Nachricht wurde abgelehnt";
    appeal_lead: "It looked like spam and was not delivered, but it was kept. You can ask those to whom you sent it to take it all the same. They decide." | "Sie sah nach Spam aus und wurde nicht zugestellt, aber aufgehoben. Sie können die, denen Sie sie geschickt haben, bitten, sie dennoch anzunehmen. Sie entscheiden.";
    appeal_why_little: "Who has it is not shown here: whoever has this link could read it. You get no mail about what is decided." | "Wer sie hat, wird hier nicht gezeigt: Jeder, der diesen Link hat, könnte es lesen. Über die Entscheidung bekommen Sie keine Nachricht.";
    words: "What you want to say (may be left out)" | "Was Sie dazu sagen möchten (freiwillig)";
    words_hint: "At most 300 characters, without formatting." | "Höchstens 300 Zeichen, ohne Formatierung.";
    appeal_send: "Ask for it" | "Darum bitten";
    appeal_neither: "If you can do neither, reach the recipient in another way." | "Wenn beides nicht geht, erreichen Sie den Empfänger auf anderem Weg.";
    appeal_done_title: "Your request was passed on" | "Ihre Bitte wurde weitergegeben";
    appeal_done: "This message has been asked for. It can be asked for once; you can close this page." | "Um diese Nachricht wurde gebeten. Das geht einmal; Sie können diese Seite schließen.";

    asked_on: "The sender was asked on {n} to show that somebody is there." | "Der Absender wurde am {n} gebeten zu zeigen, dass jemand da ist.";
    answered_on: "The sender showed on {n} that somebody is there." | "Der Absender hat am {n} gezeigt, dass jemand da ist.";
}
