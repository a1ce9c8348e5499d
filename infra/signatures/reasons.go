package main

import (
	"slices"
	"strings"
)

// reason is why a tool and we may come to different ends: known by what we found and what the tool said, never by a single file.
type reason struct {
	cause string
	tool  string
	ours  []string // our codes
	says  string   // the tool's verdict
	words string   // something that must be in the tool's own words; "" is anything
	text  string
}

var reasons = []reason{
	{"trust-list", OpenSSL, []string{"issuer-withdrawn"}, valid, "",
		"The tools are given the authorities as roots and read no trust list: a service that was withdrawn is an issuer like another to them. Reg. (EU) " +
			"910/2014 art. 32 wants the issuer qualified when the signature was made, and the list alone tells."},
	{"trust-list", PyHanko, []string{"issuer-withdrawn"}, valid, "", "The same as for OpenSSL."},
	{"the-document-itself", OpenSSL, []string{"program", "pdf-javascript", "bomb"}, valid, "",
		"The signature does hold. What is refused is the document, by its own bytes, before its signature is asked for: not the tools' matter."},
	{"the-document-itself", PyHanko, []string{"program", "pdf-javascript", "bomb"}, valid, "", "The same as for OpenSSL."},
	{"sha-1", OpenSSL, []string{"sha1"}, valid, "",
		"OpenSSL 3 takes SHA-1 in signatures at its default security level; ETSI TS 119 312 has not allowed it for years, and pyHanko refuses it as we do."},
	{"revisions", OpenSSL, []string{"modified-after"}, valid, "",
		"OpenSSL is handed the bytes that the signature covers, and they are whole. That a later revision of the PDF shows something else is beyond them."},
	{"revoked-later", OpenSSL, []string{"ok"}, invalid, "certificate revoked",
		"A timestamp proves that the signature was there before the revocation. OpenSSL holds a certificate that stands on a revocation list revoked for all " +
			"time: it does not look at the date beside it."},
	{"certificate-attribute", PyHanko, []string{"no-signing-certificate"}, valid, "",
		"pyHanko checks the signing-certificate attribute where there is one and does not miss it. EN 319 122-1 and EN 319 142-1 ask it of every baseline " +
			"signature; OpenSSL, told -cades, refuses its absence as we do."},
}

// kin are the words by which a tool names what we have a code for. A code that is not here may be refused in any words: the file cannot be read.
var kin = map[string]map[string][]string{
	OpenSSL: {
		"altered": {"content verify error"}, "broken": {"verification failure"}, "detached": {"no content"}, "expired": {"certificate has expired"},
		"key-usage": {"unsuitable certificate purpose"}, "no-certificate": {"signer certificate not found"},
		"no-signing-certificate": {"missing signing certificate attribute"}, "wrong-signing-certificate": {"ess cert id not found"},
		"not-yet-valid": {"certificate is not yet valid"}, "revoked": {"certificate revoked"}, "suspended": {"certificate revoked"},
		"untrusted": {"self-signed certificate"},
	},
	PyHanko: {
		"altered": {"INVALID"}, "broken": {"INVALID"}, "detached": {"no content"}, "expired": {"OUT_OF_BOUNDS_NO_POE"},
		"key-usage": {"CHAIN_CONSTRAINTS_FAILURE"}, "no-certificate": {"NO_SIGNING_CERTIFICATE_FOUND"},
		"wrong-signing-certificate": {"Signing certificate attribute does not match"}, "not-yet-valid": {"CERTIFICATE_CHAIN_GENERAL_FAILURE"},
		"revoked": {"REVOKED"}, "suspended": {"REVOKED"}, "sha1": {"CRYPTO_CONSTRAINTS_FAILURE"}, "modified-after": {"ILLEGAL_MODIFICATIONS"},
		"untrusted": {"NO_CERTIFICATE_CHAIN_FOUND", "CHAIN_CONSTRAINTS_FAILURE"},
	},
}

// akin tells whether a tool that comes to our end comes to it for our reason.
func akin(tool string, ours, theirs opinion) bool {
	if ours.Verdict != invalid {
		return true
	}
	words, known := kin[tool][ours.Words]
	return !known || slices.ContainsFunc(words, func(w string) bool { return strings.Contains(theirs.Words, w) })
}

// causeOf finds the reason for a disagreement; "" where there is none.
func causeOf(tool string, ours, theirs opinion) string {
	for _, r := range reasons {
		if r.tool == tool && r.says == theirs.Verdict && slices.Contains(r.ours, ours.Words) && strings.Contains(theirs.Words, r.words) {
			return r.cause
		}
	}
	return ""
}
