//! The words of what was set by whom, and of what is owed.

words! {
    lead: "What was set, by whom, when and from where; who signed in, and who opened others' mail." | "Was eingestellt wurde, von wem, wann und von wo; wer sich angemeldet und wer fremde Nachrichten geöffnet hat.";
}
