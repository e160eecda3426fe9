//! Addresses that no script reaches, whatever it declares: what serves the runtime itself.
//!
//! ```text
//! link-local addresses      credentials of containers, metadata of instances, the X-Ray daemon
//! the Runtime API           and those of extensions, logs and telemetry at the same address
//! AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_XRAY_DAEMON_ADDRESS
//! ```
//!
//! What counts is the address that a connection is opened to, so that no name, no spelling and no
//! answer of a name server leads around it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use once_cell::sync::OnceCell;

use super::dns::Dns;
use super::{Failure, Url};

/// The addresses that serve the runtime.
#[derive(Debug, Default)]
pub struct OutOfReach {
    /// `host:port`, which may be followed by a path.
    runtime_api: Option<String>,
    /// Made when a script first reaches for something.
    services: OnceCell<Vec<Service>>,
}

/// A service at a port of a host, which may be a name.
#[derive(Debug, PartialEq, Eq)]
struct Service {
    what: &'static str,
    host: String,
    port: u16,
}

const RUNTIME_API: &str = "the Runtime API";
const CREDENTIALS: &str = "the endpoint of the execution role's credentials";
const METADATA: &str = "the endpoint of the instance's metadata";
const TRACES: &str = "the X-Ray daemon";

impl OutOfReach {
    /// With the Runtime API at `host:port`, which may be followed by a path.
    #[must_use]
    pub fn with_runtime_api(runtime_api: &str) -> Self {
        Self { runtime_api: Some(runtime_api.to_owned()), services: OnceCell::new() }
    }

    /// Fails for an address that no script reaches; names of services are resolved until the deadline.
    ///
    /// # Errors
    /// `Policy.Refused`.
    pub fn check(&self, address: SocketAddr, deadline: Instant) -> Result<(), Failure> {
        if is_never_reached(address.ip()) {
            return Err(link_local(address.ip()));
        }
        self.check_service(address, deadline)
    }

    /// The same for the address of a proxy, which the function's owner chose: it may be link-local.
    ///
    /// # Errors
    /// `Policy.Refused`.
    pub fn check_service(&self, address: SocketAddr, deadline: Instant) -> Result<(), Failure> {
        for service in self.services().iter().filter(|service| service.port == address.port()) {
            let there = match service.host.parse() {
                Ok(ip) => vec![ip],
                Err(_) => match Dns::default().look_up(&service.host, deadline) {
                    Ok(found) => found,
                    // What cannot be told from the Runtime API is refused. The others may be at a port
                    // that everybody uses.
                    Err(_) if service.what == RUNTIME_API => return Err(service.refusal()),
                    Err(_) => Vec::new(),
                },
            };
            let is_same = |ip: IpAddr| there.iter().any(|&there| leads_to(ip, there));
            if readings(address.ip()).any(is_same) {
                return Err(service.refusal());
            }
        }
        Ok(())
    }

    /// Fails for a host that a proxy shall connect to, as far as it can be told from here: the proxy
    /// asks its own name servers.
    ///
    /// # Errors
    /// `Policy.Refused`.
    pub fn check_behind_proxy(&self, url: &Url, deadline: Instant) -> Result<(), Failure> {
        if let Some(ip) = address_of(&url.host) {
            return self.check(SocketAddr::new(ip, url.port), deadline);
        }
        let dns = Dns::default();
        let mut known = dns.known(&url.host);
        for service in self.services().iter().filter(|service| service.port == url.port) {
            if service.host.eq_ignore_ascii_case(&url.host) {
                return Err(service.refusal());
            }
            // Where no name server is, the proxy has to know better.
            known.extend(dns.look_up(&url.host, deadline).unwrap_or_default());
        }
        known.into_iter().try_for_each(|ip| self.check(SocketAddr::new(ip, url.port), deadline))
    }

    fn services(&self) -> &[Service] {
        self.services.get_or_init(|| {
            let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
            let mut services = Vec::new();
            services.extend(self.runtime_api.as_deref().and_then(|address| {
                let address = address.strip_prefix("http://").unwrap_or(address);
                at_url(RUNTIME_API, &format!("http://{address}"))
            }));
            for (what, name) in [
                (CREDENTIALS, "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
                (METADATA, "AWS_EC2_METADATA_SERVICE_ENDPOINT"),
            ] {
                services.extend(variable(name).and_then(|url| at_url(what, &url)));
            }
            // `host:port`, or one for each protocol: `tcp:host:port udp:host:port`.
            for address in variable("AWS_XRAY_DAEMON_ADDRESS").iter().flat_map(|it| it.split(' ')) {
                let address = address.trim_start_matches("tcp:").trim_start_matches("udp:");
                services.extend(at_url(TRACES, &format!("http://{address}")));
            }
            services
        })
    }
}

fn at_url(what: &'static str, url: &str) -> Option<Service> {
    let url = Url::parse(url).ok()?;
    Some(Service { what, host: url.host, port: url.port })
}

impl Service {
    fn refusal(&self) -> Failure {
        let message = format!("{} belongs to the runtime; no script may reach it", self.what);
        Failure::new("Policy.Refused", message)
    }
}

fn link_local(ip: IpAddr) -> Failure {
    let message = format!(
        "`{ip}` is a link-local address, where credentials and metadata are served; no script may \
         reach it"
    );
    Failure::new("Policy.Refused", message)
}

/// Whether an address is link-local, or one of AWS's own in its place (`fd00:ec2::/32`), in whatever
/// form.
#[must_use]
pub fn is_never_reached(ip: IpAddr) -> bool {
    readings(ip).any(|ip| match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => {
            let [first, second, ..] = ip.segments();
            first & 0xFFC0 == 0xFE80 || (first, second) == (0xFD00, 0x0EC2)
        }
    })
}

