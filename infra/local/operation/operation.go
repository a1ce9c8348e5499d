// Package operation names what a request to one of AWS's services asks, from
// what its protocol says.
package operation

import (
	"net/http"
	"strings"
)

// Of names the service and the operation of a request.
func Of(r *http.Request) (service, action string) {
	target, operation, found := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !found {
		return "s3", object(r)
	}
	switch {
	case strings.HasPrefix(target, "DynamoDB"):
		return "dynamodb", operation
	case target == "AmazonSQS":
		return "sqs", operation
	case target == "TrentService":
		return "kms", operation
	case target == "AmazonSSM":
		return "ssm", operation
	}
	return strings.ToLower(target), operation
}

// object names the S3 operation of a request addressed by path.
func object(r *http.Request) string {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	if key == "" {
		switch {
		case r.Method == http.MethodGet && query.Has("versions"):
			return "ListObjectVersions"
		case r.Method == http.MethodGet:
			return "ListObjectsV2"
		case r.Method == http.MethodHead:
			return "HeadBucket"
		case r.Method == http.MethodPost && query.Has("delete"):
			return "DeleteObjects"
		}
		return r.Method + "Bucket"
	}
	for _, sub := range []struct{ query, name string }{
		{"retention", "ObjectRetention"}, {"legal-hold", "ObjectLegalHold"}, {"tagging", "ObjectTagging"}, {"attributes", "ObjectAttributes"},
	} {
		if query.Has(sub.query) {
			return strings.ToUpper(r.Method[:1]) + strings.ToLower(r.Method[1:]) + sub.name
		}
	}
	switch r.Method {
	case http.MethodPut:
		switch {
		case query.Has("uploadId"):
			return "UploadPart"
		case r.Header.Get("X-Amz-Copy-Source") != "":
			return "CopyObject"
		}
		return "PutObject"
	case http.MethodPost:
		if query.Has("uploads") {
			return "CreateMultipartUpload"
		}
		return "CompleteMultipartUpload"
	case http.MethodHead:
		return "HeadObject"
	case http.MethodDelete:
		if query.Has("uploadId") {
			return "AbortMultipartUpload"
		}
		return "DeleteObject"
	}
	if query.Has("uploadId") {
		return "ListParts"
	}
	return "GetObject"
}
