package s3

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sportello/shared/platform/archive"
)

// Presign implements archive.Documents. Length, type, digest and condition are headers under the signature: another file,
// or the same address a second time, is refused by S3.
func (b *Bucket) Presign(ctx context.Context, key string, file archive.File) (archive.Upload, error) {
	// A request without body is signed: the length is set here, and the payload is covered by the digest.
	signed, err := b.presign.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, ContentLength: aws.Int64(file.Size), ContentType: &file.MediaType,
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(file.SHA256[:])), IfNoneMatch: aws.String("*"),
	}, s3.WithPresignExpires(uploadTime), signAllHeaders)
	if err != nil {
		return archive.Upload{}, fmt.Errorf("signing upload of %s: %w", key, err)
	}
	upload := archive.Upload{Method: signed.Method, URL: signed.URL, Headers: map[string]string{}, Expires: b.now().Add(uploadTime)}
	for name, values := range signed.SignedHeader {
		if !strings.EqualFold(name, "Host") {
			upload.Headers[http.CanonicalHeaderKey(name)] = strings.Join(values, ",")
		}
	}
	return upload, nil
}

// signAllHeaders keeps the SDK from moving headers into the query of the address, where a condition is not obeyed.
func signAllHeaders(o *s3.PresignOptions) {
	o.Presigner = v4.NewSigner(func(s *v4.SignerOptions) {
		s.DisableURIPathEscaping = true // S3's own rule for paths
		s.DisableHeaderHoisting = true
	})
}

// Link implements archive.Documents.
func (b *Bucket) Link(ctx context.Context, key, name string) (string, error) {
	signed, err := b.presign.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &b.name, Key: &key, ResponseContentDisposition: aws.String(disposition(name)),
		ResponseCacheControl: aws.String("private, no-store"),
	}, s3.WithPresignExpires(linkTime))
	if err != nil {
		return "", fmt.Errorf("signing link to %s: %w", key, err)
	}
	return signed.URL, nil
}

// disposition says that the file is saved under a name and never shown by the browser, whatever is in it: it was
// uploaded by a stranger. filename* carries the name (RFC 6266, RFC 8187), filename an ASCII likeness for old readers.
func disposition(name string) string {
	var ascii, encoded strings.Builder
	for _, r := range name {
		if r == unicode.ReplacementChar || unicode.IsControl(r) || r == '/' || r == '\\' {
			r = '_'
		}
		if r > unicode.MaxASCII || r == '"' || r == '%' {
			ascii.WriteByte('_')
		} else {
			ascii.WriteRune(r)
		}
		for _, c := range []byte(string(r)) {
			if isAttrChar(c) {
				encoded.WriteByte(c)
			} else {
				fmt.Fprintf(&encoded, "%%%02X", c)
			}
		}
	}
	if ascii.Len() == 0 {
		return "attachment"
	}
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, ascii.String(), encoded.String())
}

// isAttrChar is attr-char of RFC 8187, 3.2.1.
func isAttrChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0
}
