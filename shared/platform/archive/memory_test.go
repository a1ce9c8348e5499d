package archive_test

import (
	"context"
	"testing"

	"sportello/shared/platform/archive"
	"sportello/shared/platform/archive/archivetest"
)

func TestMemory(t *testing.T) {
	archivetest.RunStore(t, func(*testing.T) archive.Store { return archive.NewMemory() })
	archivetest.RunDocuments(t, func(*testing.T) (archive.Documents, archivetest.Browser) {
		m := archive.NewMemory()
		return m, func(_ context.Context, key string, upload archive.Upload, body []byte) error {
			return m.Upload(key, body, upload.Headers["Content-Type"])
		}
	})
}
