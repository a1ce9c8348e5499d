//go:build emulator

package emulatortest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// S3 returns the configuration of a client of S3.
func S3(t testing.TB) aws.Config {
	t.Helper()
	if endpoint := os.Getenv("S3_ENDPOINT"); endpoint != "" {
		return config(endpoint)
	}
	binary := installed(t, "run make tools", ".local", "bin", "versitygw")
	return config(start(t, program{
		path: binary,
		args: func(port string) []string {
			return []string{
				"--port", "127.0.0.1:" + port, "--region", Region, "--quiet", "posix",
				"--versioning-dir", t.TempDir(), "--sidecar", t.TempDir(), t.TempDir(),
			}
		},
		env: func(string) []string { return []string{"ROOT_ACCESS_KEY=" + accessKey, "ROOT_SECRET_KEY=" + secretKey} },
	}))
}

// Bucket makes an empty bucket and returns its name; a locked one keeps versions and can hold objects under Object Lock.
func Bucket(t testing.TB, config aws.Config, locked bool) string {
	t.Helper()
	client := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	name := unique(t)
	_, err := client.CreateBucket(context.Background(), &s3.CreateBucketInput{
		Bucket: &name, ObjectLockEnabledForBucket: aws.Bool(locked),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(Region)},
	})
	if err != nil {
		t.Fatalf("creating bucket: %v", err)
	}
	return name
}

func random() string { return strings.ToLower(rand.Text()[:10]) }
