//! Host names -> addresses, by `/etc/hosts` and DNS.
//!
//! The system's own resolver loads shared libraries, of which a static file in an empty root has
//! none. This one reads the same two files (hosts(5), resolv.conf(5)) and asks the name servers
//! itself: by UDP, by TCP where an answer is cut short, A and, where the machine has a route for
//! it, AAAA.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const PORT: u16 = 53;
const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
/// The limits of resolv.conf(5), and more aliases than any name has.
const MOST_SERVERS: usize = 3;
const MOST_SEARCHES: usize = 6;
const MOST_ALIASES: usize = 8;

/// Why a name has no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsError {
    /// The name servers know no such name, or no address of it.
    NotFound(String),
    /// The name cannot be asked for.
    NotAName(String),
    /// No name server answered in time, or none had an answer.
    NoAnswer(String),
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(name) => write!(f, "no such host: `{name}` has no address"),
            Self::NotAName(name) => write!(f, "`{name}` is not a host name"),
            Self::NoAnswer(why) => f.write_str(why),
        }
    }
}

/// Looks names up.
#[derive(Debug, Clone)]
pub struct Dns {
    hosts: PathBuf,
    configuration: PathBuf,
    port: u16,
}

impl Default for Dns {
    fn default() -> Self {
        Self { hosts: "/etc/hosts".into(), configuration: "/etc/resolv.conf".into(), port: PORT }
    }
}

/// What resolv.conf(5) says.
#[derive(Debug, PartialEq, Eq)]
struct Configuration {
    servers: Vec<IpAddr>,
    searches: Vec<String>,
    ndots: usize,
    timeout: Duration,
    attempts: u32,
}

impl Configuration {
    fn parse(text: &str) -> Self {
        let mut configuration = Self {
            servers: Vec::new(),
            searches: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
        };
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    // A zone after `%` names a network interface, which `fe80::` alone needs.
                    let address = words.next().and_then(|word| word.split('%').next());
                    if let Some(Ok(address)) = address.map(str::parse) {
                        configuration.servers.push(address);
                    }
                }
                Some("search" | "domain") => {
                    let names = words.map(|name| name.trim_end_matches('.').to_owned());
                    configuration.searches =
                        names.filter(|name| !name.is_empty()).take(MOST_SEARCHES).collect();
                }
                Some("options") => {
                    for (name, value) in words.filter_map(|word| word.split_once(':')) {
                        let Ok(value) = value.parse::<u32>() else { continue };
                        match name {
                            "ndots" => configuration.ndots = value.min(15) as usize,
                            "timeout" => {
                                configuration.timeout =
                                    Duration::from_secs(value.clamp(1, 30).into());
                            }
                            "attempts" => configuration.attempts = value.clamp(1, 5),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        configuration.servers.truncate(MOST_SERVERS);
        if configuration.servers.is_empty() {
            configuration.servers.push(Ipv4Addr::LOCALHOST.into());
        }
        configuration
    }

    /// The full names to ask for, in their order.
    fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let mut names: Vec<String> =
            self.searches.iter().map(|search| format!("{name}.{search}")).collect();
        let is_full = name.matches('.').count() >= self.ndots;
        names.insert(if is_full { 0 } else { names.len() }, name.to_owned());
        names
    }
}

/// What one name server said of one name and type.
enum Answer {
    Addresses(Vec<IpAddr>),
    /// The name is an alias of a name whose address was not told along.
    Alias(String),
    /// There is no such name, or no address of this type.
    Nothing,
}

impl Dns {
    /// The addresses of a host, of which there is at least one.
    ///
    /// # Errors
    /// A [`DnsError`]; it comes before `deadline`.
    pub fn look_up(&self, host: &str, deadline: Instant) -> Result<Vec<IpAddr>, DnsError> {
        let known = self.known(host);
        if !known.is_empty() {
            return Ok(known);
        }
        // It is read again each time, since it may be another one in a restored environment.
        let text = std::fs::read_to_string(&self.configuration).unwrap_or_default();
        let configuration = Configuration::parse(&text);
        let kinds: &[u16] = if has_ipv6() { &[TYPE_AAAA, TYPE_A] } else { &[TYPE_A] };
        for name in configuration.candidates(host) {
            let mut found = Vec::new();
            let mut failure = None;
            for &kind in kinds {
                match self.resolve(&configuration, &name, kind, deadline) {
                    Ok(addresses) => found.extend(addresses),
                    Err(error) => failure = Some(error),
                }
            }
            if !found.is_empty() {
                return Ok(found);
            }
            if let Some(error) = failure {
                return Err(error);
            }
        }
        Err(DnsError::NotFound(host.to_owned()))
    }

