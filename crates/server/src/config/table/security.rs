//! Authentication, super users and ACL checks.

use super::State::{NotYet, Refused, Supported};
use super::{Key, Kind, Place, ms};

const SASL: &str = "SASL comes in a later release; clients that ask for it are told it is not available";
const AUTH: &str = "enforced authentication comes in a later release; clients would be let in without it";

pub(super) const KEYS: &[Key] = rows! { Place::Property;
    "skipACL", Kind::YesNo, "no", "", Supported, "yes switches every ACL check off";
    "enableEagerACLCheck", Kind::Bool, "false", "3.6", Supported,
        "check ACLs before forwarding; a standalone server always checks at once";
    "DigestAuthenticationProvider.superDigest", Kind::Secret, "", "", Supported,
        "super user of the digest scheme, user:base64(hash)";
    "DigestAuthenticationProvider.digestAlg", Kind::OneOf(&["SHA1", "SHA-1", "SHA-256", "SHA-512"]), "SHA1", "3.7", Supported,
        "hash of the digest scheme";
    "DigestAuthenticationProvider.enabled", Kind::Bool, "true", "3.7", Supported, "whether the digest scheme exists";
    "IPAuthenticationProvider.usexforwardedfor", Kind::Bool, "false", "3.9.3", NotYet("it concerns the admin HTTP port, which comes in a later release"),
        "trust X-Forwarded-For for the client's address";
    "X509AuthenticationProvider.superUser", Kind::Text, "", "3.5.1", NotYet("TLS comes in a later release; nobody becomes super by certificate"),
        "super user by certificate";
    "SASLAuthenticationProvider.superPassword", Kind::Secret, "", "", NotYet(SASL), "password of the user super";
    "superUser", Kind::Text, "", "", NotYet(SASL), "SASL id that is super";
    "superUser.*", Kind::Text, "", "", NotYet(SASL), "further SASL ids that are super";
    "letAnySaslUserDoX", Kind::Text, "", "3.5", NotYet(SASL), "ACL id that every SASL user matches";
    "authProvider.*", Kind::Text, "", "", Refused("no scheme but world, auth, digest, ip and ensemble is available"),
        "class of an additional scheme";
    "ensembleAuthName", Kind::List, "", "3.6", Supported, "names accepted by the scheme ensemble";
    "enforce.auth.enabled", Kind::Bool, "false", "3.7", Refused(AUTH), "clients must authenticate";
    "enforce.auth.schemes", Kind::List, "", "3.7", Refused(AUTH), "schemes that satisfy enforce.auth.enabled";
    "sessionRequireClientSASLAuth", Kind::Bool, "false", "3.5.9", Refused(AUTH),
        "clients must authenticate with SASL";
    "allowSaslFailedClients", Kind::Bool, "false", "", NotYet(SASL), "keep a connection whose SASL exchange failed";
    "sasl.serverconfig", Kind::Text, "Server", "3.4.6", NotYet(SASL), "JAAS section of the server";
    "kerberos.removeHostFromPrincipal", Kind::Bool, "false", "", NotYet(SASL), "drop the host part of a principal";
    "kerberos.removeRealmFromPrincipal", Kind::Bool, "false", "", NotYet(SASL), "drop the realm of a principal";
    "kerberos.minReLoginTimeMs", ms(0), "60000", "3.5.10", NotYet(SASL), "least time between ticket renewals";
    "security.auth_to_local", Kind::Text, "DEFAULT", "", NotYet(SASL), "mapping of Kerberos principals to names";
    "requireKerberosConfig", Kind::Bool, "false", "", Refused(SASL), "a default realm must be configured";
    "fips-mode", Kind::Bool, "true", "3.8.2", NotYet("TLS comes in a later release"), "FIPS-conforming TLS checks";
    "ssl.*", Kind::Text, "", "3.5.1", Refused("TLS comes in a later release"), "TLS of the client port";
    "ssl.quorum.*", Kind::Text, "", "3.5.5", Refused("TLS between servers comes in a later release"),
        "TLS between servers";
};
