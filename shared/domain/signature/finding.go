package signature

// Code says what was found, for machines: it stays the same when the sentences are improved.
type Code string

// The codes. Their verdicts and sentences are in findings.
const (
	OK Code = "ok"

	Unsigned        Code = "unsigned"
	Detached        Code = "detached"
	TooDeep         Code = "too-deep"
	TooLarge        Code = "too-large"
	Malformed       Code = "malformed"
	Encrypted       Code = "encrypted"
	NoSigner        Code = "no-signer"
	Altered         Code = "altered"
	ModifiedAfter   Code = "modified-after"
	NotWhole        Code = "not-whole"
	Broken          Code = "broken"
	SHA1            Code = "sha1"
	Algorithm       Code = "algorithm"
	WeakKey         Code = "weak-key"
	NoCertificate   Code = "no-certificate"
	NoBinding       Code = "no-signing-certificate"
	WrongBinding    Code = "wrong-signing-certificate"
	KeyUsage        Code = "key-usage"
	NotQualified    Code = "not-qualified"
	Untrusted       Code = "untrusted"
	Withdrawn       Code = "issuer-withdrawn"
	NotYetValid     Code = "not-yet-valid"
	Expired         Code = "expired"
	Revoked         Code = "revoked"
	Suspended       Code = "suspended"
	IssuerRevoked   Code = "issuer-revoked"
	Unreachable     Code = "revocation-unavailable"
	StatusUnknown   Code = "revocation-unknown"
	StatusNotKept   Code = "revocation-not-kept"
	ListExpired     Code = "list-expired"
	ListUnavailable Code = "list-unavailable"
)
