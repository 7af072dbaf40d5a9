//! Programs that are measured beside us: started on loopback, their CPU time read from the system.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// Longest wait for a program to listen, and to come to rest after its start.
const PATIENCE: Duration = Duration::from_secs(180);
/// A program that used no CPU time for so long is done with what it does at its start.
const STILL: Duration = Duration::from_secs(3);

/// A program of ours, ended with its children when dropped.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self(quiet.stderr(Stdio::null()).spawn()?))
    }

    /// CPU milliseconds of the program and all its children until now.
    pub(super) fn cpu_ms(&self) -> io::Result<f64> {
        let ticks = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100) as f64;
        let all: HashMap<u32, Process> = std::fs::read_dir("/proc")?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, Process::of(pid)?)))
            .collect();
        let ours = |mut pid: u32| loop {
            if pid == self.0.id() {
                return true;
            }
            match all.get(&pid) {
                Some(process) if process.parent != pid => pid = process.parent,
                _ => return false,
            }
        };
        let sum: u64 = all
            .iter()
            .filter(|(pid, _)| ours(**pid))
            .map(|(_, process)| process.ticks)
            .sum();
        Ok(sum as f64 * 1e3 / ticks)
    }

    /// Waits until it listens on `port` and does nothing any more.
    pub(super) fn settle(&mut self, port: u16) -> io::Result<()> {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if start.elapsed() > PATIENCE || self.0.try_wait()?.is_some() {
                return Err(io::Error::other("a program does not start"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let (mut last, mut since) = (self.cpu_ms()?, Instant::now());
        while since.elapsed() < STILL && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(200));
            let now = self.cpu_ms()?;
            // Timers of its own take a little now and then.
            if now - last > 30.0 {
                (last, since) = (now, Instant::now());
            }
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Some are parents of others, and end those when asked politely alone.
        if let Ok(pid) = i32::try_from(self.0.id()) {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        for _try in 0..100 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// A line of /proc/PID/stat.
struct Process {
    parent: u32,
    /// Its own and those of children that ended.
    ticks: u64,
}

impl Process {
    fn of(pid: u32) -> Option<Self> {
        let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in brackets and may hold anything.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |n: usize| fields.get(n)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(1)?).ok()?,
            ticks: (11..15).filter_map(number).sum(),
        })
    }
}

/// True if the program can be run.
pub(super) fn is_installed(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin"])
        .any(|dir| Path::new(dir).join(program).is_file())
}

/// A folder that programs which drop their rights can write to.
pub(super) fn open_folder() -> io::Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777))?;
    Ok(dir)
}

/// A port that nobody listens on now.
pub(super) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Says `octets` to a server and reads until it closes.
pub(super) fn exchange(port: u16, octets: &[u8], closes: bool) -> io::Result<Vec<u8>> {
    let mut wire = TcpStream::connect(("127.0.0.1", port))?;
    wire.set_read_timeout(Some(Duration::from_secs(120)))?;
    wire.write_all(octets)?;
    if closes {
        wire.shutdown(Shutdown::Write)?;
    }
    let mut answer = Vec::new();
    wire.read_to_end(&mut answer)?;
    Ok(answer)
}

/// A name server that knows no name and says so at once; gives its port.
pub(super) fn empty_dns() -> io::Result<u16> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let port = socket.local_addr()?.port();
    std::thread::spawn(move || {
        let mut question = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            if length < 12 {
                continue;
            }
            // An answer, recursion available, NXDOMAIN (RFC 1035 section 4.1.1). The EDNS record
            // behind the question goes back too: rspamd passes over answers of some 28 octets.
            question[2] |= 0x80;
            question[3] = 0x83;
            let _gone = socket.send_to(&question[..length], from);
        }
    });
    Ok(port)
}
