//! The scanners of others as Debian packages them, each with its own small configuration.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::wait::until;

/// A program of ours, ended when dropped.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Some are parents of others, and end those when asked politely alone.
        let asked = i32::try_from(self.0.id()).map(|pid| {
            let pid = nix::unistd::Pid::from_raw(pid);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)
        });
        if asked.is_ok() {
            for _try in 0..50 {
                if matches!(self.0.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        }
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

fn start(command: &mut Command) -> Running {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    Running(quiet.stderr(Stdio::null()).spawn().expect("it starts"))
}

fn answers(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Scanners drop their rights.
fn open_to_all(dir: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(dir).expect("folder");
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o777)).expect("rights");
}

/// clamd, which finds these words. Nothing is downloaded.
pub(crate) fn start_clamd(dir: &Path, port: u16, words: &[&str]) -> Running {
    open_to_all(dir);
    let data = dir.join("db");
    std::fs::create_dir_all(&data).expect("folder");
    let mut signatures = String::new();
    for (number, word) in words.iter().enumerate() {
        let hex: String = word.bytes().map(|b| format!("{b:02x}")).collect();
        signatures.push_str(&format!("Quaranta.Test{number}:0:*:{hex}\n"));
    }
    std::fs::write(data.join("test.ndb"), signatures).expect("file");
    let config = dir.join("clamd.conf");
    let text = format!(
        "Foreground yes\nDatabaseDirectory {}\nTCPSocket {port}\nTCPAddr 127.0.0.1\n\
         TemporaryDirectory {}\nStreamMaxLength 1M\n",
        data.display(),
        dir.display()
    );
    std::fs::write(&config, text).expect("file");
    let running = start(Command::new("/usr/sbin/clamd").arg("-c").arg(&config));
    until("clamd listens", || answers(port));
    running
}

/// spamd, which gives 4.5 points for "remarkable offer" and may be taught.
pub(crate) fn start_spamd(dir: &Path, port: u16) -> Running {
    open_to_all(dir);
    let rules = dir.join("rules");
    std::fs::create_dir_all(&rules).expect("folder");
    let own = format!(
        "loadplugin Mail::SpamAssassin::Plugin::Check\n\
         loadplugin Mail::SpamAssassin::Plugin::Bayes\nutil_rb_tld test\n\
         required_score 5\nbody TEST_WORD /remarkable offer/\nscore TEST_WORD 4.5\n\
         describe TEST_WORD a word\nuse_bayes 1\nbayes_auto_learn 0\nbayes_path {}/bayes\n\
         bayes_file_mode 0666\nskip_rbl_checks 1\n",
        dir.display()
    );
    std::fs::write(rules.join("local.cf"), own).expect("file");
    let running = start(
        Command::new("spamd")
            .args([
                "--local",
                "--nouser-config",
                "--allow-tell",
                "--max-children=2",
                "--syslog=null",
                "--listen",
            ])
            .arg(format!("127.0.0.1:{port}"))
            .arg("--siteconfigpath")
            .arg(&rules)
            .arg("--configpath")
            .arg(&rules)
            .arg("--helper-home-dir")
            .arg(dir),
    );
    until("spamd listens", || answers(port));
    running
}

/// rspamd, one that scans at `port`, and gives 5 points for "remarkable offer", and one that learns at
/// the next from whoever knows the word in the file `password`. Where one does both, its
/// processes make its database at the same time, and may lock each other out for good.
pub(crate) fn start_rspamd(dir: &Path, port: u16) -> [Running; 2] {
    open_to_all(dir);
    std::fs::write(dir.join("password"), "sesame\n").expect("file");
    let rules = "rspamd_config:register_symbol({ name = 'TEST_WORD', score = 5.0, description = 'a word',\n\
         callback = function(task) if task:get_content():find('remarkable offer') then return true, 1.0, 'offer' end end })\n\
         rspamd_config:set_metric_symbol({ name = 'TEST_WORD', score = 5.0, description = 'a word' })\n";
    let learner = format!(
        "classifier {{ bayes {{ tokenizer {{ name = \"osb\"; }} backend = \"sqlite3\"; min_learns = 1; cache {{ type = \"sqlite3\"; path = \"{0}/cache.sqlite\"; }}\n\
           statfile {{ symbol = \"BAYES_SPAM\"; path = \"{0}/spam.sqlite\"; spam = true; }}\n\
           statfile {{ symbol = \"BAYES_HAM\"; path = \"{0}/ham.sqlite\"; spam = false; }} }} }}\n\
         worker {{ type = \"controller\"; bind_socket = \"127.0.0.1:{1}\"; password = \"sesame\"; secure_ip = []; }}\n",
        dir.display(),
        port + 1
    );
    let scanner =
        format!("worker {{ type = \"normal\"; bind_socket = \"127.0.0.1:{port}\"; count = 1; }}\n");
    let both = [("scanner", scanner), ("learner", learner)].map(|(name, workers)| {
        let dir = dir.join(name);
        open_to_all(&dir);
        std::fs::write(dir.join("rules.lua"), rules).expect("file");
        let text = format!(
            "options {{ pidfile = \"{0}/pid\"; tempdir = \"{0}\"; hs_cache_dir = \"{0}\"; dns {{ nameserver = [\"127.0.0.1:1\"]; timeout = 0.1s; retransmits = 1; }} filters = \"\"; }}\n\
             logging {{ type = \"file\"; filename = \"{0}/log\"; level = \"info\"; }}\n\
             lua = \"{0}/rules.lua\";\n\
             actions {{ reject = 15; }}\n{workers}",
            dir.display()
        );
        let config = dir.join("rspamd.conf");
        std::fs::write(&config, text).expect("file");
        let args = ["--no-fork", "--insecure", "--config"];
        start(Command::new("rspamd").args(args).arg(&config))
    });
    until("rspamd listens", || answers(port) && answers(port + 1));
    both
}
