//! The words behind links in letters, and of what people set about their digests.

words! {
    gone: "This link is not valid any more" | "Dieser Link gilt nicht mehr";
    gone_lead: "It was used up, it is too old, or it is not whole. What is held for you is in the panel." | "Er ist verbraucht, zu alt oder unvollständig. Was für Sie aufbewahrt wird, finden Sie in der Oberfläche.";
    to_panel: "Open the panel" | "Oberfläche öffnen";
    lead: "Nothing has been done yet. Press the button if this is what you want." | "Noch ist nichts geschehen. Drücken Sie den Knopf, wenn Sie das möchten.";
    for_whom: "For" | "Für";
    blacklist: "Block sender" | "Absender sperren";
    take_back: "Undo" | "Rückgängig";

    was_held: "The message is held again." | "Die Nachricht wird wieder zurückgehalten.";
    was_released: "The message is on its way." | "Die Nachricht ist unterwegs.";
    was_trained: "The message is on its way, and the filter learns from it." | "Die Nachricht ist unterwegs, und der Filter lernt daraus.";
    was_allowed: "The message is on its way, and its sender is allowed from now on." | "Die Nachricht ist unterwegs, und ihr Absender ist von jetzt an erlaubt.";
    was_removed: "The message is removed." | "Die Nachricht ist entfernt.";
    was_blocked: "The message is removed, and its sender is blocked from now on." | "Die Nachricht ist entfernt, und ihr Absender ist von jetzt an gesperrt.";
    approve: "Grant the release" | "Freigabe gewähren";
    was_denied: "The request is denied. Who asked is told." | "Die Bitte ist abgelehnt. Wer gebeten hat, erfährt es.";
    was_requested: "You may not do that yourself. Those who may were asked." | "Das dürfen Sie nicht selbst. Wer es darf, wurde gebeten.";
    not_possible: "That is not possible any more." | "Das ist nicht mehr möglich.";
    state_held: "It is held." | "Sie wird zurückgehalten.";
    state_leaving: "It was released and is on its way." | "Sie wurde freigegeben und ist unterwegs.";
    state_released: "It was delivered." | "Sie wurde zugestellt.";
    state_removed: "It was removed." | "Sie wurde entfernt.";
    state_expired: "Its time is over, and it is gone." | "Ihre Zeit ist abgelaufen, sie ist nicht mehr da.";

    digests: "Digests of held mail" | "Übersichten zurückgehaltener Nachrichten";
    digests_lead: "A letter from time to time that lists what was held for you since the last one." | "Ein Brief von Zeit zu Zeit, der aufzählt, was seit dem letzten für Sie zurückgehalten wurde.";
    subscribed: "Digests are sent to {n} from time to time." | "An {n} gehen von Zeit zu Zeit Übersichten.";
    unsubscribed: "No digests are sent to {n}." | "An {n} gehen keine Übersichten.";
    unsubscribe: "Send no more" | "Keine mehr senden";
    subscribe: "Send them again" | "Wieder senden";
    often: "How often" | "Wie oft";
    often_inherit: "as set for everybody ({n})" | "wie für alle eingestellt ({n})";
    often_never: "never" | "nie";
    often_hourly: "every hour" | "jede Stunde";
    often_daily: "every day at 7:00" | "jeden Tag um 7 Uhr";
    often_weekly: "once a week at 7:00" | "einmal in der Woche um 7 Uhr";
    often_hours: "at these hours:" | "zu diesen Stunden:";
    hours: "Hours" | "Stunden";
    hours_hint: "As in 7,12,17." | "Wie 7,12,17.";
    days: "Days" | "Tage";
    mon: "Mon" | "Mo";
    tue: "Tue" | "Di";
    wed: "Wed" | "Mi";
    thu: "Thu" | "Do";
    fri: "Fri" | "Fr";
    sat: "Sat" | "Sa";
    sun: "Sun" | "So";
    zone: "Time zone" | "Zeitzone";
    zone_hint: "As in Europe/Berlin." | "Wie Europe/Berlin.";
    language: "Language" | "Sprache";
    with_caught: "with what was caught" | "mit Abgefangenem";
    with_pending: "with what waits for you to know its sender" | "mit dem, was wartet, bis Sie den Absender zulassen";
    saved: "Your digests are set." | "Ihre Übersichten sind eingestellt.";
    wrong: "That cannot be taken: {n}. Nothing was changed." | "Das geht so nicht: {n}. Nichts wurde geändert.";
    send_now: "Send one now" | "Jetzt eine senden";
    sending: "A digest will come to your mailbox in a moment, once in ten minutes at most." | "Eine Übersicht kommt gleich in Ihr Postfach, höchstens eine in zehn Minuten.";
}
