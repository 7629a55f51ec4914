//! The `ip` scheme: an address, or a network in CIDR form.
//!
//! //= java: IPAuthenticationProvider

/// The bits of an address and how many there are: 32 or 128.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Address {
    bits: u128,
    len: u32,
}

/// Dotted decimal with exactly four parts. Unlike [`std::net::Ipv4Addr`], leading zeros and a sign
/// are accepted, as the reference does.
fn parse_v4(text: &str) -> Option<Address> {
    let mut parts = text.split('.');
    let mut bits = 0;
    for _ in 0..4 {
        let part: i32 = parts.next()?.parse().ok()?;
        bits = bits << 8 | u128::from(u8::try_from(part).ok()?);
    }
    parts.next().is_none().then_some(Address { bits, len: 32 })
}

fn parse(text: &str) -> Option<Address> {
    if text.contains(':') {
        // A mapped address in mixed notation, like a zone, is not accepted by the reference.
        if text.contains('.') || text.contains('%') {
            return None;
        }
        let bits = u128::from(text.parse::<std::net::Ipv6Addr>().ok()?);
        return Some(Address { bits, len: 128 });
    }
    parse_v4(text)
}

/// An address and how many of its leading bits count.
fn parse_network(text: &str) -> Option<(Address, u32)> {
    let Some((address, bits)) = text.split_once('/') else {
        let address = parse(text)?;
        return Some((address, address.len));
    };
    let address = parse(address)?;
    let bits = u32::try_from(bits.parse::<i32>().ok()?).ok()?;
    (bits <= address.len).then_some((address, bits))
}

pub(super) fn is_valid(id: &str) -> bool {
    parse_network(id).is_some()
}

pub(super) fn matches(id: &str, listed: &str) -> bool {
    let Some((network, bits)) = parse_network(listed) else { return false };
    let Some(address) = parse(id) else { return false };
    // Shifting by the whole width leaves nothing to compare.
    let differs = (address.bits ^ network.bits).checked_shr(network.len - bits).unwrap_or(0);
    address.len == network.len && differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_match_by_their_leading_bits() {
        for (id, listed, result) in [
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.2.3", "10.1.0.0/16", true),
            ("10.1.2.3", "10.0.0.0/15", true),
            ("10.1.2.3", "10.2.0.0/15", false),
            ("10.1.2.3", "0.0.0.0/0", true),
            ("::1", "0:0:0:0:0:0:0:1", true),
            ("fe80::1", "fe80::/10", true),
            ("fec0::1", "fe80::/10", false),
            ("::1", "::/0", true),
            ("::1", "0.0.0.0/0", false),
            ("10.1.2.3", "::/0", false),
        ] {
            assert_eq!(matches(id, listed), result, "{id} {listed}");
        }
    }

    #[test]
    fn only_addresses_and_networks_are_valid() {
        for good in ["1.2.3.4", "1.2.3.4/0", "1.2.3.4/32", "::1", "::/128", "1:2:3:4:5:6:7:8"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.4/33",
            "::/129",
            "1.2.3.4/",
            "host",
            "1:::2",
            "256.1.1.1",
            "1.2.3.4/-1",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
