package table_test

import (
	"testing"

	"sportello/shared/platform/table"
	"sportello/shared/platform/table/tabletest"
)

func TestMemory(t *testing.T) {
	tabletest.Run(t, func(*testing.T) table.Table { return table.NewMemory() })
}
