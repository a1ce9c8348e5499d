package preservation

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"time"
)

// Summary tells what was written.
type Summary struct {
	SHA256 string // of the whole package, hex: what the preservation provider's receipt must name
	Size   int64
	Files  int
}

// file is one file of the package, with what must be known before its first byte is written.
type file struct {
	name string
	size uint64
	crc  uint32
	open func() (io.ReadCloser, error)
	// digest is what the bytes must have, hex; "" for what was made here.
	digest string
}

// Write writes the package of a case to w. Every document is read and held to its digest before anything is written, and again while
// it is copied: after an error w holds no usable package and must be thrown away.
func Write(w io.Writer, c Case) (Summary, error) {
	if err := c.check(); err != nil {
		return Summary{}, err
	}
	c = c.ordered()
	files, err := c.files()
	if err != nil {
		return Summary{}, err
	}
	sum := sha256.New()
	counted := &counter{w: io.MultiWriter(w, sum)}
	archive := zip.NewWriter(counted)
	for _, f := range files {
		if err := f.write(archive, c.ClosedAt); err != nil {
			return Summary{}, err
		}
	}
	if err := archive.Close(); err != nil {
		return Summary{}, fmt.Errorf("closing package: %w", err)
	}
	return Summary{hex.EncodeToString(sum.Sum(nil)), counted.n, len(files)}, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// files lists the package in the order of the names, documents already held to their digests.
func (c Case) files() ([]file, error) {
	caseFile, err := c.caseMetadata()
	if err != nil {
		return nil, err
	}
	files := []file{made(caseName, caseFile)}
	var metadata [][]byte
	for n, d := range c.Documents {
		body, err := c.documentMetadata(n)
		if err != nil {
			return nil, err
		}
		metadata = append(metadata, body)
		kept, err := d.file(n)
		if err != nil {
			return nil, err
		}
		files = append(files, kept, made(metadataPath(n), body))
	}
	index, err := c.index(caseFile, metadata)
	if err != nil {
		return nil, err
	}
	files = append(files, made(indexName, index))
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

func made(name string, body []byte) file {
	return file{
		name: name, size: uint64(len(body)), crc: crc32.ChecksumIEEE(body),
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
}

// file reads the document once, for its check sum and to hold it to its digest.
func (d Document) file(n int) (file, error) {
	f := file{name: d.path(n), size: uint64(d.Size), open: d.Open, digest: d.SHA256}
	crc := crc32.NewIEEE()
	if err := f.copy(crc); err != nil {
		return file{}, fmt.Errorf("reading document %s: %w", d.ID, err)
	}
	f.crc = crc.Sum32()
	return f, nil
}

// copy copies the file's bytes and holds them to size and digest.
func (f file) copy(to io.Writer) (err error) {
	body, err := f.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	sum := sha256.New()
	// One byte more than there should be is enough to know.
	n, err := io.Copy(io.MultiWriter(to, sum), io.LimitReader(body, int64(f.size)+1))
	if err != nil {
		return err
	}
	if uint64(n) != f.size || (f.digest != "" && f.digest != hex.EncodeToString(sum.Sum(nil))) {
		return ErrMismatch
	}
	return nil
}

// write puts the file into the zip, stored: sizes and check sum stand before the bytes, so that readers which take the package as a stream
// can read it too.
func (f file) write(archive *zip.Writer, at time.Time) error {
	header := &zip.FileHeader{
		Name: f.name, Method: zip.Store, CRC32: f.crc, CompressedSize64: f.size, UncompressedSize64: f.size,
	}
	header.SetMode(0o644)
	at = at.UTC()
	//lint:ignore SA1019 CreateRaw writes these two fields and not Modified
	header.ModifiedDate = uint16((at.Year()-1980)<<9 | int(at.Month())<<5 | at.Day())
	//lint:ignore SA1019 as above
	header.ModifiedTime = uint16(at.Hour()<<11 | at.Minute()<<5 | at.Second()/2)
	to, err := archive.CreateRaw(header)
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.name, err)
	}
	if err := f.copy(to); err != nil {
		return fmt.Errorf("writing %s: %w", f.name, err)
	}
	return nil
}
