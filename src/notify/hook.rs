//! The alert hook: a program that gets one line of JSON. Never in the path of a mail.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::net::listen::Closing;

/// Alerts that wait at most; more are dropped, and logged.
const WAITING_MOST: usize = 100;
/// How often it is looked whether the program has ended.
const EVERY: Duration = Duration::from_millis(50);

/// Tells alerts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hook(mpsc::Sender<serde_json::Value>);

/// Runs the program for one alert after the other.
pub struct Runner {
    command: Vec<String>,
    time: Duration,
    alerts: mpsc::Receiver<serde_json::Value>,
}

impl Hook {
    /// The two ends, for the program with its arguments in `command`, which may run for
    /// `time` at a time; `None` without a program.
    #[must_use]
    pub fn new(command: &[String], time: Duration) -> Option<(Self, Runner)> {
        if command.is_empty() {
            return None;
        }
        let (sender, alerts) = mpsc::channel(WAITING_MOST);
        let runner = Runner {
            command: command.to_vec(),
            time,
            alerts,
        };
        Some((Self(sender), runner))
    }

    /// Tells an alert; does not wait.
    pub fn tell(&self, alert: serde_json::Value) {
        if let Err(error) = self.0.try_send(alert) {
            tracing::error!(%error, "an alert was dropped: too many are waiting");
        }
    }
}

impl Runner {
    /// Runs the program for each alert, until the doors close.
    pub async fn run(mut self, mut stop: Closing) {
        loop {
            let alert = tokio::select! {
                () = stop.wait() => return,
                alert = self.alerts.recv() => alert,
            };
            let Some(alert) = alert else { return };
            let ended = tokio::select! {
                () = stop.wait() => return,
                ended = self.run_once(&alert) => ended,
            };
            if let Err(error) = ended {
                let program = self.command.first();
                tracing::error!(?program, %error, "the alert command failed");
            }
        }
    }

    async fn run_once(&self, alert: &serde_json::Value) -> std::io::Result<()> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Ok(());
        };
        let child = Command::new(program)
            .args(arguments)
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut child = Ended(child);
        if let Some(mut stdin) = child.0.stdin.take() {
            // A short line: it has room in the pipe, whether somebody reads it or not.
            stdin.write_all(format!("{alert}\n").as_bytes())?;
        }
        let deadline = Instant::now() + self.time;
        while Instant::now() < deadline {
            if let Some(status) = child.0.try_wait()? {
                if !status.success() {
                    tracing::warn!(program, %status, "the alert command failed");
                }
                return Ok(());
            }
            sleep(EVERY).await;
        }
        tracing::error!(program, "the alert command took too long, and was ended");
        Ok(())
    }
}

/// A program that does not outlive its turn.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::listen::closing;

    #[tokio::test]
    async fn se18_the_alert_command_gets_a_line_and_does_not_stay() {
        let dir = tempfile::tempdir().expect("dir");
        let file = dir.path().join("alerts");
        let script = format!(
            "read line; echo \"$line\" >> {}; exec sleep 600",
            file.display()
        );
        let command: Vec<String> = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
        let (hook, runner) = Hook::new(&command, Duration::from_millis(500)).expect("a command");
        let (closer, closing) = closing();
        let running = tokio::spawn(runner.run(closing));
        for sender in ["alice", "bob"] {
            hook.tell(serde_json::json!({ "sender": sender }));
        }
        let mut told = String::new();
        for _ in 0..400 {
            told = std::fs::read_to_string(&file).unwrap_or_default();
            if told.lines().count() == 2 {
                break;
            }
            sleep(EVERY).await;
        }
        assert_eq!(told, "{\"sender\":\"alice\"}\n{\"sender\":\"bob\"}\n");
        closer.close();
        drop(hook);
        running.await.expect("it ends");
        assert!(Hook::new(&[], Duration::ZERO).is_none());
    }
}
