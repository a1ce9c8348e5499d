// Package signing verifies the signatures of a file: CAdES envelopes (ETSI EN 319 122-1) and PAdES signatures in a PDF (ETSI EN 319
// 142-1), in the order of ETSI EN 319 102-1: the bytes, the certificate that the signature names, what that certificate is for, the time
// that counts, the way to the trust list, the period, the issuer's status, revocation. What each finding means for people is
// domain/signature's.
//
// The time that counts is that of a signature timestamp (RFC 3161) of a service of the trust list; else the one that the caller names,
// the presentation. Both forms of the signing-certificate attribute will do; neither is a fault, in a PDF of the older PKCS #7 kind as
// well: EN 319 122-1 and EN 319 142-1 ask it of every baseline signature, and Italian law knows no other qualified ones.
//
// A verification holds one copy of the file. Digests, base64 and pieces of streamed envelopes are worked out in place.
package signing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"sportello/shared/domain/signature"
	"sportello/shared/platform/cms"
	"sportello/shared/platform/signing/trust"
)

// MaxSize is the largest file that is looked at.
const MaxSize = 30 << 20

// Fetcher asks a revocation service. Body nil is a GET, else a POST with the given content type. It keeps to a size limit and a timeout of
// its own, and goes to no address inside our own network. An answer other than 200 is an error.
type Fetcher func(ctx context.Context, url, contentType string, body []byte) ([]byte, error)

// Config is what a verifier needs.
type Config struct {
	List  func(context.Context) (*trust.List, error) // the trust list, already verified; an error makes signatures indeterminate
	Fetch Fetcher                                    // revocation; an error makes signatures indeterminate
	Now   func() time.Time
}

// Verifier checks signatures. It may be used by several goroutines.
type Verifier struct{ c Config }

// New makes a verifier.
func New(c Config) (*Verifier, error) {
	if c.List == nil || c.Fetch == nil || c.Now == nil {
		return nil, errors.New("making a signature verifier: List, Fetch and Now are required")
	}
	return &Verifier{c}, nil
}

// patience is how long the services of others are waited for, for one file: who presents it waits too, and their request ends at 29 s. What was
// not answered by then is not verifiable now.
const patience = 10 * time.Second

// Verify says what the signatures of a file are worth. At is the time that counts where no trusted timestamp proves an earlier one: the
// presentation. An error is a fault of reading; a bad file is a verdict.
func (v *Verifier) Verify(ctx context.Context, file io.ReaderAt, size int64, at time.Time) (signature.Report, error) {
	c := &check{v: v, now: v.c.Now().UTC(), at: at.UTC(), asked: map[[sha256.Size]byte]*found{}}
	c.report = signature.Report{Format: signature.None, CheckedAt: c.now, ReferenceTime: c.at, Size: size}
	if size > MaxSize {
		c.report.Code = signature.TooLarge
		c.report.Conclude()
		return c.report, nil
	}
	data := make([]byte, max(size, 0))
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, size), data); err != nil {
		return signature.Report{}, fmt.Errorf("reading signed file: %w", err)
	}
	sum := sha256.Sum256(data)
	c.report.SHA256 = hex.EncodeToString(sum[:])
	asking, end := context.WithTimeout(ctx, patience)
	defer end()
	c.file(asking, data)
	c.report.Conclude()
	return c.report, nil
}

// check is the verification of one file.
type check struct {
	v       *Verifier
	now, at time.Time
	report  signature.Report

	list     *trust.Index
	listed   bool           // the list was asked for
	listCode signature.Code // OK, or why there is no list

	brought []*cms.Message // of a PDF's own store: certificates and revocation that no single signature holds
	crls    [][]byte
	ocsps   [][]byte
	asked   map[[sha256.Size]byte]*found
	fetches int
	read    int // bytes of lists that came with the file
	stamps  int // timestamps of signatures
}

// trust asks for the list once, and only for a file that has a signature.
func (c *check) trust(ctx context.Context) signature.Code {
	if c.listed {
		return c.listCode
	}
	c.listed = true
	list, err := c.v.c.List(ctx)
	if err != nil || list == nil {
		c.listCode = signature.ListUnavailable
		return c.listCode
	}
	c.report.TrustList = &signature.List{Territory: list.Territory, Sequence: list.Sequence, IssuedAt: list.IssuedAt.UTC(), NextUpdate: list.NextUpdate.UTC()}
	c.listCode = signature.OK
	if !list.Fresh(c.now) {
		c.listCode = signature.ListExpired
	}
	c.list = list.Index()
	return c.listCode
}
