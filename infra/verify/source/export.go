package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Export is a table written out: a file, or a folder of files, of JSON values one after the other. A value is an item with DynamoDB's typed
// attributes, alone, under "Item" (an export to S3) or in a list under "Items" (the answer of a scan); or {"pk","sk","b"} as plain
// texts. Files may be gzipped.
type Export struct{ rows map[[2]string]Row }

// OpenExport reads an export into memory.
func OpenExport(path string) (*Export, error) {
	e := &Export{rows: map[[2]string]Row{}}
	err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return e.file(file)
	})
	if err != nil {
		return nil, fmt.Errorf("reading export %s: %w", filepath.Base(path), err)
	}
	return e, nil
}

func (e *Export) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return e.read(f)
}

// read takes in one file.
func (e *Export) read(from io.Reader) error {
	buffered := bufio.NewReader(from)
	var in io.Reader = buffered
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return err
		}
		in = unzipped
	}
	decoder := json.NewDecoder(in)
	for n := 1; ; n++ {
		var value struct {
			item
			Item  *item  `json:"Item"`
			Items []item `json:"Items"`
		}
		err := decoder.Decode(&value)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("value %d: %w", n, err)
		}
		items := value.Items
		switch {
		case value.Item != nil:
			items = append(items, *value.Item)
		case value.Items == nil:
			items = append(items, value.item)
		}
		for _, i := range items {
			if err := e.add(i); err != nil {
				return fmt.Errorf("value %d: %w", n, err)
			}
		}
	}
}

func (e *Export) add(i item) error {
	row := Row{string(i.PK), string(i.SK), string(i.Body)}
	if row.PK == "" || row.SK == "" {
		return errors.New("no key pk, sk")
	}
	key := [2]string{row.PK, row.SK}
	if _, twice := e.rows[key]; twice {
		return errors.New("a key occurs twice")
	}
	e.rows[key] = row
	return nil
}

// item is a row as it is written out.
type item struct {
	PK   text `json:"pk"`
	SK   text `json:"sk"`
	Body text `json:"b"`
}

// text is a string, plain or typed as DynamoDB does: {"S":"…"}.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(t))
	}
	var typed struct{ S *string }
	if err := json.Unmarshal(data, &typed); err != nil || typed.S == nil {
		return errors.New("attribute is no text")
	}
	*t = text(*typed.S)
	return nil
}

// Get implements Rows.
func (e *Export) Get(_ context.Context, pk, sk string) (Row, error) {
	row, ok := e.rows[[2]string{pk, sk}]
	if !ok {
		return Row{}, ErrNotFound
	}
	return row, nil
}

// Scan implements Rows.
func (e *Export) Scan(_ context.Context, visit func(Row) error) error {
	for _, row := range e.rows {
		if err := visit(row); err != nil {
			return err
		}
	}
	return nil
}

var _ Rows = (*Export)(nil)