/// An address, and the IPv4 addresses that stand in it.
fn readings(ip: IpAddr) -> impl Iterator<Item = IpAddr> {
    let ip = ip.to_canonical();
    let mut readings = vec![ip];
    if let IpAddr::V6(ip) = ip {
        let [a, b, c, d, e, f, g, h] = ip.segments();
        let v4 = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        };
        // Loopback and the unspecified address are of IPv6 itself.
        let is_compatible = (a, b, c, d, e, f) == (0, 0, 0, 0, 0, 0) && (g, h) > (0, 1);
        // Translated by NAT64 (RFC 6052, RFC 8215), and automatic tunnels within a site (RFC 5214).
        let is_translated = (a, b) == (0x64, 0xFF9B);
        let is_isatap = (e & 0xFDFF, f) == (0, 0x5EFE);
        if is_compatible || is_translated || is_isatap {
            readings.push(v4(g, h));
        }
        if is_translated {
            // With a prefix of 48 bits, eight bits that are zero stand between.
            readings.push(v4(d, (e << 8) | (f >> 8)));
        }
        match (a, b) {
            // 6to4 (RFC 3056), and Teredo (RFC 4380), which has the client's turned round.
            (0x2002, _) => readings.push(v4(b, c)),
            (0x2001, 0) => readings.extend([v4(c, d), v4(!g, !h)]),
            _ => {}
        }
    }
    readings.into_iter()
}

/// Whether a connection to `ip` arrives at `there`, at the same port: as all addresses of this machine
/// do where somebody listens on all of them.
fn leads_to(ip: IpAddr, there: IpAddr) -> bool {
    let there = there.to_canonical();
    ip == there || (is_here(there) && is_here(ip))
}

/// Whether an address is one of this machine's own: a socket can be bound to it. Nothing is sent.
fn is_here(ip: IpAddr) -> bool {
    let is_nowhere = match ip {
        IpAddr::V4(ip) => ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip == Ipv6Addr::UNSPECIFIED,
    };
    ip.is_loopback() || is_nowhere || UdpSocket::bind((ip, 0)).is_ok()
}

