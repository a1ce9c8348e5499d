package store_test

import (
	"context"
	"testing"

	"sportello/infra/simulate/store"
	"sportello/shared/platform/archive"
	"sportello/shared/platform/archive/archivetest"
	"sportello/shared/platform/table"
	"sportello/shared/platform/table/tabletest"
)

func TestTable(t *testing.T) {
	tabletest.Run(t, func(*testing.T) table.Table { return store.NewTable() })
}

// An index that lags catches up: the suite waits for it.
func TestLaggingTable(t *testing.T) {
	tabletest.Run(t, func(*testing.T) table.Table {
		lagging, asked := store.NewTable(), 0
		lagging.Lag = func(waiting int) int {
			asked++
			return waiting * (asked % 2)
		}
		return lagging
	})
}

func TestRestore(t *testing.T) {
	ctx := context.Background()
	tt := store.NewTable()
	put := func(version int64, body string) {
		t.Helper()
		item := table.Item{Key: table.Key{PK: "P", SK: "1"}, Version: version, Schema: 1, Body: []byte(body)}
		if err := tt.Commit(ctx, table.Put(item)); err != nil {
			t.Fatal(err)
		}
	}
	put(0, `1`)
	then := tt.Snapshot()
	put(1, `2`)
	tt.Restore(then)
	if got := tt.Peek(table.Key{PK: "P", SK: "1"}); got.Version != 1 || string(got.Body) != "1" {
		t.Errorf("restored to %+v", got)
	}
	put(1, `3`)
	tt.Restore(then)
	if got := tt.Peek(table.Key{PK: "P", SK: "1"}); string(got.Body) != "1" {
		t.Errorf("the snapshot changed: %+v", got)
	}
}

func TestArchive(t *testing.T) {
	archivetest.RunStore(t, func(*testing.T) archive.Store { return store.NewArchive() })
	archivetest.RunDocuments(t, func(*testing.T) (archive.Documents, archivetest.Browser) {
		a := store.NewArchive()
		return a, func(_ context.Context, key string, upload archive.Upload, body []byte) error {
			return a.Upload(key, body, upload.Headers["Content-Type"])
		}
	})
}