    /// The addresses of a host that are known without a name server.
    pub fn known(&self, host: &str) -> Vec<IpAddr> {
        if let Ok(address) = host.parse() {
            return vec![address];
        }
        let hosts = std::fs::read_to_string(&self.hosts).unwrap_or_default();
        let known = addresses_in(&hosts, host);
        if !known.is_empty() {
            return known;
        }
        let plain = host.trim_end_matches('.').to_ascii_lowercase();
        match plain == "localhost" || plain.ends_with(".localhost") {
            true => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            false => Vec::new(),
        }
    }

    /// The addresses of a full name, found by following its aliases; none where it has none.
    fn resolve(
        &self,
        configuration: &Configuration,
        name: &str,
        kind: u16,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, DnsError> {
        let mut name = name.to_owned();
        for _ in 0..MOST_ALIASES {
            match self.ask(configuration, &name, kind, deadline)? {
                Answer::Addresses(addresses) => return Ok(addresses),
                Answer::Nothing => return Ok(Vec::new()),
                Answer::Alias(target) => name = target,
            }
        }
        Err(DnsError::NoAnswer(format!("`{name}` is one of a circle of aliases")))
    }

    /// Asks one name server after the other until one has an answer.
    fn ask(
        &self,
        configuration: &Configuration,
        name: &str,
        kind: u16,
        deadline: Instant,
    ) -> Result<Answer, DnsError> {
        let id = fastrand::u16(..);
        let query = query(id, name, kind).ok_or_else(|| DnsError::NotAName(name.to_owned()))?;
        let mut why = String::from("the time was over");
        for _ in 0..configuration.attempts {
            for &server in &configuration.servers {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let until = Instant::now() + left.min(configuration.timeout);
                let server = SocketAddr::new(server, self.port);
                match exchange(server, &query, until).map(|answer| parse(&answer, &query, kind)) {
                    Ok(Ok(answer)) => return Ok(answer),
                    Ok(Err(problem)) => why = format!("{} {problem}", server.ip()),
                    Err(error) => why = format!("{}: {error}", server.ip()),
                }
            }
        }
        Err(DnsError::NoAnswer(format!("no name server answered for `{name}` ({why})")))
    }
}

/// The addresses that hosts(5) has for a name.
fn addresses_in(hosts: &str, name: &str) -> Vec<IpAddr> {
    hosts
        .lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|known| known.eq_ignore_ascii_case(name)).then_some(address)
        })
        .collect()
}

/// Whether there is a route for IPv6; connecting a datagram socket sends nothing.
fn has_ipv6() -> bool {
    let anywhere = SocketAddr::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(), PORT);
    UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).and_then(|socket| socket.connect(anywhere)).is_ok()
}

