//! Addresses in settings, judged so that a password written into one is refused and never shown.

/// Whether it is `http://host:port` or `https://host:port`, nothing else but a last slash.
pub(super) fn is_address(url: &str) -> bool {
    split(url).is_some_and(|(_, path)| path.is_empty())
}

/// Whether it is such an address with a path or without.
pub(super) fn is_endpoint(url: &str) -> bool {
    split(url).is_some_and(|(_, path)| !path.contains(['?', '#', ' ', '@']))
}

/// The host with its port, and the path.
fn split(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // In brackets, colons belong to an IPv6 address.
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let right = !name.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok()) && !host.contains(['@', '?', '#', ' ']);
    right.then_some((host, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        for (url, address, endpoint) in [
            ("http://localhost", true, true),
            ("https://[::1]:8443/", true, true),
            ("https://[::1]", true, true),
            ("http://c:4318/v1/x", false, true),
            ("http://c:4318?x", false, false),
            ("http://u:p@c:4318", false, false),
            ("http://c/u@p", false, false),
            ("http://c:http", false, false),
            ("https://", false, false),
            ("c:8123", false, false),
            ("HTTP://c:8123", false, false),
            ("ftp://c:8123", false, false),
        ] {
            assert_eq!((is_address(url), is_endpoint(url)), (address, endpoint), "{url}");
        }
    }
}
