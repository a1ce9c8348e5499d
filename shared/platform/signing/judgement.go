package signing

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"sportello/shared/domain/signature"
	"sportello/shared/platform/cms"
	"sportello/shared/platform/signing/trust"
)

// judgement is the verification of one signature.
type judgement struct {
	*check
	message *cms.Message
	info    *cms.SignerInfo
	digest  func(crypto.Hash) []byte // of what is signed
	proofs  []time.Time              // when trusted timestamps outside the signature saw it
	pending signature.Code           // why one of those cannot be judged now; empty if all can
	result  signature.Signer
}

// identify fills in who says to have signed, and returns the certificate.
func (j *judgement) identify() *x509.Certificate {
	j.result.Algorithm = j.info.Algorithm()
	if at := j.info.SigningTime(); !at.IsZero() {
		j.result.SignedAt = &at
	}
	certificate := j.message.Certificate(j.info)
	for _, other := range j.brought {
		if certificate == nil {
			certificate = other.Certificate(j.info)
		}
	}
	if certificate != nil {
		describe(&j.result, certificate)
		j.result.Device = device(certificate)
	}
	return certificate
}

func (j *judgement) judge(ctx context.Context) {
	j.result.TimeThatCounts = j.at
	certificate := j.identify()
	if certificate == nil {
		j.result.Code = signature.NoCertificate
		if j.message.Unreadable > 0 {
			j.result.Code = signature.Algorithm // it may be there, with a key of a kind that is not read here
		}
		return
	}
	if code := j.bytes(certificate); code != signature.OK {
		j.result.Code = code
		return
	}
	if !signs(certificate) {
		j.result.Code = signature.KeyUsage
		return
	}
	if code := j.trust(ctx); code != signature.OK {
		j.result.Code = code // without the list not even the time that counts is known: a timestamp may prove an earlier one
		return
	}
	if code := j.time(ctx); code != signature.OK {
		j.result.Code = code
		return
	}
	j.result.Code = j.certificate(ctx, certificate)
}

// bytes checks what needs nobody else: digest, signature, the certificate that the signature names.
func (j *judgement) bytes(certificate *x509.Certificate) signature.Code {
	hash, err := j.info.Hash()
	if err == nil {
		err = j.info.Check(j.message.ContentType, j.digest(hash), certificate)
	}
	if err == nil {
		err = j.info.Binding(certificate)
	}
	return codeOf(err)
}

var codes = []struct {
	err  error
	code signature.Code
}{
	{cms.ErrSHA1, signature.SHA1}, {cms.ErrAlgorithm, signature.Algorithm}, {cms.ErrWeakKey, signature.WeakKey}, {cms.ErrAltered, signature.Altered},
	{cms.ErrInvalid, signature.Broken}, {cms.ErrNoBinding, signature.NoBinding}, {cms.ErrBinding, signature.WrongBinding},
}