/// One question, with recursion desired (RFC 1035, 4.1); `None` for what is no name.
fn query(id: u16, name: &str, kind: u16) -> Option<Vec<u8>> {
    let mut query = Vec::with_capacity(name.len() + 18);
    query.extend(id.to_be_bytes());
    query.extend([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?;
        query.push(length);
        query.extend(label.as_bytes());
    }
    query.push(0);
    query.extend(kind.to_be_bytes());
    query.extend(CLASS_IN.to_be_bytes());
    // A name has at most 255 bytes on the wire.
    (query.len() <= 12 + 255 + 4).then_some(query)
}

fn exchange(server: SocketAddr, query: &[u8], until: Instant) -> io::Result<Vec<u8>> {
    let unspecified: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((unspecified, 0))?;
    socket.connect(server)?;
    socket.send(query)?;
    let mut answer = vec![0; 4096];
    loop {
        socket.set_read_timeout(Some(left(until)?))?;
        let length = match socket.recv(&mut answer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
            }
            other => other?,
        };
        // Only an answer to this very question counts; another one may be late or forged.
        let question = &query[12..];
        let is_ours = length >= query.len()
            && answer[..2] == query[..2]
            && answer[2] & 0x80 != 0
            && answer[12..query.len()].eq_ignore_ascii_case(question);
        let is_refusal = length == 12 && answer[..2] == query[..2] && answer[2] & 0x80 != 0;
        if is_ours && answer[2] & 0x02 != 0 {
            return exchange_by_tcp(server, query, until);
        }
        if is_ours || is_refusal {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

fn exchange_by_tcp(server: SocketAddr, query: &[u8], until: Instant) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, left(until)?)?;
    let mut message = (query.len() as u16).to_be_bytes().to_vec();
    message.extend(query);
    stream.set_write_timeout(Some(left(until)?))?;
    stream.write_all(&message)?;
    let mut fill = |buffer: &mut [u8]| -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            stream.set_read_timeout(Some(left(until)?))?;
            match stream.read(&mut buffer[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(amount) => filled += amount,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    let mut length = [0; 2];
    fill(&mut length)?;
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    fill(&mut answer)?;
    Ok(answer)
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
        false => Ok(left),
    }
}

/// What an answer says, or why the next server has to be asked.
fn parse(answer: &[u8], query: &[u8], kind: u16) -> Result<Answer, &'static str> {
    const BROKEN: &str = "gave a broken answer";
    let mut message = Message { bytes: answer, at: 0 };
    let header = message.take(12).ok_or(BROKEN)?;
    match header[3] & 0x0F {
        0 => {}
        3 => return Ok(Answer::Nothing),
        2 => return Err("says that it failed (SERVFAIL)"),
        5 => return Err("refuses to answer (REFUSED)"),
        _ => return Err("says that it cannot answer"),
    }
    let answers = u16::from_be_bytes([header[6], header[7]]);
    message.take(query.len() - 12).ok_or(BROKEN)?;
    let mut wanted = Message { bytes: query, at: 12 }.name().ok_or(BROKEN)?;
    let mut addresses = Vec::new();
    let mut aliases = Vec::new();
    for _ in 0..answers {
        let owner = message.name().ok_or(BROKEN)?;
        let record = message.number().ok_or(BROKEN)?;
        let class = message.number().ok_or(BROKEN)?;
        message.take(4).ok_or(BROKEN)?;
        let length = usize::from(message.number().ok_or(BROKEN)?);
        let start = message.at;
        let data = message.take(length).ok_or(BROKEN)?;
        if class != CLASS_IN {
            continue;
        }
        if record == TYPE_CNAME {
            let target = Message { bytes: answer, at: start }.name().ok_or(BROKEN)?;
            aliases.push((owner, target));
        } else if record == kind {
            let address: IpAddr = match kind {
                TYPE_A => <[u8; 4]>::try_from(data).map_err(|_| BROKEN)?.into(),
                _ => <[u8; 16]>::try_from(data).map_err(|_| BROKEN)?.into(),
            };
            addresses.push((owner, address));
        }
    }
    // The aliases may come in any order, and an address counts only at the end of their chain.
    for _ in 0..=aliases.len() {
        let found: Vec<IpAddr> = addresses
            .iter()
            .filter(|(owner, _)| *owner == wanted)
            .map(|&(_, address)| address)
            .collect();
        if !found.is_empty() {
            return Ok(Answer::Addresses(found));
        }
        match aliases.iter().find(|(owner, _)| *owner == wanted) {
            Some((_, target)) => wanted.clone_from(target),
            None => break,
        }
    }
    Ok(if aliases.is_empty() { Answer::Nothing } else { Answer::Alias(wanted) })
}

/// The parsers of this file, which read what strangers and machines' owners write, for fuzz targets.
#[cfg(feature = "tool")]
pub mod parsers {
    use super::{Answer, Configuration, IpAddr, addresses_in, parse, query};

    /// Addresses, or the name to ask for instead.
    pub type Said = (Vec<IpAddr>, Option<String>);

    /// The addresses that an answer to the question for a name and a type has, or the alias it leads
    /// to. `None` for what is no name.
    ///
    /// # Errors
    /// Why the next server has to be asked.
    #[must_use]
    pub fn answer(
        name: &str,
        kind: u16,
        answer: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> Option<Result<Said, &'static str>> {
        let query = query(7, name, kind)?;
        let answer = answer(query.clone());
        Some(parse(&answer, &query, kind).map(|answer| match answer {
            Answer::Addresses(addresses) => (addresses, None),
            Answer::Alias(name) => (Vec::new(), Some(name)),
            Answer::Nothing => (Vec::new(), None),
        }))
    }

    /// The addresses that a text like `/etc/hosts` has for a name.
    #[must_use]
    pub fn hosts(text: &str, name: &str) -> Vec<IpAddr> {
        addresses_in(text, name)
    }

    /// The name servers of a text like `/etc/resolv.conf`, and what it has them asked for.
    #[must_use]
    pub fn configuration(text: &str, name: &str) -> (Vec<IpAddr>, Vec<String>) {
        let configuration = Configuration::parse(text);
        let candidates = configuration.candidates(name);
        (configuration.servers, candidates)
    }
}

/// A DNS message that is read from front to back.
struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Message<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A name in lower case, with its pointers followed (RFC 1035, 4.1.4).
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut at = self.at;
        let mut end = None;
        // Each pointer leads backwards, so that there are fewer of them than bytes.
        loop {
            let length = *self.bytes.get(at)?;
            match length {
                0 => break,
                1..=63 => {
                    let label = self.bytes.get(at + 1..at + 1 + usize::from(length))?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
                    at += 1 + usize::from(length);
                }
                0xC0.. => {
                    let low = *self.bytes.get(at + 1)?;
                    let target = usize::from(length & 0x3F) << 8 | usize::from(low);
                    end.get_or_insert(at + 2);
                    if target >= at {
                        return None;
                    }
                    at = target;
                }
                _ => return None,
            }
            if name.len() > 255 {
                return None;
            }
        }
        self.at = end.unwrap_or(at + 1);
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A record: owner, type, data.
    type Record = (&'static str, u16, Vec<u8>);

    fn wire_name(name: &str) -> Vec<u8> {
        let query = query(0, name, TYPE_A).unwrap();
        query[12..query.len() - 4].to_vec()
    }

    fn address(owner: &'static str, address: [u8; 4]) -> Record {
        (owner, TYPE_A, address.into())
    }

    fn alias(owner: &'static str, target: &str) -> Record {
        (owner, TYPE_CNAME, wire_name(target))
    }

    fn answered(query: &[u8], rcode: u8, is_cut: bool, records: &[Record]) -> Vec<u8> {
        let mut answer = query.to_vec();
        answer[2] = 0x81 | u8::from(is_cut) << 1;
        answer[3] = 0x80 | rcode;
        answer[7] = records.len() as u8;
        for (owner, kind, data) in records {
            // The question's own name is pointed at, as real servers do.
            match wire_name(owner) == query[12..query.len() - 4] {
                true => answer.extend([0xC0, 12]),
                false => answer.extend(wire_name(owner)),
            }
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 0, 60]);
            answer.extend((data.len() as u16).to_be_bytes());
            answer.extend(data);
        }
        answer
    }

    fn asked(query: &[u8]) -> (String, u16) {
        let mut message = Message { bytes: query, at: 12 };
        (message.name().unwrap(), message.number().unwrap())
    }

    /// A name server; it answers by UDP and, where asked so, by TCP.
    fn server(
        answer: impl Fn(&str, u16, &[u8], bool) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> u16 {
        let answer = std::sync::Arc::new(answer);
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let port = udp.local_addr().unwrap().port();
        let by_tcp = answer.clone();
        thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, peer)) = udp.recv_from(&mut query) {
                let (name, kind) = asked(&query[..length]);
                if let Some(answer) = answer(&name, kind, &query[..length], false) {
                    udp.send_to(&answer, peer).unwrap();
                }
            }
        });
        thread::spawn(move || {
            for mut stream in tcp.incoming().map(Result::unwrap) {
                let mut query = [0; 512];
                stream.read_exact(&mut query[..2]).unwrap();
                let length = usize::from(u16::from_be_bytes([query[0], query[1]]));
                stream.read_exact(&mut query[..length]).unwrap();
                let (name, kind) = asked(&query[..length]);
                let answer = by_tcp(&name, kind, &query[..length], true).unwrap();
                stream.write_all(&(answer.len() as u16).to_be_bytes()).unwrap();
                stream.write_all(&answer).unwrap();
            }
        });
        port
    }

    fn look_up(
        port: u16,
        hosts: &str,
        configuration: &str,
        name: &str,
    ) -> Result<Vec<String>, DnsError> {
        let folder = std::env::temp_dir().join(format!("dns-{port}-{}", fastrand::u64(..)));
        std::fs::create_dir(&folder).unwrap();
        let dns = Dns { hosts: folder.join("hosts"), configuration: folder.join("conf"), port };
        std::fs::write(&dns.hosts, hosts).unwrap();
        std::fs::write(&dns.configuration, configuration).unwrap();
        let found = dns.look_up(name, Instant::now() + Duration::from_secs(5));
        std::fs::remove_dir_all(folder).unwrap();
        found.map(|addresses| addresses.iter().map(IpAddr::to_string).collect())
    }

    fn only(records: Vec<Record>) -> u16 {
        server(move |name, kind, query, _| {
            let matching: Vec<Record> = records
                .iter()
                .filter(|(_, of, _)| *of == kind || *of == TYPE_CNAME)
                .cloned()
                .collect();
            let is_known = records.iter().any(|(owner, ..)| *owner == name);
            Some(answered(query, if is_known { 0 } else { 3 }, false, &matching))
        })
    }

    const HERE: &str = "nameserver 127.0.0.1";

    #[test]
    fn a_name_is_asked_for_and_its_aliases_are_followed() {
        let port = only(vec![
            alias("b.example", "C.example"),
            alias("a.example", "b.example"),
            address("c.example", [192, 0, 2, 7]),
            address("other.example", [192, 0, 2, 8]),
        ]);
        assert_eq!(look_up(port, "", HERE, "a.example").unwrap(), ["192.0.2.7"]);
        assert_eq!(look_up(port, "", HERE, "A.Example").unwrap(), ["192.0.2.7"]);
    }

    #[test]
    fn an_alias_told_alone_is_asked_for_again() {
        let port = server(|name, _, query, _| {
            let records = match name {
                "a.example" => vec![alias("a.example", "b.example")],
                "b.example" => vec![address("b.example", [192, 0, 2, 9])],
                _ => vec![alias("loop.example", "loop.example")],
            };
            Some(answered(query, 0, false, &records))
        });
        assert_eq!(look_up(port, "", HERE, "a.example").unwrap(), ["192.0.2.9"]);
        let circle = look_up(port, "", HERE, "loop.example").unwrap_err();
        assert!(matches!(circle, DnsError::NoAnswer(_)), "{circle}");
    }

    #[test]
    fn an_answer_that_is_cut_short_is_fetched_by_tcp() {
        let port = server(|_, kind, query, by_tcp| {
            let many: Vec<Record> =
                (0..200).map(|n| address("big.example", [10, 0, 0, n])).collect();
            let records = if by_tcp && kind == TYPE_A { many } else { Vec::new() };
            Some(answered(query, 0, !by_tcp, &records))
        });
        assert_eq!(look_up(port, "", HERE, "big.example").unwrap().len(), 200);
    }

    #[test]
    fn search_domains_and_ndots_say_which_names_are_tried() {
        let port = only(vec![
            address("db.internal.example", [10, 0, 0, 1]),
            address("a.b", [10, 0, 0, 2]),
        ]);
        let conf = "search nowhere.example internal.example\nnameserver 127.0.0.1";
        assert_eq!(look_up(port, "", conf, "db").unwrap(), ["10.0.0.1"]);
        assert_eq!(look_up(port, "", conf, "a.b").unwrap(), ["10.0.0.2"]);
        assert!(matches!(look_up(port, "", conf, "db."), Err(DnsError::NotFound(_))));
        let configuration = Configuration::parse("options ndots:2\nsearch x.y");
        assert_eq!(configuration.candidates("a.b"), ["a.b.x.y", "a.b"]);
        assert_eq!(configuration.candidates("a.b.c"), ["a.b.c", "a.b.c.x.y"]);
    }

    #[test]
    fn the_next_server_is_asked_when_one_fails_or_keeps_silent() {
        let port = server(|_, _, query, _| {
            Some(answered(query, 0, false, &[address("a.example", [192, 0, 2, 1])]))
        });
        // Nobody listens at the first address.
        let conf = "nameserver 127.0.0.77\nnameserver 127.0.0.1\noptions timeout:1";
        assert_eq!(look_up(port, "", conf, "a.example").unwrap(), ["192.0.2.1"]);
        let failing = server(|_, _, query, _| Some(answered(query, 2, false, &[])));
        let said = look_up(failing, "", HERE, "a.example").unwrap_err().to_string();
        assert!(said.contains("SERVFAIL"), "{said}");
        let silent = server(|_, _, _, _| None);
        let conf = "nameserver 127.0.0.1\noptions timeout:1 attempts:1";
        let said = look_up(silent, "", conf, "a.example").unwrap_err().to_string();
        assert!(said.contains("no answer in time"), "{said}");
    }

    #[test]
    fn hosts_and_localhost_need_no_server() {
        let hosts = "192.0.2.5 db DB.internal # the database\n::1 six\nbad line";
        assert_eq!(look_up(9, hosts, HERE, "db.internal").unwrap(), ["192.0.2.5"]);
        assert_eq!(look_up(9, hosts, HERE, "six").unwrap(), ["::1"]);
        assert_eq!(look_up(9, "", HERE, "localhost").unwrap(), ["127.0.0.1", "::1"]);
        assert_eq!(look_up(9, "", HERE, "192.0.2.1").unwrap(), ["192.0.2.1"]);
    }

    #[test]
    fn what_is_no_name_and_what_is_not_there_is_said() {
        let port = only(Vec::new());
        assert!(matches!(look_up(port, "", HERE, "a.example"), Err(DnsError::NotFound(_))));
        for name in ["a..b", &"x".repeat(64), &["abcdefgh"; 40].join(".")] {
            assert!(matches!(look_up(port, "", HERE, name), Err(DnsError::NotAName(_))), "{name}");
        }
    }

    #[test]
    fn resolv_conf_is_read_as_its_manual_says() {
        let configuration = Configuration::parse(
            "# comment\ndomain old.example\nsearch new.example. b.example ; more\n\
             nameserver fe80::1%eth0\nnameserver 10.0.0.2\nnameserver x\n\
             options timeout:2 attempts:9 rotate ndots:3\n",
        );
        assert_eq!(configuration.servers.len(), 2);
        assert_eq!(configuration.searches, ["new.example", "b.example"]);
        assert_eq!(configuration.timeout, Duration::from_secs(2));
        assert_eq!((configuration.attempts, configuration.ndots), (5, 3));
        assert_eq!(Configuration::parse("").servers, [IpAddr::from(Ipv4Addr::LOCALHOST)]);
    }

    #[test]
    fn no_answer_however_broken_does_harm() {
        let query = query(7, "a.example", TYPE_A).unwrap();
        let whole = answered(
            &query,
            0,
            false,
            &[alias("a.example", "b.example"), address("b.example", [1, 2, 3, 4])],
        );
        for end in 0..whole.len() {
            let _ = parse(&whole[..end], &query, TYPE_A);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x3F, 0x40, 0xC0, 0xFF] {
                let mut broken = whole.clone();
                broken[at] = value;
                let _ = parse(&broken, &query, TYPE_A);
            }
        }
    }
}
