//! What an administrator asks of the learner: to learn, to show its lessons, to take them back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Control, ROWS_MOST, Request};
use crate::actions::Refusal;
use crate::policy::Principal;

/// Octets of a piece of an export: in base64 it fits into a request.
pub const PIECE: u64 = 512 << 10;

impl Control {
    pub(super) async fn ask_learner(
        &self,
        by: &Principal,
        request: Request,
    ) -> Result<Value, Refusal> {
        let Some(learner) = self.learner.clone() else {
            return Err(Refusal::Bad("nobody learns here".to_owned()));
        };
        let (who, now) = (by.who.clone(), self.desk.now());
        // The journal is read and written, so it is not done on a thread that serves others.
        let asked = tokio::task::spawn_blocking(move || match request {
            Request::Train { mails } => {
                let lessons: Vec<_> = mails
                    .iter()
                    .filter_map(|bulk| bulk.taught(&who, now))
                    .collect();
                let learned = lessons.len();
                let moved = learner.teach(lessons)?;
                Ok(json!({ "learned": learned, "moved": moved, "damaged": mails.len() - learned }))
            }
            Request::Lessons { which, most } => {
                let lessons = learner.lessons(&which, most.min(ROWS_MOST));
                serde_json::to_value(lessons).map_err(std::io::Error::other)
            }
            Request::LessonsUndo { which } => {
                let undone = learner.undo(&which, &who, now)?;
                tracing::info!(by = %who, undone, "lessons were taken back");
                Ok(json!({ "undone": undone }))
            }
            Request::LessonsExport { at } => {
                let piece = learner.piece(at, PIECE)?;
                let octets = STANDARD.encode(piece.octets);
                Ok(json!({ "mark": piece.mark, "length": piece.length, "octets": octets }))
            }
            Request::LessonsSend { at, octets } => {
                let octets = STANDARD.decode(octets).map_err(std::io::Error::other)?;
                learner.receive(at, &octets)?;
                Ok(json!({ "received": octets.len() }))
            }
            Request::LessonsImport => {
                let held = learner.import()?;
                tracing::info!(by = %who, lessons = held.lessons, "lessons were imported in the place of all others");
                serde_json::to_value(held).map_err(std::io::Error::other)
            }
            other => Err(std::io::Error::other(format!(
                "not a request about lessons: {other:?}"
            ))),
        });
        match asked.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Refusal::Failed(error.to_string())),
            Err(error) => Err(Refusal::Failed(error.to_string())),
        }
    }
}