/// The address that a host is, also in the forms that inet_aton(3) takes: one to four numbers, which
/// may be octal or hexadecimal, the last of which fills what is left.
#[must_use]
pub fn address_of(host: &str) -> Option<IpAddr> {
    if let Ok(ip) = host.parse() {
        return Some(ip);
    }
    let number = |part: &str| -> Option<u32> {
        let lower = part.to_ascii_lowercase();
        let (digits, radix) = match lower.strip_prefix("0x") {
            Some("") => return Some(0),
            Some(digits) => (digits, 16),
            None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
            None => (&*lower, 10),
        };
        // A sign is no digit.
        let digits = Some(digits).filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()));
        u32::from_str_radix(digits?, radix).ok()
    };
    let parts: Vec<&str> = host.split('.').collect();
    let (last, first) = parts.split_last().filter(|(_, first)| first.len() < 4)?;
    let mut address = 0u32;
    for (index, part) in first.iter().enumerate() {
        let byte = number(part).filter(|&byte| byte < 256)?;
        address |= byte << (24 - 8 * index);
    }
    let rest = number(last)?;
    let room = u64::from(u32::MAX) >> (8 * first.len());
    (u64::from(rest) <= room).then(|| IpAddr::V4(Ipv4Addr::from(address | rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + std::time::Duration::from_millis(200)
    }

    fn refuses(api: &str, address: &str) -> bool {
        let out_of_reach = OutOfReach::with_runtime_api(api);
        out_of_reach.check(address.parse().unwrap(), soon()).is_err()
    }

    #[test]
    fn link_local_addresses_are_out_of_reach_in_every_form() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.0.1",
            "169.254.255.255",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.170.2",
            "64:ff9b:1:a9fe:a9:fe00::",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::1",
            "2001::5601:5601",
            "2001:db8::5efe:169.254.169.254",
            "2001:db8::200:5efe:169.254.169.254",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
        ] {
            assert!(is_never_reached(address.parse().unwrap()), "{address}");
        }
        for address in [
            "169.253.1.1",
            "170.254.1.1",
            "127.0.0.1",
            "0.0.0.0",
            "10.0.0.1",
            "::1",
            "::",
            "fec0::1",
            "fd00:ec3::1",
            "2002:a00:1::",
            "64:ff9b::8.8.8.8",
            "2606:4700::1111",
        ] {
            assert!(!is_never_reached(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn the_runtime_api_is_out_of_reach_by_name_and_by_all_addresses_of_this_machine() {
        for (api, address) in [
            ("127.0.0.1:9001", "127.0.0.1:9001"),
            ("127.0.0.1:9001", "127.9.9.9:9001"),
            ("127.0.0.1:9001", "0.0.0.0:9001"),
            ("127.0.0.1:9001", "0.1.2.3:9001"),
            ("127.0.0.1:9001", "[::1]:9001"),
            ("127.0.0.1:9001", "[::]:9001"),
            ("127.0.0.1:9001", "[::ffff:127.0.0.1]:9001"),
            ("127.0.0.1:9001", "[::ffff:0.0.0.0]:9001"),
            ("127.0.0.1:9001", "[64:ff9b::127.0.0.1]:9001"),
            ("127.0.0.1:9001", "[2002:7f00:1::]:9001"),
            ("http://127.0.0.1:9001/a/path", "127.0.0.1:9001"),
            ("[::1]:9001", "127.0.0.1:9001"),
            ("0.0.0.0:9001", "127.0.0.1:9001"),
            ("localhost:9001", "127.0.0.1:9001"),
            ("LocalHost:9001", "127.0.0.1:9001"),
            ("api.localhost.:9001", "127.0.0.1:9001"),
            ("127.0.0.1", "127.0.0.1:80"),
            ("198.51.100.7:9001", "198.51.100.7:9001"),
            ("198.51.100.7:9001", "[64:ff9b::198.51.100.7]:9001"),
            // What cannot be resolved could be anywhere.
            ("no.such.name.invalid:9001", "198.51.100.7:9001"),
        ] {
            assert!(refuses(api, address), "{api} {address}");
        }
        for (api, address) in [
            ("127.0.0.1:9001", "127.0.0.1:9002"),
            ("127.0.0.1:9001", "198.51.100.7:9001"),
            ("198.51.100.7:9001", "127.0.0.1:9001"),
            ("198.51.100.7:9001", "198.51.100.8:9001"),
            ("no.such.name.invalid:9001", "127.0.0.1:9002"),
        ] {
            assert!(!refuses(api, address), "{api} {address}");
        }
    }

    #[test]
    fn the_machines_other_addresses_lead_to_what_listens_on_all_of_them() {
        // The address that this machine would use; connecting a datagram socket sends nothing.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("198.51.100.7:9").is_err() {
            return;
        }
        let own = SocketAddr::new(socket.local_addr().unwrap().ip(), 9001);
        assert!(refuses("127.0.0.1:9001", &own.to_string()), "{own}");
        assert!(!refuses("127.0.0.1:9002", &own.to_string()), "{own}");
    }

    #[test]
    fn hosts_are_read_as_a_proxy_might() {
        let loopback = Some("127.0.0.1".parse().unwrap());
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7F.1",
            "0177.0.0.01",
            "017700000001",
            "0x7f.0x0.0x0.0x1",
        ] {
            assert_eq!(address_of(host), loopback, "{host}");
        }
        for host in [
            "a.example",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.1.1.256",
            "4294967296",
            "",
            "1..2",
            "+1",
            "08",
        ] {
            assert_eq!(address_of(host), None, "{host}");
        }
    }

    #[test]
    fn behind_a_proxy_what_can_be_told_from_here_is_refused() {
        let out_of_reach = OutOfReach::with_runtime_api("api.test.invalid:9001");
        let refused =
            |url: &str| out_of_reach.check_behind_proxy(&Url::parse(url).unwrap(), soon()).is_err();
        assert!(refused("http://API.test.invalid.:9001/"));
        assert!(refused("http://0xa9fea9fe/latest/meta-data"));
        assert!(refused("http://169.254.43518/"));
        assert!(!refused("http://elsewhere.invalid/"));
        let here = OutOfReach::with_runtime_api("127.0.0.1:9001");
        let refused =
            |url: &str| here.check_behind_proxy(&Url::parse(url).unwrap(), soon()).is_err();
        assert!(refused("http://localhost:9001/"));
        assert!(refused("http://2130706433:9001/"));
        assert!(!refused("http://localhost:9002/"));
    }
}
