package s3_test

import (
	"context"
	"crypto/sha256"
	"mime"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"sportello/shared/platform/archive"
	"sportello/shared/platform/archive/s3"
)

func digest(body []byte) [32]byte { return sha256.Sum256(body) }

func bucket(endpoint string) *s3.Bucket {
	config := aws.Config{Region: "eu-south-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")}
	if endpoint != "" {
		config.BaseEndpoint = &endpoint
	}
	return s3.New(s3.NewClient(config), "documents", time.Now)
}

// The bucket is in the host in the cloud, and in the path where the endpoint is an emulator's.
func TestAddress(t *testing.T) {
	for endpoint, want := range map[string]string{
		"":                      "https://documents.s3.eu-south-1.amazonaws.com/uploads/1/a%20b",
		"http://127.0.0.1:8102": "http://127.0.0.1:8102/documents/uploads/1/a%20b",
	} {
		upload, err := bucket(endpoint).Presign(context.Background(), "uploads/1/a b", archive.File{Size: 3, MediaType: "text/plain"})
		if err != nil {
			t.Fatal(err)
		}
		if got, _, _ := strings.Cut(upload.URL, "?"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		signed, err := url.Parse(upload.URL)
		if err != nil {
			t.Fatal(err)
		}
		headers := signed.Query().Get("X-Amz-SignedHeaders")
		for _, name := range []string{"content-length", "content-type", "host", "if-none-match", "x-amz-checksum-sha256"} {
			if !strings.Contains(";"+headers+";", ";"+name+";") {
				t.Errorf("%s is not signed: %s", name, headers)
			}
		}
	}
}

// A name of any kind stays one name: it adds no parameter, no line, and is read back as it is.
func FuzzDisposition(f *testing.F) {
	for _, name := range []string{
		"ricevuta.pdf", "è «x».pdf", `a"b.pdf`, "a\r\nSet-Cookie: x=1", "a/../b", `a\b`, "", "100%.pdf", "'; filename=x", "\xff", "…",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		link, err := bucket("").Link(context.Background(), "documents/1/a", name)
		if err != nil {
			t.Fatal(err)
		}
		address, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		written := address.Query().Get("response-content-disposition")
		if strings.ContainsAny(written, "\r\n\x00") || !strings.HasPrefix(written, "attachment") {
			t.Fatalf("%q", written)
		}
		kind, parameters, err := mime.ParseMediaType(written)
		if err != nil || kind != "attachment" || len(parameters) > 1 {
			t.Fatalf("%q: %q %v %v", written, kind, parameters, err)
		}
		if got := parameters["filename"]; len(name) > 0 && utf8.ValidString(name) && utf8.RuneCountInString(got) != utf8.RuneCountInString(name) {
			t.Errorf("%q came back as %q", name, got)
		}
	})
}
