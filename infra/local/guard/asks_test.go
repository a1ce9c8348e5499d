package guard

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"sportello/infra/local/operation"
)

// TestObjectActions: what S3 asks IAM about, beside what its name says.
func TestObjectActions(t *testing.T) {
	for _, c := range []struct{ method, path, header, want string }{
		{"GET", "/b/k", "", "s3:GetObject b/k"},
		{"HEAD", "/b/k", "", "s3:GetObject b/k"},
		{"GET", "/b/k?versionId=1", "", "s3:GetObjectVersion b/k"},
		{"GET", "/b/k?retention", "", "s3:GetObjectRetention b/k"},
		{"GET", "/b?list-type=2&prefix=x", "", "s3:ListBucket b"},
		{"GET", "/b/?versions", "", "s3:ListBucketVersions b"},
		{"PUT", "/b/k", "", "s3:PutObject b/k"},
		{"PUT", "/b/k?partNumber=1&uploadId=x", "", "s3:PutObject b/k"},
		{"PUT", "/b/k", "X-Amz-Object-Lock-Mode: GOVERNANCE", "s3:PutObject b/k, s3:PutObjectRetention b/k"},
		{"PUT", "/b/k", "X-Amz-Object-Lock-Legal-Hold: ON", "s3:PutObject b/k, s3:PutObjectLegalHold b/k"},
		{"PUT", "/b/k", "X-Amz-Tagging: a=b", "s3:PutObject b/k, s3:PutObjectTagging b/k"},
		{"PUT", "/b/k", "If-Match: x", "s3:PutObject b/k, s3:GetObject b/k"},
		{"PUT", "/b/k", "X-Amz-Copy-Source: /a/p%20q?versionId=1", "s3:GetObjectVersion a/p q, s3:PutObject b/k"},
		{"DELETE", "/b/k", "", "s3:DeleteObject b/k"},
		{"DELETE", "/b/k?versionId=1", "X-Amz-Bypass-Governance-Retention: true", "s3:DeleteObjectVersion b/k, s3:BypassGovernanceRetention b/k"},
		{"DELETE", "/b/k?uploadId=x", "", "s3:AbortMultipartUpload b/k"},
		{"POST", "/b?delete", "", "unknown"},
		{"PUT", "/b", "", "unknown"},
		{"PUT", "/b/k?tagging", "", "unknown"},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		if name, value, ok := strings.Cut(c.header, ": "); ok {
			r.Header.Set(name, value)
		}
		_, name := operation.Of(r)
		asks, err := objectAsks(name, r)
		var got []string
		for _, a := range asks {
			got = append(got, a.action+" "+strings.TrimPrefix(a.resource, "arn:aws:s3:::"))
		}
		if err != nil {
			got = []string{"unknown"}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s %s %s: got %q, want %s", c.method, c.path, c.header, got, c.want)
		}
	}
}

// TestObjectContext: only what makes an object has its condition.
func TestObjectContext(t *testing.T) {
	for path, want := range map[string]string{"/b/k": "true", "/b/k?partNumber=1&uploadId=x": "false"} {
		r := httptest.NewRequest("PUT", path, nil)
		r.Header.Set("If-None-Match", "*")
		_, name := operation.Of(r)
		asks, err := objectAsks(name, r)
		if err != nil || !slices.Equal(asks[0].context["s3:objectcreationoperation"], []string{want}) || (asks[0].context["s3:if-none-match"] != nil) != (want == "true") {
			t.Errorf("%s: %v, %v", path, asks, err)
		}
	}
}