func codeOf(err error) signature.Code {
	if err == nil {
		return signature.OK
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return signature.Malformed
}

// time finds the time that counts: the earliest that a trusted timestamp proves, if that is before the presentation.
func (j *judgement) time(ctx context.Context) signature.Code {
	if j.pending != "" {
		return j.pending
	}
	proofs := j.proofs
	for _, token := range j.info.UnsignedValues(cms.OIDTimestamp) {
		if j.stamps++; j.stamps > maxStamps {
			break
		}
		at, code := j.timestamp(ctx, token, digests(j.info.Signature))
		switch signature.VerdictOf(code) {
		case signature.Valid:
			proofs = append(proofs, at)
		case signature.Indeterminate:
			return code
		default:
			j.result.Notes = noted(j.result.Notes, "Una marca temporale della firma non è valida e non è stata considerata.")
		}
	}
	for _, at := range proofs {
		if j.result.TimestampedAt == nil || at.Before(*j.result.TimestampedAt) {
			j.result.TimestampedAt = &at
		}
	}
	if at := j.result.TimestampedAt; at != nil && at.Before(j.at) {
		j.result.TimeThatCounts = *at
	}
	return signature.OK
}

// maxStamps is how many timestamps of signatures are judged in one file.
const maxStamps = 64

// noted adds a note that is not there yet.
func noted(notes []string, one string) []string {
	if slices.Contains(notes, one) {
		return notes
	}
	return append(notes, one)
}

// certificate judges the signer's certificate at the time that counts.
func (j *judgement) certificate(ctx context.Context, certificate *x509.Certificate) signature.Code {
	at := j.result.TimeThatCounts
	path := chain(certificate, j.others(), j.list.Issuers, at)
	switch {
	case len(path) < 2 && foreign(certificate, j.report.TrustList.Territory):
		return signature.Foreign
	case len(path) < 2:
		return signature.Untrusted
	case at.Before(certificate.NotBefore):
		return signature.NotYetValid
	case at.After(certificate.NotAfter):
		return signature.Expired
	}
	service := granted(j.list, path[len(path)-1], at, (*trust.Service).IsIssuer)
	switch {
	case service == nil:
		return signature.Withdrawn
	case !qualified(certificate) || granted(j.list, path[len(path)-1], certificate.NotBefore, (*trust.Service).IsIssuer) == nil:
		return signature.NotQualified // Reg. (EU) 910/2014 art. 32 c.1 b: it was issued by a qualified provider
	}
	j.result.Qualified = true
	j.keep(j.message)
	code, a := j.unrevoked(ctx, path, at, service)
	j.result.Revocation = a.source
	if a.code == signature.Revoked || a.code == signature.Suspended {
		j.result.RevokedAt = &a.at
	}
	return code
}

// unrevoked asks about each certificate of a path but the last, which the trust list answers for.
func (c *check) unrevoked(ctx context.Context, path []*x509.Certificate, at time.Time, service *trust.Service) (signature.Code, answer) {
	var signer answer
	for i := range len(path) - 1 {
		a := c.revocation(ctx, question{of: path[i], issuer: path[i+1], at: at, now: c.now, keeps: service.KeepsExpired, clock: service.IsTimestamping()})
		if i == 0 {
			signer = a
		}
		switch {
		case a.code == signature.OK:
		case i > 0 && signature.VerdictOf(a.code) == signature.Invalid:
			return signature.IssuerRevoked, signer
		default:
			return a.code, signer
		}
	}
	return signature.OK, signer
}

// others are all certificates at hand to build a chain with.
func (j *judgement) others() []*x509.Certificate {
	all := j.message.Certificates
	for _, m := range j.brought {
		all = append(all[:len(all):len(all)], m.Certificates...)
	}
	return all
}

// timestamp checks a timestamp token (RFC 3161) over something whose digest is given.
func (c *check) timestamp(ctx context.Context, token []byte, digest func(crypto.Hash) []byte) (time.Time, signature.Code) {
	m, err := cms.ParseMessage(append([]byte(nil), token...))
	if err != nil || len(m.Signers) != 1 {
		return time.Time{}, signature.Malformed
	}
	stamp, err := cms.ParseTimestamp(m)
	if err != nil {
		return time.Time{}, codeOf(err)
	}
	if string(digest(stamp.Hash)) != string(stamp.Digest) {
		return time.Time{}, signature.Altered
	}
	maker := m.Certificate(m.Signers[0])
	if maker == nil {
		return time.Time{}, signature.NoCertificate
	}
	j := judgement{check: c, message: m, info: m.Signers[0], digest: digests(m.Content)}
	if code := j.bytes(maker); code != signature.OK {
		return time.Time{}, code
	}
	return stamp.At, j.stamper(ctx, maker, stamp.At)
}

// stamper judges who made a timestamp, at the time it says.
func (j *judgement) stamper(ctx context.Context, maker *x509.Certificate, at time.Time) signature.Code {
	if !stamps(maker) {
		return signature.KeyUsage
	}
	if code := j.trust(ctx); code != signature.OK {
		return code
	}
	path := chain(maker, j.others(), j.list.Timestamping, at)
	switch {
	case len(path) == 0:
		return signature.Untrusted
	case at.Before(maker.NotBefore) || at.After(j.now.Add(skew)):
		return signature.NotYetValid
	case at.After(maker.NotAfter):
		return signature.Expired
	}
	service := granted(j.list, path[len(path)-1], at, (*trust.Service).IsTimestamping)
	if service == nil {
		return signature.Withdrawn
	}
	j.keep(j.message)
	code, _ := j.unrevoked(ctx, path, at, service)
	return code
}
