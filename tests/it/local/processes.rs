//! What Linux says of the processes of this machine.

use std::collections::BTreeSet;
use std::fs;

pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) parent: i32,
    state: String,
}

pub(super) fn processes() -> Vec<Process> {
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    numbers
        .filter_map(|pid: i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name before the last bracket may hold anything.
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
            Some(Process { pid, state: fields.next()?.to_owned(), parent: fields.next()?.parse().ok()? })
        })
        .collect()
}

/// Ended; its parent need not have asked for its status.
pub(super) fn is_gone(pid: i32) -> bool {
    processes().iter().all(|process| process.pid != pid || process.state == "Z")
}

/// The local addresses, in the spelling of /proc/net/tcp, on which a process listens.
pub(super) fn listening_addresses(pid: i32) -> BTreeSet<String> {
    let sockets: BTreeSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| {
            fs::read_link(entry.unwrap().path()).ok()?.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned)
        })
        .collect();
    let mut addresses = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // 0A is LISTEN.
            if fields[3] == "0A" && sockets.contains(fields[9]) {
                addresses.insert(fields[1].split(':').next().unwrap().to_owned());
            }
        }
    }
    addresses
}
